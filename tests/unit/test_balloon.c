// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/virtio/balloon.h"
#include "driver_ring.h"
#include "virtio_front.h"

#define ALL (BALLOON_F_STATS | BALLOON_F_DEFLATE_ON_OOM | BALLOON_F_REPORTING)
#define FIRST_PAGE ((uint32_t)(DRIVER_RAM_GPA / BALLOON_PAGE))
#define PAGES	   ((uint32_t)(DRIVER_RAM_SIZE / BALLOON_PAGE))
#define ARRAY	   (DRIVER_RAM_GPA + MIB) /* where page numbers are put */

struct stage {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	unsigned int lines;
	struct virtio *v;
	struct front front;
	struct driver_ring ring[4];
	unsigned int rings;
	/* what discard() saw; the loop's thread, read after completions */
	unsigned int calls;
	uint64_t gpa[8]; /* the first ones */
	uint64_t len[8];
	bool refuse;
};

static int64_t discard(void *ctx, void *hva, uint64_t len)
{
	struct stage *t = ctx;
	uint64_t off = (uint64_t)((uint8_t *)hva - t->ram.bytes);

	assert_true(range_ok(off, len, DRIVER_RAM_SIZE));
	if (t->calls < ARRAY_SIZE(t->gpa)) {
		t->gpa[t->calls] = DRIVER_RAM_GPA + off;
		t->len[t->calls] = len;
	}
	t->calls++;
	return t->refuse ? -EIO : (int64_t)len;
}

static void note(void *ctx, int level, const char *line)
{
	((struct stage *)ctx)->lines++;
}

static int setup(void **state)
{
	struct stage *t = calloc(1, sizeof(*t));
	const struct balloon_config cfg = { { discard, t }, 3 * MIB };
	struct virtio_host host;

	*state = t;
	driver_ram_init(&t->ram);
	if (loop_create(&t->loop, NULL) < 0)
		return -1;
	t->log = (struct log){ LOG_LEVEL_WARN, note, t };
	host = (struct virtio_host){ "balloon0", &t->ram.mem, t->loop,
				     &t->log };
	if (balloon_create(&t->v, &cfg, &host, NULL) < 0)
		return -1;
	front_init(&t->front, t->v, false);
	return 0;
}

static void drop_rings(struct stage *t)
{
	while (t->rings)
		driver_ring_finish(&t->ring[--t->rings]);
}

static int teardown(void **state)
{
	struct stage *t = *state;

	front_finish(&t->front);
	loop_destroy(t->loop);
	drop_rings(t);
	driver_ram_finish(&t->ram);
	free(t);
	return 0;
}

static void run(struct stage *t, uint64_t features, unsigned int rings)
{
	struct queue_features f;

	assert_true(front_negotiate(&t->front, features));
	drop_rings(t);
	driver_ram_clear(&t->ram);
	/* the first page is no ring's */
	driver_ram_alloc(&t->ram, BALLOON_PAGE, 1);
	f = front_ring_features(&t->front);
	for (t->rings = 0; t->rings < rings; t->rings++) {
		driver_ring_init(&t->ring[t->rings], &t->ram, 16, &f);
		assert_true(front_queue(&t->front, t->rings,
					&t->ring[t->rings].params));
	}
	front_driver_ok(&t->front);
	front_sync(&t->front);
}

static struct balloon_info info(struct stage *t)
{
	struct balloon_info i;

	balloon_get_info(t->v, &i);
	return i;
}

static void put_page(struct stage *t, unsigned int at, uint32_t page)
{
	le32 wire = le32_put(page);

	memcpy(driver_ram_at(&t->ram, ARRAY + 4 * (uint64_t)at, 4), &wire, 4);
}

/* Sends [ARRAY, ARRAY+len) to queue @n and waits. */
static void send(struct stage *t, unsigned int n, uint32_t len)
{
	const struct driver_buf buf = { ARRAY, len, false };
	struct driver_done done;

	assert_true(driver_post(&t->ring[n], &buf, 1) >= 0);
	front_kick(&t->front, n);
	while (!driver_collect(&t->ring[n], &done))
		front_wait(&t->front);
	assert_int_equal(done.len, 0);
}

