// SPDX-License-Identifier: BSD-3-Clause
/*
 * See queue.h. What both formats share: start and stop, taking and completing,
 * buffers, and the order of completions. The formats themselves are
 * queue_split.c and queue_packed.c; chain.c has the bytes of a chain,
 * queue_snap.c saves and loads.
 */
#include "devices/virtio/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/virtio/queue_ring.h"

/* Bytes of the rings. Those of the split format include the event index, used
 * or not (virtio 1.2, 2.7). */
static uint64_t desc_size(const struct queue *q)
{
	return (uint64_t)q->params.size * DESC_SIZE;
}

static uint64_t driver_size(const struct queue *q)
{
	return q->features.packed ? 4 : 6 + 2 * (uint64_t)q->params.size;
}

static uint64_t device_size(const struct queue *q)
{
	return q->features.packed ? 4 : 6 + 8 * (uint64_t)q->params.size;
}

/* The host address of a ring, NULL when it cannot lie there. */
static uint8_t *ring_at(const struct mem *mem, uint64_t gpa, uint64_t align,
			uint64_t len)
{
	return gpa % align ? NULL : mem_ptr(mem, gpa, len);
}

static void resolve(struct queue *q, const struct mem *mem)
{
	const struct queue_params *p = &q->params;

	q->desc = ring_at(mem, p->desc, 16, desc_size(q));
	q->driver = ring_at(mem, p->driver, q->features.packed ? 4 : 2,
			    driver_size(q));
	q->device = ring_at(mem, p->device, 4, device_size(q));
}

bool queue_ring_in(const struct queue *q, uint64_t gpa, uint64_t len)
{
	const struct queue_params *p = &q->params;

	return q->size && (ranges_meet(gpa, len, p->desc, desc_size(q)) ||
			   ranges_meet(gpa, len, p->driver, driver_size(q)) ||
			   ranges_meet(gpa, len, p->device, device_size(q)));
}

int queue_start(struct queue *q, const struct mem *mem, uint16_t max,
		const struct queue_params *params,
		const struct queue_features *features)
{
	struct queue fresh = { .mem = mem, .near = &mem->region[0],
			       .params = *params,
			       .features = *features, .avail_wrap = true,
			       .used_wrap = true };

	if (!params->size || params->size > max ||
	    params->size > QUEUE_SIZE_MAX ||
	    (!features->packed && !is_pow2(params->size)))
		return -EINVAL;
	resolve(&fresh, mem);
	if (!fresh.desc || !fresh.driver || !fresh.device)
		return -EINVAL;
	if (features->in_order) {
		fresh.order = calloc(1, sizeof(*fresh.order));
		if (!fresh.order)
			return -ENOMEM;
	}
	fresh.size = params->size;
	queue_stop(q);
	*q = fresh;
	return 0;
}

void queue_stop(struct queue *q)
{
	free(q->order);
	memset(q, 0, sizeof(*q));
}

/* ---- buffers ---- */

/* Piece by piece, region by region. */
bool queue_add_far(struct queue *q, struct chain *c, struct desc d)
{
	uint64_t gpa = d.addr;
	uint32_t len = d.len;

	if (!mem_is_ram(q->mem, gpa, len))
		return false;
	for (unsigned int i = 0; i < q->mem->count && len; i++) {
		const struct mem_region *r = &q->mem->region[i];
		uint32_t part;

		if (gpa < r->gpa || gpa - r->gpa >= r->size)
			continue;
		part = (uint32_t)min_u64(len, r->size - (gpa - r->gpa));
		if (!chain_add(c, d.flags & DESC_WRITE,
			       mem_region_ptr(r, gpa, part), part))
			return false;
		q->near = r;
		gpa += part;
		len -= part;
	}
	return true;
}

bool queue_table_open(const struct queue *q, struct table *t, struct desc d)
{
	if (!d.len || d.len % DESC_SIZE || d.len / DESC_SIZE > TABLE_MAX)
		return false;
	t->gpa = d.addr;
	t->entries = d.len / DESC_SIZE;
	t->host = mem_ptr(q->mem, d.addr, d.len);
	return t->host || mem_is_ram(q->mem, d.addr, d.len);
}

void queue_table_read(const struct queue *q, const struct table *t, uint32_t i,
		      uint64_t words[2])
{
	uint64_t off = (uint64_t)i * DESC_SIZE;

	assert(i < t->entries);
	words[0] = words[1] = 0;
	if (!t->host) {
		mem_read(q->mem, words, t->gpa + off, DESC_SIZE);
	} else if (t->gpa % 8) {
		memcpy(words, t->host + off, DESC_SIZE);
	} else {
		words[0] = load64(t->host + off, __ATOMIC_RELAXED);
		words[1] = load64(t->host + off + 8, __ATOMIC_RELAXED);
	}
	/* the copy stays the only look at the guest's bytes */
	__asm__ volatile("" ::: "memory");
}

