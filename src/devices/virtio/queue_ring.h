/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between queue.c, queue_split.c and queue_packed.c; for nobody else.
 *
 * Ring memory is shared with the driver and naturally aligned (queue_start()
 * has checked that), so each field is read once by one relaxed or acquiring
 * load: what is checked is what is used.
 */
#ifndef VIREO_DEVICES_VIRTIO_QUEUE_RING_H
#define VIREO_DEVICES_VIRTIO_QUEUE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/queue.h"
#include "devices/virtio/queue_desc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "ring fields are little endian");

/* Both rings: flags, idx, then the entries; behind them the event index. */
#define RING_IDX     2u
#define RING_ENTRIES 4u

/* A chain in flight, with F_IN_ORDER. */
struct queue_turn {
	uint16_t head;
	uint16_t slots;
	uint32_t len; /* when done */
	bool done;    /* pushed, but one before it was not */
};

/* All of them in the order they were taken: a ring. */
struct queue_order {
	uint16_t first;
	uint16_t count;
	struct queue_turn turn[QUEUE_SIZE_MAX];
};

static inline uint16_t load16(const uint8_t *p, int order)
{
	return __atomic_load_n((const uint16_t *)(const void *)p, order);
}

static inline uint32_t load32(const uint8_t *p, int order)
{
	return __atomic_load_n((const uint32_t *)(const void *)p, order);
}

static inline uint64_t load64(const uint8_t *p, int order)
{
	return __atomic_load_n((const uint64_t *)(const void *)p, order);
}

static inline void store16(uint8_t *p, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)(void *)p, v, order);
}

static inline void store32(uint8_t *p, uint32_t v, int order)
{
	__atomic_store_n((uint32_t *)(void *)p, v, order);
}

static inline void store64(uint8_t *p, uint64_t v, int order)
{
	__atomic_store_n((uint64_t *)(void *)p, v, order);
}

/* In-flight heads. */
static inline bool is_taken(const struct queue *q, uint16_t head)
{
	return q->in_flight[head / 64] >> (head % 64) & 1;
}

static inline void set_taken(struct queue *q, uint16_t head)
{
	q->in_flight[head / 64] |= UINT64_C(1) << (head % 64);
}

static inline void clear_taken(struct queue *q, uint16_t head)
{
	q->in_flight[head / 64] &= ~(UINT64_C(1) << (head % 64));
}

/* Writes a used element and publishes it. */
static inline void queue_split_put(struct queue *q, uint16_t head,
				   uint32_t len)
{
	uint8_t *elem = q->device + RING_ENTRIES +
			8u * (q->next_used & (q->size - 1u));

	store32(elem, head, __ATOMIC_RELAXED);
	store32(elem + 4, len, __ATOMIC_RELAXED);
	q->next_used++;
	/* the driver sees the element, and our data, before the index */
	store16(q->device + RING_IDX, q->next_used, __ATOMIC_RELEASE);
}

/* Moves a position by @n <= size slots. */
static inline void queue_advance(const struct queue *q, uint16_t *slot,
				 bool *wrap, uint32_t n)
{
	uint32_t to = *slot + n;

	if (to >= q->size) {
		to -= q->size;
		*wrap = !*wrap;
	}
	*slot = (uint16_t)to;
}

/* The same, over the first descriptor of the next @slots. */
static inline void queue_packed_put(struct queue *q, uint16_t id,
				    uint16_t slots, uint32_t len)
{
	uint8_t *p = q->desc + DESC_SIZE * (uint32_t)q->next_used;
	uint64_t flags = q->used_wrap ? DESC_AVAIL | DESC_USED : 0;

	if (len)
		flags |= DESC_WRITE;
	/* the driver sees our data before the flags */
	store64(p + 8, flags << 48 | (uint64_t)id << 32 | len,
		__ATOMIC_RELEASE);
	queue_advance(q, &q->next_used, &q->used_wrap, slots);
}

/* What taking a chain can come to, beside -EPROTO. */
#define TAKE_NONE 0
#define TAKE_GOOD 1
#define TAKE_BAD  2 /* taken; to be completed with length 0 */

/* The next chain of the ring; it is in flight afterwards. */
int queue_split_take(struct queue *q, struct chain *c);
int queue_packed_take(struct queue *q, struct chain *c);
/* Moves the position back over a chain. */
void queue_split_untake(struct queue *q);
void queue_packed_untake(struct queue *q, uint16_t slots);
/* Does the driver want to hear of the last @count >= 1 elements (packed:
 * slots)? After a full barrier. */
bool queue_split_wants(const struct queue *q, uint32_t count);
bool queue_packed_wants(const struct queue *q, uint32_t count);
void queue_split_kicks(struct queue *q, bool on);
void queue_packed_kicks(struct queue *q, bool on);
bool queue_split_has_work(const struct queue *q);
bool queue_packed_has_work(const struct queue *q);

#endif
