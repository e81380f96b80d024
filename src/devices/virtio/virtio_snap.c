// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio core's saved state: registers, queues, and the device type's node.
 * What is loaded is checked as a driver's writes would be; a snapshot is
 * outside input. Under the transport's lock.
 */
#include <stdio.h>

#include "devices/virtio/virtio_queue.h"

#define STATUS_KNOWN \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK | \
	 VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET | VIRTIO_S_FAILED)

/* Each step needs the one before. */
static bool status_ok(uint8_t s)
{
	if (s & ~STATUS_KNOWN)
		return false;
	if (s & VIRTIO_S_DRIVER && !(s & VIRTIO_S_ACKNOWLEDGE))
		return false;
	if (s & VIRTIO_S_FEATURES_OK && !(s & VIRTIO_S_DRIVER))
		return false;
	return !(s & VIRTIO_S_DRIVER_OK) || s & VIRTIO_S_FEATURES_OK;
}

static bool features_ok(const struct virtio *v, uint8_t s)
{
	if (!(s & VIRTIO_S_FEATURES_OK))
		return !v->features;
	if (v->features != v->accepted || v->features & ~v->offered ||
	    !virtio_has(v, VIRTIO_F_VERSION_1))
		return false;
	return !v->ops->accepts || v->ops->accepts(v, v->features);
}

/* Must be the same here as where it was saved. */
static void same_u32(struct snap *s, const char *name, uint32_t here)
{
	uint32_t v = here;

	snap_u32(s, name, &v);
	if (v != here)
		snap_reject(s, name, "differs from this device's");
}

static void snap_vector(struct snap *s, const char *name, _Atomic uint16_t *v)
{
	uint16_t now = atomic_load(v);

	snap_u16(s, name, &now);
	atomic_store(v, now);
}

static void registers(struct virtio *v, struct snap *s)
{
	uint8_t status = atomic_load(&v->status);
	uint32_t generation = atomic_load(&v->generation);

	same_u32(s, "type", v->ops->type);
	same_u32(s, "queues", v->queues);
	snap_u8(s, "status", &status);
	snap_u32(s, "generation", &generation);
	snap_u32(s, "device-sel", &v->device_sel);
	snap_u32(s, "driver-sel", &v->driver_sel);
	snap_u32(s, "queue-sel", &v->queue_sel);
	snap_u64(s, "accepted", &v->accepted);
	snap_u64(s, "features", &v->features);
	snap_vector(s, "config-vector", &v->config_vector);
	if (!snap_loading(s) || snap_error(s))
		return;
	if (!status_ok(status))
		snap_reject(s, "status", "impossible");
	else if (!features_ok(v, status))
		snap_reject(s, "features", "impossible here");
	atomic_store(&v->status, status);
	atomic_store(&v->generation, generation);
}

static bool same_params(const struct virtio_queue *vq)
{
	const struct queue_params *a = &vq->params;
	const struct queue_params *b = &vq->ring.params;

	return a->size == b->size && a->desc == b->desc &&
	       a->driver == b->driver && a->device == b->device;
}

static bool same_features(const struct virtio_queue *vq)
{
	const struct queue_features *f = &vq->ring.features;
	const struct virtio *v = vq->v;

	return f->packed == virtio_has(v, VIRTIO_F_RING_PACKED) &&
	       f->indirect == virtio_has(v, VIRTIO_F_INDIRECT_DESC) &&
	       f->event_idx == virtio_has(v, VIRTIO_F_EVENT_IDX) &&
	       f->in_order == virtio_has(v, VIRTIO_F_IN_ORDER);
}

static void one_queue(struct virtio_queue *vq, struct snap *s)
{
	struct virtio *v = vq->v;
	bool enabled = vq->enabled;

	snap_u16(s, "size", &vq->params.size);
	snap_u64(s, "desc", &vq->params.desc);
	snap_u64(s, "driver", &vq->params.driver);
	snap_u64(s, "device", &vq->params.device);
	snap_vector(s, "vector", &vq->vector);
	snap_bool(s, "enabled", &enabled);
	snap_bool(s, "refused", &vq->refused);
	if (!enabled || snap_error(s))
		return;
	if (snap_loading(s) &&
	    !(atomic_load(&v->status) & VIRTIO_S_FEATURES_OK)) {
		snap_reject(s, "enabled", "before FEATURES_OK");
		return;
	}
	if (queue_snapshot(&vq->ring, v->mem, v->ops->queue_size, s) < 0)
		return;
	vq->enabled = true;
	if (snap_loading(s) && (!same_params(vq) || !same_features(vq)))
		snap_reject(s, "ring", "is not the one of the registers");
}

static void fields(struct virtio *v, struct snap *s)
{
	char name[16];

	snap_begin(s, "virtio", 1);
	registers(v, s);
	for (unsigned int i = 0; i < v->queues && !snap_error(s); i++) {
		snprintf(name, sizeof(name), "queue%u", i);
		snap_begin(s, name, 1);
		one_queue(&v->queue[i], s);
		snap_end(s);
	}
	snap_begin(s, v->ops->name, 1);
	if (v->ops->snapshot && !snap_error(s))
		v->ops->snapshot(v, s);
	snap_end(s);
	snap_end(s);
}

/* What runs has a queue, unless they were taken away one by one. */
static bool can_run(const struct virtio *v)
{
	bool any = virtio_has(v, VIRTIO_F_RING_RESET);

	for (unsigned int i = 0; i < v->queues; i++)
		any |= v->queue[i].enabled;
	return any;
}

static int load(struct virtio *v, struct snap *s)
{
	virtio_reset(v);
	fields(v, s);
	if (snap_error(s)) {
		virtio_reset(v);
		return snap_error(s);
	}
	/* Parameters that were good are good; what fails is this host. */
	if (atomic_load(&v->status) & VIRTIO_S_DRIVER_OK && !virtio_broken(v) &&
	    (!can_run(v) || virtio_start(v) < 0))
		virtio_fail(v, "it cannot be started again");
	return 0;
}

int virtio_snapshot(struct virtio *v, struct snap *s)
{
	bool running = v->started && !v->paused;

	if (snap_loading(s))
		return load(v, s);
	virtio_pause(v);
	fields(v, s);
	if (running)
		virtio_resume(v);
	return snap_error(s);
}
