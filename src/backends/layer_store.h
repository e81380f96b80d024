/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the layer: where the contents of changed files are. It is one file
 * without a name, which ends with the process however that ends, cut into
 * chunks. A chunk is all zeros when it is taken, and takes room on the host as
 * far as it was written. Chunks that follow each other are read and written
 * together. Only files layer*.c include this.
 */
#ifndef VIREO_BACKENDS_LAYER_STORE_H
#define VIREO_BACKENDS_LAYER_STORE_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

#define LAYER_CHUNK 65536u
#define LAYER_BLOCK 4096u /* what the host gives room by */
#define LAYER_PIECES 256  /* of memory, in one transfer of a part */

struct layer_store {
	int fd; /* owned */
	uint64_t blocks, blocks_max; /* that have contents */
	uint32_t chunks;             /* so many there have ever been */
	uint32_t room;               /* in the tables below */
	uint16_t *written;           /* owned; of each chunk, a bit a block */
	uint32_t *spare;             /* owned; a stack: given back */
	uint32_t spares;
};

/* In the folder @dir; @size bytes at most, or 0: half of what is free there. */
int layer_store_open(struct layer_store *st, const char *dir, uint64_t size,
		     struct err *err);
void layer_store_close(struct layer_store *st);
/* -ENOSPC, -ENOMEM. */
int layer_store_take(struct layer_store *st, uint32_t *chunk);
/* So many that follow each other. */
void layer_store_give(struct layer_store *st, uint32_t chunk, uint32_t count);
/* All of them, from byte @off of @chunk on, into the chunks after it; at most
 * LAYER_PIECES. */
int layer_store_read(struct layer_store *st, uint32_t chunk, uint32_t off,
		     const struct iovec *iov, int count);
/* Bytes. -ENOSPC. */
int64_t layer_store_write(struct layer_store *st, uint32_t chunk, uint32_t off,
			  const struct iovec *iov, int count);
/* Bytes [from, to) of a chunk are zeros again. */
int layer_store_clear(struct layer_store *st, uint32_t chunk, uint32_t from,
		      uint32_t to);
/* How many blocks of it have contents. */
unsigned int layer_store_blocks(const struct layer_store *st, uint32_t chunk);

#endif
