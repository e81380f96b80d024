// SPDX-License-Identifier: BSD-3-Clause
/*
 * See virtio.h. Here: registers and the status machine (virtio 1.2, 2.1, 2.2,
 * 3.1); queues and doorbells are in virtio_queue.c.
 *
 * A driver goes through its steps in order: ACKNOWLEDGE, DRIVER, features,
 * FEATURES_OK, queues, DRIVER_OK. What comes out of order is ignored, and only
 * a reset leads back.
 */
#include "devices/virtio/virtio.h"

#include <assert.h>
#include <errno.h>

#include "base/fd.h"
#include "base/num.h"
#include "devices/virtio/virtio_queue.h"

#define CORE_FEATURES \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | \
	 VIRTIO_F_RING_PACKED)

static const struct virtio_transport_ops no_transport;

static uint8_t status(const struct virtio *v)
{
	return atomic_load(&v->status);
}

static void reset_registers(struct virtio *v)
{
	v->device_sel = 0;
	v->driver_sel = 0;
	v->accepted = 0;
	v->features = 0;
	v->queue_sel = 0;
	atomic_store(&v->config_vector, VIRTIO_NO_VECTOR);
	for (unsigned int i = 0; i < v->queues; i++)
		virtio_queue_defaults(&v->queue[i]);
}

void virtio_init(struct virtio *v, const struct virtio_ops *ops,
		 const struct virtio_host *host, unsigned int queues,
		 uint32_t config_size, uint64_t features)
{
	assert(queues <= VIRTIO_MAX_QUEUES);
	assert(ops->queue_size <= QUEUE_SIZE_MAX);
	v->ops = ops;
	v->id = host->id;
	v->mem = host->mem;
	v->loop = host->loop;
	v->log = host->log;
	v->transport = &no_transport;
	pthread_mutex_init(&v->config_lock, NULL);
	v->offered = features | CORE_FEATURES;
	if (ops->stop_queue)
		v->offered |= VIRTIO_F_RING_RESET;
	v->config_size = config_size;
	v->queues = queues;
	for (unsigned int i = 0; i < queues; i++) {
		v->queue[i].v = v;
		v->queue[i].number = i;
		v->queue[i].doorbell_fd = -1;
	}
	reset_registers(v);
}

void virtio_finish(struct virtio *v)
{
	assert(!v->started);
	for (unsigned int i = 0; i < v->queues; i++)
		fd_close(&v->queue[i].doorbell_fd);
	pthread_mutex_destroy(&v->config_lock);
}

void virtio_attach(struct virtio *v, const struct virtio_transport_ops *ops,
		   void *ctx)
{
	v->transport = ops;
	v->transport_ctx = ctx;
}

void virtio_destroy(struct virtio *v)
{
	if (!v)
		return;
	virtio_stop(v);
	v->ops->destroy(v);
}

/* ---- status ---- */

static bool features_ok(const struct virtio *v)
{
	if (v->accepted & ~v->offered || !(v->accepted & VIRTIO_F_VERSION_1))
		return false;
	return !v->ops->accepts || v->ops->accepts(v, v->accepted);
}

static void set_status(struct virtio *v, uint8_t bits)
{
	atomic_fetch_or(&v->status, bits);
}

static void driver_ok(struct virtio *v)
{
	int r;

	set_status(v, VIRTIO_S_DRIVER_OK);
	r = virtio_check_queues(v);
	if (r == 0)
		r = virtio_start(v);
	if (r == -EINVAL)
		virtio_fail(v, "its queues are not usable");
	else if (r < 0)
		virtio_fail(v, "it cannot be started");
}

/* Bits in their order; each needs the one before. Clearing bits is not
 * possible, bits that are not the driver's are not looked at. */
static void write_status(struct virtio *v, uint32_t value)
{
	uint8_t kept = status(v) & (uint8_t)~VIRTIO_S_NEEDS_RESET;

	if (value == 0) {
		virtio_reset(v);
		return;
	}
	if ((value & kept) != kept || status(v) & VIRTIO_S_FAILED)
		return;
	if (value & VIRTIO_S_FAILED) {
		set_status(v, VIRTIO_S_FAILED);
		virtio_stop(v);
		return;
	}
	if (status(v) & VIRTIO_S_NEEDS_RESET)
		return;
	value &= ~(uint32_t)kept;
	if (value & VIRTIO_S_ACKNOWLEDGE)
		set_status(v, VIRTIO_S_ACKNOWLEDGE);
	if (value & VIRTIO_S_DRIVER && status(v) & VIRTIO_S_ACKNOWLEDGE)
		set_status(v, VIRTIO_S_DRIVER);
	if (value & VIRTIO_S_FEATURES_OK && status(v) & VIRTIO_S_DRIVER &&
	    features_ok(v)) {
		v->features = v->accepted;
		set_status(v, VIRTIO_S_FEATURES_OK);
	}
	if (value & VIRTIO_S_DRIVER_OK && status(v) & VIRTIO_S_FEATURES_OK)
		driver_ok(v);
}

