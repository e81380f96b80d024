/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block backend in memory, in place of backends/block.c: requests end when
 * the test wants, with the result it wants, and are counted. Used as block.h
 * says, so without locks; what the test changes, it changes while the device
 * has nothing to do.
 */
#ifndef VIREO_FAKE_BLOCK_H
#define VIREO_FAKE_BLOCK_H

#include "backends/block.h"

#define FAKE_OPS 5 /* of enum block_op */

struct block {
	struct block_info info;
	uint8_t *bytes; /* owned, info.size */
	uint64_t next_size; /* what block_refresh() finds; 0: no change */
	_Atomic bool hold;  /* kicks end nothing; waiting still does */
	int fail[FAKE_OPS]; /* results to give instead of success */
	unsigned int count[FAKE_OPS]; /* carried out */
	unsigned int flags; /* of the last request */
	unsigned int kicks;
	unsigned int max_in_flight;
	unsigned int in_flight;
	bool destroyed_in_flight;
	bool *gone; /* set when it is destroyed */
	struct block_req *first;
	struct block_req **end;
	void (*ready)(void *ctx);
	void *ready_ctx;
};

/* Freed by block_destroy(). */
struct block *fake_block(uint64_t size, bool read_only);
/* Ends holding, and tells the listener as the host would. */
void fake_block_release(struct block *b);

#endif
