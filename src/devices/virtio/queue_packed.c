// SPDX-License-Identifier: BSD-3-Clause
/*
 * The packed format (virtio 1.2, 2.8): one ring of descriptors that the driver
 * makes available and the device overwrites with used ones, and two event
 * areas. See queue_ring.h; thread: the queue's owner.
 *
 * The descriptors of one chain lie one behind the other. Where a list does not
 * end, or was published before it was complete, nobody can tell where the next
 * chain starts: that is a bad ring, not a bad chain.
 */
#include "devices/virtio/queue_ring.h"

#include <errno.h>

/* 2.8.14: off_wrap in the low half, flags in the high one */
#define EVENT_ENABLE  0u
#define EVENT_DISABLE 1u
#define EVENT_DESC    2u
#define EVENT_SLOT    0x7fffu
#define EVENT_FLAGS   3u

/* 2.8.1: available is AVAIL as our counter, and USED the other way. */
static bool is_available(uint64_t rest, bool wrap)
{
	return (rest >> 48 & (DESC_AVAIL | DESC_USED)) ==
	       (wrap ? DESC_AVAIL : DESC_USED);
}

/* Length, id and flags of a slot, by one load; the acquire pairs with the
 * driver's release of the flags. */
static uint64_t ring_rest(const struct queue *q, uint16_t slot)
{
	return load64(q->desc + DESC_SIZE * (uint32_t)slot + 8,
		      __ATOMIC_ACQUIRE);
}

/* The whole of it, once it is known to be available. */
static struct desc ring_desc(const struct queue *q, uint16_t slot,
			     uint64_t rest)
{
	const uint8_t *p = q->desc + DESC_SIZE * (uint32_t)slot;

	return desc_packed(load64(p, __ATOMIC_RELAXED), rest);
}

/* 2.8.7: no lists, every entry counts; of the flags only WRITE. Not inlined:
 * the copies it makes would cost every chain without a table. */
__attribute__((noinline)) static bool walk_table(struct queue *q,
						 struct chain *c,
						 struct desc indirect)
{
	struct table t;

	if (!q->features.indirect || indirect.flags & DESC_NEXT ||
	    !queue_table_open(q, &t, indirect) || t.entries > q->size)
		return false;
	for (uint32_t i = 0; i < t.entries; i++) {
		uint64_t words[2];

		queue_table_read(q, &t, i, words);
		if (!queue_add_buffer(q, c, desc_packed(words[0], words[1])))
			return false;
	}
	return true;
}

/* @alone: the first descriptor of the list. */
static bool add(struct queue *q, struct chain *c, struct desc d, bool alone)
{
	if (d.flags & DESC_INDIRECT)
		return alone && walk_table(q, c, d);
	return queue_add_buffer(q, c, d);
}

/* A fault in a buffer spoils the chain, but the list is followed to its end:
 * the id stands in the last descriptor (2.8.6). */
int queue_packed_take(struct queue *q, struct chain *c)
{
	uint16_t slot = q->next_avail, n = 1;
	bool wrap = q->avail_wrap, good;
	uint64_t rest = ring_rest(q, slot);
	struct desc d;

	if (!is_available(rest, wrap))
		return TAKE_NONE;
	d = ring_desc(q, slot, rest);
	chain_clear(c);
	good = add(q, c, d, true);
	queue_advance(q, &slot, &wrap, 1);
	for (; d.flags & DESC_NEXT; n++) {
		rest = ring_rest(q, slot);
		if (n == q->size || !is_available(rest, wrap))
			return -EPROTO;
		d = ring_desc(q, slot, rest);
		good = good && add(q, c, d, false);
		queue_advance(q, &slot, &wrap, 1);
	}
	if (d.next >= q->size || is_taken(q, d.next) ||
	    n > q->size - q->taken)
		return -EPROTO;
	c->head = d.next;
	c->slots = n;
	set_taken(q, d.next);
	q->next_avail = slot;
	q->avail_wrap = wrap;
	return good ? TAKE_GOOD : TAKE_BAD;
}

void queue_packed_untake(struct queue *q, uint16_t slots)
{
	if (q->next_avail < slots) {
		q->next_avail = (uint16_t)(q->next_avail + q->size);
		q->avail_wrap = !q->avail_wrap;
	}
	q->next_avail = (uint16_t)(q->next_avail - slots);
}

/* Positions counted through two rounds, one with each wrap counter. */
static uint32_t position(const struct queue *q, uint32_t slot, bool wrap)
{
	return wrap ? slot : slot + q->size;
}

bool queue_packed_wants(const struct queue *q, uint32_t count)
{
	uint32_t area = load32(q->driver, __ATOMIC_RELAXED);
	uint32_t flags = area >> 16 & EVENT_FLAGS, slot = area & EVENT_SLOT;
	uint32_t round = 2u * q->size, now, event;

	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !q->features.event_idx || slot >= q->size)
		return true;
	/* how far behind our position is the slot that was asked for? */
	now = position(q, q->next_used, q->used_wrap);
	event = position(q, slot, area >> 15 & 1);
	return (now + round - event - 1) % round < count;
}

void queue_packed_kicks(struct queue *q, bool on)
{
	uint32_t area = EVENT_DISABLE << 16;

	if (on && q->features.event_idx)
		area = EVENT_DESC << 16 | (uint32_t)q->avail_wrap << 15 |
		       q->next_avail;
	else if (on)
		area = EVENT_ENABLE << 16;
	store32(q->device, area, __ATOMIC_RELAXED);
}

bool queue_packed_has_work(const struct queue *q)
{
	return is_available(ring_rest(q, q->next_avail), q->avail_wrap);
}
