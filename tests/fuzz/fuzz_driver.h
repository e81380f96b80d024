/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver's way to its queues, and snapshots, for the targets of devices. */
#ifndef VIREO_FUZZ_FUZZ_DRIVER_H
#define VIREO_FUZZ_FUZZ_DRIVER_H

#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "driver_ring.h"
#include "fuzz.h"

/* Of what is slow an input may do this much. */
static unsigned int fuzz_saves;
static unsigned int fuzz_damages;

/* For each input. */
static inline void fuzz_begin(void)
{
	fuzz_saves = 4;
	fuzz_damages = 64;
}

static inline void fuzz_queue(struct virtio *v, unsigned int n,
			      const struct driver_ring *ring)
{
	virtio_write(v, VREG_QUEUE_SEL, n);
	virtio_write(v, VREG_QUEUE_SIZE, ring->size);
	virtio_write(v, VREG_QUEUE_DESC_LO, (uint32_t)ring->params.desc);
	virtio_write(v, VREG_QUEUE_DRIVER_LO, (uint32_t)ring->params.driver);
	virtio_write(v, VREG_QUEUE_DEVICE_LO, (uint32_t)ring->params.device);
	virtio_write(v, VREG_QUEUE_ENABLE, 1);
}

/* Those of @wanted that are offered; all that is, when the device refuses. */
static inline void fuzz_negotiate(struct virtio *v, uint64_t wanted)
{
	const uint64_t features = (wanted | VIRTIO_F_VERSION_1) & v->offered;

	virtio_write(v, VREG_STATUS, 0);
	virtio_write(v, VREG_STATUS, 1);
	virtio_write(v, VREG_STATUS, 3);
	for (uint32_t i = 0; i < 2; i++) {
		virtio_write(v, VREG_DRIVER_FEATURES_SEL, i);
		virtio_write(v, VREG_DRIVER_FEATURES,
			     (uint32_t)(features >> 32 * i));
	}
	virtio_write(v, VREG_STATUS, 11);
	if (virtio_read(v, VREG_STATUS) == 11)
		return;
	must(features != v->offered);
	fuzz_negotiate(v, v->offered);
}

/* From a reset to DRIVER_OK. A new ring of @size for each queue, in the RAM
 * behind the first @data bytes. */
static inline void fuzz_run(struct virtio *v, struct driver_ring *ring,
			    uint16_t size, uint64_t wanted,
			    struct driver_ram *ram, uint64_t data)
{
	struct queue_features f;

	fuzz_negotiate(v, wanted);
	f = (struct queue_features){
		.packed = virtio_has(v, VIRTIO_F_RING_PACKED),
		.indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC),
		.event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX),
	};
	driver_ram_clear(ram);
	driver_ram_alloc(ram, data, 4096);
	for (unsigned int i = 0; i < v->queues; i++) {
		driver_ring_finish(&ring[i]);
		driver_ring_init(&ring[i], ram, size, &f);
		fuzz_queue(v, i, &ring[i]);
	}
	virtio_write(v, VREG_STATUS, 15);
	must(virtio_read(v, VREG_STATUS) == 15);
}

/* Does nothing when that has not been negotiated. */
static inline void fuzz_queue_reset(struct virtio *v, unsigned int n,
				    struct driver_ring *ring)
{
	virtio_write(v, VREG_QUEUE_SEL, n);
	virtio_write(v, VREG_QUEUE_RESET, 1);
	if (virtio_read(v, VREG_QUEUE_ENABLE))
		return;
	driver_ring_reset(ring);
	fuzz_queue(v, n, ring);
}

static inline struct snap *fuzz_save(struct virtio *v, const void **blob,
				     size_t *len)
{
	struct snap *s = snap_create();

	must(s && virtio_snapshot(v, s) == 0);
	must(snap_finish(s, blob, len) == 0);
	return s;
}

static inline bool fuzz_load(struct virtio *v, const void *blob, size_t len)
{
	struct snap *s;
	bool ok;

	if (snap_open(&s, blob, len, NULL) < 0)
		return false;
	ok = virtio_snapshot(v, s) == 0;
	must(!ok || snap_finish(s, NULL, NULL) == 0);
	snap_destroy(s);
	return ok;
}

/* Saved, loaded and saved again: the same. */
static inline void fuzz_save_load(struct virtio *v)
{
	const void *first, *second;
	size_t first_len, second_len;
	struct snap *s, *again;

	if (!fuzz_saves)
		return;
	fuzz_saves--;
	s = fuzz_save(v, &first, &first_len);
	must(fuzz_load(v, first, first_len));
	again = fuzz_save(v, &second, &second_len);
	must(first_len == second_len);
	must(memcmp(first, second, first_len) == 0);
	snap_destroy(again);
	snap_destroy(s);
}

#endif
