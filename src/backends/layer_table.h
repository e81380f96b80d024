/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the layer: a hash table of what has a link in it. It owns nothing but
 * its slots. Only files layer*.c include this.
 */
#ifndef VIREO_BACKENDS_LAYER_TABLE_H
#define VIREO_BACKENDS_LAYER_TABLE_H

#include <stdint.h>

struct layer_link {
	struct layer_link *next; /* in its slot */
	uint64_t hash;
};

struct layer_table {
	struct layer_link **slot; /* owned */
	uint32_t size;            /* a power of two */
	uint32_t count;
};

/* -ENOMEM. */
int layer_table_init(struct layer_table *t);
void layer_table_finish(struct layer_table *t);
void layer_table_add(struct layer_table *t, struct layer_link *link,
		     uint64_t hash);
void layer_table_remove(struct layer_table *t, struct layer_link *link);
/* The first with that hash, and the one after; NULL. */
struct layer_link *layer_table_first(const struct layer_table *t,
				     uint64_t hash);
struct layer_link *layer_table_next(const struct layer_link *link);

/* Of a number, and of a text together with one. */
uint64_t layer_hash(uint64_t number);
uint64_t layer_hash_text(uint64_t number, const char *text);

#endif