void virtio_reset(struct virtio *v)
{
	virtio_stop(v);
	if (v->ops->reset)
		v->ops->reset(v);
	reset_registers(v);
	atomic_store(&v->status, 0);
	if (v->transport->reset)
		v->transport->reset(v->transport_ctx);
}

bool virtio_broken(const struct virtio *v)
{
	return status(v) & (VIRTIO_S_NEEDS_RESET | VIRTIO_S_FAILED);
}

/* The line comes once per reset, and only a driver that got as far as its
 * queues can cause it; still it is limited, but by no lock of the device:
 * whoever sets the bit is alone. */
void virtio_fail(struct virtio *v, const char *why)
{
	uint8_t old = atomic_fetch_or(&v->status, VIRTIO_S_NEEDS_RESET);

	if (old & VIRTIO_S_NEEDS_RESET)
		return;
	log_guest(v->log, &v->fail_limit, "%s: stopped until its reset: %s",
		  v->id, why);
	if (old & VIRTIO_S_DRIVER_OK && v->transport->config_irq)
		v->transport->config_irq(v->transport_ctx);
}

/* Who reads a new field waits for its generation; who reads the new generation
 * first waits, at the field, for the end of the change. */
void virtio_config_begin(struct virtio *v)
{
	pthread_mutex_lock(&v->config_lock);
}

void virtio_config_end(struct virtio *v, bool tell)
{
	atomic_fetch_add(&v->generation, 1);
	pthread_mutex_unlock(&v->config_lock);
	if (tell && status(v) & VIRTIO_S_DRIVER_OK && v->transport->config_irq)
		v->transport->config_irq(v->transport_ctx);
}

void virtio_config_changed(struct virtio *v)
{
	virtio_config_begin(v);
	virtio_config_end(v, true);
}

/* ---- registers ---- */

static uint32_t half(uint64_t v, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(v >> (32 * sel)) : 0;
}

static void set_half(uint64_t *v, uint32_t sel, uint32_t value)
{
	uint64_t mask = (uint64_t)UINT32_MAX << (32 * sel);

	*v = (*v & ~mask) | (uint64_t)value << (32 * sel);
}

/* The queue that is selected, or NULL. */
static struct virtio_queue *selected(struct virtio *v)
{
	return v->queue_sel < v->queues ? &v->queue[v->queue_sel] : NULL;
}

static uint32_t read_queue(struct virtio *v, enum vreg reg)
{
	const struct virtio_queue *vq = selected(v);

	if (!vq)
		return reg == VREG_QUEUE_VECTOR ? VIRTIO_NO_VECTOR : 0;
	switch (reg) {
	case VREG_QUEUE_SIZE_MAX:
		return v->ops->queue_size;
	case VREG_QUEUE_SIZE:
		return vq->params.size;
	case VREG_QUEUE_ENABLE:
		return vq->enabled;
	case VREG_QUEUE_VECTOR:
		return atomic_load(&vq->vector);
	case VREG_QUEUE_NOTIFY_OFF:
		return vq->number;
	case VREG_QUEUE_DESC_LO:
	case VREG_QUEUE_DESC_HI:
		return half(vq->params.desc, reg - VREG_QUEUE_DESC_LO);
	case VREG_QUEUE_DRIVER_LO:
	case VREG_QUEUE_DRIVER_HI:
		return half(vq->params.driver, reg - VREG_QUEUE_DRIVER_LO);
	case VREG_QUEUE_DEVICE_LO:
	case VREG_QUEUE_DEVICE_HI:
		return half(vq->params.device, reg - VREG_QUEUE_DEVICE_LO);
	default:
		return 0; /* a ring reset is over before its write is */
	}
}

uint32_t virtio_read(struct virtio *v, enum vreg reg)
{
	switch (reg) {
	case VREG_DEVICE_TYPE:
		return v->ops->type;
	case VREG_DEVICE_FEATURES_SEL:
		return v->device_sel;
	case VREG_DEVICE_FEATURES:
		return half(v->offered, v->device_sel);
	case VREG_DRIVER_FEATURES_SEL:
		return v->driver_sel;
	case VREG_DRIVER_FEATURES:
		return half(v->accepted, v->driver_sel);
	case VREG_STATUS:
		return status(v);
	case VREG_CONFIG_GENERATION:
		return atomic_load(&v->generation);
	case VREG_NUM_QUEUES:
		return v->queues;
	case VREG_CONFIG_VECTOR:
		return atomic_load(&v->config_vector);
	case VREG_QUEUE_SEL:
		return v->queue_sel;
	default:
		return read_queue(v, reg);
	}
}

