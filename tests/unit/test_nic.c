// SPDX-License-Identifier: BSD-3-Clause
/* The network device's data path, with a scripted backend: every test with
 * both ring formats. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "nic_case.h"

#define NEEDS_CSUM 1
#define ALL_OFFLOADS                                                      \
	(NIC_F_CSUM | NIC_F_GUEST_CSUM | NIC_F_HOST_TSO4 |                \
	 NIC_F_HOST_TSO6 | NIC_F_HOST_UFO | NIC_F_HOST_USO |              \
	 NIC_F_GUEST_TSO4 | NIC_F_GUEST_TSO6 | NIC_F_GUEST_UFO)

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

static void expect_used(struct nic_case *c, unsigned int n, int head,
			uint32_t len)
{
	struct driver_done done;

	assert_true(nic_collect(c, n, &done));
	assert_int_equal(done.head, head);
	assert_int_equal(done.len, len);
}

static void expect_none(struct nic_case *c, unsigned int n)
{
	struct driver_done done;

	assert_false(nic_collect(c, n, &done));
}

static struct nic_counts counts(struct nic_case *c)
{
	struct nic_counts n;

	nic_counts(c->v, &n);
	return n;
}

/* ---- sending ---- */

static void Q13_a_frame_goes_out_in_any_framing(void **state)
{
	struct nic_case *c = *state;
	const uint32_t pieces[] = { 5000, 12, 26, 13, 1 };
	uint8_t frame[1514];

	for (size_t f = 0; f < FORMATS; f++) {
		nic_run(c, formats[f]);
		for (size_t i = 0; i < 5; i++) {
			size_t len = pieces[i] == 1 ? 50 :
				     pieces[i] < 100 ? 600 : 1514;
			unsigned int sent = fake_net_sent(c->net);
			const struct fake_frame *out;
			int head;

			nic_frame_to(frame, len, NULL);
			head = nic_post_tx(c, 0, NULL, frame, len, pieces[i]);
			kick(c, TX(0));
			expect_used(c, TX(0), head, 0);
			assert_int_equal(fake_net_sent(c->net), sent + 1);
			out = &c->net->sent[sent % FAKE_NET_KEEP];
			assert_int_equal(out->len, NET_HEADER_SIZE + len);
			assert_memory_equal(out->bytes + 12, frame, len);
		}
	}
}

static void a_plain_backend_sees_no_header(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];
	struct driver_done done;
	int head;

	nic_run(c, NIC_F_MRG_RXBUF);
	assert_false(c->net->setup.header);
	nic_frame_to(frame, sizeof(frame), NULL);
	nic_post_tx(c, 0, NULL, frame, sizeof(frame), 20);
	kick(c, TX(0));
	assert_int_equal(c->net->sent[0].len, 60);
	assert_memory_equal(c->net->sent[0].bytes, frame, 60);
	head = nic_post_rx(c, 0, 2048, 1);
	nic_deliver(c, 0, frame, sizeof(frame));
	kick(c, RX(0));
	assert_true(nic_collect(c, RX(0), &done));
	assert_int_equal(done.len, 72);
	assert_memory_equal(nic_bytes(c, RX(0), (uint16_t)head, 72) + 12,
			    frame, 60);
}

/* DN02 and DN01: what is no frame comes back and is counted. */
static void dropped(struct nic_case *c, const uint8_t *header, size_t len)
{
	uint64_t before = counts(c).send_dropped;
	uint8_t *frame = calloc(1, len + 1);
	struct driver_done done;
	int head;

	nic_frame_to(frame, len, NULL);
	head = nic_post_tx(c, 0, header, frame, len, 8192);
	assert_true(head >= 0);
	kick(c, TX(0));
	assert_true(nic_collect(c, TX(0), &done));
	assert_int_equal(done.len, 0);
	assert_int_equal(counts(c).send_dropped, before + 1);
	assert_int_equal(fake_net_sent(c->net), 0);
	free(frame);
}

static void DN01_a_chain_shorter_than_the_header_is_dropped(void **state)
{
	struct nic_case *c = *state;
	struct driver_done done;

	nic_run(c, 0);
	for (uint32_t len = 1; len < 26; len++) {
		uint64_t gpa = driver_ram_alloc(&c->ram, len, 1);
		struct driver_buf buf = { gpa, len, false };

		assert_true(driver_post(&c->ring[TX(0)], &buf, 1) >= 0);
		kick(c, TX(0));
		assert_true(nic_collect(c, TX(0), &done));
	}
	assert_int_equal(counts(c).send_dropped, 25);
	assert_int_equal(fake_net_sent(c->net), 0);
}

static void DN02_frames_of_impossible_sizes_are_dropped(void **state)
{
	struct nic_case *c = *state;

	for (size_t f = 0; f < FORMATS; f++) {
		nic_run(c, formats[f]);
		dropped(c, NULL, 1);
		dropped(c, NULL, 13);
		dropped(c, NULL, NET_FRAME_MAX + 1);
		dropped(c, NULL, 200000);
	}
}

