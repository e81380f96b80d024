// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block device between start and stop: resets with requests in flight,
 * queues, batches, cache modes, limits, snapshots. Every test runs twice; see
 * test_blk.c for the requests themselves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk_case.h"
#include "flat.h"

#include "base/clock.h"
#include "base/num.h"

/* Posts a read of one sector on queue @n; nobody is told. The header is the one
 * of blk_run(): the device may be looking at it for an earlier request. */
static int post_read(struct blk_case *c, unsigned int n, uint64_t at)
{
	const struct driver_buf bufs[] = { { c->header, 16, false },
					   { c->data + at, 512, true },
					   { c->status + n, 1, true } };

	return driver_post(&c->ring[n], bufs, 3);
}

static void kick(struct blk_case *c, unsigned int n)
{
	front_kick(&c->front, n);
	front_sync(&c->front);
}

static unsigned int collect_all(struct blk_case *c, unsigned int n)
{
	struct driver_done done;
	unsigned int count = 0;

	for (; driver_collect(&c->ring[n], &done); count++)
		assert_int_equal(done.len, 513);
	return count;
}

static void T18_X05_a_reset_waits_for_requests_in_flight(void **state)
{
	struct blk_case *c = *state;
	uint8_t *after = malloc(DRIVER_RAM_SIZE);

	c->block->hold = true;
	assert_true(post_read(c, 0, 0) >= 0);
	assert_true(post_read(c, 1, 512) >= 0);
	kick(c, 0);
	kick(c, 1);
	assert_int_equal(c->block->in_flight, 2);
	front_set(&c->front, VREG_STATUS, 0);
	assert_int_equal(front_get(&c->front, VREG_STATUS), 0);
	assert_int_equal(c->block->in_flight, 0);
	memcpy(after, c->ram.bytes, DRIVER_RAM_SIZE);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_memory_equal(after, c->ram.bytes, DRIVER_RAM_SIZE);
	free(after);
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

static void T19_thousands_of_resets_leave_nothing_behind(void **state)
{
	struct blk_case *c = *state;
	struct flat before = { 0 };

	for (unsigned int i = 0; i < 10000; i++) {
		if (i == 100)
			before = flat_now();
		c->block->hold = i % 3 == 0;
		blk_run(c, ALL_FEATURES);
		assert_true(post_read(c, i % 2, 0) >= 0);
		front_kick(&c->front, i % 2);
		if (i % 500 == 0)
			front_sync(&c->front);
	}
	flat_check(&before);
	c->block->hold = false;
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

static void T21_a_ring_reset_waits_for_its_own_queue(void **state)
{
	struct blk_case *c = *state;
	struct queue_features f = front_ring_features(&c->front);

	c->block->hold = true;
	assert_true(post_read(c, 0, 0) >= 0);
	assert_true(post_read(c, 1, 512) >= 0);
	kick(c, 0);
	kick(c, 1);
	front_set(&c->front, VREG_QUEUE_SEL, 0);
	front_set(&c->front, VREG_QUEUE_RESET, 1);
	assert_int_equal(front_get(&c->front, VREG_QUEUE_RESET), 0);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_int_equal(collect_all(c, 1), 1);
	driver_ring_finish(&c->ring[0]);
	driver_ring_init(&c->ring[0], &c->ram, 32, &f);
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	blk_still_works(c);
}

static void a_batch_is_one_kick_and_one_interrupt(void **state)
{
	struct blk_case *c = *state;
	unsigned int held;

	front_sync(&c->front); /* the kick at the start */
	for (held = 0; held < 2; held++) {
		unsigned int irqs = atomic_load(&c->front.queue_irqs);
		unsigned int kicks = c->block->kicks;

		c->block->hold = held;
		for (unsigned int i = 0; i < 20; i++)
			assert_true(post_read(c, 0, 512 * i) >= 0);
		kick(c, 0);
		if (held)
			fake_block_release(c->block);
		assert_int_equal(collect_all(c, 0), 20);
		assert_int_equal(c->block->kicks, kicks + 1);
		assert_int_equal(c->front.queue_irqs, irqs + 1);
	}
}

static void DB14_at_most_a_ring_of_requests_is_in_flight(void **state)
{
	struct blk_case *c = *state;
	unsigned int posted = 0;

	c->block->hold = true;
	while (post_read(c, 0, 512 * (posted % 64)) >= 0)
		posted++;
	kick(c, 0);
	assert_in_range(c->block->in_flight, 21, 64);
	assert_int_equal(c->block->in_flight, posted);
	fake_block_release(c->block);
	assert_int_equal(collect_all(c, 0), posted);
	assert_int_equal(c->block->max_in_flight, posted);
	blk_still_works(c);
}

#define MANY 6

/* Flushes until the ring is full; how many. */
static unsigned int fill_with_flushes(struct blk_case *c,
				      struct driver_ring *ring)
{
	const struct driver_buf bufs[] = { { c->header, 16, false },
					   { c->status, 1, true } };
	unsigned int count = 0;

	while (driver_post(ring, bufs, 2) >= 0)
		count++;
	return count;
}

/* Those that find none wait, on all queues, and are served in the end. */
static void DB14_queues_share_the_requests_in_flight(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { .queues = MANY };
	unsigned int posted = 0, done = 0;
	struct driver_ring ring[MANY];
	struct queue_features f;
	struct driver_done d;

	blk_replace(c, fake_block(CASE_SIZE, false), &cfg);
	assert_true(front_negotiate(&c->front, ALL_FEATURES | c->packed));
	f = front_ring_features(&c->front);
	blk_put_header(c, BLK_T_FLUSH, 0);
	c->block->hold = true;
	for (unsigned int n = 0; n < MANY; n++) {
		driver_ring_init(&ring[n], &c->ram, BLK_QUEUE_SIZE, &f);
		assert_true(front_queue(&c->front, n, &ring[n].params));
		posted += fill_with_flushes(c, &ring[n]);
	}
	front_driver_ok(&c->front);
	for (unsigned int i = 0; i < 4 * MANY; i++)
		front_sync(&c->front);
	assert_int_equal(posted, MANY * BLK_QUEUE_SIZE / 2);
	assert_int_equal(c->block->in_flight, 1024);

	fake_block_release(c->block);
	for (unsigned int i = 0; i < 4 * MANY; i++)
		front_sync(&c->front);
	for (unsigned int n = 0; n < MANY; n++) {
		while (driver_collect(&ring[n], &d))
			done++;
		driver_ring_finish(&ring[n]);
	}
	assert_int_equal(done, posted);
	assert_int_equal(c->block->max_in_flight, 1024);
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

static void DB16_queues_that_are_not_enabled_are_not_served(void **state)
{
	struct blk_case *c = *state;
	static const uint32_t values[] = { 1, 2, 63, 64, 255, 0x8000, 0xffff,
					   0x10000, UINT32_MAX };
	struct queue_features f;

	front_negotiate(&c->front, BLK_F_FLUSH | c->packed);
	f = front_ring_features(&c->front);
	driver_ring_finish(&c->ring[0]);
	driver_ring_init(&c->ring[0], &c->ram, 32, &f);
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	front_set(&c->front, VREG_STATUS, 15);
	assert_true(post_read(c, 1, 0) >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		front_notify(&c->front, values[i]);
	front_sync(&c->front);
	assert_int_equal(collect_all(c, 1), 0);
	assert_int_equal(c->block->count[BLOCK_READ], 0);
	blk_still_works(c);
}

static void Q21_P05_a_broken_ring_stops_the_device_until_its_reset(void **state)
{
	struct blk_case *c = *state;
	uint16_t id;

	c->block->hold = true;
	assert_true(post_read(c, 0, 0) >= 0);
	kick(c, 0);
	if (c->packed) {
		/* a buffer id that no ring of this size has */
		id = 60000;
		driver_raw_desc(&c->ring[0], c->ring[0].avail,
				(struct driver_desc){
					c->header, 16,
					driver_raw_flags(&c->ring[0]), id });
	} else {
		driver_raw_avail(&c->ring[0], 60000);
	}
	kick(c, 0);
	assert_true(front_get(&c->front, VREG_STATUS) & VIRTIO_S_NEEDS_RESET);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_int_equal(collect_all(c, 0), 0); /* left alone */
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

/* ---- configuration ---- */

static uint64_t config(struct blk_case *c, enum blk_field at, unsigned int len)
{
	return front_config(&c->front, at, len);
}

static void the_configuration_describes_the_disk(void **state)
{
	struct blk_case *c = *state;

	assert_int_equal(config(c, BLK_CAPACITY, 8), CASE_SIZE / 512);
	assert_int_equal(config(c, BLK_CAPACITY, 4), CASE_SIZE / 512);
	assert_int_equal(config(c, BLK_SEG_MAX, 4), 256);
	assert_int_equal(config(c, BLK_BLK_SIZE, 4), 512);
	assert_int_equal(config(c, BLK_PHYSICAL_EXP, 1), 3);
	assert_int_equal(config(c, BLK_NUM_QUEUES, 2), CASE_QUEUES);
	assert_int_equal(config(c, BLK_MAX_DISCARD_SEG, 4), 1);
	assert_int_equal(config(c, BLK_DISCARD_ALIGNMENT, 4), 8);
	assert_int_equal(config(c, BLK_MAX_ZEROES_SEG, 4), 1);
	assert_int_equal(config(c, BLK_ZEROES_MAY_UNMAP, 4), 1);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 1);
	assert_int_equal(config(c, 33, 1), 0);
	assert_int_equal(front_get(&c->front, VREG_DEVICE_TYPE), VIRTIO_BLK);
}

static void DB12_only_the_cache_mode_can_be_written(void **state)
{
	struct blk_case *c = *state;

	for (unsigned int i = 0; i < BLK_CONFIG_SIZE; i++) {
		uint64_t before = front_config(&c->front, i, 1);

		if (i == BLK_WRITEBACK)
			continue;
		front_config_set(&c->front, i, 1, ~before & 0xff);
		assert_int_equal(front_config(&c->front, i, 1), before);
	}
	front_config_set(&c->front, BLK_WRITEBACK, 1, 2);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 1);
	front_config_set(&c->front, BLK_WRITEBACK, 4, 0);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 1);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 0);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 0);
}

