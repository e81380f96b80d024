/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage of a test of the block device: guest RAM, a loop, the device over a
 * fake backend, and a driver. A cmocka test's state is `struct blk_case *`.
 */
#ifndef VIREO_FAKE_BLK_CASE_H
#define VIREO_FAKE_BLK_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/virtio/blk.h"
#include "devices/virtio/blk_wire.h"
#include "driver_ring.h"
#include "fake_block.h"
#include "virtio_front.h"

#define CASE_SIZE   (UINT64_C(1) << 20) /* of the disk */
#define CASE_DATA   (64 * 1024u)
#define CASE_QUEUES 2
#define UNTOUCHED   0xaa /* what writable memory holds at first */
#define ALL_FEATURES \
	(BLK_F_FLUSH | BLK_F_CONFIG_WCE | BLK_F_MQ | BLK_F_DISCARD | \
	 BLK_F_WRITE_ZEROES | VIRTIO_F_RING_RESET)

struct blk_case {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	_Atomic unsigned int lines;
	_Atomic unsigned int errors; /* lines of that level */
	struct block *block; /* the device's */
	bool gone;           /* it has been destroyed */
	struct front front;
	bool mmio;
	uint64_t packed; /* VIRTIO_F_RING_PACKED, or 0 */
	struct driver_ring ring[CASE_QUEUES];
	bool rings;
	uint64_t header; /* guest addresses */
	uint64_t data;
	uint64_t status;
};

/* What came of a request. */
struct blk_answer {
	bool came;
	uint8_t status; /* UNTOUCHED: none */
	uint32_t len;
};

/* Split rings in front of the core; packed rings behind MMIO. */
int blk_setup_split(void **state);
int blk_setup_packed(void **state);
int blk_teardown(void **state);

/* A device of its own kind in place of the usual one. */
void blk_replace(struct blk_case *c, struct block *block,
		 const struct blk_config *cfg);
/* From reset to DRIVER_OK, with fresh rings. */
void blk_run(struct blk_case *c, uint64_t features);

void blk_put_header(struct blk_case *c, uint32_t type, uint64_t sector);
void *blk_data(struct blk_case *c);
/* Posts buffers on queue @n, kicks, lets the device work. */
struct blk_answer blk_chain(struct blk_case *c, unsigned int n,
			    const struct driver_buf *bufs, unsigned int count);
/* The usual shape: header, @out bytes of data, @in bytes of data, status. */
struct blk_answer blk_ask(struct blk_case *c, uint32_t type, uint64_t sector,
			  uint32_t out, uint32_t in);
/* One range of a discard or write-zeroes. */
struct blk_answer blk_range_op(struct blk_case *c, uint32_t type,
			       uint64_t sector, uint32_t sectors,
			       uint32_t flags);
/* A read of one sector works, as ever. */
void blk_still_works(struct blk_case *c);

#endif