/* ---- taking and completing ---- */

/* What the device has written: the ring, and maybe all of the chain's writable
 * part, whatever it says. */
static void mark_ring(const struct queue *q)
{
	if (q->features.packed)
		mem_mark(q->mem, q->desc, 16u * q->size);
	mem_mark(q->mem, q->device, q->features.packed ? 4 :
				    6u + 8u * q->size);
}

static void mark_chain(const struct queue *q, const struct chain *c)
{
	for (unsigned int i = 0; i < c->in_count; i++) {
		const struct iovec *iov = &c->iov[c->out_count + i];

		mem_mark(q->mem, iov->iov_base, iov->iov_len);
	}
}

static void put(struct queue *q, uint16_t head, uint16_t slots, uint32_t len)
{
	clear_taken(q, head);
	q->taken = (uint16_t)(q->taken - slots);
	if (q->broken)
		return;
	if (q->features.packed)
		queue_packed_put(q, head, slots, len);
	else
		queue_split_put(q, head, len);
	q->untold += slots;
	if (mem_is_tracked(q->mem))
		mark_ring(q);
}

/* F_IN_ORDER: notes a chain as taken last. */
static void order_take(struct queue_order *o, const struct chain *c)
{
	struct queue_turn *t =
		&o->turn[(o->first + o->count++) % QUEUE_SIZE_MAX];

	assert(o->count <= QUEUE_SIZE_MAX);
	*t = (struct queue_turn){ .head = c->head, .slots = c->slots };
}

/* F_IN_ORDER: the chain is done; completes all that nothing waits for. */
static void order_done(struct queue *q, uint16_t head, uint32_t len)
{
	struct queue_order *o = q->order;
	struct queue_turn *t = NULL;

	for (uint16_t i = 0; i < o->count; i++) {
		t = &o->turn[(o->first + i) % QUEUE_SIZE_MAX];
		if (t->head == head)
			break;
	}
	assert(t && t->head == head && !t->done);
	t->done = true;
	t->len = len;
	while (o->count && o->turn[o->first].done) {
		t = &o->turn[o->first];
		put(q, t->head, t->slots, t->len);
		o->first = (uint16_t)((o->first + 1) % QUEUE_SIZE_MAX);
		o->count--;
	}
}

static void complete(struct queue *q, const struct chain *c, uint32_t len)
{
	if (q->order)
		order_done(q, c->head, len);
	else
		put(q, c->head, c->slots, len);
}

static int take(struct queue *q, struct chain *c)
{
	int r = q->features.packed ? queue_packed_take(q, c)
				   : queue_split_take(q, c);

	if (r <= 0)
		return r;
	q->taken = (uint16_t)(q->taken + c->slots);
	if (q->order)
		order_take(q->order, c);
	return r;
}

int queue_pop(struct queue *q, struct chain *c)
{
	if (q->broken)
		return -EPROTO;
	for (unsigned int tries = q->size; tries; tries--) {
		int r = take(q, c);

		if (r == TAKE_GOOD) {
			q->counts.chains++;
			return 1;
		}
		if (r < 0)
			q->broken = true;
		if (r != TAKE_BAD)
			return r;
		q->counts.dropped++;
		complete(q, c, 0);
	}
	return 0;
}

void queue_unpop(struct queue *q, const struct chain *c)
{
	assert(q->size && is_taken(q, c->head));
	clear_taken(q, c->head);
	q->taken = (uint16_t)(q->taken - c->slots);
	q->counts.chains--;
	if (q->order)
		q->order->count--;
	if (q->features.packed)
		queue_packed_untake(q, c->slots);
	else
		queue_split_untake(q);
}

void queue_push(struct queue *q, const struct chain *c, uint32_t len)
{
	assert(q->size && is_taken(q, c->head));
	assert(len <= c->in_len);
	if (mem_is_tracked(q->mem))
		mark_chain(q, c);
	complete(q, c, len);
}

/* ---- notifications ---- */

bool queue_wants_interrupt(struct queue *q)
{
	uint32_t count = q->untold;

	if (!q->size || q->broken || !count)
		return false;
	q->untold = 0;
	/* our used element before our look at the driver's wish: it stores its
	 * wish, then looks for used elements */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->features.packed ? queue_packed_wants(q, count)
				  : queue_split_wants(q, count);
}

bool queue_set_kicks(struct queue *q, bool on)
{
	if (!q->size || q->broken)
		return false;
	if (q->features.packed)
		queue_packed_kicks(q, on);
	else
		queue_split_kicks(q, on);
	if (mem_is_tracked(q->mem))
		mark_ring(q);
	if (!on)
		return false;
	/* the same the other way round */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue_has_work(q);
}

bool queue_has_work(const struct queue *q)
{
	if (!q->size || q->broken)
		return q->broken;
	return q->features.packed ? queue_packed_has_work(q)
				  : queue_split_has_work(q);
}