static void DB12_the_cache_mode_may_change_during_requests(void **state)
{
	struct blk_case *c = *state;

	blk_ask(c, BLK_T_OUT, 0, 512, 0);
	assert_int_equal(c->block->flags & BLOCK_STABLE, 0);
	c->block->hold = true;
	blk_put_header(c, BLK_T_IN, 0);
	assert_true(post_read(c, 0, 0) >= 0);
	kick(c, 0);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 0);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_int_equal(collect_all(c, 0), 1);
	blk_ask(c, BLK_T_OUT, 0, 512, 0);
	assert_int_equal(c->block->flags & BLOCK_STABLE, BLOCK_STABLE);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 1);
	blk_ask(c, BLK_T_OUT, 0, 512, 0);
	assert_int_equal(c->block->flags & BLOCK_STABLE, 0);
}

/* virtio 1.2, 5.2.5 and 5.2.6.2 */
static void without_flush_every_write_is_stable(void **state)
{
	struct blk_case *c = *state;

	blk_run(c, 0);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 0);
	blk_ask(c, BLK_T_OUT, 0, 512, 0);
	assert_int_equal(c->block->flags & BLOCK_STABLE, BLOCK_STABLE);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 1);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 0);
	blk_run(c, BLK_F_CONFIG_WCE);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 0);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 1);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 1);
}

