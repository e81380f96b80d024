// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the checks of a virtqueue cost: queue_pop() and queue_push() of one
 * buffer, against a loop that makes the same loads and stores and checks
 * nothing. Rounds of a full ring alternate between the two, the posting is not
 * timed; the figures are medians in nanoseconds per chain.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver_ring.h"

#define SIZE   256u
#define ROUNDS 4001u

/* The device that trusts its driver: indices in memory, as ours are, and the
 * same struct chain filled. */
struct naive {
	uint8_t *desc;
	uint8_t *driver;
	uint8_t *device;
	uint8_t *ram; /* where address 0 would be */
	uint16_t size;
	uint16_t avail;
	uint16_t used;
	bool wrap;
	bool used_wrap;
};

static void fill(struct chain *c, const struct naive *n, uint16_t head,
		 uint64_t addr, uint64_t rest)
{
	c->head = head;
	c->slots = 1;
	c->out_count = 0;
	c->in_count = 1;
	c->out_len = 0;
	c->in_len = (uint32_t)rest;
	c->iov[0] = (struct iovec){ n->ram + addr, (uint32_t)rest };
}

__attribute__((noinline)) static bool split_pop(struct naive *n,
						struct chain *c)
{
	uint16_t *avail = (void *)n->driver;
	uint16_t head;
	uint64_t *d;

	if (__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) == n->avail)
		return false;
	head = __atomic_load_n(&avail[2 + (n->avail++ & (n->size - 1))],
			       __ATOMIC_RELAXED);
	d = (void *)(n->desc + 16 * head);
	fill(c, n, head, __atomic_load_n(&d[0], __ATOMIC_RELAXED),
	     __atomic_load_n(&d[1], __ATOMIC_RELAXED));
	return true;
}

__attribute__((noinline)) static void split_push(struct naive *n,
						 const struct chain *c)
{
	uint32_t *elem = (void *)(n->device + 4 +
				  8 * (n->used++ & (n->size - 1)));
	uint16_t *idx = (void *)(n->device + 2);

	__atomic_store_n(&elem[0], c->head, __ATOMIC_RELAXED);
	__atomic_store_n(&elem[1], (uint32_t)c->in_len, __ATOMIC_RELAXED);
	__atomic_store_n(idx, n->used, __ATOMIC_RELEASE);
}

static void step(const struct naive *n, uint16_t *slot, bool *wrap)
{
	if (++*slot == n->size) {
		*slot = 0;
		*wrap = !*wrap;
	}
}

__attribute__((noinline)) static bool packed_pop(struct naive *n,
						 struct chain *c)
{
	uint64_t *d = (void *)(n->desc + 16 * n->avail);
	uint64_t rest = __atomic_load_n(&d[1], __ATOMIC_ACQUIRE);

	if ((rest >> 55 & 1) != n->wrap || rest >> 63 == n->wrap)
		return false;
	fill(c, n, (uint16_t)(rest >> 32),
	     __atomic_load_n(&d[0], __ATOMIC_RELAXED), rest);
	step(n, &n->avail, &n->wrap);
	return true;
}

__attribute__((noinline)) static void packed_push(struct naive *n,
						  const struct chain *c)
{
	uint64_t *d = (void *)(n->desc + 16 * n->used);
	uint64_t flags = n->used_wrap ? 0x8082 : 2;

	__atomic_store_n(&d[1], flags << 48 | (uint64_t)c->head << 32 |
			 (uint32_t)c->in_len, __ATOMIC_RELEASE);
	step(n, &n->used, &n->used_wrap);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double naive_round(struct naive *n, bool packed)
{
	static struct chain c;
	unsigned int got = 0;
	double start = now_ns();

	if (packed)
		for (; packed_pop(n, &c); got++)
			packed_push(n, &c);
	else
		for (; split_pop(n, &c); got++)
			split_push(n, &c);
	assert(got == SIZE);
	return (now_ns() - start) / SIZE;
}

static double queue_round(struct queue *q)
{
	static struct chain c;
	unsigned int got = 0;
	double start = now_ns();

	for (; queue_pop(q, &c) == 1; got++)
		queue_push(q, &c, (uint32_t)c.in_len);
	assert(got == SIZE);
	return (now_ns() - start) / SIZE;
}

static void post_all(struct driver_ring *r, uint64_t gpa)
{
	struct driver_done done;

	while (driver_collect(r, &done))
		;
	for (unsigned int i = 0; i < SIZE; i++) {
		struct driver_buf buf = { gpa + 64 * i, 64, true };
		int head = driver_post(r, &buf, 1);

		assert(head >= 0);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), compare);
	return v[ROUNDS / 2];
}

static void measure(const char *name, bool packed)
{
	static double naive[ROUNDS], ours[ROUNDS];
	struct queue_features features = { .packed = packed };
	struct driver_ring r[2];
	struct driver_ram ram;
	struct queue q = { 0 };
	struct naive n;
	uint64_t gpa;
	int err;

	driver_ram_init(&ram);
	gpa = driver_ram_alloc(&ram, 64 * SIZE, 64);
	for (int i = 0; i < 2; i++)
		driver_ring_init(&r[i], &ram, SIZE, &features);
	err = queue_start(&q, &ram.mem, SIZE, &r[0].params, &features);
	assert(!err);
	n = (struct naive){
		.desc = driver_ram_at(&ram, r[1].params.desc, 16 * SIZE),
		.driver = driver_ram_at(&ram, r[1].params.driver, 4),
		.device = driver_ram_at(&ram, r[1].params.device, 4),
		.ram = ram.bytes - DRIVER_RAM_GPA, .size = SIZE,
		.wrap = true, .used_wrap = true };
	for (unsigned int i = 0; i < ROUNDS; i++) {
		post_all(&r[0], gpa);
		ours[i] = queue_round(&q);
		post_all(&r[1], gpa);
		naive[i] = naive_round(&n, packed);
	}
	printf("%s %.2f %.2f\n", name, median(naive), median(ours));
	queue_stop(&q);
	for (int i = 0; i < 2; i++)
		driver_ring_finish(&r[i]);
	driver_ram_finish(&ram);
}

/* A line per format: its name, the unchecked loop, the queue. */
int main(void)
{
	measure("split", false);
	measure("packed", true);
	return 0;
}
