/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio balloon (virtio 1.2, 5.5): the driver gives pages up, to reach a
 * target or because they are free anyhow (free page reporting), and the host
 * gets their memory back. Statistics of the guest's memory on request.
 *
 * It must not know how memory is given back: that is a callback.
 *
 * Threads: as virtio.h says. The functions below the constructor may be called
 * from any thread, as long as the device exists.
 */
#ifndef VIREO_DEVICES_VIRTIO_BALLOON_H
#define VIREO_DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

#define BALLOON_F_STATS		 (UINT64_C(1) << 1)
#define BALLOON_F_DEFLATE_ON_OOM (UINT64_C(1) << 2)
#define BALLOON_F_REPORTING	 (UINT64_C(1) << 5)

#define BALLOON_QUEUE_SIZE 128
#define BALLOON_PAGE	   4096u /* whatever the guest's pages are */

/* Gives the whole pages inside [hva, hva+len) of guest RAM back to the host:
 * the bytes that were given back, or -errno. Loop thread. ram_discard() does
 * it. */
struct balloon_memory {
	int64_t (*discard)(void *ctx, void *hva, uint64_t len);
	void *ctx;
};

struct balloon_config {
	struct balloon_memory memory;
	uint64_t target; /* bytes to take from the guest at first */
};

/* Statistics by their tag. */
enum balloon_stat {
	BALLOON_SWAP_IN,
	BALLOON_SWAP_OUT,
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE,
	BALLOON_TOTAL,
	BALLOON_AVAILABLE,
	BALLOON_CACHES,
	BALLOON_HUGE_ALLOC,
	BALLOON_HUGE_FAIL,
	BALLOON_STATS /* how many there are */
};

struct balloon_info {
	uint64_t target;    /* bytes */
	uint64_t actual;    /* bytes; the driver's word, at most all RAM */
	uint64_t inflated;  /* bytes given back by inflating, in total */
	uint64_t reported;  /* bytes given back by reporting, in total */
	uint64_t ignored;   /* pages that are not RAM, or hold its rings */
	uint32_t stat_mask; /* bit n: stat[n] was told */
	uint64_t stat_ms;   /* when it was told, monotonic; 0: never */
	uint64_t stat[BALLOON_STATS];
};

/* -ENOMEM. */
int balloon_create(struct virtio **out, const struct balloon_config *cfg,
		   const struct virtio_host *host, struct err *err);

/* How much the balloon shall hold; rounded down to pages, at most all RAM. */
void balloon_set_target(struct virtio *v, uint64_t bytes);
/* Asks the driver for new statistics; nothing when it cannot tell any. */
void balloon_ask(struct virtio *v);
void balloon_get_info(struct virtio *v, struct balloon_info *info);

#endif
