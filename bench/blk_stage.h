/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What measurements of the block device in process share: an image that is in
 * the page cache, guest RAM, a loop, the device, and its driver, which posts
 * reads of a block each and checks what comes. Ends the program when something
 * does not work.
 */
#ifndef VIREO_BENCH_BLK_STAGE_H
#define VIREO_BENCH_BLK_STAGE_H

#include "devices/virtio/blk.h"
#include "driver_ring.h"

#define STAGE_SIZE  (UINT64_C(64) << 20)
#define STAGE_BLOCK 4096u
#define STAGE_BATCH 32u /* at most so many reads at once */

struct stage {
	char path[256];
	struct driver_ram ram;
	struct driver_ring ring;
	struct loop *loop;
	struct virtio *v;
	int fd; /* of the image */
	uint64_t header;
	uint64_t data;
	uint64_t status;
	uint64_t off[STAGE_BATCH]; /* of the reads */
};

_Noreturn void stage_die(const char *what);
double stage_now_ns(void);

/* The image is made in @dir, and removed at the end. */
void stage_open(struct stage *s, const char *dir);
void stage_close(struct stage *s);
/* From a reset to DRIVER_OK, with one queue of @ring. */
void stage_run(struct virtio *v, const struct driver_ring *ring,
	       uint32_t features);
/* The device, running, with a ring of its own. */
void stage_start(struct stage *s, enum block_engine_kind engine);
void stage_stop(struct stage *s);

/* New random places for @count reads, in s->off. */
void stage_places(struct stage *s, unsigned int count);
/* Posts @count reads from new places. */
void stage_post(struct stage *s, unsigned int count);
/* Has the next one come back? */
bool stage_collect(struct stage *s);
/* All @count have: are they right? */
void stage_check(const struct stage *s, unsigned int count);

#endif
