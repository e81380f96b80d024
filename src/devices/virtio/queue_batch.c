// SPDX-License-Identifier: BSD-3-Clause
/* See queue_batch.h. */
#include "devices/virtio/queue_batch.h"

#include <assert.h>

#include "devices/virtio/queue_ring.h"

/* Entries first, then the index that publishes them (virtio 1.2, 2.7.8). */
static void put_split(struct queue *q, const struct queue_used *used,
		      unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint16_t at = q->next_used++ & (q->size - 1u);
		uint8_t *elem = q->device + 4 + 8u * at;

		store32(elem, used[i].head, __ATOMIC_RELAXED);
		store32(elem + 4, used[i].len, __ATOMIC_RELAXED);
	}
	store16(q->device + 2, q->next_used, __ATOMIC_RELEASE);
}

static uint64_t packed_rest(const struct queue_used *used, bool wrap)
{
	uint64_t flags = wrap ? DESC_AVAIL | DESC_USED : 0;

	if (used->len)
		flags |= DESC_WRITE;
	return flags << 48 | (uint64_t)used->head << 32 | used->len;
}

/* The driver looks at the first one, so that one is written last. */
static void put_packed(struct queue *q, const struct queue_used *used,
		       unsigned int count)
{
	uint8_t *first = q->desc + DESC_SIZE * (uint32_t)q->next_used;
	uint64_t rest = packed_rest(&used[0], q->used_wrap);

	for (unsigned int i = 0; i < count; i++) {
		uint8_t *p = q->desc + DESC_SIZE * (uint32_t)q->next_used;
		uint32_t to = (uint32_t)q->next_used + used[i].slots;

		if (i)
			store64(p + 8, packed_rest(&used[i], q->used_wrap),
				__ATOMIC_RELAXED);
		if (to >= q->size) {
			to -= q->size;
			q->used_wrap = !q->used_wrap;
		}
		q->next_used = (uint16_t)to;
	}
	store64(first + 8, rest, __ATOMIC_RELEASE);
}

void queue_push_batch(struct queue *q, const struct queue_used *used,
		      unsigned int count)
{
	uint32_t slots = 0;

	assert(count && !q->order);
	for (unsigned int i = 0; i < count; i++) {
		bool taken = is_taken(q, used[i].head);

		assert(taken);
		(void)taken;
		clear_taken(q, used[i].head);
		slots += used[i].slots;
	}
	q->taken = (uint16_t)(q->taken - slots);
	if (q->broken)
		return;
	if (q->features.packed)
		put_packed(q, used, count);
	else
		put_split(q, used, count);
	q->untold += slots;
}