/* Features may be written between DRIVER and FEATURES_OK. */
static void write_features(struct virtio *v, uint32_t value)
{
	uint8_t now = status(v);

	if (now & VIRTIO_S_DRIVER && !(now & VIRTIO_S_FEATURES_OK) &&
	    !virtio_broken(v) && v->driver_sel < 2)
		set_half(&v->accepted, v->driver_sel, value);
}

/* A queue's parameters are fixed while it is enabled, and after DRIVER_OK; but
 * with RING_RESET a disabled queue may be set up at any time. */
static bool is_open(const struct virtio *v, const struct virtio_queue *vq)
{
	uint8_t now = status(v);

	if (!(now & VIRTIO_S_FEATURES_OK) || virtio_broken(v) || vq->enabled)
		return false;
	return !(now & VIRTIO_S_DRIVER_OK) ||
	       virtio_has(v, VIRTIO_F_RING_RESET);
}

static void write_params(struct virtio_queue *vq, enum vreg reg, uint32_t value)
{
	struct queue_params *p = &vq->params;

	switch (reg) {
	case VREG_QUEUE_SIZE:
		p->size = (uint16_t)min_u64(value, UINT16_MAX);
		break;
	case VREG_QUEUE_ENABLE:
		if (value == 1)
			virtio_queue_enable(vq);
		break;
	case VREG_QUEUE_DESC_LO:
	case VREG_QUEUE_DESC_HI:
		set_half(&p->desc, reg - VREG_QUEUE_DESC_LO, value);
		break;
	case VREG_QUEUE_DRIVER_LO:
	case VREG_QUEUE_DRIVER_HI:
		set_half(&p->driver, reg - VREG_QUEUE_DRIVER_LO, value);
		break;
	case VREG_QUEUE_DEVICE_LO:
	case VREG_QUEUE_DEVICE_HI:
		set_half(&p->device, reg - VREG_QUEUE_DEVICE_LO, value);
		break;
	default:
		break; /* read-only */
	}
}

static void write_queue(struct virtio *v, enum vreg reg, uint32_t value)
{
	struct virtio_queue *vq = selected(v);

	if (!vq)
		return;
	if (reg == VREG_QUEUE_VECTOR)
		atomic_store(&vq->vector, (uint16_t)value);
	else if (reg == VREG_QUEUE_RESET) {
		if (value == 1 && virtio_has(v, VIRTIO_F_RING_RESET))
			virtio_queue_reset(vq);
	} else if (is_open(v, vq))
		write_params(vq, reg, value);
}

void virtio_write(struct virtio *v, enum vreg reg, uint32_t value)
{
	switch (reg) {
	case VREG_DEVICE_FEATURES_SEL:
		v->device_sel = value;
		break;
	case VREG_DRIVER_FEATURES_SEL:
		v->driver_sel = value;
		break;
	case VREG_DRIVER_FEATURES:
		write_features(v, value);
		break;
	case VREG_STATUS:
		write_status(v, value);
		break;
	case VREG_CONFIG_VECTOR:
		atomic_store(&v->config_vector, (uint16_t)value);
		break;
	case VREG_QUEUE_SEL:
		v->queue_sel = value;
		break;
	case VREG_DEVICE_TYPE:
	case VREG_DEVICE_FEATURES:
	case VREG_CONFIG_GENERATION:
	case VREG_NUM_QUEUES:
		break; /* read-only */
	default:
		write_queue(v, reg, value);
		break;
	}
}

static bool in_config(const struct virtio *v, uint64_t off, unsigned int len)
{
	return (len == 1 || len == 2 || len == 4 || len == 8) &&
	       range_ok(off, len, v->config_size);
}

uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned int len)
{
	uint64_t mask = len < 8 ? (UINT64_C(1) << (8 * len)) - 1 : UINT64_MAX;
	uint64_t value;

	if (!v->ops->config_read || !in_config(v, off, len))
		return 0;
	pthread_mutex_lock(&v->config_lock);
	value = v->ops->config_read(v, (uint32_t)off, len);
	pthread_mutex_unlock(&v->config_lock);
	return value & mask;
}

void virtio_config_write(struct virtio *v, uint64_t off, unsigned int len,
			 uint64_t value)
{
	if (v->ops->config_write && in_config(v, off, len))
		v->ops->config_write(v, (uint32_t)off, len, value);
}
