// SPDX-License-Identifier: BSD-3-Clause
/* Frames on their way into the driver's buffers: merged, held, refused, and
 * never in parts. Every test with both ring formats. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "nic_case.h"

static const uint64_t formats[] = {
	0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
	VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static void kick(struct nic_case *c, unsigned int n)
{
	front_kick(&c->front, n);
	nic_sync(c);
}

static void deliver(struct nic_case *c, size_t len)
{
	uint8_t *frame = malloc(len + 1);

	nic_frame_to(frame, len, NULL);
	nic_deliver(c, 0, frame, len);
	free(frame);
	nic_sync(c);
}

static struct nic_counts counts(struct nic_case *c)
{
	struct nic_counts n;

	nic_counts(c->v, &n);
	return n;
}

static void expect_none(struct nic_case *c)
{
	struct driver_done done;

	assert_false(nic_collect(c, RX(0), &done));
}

/* Collects a frame of @len bytes from the buffers it says it is in. */
static unsigned int expect_frame(struct nic_case *c, size_t len)
{
	uint8_t *frame = malloc(len), *got = malloc(len + 12);
	unsigned int buffers = 1, seen = 0;
	size_t at = 0;

	nic_frame_to(frame, len, NULL);
	for (; seen < buffers; seen++) {
		struct driver_done done;
		const uint8_t *p;

		assert_true(nic_collect(c, RX(0), &done));
		p = nic_bytes(c, RX(0), done.head, done.len);
		if (!seen)
			buffers = p[10] | (unsigned int)p[11] << 8;
		assert_true(at + done.len <= len + 12);
		memcpy(got + at, p, done.len);
		at += done.len;
	}
	assert_int_equal(at, len + 12);
	assert_memory_equal(got + 12, frame, len);
	free(frame);
	free(got);
	return buffers;
}

static void a_frame_comes_in_behind_its_header(void **state)
{
	struct nic_case *c = *state;

	c->ring_size = 256;
	for (size_t f = 0; f < FORMATS; f++) {
		for (int mrg = 0; mrg < 2; mrg++) {
			nic_run(c, formats[f] | (mrg ? NIC_F_MRG_RXBUF : 0));
			for (unsigned int pieces = 1; pieces < 20; pieces++)
				nic_post_rx(c, 0, 1600, pieces);
			kick(c, RX(0));
			for (size_t len = 14; len <= 1500; len += 93) {
				deliver(c, len);
				assert_int_equal(expect_frame(c, len), 1);
			}
			expect_none(c);
		}
	}
}

static void large_frames_are_merged_from_buffers(void **state)
{
	const size_t lens[] = { 1524, 1525, 5000, 40000, NET_FRAME_MAX, 60 };
	const unsigned int need[] = { 1, 2, 4, 27, 43, 1 };
	struct nic_case *c = *state;

	c->ring_size = 256;
	for (size_t f = 0; f < FORMATS; f++) {
		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		for (int i = 0; i < 100; i++)
			nic_post_rx(c, 0, 1536, i % 3 ? 1 : 2);
		kick(c, RX(0));
		for (int i = 0; i < 6; i++) {
			deliver(c, lens[i]);
			assert_int_equal(expect_frame(c, lens[i]), need[i]);
			expect_none(c);
		}
	}
}

static void many_frames_come_with_one_wake_up(void **state)
{
	struct nic_case *c = *state;

	c->ring_size = 256;
	for (size_t f = 0; f < FORMATS; f++) {
		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		for (int i = 0; i < 250; i++)
			nic_post_rx(c, 0, 200, 1);
		for (int i = 0; i < 200; i++) {
			uint8_t frame[100];

			nic_frame_to(frame, sizeof(frame), NULL);
			nic_deliver(c, 0, frame, sizeof(frame));
		}
		kick(c, RX(0));
		for (int i = 0; i < 200; i++)
			assert_int_equal(expect_frame(c, 100), 1);
		expect_none(c);
	}
}

static void DN05_a_frame_larger_than_its_buffer_is_dropped(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		uint64_t before = counts(c).receive_dropped;

		nic_run(c, formats[f]);
		nic_post_rx(c, 0, 500, 1);
		kick(c, RX(0));
		deliver(c, 489);
		assert_int_equal(counts(c).receive_dropped, before + 1);
		expect_none(c); /* the buffer stays */
		deliver(c, 488);
		assert_int_equal(expect_frame(c, 488), 1);
	}
}

static void DN05_a_buffer_smaller_than_the_header_comes_back(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		for (int mrg = 0; mrg < 2; mrg++) {
			struct driver_done done;

			nic_run(c, formats[f] | (mrg ? NIC_F_MRG_RXBUF : 0));
			for (uint32_t len = 1; len < 12; len++)
				nic_post_rx(c, 0, len, 1);
			nic_post_rx(c, 0, 200, 1);
			kick(c, RX(0));
			deliver(c, 100);
			for (uint32_t len = 1; len < 12; len++) {
				assert_true(nic_collect(c, RX(0), &done));
				assert_int_equal(done.len, 0);
			}
			expect_frame(c, 100);
		}
	}
}

