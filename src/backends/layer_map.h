/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the layer: where a changed file's chunks are. Only files layer*.c
 * include this.
 */
#ifndef VIREO_BACKENDS_LAYER_MAP_H
#define VIREO_BACKENDS_LAYER_MAP_H

#include "backends/layer_tree.h"

/* A number of the store's and CHUNK_FIRST, or one of the two kinds. */
uint32_t layer_map_get(const struct layer_data *d, uint64_t chunk);
/* Setting it needs no memory then. -ENOSPC, -ENOMEM; -EFBIG: there are no
 * chunks that far away. */
int layer_map_room(struct layer *l, struct layer_data *d, uint64_t chunk);
void layer_map_set(struct layer_data *d, uint64_t chunk, uint32_t value);
/* The next chunk that may be something else than CHUNK_BELOW; where all are
 * that from there on. */
uint64_t layer_map_next(const struct layer_data *d, uint64_t chunk);
uint64_t layer_map_end(const struct layer_data *d);
/* From that one on all are CHUNK_BELOW: their memory. */
void layer_map_cut(struct layer *l, struct layer_data *d, uint64_t chunk);
void layer_map_drop(struct layer *l, struct layer_data *d);

/* Files grow to that size; the share's may be larger, but what is past it does
 * not change. */
#define LAYER_SIZE_MOST (UINT64_C(16) << 40)

enum layer_run_kind { LAYER_RUN_ZERO, LAYER_RUN_BELOW, LAYER_RUN_STORE };

struct layer_run {
	enum layer_run_kind kind;
	uint64_t len;
	uint32_t chunk, skip; /* of the store, and bytes of it before */
};

/* What lies at @off, and how far, at most @len bytes. */
struct layer_run layer_run(const struct layer_data *d, uint64_t off,
			   uint64_t len);

static inline uint64_t layer_chunk_end(uint64_t chunk)
{
	return (chunk + 1) * LAYER_CHUNK;
}

#endif
