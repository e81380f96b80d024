// SPDX-License-Identifier: BSD-3-Clause
/* See virtio_front.h. The offsets are those of virtio 1.2, 4.2.2, written down
 * a second time on purpose. */
#include "virtio_front.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "access.h"
#include "base/fd.h"
#include "base/num.h"
#include "devices/virtio/virtio_mmio.h"

#define BASE   UINT64_C(0xfeb00000)
#define NOTIFY 0x050
#define CONFIG 0x100

static const uint16_t offset[] = {
	[VREG_DEVICE_TYPE] = 0x008,
	[VREG_DEVICE_FEATURES_SEL] = 0x014,
	[VREG_DEVICE_FEATURES] = 0x010,
	[VREG_DRIVER_FEATURES_SEL] = 0x024,
	[VREG_DRIVER_FEATURES] = 0x020,
	[VREG_STATUS] = 0x070,
	[VREG_CONFIG_GENERATION] = 0x0fc,
	[VREG_QUEUE_SEL] = 0x030,
	[VREG_QUEUE_SIZE_MAX] = 0x034,
	[VREG_QUEUE_SIZE] = 0x038,
	[VREG_QUEUE_ENABLE] = 0x044,
	[VREG_QUEUE_RESET] = 0x0c0,
	[VREG_QUEUE_DESC_LO] = 0x080,
	[VREG_QUEUE_DESC_HI] = 0x084,
	[VREG_QUEUE_DRIVER_LO] = 0x090,
	[VREG_QUEUE_DRIVER_HI] = 0x094,
	[VREG_QUEUE_DEVICE_LO] = 0x0a0,
	[VREG_QUEUE_DEVICE_HI] = 0x0a4,
};

/* ---- the plain front end ---- */

static void queue_irq(void *ctx, unsigned int n)
{
	struct front *f = ctx;

	atomic_fetch_add(&f->queue_irqs, 1);
	sem_post(&f->irq);
}

static void config_irq(void *ctx)
{
	struct front *f = ctx;

	atomic_fetch_add(&f->config_irqs, 1);
	sem_post(&f->irq);
}

static int attach(struct front *f, unsigned int n, int fd)
{
	assert(n < VIRTIO_MAX_QUEUES);
	if (fd >= 0 && f->no_doorbells)
		return -ENOSPC;
	f->bells += (fd >= 0) - (f->bell[n] >= 0);
	f->bell[n] = fd;
	return 0;
}

static int doorbell(void *ctx, unsigned int n, int fd)
{
	return attach(ctx, n, fd);
}

static void reset(void *ctx)
{
	struct front *f = ctx;

	atomic_fetch_add(&f->resets, 1);
}

static const struct virtio_transport_ops plain_ops = {
	.queue_irq = queue_irq,
	.config_irq = config_irq,
	.doorbell = doorbell,
	.reset = reset,
};

/* ---- around the MMIO transport ---- */

static void edge(void *ctx, int level)
{
	if (level)
		queue_irq(ctx, 0);
}

static int mmio_doorbell(void *ctx, int fd, uint64_t addr, uint32_t len,
			 const uint64_t *match, bool on)
{
	struct front *f = ctx;

	assert(addr == BASE + NOTIFY && len == 4 && match);
	assert(*match < VIRTIO_MAX_QUEUES);
	if (!on)
		assert(f->bell[*match] == fd);
	return attach(f, (unsigned int)*match, on ? fd : -1);
}

void front_init(struct front *f, struct virtio *v, bool mmio)
{
	int r = 0;

	memset(f, 0, sizeof(*f));
	f->v = v;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		f->bell[i] = -1;
	pthread_mutex_init(&f->lock, NULL);
	sem_init(&f->irq, 0, 0);
	if (mmio)
		r = virtio_mmio_create(&f->mmio, v, BASE,
				       (struct irq){ edge, f },
				       (struct doorbell){ mmio_doorbell, f });
	else
		virtio_attach(v, &plain_ops, f);
	assert(r == 0);
	(void)r;
}

void front_finish(struct front *f)
{
	if (f->mmio)
		device_destroy(f->mmio);
	else
		virtio_destroy(f->v);
	assert(f->bells == 0);
	sem_destroy(&f->irq);
	pthread_mutex_destroy(&f->lock);
}

uint32_t front_get(struct front *f, enum vreg reg)
{
	uint32_t value;

	if (f->mmio) {
		assert(reg < ARRAY_SIZE(offset) && offset[reg]);
		return (uint32_t)dev_read(f->mmio, 0, offset[reg], 4);
	}
	pthread_mutex_lock(&f->lock);
	value = virtio_read(f->v, reg);
	pthread_mutex_unlock(&f->lock);
	return value;
}

void front_set(struct front *f, enum vreg reg, uint32_t value)
{
	if (f->mmio) {
		assert(reg < ARRAY_SIZE(offset) && offset[reg]);
		dev_write(f->mmio, 0, offset[reg], 4, value);
		return;
	}
	pthread_mutex_lock(&f->lock);
	virtio_write(f->v, reg, value);
	pthread_mutex_unlock(&f->lock);
}

uint64_t front_config(struct front *f, uint64_t off, unsigned int len)
{
	uint64_t value;

	if (f->mmio)
		return dev_read(f->mmio, 0, CONFIG + off, len);
	pthread_mutex_lock(&f->lock);
	value = virtio_config_read(f->v, off, len);
	pthread_mutex_unlock(&f->lock);
	return value;
}

