/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue targets, for both formats: guest RAM of two touching pages, rings
 * in the first, and an input of steps. Each step starts with a byte:
 *
 *	0 OFF16 N BYTES...   writes into RAM
 *	1 I PLACE LEN16 FLAGS NEXT   a descriptor; I >= 128: of the table
 *	2 HEAD               split: into the available ring, and its index
 *	3 pop   4 K push the K-th that was taken   5 unpop what was popped last
 *	6 ON kicks   7 interrupts   9 started again
 *	8 HOW                saved and loaded; HOW > 0: with something changed
 */
#ifndef VIREO_FUZZ_QUEUE_H
#define VIREO_FUZZ_QUEUE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/queue.h"
#include "fuzz.h"

#define FUZZ_PAGE  4096u
#define FUZZ_GPA   UINT64_C(0x10000)
#define FUZZ_DESC  0u
#define FUZZ_AVAIL 0x400u
#define FUZZ_USED  0x800u
#define FUZZ_TABLE 0xf00u /* crosses into the second page */
#define FUZZ_STEPS 4096
#define FUZZ_SNAPS 2 /* they are slow */

struct fuzz_queue {
	const uint8_t *data;
	size_t left;
	struct mem mem;
	uint8_t *page[2];
	struct queue q;
	struct queue_params params;
	struct queue_features features;
	uint16_t avail; /* split */
	unsigned int taken;
	unsigned int snaps;
	bool last_is_popped; /* and not yet pushed: may go back */
	struct chain chain[64];
};

static inline uint8_t fuzz_byte(struct fuzz_queue *f)
{
	if (!f->left)
		return 0;
	f->left--;
	return *f->data++;
}

static inline uint16_t fuzz_half(struct fuzz_queue *f)
{
	uint16_t low = fuzz_byte(f);

	return (uint16_t)(low | fuzz_byte(f) << 8);
}

static inline void fuzz_start(struct fuzz_queue *f)
{
	must(queue_start(&f->q, &f->mem, 64, &f->params, &f->features) == 0);
	f->taken = 0;
	f->avail = 0;
}

static inline void fuzz_open(struct fuzz_queue *f, bool packed_ring)
{
	unsigned int bits = fuzz_byte(f), n = fuzz_byte(f);

	f->features = (struct queue_features){
		.packed = packed_ring, .indirect = bits & 1,
		.event_idx = bits & 2, .in_order = bits & 4 };
	f->params = (struct queue_params){
		.size = (uint16_t)(packed_ring ? 1 + n % 64 : 1u << n % 7),
		.desc = FUZZ_GPA + FUZZ_DESC, .driver = FUZZ_GPA + FUZZ_AVAIL,
		.device = FUZZ_GPA + FUZZ_USED };
	for (unsigned int i = 0; i < 2; i++) {
		f->page[i] = aligned_alloc(FUZZ_PAGE, FUZZ_PAGE);
		must(f->page[i] != NULL);
		memset(f->page[i], 0, FUZZ_PAGE);
		must(mem_add(&f->mem, FUZZ_GPA + i * FUZZ_PAGE, FUZZ_PAGE,
			     f->page[i]) == 0);
	}
	fuzz_start(f);
}

static inline void fuzz_desc(struct fuzz_queue *f)
{
	static const uint64_t places[] = {
		FUZZ_GPA + 0xc00, FUZZ_GPA + FUZZ_TABLE,
		FUZZ_GPA + FUZZ_PAGE - 8, FUZZ_GPA + 2 * FUZZ_PAGE - 16,
		FUZZ_GPA + FUZZ_USED, 0, FUZZ_GPA - 4, UINT64_MAX - 7 };
	unsigned int i = fuzz_byte(f);
	uint64_t addr = places[fuzz_byte(f) % 8], at, words[2];
	uint64_t len = fuzz_half(f), flags = fuzz_byte(f), next = fuzz_byte(f);

	/* bit 6 stands for the bit that does not fit */
	flags = (flags & 0xbf) | (flags & 0x40) << 9;
	words[0] = addr;
	words[1] = f->features.packed ? len | next << 32 | flags << 48
				      : len | flags << 32 | next << 48;
	at = i < 128 ? FUZZ_GPA + FUZZ_DESC + 16 * (i % 64)
		     : FUZZ_GPA + FUZZ_TABLE + 16 * (i % 32);
	must(mem_write(&f->mem, at, words, 16) == 0);
}