/* A chain that the device must not write to, or only in part. */
static void post_odd(struct nic_case *c, bool mixed)
{
	uint64_t gpa = driver_ram_alloc(&c->ram, 2000, 16);
	const struct driver_buf bufs[2] = { { gpa, 1000, false },
					    { gpa + 1000, 1000, true } };

	assert_true(driver_post(&c->ring[RX(0)], bufs, mixed ? 2 : 1) >= 0);
}

static void DN06_readable_buffers_come_back_empty(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		struct driver_done done;
		unsigned int empty = 0;

		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		post_odd(c, false);
		post_odd(c, true);
		nic_post_rx(c, 0, 200, 1);
		kick(c, RX(0));
		deliver(c, 100);
		for (; empty < 2; empty++) {
			assert_true(nic_collect(c, RX(0), &done));
			assert_int_equal(done.len, 0);
		}
		expect_frame(c, 100);
		expect_none(c);
	}
}

/* Good buffers around bad ones: each comes back exactly once (the driver's
 * model ends the test otherwise), and the ring goes on. */
static void DN06_bad_buffers_between_good_ones_lose_none(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		struct driver_done done;
		unsigned int back = 0;

		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		for (int round = 0; round < 50; round++) {
			nic_post_rx(c, 0, 600, 1);
			if (round % 2)
				post_odd(c, round % 4 == 1);
			nic_post_rx(c, 0, 600, 1);
			kick(c, RX(0));
			deliver(c, round % 3 ? 100 : 1000);
			while (nic_collect(c, RX(0), &done))
				back++;
		}
		assert_true(back > 50);
		/* what is left in the ring still works */
		nic_post_rx(c, 0, 600, 1);
		kick(c, RX(0));
		deliver(c, 100);
		assert_true(nic_collect(c, RX(0), &done));
		assert_false(virtio_broken(c->v));
	}
}

static void DN07_a_frame_waits_for_all_of_its_buffers(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		unsigned int reads;

		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		for (int i = 0; i < 4; i++)
			nic_post_rx(c, 0, 1000, 1);
		kick(c, RX(0));
		deliver(c, 5500);
		expect_none(c);
		assert_int_equal(fake_net_waiting(c->net, 0), 1);
		/* nothing is done while nothing changes */
		reads = c->net->reads;
		nic_sync(c);
		nic_sync(c);
		assert_int_equal(c->net->reads, reads);
		assert_false(fake_net_receives(c->net, 0));
		nic_post_rx(c, 0, 1000, 1);
		assert_true(driver_wants_kick(&c->ring[RX(0)]));
		kick(c, RX(0));
		expect_none(c);
		nic_post_rx(c, 0, 1000, 1);
		assert_true(driver_wants_kick(&c->ring[RX(0)]));
		kick(c, RX(0));
		assert_int_equal(expect_frame(c, 5500), 6);
	}
}

static void DN11_a_flood_without_buffers_is_left_alone(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		unsigned int reads;
		uint64_t start;

		nic_run(c, formats[f] | NIC_F_MRG_RXBUF);
		nic_sync(c);
		while (front_irq_comes(&c->front))
			; /* of the format before */
		reads = c->net->reads;
		for (int i = 0; i < 100; i++) {
			uint8_t frame[100];

			nic_frame_to(frame, sizeof(frame), NULL);
			nic_deliver(c, 0, frame, sizeof(frame));
		}
		nic_sync(c);
		nic_sync(c);
		assert_true(c->net->reads - reads <= 2);
		assert_false(fake_net_receives(c->net, 0));
		assert_int_equal(fake_net_waiting(c->net, 0), 100);
		/* CVE-2020-16843 was a device that did not come back */
		start = clock_mono_ms();
		nic_post_rx(c, 0, 200, 1);
		assert_true(driver_wants_kick(&c->ring[RX(0)]));
		front_kick(&c->front, RX(0));
		front_wait(&c->front);
		assert_true(clock_mono_ms() - start < 1000);
		nic_sync(c);
		assert_int_equal(expect_frame(c, 100), 1);
		for (int i = 1; i < 100; i++) {
			nic_post_rx(c, 0, 200, 1);
			if (driver_wants_kick(&c->ring[RX(0)]))
				kick(c, RX(0));
			assert_int_equal(expect_frame(c, 100), 1);
		}
	}
}