static void target_is_told_and_saturates(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	assert_int_equal(front_config(&t->front, 0, 4), 768);
	balloon_set_target(t->v, MIB + 4095);
	front_wait(&t->front);
	assert_int_equal(front_config(&t->front, 0, 4), 256);
	assert_int_equal(front_get(&t->front, VREG_CONFIG_GENERATION), 1);
	balloon_set_target(t->v, MIB); /* nothing new */
	assert_int_equal(front_get(&t->front, VREG_CONFIG_GENERATION), 1);
	balloon_set_target(t->v, UINT64_MAX);
	assert_int_equal(front_config(&t->front, 0, 4), PAGES);
	assert_true(info(t).target == DRIVER_RAM_SIZE);
	/* the driver cannot write it, whole or in part */
	front_config_set(&t->front, 0, 4, 5);
	front_config_set(&t->front, 1, 1, 5);
	assert_int_equal(front_config(&t->front, 0, 4), PAGES);
}

static void DL06_actual_saturates(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	front_config_set(&t->front, 4, 4, 100);
	assert_int_equal(front_config(&t->front, 4, 4), 100);
	assert_true(info(t).actual == 100 * BALLOON_PAGE);
	front_config_set(&t->front, 4, 1, 101); /* an old driver's way */
	assert_true(info(t).actual == 101 * BALLOON_PAGE);
	front_config_set(&t->front, 4, 4, UINT32_MAX);
	assert_true(info(t).actual == DRIVER_RAM_SIZE);
	front_config_set(&t->front, 0, 8, UINT64_C(7) << 32 | 99);
	assert_true(front_config(&t->front, 0, 8) ==
		    (UINT64_C(7) << 32 | 768));
}

static void neighbours_go_back_as_one_run(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	for (uint32_t i = 0; i < 10; i++) /* upwards */
		put_page(t, i, FIRST_PAGE + 1000 + i);
	for (uint32_t i = 0; i < 10; i++) /* downwards */
		put_page(t, 10 + i, FIRST_PAGE + 1500 - i);
	put_page(t, 20, FIRST_PAGE + 2000); /* alone */
	send(t, 0, 21 * 4);
	assert_int_equal(t->calls, 3);
	assert_true(t->gpa[0] == DRIVER_RAM_GPA + 1000 * BALLOON_PAGE);
	assert_true(t->len[0] == 10 * BALLOON_PAGE);
	assert_true(t->gpa[1] == DRIVER_RAM_GPA + 1491 * BALLOON_PAGE);
	assert_true(t->len[1] == 10 * BALLOON_PAGE);
	assert_true(t->len[2] == BALLOON_PAGE);
	assert_true(info(t).inflated == 21 * BALLOON_PAGE);
}

static void DL01_pages_that_are_not_RAM_are_ignored(void **state)
{
	static const uint32_t bad[] = {
		0, 1, FIRST_PAGE - 1, FIRST_PAGE + PAGES, 0x80000000,
		UINT32_MAX, 0xfee00, 0xfeb00,
	};
	struct stage *t = *state;

	run(t, ALL, 4);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		put_page(t, i, bad[i]);
	send(t, 0, sizeof(bad));
	assert_int_equal(t->calls, 0);
	assert_true(info(t).ignored == ARRAY_SIZE(bad));
	/* a run that leaves RAM on either side */
	put_page(t, 0, FIRST_PAGE - 1);
	put_page(t, 1, FIRST_PAGE);
	put_page(t, 2, FIRST_PAGE + PAGES - 1);
	put_page(t, 3, FIRST_PAGE + PAGES);
	send(t, 0, 16);
	assert_int_equal(t->calls, 2);
	assert_true(info(t).inflated == 2 * BALLOON_PAGE);
	assert_true(info(t).ignored == ARRAY_SIZE(bad) + 2);
	/* the run that wraps is two */
	put_page(t, 0, UINT32_MAX);
	put_page(t, 1, 0);
	send(t, 0, 8);
	put_page(t, 0, 0);
	put_page(t, 1, UINT32_MAX);
	send(t, 0, 8);
	assert_int_equal(t->calls, 2);
}

