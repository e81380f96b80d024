// SPDX-License-Identifier: BSD-3-Clause
/* The block device against drivers that break the rules of a ring while
 * requests are in flight, change what they have sent, or send a great deal.
 * Split rings in front of the core, packed ones behind MMIO. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "blk_case.h"
#include "flat.h"
#include "mem/ram.h"

static int post_read(struct blk_case *c, uint32_t data_len)
{
	const struct driver_buf bufs[] = { { c->header, 16, false },
					   { c->data, data_len, true },
					   { c->status, 1, true } };

	return driver_post(&c->ring[0], bufs, 3);
}

static void kick(struct blk_case *c)
{
	front_kick(&c->front, 0);
	front_sync(&c->front);
}

/* The head that is in flight, once more. */
static void post_again(struct blk_case *c, int head)
{
	struct driver_ring *r = &c->ring[0];

	if (!c->packed) {
		driver_raw_avail(r, (uint16_t)head);
		return;
	}
	driver_raw_desc(r, r->avail, (struct driver_desc){
			c->header, 16, driver_raw_flags(r), (uint16_t)head });
}

/* CVE-2026-45782: the second request's memory was the first one's. */
static void Q20_P05_head_in_flight_again_stops_the_device(void **state)
{
	struct blk_case *c = *state;
	struct driver_done done;
	int head;

	blk_put_header(c, BLK_T_IN, 0);
	c->block->hold = true;
	head = post_read(c, 512);
	kick(c);
	assert_int_equal(c->block->in_flight, 1);
	post_again(c, head);
	kick(c);
	assert_int_equal(c->block->in_flight, 1);
	assert_true(front_get(&c->front, VREG_STATUS) & VIRTIO_S_NEEDS_RESET);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_false(driver_collect(&c->ring[0], &done));
	blk_run(c, ALL_FEATURES);
	blk_still_works(c);
}

struct racer {
	volatile uint8_t *header;
	atomic_bool stop;
};

/* Another vCPU: read or write, near or far. That is a race, and meant to be
 * one. */
__attribute__((no_sanitize("thread"))) static void *race(void *ctx)
{
	struct racer *r = ctx;

	for (unsigned int i = 0; !atomic_load(&r->stop); i++) {
		r->header[0] = i & 1;
		r->header[15] = (uint8_t)(i >> 3 << 7);
	}
	return NULL;
}

/* What is a good read, or else would be a good write if it were allowed. */
static int post_either(struct blk_case *c, bool write)
{
	const struct driver_buf bufs[] = { { c->header, 16, false },
					   { c->data, 512, false },
					   { c->status, 1, true } };

	return write ? driver_post(&c->ring[0], bufs, 3) : post_read(c, 512);
}

/* The backend ends the test when it is told to write. */
static void Q26_header_that_changes_is_judged_once(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { 0 };
	const uint8_t *status;
	unsigned int seen[2] = { 0 };
	struct racer r = { 0 };
	uint64_t end;
	pthread_t thread;

	blk_replace(c, fake_block(CASE_SIZE, true), &cfg);
	blk_run(c, 0);
	blk_put_header(c, BLK_T_IN, 0);
	status = driver_ram_at(&c->ram, c->status, 1);
	r.header = driver_ram_at(&c->ram, c->header, 16);
	assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
	end = clock_mono_ms() + 700;
	for (bool write = false; clock_mono_ms() < end; write = !write) {
		struct driver_done done;

		assert_true(post_either(c, write) >= 0);
		front_kick(&c->front, 0);
		while (!driver_collect(&c->ring[0], &done))
			sched_yield();
		assert_true(*status == BLK_S_IOERR ||
			    (*status == BLK_S_OK && !write));
		assert_int_equal(done.len, write ? 1 :
				 *status == BLK_S_OK ? 513 : 0);
		seen[*status]++;
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	print_message("  %u read, %u refused\n", seen[0], seen[1]);
	assert_true(seen[BLK_S_OK] && seen[BLK_S_IOERR]);
	assert_int_equal(c->block->count[BLOCK_WRITE], 0);
	blk_still_works(c);
}

/* Each of 248 MiB: the same 4 MiB of RAM, 62 times. What is held is a slot for
 * each head of the ring, made with the device. */
static void DB14_full_ring_of_large_requests_takes_no_memory(void **state)
{
	struct blk_case *c = *state;
	struct driver_buf bufs[64] = { { c->header, 16, false } };
	const uint64_t far = DRIVER_RAM_GPA + 4 * MIB;
	struct driver_done done;
	unsigned int posted = 0, back = 0;
	struct flat before;

	blk_run(c, ALL_FEATURES | VIRTIO_F_INDIRECT_DESC);
	blk_put_header(c, BLK_T_IN, 0);
	for (unsigned int i = 1; i < 63; i++)
		bufs[i] = (struct driver_buf){ far, 4 * MIB, true };
	bufs[63] = (struct driver_buf){ c->status, 1, true };
	front_sync(&c->front);
	before = flat_now();
	c->block->hold = true;
	while (driver_post_indirect(&c->ring[0], bufs, 64) >= 0)
		posted++;
	kick(c);
	assert_int_equal(posted, c->ring[0].size);
	assert_int_equal(c->block->in_flight, posted);
	flat_check(&before);
	/* the disk is smaller than that */
	fake_block_release(c->block);
	front_sync(&c->front);
	for (; driver_collect(&c->ring[0], &done); back++)
		assert_int_equal(done.len, 0);
	assert_int_equal(back, posted);
	assert_int_equal(c->block->max_in_flight, posted);
	blk_still_works(c);
}

/* As the balloon's thread does it while ours is at work: the request ends in
 * pages of the guest's that are new. */
static void DL08_page_given_back_under_a_request_gets_its_data(void **state)
{
	struct blk_case *c = *state;
	const struct ram ram = { .backing = RAM_PRIVATE, .fd = -1,
				 .size = DRIVER_RAM_SIZE,
				 .hva = c->ram.bytes };
	struct driver_done done;

	memset(blk_data(c), 0x77, CASE_DATA);
	blk_put_header(c, BLK_T_IN, 0);
	c->block->hold = true;
	assert_true(post_read(c, 3 * 4096) >= 0);
	kick(c);
	assert_int_equal(c->block->in_flight, 1);
	assert_int_equal(ram_discard(&ram, blk_data(c), 4 * 4096), 4 * 4096);
	assert_int_equal(*(uint8_t *)blk_data(c), 0);
	fake_block_release(c->block);
	front_sync(&c->front);
	assert_true(driver_collect(&c->ring[0], &done));
	assert_int_equal(done.len, 3 * 4096 + 1);
	assert_memory_equal(blk_data(c), c->block->bytes, 3 * 4096);
	assert_int_equal(((uint8_t *)blk_data(c))[3 * 4096], 0);
}

int main(void)
{
#define TWICE(f)                                                          \
	{ #f ", split", f, blk_setup_split, blk_teardown, NULL },        \
	{ #f ", packed", f, blk_setup_packed, blk_teardown, NULL }
	const struct CMUnitTest tests[] = {
		TWICE(Q20_P05_head_in_flight_again_stops_the_device),
		TWICE(Q26_header_that_changes_is_judged_once),
		TWICE(DB14_full_ring_of_large_requests_takes_no_memory),
		TWICE(DL08_page_given_back_under_a_request_gets_its_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
