// SPDX-License-Identifier: BSD-3-Clause
#include "fake_block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

struct block *fake_block(uint64_t size, bool read_only)
{
	struct block *b = calloc(1, sizeof(*b));

	assert(b);
	b->bytes = malloc(size);
	assert(b->bytes);
	for (uint64_t i = 0; i < size; i++)
		b->bytes[i] = (uint8_t)(i / 512 + i);
	b->info = (struct block_info){
		.size = size, .read_only = read_only, .logical_block = 512,
		.physical_block = 4096,
		.discard_granularity = read_only ? 0 : 4096,
	};
	return b;
}

void block_destroy(struct block *b)
{
	if (!b)
		return;
	assert(!b->in_flight);
	if (b->gone)
		*b->gone = true;
	free(b->bytes);
	free(b);
}

void block_listen(struct block *b, void (*ready)(void *ctx), void *ctx)
{
	b->ready = ready;
	b->ready_ctx = ctx;
}

const struct block_info *block_info(const struct block *b)
{
	return &b->info;
}

bool block_refresh(struct block *b)
{
	assert(!b->in_flight);
	if (!b->next_size || b->next_size == b->info.size)
		return false;
	b->bytes = realloc(b->bytes, b->next_size);
	assert(b->bytes);
	b->info.size = b->next_size;
	return true;
}

unsigned int block_in_flight(const struct block *b)
{
	return b->in_flight;
}

static void transfer(struct block *b, struct block_req *req)
{
	uint64_t off = req->off;
	uint64_t sum = 0;

	for (int i = 0; i < req->iovcnt; i++) {
		const struct iovec *v = &req->iov[i];

		if (req->op == BLOCK_READ)
			memcpy(v->iov_base, b->bytes + off, v->iov_len);
		else
			memcpy(b->bytes + off, v->iov_base, v->iov_len);
		off += v->iov_len;
		sum += v->iov_len;
	}
	assert(sum == req->len);
}

static int carry_out(struct block *b, struct block_req *req)
{
	b->flags = req->flags;
	b->count[req->op]++;
	if (req->op != BLOCK_FLUSH &&
	    (!req->len || (req->off | req->len) % 512 ||
	     !range_ok(req->off, req->len, b->info.size)))
		return -EINVAL;
	if (b->fail[req->op])
		return b->fail[req->op];
	if (req->op == BLOCK_READ || req->op == BLOCK_WRITE)
		transfer(b, req);
	else if (req->op != BLOCK_FLUSH)
		memset(b->bytes + req->off, 0, req->len);
	return 0;
}

void block_submit(struct block *b, struct block_req *req)
{
	assert(req->op == BLOCK_READ || req->op == BLOCK_FLUSH ||
	       !b->info.read_only);
	req->next = NULL;
	if (!b->first)
		b->end = &b->first;
	*b->end = req;
	b->end = &req->next;
	b->in_flight++;
	if (b->in_flight > b->max_in_flight)
		b->max_in_flight = b->in_flight;
}

static void finish(struct block *b)
{
	while (b->first) {
		struct block_req *req = b->first;

		b->first = req->next;
		b->in_flight--;
		req->done(req, carry_out(b, req));
	}
}

void block_kick(struct block *b)
{
	b->kicks++;
	if (!b->hold)
		finish(b);
}

void block_reap(struct block *b)
{
	if (!b->hold)
		finish(b);
}

void block_wait(struct block *b)
{
	finish(b);
}

void block_drain(struct block *b)
{
	finish(b);
}

void fake_block_release(struct block *b)
{
	b->hold = false;
	b->ready(b->ready_ctx);
}