/* One after the other, and in the middle of a run. */
static void DL01_Q28_pages_of_its_own_rings_stay(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_RING_PACKED };
	struct stage *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		uint64_t ignored = info(t).ignored;
		uint32_t first, last = 0, n = 0;

		run(t, ALL | features[i], 4);
		for (unsigned int q = 0; q < 4; q++) {
			const struct queue_params *p = &t->ring[q].params;
			const uint64_t at[] = { p->desc, p->driver, p->device };

			for (unsigned int k = 0; k < 3; k++) {
				last = (uint32_t)(at[k] / BALLOON_PAGE);
				put_page(t, n++, last);
			}
		}
		t->calls = 0;
		send(t, 0, 4 * n);
		assert_int_equal(t->calls, 0);
		assert_true(info(t).ignored > ignored);
		first = (uint32_t)(t->ring[0].params.desc / BALLOON_PAGE);
		ignored = info(t).ignored;
		for (n = 0; first + n < last + 4; n++)
			put_page(t, n, first + n);
		send(t, 0, 4 * n);
		assert_int_equal(t->calls, n - (last - first + 1));
		assert_true(info(t).ignored == ignored + last - first + 1);
		/* and it goes on */
		put_page(t, 0, FIRST_PAGE + 1000);
		send(t, 0, 4);
		assert_int_equal(t->front.v->status & VIRTIO_S_NEEDS_RESET, 0);
	}
}

static void DL02_odd_lengths_are_cut(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	put_page(t, 0, FIRST_PAGE + 1000);
	put_page(t, 1, FIRST_PAGE + 1200);
	send(t, 0, 3);
	assert_int_equal(t->calls, 0);
	send(t, 0, 7);
	assert_int_equal(t->calls, 1);
}

static void DL03_one_request_is_bounded(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	for (uint32_t i = 0; i < 100000; i++)
		put_page(t, i, FIRST_PAGE + 1000);
	send(t, 0, 400000);
	assert_int_equal(t->calls, 4096);
}

static void DL04_deflating_what_was_never_inflated_is_nothing(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	put_page(t, 0, FIRST_PAGE + 1000);
	put_page(t, 1, UINT32_MAX);
	send(t, 1, 8);
	assert_int_equal(t->calls, 0);
	assert_true(info(t).inflated == 0);
}

/* So a snapshot's RAM holds still: whoever saves it pauses the devices. */
static void DL08_nothing_goes_back_during_a_pause(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = { ARRAY, 4, false };

	run(t, ALL, 4);
	put_page(t, 0, FIRST_PAGE + 1000);
	virtio_pause(t->v);
	assert_true(driver_post(&t->ring[0], &buf, 1) >= 0);
	front_kick(&t->front, 0);
	front_sync(&t->front);
	assert_int_equal(t->calls, 0);
	virtio_resume(t->v);
	front_sync(&t->front);
	assert_int_equal(t->calls, 1);
}

static void host_that_refuses_is_one_line_each(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	t->refuse = true;
	put_page(t, 0, FIRST_PAGE + 1000);
	send(t, 0, 4);
	assert_int_equal(t->lines, 1);
	assert_true(info(t).inflated == 0);
	for (int i = 0; i < 100; i++)
		send(t, 0, 4);
	assert_in_range(t->lines, 2, 20);
}

/* ---- statistics ---- */

static void put_stat(struct stage *t, unsigned int at, uint16_t tag,
		     uint64_t value)
{
	uint8_t *p = driver_ram_at(&t->ram, ARRAY + 10 * (uint64_t)at, 10);
	le64 wire = le64_put(value);

	p[0] = (uint8_t)tag;
	p[1] = (uint8_t)(tag >> 8);
	memcpy(p + 2, &wire, 8);
}

/* Posts the statistics buffer, which the device keeps. */
static void post_stats(struct stage *t, uint32_t len)
{
	const struct driver_buf buf = { ARRAY, len, false };

	assert_true(driver_post(&t->ring[2], &buf, 1) >= 0);
	front_kick(&t->front, 2);
	front_sync(&t->front);
}

