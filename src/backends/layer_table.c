// SPDX-License-Identifier: BSD-3-Clause
/* See layer_table.h. */
#include "backends/layer_table.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 64u
#define SLOTS_MAX (1u << 24)

int layer_table_init(struct layer_table *t)
{
	*t = (struct layer_table){ .size = SLOTS_MIN };
	t->slot = calloc(SLOTS_MIN, sizeof(struct layer_link *));
	return t->slot ? 0 : -ENOMEM;
}

void layer_table_finish(struct layer_table *t)
{
	free(t->slot);
	*t = (struct layer_table){ 0 };
}

static struct layer_link **slot_of(const struct layer_table *t, uint64_t hash)
{
	return &t->slot[(uint32_t)(hash >> 32) & (t->size - 1)];
}

static void put(struct layer_table *t, struct layer_link *link)
{
	struct layer_link **slot = slot_of(t, link->hash);

	link->next = *slot;
	*slot = link;
}

/* Without memory it stays as it is, which is only slower. */
static void grow(struct layer_table *t)
{
	struct layer_table more = { .size = 2 * t->size };

	if (t->count < t->size || t->size == SLOTS_MAX)
		return;
	more.slot = calloc(more.size, sizeof(struct layer_link *));
	if (!more.slot)
		return;
	more.count = t->count;
	for (uint32_t i = 0; i < t->size; i++) {
		struct layer_link *next;

		for (struct layer_link *l = t->slot[i]; l; l = next) {
			next = l->next;
			put(&more, l);
		}
	}
	free(t->slot);
	*t = more;
}

void layer_table_add(struct layer_table *t, struct layer_link *link,
		     uint64_t hash)
{
	grow(t);
	link->hash = hash;
	put(t, link);
	t->count++;
}

void layer_table_remove(struct layer_table *t, struct layer_link *link)
{
	struct layer_link **at = slot_of(t, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	t->count--;
}

static struct layer_link *with_hash(struct layer_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct layer_link *layer_table_first(const struct layer_table *t, uint64_t hash)
{
	return with_hash(*slot_of(t, hash), hash);
}

struct layer_link *layer_table_next(const struct layer_link *link)
{
	return with_hash(link->next, link->hash);
}

uint64_t layer_hash(uint64_t number)
{
	number = (number ^ number >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return number ^ number >> 29;
}

uint64_t layer_hash_text(uint64_t number, const char *text)
{
	uint64_t h = layer_hash(number);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return layer_hash(h);
}