void front_config_set(struct front *f, uint64_t off, unsigned int len,
		      uint64_t value)
{
	if (f->mmio) {
		dev_write(f->mmio, 0, CONFIG + off, len, value);
		return;
	}
	pthread_mutex_lock(&f->lock);
	virtio_config_write(f->v, off, len, value);
	pthread_mutex_unlock(&f->lock);
}

void front_notify(struct front *f, uint32_t queue)
{
	if (f->mmio) {
		dev_write(f->mmio, 0, NOTIFY, 4, queue);
		return;
	}
	pthread_mutex_lock(&f->lock);
	virtio_notify(f->v, queue);
	pthread_mutex_unlock(&f->lock);
}

void front_kick(struct front *f, uint32_t queue)
{
	if (queue < VIRTIO_MAX_QUEUES && f->bell[queue] >= 0)
		fd_event_signal(f->bell[queue]);
	else
		front_notify(f, queue);
}

/* ---- a driver's steps ---- */

static void write_features(struct front *f, uint64_t features)
{
	for (uint32_t i = 0; i < 2; i++) {
		front_set(f, VREG_DRIVER_FEATURES_SEL, i);
		front_set(f, VREG_DRIVER_FEATURES,
			  (uint32_t)(features >> (32 * i)));
	}
}

bool front_negotiate(struct front *f, uint64_t features)
{
	uint32_t s = VIRTIO_S_ACKNOWLEDGE;

	front_set(f, VREG_STATUS, 0);
	front_set(f, VREG_STATUS, s);
	s |= VIRTIO_S_DRIVER;
	front_set(f, VREG_STATUS, s);
	write_features(f, features | VIRTIO_F_VERSION_1);
	s |= VIRTIO_S_FEATURES_OK;
	front_set(f, VREG_STATUS, s);
	return front_get(f, VREG_STATUS) & VIRTIO_S_FEATURES_OK;
}

bool front_queue(struct front *f, unsigned int n, const struct queue_params *p)
{
	front_set(f, VREG_QUEUE_SEL, n);
	front_set(f, VREG_QUEUE_SIZE, p->size);
	front_set(f, VREG_QUEUE_DESC_LO, (uint32_t)p->desc);
	front_set(f, VREG_QUEUE_DESC_HI, (uint32_t)(p->desc >> 32));
	front_set(f, VREG_QUEUE_DRIVER_LO, (uint32_t)p->driver);
	front_set(f, VREG_QUEUE_DRIVER_HI, (uint32_t)(p->driver >> 32));
	front_set(f, VREG_QUEUE_DEVICE_LO, (uint32_t)p->device);
	front_set(f, VREG_QUEUE_DEVICE_HI, (uint32_t)(p->device >> 32));
	front_set(f, VREG_QUEUE_ENABLE, 1);
	return front_get(f, VREG_QUEUE_ENABLE) == 1;
}

void front_driver_ok(struct front *f)
{
	front_set(f, VREG_STATUS,
		  front_get(f, VREG_STATUS) | VIRTIO_S_DRIVER_OK);
}

struct queue_features front_ring_features(const struct front *f)
{
	return (struct queue_features){
		.packed = virtio_has(f->v, VIRTIO_F_RING_PACKED),
		.indirect = virtio_has(f->v, VIRTIO_F_INDIRECT_DESC),
		.event_idx = virtio_has(f->v, VIRTIO_F_EVENT_IDX),
		.in_order = virtio_has(f->v, VIRTIO_F_IN_ORDER),
	};
}

/* ---- waiting ---- */

static bool wait_ms(sem_t *sem, long ms)
{
	struct timespec t;
	int r;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	do {
		r = sem_timedwait(sem, &t);
	} while (r < 0 && errno == EINTR);
	return r == 0;
}

void front_wait(struct front *f)
{
	bool came = wait_ms(&f->irq, 20000);

	assert(came);
	(void)came;
}

bool front_irq_comes(struct front *f)
{
	return wait_ms(&f->irq, 50);
}

static void post(void *ctx, uint32_t events)
{
	sem_post(ctx);
}

/* Two rounds of the loop: an event that is ready before a timer fires is in
 * the same batch or an earlier one. */
void front_sync(struct front *f)
{
	for (int i = 0; i < 2; i++) {
		struct loop_source *timer;
		bool came;
		sem_t sem;
		int r;

		sem_init(&sem, 0, 0);
		r = loop_add_timer(&timer, f->v->loop, post, &sem);
		assert(r == 0);
		loop_arm(timer, 1);
		came = wait_ms(&sem, 20000);
		assert(came);
		loop_remove(timer);
		sem_destroy(&sem);
		(void)r;
		(void)came;
	}
}

/* ---- saved state ---- */

static int snapshot(struct front *f, struct snap *s)
{
	int r;

	if (f->mmio)
		return device_snapshot(f->mmio, s);
	pthread_mutex_lock(&f->lock);
	r = virtio_snapshot(f->v, s);
	pthread_mutex_unlock(&f->lock);
	return r;
}

uint8_t *front_save(struct front *f, size_t *len)
{
	struct snap *s = snap_create();
	const void *blob;
	uint8_t *out;
	int r;

	assert(s);
	r = snapshot(f, s);
	assert(r == 0);
	r = snap_finish(s, &blob, len);
	assert(r == 0);
	out = malloc(*len);
	assert(out);
	memcpy(out, blob, *len);
	snap_destroy(s);
	(void)r;
	return out;
}

int front_load(struct front *f, const void *blob, size_t len)
{
	struct snap *s;
	int r = snap_open(&s, blob, len, NULL);

	if (r < 0)
		return r;
	r = snapshot(f, s);
	if (r == 0)
		r = snap_finish(s, NULL, NULL);
	snap_destroy(s);
	return r;
}