static void DN13_what_is_no_frame_is_dropped(void **state)
{
	static const uint8_t headers[][12] = {
		{ 8 }, { 1 }, { 2 }, { 0, 1 }, { 0, 77 }, { 1, 1, 0, 0, 9 },
	};
	struct nic_case *c = *state;
	uint8_t bytes[112] = { 0 };
	uint64_t before;

	nic_run(c, NIC_F_MRG_RXBUF);
	for (int i = 0; i < 30; i++)
		nic_post_rx(c, 0, 200, 1);
	kick(c, RX(0));
	before = counts(c).receive_dropped;
	for (size_t len = 0; len < 26; len++)
		fake_net_deliver(c->net, 0, bytes, len);
	for (int i = 0; i < 6; i++) {
		memcpy(bytes, headers[i], 12);
		fake_net_deliver(c->net, 0, bytes, sizeof(bytes));
	}
	nic_sync(c);
	assert_int_equal(counts(c).receive_dropped, before + 32);
	expect_none(c);
	deliver(c, 60);
	expect_frame(c, 60);
}

static void offloaded_frames_keep_their_header(void **state)
{
	uint8_t bytes[3012] = { 1, 1, 54, 0, 0xe8, 3, 34, 0, 16, 0, 0, 0 };
	struct nic_case *c = *state;
	const uint8_t *p;
	struct driver_done done;

	nic_run(c, NIC_F_MRG_RXBUF | NIC_F_GUEST_CSUM | NIC_F_GUEST_TSO4);
	assert_int_equal(c->net->setup.receive, NET_CSUM | NET_TSO4);
	nic_post_rx(c, 0, 4096, 1);
	kick(c, RX(0));
	fake_net_deliver(c->net, 0, bytes, sizeof(bytes));
	nic_sync(c);
	assert_true(nic_collect(c, RX(0), &done));
	assert_int_equal(done.len, sizeof(bytes));
	p = nic_bytes(c, RX(0), done.head, done.len);
	assert_memory_equal(p, bytes, 10);
	assert_int_equal(p[10], 1);
}

/* ---- a driver that polls ---- */

#define PIECES 201 /* of 249 bytes, for one frame */

struct poller {
	const struct driver_ring *ring;
	bool packed;
	unsigned int wrong;
	sem_t ready;
};

/* The flags of a packed descriptor. */
static uint16_t flags_of(const struct driver_ring *r, unsigned int i)
{
	const uint16_t *p = driver_ram_at(r->ram, r->params.desc + 16ull * i +
					  14, 2);

	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* As soon as the first buffer of the frame is used, the last one is. */
static void *poll_ring(void *ctx)
{
	struct poller *p = ctx;
	uint16_t flags = p->packed ? flags_of(p->ring, 0) : 0;
	uint16_t used;

	sem_post(&p->ready);
	if (p->packed) {
		while (flags_of(p->ring, 0) == flags)
			;
		used = flags_of(p->ring, PIECES - 1) != flags;
		p->wrong += !used;
		return NULL;
	}
	do {
		used = driver_raw_used_idx(p->ring);
		p->wrong += used && used != PIECES;
	} while (used != PIECES);
	return NULL;
}

static void DN07_a_polling_driver_never_sees_a_part(void **state)
{
	struct nic_case *c = *state;
	uint8_t *frame = malloc(50000);

	c->ring_size = 256;
	nic_frame_to(frame, 50000, NULL);
	for (int round = 0; round < 60; round++) {
		struct poller p = { .ring = &c->ring[RX(0)],
				    .packed = round % 2 };
		pthread_t thread;

		nic_run(c, NIC_F_MRG_RXBUF |
			(p.packed ? VIRTIO_F_RING_PACKED : 0));
		for (int i = 0; i < 250; i++)
			nic_post_rx(c, 0, 249, 1);
		kick(c, RX(0));
		sem_init(&p.ready, 0, 0);
		pthread_create(&thread, NULL, poll_ring, &p);
		sem_wait(&p.ready);
		nic_deliver(c, 0, frame, 50000);
		pthread_join(thread, NULL);
		sem_destroy(&p.ready);
		assert_int_equal(p.wrong, 0);
		nic_sync(c);
		assert_int_equal(expect_frame(c, 50000), PIECES);
	}
	free(frame);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, nic_setup, nic_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_comes_in_behind_its_header),
		TEST(large_frames_are_merged_from_buffers),
		TEST(many_frames_come_with_one_wake_up),
		TEST(DN05_a_frame_larger_than_its_buffer_is_dropped),
		TEST(DN05_a_buffer_smaller_than_the_header_comes_back),
		TEST(DN06_readable_buffers_come_back_empty),
		TEST(DN06_bad_buffers_between_good_ones_lose_none),
		TEST(DN07_a_frame_waits_for_all_of_its_buffers),
		TEST(DN11_a_flood_without_buffers_is_left_alone),
		TEST(DN13_what_is_no_frame_is_dropped),
		TEST(offloaded_frames_keep_their_header),
		TEST(DN07_a_polling_driver_never_sees_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