static void DN02_as_many_pieces_as_a_ring_has_are_taken(void **state)
{
	struct nic_case *c = *state;
	struct driver_buf bufs[QUEUE_IOV_MAX + 1];
	struct driver_done done;
	uint64_t gpa;

	c->ring_size = 256;
	nic_run(c, VIRTIO_F_INDIRECT_DESC);
	gpa = driver_ram_alloc(&c->ram, 4096, 16);
	for (unsigned int i = 0; i < DRIVER_TABLE_MAX; i++)
		bufs[i] = (struct driver_buf){ gpa + i, 1, false };
	assert_true(driver_post_indirect(&c->ring[TX(0)], bufs,
					 DRIVER_TABLE_MAX) >= 0);
	kick(c, TX(0));
	assert_true(nic_collect(c, TX(0), &done));
	assert_int_equal(fake_net_sent(c->net), 1); /* 256 of them we take */
}

static void DN03_bad_headers_are_dropped(void **state)
{
	static const struct {
		uint64_t features;
		uint8_t header[12];
	} bad[] = {
		/* a checksum, not negotiated, or outside the frame */
		{ 0, { NEEDS_CSUM, 0, 0, 0, 0, 0, 14, 0, 6, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0, 0, 0, 0, 0, 255, 255 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0, 0, 0, 0, 0, 99, 0, 0, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0, 0, 0, 0, 0, 98, 0, 1, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0, 0, 0, 0, 0, 1, 0, 255, 255 } },
		/* segmentation: type, without checksum, hdr_len, gso_size */
		{ NIC_F_CSUM, { NEEDS_CSUM, 1, 54, 0, 100, 0, 34, 0, 16, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 2, 54, 0, 100, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 6, 54, 0, 100, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 127, 54, 0, 100, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0x81, 54, 0, 9, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 0x80, 54, 0, 9, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { 0, 1, 54, 0, 100, 0, 34, 0, 16, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 1, 0, 0, 100, 0, 34, 0, 16, 0 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 1, 101, 0, 100, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 1, 255, 255, 1, 0, 34, 0, 16 } },
		{ ALL_OFFLOADS, { NEEDS_CSUM, 1, 54, 0, 0, 0, 34, 0, 16, 0 } },
	};
	struct nic_case *c = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		nic_run(c, bad[i].features);
		dropped(c, bad[i].header, 100);
	}
}

static void DN03_good_headers_reach_the_backend_as_they_are(void **state)
{
	static const uint8_t good[][12] = {
		{ NEEDS_CSUM, 0, 0, 0, 0, 0, 34, 0, 16, 0 },
		{ NEEDS_CSUM, 0, 0, 0, 0, 0, 98, 0, 0, 0 },
		{ NEEDS_CSUM, 1, 54, 0, 100, 0, 34, 0, 16, 0 },
		{ NEEDS_CSUM, 4, 100, 0, 1, 0, 54, 0, 16, 0 },
		{ NEEDS_CSUM, 3, 42, 0, 100, 0, 34, 0, 6, 0 },
		{ NEEDS_CSUM, 5, 42, 0, 100, 0, 34, 0, 6, 0 },
	};
	struct nic_case *c = *state;
	uint8_t frame[100];

	nic_run(c, ALL_OFFLOADS);
	nic_frame_to(frame, 100, NULL);
	for (unsigned int i = 0; i < 6; i++) {
		nic_post_tx(c, 0, good[i], frame, 100, 4096);
		kick(c, TX(0));
		assert_int_equal(fake_net_sent(c->net), i + 1);
		assert_memory_equal(c->net->sent[i].bytes, good[i], 12);
	}
}

static void DN04_fields_that_mean_nothing_are_cleared(void **state)
{
	static const uint8_t header[12] = { 0xfe, 0, 9, 9, 9, 9, 9, 9, 9, 9,
					    7, 7 };
	struct nic_case *c = *state;
	uint8_t frame[60];

	nic_run(c, 0);
	nic_frame_to(frame, 60, NULL);
	nic_post_tx(c, 0, header, frame, 60, 4096);
	kick(c, TX(0));
	assert_int_equal(fake_net_sent(c->net), 1);
	assert_int_equal(c->net->sent[0].bytes[0], 0);
	assert_int_equal(c->net->sent[0].bytes[10], 0);
	assert_int_equal(c->net->sent[0].bytes[11], 0);
}

static void DN08_a_locked_device_sends_from_its_own_address_only(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];

	c->cfg.lock_mac = true;
	nic_case_again(c, true);
	nic_run(c, 0);
	nic_frame_to(frame, 60, NULL);
	nic_post_tx(c, 0, NULL, frame, 60, 4096);
	frame[11] ^= 1;
	nic_post_tx(c, 0, NULL, frame, 60, 4096);
	kick(c, TX(0));
	assert_int_equal(fake_net_sent(c->net), 1);
	assert_int_equal(counts(c).send_dropped, 1);
}