static void DB13_a_new_size_is_told_and_requests_in_flight_end(void **state)
{
	struct blk_case *c = *state;
	uint32_t before = front_get(&c->front, VREG_CONFIG_GENERATION);

	c->block->hold = true;
	assert_true(post_read(c, 0, 0) >= 0);
	kick(c, 0);
	c->block->next_size = 2 * CASE_SIZE;
	blk_refresh(c->front.v);
	assert_int_equal(collect_all(c, 0), 1);
	c->block->hold = false;
	assert_int_equal(config(c, BLK_CAPACITY, 8), 2 * CASE_SIZE / 512);
	assert_int_not_equal(front_get(&c->front, VREG_CONFIG_GENERATION),
			     before);
	if (!c->mmio)
		assert_int_equal(c->front.config_irqs, 1);
	blk_refresh(c->front.v);
	if (!c->mmio)
		assert_int_equal(c->front.config_irqs, 1);
	blk_still_works(c);
}

/* ---- limits, pauses, snapshots ---- */

static void a_rate_limit_delays_and_loses_nothing(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { .queues = 2,
					.rate = { 0, 50, 100 } };
	uint64_t start;
	unsigned int came = 0;

	blk_replace(c, fake_block(CASE_SIZE, false), &cfg);
	blk_run(c, ALL_FEATURES);
	front_sync(&c->front);
	start = clock_mono_ms();
	for (unsigned int i = 0; i < 20; i++)
		assert_true(post_read(c, i % 2, 512 * i) >= 0);
	front_kick(&c->front, 0);
	front_kick(&c->front, 1);
	while (came < 20 && clock_mono_ms() - start < 20000) {
		front_wait(&c->front);
		came += collect_all(c, 0) + collect_all(c, 1);
	}
	assert_int_equal(came, 20);
	/* 50 a second, and what 100 ms have saved up */
	assert_in_range(clock_mono_ms() - start, 250, 20000);
}

static void a_limited_device_can_be_reset_while_it_waits(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { .queues = 2, .rate = { 1000, 0, 1 } };

	blk_replace(c, fake_block(CASE_SIZE, false), &cfg);
	for (unsigned int i = 0; i < 3; i++) {
		blk_run(c, ALL_FEATURES);
		front_sync(&c->front);
		for (unsigned int k = 0; k < 10; k++)
			assert_true(post_read(c, 0, 512 * k) >= 0);
		kick(c, 0);
	}
}

