// SPDX-License-Identifier: BSD-3-Clause
/* A queue in a snapshot; see queue.h. The loaded values are outside input:
 * after the checks here the queue is in a state that taking and completing
 * could have led to. */
#include "devices/virtio/queue_ring.h"

#include "base/endian.h"
#include "base/num.h"

#define VERSION   1
#define TURN_SIZE 9u

static void fields(struct queue *q, struct snap *s)
{
	snap_u16(s, "size", &q->params.size);
	snap_u64(s, "desc", &q->params.desc);
	snap_u64(s, "driver", &q->params.driver);
	snap_u64(s, "device", &q->params.device);
	snap_bool(s, "packed-ring", &q->features.packed);
	snap_bool(s, "indirect", &q->features.indirect);
	snap_bool(s, "event-idx", &q->features.event_idx);
	snap_bool(s, "in-order", &q->features.in_order);
	snap_u16(s, "next-avail", &q->next_avail);
	snap_u16(s, "next-used", &q->next_used);
	snap_bool(s, "avail-wrap", &q->avail_wrap);
	snap_bool(s, "used-wrap", &q->used_wrap);
	snap_u16(s, "taken", &q->taken);
	snap_u32(s, "untold", &q->untold);
	snap_bool(s, "broken", &q->broken);
	snap_u64(s, "chains", &q->counts.chains);
	snap_u64(s, "dropped", &q->counts.dropped);
}

/* A bit per head, 64 in a word, little endian. */
static void heads(struct queue *q, struct snap *s)
{
	le64 words[QUEUE_SIZE_MAX / 64];

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = le64_put(q->in_flight[i]);
	snap_bytes(s, "in-flight", words, sizeof(words));
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		q->in_flight[i] = le64_get(words[i]);
}

static void turn_save(uint8_t *p, const struct queue_turn *t)
{
	p[0] = (uint8_t)t->head;
	p[1] = (uint8_t)(t->head >> 8);
	p[2] = (uint8_t)t->slots;
	p[3] = (uint8_t)(t->slots >> 8);
	for (int i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(t->len >> (8 * i));
	p[8] = t->done;
}

static void turn_load(struct queue_turn *t, const uint8_t *p)
{
	t->head = le16_at(p);
	t->slots = le16_at(p + 2);
	t->len = le32_at(p + 4);
	t->done = p[8] != 0;
}

/* F_IN_ORDER: the chains in flight, the oldest first. */
static void turns(struct queue_order *o, struct snap *s)
{
	uint8_t bytes[QUEUE_SIZE_MAX * TURN_SIZE] = { 0 };
	uint16_t count = o->count;

	snap_u16(s, "turns", &count);
	if (count > QUEUE_SIZE_MAX) {
		snap_reject(s, "turns", "more chains than a queue can have");
		return;
	}
	for (uint16_t i = 0; i < o->count; i++)
		turn_save(bytes + TURN_SIZE * i,
			  &o->turn[(o->first + i) % QUEUE_SIZE_MAX]);
	if (count)
		snap_bytes(s, "turn-list", bytes, TURN_SIZE * count);
	if (!snap_loading(s))
		return;
	o->first = 0;
	o->count = count;
	for (uint16_t i = 0; i < count; i++)
		turn_load(&o->turn[i], bytes + TURN_SIZE * i);
}

static unsigned int heads_in_flight(const struct queue *q)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(q->in_flight); i++)
		n += (unsigned int)__builtin_popcountll(q->in_flight[i]);
	return n;
}

/* How far the position of taking is ahead of that of completing. */
static unsigned int distance(const struct queue *q)
{
	if (!q->features.packed)
		return (uint16_t)(q->next_avail - q->next_used);
	if (q->avail_wrap == q->used_wrap)
		return (unsigned int)(q->next_avail - q->next_used);
	return (unsigned int)(q->next_avail + q->size - q->next_used);
}

static const char *why_indices(const struct queue *q)
{
	unsigned int heads = heads_in_flight(q);

	for (unsigned int i = q->size; i < QUEUE_SIZE_MAX; i++)
		if (is_taken(q, (uint16_t)i))
			return "a head beyond the queue is in flight";
	if (q->features.packed &&
	    (q->next_avail >= q->size || q->next_used >= q->size))
		return "a position beyond the queue";
	if (q->taken > q->size || heads > q->taken || !heads != !q->taken ||
	    (!q->features.packed && heads != q->taken))
		return "not as many as the heads in flight";
	/* a broken queue completes without moving on */
	if (!q->broken && distance(q) != q->taken)
		return "not the distance of the two positions";
	return NULL;
}

/* Each chain in flight has one turn; the first is not done. */
static const char *why_turns(const struct queue *q)
{
	struct queue seen = { .taken = q->taken };
	const struct queue_order *o = q->order;

	if (o->count != heads_in_flight(q) || (o->count && o->turn[0].done))
		return "not the chains in flight";
	for (uint16_t i = 0; i < o->count; i++) {
		const struct queue_turn *t = &o->turn[i];

		if (t->head >= q->size || !is_taken(q, t->head) ||
		    is_taken(&seen, t->head))
			return "not the heads in flight";
		if (!t->slots || t->slots > seen.taken)
			return "not the slots in flight";
		set_taken(&seen, t->head);
		seen.taken = (uint16_t)(seen.taken - t->slots);
	}
	return seen.taken ? "not all the slots in flight" : NULL;
}

static void reject(struct snap *s, const char *field, const char *why)
{
	if (why && !snap_error(s))
		snap_reject(s, field, why);
}

/* @saved: what the snapshot says. */
static void load(struct queue *q, const struct queue *saved,
		 const struct mem *mem, uint16_t max, struct snap *s)
{
	queue_stop(q);
	if (snap_error(s) || !saved->params.size)
		return;
	if (queue_start(q, mem, max, &saved->params, &saved->features) < 0) {
		snap_reject(s, "size", "not a queue that this device can have");
		return;
	}
	q->next_avail = q->seen_avail = saved->next_avail;
	q->next_used = saved->next_used;
	q->avail_wrap = saved->avail_wrap;
	q->used_wrap = saved->used_wrap;
	q->taken = saved->taken;
	q->untold = saved->untold;
	q->broken = saved->broken;
	q->counts = saved->counts;
	for (unsigned int i = 0; i < ARRAY_SIZE(q->in_flight); i++)
		q->in_flight[i] = saved->in_flight[i];
	reject(s, "taken", why_indices(q));
}

int queue_snapshot(struct queue *q, const struct mem *mem, uint16_t max,
		   struct snap *s)
{
	struct queue copy = snap_loading(s) ? (struct queue){ 0 } : *q;

	snap_begin(s, "ring", VERSION);
	fields(&copy, s);
	heads(&copy, s);
	if (snap_loading(s))
		load(q, &copy, mem, max, s);
	if (q->order && !snap_error(s)) {
		turns(q->order, s);
		if (snap_loading(s) && !snap_error(s))
			reject(s, "turns", why_turns(q));
	}
	snap_end(s);
	if (snap_loading(s) && snap_error(s))
		queue_stop(q);
	return snap_error(s);
}
