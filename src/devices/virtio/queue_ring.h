/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between queue.c, queue_split.c and queue_packed.c; for nobody else.
 *
 * Ring memory is shared with the driver and naturally aligned (queue_start()
 * has checked that), so each field is read once by one relaxed or acquiring
 * load: what is checked is what is used. Descriptors are two words of 64 bits.
 */
#ifndef VIREO_DEVICES_VIRTIO_QUEUE_RING_H
#define VIREO_DEVICES_VIRTIO_QUEUE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/queue.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "ring fields are little endian");

/* virtio 1.2, 2.7.5 and 2.8.1 */
#define DESC_SIZE      16u
#define DESC_NEXT      1u
#define DESC_WRITE     2u
#define DESC_INDIRECT  4u
#define DESC_AVAIL     0x80u   /* packed */
#define DESC_USED      0x8000u /* packed */
#define TABLE_MAX      32768u  /* entries of an indirect table */

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

/* A copy of one descriptor. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* packed: the buffer id */
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

/* The two words of a descriptor, taken apart. */
static inline struct desc desc_split(uint64_t addr, uint64_t rest)
{
	return (struct desc){ addr, (uint32_t)rest, (uint16_t)(rest >> 32),
			      (uint16_t)(rest >> 48) };
}

static inline struct desc desc_packed(uint64_t addr, uint64_t rest)
{
	return (struct desc){ addr, (uint32_t)rest, (uint16_t)(rest >> 48),
			      (uint16_t)(rest >> 32) };
}

/* An indirect table. */
struct table {
	uint64_t gpa;
	const uint8_t *host; /* NULL: it crosses from one region into another */
	uint32_t entries;
};

/* False: the length or the place is impossible. */
bool queue_table_open(const struct queue *q, struct table *t,
		      const struct desc *d);
/* Copies the two words of entry @i < t->entries. */
void queue_table_read(const struct queue *q, const struct table *t, uint32_t i,
		      uint64_t words[2]);

/* Adds one buffer to the chain; false: not in RAM, too many pieces or bytes,
 * or readable behind writable ones. Nothing to add is fine. */
bool queue_add_buffer(const struct queue *q, struct chain *c,
		      const struct desc *d);

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

static inline void chain_clear(struct chain *c, uint16_t head, uint16_t slots)
{
	c->head = head;
	c->slots = slots;
	c->out_count = c->in_count = 0;
	c->out_len = c->in_len = 0;
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
/* Writes a used element and publishes it. */
void queue_split_put(struct queue *q, uint16_t head, uint32_t len);
void queue_packed_put(struct queue *q, uint16_t id, uint16_t slots,
		      uint32_t len);
/* Does the driver want to hear of the last @count >= 1 elements (packed:
 * slots)? After a full barrier. */
bool queue_split_wants(const struct queue *q, uint32_t count);
bool queue_packed_wants(const struct queue *q, uint32_t count);
void queue_split_kicks(struct queue *q, bool on);
void queue_packed_kicks(struct queue *q, bool on);
bool queue_split_has_work(const struct queue *q);
bool queue_packed_has_work(const struct queue *q);

#endif