static void statistics_are_asked_for_and_told(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_RING_PACKED };
	struct stage *t = *state;
	struct driver_done done;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		run(t, ALL | features[i], 4);
		assert_true(info(t).stat_mask == 0);
		put_stat(t, 0, BALLOON_FREE, 123456789);
		put_stat(t, 1, 999, 1); /* unknown */
		put_stat(t, 2, BALLOON_TOTAL, UINT64_MAX);
		post_stats(t, 30);
		assert_false(driver_collect(&t->ring[2], &done));
		assert_int_equal(info(t).stat_mask,
				 1 << BALLOON_FREE | 1 << BALLOON_TOTAL);
		assert_true(info(t).stat[BALLOON_FREE] == 123456789);
		assert_true(info(t).stat_ms > 0);

		balloon_ask(t->v);
		while (!driver_collect(&t->ring[2], &done))
			front_wait(&t->front);
		put_stat(t, 0, BALLOON_FREE, 5);
		post_stats(t, 30);
		assert_true(info(t).stat[BALLOON_FREE] == 5);
	}
}

static void asking_where_nobody_answers_does_no_harm(void **state)
{
	struct stage *t = *state;

	balloon_ask(t->v); /* not even a driver */
	front_sync(&t->front);
	run(t, ALL, 4);
	balloon_ask(t->v); /* no buffer */
	front_sync(&t->front);
	run(t, 0, 2);
	balloon_ask(t->v); /* no such queue */
	front_sync(&t->front);
	run(t, ALL, 4);
	post_stats(t, 30);
	front_set(&t->front, VREG_STATUS, 0);
	balloon_ask(t->v); /* the buffer is the driver's again */
	front_sync(&t->front);
}

static void DL05_large_statistics_are_bounded(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	for (unsigned int i = 0; i < 65; i++)
		put_stat(t, i, i < 64 ? 0 : BALLOON_CACHES, i);
	post_stats(t, 4 * MIB);
	assert_int_equal(info(t).stat_mask, 1);
	assert_true(info(t).stat[0] == 63);
}

static void second_statistics_buffer_sends_the_first_back(void **state)
{
	struct stage *t = *state;
	struct driver_done done;

	run(t, ALL, 4);
	for (int i = 0; i < 10; i++)
		post_stats(t, 30);
	for (int i = 0; i < 9; i++)
		assert_true(driver_collect(&t->ring[2], &done));
	assert_false(driver_collect(&t->ring[2], &done));
}

/* ---- free page reporting ---- */

static void report(struct stage *t, unsigned int n, uint64_t gpa, uint32_t len)
{
	const struct driver_buf buf = { gpa, len, true };
	struct driver_done done;

	assert_true(driver_post(&t->ring[n], &buf, 1) >= 0);
	front_kick(&t->front, n);
	while (!driver_collect(&t->ring[n], &done))
		front_wait(&t->front);
}

static void free_pages_go_back(void **state)
{
	struct stage *t = *state;

	run(t, ALL, 4);
	report(t, 3, DRIVER_RAM_GPA + 2 * MIB, 4 * MIB);
	assert_int_equal(t->calls, 1);
	assert_true(t->gpa[0] == DRIVER_RAM_GPA + 2 * MIB);
	assert_true(t->len[0] == 4 * MIB);
	assert_true(info(t).reported == 4 * MIB);
}

static void reporting_queue_follows_without_a_gap(void **state)
{
	struct stage *t = *state;

	run(t, BALLOON_F_REPORTING, 3);
	report(t, 2, DRIVER_RAM_GPA + 2 * MIB, MIB);
	assert_int_equal(t->calls, 1);
}