static inline void fuzz_write(struct fuzz_queue *f)
{
	uint64_t off = fuzz_half(f) % (2 * FUZZ_PAGE);

	for (unsigned int n = fuzz_byte(f) % 64; n; n--, off++) {
		uint8_t byte = fuzz_byte(f);

		if (off < 2 * FUZZ_PAGE)
			must(!mem_write(&f->mem, FUZZ_GPA + off, &byte, 1));
	}
}

static inline void fuzz_avail(struct fuzz_queue *f)
{
	uint16_t head = fuzz_byte(f);
	uint64_t at = FUZZ_GPA + FUZZ_AVAIL;

	must(!mem_write(&f->mem, at + 4 + 2 * (f->avail % f->params.size),
			&head, 2));
	f->avail++;
	must(!mem_write(&f->mem, at + 2, &f->avail, 2));
}

/* What queue.h promises of a chain. */
static inline void fuzz_check(const struct fuzz_queue *f,
			      const struct chain *c)
{
	unsigned int n = (unsigned int)c->out_count + c->in_count;
	struct iovec iov[QUEUE_IOV_MAX];
	uint64_t sum[2] = { 0, 0 };
	uint8_t byte = 0x5a;

	must(c->head < f->params.size && n <= QUEUE_IOV_MAX);
	must(c->slots >= 1 && c->slots <= f->params.size);
	for (unsigned int i = 0; i < f->taken; i++)
		must(f->chain[i].head != c->head);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *p = c->iov[i].iov_base;
		size_t len = c->iov[i].iov_len;
		bool inside = false;

		for (unsigned int k = 0; k < 2; k++)
			inside |= p >= f->page[k] &&
				  p < f->page[k] + FUZZ_PAGE &&
				  len <= (size_t)(f->page[k] + FUZZ_PAGE - p);
		must(inside && len > 0);
		sum[i >= c->out_count] += len;
	}
	must(sum[0] == c->out_len && sum[1] == c->in_len);
	if (c->out_len)
		must(chain_read(c, c->out_len - 1, &byte, 1));
	must(!chain_read(c, c->out_len, &byte, 1));
	if (c->in_len)
		must(chain_write(c, c->in_len - 1, &byte, 1));
	must(!chain_write(c, c->in_len, &byte, 1));
	must(chain_out(c, 0, c->out_len, iov, QUEUE_IOV_MAX) == c->out_count);
	must(chain_in(c, 0, c->in_len, iov, QUEUE_IOV_MAX) == c->in_count);
	must(chain_in(c, 1, c->in_len, iov, QUEUE_IOV_MAX) == -1);
	must(chain_out(c, 1, c->out_len, iov, QUEUE_IOV_MAX) == -1);
}

static inline void fuzz_pop(struct fuzz_queue *f)
{
	struct chain *c = &f->chain[f->taken];
	uint64_t dropped = f->q.counts.dropped;
	bool work = queue_has_work(&f->q);
	int r;

	if (f->taken == 64)
		return;
	r = queue_pop(&f->q, c);
	must(r == 1 || r == 0 || r == -EPROTO);
	must(work == (r != 0 || f->q.counts.dropped != dropped));
	must(f->q.counts.dropped - dropped <= f->params.size);
	must(r >= 0 || queue_pop(&f->q, c) == -EPROTO);
	f->last_is_popped = r == 1;
	if (r != 1)
		return;
	fuzz_check(f, c);
	f->taken++;
}

static inline void fuzz_push(struct fuzz_queue *f)
{
	unsigned int i = fuzz_byte(f);

	if (!f->taken)
		return;
	i %= f->taken;
	queue_push(&f->q, &f->chain[i], (uint32_t)f->chain[i].in_len);
	f->chain[i] = f->chain[--f->taken];
	f->last_is_popped = false;
}

