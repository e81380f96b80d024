// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/queue_snap.c: what is saved is loaded, and what cannot be
 * is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "one_queue.h"

#define RAM (DRIVER_RAM_GPA + 0x200000)

/* The blob is the caller's. */
static void *save(struct one_queue *f, size_t *len)
{
	struct snap *s = snap_create();
	const void *blob;
	void *copy;

	assert_non_null(s);
	assert_int_equal(queue_snapshot(&f->q, &f->ram.mem, ONE_QUEUE_MAX, s),
			 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	copy = malloc(*len);
	assert_non_null(copy);
	memcpy(copy, blob, *len);
	snap_destroy(s);
	return copy;
}

static int load(struct queue *q, const struct one_queue *f, const void *blob,
		size_t len)
{
	struct err err = { 0 };
	struct snap *s;
	int r;

	assert_int_equal(snap_open(&s, blob, len, &err), 0);
	r = queue_snapshot(q, &f->ram.mem, ONE_QUEUE_MAX, s);
	snap_destroy(s);
	return r;
}

/* Some chains done, some in flight, some waiting. */
static struct one_queue *busy(uint16_t size, struct queue_features features,
			      struct chain taken[3])
{
	struct one_queue *f = one_queue_open(size, features);
	struct driver_buf bufs[] = { { RAM, 8, false }, { RAM, 16, true } };

	for (int i = 0; i < 11; i++)
		one_queue_works(f);
	for (int i = 0; i < 4; i++)
		assert_true(driver_post(&f->ring, bufs, 2) >= 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_pop(&f->q, &taken[i]), 1);
	if (features.in_order)
		queue_push(&f->q, &taken[1], 16);
	return f;
}

/* The features of bit i of @bits. */
static struct queue_features features_of(unsigned int bits)
{
	return (struct queue_features){ .packed = bits & 1,
					.indirect = bits & 2,
					.event_idx = bits & 4,
					.in_order = bits & 8 };
}

static void queue_goes_on_where_it_was_saved(void **state)
{
	for (unsigned int bits = 0; bits < 16; bits++) {
		struct queue_features features = features_of(bits);
		struct chain taken[3];
		struct one_queue *f = busy(features.packed ? 11 : 16,
					   features, taken);
		struct driver_done done;
		size_t len, again;
		void *blob = save(f, &len), *blob2;

		queue_stop(&f->q);
		assert_int_equal(load(&f->q, f, blob, len), 0);
		blob2 = save(f, &again);
		assert_int_equal(len, again);
		assert_memory_equal(blob, blob2, len);
		for (int i = 0; i < 3; i++)
			if (i != 1 || !features.in_order)
				queue_push(&f->q, &taken[i], 16);
		for (int i = 0; i < 3; i++) {
			assert_true(driver_collect(&f->ring, &done));
			assert_int_equal(done.head, taken[i].head);
			assert_int_equal(done.len, 16);
		}
		one_queue_serve(f, 16);
		one_queue_works(f);
		free(blob);
		free(blob2);
		one_queue_close(f);
	}
}

static void queue_that_was_not_started_is_stopped_by_loading(void **state)
{
	struct one_queue *f = one_queue_open(8, features_of(0));
	struct queue q = { 0 };
	struct queue running = f->q;
	size_t len;
	void *blob;

	f->q = q;
	blob = save(f, &len);
	f->q = running;
	assert_int_equal(load(&f->q, f, blob, len), 0);
	assert_int_equal(f->q.size, 0);
	assert_null(f->q.mem);
	free(blob);
	one_queue_close(f);
}

static void broken_queue_stays_broken(void **state)
{
	struct one_queue *f = one_queue_open(8, features_of(0));
	size_t len;
	void *blob;

	driver_raw_avail_idx(&f->ring, 99);
	assert_int_equal(queue_pop(&f->q, &f->c), -EPROTO);
	blob = save(f, &len);
	assert_int_equal(load(&f->q, f, blob, len), 0);
	assert_int_equal(queue_pop(&f->q, &f->c), -EPROTO);
	free(blob);
	one_queue_close(f);
}

/* ---- what no queue can have saved ---- */

static void set_size(struct queue *q)
{
	q->params.size = 12;
}

static void set_large(struct queue *q)
{
	q->params.size = 512;
}

static void set_ring(struct queue *q)
{
	q->params.device = UINT64_MAX - 3;
}

static void set_unaligned(struct queue *q)
{
	q->params.desc += 8;
}

static void set_avail(struct queue *q)
{
	q->next_avail++;
}

static void set_used(struct queue *q)
{
	q->next_used--;
}

static void set_far(struct queue *q)
{
	q->next_avail = (uint16_t)(q->next_avail + 16);
	q->next_used = (uint16_t)(q->next_used + 16);
}

static void set_taken_count(struct queue *q)
{
	q->taken++;
}

static void set_taken_all(struct queue *q)
{
	q->taken = 0xffff;
}

static void set_wrap(struct queue *q)
{
	q->used_wrap = !q->used_wrap;
}

static void set_head(struct queue *q)
{
	q->in_flight[0] = ~q->in_flight[0] & 0xfff;
}

static void set_head_beyond(struct queue *q)
{
	q->in_flight[0] = q->in_flight[0] >> 1 | UINT64_C(1) << 16;
}

static void set_head_far_beyond(struct queue *q)
{
	q->in_flight[QUEUE_SIZE_MAX / 64 - 1] = UINT64_C(1) << 63;
}

static void set_no_heads(struct queue *q)
{
	memset(q->in_flight, 0, sizeof(q->in_flight));
}

static void set_other_turns(struct queue *q)
{
	q->in_flight[0] = q->in_flight[0] << 1;
}

static void loading_refuses_what_no_queue_can_be(void **state)
{
	static const struct {
		void (*set)(struct queue *q);
		unsigned int formats; /* bits: split, packed, in order */
	} cases[] = {
		{ set_size, 1 },          { set_large, 7 },
		{ set_ring, 7 },          { set_unaligned, 7 },
		{ set_avail, 7 },         { set_used, 7 },
		{ set_far, 2 },           { set_taken_count, 7 },
		{ set_taken_all, 7 },     { set_wrap, 2 },
		{ set_head, 7 },          { set_head_beyond, 7 },
		{ set_head_far_beyond, 7 }, { set_no_heads, 7 },
		{ set_other_turns, 4 },
	};
	static const unsigned int formats[] = { 0, 1, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t k = 0; k < ARRAY_SIZE(formats); k++) {
			struct chain taken[3];
			struct one_queue *f = busy(
				16, features_of(formats[k]), taken);
			struct queue good = f->q;
			size_t len;
			void *blob;
			int r;

			cases[i].set(&f->q);
			blob = save(f, &len);
			f->q = good;
			r = load(&f->q, f, blob, len);
			if (cases[i].formats >> k & 1 && r != -EBADMSG)
				fail_msg("case %zu of format %zu: %d", i, k,
					 r);
			if (r < 0)
				assert_int_equal(f->q.size, 0);
			free(blob);
			one_queue_close(f);
		}
}

/* The rings were in RAM where it was saved; here they are not. */
static void loading_refuses_rings_outside_this_ram(void **state)
{
	struct one_queue *f = one_queue_open(8, features_of(0));
	struct mem none = { 0 }, ram = f->ram.mem;
	size_t len;
	void *blob = save(f, &len);

	f->ram.mem = none;
	assert_int_equal(load(&f->q, f, blob, len), -EBADMSG);
	f->ram.mem = ram;
	free(blob);
	one_queue_close(f);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(queue_goes_on_where_it_was_saved),
		TEST(queue_that_was_not_started_is_stopped_by_loading),
		TEST(broken_queue_stays_broken),
		TEST(loading_refuses_what_no_queue_can_be),
		TEST(loading_refuses_rings_outside_this_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
