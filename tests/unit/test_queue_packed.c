// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/queue_packed.c. Catalogue group P. */
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
#include "stress.h"

#define NEXT	 DRIVER_F_NEXT
#define WRITE	 DRIVER_F_WRITE
#define INDIRECT DRIVER_F_INDIRECT
#define AVAIL	 DRIVER_F_AVAIL
#define USED	 DRIVER_F_USED
#define RAM	 (DRIVER_RAM_GPA + 0x200000)
#define END	 (DRIVER_RAM_GPA + DRIVER_RAM_SIZE + 4096)

static const struct queue_features ring = { .packed = true },
	with_tables = { .packed = true, .indirect = true },
	with_event = { .packed = true, .event_idx = true };

static void P01_flags_for_another_round_are_not_available(void **state)
{
	static const unsigned int flags[] = { 0, USED, AVAIL | USED };
	struct one_queue *f = one_queue_open(8, ring);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		one_queue_desc(f, 0, RAM, 8, flags[i], 0);
		assert_false(queue_has_work(&f->q));
		assert_int_equal(queue_pop(&f->q, &f->c), 0);
	}
	one_queue_desc(f, 0, RAM, 8, AVAIL, 0);
	assert_true(queue_has_work(&f->q));
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	one_queue_close(f);
	f = one_queue_open(1, ring);
	one_queue_works(f);
	/* the second round: the other way about */
	one_queue_desc(f, 0, RAM, 8, AVAIL, 0);
	assert_int_equal(queue_pop(&f->q, &f->c), 0);
	one_queue_desc(f, 0, RAM, 8, USED, 0);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	one_queue_close(f);
}

static void P02_chain_across_the_ring_end_works(void **state)
{
	struct one_queue *f = one_queue_open(5, ring);
	struct driver_buf bufs[] = { { RAM, 1, false }, { RAM, 2, false },
				     { RAM, 4, true } };

	for (int i = 0; i < 40; i++) {
		assert_true(driver_post(&f->ring, bufs, 3) >= 0);
		one_queue_serve(f, 4);
		assert_int_equal(f->c.slots, 3);
		assert_int_equal(f->c.out_len, 3);
		assert_int_equal(f->c.in_len, 4);
	}
	one_queue_close(f);
}

static void P03_list_that_never_ends_breaks_the_ring(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	for (uint16_t i = 0; i < 8; i++)
		one_queue_desc(f, i, RAM, 8, AVAIL | NEXT, i);
	one_queue_breaks(f);
	one_queue_close(f);
	f = one_queue_open(1, ring);
	one_queue_desc(f, 0, RAM, 8, AVAIL | NEXT, 0);
	one_queue_breaks(f);
	one_queue_close(f);
}

static void P03_chain_of_exactly_queue_size_works(void **state)
{
	struct driver_buf bufs[7];
	struct one_queue *f = one_queue_open(7, with_tables);

	for (unsigned int i = 0; i < 7; i++)
		bufs[i] = (struct driver_buf){ RAM, 8, i > 3 };
	for (int i = 0; i < 5; i++) {
		assert_true(driver_post(&f->ring, bufs, 7) >= 0);
		one_queue_serve(f, 24);
		assert_int_equal(f->c.slots, 7);
		assert_true(driver_post_indirect(&f->ring, bufs, 7) >= 0);
		one_queue_serve(f, 24);
		assert_int_equal(f->c.slots, 1);
		assert_int_equal(f->c.in_count, 3);
	}
	one_queue_close(f);
}

static void P04_torn_list_breaks_the_ring(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	one_queue_desc(f, 0, RAM, 8, AVAIL | NEXT, 0);
	one_queue_desc(f, 1, RAM, 8, AVAIL | NEXT, 0);
	one_queue_desc(f, 2, RAM, 8, 0, 0);
	one_queue_breaks(f);
	one_queue_close(f);
}

static void P05_id_beyond_the_queue_breaks_the_ring(void **state)
{
	static const uint16_t ids[] = { 8, 63, 64, 1024, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct one_queue *f = one_queue_open(8, ring);

		one_queue_desc(f, 0, RAM, 8, AVAIL, ids[i]);
		one_queue_breaks(f);
		one_queue_close(f);
	}
}

static void P05_id_in_flight_breaks_the_ring(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	one_queue_desc(f, 0, RAM, 8, AVAIL, 5);
	one_queue_desc(f, 1, RAM, 8, AVAIL, 5);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(queue_pop(&f->q, &f->c), -EPROTO);
	one_queue_close(f);
}

