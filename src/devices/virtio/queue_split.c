// SPDX-License-Identifier: BSD-3-Clause
/* The split format (virtio 1.2, 2.7): descriptor table, available ring, used
 * ring. See queue_ring.h; thread: the queue's owner. */
#include "devices/virtio/queue_ring.h"

#include <errno.h>

#define NO_INTERRUPT 1u /* in the available ring's flags */
#define NO_NOTIFY    1u /* in the used ring's flags */

static struct desc ring_desc(const struct queue *q, uint16_t i)
{
	const uint8_t *p = q->desc + DESC_SIZE * (uint32_t)i;

	return desc_split(load64(p, __ATOMIC_RELAXED),
			  load64(p + 8, __ATOMIC_RELAXED));
}

static struct desc table_desc(const struct queue *q, const struct table *t,
			      uint32_t i)
{
	uint64_t words[2];

	queue_table_read(q, t, i, words);
	return desc_split(words[0], words[1]);
}

/* @left: how many more buffers the chain may have. 2.7.5.3. Not inlined: the
 * copies it makes would cost every chain without a table. */
__attribute__((noinline)) static bool walk_table(struct queue *q,
						 struct chain *c,
						 struct desc indirect,
						 unsigned int left)
{
	struct table t;
	uint32_t i = 0;

	if (!q->features.indirect || indirect.flags & DESC_NEXT ||
	    !queue_table_open(q, &t, indirect))
		return false;
	for (; left; left--) {
		struct desc d = table_desc(q, &t, i);

		if (d.flags & DESC_INDIRECT || !queue_add_buffer(q, c, d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		i = d.next;
		if (i >= t.entries)
			return false;
	}
	return false;
}

/* A chain that starts with @d. Not inlined for the same reason. */
__attribute__((noinline)) static bool walk_ring(struct queue *q,
						struct chain *c,
						struct desc d)
{
	for (unsigned int left = q->size; left; left--) {
		if (d.flags & DESC_INDIRECT)
			return walk_table(q, c, d, left);
		if (!queue_add_buffer(q, c, d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		if (d.next >= q->size)
			return false;
		d = ring_desc(q, d.next);
	}
	return false;
}

/* The acquire pairs with the driver's release of idx: what it wrote into the
 * ring and the descriptors before is seen after. */
static uint16_t avail_idx(const struct queue *q)
{
	return load16(q->driver + RING_IDX, __ATOMIC_ACQUIRE);
}

int queue_split_take(struct queue *q, struct chain *c)
{
	struct desc d;
	uint16_t head;
	bool good;

	if (q->next_avail == q->seen_avail) {
		q->seen_avail = avail_idx(q);
		if (q->next_avail == q->seen_avail)
			return TAKE_NONE;
		if ((uint16_t)(q->seen_avail - q->next_avail) > q->size)
			return -EPROTO;
	}
	head = load16(q->driver + RING_ENTRIES +
		      2u * (q->next_avail & (q->size - 1u)), __ATOMIC_RELAXED);
	if (head >= q->size || is_taken(q, head))
		return -EPROTO;
	set_taken(q, head);
	q->next_avail++;
	chain_clear(c);
	c->head = head;
	c->slots = 1;
	d = ring_desc(q, head);
	good = d.flags & (DESC_NEXT | DESC_INDIRECT) ?
		walk_ring(q, c, d) : queue_add_buffer(q, c, d);
	return good ? TAKE_GOOD : TAKE_BAD;
}

void queue_split_untake(struct queue *q)
{
	q->next_avail--;
}

bool queue_split_wants(const struct queue *q, uint32_t count)
{
	uint16_t event;

	if (!q->features.event_idx)
		return !(load16(q->driver, __ATOMIC_RELAXED) & NO_INTERRUPT);
	/* 2.7.7.2: has the index passed `event` with the last elements? */
	event = load16(q->driver + RING_ENTRIES + 2u * q->size,
		       __ATOMIC_RELAXED);
	return (uint16_t)(q->next_used - event - 1) < count;
}

/* 2.7.10; with the event index "off" is an index that lies behind. */
void queue_split_kicks(struct queue *q, bool on)
{
	if (!q->features.event_idx)
		store16(q->device, on ? 0 : NO_NOTIFY, __ATOMIC_RELAXED);
	else if (on)
		store16(q->device + RING_ENTRIES + 8u * q->size,
			q->next_avail, __ATOMIC_RELAXED);
}

bool queue_split_has_work(const struct queue *q)
{
	return q->next_avail != q->seen_avail || avail_idx(q) != q->next_avail;
}
