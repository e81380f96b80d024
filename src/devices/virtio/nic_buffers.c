// SPDX-License-Identifier: BSD-3-Clause
/*
 * See nic_parts.h. Receive buffers of one queue: taken ahead, because a frame's
 * length is known only after it was read, and given back when they were not
 * needed.
 *
 * Giving back is possible for the chains that were popped last. A bad chain
 * that was completed in between is a fence: the good ones before it are
 * completed empty instead. Only a driver with bad chains ever sees that.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/virtio/nic_parts.h"

/* Moves what is free to the start of the arrays. */
static void compact(struct nic_buffers *b)
{
	unsigned int n = b->end - b->first;
	unsigned int m = b->iov_end - b->iov_first;

	if (!b->first)
		return;
	memmove(b->used, b->used + b->first, n * sizeof(b->used[0]));
	memmove(b->pieces, b->pieces + b->first, n * sizeof(b->pieces[0]));
	memmove(b->iov, b->iov + b->iov_first, m * sizeof(b->iov[0]));
	b->fence = b->fence > b->first ? b->fence - b->first : 0;
	b->first = b->iov_first = 0;
	b->end = n;
	b->iov_end = m;
}

static void add(struct nic_buffers *b, const struct chain *c)
{
	b->used[b->end] = (struct queue_used){
		.head = c->head, .slots = c->slots, .len = (uint32_t)c->in_len,
	};
	b->pieces[b->end] = c->in_count;
	b->end++;
	memcpy(b->iov + b->iov_end, c->iov, c->in_count * sizeof(c->iov[0]));
	b->iov_end += c->in_count;
	b->room += c->in_len;
}

/* virtio 1.2, 5.1.6.3.1: a buffer takes at least the header. Readable parts
 * have no meaning here. */
static bool usable(const struct nic_buffers *b, const struct chain *c)
{
	return !c->out_count &&
	       c->in_len >= (b->mergeable ? NET_HEADER_SIZE : NIC_HEAD_SIZE);
}

int nic_buffers_take(struct nic_buffers *b, uint64_t need)
{
	struct chain *c = &b->chain;

	if (b->room >= need)
		return 0;
	if (!b->mergeable && b->end > b->first)
		return 0;
	compact(b);
	for (unsigned int left = b->q->size; left && b->room < need; left--) {
		uint64_t dropped = b->q->counts.dropped;
		int r;

		if (b->end == NIC_RX_BUFS)
			return 0;
		r = queue_pop(b->q, c);
		if (b->q->counts.dropped != dropped)
			b->fence = b->end;
		if (r < 0)
			return r;
		b->dry = r == 0;
		if (b->dry)
			return 0;
		if (!usable(b, c)) {
			queue_push(b->q, c, 0);
			b->fence = b->end;
			continue;
		}
		if (c->in_count > NIC_RX_IOV - b->iov_end) {
			queue_unpop(b->q, c);
			return 0;
		}
		add(b, c);
		if (!b->mergeable)
			return 0;
	}
	return 0;
}

int nic_buffers_iov(const struct nic_buffers *b, size_t skip,
		    struct iovec *iov)
{
	int n = 0;

	for (unsigned int i = b->iov_first; i < b->iov_end; i++) {
		size_t len = b->iov[i].iov_len;
		size_t cut = skip < len ? skip : len;

		skip -= cut;
		if (len == cut)
			continue;
		iov[n++] = (struct iovec){
			(uint8_t *)b->iov[i].iov_base + cut, len - cut,
		};
	}
	return n;
}

unsigned int nic_buffers_count(const struct nic_buffers *b, uint64_t len)
{
	unsigned int n = 0;

	assert(len && len <= b->room);
	while (len) {
		uint32_t part = b->used[b->first + n].len;

		len -= part < len ? part : len;
		n++;
	}
	return n;
}

static void write_head(const struct nic_buffers *b, const uint8_t *head,
		       size_t len)
{
	for (unsigned int i = b->iov_first; i < b->iov_end && len; i++) {
		size_t n = b->iov[i].iov_len < len ? b->iov[i].iov_len : len;

		memcpy(b->iov[i].iov_base, head, n);
		head += n;
		len -= n;
	}
}

void nic_buffers_fill(struct nic_buffers *b, const uint8_t *head,
		      size_t head_len, uint64_t len, unsigned int count)
{
	struct queue_used *used = b->used + b->first;

	write_head(b, head, head_len);
	for (unsigned int i = 0; i < count; i++) {
		b->room -= used[i].len;
		if (used[i].len > len)
			used[i].len = (uint32_t)len;
		len -= used[i].len;
		b->iov_first += b->pieces[b->first + i];
	}
	queue_push_batch(b->q, used, count);
	b->first += count;
}

void nic_buffers_refuse(struct nic_buffers *b)
{
	struct queue_used *used = b->used + b->first;

	assert(b->end > b->first);
	b->room -= used->len;
	used->len = 0;
	b->iov_first += b->pieces[b->first];
	queue_push_batch(b->q, used, 1);
	b->first++;
}

void nic_buffers_return(struct nic_buffers *b)
{
	while (b->end > b->first && b->end > b->fence) {
		const struct queue_used *used = &b->used[--b->end];

		b->chain.head = used->head;
		b->chain.slots = used->slots;
		queue_unpop(b->q, &b->chain);
	}
	while (b->end > b->first)
		nic_buffers_refuse(b);
	b->first = b->end = b->fence = 0;
	b->iov_first = b->iov_end = 0;
	b->room = 0;
}
