/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies of descriptors, and how they become a chain's pieces. Between queue.c,
 * queue_split.c and queue_packed.c; for nobody else. A descriptor is two words
 * of 64 bits, the second of which the formats lay out differently.
 */
#ifndef VIREO_DEVICES_VIRTIO_QUEUE_DESC_H
#define VIREO_DEVICES_VIRTIO_QUEUE_DESC_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/queue.h"
#include "mem/mem.h"

/* virtio 1.2, 2.7.5 and 2.8.1 */
#define DESC_SIZE      16u
#define DESC_NEXT      1u
#define DESC_WRITE     2u
#define DESC_INDIRECT  4u
#define DESC_AVAIL     0x80u   /* packed */
#define DESC_USED      0x8000u /* packed */
#define TABLE_MAX      32768u  /* entries of an indirect table */

/* A copy of one descriptor. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* packed: the buffer id */
};

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
bool queue_table_open(const struct queue *q, struct table *t, struct desc d);
/* Copies the two words of entry @i < t->entries. */
void queue_table_read(const struct queue *q, const struct table *t, uint32_t i,
		      uint64_t words[2]);

/* A buffer outside the region of the last one, or in several. */
bool queue_add_far(struct queue *q, struct chain *c, struct desc d);

/* Our own limits: pieces of the host, and lengths that fit 32 bits (as the
 * used element's does). */
static inline bool chain_add(struct chain *c, bool write, uint8_t *p,
			     uint32_t len)
{
	unsigned int n = (unsigned int)c->out_count + c->in_count;

	if (n == QUEUE_IOV_MAX || c->out_len + c->in_len + len > UINT32_MAX)
		return false;
	c->iov[n] = (struct iovec){ p, len };
	if (write) {
		c->in_count++;
		c->in_len += len;
	} else {
		c->out_count++;
		c->out_len += len;
	}
	return true;
}

/* Adds one buffer to the chain; false: not in RAM, too many pieces or bytes,
 * or readable behind writable ones. Nothing to add is fine. */
static inline bool queue_add_buffer(struct queue *q, struct chain *c,
				    struct desc d)
{
	bool write = d.flags & DESC_WRITE;
	uint8_t *p;

	if (!d.len)
		return true;
	if (!write && c->in_count)
		return false;
	p = mem_region_ptr(q->near, d.addr, d.len);
	return p ? chain_add(c, write, p, d.len) : queue_add_far(q, c, d);
}

static inline void chain_clear(struct chain *c)
{
	c->out_count = c->in_count = 0;
	c->out_len = c->in_len = 0;
}

#endif