static void X02_a_pause_ends_what_is_in_flight(void **state)
{
	struct blk_case *c = *state;

	c->block->hold = true;
	assert_true(post_read(c, 0, 0) >= 0);
	kick(c, 0);
	virtio_pause(c->front.v);
	assert_int_equal(c->block->in_flight, 0);
	assert_int_equal(collect_all(c, 0), 1);
	c->block->hold = false;
	assert_true(post_read(c, 0, 0) >= 0);
	kick(c, 0);
	assert_int_equal(collect_all(c, 0), 0);
	virtio_resume(c->front.v);
	front_sync(&c->front);
	assert_int_equal(collect_all(c, 0), 1);
}

static void saved_loaded_and_saved_again_is_the_same(void **state)
{
	struct blk_case *c = *state;
	uint8_t *first;
	uint8_t *second;
	size_t len[2];

	front_config_set(&c->front, BLK_WRITEBACK, 1, 0);
	c->block->fail[BLOCK_FLUSH] = -EIO;
	blk_ask(c, BLK_T_FLUSH, 0, 0, 0);
	c->block->fail[BLOCK_FLUSH] = 0;
	first = front_save(&c->front, &len[0]);
	front_set(&c->front, VREG_STATUS, 0);
	assert_int_equal(front_load(&c->front, first, len[0]), 0);
	assert_int_equal(config(c, BLK_WRITEBACK, 1), 0);
	second = front_save(&c->front, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(first, second, len[0]);
	free(first);
	free(second);
}

static void a_snapshot_of_another_size_of_disk_is_refused(void **state)
{
	struct blk_case *c = *state;
	size_t len;
	uint8_t *blob = front_save(&c->front, &len);

	c->block->next_size = 2 * CASE_SIZE;
	blk_refresh(c->front.v);
	assert_true(front_load(&c->front, blob, len) < 0);
	free(blob);
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

static void a_loaded_device_has_its_sticky_error(void **state)
{
	struct blk_case *c = *state;
	size_t len;
	uint8_t *blob;

	c->block->fail[BLOCK_FLUSH] = -EIO;
	blk_ask(c, BLK_T_FLUSH, 0, 0, 0);
	c->block->fail[BLOCK_FLUSH] = 0;
	blob = front_save(&c->front, &len);
	front_set(&c->front, VREG_STATUS, 0);
	assert_int_equal(front_load(&c->front, blob, len), 0);
	assert_int_equal(blk_ask(c, BLK_T_FLUSH, 0, 0, 0).status,
			 BLK_S_IOERR);
	free(blob);
}

static void too_many_queues_are_refused_and_the_backend_is_freed(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { .queues = BLK_MAX_QUEUES + 1 };
	const struct virtio_host host = { "disk1", &c->ram.mem, c->loop,
					  NULL };
	struct block *block = fake_block(512, false);
	struct virtio *v;
	struct err err;
	bool gone = false;

	block->gone = &gone;
	assert_int_equal(blk_create(&v, &cfg, block, &host, &err), -EINVAL);
	assert_null(v);
	assert_true(gone);
	assert_non_null(strstr(err.text, "at most 16"));
}

int main(void)
{
#define TWICE(f)                                                          \
	{ #f ", split", f, blk_setup_split, blk_teardown, NULL },        \
	{ #f ", packed", f, blk_setup_packed, blk_teardown, NULL }
	const struct CMUnitTest tests[] = {
		TWICE(T18_X05_a_reset_waits_for_requests_in_flight),
		TWICE(T19_thousands_of_resets_leave_nothing_behind),
		TWICE(T21_a_ring_reset_waits_for_its_own_queue),
		TWICE(a_batch_is_one_kick_and_one_interrupt),
		TWICE(DB14_at_most_a_ring_of_requests_is_in_flight),
		TWICE(DB14_queues_share_the_requests_in_flight),
		TWICE(DB16_queues_that_are_not_enabled_are_not_served),
		TWICE(Q21_P05_a_broken_ring_stops_the_device_until_its_reset),
		TWICE(the_configuration_describes_the_disk),
		TWICE(DB12_only_the_cache_mode_can_be_written),
		TWICE(DB12_the_cache_mode_may_change_during_requests),
		TWICE(without_flush_every_write_is_stable),
		TWICE(DB13_a_new_size_is_told_and_requests_in_flight_end),
		TWICE(a_rate_limit_delays_and_loses_nothing),
		TWICE(a_limited_device_can_be_reset_while_it_waits),
		TWICE(X02_a_pause_ends_what_is_in_flight),
		TWICE(saved_loaded_and_saved_again_is_the_same),
		TWICE(a_snapshot_of_another_size_of_disk_is_refused),
		TWICE(a_loaded_device_has_its_sticky_error),
		TWICE(too_many_queues_are_refused_and_the_backend_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