static void a_backend_without_room_gets_the_frame_later(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];

	for (size_t f = 0; f < FORMATS; f++) {
		unsigned int before;
		int head[3];

		nic_run(c, formats[f]);
		before = fake_net_sent(c->net);
		fake_net_answer(c->net, 1, -EAGAIN);
		nic_frame_to(frame, 60, NULL);
		for (int i = 0; i < 3; i++)
			head[i] = nic_post_tx(c, 0, NULL, frame, 60, 4096);
		kick(c, TX(0));
		expect_used(c, TX(0), head[0], 0);
		expect_none(c, TX(0));
		fake_net_writable(c->net);
		nic_sync(c);
		expect_used(c, TX(0), head[1], 0);
		expect_used(c, TX(0), head[2], 0);
		assert_int_equal(fake_net_sent(c->net), before + 3);
	}
}

static void DN12_a_failing_backend_costs_frames_and_nothing_else(void **state)
{
	const int codes[] = { -EIO, -EINVAL, -ENOMEM, -EBADFD };
	struct nic_case *c = *state;
	uint8_t frame[60];

	nic_run(c, 0);
	nic_frame_to(frame, 60, NULL);
	for (int i = 0; i < 4; i++) {
		int head = nic_post_tx(c, 0, NULL, frame, 60, 4096);

		fake_net_answer(c->net, 0, codes[i]);
		kick(c, TX(0));
		expect_used(c, TX(0), head, 0);
	}
	assert_int_equal(counts(c).send_dropped, 4);
	fake_net_answer(c->net, -1, 0);
	nic_post_tx(c, 0, NULL, frame, 60, 4096);
	kick(c, TX(0));
	assert_int_equal(fake_net_sent(c->net), 1);
}

static void more_frames_than_a_budget_go_out_with_one_kick(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];

	c->ring_size = 256;
	for (size_t f = 0; f < FORMATS; f++) {
		unsigned int before = fake_net_sent(c->net);

		nic_run(c, formats[f]);
		nic_frame_to(frame, 60, NULL);
		for (int i = 0; i < 200; i++)
			nic_post_tx(c, 0, NULL, frame, 60, 4096);
		kick(c, TX(0));
		assert_int_equal(fake_net_sent(c->net) - before, 200);
		assert_true(c->net->flushes >= 4);
	}
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sending_is_limited_to_its_rate(void **state)
{
	struct nic_case *c = *state;
	uint64_t begin;
	uint8_t frame[60];

	c->cfg.send = (struct rate_config){ .ops_per_s = 100, .burst_ms = 10 };
	nic_case_again(c, true);
	nic_run(c, 0);
	nic_frame_to(frame, 60, NULL);
	for (int i = 0; i < 20; i++)
		nic_post_tx(c, 0, NULL, frame, 60, 4096);
	begin = now_ms();
	kick(c, TX(0));
	assert_true(fake_net_sent(c->net) < 20);
	while (fake_net_sent(c->net) < 20 && now_ms() - begin < 20000)
		nic_sync(c);
	assert_int_equal(fake_net_sent(c->net), 20);
	assert_true(now_ms() - begin >= 150);
}

static void receiving_is_limited_to_its_rate(void **state)
{
	struct nic_case *c = *state;
	uint64_t begin = now_ms();
	uint8_t frame[1000];

	c->cfg.receive = (struct rate_config){ .bytes_per_s = 100000,
					       .burst_ms = 10 };
	nic_case_again(c, true);
	nic_run(c, 0);
	nic_frame_to(frame, sizeof(frame), NULL);
	for (int i = 0; i < 20; i++) {
		nic_post_rx(c, 0, 2048, 1);
		nic_deliver(c, 0, frame, sizeof(frame));
	}
	kick(c, RX(0));
	while (fake_net_waiting(c->net, 0) && now_ms() - begin < 20000)
		nic_sync(c);
	assert_int_equal(counts(c).received, 20);
	assert_true(now_ms() - begin >= 150);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, nic_setup, nic_teardown)
#define PLAIN(f) \
	cmocka_unit_test_setup_teardown(f, nic_setup_plain, nic_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(Q13_a_frame_goes_out_in_any_framing),
		PLAIN(a_plain_backend_sees_no_header),
		TEST(DN01_a_chain_shorter_than_the_header_is_dropped),
		TEST(DN02_frames_of_impossible_sizes_are_dropped),
		TEST(DN02_as_many_pieces_as_a_ring_has_are_taken),
		TEST(DN03_bad_headers_are_dropped),
		TEST(DN03_good_headers_reach_the_backend_as_they_are),
		TEST(DN04_fields_that_mean_nothing_are_cleared),
		TEST(DN08_a_locked_device_sends_from_its_own_address_only),
		TEST(a_backend_without_room_gets_the_frame_later),
		TEST(DN12_a_failing_backend_costs_frames_and_nothing_else),
		TEST(more_frames_than_a_budget_go_out_with_one_kick),
		TEST(sending_is_limited_to_its_rate),
		TEST(receiving_is_limited_to_its_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