/* The driver takes slots back that the device has not given back. */
static void P05_more_slots_than_the_ring_has_break_it(void **state)
{
	struct one_queue *f = one_queue_open(3, ring);

	one_queue_desc(f, 0, RAM, 8, AVAIL | NEXT, 0);
	one_queue_desc(f, 1, RAM, 8, AVAIL, 0);
	one_queue_desc(f, 2, RAM, 8, AVAIL, 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	one_queue_desc(f, 0, RAM, 8, USED, 2);
	one_queue_breaks(f);
	one_queue_close(f);
}

static void P06_odd_sizes_and_one_work_zero_is_refused(void **state)
{
	static const uint16_t sizes[] = { 1, 2, 3, 5, 7, 100, 255, 256 };
	struct queue q = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct one_queue *f = one_queue_open(sizes[i], with_event);

		for (int k = 0; k < 1000; k++)
			one_queue_works(f);
		f->ring.params.size = 0;
		assert_int_equal(queue_start(&q, &f->ram.mem, ONE_QUEUE_MAX,
					     &f->ring.params, &ring), -EINVAL);
		one_queue_close(f);
	}
}

/* A bad buffer spoils its chain, not what lies behind it. */
static void P07_bad_lists_are_completed_with_nothing(void **state)
{
	static const struct {
		const char *id;
		struct driver_desc desc[3], table[2];
	} lists[] = {
		{ "indirect first",
		  { { DRIVER_RAM_GPA, 16, AVAIL | INDIRECT | NEXT, 0 },
		    { RAM, 8, AVAIL, 3 } }, { { RAM, 8, 0, 0 } } },
		{ "indirect last",
		  { { RAM, 8, AVAIL | NEXT, 0 },
		    { DRIVER_RAM_GPA, 16, AVAIL | INDIRECT, 3 } },
		  { { RAM, 8, 0, 0 } } },
		{ "odd table", { { DRIVER_RAM_GPA, 15, AVAIL | INDIRECT, 3 } },
		  { { RAM, 8, 0, 0 } } },
		{ "empty table", { { DRIVER_RAM_GPA, 0, AVAIL | INDIRECT, 3 } },
		  { { 0 } } },
		{ "long table",
		  { { DRIVER_RAM_GPA, 9 * 16, AVAIL | INDIRECT, 3 } },
		  { { 0 } } },
		{ "table outside", { { END, 16, AVAIL | INDIRECT, 3 } },
		  { { 0 } } },
		{ "buffer outside", { { END, 16, AVAIL, 3 } }, { { 0 } } },
		{ "readable last", { { RAM, 8, AVAIL | WRITE | NEXT, 0 },
				     { RAM, 8, AVAIL, 3 } }, { { 0 } } },
		{ "bad in the middle", { { RAM, 8, AVAIL | NEXT, 0 },
					 { 0, 8, AVAIL | NEXT, 0 },
					 { RAM, 8, AVAIL | WRITE, 3 } },
		  { { 0 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct one_queue *f = one_queue_open(8, with_tables);
		uint16_t slots = 1;

		for (uint16_t k = 0; k < 3; k++) {
			driver_raw_desc(&f->ring, k, lists[i].desc[k]);
			if (lists[i].desc[k].flags & NEXT)
				slots = k + 2u;
		}
		one_queue_table(f, 0, lists[i].table[0].addr,
				lists[i].table[0].len, 0, 0);
		print_message("  %s\n", lists[i].id);
		one_queue_drops(f);
		assert_int_equal(f->c.head, 3);
		assert_int_equal(f->q.next_used, slots);
		f->ring.avail = f->ring.used = slots;
		one_queue_works(f);
		one_queue_close(f);
	}
}

static void P07_flags_in_tables_other_than_write_mean_nothing(void **state)
{
	struct one_queue *f = one_queue_open(8, with_tables);

	one_queue_table(f, 0, RAM, 8, 0xffff & ~WRITE, 0xffff);
	one_queue_table(f, 1, RAM, 16, 0xffff, 0xffff);
	one_queue_desc(f, 0, f->data, 32, AVAIL | INDIRECT | WRITE, 4);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.out_len, 8);
	assert_int_equal(f->c.in_len, 16);
	one_queue_close(f);
}

static void P07_table_that_was_not_negotiated_is_dropped(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	one_queue_table(f, 0, RAM, 8, 0, 0);
	one_queue_desc(f, 0, f->data, 16, AVAIL | INDIRECT, 4);
	one_queue_drops(f);
	one_queue_close(f);
}

/* After one completion at slot 0 of 8, round one. */
static bool interrupts(struct queue_features features, uint16_t off_wrap,
		       uint16_t flags)
{
	struct one_queue *f = one_queue_open(8, features);
	bool wanted;

	driver_raw_event(&f->ring, off_wrap, flags);
	one_queue_works(f);
	wanted = queue_wants_interrupt(&f->q);
	assert_false(queue_wants_interrupt(&f->q));
	one_queue_close(f);
	return wanted;
}

static void P08_event_suppression(void **state)
{
	assert_true(interrupts(ring, 0, 0));
	assert_false(interrupts(ring, 0, 1));
	/* not negotiated, reserved: as if enabled */
	assert_true(interrupts(ring, 5, 2));
	assert_true(interrupts(with_event, 0, 3));
	assert_true(interrupts(with_event, 5, 0xfffc));
	/* the chain took slots 0 and 1 */
	assert_true(interrupts(with_event, 0x8000, 2));
	assert_true(interrupts(with_event, 0x8001, 2));
	assert_false(interrupts(with_event, 0x8002, 2));
	assert_false(interrupts(with_event, 0x0000, 2));
	assert_false(interrupts(with_event, 0x8007, 2));
	/* beyond the ring */
	assert_true(interrupts(with_event, 0x8008, 2));
	assert_true(interrupts(with_event, 0x7fff, 2));
}

static void P08_kicks_are_turned_on_at_our_position(void **state)
{
	struct one_queue *f = one_queue_open(8, with_event);
	uint16_t off_wrap, flags;

	for (unsigned int i = 0; i < 9; i++) {
		assert_false(queue_set_kicks(&f->q, true));
		driver_raw_device_event(&f->ring, &off_wrap, &flags);
		assert_int_equal(flags, 2);
		assert_int_equal(off_wrap, i * 2 % 8 |
				 (i / 4 % 2 ? 0 : 0x8000));
		queue_set_kicks(&f->q, false);
		driver_raw_device_event(&f->ring, &off_wrap, &flags);
		assert_int_equal(flags, 1);
		one_queue_works(f);
	}
	driver_post(&f->ring, &(struct driver_buf){ RAM, 8, true }, 1);
	assert_true(queue_set_kicks(&f->q, true));
	one_queue_close(f);
	f = one_queue_open(8, ring);
	queue_set_kicks(&f->q, true);
	driver_raw_device_event(&f->ring, &off_wrap, &flags);
	assert_int_equal(flags, 0);
	one_queue_close(f);
}

static void P09_descriptor_that_was_taken_is_not_read_again(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	one_queue_desc(f, 0, RAM, 8, AVAIL | WRITE, 2);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	one_queue_desc(f, 0, 0, UINT32_MAX, 0xffff, 0xffff);
	queue_push(&f->q, &f->c, 8);
	assert_int_equal(driver_raw_read(&f->ring, 0).next, 2);
	assert_int_equal(driver_raw_read(&f->ring, 0).len, 8);
	assert_int_equal(driver_raw_read(&f->ring, 0).flags,
			 AVAIL | USED | WRITE);
	one_queue_close(f);
}

/* A head that stays bad is looked at once. */
static void P10_bad_descriptor_at_the_head_is_no_livelock(void **state)
{
	struct one_queue *f = one_queue_open(8, ring);

	one_queue_desc(f, 0, END, 8, AVAIL, 0);
	one_queue_drops(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_pop(&f->q, &f->c), 0);
	assert_int_equal(f->q.counts.dropped, 1);
	assert_false(queue_has_work(&f->q));
	one_queue_close(f);
}

static void P12_event_areas_lie_in_ram_and_aligned(void **state)
{
	static const uint64_t bad[] = { DRIVER_RAM_GPA + 2, END, END - 2, 0,
					0xfee00000, UINT64_MAX - 3 };
	struct one_queue *f = one_queue_open(8, ring);
	struct queue q = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct queue_params p = f->ring.params;

		p.driver = bad[i];
		assert_int_equal(queue_start(&q, &f->ram.mem, ONE_QUEUE_MAX,
					     &p, &ring), -EINVAL);
		p = f->ring.params;
		p.device = bad[i];
		assert_int_equal(queue_start(&q, &f->ram.mem, ONE_QUEUE_MAX,
					     &p, &ring), -EINVAL);
		assert_int_equal(q.size, 0);
	}
	one_queue_close(f);
}

static void P13_split_to_packed_leaves_nothing_behind(void **state)
{
	struct one_queue *f = one_queue_open(8, (struct queue_features){ 0 });

	for (int i = 0; i < 13; i++)
		one_queue_works(f);
	driver_post(&f->ring, &(struct driver_buf){ RAM, 8, true }, 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	driver_ring_finish(&f->ring);
	driver_ring_init(&f->ring, &f->ram, 8, &ring);
	assert_int_equal(queue_start(&f->q, &f->ram.mem, ONE_QUEUE_MAX,
				     &f->ring.params, &ring), 0);
	for (int i = 0; i < 13; i++)
		one_queue_works(f);
	assert_int_equal(f->q.counts.chains, 13);
	one_queue_close(f);
}

/* The driver's model says where the device must be. Under VIREO_STRESS=185 it
 * is a million times around. */
static void P14_many_rounds_of_random_chains_keep_the_indices(void **state)
{
	struct one_queue *f = one_queue_open(37, ring);
	uint64_t done_slots = 0, seed = 1;
	struct chain taken[37];
	unsigned int count = 0;

	while (done_slots < 200000 * (uint64_t)stress()) {
		struct driver_buf bufs[5];
		struct driver_done done;
		unsigned int n;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (seed >> 33) % 5;
		for (unsigned int i = 0; i < n; i++)
			bufs[i] = (struct driver_buf){ RAM, 8, true };
		while (driver_post(&f->ring, bufs, n) >= 0)
			;
		while (queue_pop(&f->q, &taken[count]) == 1)
			count++;
		assert_int_equal(f->q.next_avail, f->ring.avail);
		assert_int_equal(f->q.avail_wrap, f->ring.avail_wrap);
		for (; count && (seed = seed * 3 + 1) >> 40 & 7; ) {
			unsigned int i = (unsigned int)(seed >> 20) % count;

			queue_push(&f->q, &taken[i], 1);
			done_slots += taken[i].slots;
			assert_true(driver_collect(&f->ring, &done));
			assert_int_equal(done.head, taken[i].head);
			taken[i] = taken[--count];
		}
		assert_int_equal(f->q.next_used, done_slots % 37);
		assert_int_equal(f->q.used_wrap, !(done_slots / 37 % 2));
		assert_int_equal(f->q.next_used, f->ring.used);
	}
	one_queue_close(f);
}

static void unpop_across_the_ring_end_gives_the_chain_back(void **state)
{
	struct driver_buf bufs[] = { { RAM, 1, false }, { RAM, 2, false },
				     { RAM, 4, true } };
	struct one_queue *f = one_queue_open(5, ring);

	for (int i = 0; i < 20; i++) {
		struct queue before = f->q;
		uint16_t head;

		driver_post(&f->ring, bufs, 3);
		assert_int_equal(queue_pop(&f->q, &f->c), 1);
		head = f->c.head;
		queue_unpop(&f->q, &f->c);
		assert_int_equal(f->q.next_avail, before.next_avail);
		assert_int_equal(f->q.avail_wrap, before.avail_wrap);
		assert_int_equal(f->q.taken, 0);
		one_queue_serve(f, 4);
		assert_int_equal(f->c.head, head);
	}
	one_queue_close(f);
}

static void in_order_holds_back_what_overtakes(void **state)
{
	struct one_queue *f = one_queue_open(
		8, (struct queue_features){ .packed = true,
					    .in_order = true });
	struct driver_buf bufs[] = { { RAM, 1, false }, { RAM, 2, true } };
	struct driver_done done;
	struct chain c[2];

	for (int round = 0; round < 10; round++) {
		driver_post(&f->ring, bufs, 1);
		driver_post(&f->ring, bufs, 2);
		assert_int_equal(queue_pop(&f->q, &c[0]), 1);
		assert_int_equal(queue_pop(&f->q, &c[1]), 1);
		queue_push(&f->q, &c[1], 2);
		assert_false(driver_collect(&f->ring, &done));
		queue_push(&f->q, &c[0], 0);
		assert_true(driver_collect(&f->ring, &done));
		assert_int_equal(done.head, c[0].head);
		assert_true(driver_collect(&f->ring, &done));
		assert_int_equal(done.head, c[1].head);
		assert_int_equal(done.len, 2);
	}
	one_queue_close(f);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(P01_flags_for_another_round_are_not_available),
		TEST(P02_chain_across_the_ring_end_works),
		TEST(P03_list_that_never_ends_breaks_the_ring),
		TEST(P03_chain_of_exactly_queue_size_works),
		TEST(P04_torn_list_breaks_the_ring),
		TEST(P05_id_beyond_the_queue_breaks_the_ring),
		TEST(P05_id_in_flight_breaks_the_ring),
		TEST(P05_more_slots_than_the_ring_has_break_it),
		TEST(P06_odd_sizes_and_one_work_zero_is_refused),
		TEST(P07_bad_lists_are_completed_with_nothing),
		TEST(P07_flags_in_tables_other_than_write_mean_nothing),
		TEST(P07_table_that_was_not_negotiated_is_dropped),
		TEST(P08_event_suppression),
		TEST(P08_kicks_are_turned_on_at_our_position),
		TEST(P09_descriptor_that_was_taken_is_not_read_again),
		TEST(P10_bad_descriptor_at_the_head_is_no_livelock),
		TEST(P12_event_areas_lie_in_ram_and_aligned),
		TEST(P13_split_to_packed_leaves_nothing_behind),
		TEST(P14_many_rounds_of_random_chains_keep_the_indices),
		TEST(unpop_across_the_ring_end_gives_the_chain_back),
		TEST(in_order_holds_back_what_overtakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