static void DL07_foreign_ranges_are_not_given_back(void **state)
{
	struct stage *t = *state;

	/* hints with stale commands: FREE_PAGE_HINT is not there to be used */
	assert_false(front_negotiate(&t->front, UINT64_C(1) << 3));
	run(t, ALL, 4);
	report(t, 3, 0, MIB);
	report(t, 3, DRIVER_RAM_GPA + DRIVER_RAM_SIZE - MIB, 2 * MIB);
	report(t, 3, UINT64_MAX - 4095, 8192);
	report(t, 3, 0, UINT32_MAX);
	assert_int_equal(t->calls, 0);
	/* a queue that was not negotiated gives nothing back either */
	run(t, 0, 4);
	report(t, 3, DRIVER_RAM_GPA + 2 * MIB, MIB);
	report(t, 2, DRIVER_RAM_GPA + 2 * MIB, MIB);
	assert_int_equal(t->calls, 0);
}

/* ---- saved state ---- */

static void saving_the_loaded_gives_equal_bytes(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_RING_PACKED };
	struct stage *t = *state;
	struct driver_done done;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		uint8_t *blob[2];
		size_t len[2];

		run(t, ALL | features[i], 4);
		post_stats(t, 30);
		front_config_set(&t->front, 4, 4, 9);
		blob[0] = front_save(&t->front, &len[0]);
		balloon_set_target(t->v, 0);
		assert_int_equal(front_load(&t->front, blob[0], len[0]), 0);
		blob[1] = front_save(&t->front, &len[1]);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(blob[0], blob[1], len[0]);
		free(blob[0]);
		free(blob[1]);
		/* the buffer that is kept is still known */
		balloon_ask(t->v);
		while (!driver_collect(&t->ring[2], &done))
			front_wait(&t->front);
		assert_true(info(t).actual == 9 * BALLOON_PAGE);
		balloon_set_target(t->v, 3 * MIB);
	}
}

static void kept_buffer_of_a_failed_driver_is_forgotten(void **state)
{
	struct stage *t = *state;
	uint8_t *blob;
	size_t len;

	run(t, ALL, 4);
	post_stats(t, 30);
	front_set(&t->front, VREG_STATUS,
		  front_get(&t->front, VREG_STATUS) | VIRTIO_S_FAILED);
	blob = front_save(&t->front, &len);
	assert_int_equal(front_load(&t->front, blob, len), 0);
	free(blob);
}

/* A kept buffer that is not in flight would be completed all the same. */
static void S05_kept_buffer_that_is_not_in_flight_is_refused(void **state)
{
	struct stage *t = *state;
	uint8_t *blob;
	size_t len;
	unsigned int refused = 0;

	run(t, ALL, 4);
	post_stats(t, 30);
	blob = front_save(&t->front, &len);
	/* every bit of every value, one after the other: whatever loads must
	 * survive being asked */
	for (size_t bit = 0; bit < len * 8; bit++) {
		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (front_load(&t->front, blob, len) < 0)
			refused++;
		else
			balloon_ask(t->v);
		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_in_range(refused, len, len * 8);
	assert_int_equal(front_load(&t->front, blob, len), 0);
	free(blob);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(target_is_told_and_saturates),
		TEST(DL06_actual_saturates),
		TEST(neighbours_go_back_as_one_run),
		TEST(DL01_pages_that_are_not_RAM_are_ignored),
		TEST(DL01_Q28_pages_of_its_own_rings_stay),
		TEST(DL02_odd_lengths_are_cut),
		TEST(DL03_one_request_is_bounded),
		TEST(DL04_deflating_what_was_never_inflated_is_nothing),
		TEST(DL08_nothing_goes_back_during_a_pause),
		TEST(host_that_refuses_is_one_line_each),
		TEST(statistics_are_asked_for_and_told),
		TEST(asking_where_nobody_answers_does_no_harm),
		TEST(DL05_large_statistics_are_bounded),
		TEST(second_statistics_buffer_sends_the_first_back),
		TEST(free_pages_go_back),
		TEST(reporting_queue_follows_without_a_gap),
		TEST(DL07_foreign_ranges_are_not_given_back),
		TEST(saving_the_loaded_gives_equal_bytes),
		TEST(kept_buffer_of_a_failed_driver_is_forgotten),
		TEST(S05_kept_buffer_that_is_not_in_flight_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
