// SPDX-License-Identifier: BSD-3-Clause
/*
 * See layer_map.h: the first chunk, and leaves of the others, made when they
 * are needed. Most files have one chunk.
 */
#include "backends/layer_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define LEAF      64u /* chunks of one */
#define LEAF_COST (LEAF * sizeof(uint32_t) + 16)

uint32_t layer_map_get(const struct layer_data *d, uint64_t chunk)
{
	uint64_t leaf = (chunk - 1) / LEAF;

	if (!chunk)
		return d->first;
	if (leaf >= d->leaves || !d->leaf[leaf])
		return CHUNK_BELOW;
	return d->leaf[leaf][(chunk - 1) % LEAF];
}

static int grow_map(struct layer *l, struct layer_data *d, uint32_t count)
{
	uint64_t cost = (uint64_t)(count - d->leaves) * sizeof(*d->leaf);
	int r = layer_charge(l, cost);
	uint32_t **leaf;

	if (r < 0)
		return r;
	leaf = realloc(d->leaf, count * sizeof(*leaf));
	if (!leaf) {
		layer_credit(l, cost);
		return -ENOMEM;
	}
	memset(leaf + d->leaves, 0, cost);
	d->leaf = leaf;
	d->leaves = count;
	return 0;
}

int layer_map_room(struct layer *l, struct layer_data *d, uint64_t chunk)
{
	uint32_t leaf = (uint32_t)((chunk - 1) / LEAF);
	int r = 0;

	if (!chunk)
		return 0;
	if (chunk >= LAYER_SIZE_MOST / LAYER_CHUNK)
		return -EFBIG;
	if (leaf >= d->leaves)
		r = grow_map(l, d, (uint32_t)max_u64(leaf + 1u,
						     leaf / 8 * 9));
	if (r < 0 || d->leaf[leaf])
		return r;
	r = layer_charge(l, LEAF_COST);
	if (r < 0)
		return r;
	d->leaf[leaf] = calloc(LEAF, sizeof(**d->leaf));
	if (d->leaf[leaf])
		return 0;
	layer_credit(l, LEAF_COST);
	return -ENOMEM;
}

void layer_map_set(struct layer_data *d, uint64_t chunk, uint32_t value)
{
	if (!chunk)
		d->first = value;
	else
		d->leaf[(chunk - 1) / LEAF][(chunk - 1) % LEAF] = value;
}

uint64_t layer_map_next(const struct layer_data *d, uint64_t chunk)
{
	uint64_t leaf = chunk / LEAF; /* of the next one */

	while (leaf < d->leaves && !d->leaf[leaf])
		leaf++;
	if (leaf >= d->leaves)
		return UINT64_MAX / LAYER_CHUNK;
	return max_u64(chunk + 1, leaf * LEAF + 1);
}

struct layer_run layer_run(const struct layer_data *d, uint64_t off,
			   uint64_t len)
{
	uint64_t chunk = off / LAYER_CHUNK, end = off + len, next = chunk + 1;
	uint32_t value = layer_map_get(d, chunk);
	struct layer_run run = { .kind = LAYER_RUN_ZERO };

	if (value >= CHUNK_FIRST) {
		run.kind = LAYER_RUN_STORE;
		run.chunk = value - CHUNK_FIRST;
		run.skip = (uint32_t)(off % LAYER_CHUNK);
		while (next * LAYER_CHUNK < end && layer_map_get(d, next) ==
			       value + (uint32_t)(next - chunk))
			next++;
	} else if (value == CHUNK_BELOW) {
		run.kind = off < d->below ? LAYER_RUN_BELOW : LAYER_RUN_ZERO;
		next = layer_map_next(d, chunk);
		while (next * LAYER_CHUNK < end &&
		       layer_map_get(d, next) == CHUNK_BELOW)
			next = layer_map_next(d, next);
		if (run.kind == LAYER_RUN_BELOW)
			end = min_u64(end, d->below);
	}
	run.len = min_u64(end, next * LAYER_CHUNK) - off;
	return run;
}

uint64_t layer_map_end(const struct layer_data *d)
{
	return (uint64_t)d->leaves * LEAF + 1;
}

void layer_map_cut(struct layer *l, struct layer_data *d, uint64_t chunk)
{
	uint64_t left = chunk ? (chunk - 1 + LEAF - 1) / LEAF : 0;

	for (uint64_t i = left; i < d->leaves; i++) {
		if (d->leaf[i])
			layer_credit(l, LEAF_COST);
		free(d->leaf[i]);
		d->leaf[i] = NULL;
	}
}

void layer_map_drop(struct layer *l, struct layer_data *d)
{
	layer_map_cut(l, d, 0);
	layer_credit(l, d->leaves * sizeof(*d->leaf));
	free(d->leaf);
	d->leaf = NULL;
	d->leaves = 0;
}
