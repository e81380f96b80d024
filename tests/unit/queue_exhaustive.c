// SPDX-License-Identifier: BSD-3-Clause
/*
 * Every state that a hostile driver can put a split queue of size 2 into, as
 * far as one class of values differs from another: two descriptors (flags,
 * next, place, length), the heads in the available ring, its index. The queue
 * serves each state in two ways, and a model that is written here once more
 * says what must come of it (M6). The properties are numbered; see check().
 *
 * queue_exhaustive [STRIDE]     all states, or each STRIDE-th
 * queue_exhaustive --self-test  bugs are planted; each must be noticed
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/virtio/queue.h"

#define PAGE	4096u
#define GPA	UINT64_C(0x10000)
#define SIZE	2u
#define NEXT	1u
#define WRITE	2u
#define TABLE	4u
#define AT_DESC	 0u
#define AT_AVAIL 64u
#define AT_USED	 128u
#define AT_DATA	 256u /* also a table of two entries */

struct wire {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct state {
	struct wire desc[SIZE];
	uint16_t heads[SIZE];
	uint16_t idx;
	bool together; /* all are taken, then all are completed */
};

static const uint64_t places[] = { GPA + AT_DATA, GPA + PAGE - 16, GPA - 1, 0,
				   UINT64_MAX - 7 };
static const uint32_t lengths[] = { 0, 1, 16, 32, UINT32_MAX };
static const uint16_t nexts[] = { 0, 1, 2, 0xffff };
static const struct wire entries[] = { { GPA + 1024, 8, NEXT, 1 },
				       { GPA + 1032, 8, WRITE, 0 } };
static const struct wire last_entry = { GPA + 2048, 4, WRITE, 0 };

/* ---- the model ---- */

struct buffer {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

struct want {
	bool good;
	unsigned int count;
	struct buffer buf[SIZE];
};

/* The table that lies at a place: its entries, 0 when there is none. */
static unsigned int table_at(const struct wire *d, const struct wire **list)
{
	bool first = d->addr == places[0];

	*list = first ? entries : &last_entry;
	if ((first && (d->len == 16 || d->len == 32)) ||
	    (d->addr == places[1] && d->len == 16))
		return d->len / 16;
	return 0;
}

/* Follows a list; @room: buffers that it may still have. */
static bool follow(struct want *w, const struct wire *list, unsigned int n,
		   unsigned int i, unsigned int room, bool in_table)
{
	const struct wire *d = &list[i];

	if (d->flags & TABLE) {
		const struct wire *table;
		unsigned int fits = table_at(d, &table);

		return room && !in_table && !(d->flags & NEXT) && fits &&
		       follow(w, table, fits, 0, room, true);
	}
	if (!room)
		return false;
	if (d->len) {
		bool write = d->flags & WRITE;

		if (d->addr < GPA || d->addr >= GPA + PAGE ||
		    d->len > GPA + PAGE - d->addr)
			return false;
		if (!write && w->count && w->buf[w->count - 1].write)
			return false;
		w->buf[w->count++] = (struct buffer){ d->addr, d->len, write };
	}
	if (!(d->flags & NEXT))
		return true;
	return d->next < n && follow(w, list, n, d->next, room - 1, in_table);
}

/* How many heads are taken before the ring turns out to be bad. */
static unsigned int sound_heads(const struct state *s, bool *bad)
{
	*bad = true;
	if (s->idx > SIZE)
		return 0;
	for (unsigned int i = 0; i < s->idx; i++) {
		if (s->heads[i] >= SIZE)
			return i;
		/* dropped chains are complete: their head is free again */
		if (s->together && i && s->heads[0] == s->heads[1]) {
			struct want w = { 0 };

			if (follow(&w, s->desc, SIZE, s->heads[0], SIZE,
				   false))
				return i;
		}
	}
	*bad = false;
	return s->idx;
}

/* ---- the queue under test ---- */

enum plant { NONE, WIDE, FORGETFUL, EAGER, LOST, LENGTH, TWICE, SCRIBBLE,
	     PLANTS };

static const char *const plants[] = {
	"nothing", "RAM one page too large", "heads in flight forgotten",
	"an index believed", "a chain never completed",
	"a length that is too large", "a chain completed twice",
	"a descriptor written",
};

struct bench {
	uint8_t *ram;
	struct mem mem;
	struct queue started; /* a copy of it serves each state */
	struct queue q;
	enum plant plant;
	const char *broken; /* the property */
};

struct served {
	unsigned int chains, dropped;
	int last;
	struct chain chain[SIZE + 1];
};

static void store(struct bench *b, const struct state *s)
{
	uint16_t avail[] = { 0, s->idx, s->heads[0], s->heads[1] };

	memcpy(b->ram + AT_DESC, s->desc, sizeof(s->desc));
	memcpy(b->ram + AT_AVAIL, avail, sizeof(avail));
	memset(b->ram + AT_USED, 0xa5, 64);
	memset(b->ram + AT_USED, 0, 4);
}

static void push(struct bench *b, const struct chain *c)
{
	uint8_t *elem = b->ram + AT_USED + 4 + 8 * (b->q.next_used % SIZE);
	uint32_t len = (uint32_t)c->in_len;

	if (b->plant == LOST)
		return;
	if (b->plant == FORGETFUL)
		b->q.in_flight[0] |= 1u << c->head;
	queue_push(&b->q, c, len);
	if (b->plant == LENGTH)
		elem[4]++;
	if (b->plant == TWICE) {
		b->q.in_flight[0] |= 1u << c->head;
		queue_push(&b->q, c, len);
	}
}

/* Property 1: it ends, after at most SIZE chains and one look more. */
static void serve(struct bench *b, const struct state *s, struct served *out)
{
	out->chains = 0;
	do {
		struct chain *c = &out->chain[out->chains];

		if (b->plant == EAGER)
			b->q.seen_avail = (uint16_t)(b->q.next_avail + 1);
		out->last = queue_pop(&b->q, c);
		if (out->last != 1)
			break;
		if (b->plant == FORGETFUL)
			b->q.in_flight[0] = 0;
		if (!s->together)
			push(b, c);
	} while (++out->chains <= SIZE);
	for (unsigned int i = 0; s->together && i < out->chains; i++)
		push(b, &out->chain[i]);
	if (b->plant == SCRIBBLE)
		b->ram[AT_DESC + 8]++;
	out->dropped = (unsigned int)b->q.counts.dropped;
}

/* ---- properties ---- */

static bool holds(struct bench *b, bool ok, const char *property)
{
	if (!ok && !b->broken)
		b->broken = property;
	return ok;
}

static void check_chain(struct bench *b, const struct chain *c,
			const struct want *w)
{
	uint64_t out = 0, in = 0;
	unsigned int n = (unsigned int)c->out_count + c->in_count;

	if (!holds(b, n == w->count, "4: the pieces are the buffers"))
		return;
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *p = c->iov[i].iov_base;
		size_t len = c->iov[i].iov_len;

		holds(b, p >= b->ram && p < b->ram + PAGE && len > 0 &&
		      len <= (size_t)(b->ram + PAGE - p),
		      "2: nothing outside of RAM is handed out");
		holds(b, p == b->ram + (w->buf[i].gpa - GPA) &&
		      len == w->buf[i].len, "4: the pieces are the buffers");
		holds(b, w->buf[i].write == (i >= c->out_count),
		      "5: readable ones first, each as it was declared");
		*(i < c->out_count ? &out : &in) += len;
	}
	holds(b, out == c->out_len && in == c->in_len,
	      "3: the lengths are the sums");
}

/* What the driver sees in the used ring, against the heads. */
static void check_used(struct bench *b, const struct state *s,
		       const struct served *r, unsigned int heads)
{
	const uint8_t *used = b->ram + AT_USED;
	unsigned int good = 0, dropped_first = 0;
	uint16_t idx;

	memcpy(&idx, used + 2, 2);
	holds(b, idx == r->dropped + r->chains || r->last < 0,
	      "6: each chain is completed once");
	holds(b, idx <= s->idx, "7: no more completions than chains");
	for (unsigned int i = 0; i < heads; i++) {
		struct want w = { 0 };

		w.good = follow(&w, s->desc, SIZE, s->heads[i], SIZE, false);
		if (w.good)
			check_chain(b, &r->chain[good++], &w);
		else
			dropped_first += good == 0;
	}
	holds(b, good == r->chains && heads - good == r->dropped,
	      "8: good chains are handed out, bad ones are dropped");
	holds(b, r->chains != SIZE || !s->together ||
	      r->chain[0].head != r->chain[1].head,
	      "9: no head is in flight twice");
	for (unsigned int i = 0; i < idx && i < SIZE; i++) {
		bool dropped = s->together ? i < dropped_first : false;
		uint32_t elem[2], most = 0;

		memcpy(elem, used + 4 + 8 * i, 8);
		for (unsigned int k = 0; k < r->chains; k++)
			if (r->chain[k].head == elem[0] && !dropped)
				most = (uint32_t)r->chain[k].in_len;
		holds(b, elem[0] == s->heads[0] || elem[0] == s->heads[1],
		      "6: each chain is completed once");
		holds(b, elem[1] <= most,
		      "10: no length is larger than the writable part");
	}
	for (unsigned int i = 4 + 8 * SIZE; i < 64; i++)
		holds(b, used[i] == 0xa5,
		      "11: only the used ring's elements are written");
}

/* A chain that is given back is found again, as it was. */
static void check_unpop(struct bench *b, const struct state *s)
{
	static struct chain one, two;

	b->q = b->started;
	store(b, s);
	if (queue_pop(&b->q, &one) != 1)
		return;
	queue_unpop(&b->q, &one);
	holds(b, queue_pop(&b->q, &two) == 1 && one.head == two.head &&
	      one.out_len == two.out_len && one.in_len == two.in_len &&
	      !memcmp(one.iov, two.iov, sizeof(one.iov[0]) *
		      ((size_t)one.out_count + one.in_count)),
	      "12: a chain given back is the next one");
}

/* False: b->broken says why. */
static bool check(struct bench *b, const struct state *s)
{
	static struct served r;
	uint16_t avail[] = { 0, s->idx, s->heads[0], s->heads[1] };
	unsigned int heads;
	bool bad, work;

	b->broken = NULL;
	b->q = b->started;
	store(b, s);
	work = queue_has_work(&b->q);
	serve(b, s, &r);
	heads = sound_heads(s, &bad);
	if (!holds(b, r.chains <= SIZE, "1: it ends"))
		return false;
	holds(b, r.last == (bad ? -EPROTO : 0),
	      "13: the ring is bad exactly when it is");
	holds(b, work == (s->idx != 0), "14: work is there when it is");
	check_used(b, s, &r, heads);
	holds(b, !memcmp(b->ram + AT_DESC, s->desc, sizeof(s->desc)) &&
	      !memcmp(b->ram + AT_AVAIL, avail, sizeof(avail)),
	      "15: what is the driver's is not written");
	holds(b, !b->q.in_flight[0] && !b->q.taken,
	      "16: nothing stays in flight");
	holds(b, queue_pop(&b->q, &r.chain[SIZE]) == r.last,
	      "17: bad stays bad, empty stays empty");
	if (!s->together)
		check_unpop(b, s);
	return !b->broken;
}

/* ---- all of them ---- */

static struct wire wire_of(unsigned int i)
{
	return (struct wire){ .flags = i % 8, .next = nexts[i / 8 % 4],
			      .addr = places[i / 32 % 5],
			      .len = lengths[i / 160 % 5] };
}

#define WIRES 800u

static void set_up(struct bench *b)
{
	const struct queue_params params = { SIZE, GPA + AT_DESC,
					     GPA + AT_AVAIL, GPA + AT_USED };
	const struct queue_features features = { .indirect = true };
	uint8_t *map = mmap(NULL, 3 * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED ||
	    mprotect(map + PAGE, PAGE, PROT_READ | PROT_WRITE) < 0) {
		perror("mmap");
		exit(1);
	}
	*b = (struct bench){ .ram = map + PAGE };
	memcpy(b->ram + AT_DATA, entries, sizeof(entries));
	memcpy(b->ram + PAGE - 16, &last_entry, sizeof(last_entry));
	if (mem_add(&b->mem, GPA, PAGE, b->ram) < 0 ||
	    queue_start(&b->started, &b->mem, SIZE, &params, &features) < 0)
		exit(1);
}

static void tell(const struct bench *b, const struct state *s)
{
	printf("broken: %s\n", b->broken);
	for (unsigned int i = 0; i < SIZE; i++)
		printf("  desc %u: addr 0x%llx len 0x%x flags %u next %u\n", i,
		       (unsigned long long)s->desc[i].addr, s->desc[i].len,
		       s->desc[i].flags, s->desc[i].next);
	printf("  heads %u %u, index %u, %s\n", s->heads[0], s->heads[1],
	       s->idx, s->together ? "together" : "one by one");
}

/* The heads, index and way of serving that go with two descriptors; false
 * when a property is broken. */
static bool rings(struct bench *b, struct state *s, uint64_t *count)
{
	for (unsigned int i = 0; i < 4 * 9 * 2; i++) {
		s->idx = (uint16_t)(i / 18);
		s->heads[0] = (uint16_t)(i / 6 % 3);
		s->heads[1] = (uint16_t)(i / 2 % 3);
		s->together = i & 1;
		/* no more than one case where the heads are not looked at */
		if (s->idx < 2 && s->heads[1])
			continue;
		if (!(s->idx % 3) && s->heads[0])
			continue;
		(*count)++;
		if (!check(b, s))
			return false;
	}
	return true;
}

static int run(struct bench *b, unsigned int stride)
{
	struct state s = { 0 };
	uint64_t count = 0;

	for (unsigned int i = 0; i < WIRES * WIRES; i += stride) {
		s.desc[0] = wire_of(i / WIRES);
		s.desc[1] = wire_of(i % WIRES);
		if (!rings(b, &s, &count)) {
			tell(b, &s);
			return 1;
		}
	}
	printf("%llu states, 17 properties\n", (unsigned long long)count);
	return 0;
}

static int self_test(struct bench *b)
{
	int missed = 0;

	for (enum plant p = WIDE; p < PLANTS; p++) {
		b->plant = p;
		b->mem.region[0].size = p == WIDE ? 2 * PAGE : PAGE;
		printf("planted: %s\n", plants[p]);
		if (run(b, 7) == 0) {
			printf("not noticed\n");
			missed++;
		}
	}
	return missed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct bench b;

	set_up(&b);
	if (argc > 1 && !strcmp(argv[1], "--self-test"))
		return self_test(&b);
	return run(&b, argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1);
}