static inline void fuzz_unpop(struct fuzz_queue *f)
{
	uint16_t next = f->q.next_avail;

	if (!f->last_is_popped)
		return;
	queue_unpop(&f->q, &f->chain[--f->taken]);
	must(f->q.broken || f->params.size == 1 || f->q.next_avail != next ||
	     f->chain[f->taken].slots == f->params.size);
	f->last_is_popped = false;
}

static inline int fuzz_reload(struct queue *to, struct queue *from,
			      const struct mem *mem)
{
	struct snap *s = snap_create(), *in = NULL;
	struct err err = { 0 };
	const void *blob;
	size_t len;
	int r;

	must(s && !queue_snapshot(from, mem, 64, s));
	must(!snap_finish(s, &blob, &len) && !snap_open(&in, blob, len, &err));
	r = queue_snapshot(to, mem, 64, in);
	snap_destroy(in);
	snap_destroy(s);
	return r;
}

/* A snapshot is outside input: it is refused, or a queue comes of it. */
static inline void fuzz_damage(struct fuzz_queue *f, unsigned int how)
{
	struct queue damaged = f->q, other = { 0 };
	int r;

	switch (how % 7) {
	case 0:
		damaged.next_avail = (uint16_t)(damaged.next_avail + how);
		break;
	case 1:
		damaged.next_used = (uint16_t)(damaged.next_used - how);
		break;
	case 2:
		damaged.taken = (uint16_t)(damaged.taken + how);
		break;
	case 3:
		damaged.in_flight[how / 7 % 16] ^= UINT64_C(1) << how % 64;
		break;
	case 4:
		damaged.params.size = (uint16_t)how;
		break;
	case 5:
		damaged.params.desc += how;
		break;
	default:
		damaged.used_wrap = !damaged.used_wrap;
		break;
	}
	r = fuzz_reload(&other, &damaged, &f->mem);
	must(r == 0 || (r == -EBADMSG && other.size == 0));
	must(r || other.taken <= other.size);
	queue_stop(&other);
}

static inline void fuzz_snapshot(struct fuzz_queue *f)
{
	unsigned int how = fuzz_byte(f);
	struct queue saved = f->q;

	if (f->snaps++ >= FUZZ_SNAPS)
		return;
	if (how) {
		fuzz_damage(f, how);
		return;
	}
	must(!fuzz_reload(&f->q, &f->q, &f->mem));
	must(f->q.next_avail == saved.next_avail &&
	     f->q.next_used == saved.next_used && f->q.taken == saved.taken &&
	     f->q.untold == saved.untold && f->q.broken == saved.broken &&
	     !memcmp(f->q.in_flight, saved.in_flight,
		     sizeof(saved.in_flight)));
}

static inline void fuzz_step(struct fuzz_queue *f)
{
	switch (fuzz_byte(f) % 10) {
	case 0:
		fuzz_write(f);
		break;
	case 1:
		fuzz_desc(f);
		break;
	case 2:
		fuzz_avail(f);
		break;
	case 3:
		fuzz_pop(f);
		break;
	case 4:
		fuzz_push(f);
		break;
	case 5:
		fuzz_unpop(f);
		break;
	case 6:
		queue_set_kicks(&f->q, fuzz_byte(f) & 1);
		break;
	case 7:
		queue_wants_interrupt(&f->q);
		break;
	case 8:
		fuzz_snapshot(f);
		break;
	default:
		fuzz_start(f);
		f->last_is_popped = false;
		break;
	}
}

static inline int fuzz_queue(const uint8_t *data, size_t size,
			     bool packed_ring)
{
	static struct fuzz_queue f;

	memset(&f, 0, offsetof(struct fuzz_queue, chain));
	f.data = data;
	f.left = size;
	fuzz_open(&f, packed_ring);
	for (unsigned int i = 0; f.left && i < FUZZ_STEPS; i++)
		fuzz_step(&f);
	while (f.taken)
		queue_push(&f.q, &f.chain[--f.taken], 0);
	must(f.q.taken == 0);
	queue_stop(&f.q);
	free(f.page[0]);
	free(f.page[1]);
	return 0;
}

#endif
