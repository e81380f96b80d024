// SPDX-License-Identifier: BSD-3-Clause
/* The network device's life: resets, saved state, broken rings, traffic beside
 * commands; and its creation. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "flat.h"
#include "nic_case.h"

#define CTRL_ALL                                                      \
	(NIC_F_CTRL_VQ | NIC_F_CTRL_RX | NIC_F_CTRL_RX_EXTRA |        \
	 NIC_F_CTRL_MAC_ADDR | NIC_F_MQ | NIC_F_MRG_RXBUF)
#define OK  0

static void kick(struct nic_case *c, unsigned int n)
{
	front_kick(&c->front, n);
	nic_sync(c);
}

static struct nic_counts counts(struct nic_case *c)
{
	struct nic_counts n;

	nic_counts(c->v, &n);
	return n;
}

static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t group[6] = { 1, 0, 94, 0, 0, 9 };

static void mode(struct nic_case *c, uint8_t number, uint8_t on)
{
	assert_int_equal(nic_command(c, 0, number, &on, 1), OK);
}

static uint32_t table(uint8_t *out, uint32_t unicast, uint32_t multicast)
{
	uint32_t at = 0;

	for (int i = 0; i < 2; i++) {
		uint32_t n = i ? multicast : unicast;

		out[at] = (uint8_t)n;
		out[at + 1] = (uint8_t)(n >> 8);
		out[at + 2] = out[at + 3] = 0;
		at += 4;
		for (uint32_t k = 0; k < n; k++, at += 6) {
			memcpy(out + at, i ? group : other, 6);
			out[at + 4] = (uint8_t)(k >> 8);
			out[at + 5] = (uint8_t)(9 + k);
		}
	}
	return at;
}

static void Q21_a_broken_ring_stops_the_device_until_its_reset(void **state)
{
	struct nic_case *c = *state;
	uint8_t frame[60];

	for (unsigned int n = 0; n < 2; n++) {
		nic_run(c, NIC_F_MRG_RXBUF);
		driver_raw_avail(&c->ring[n], 0xffff);
		nic_frame_to(frame, 60, NULL);
		nic_deliver(c, 0, frame, 60);
		kick(c, n);
		assert_true(front_get(&c->front, VREG_STATUS) &
			    VIRTIO_S_NEEDS_RESET);
		nic_sync(c);
	}
	nic_run(c, NIC_F_MRG_RXBUF);
	nic_post_rx(c, 0, 200, 1);
	kick(c, RX(0));
	assert_int_equal(counts(c).received, 1);
}

static void T19_resets_in_any_moment_leave_nothing_behind(void **state)
{
	struct nic_case *c = *state;
	struct flat before = { 0 };
	uint8_t frame[600];

	nic_frame_to(frame, sizeof(frame), NULL);
	nic_run(c, 0);
	while (fake_net_sent(c->net) < FAKE_NET_KEEP) { /* which it holds */
		struct driver_done done;

		nic_post_tx(c, 0, NULL, frame, sizeof(frame), 4096);
		kick(c, TX(0));
		assert_true(nic_collect(c, TX(0), &done));
	}
	for (int i = 0; i < 2000; i++) {
		bool ok = front_negotiate(&c->front, NIC_F_MRG_RXBUF);

		assert_true(ok);
		if (i == 100)
			before = flat_now();
		nic_run(c, NIC_F_MRG_RXBUF | (i % 2 ? VIRTIO_F_RING_PACKED :
					      0));
		for (int k = 0; k < 10; k++) {
			nic_post_rx(c, 0, 200, 1);
			nic_post_tx(c, 0, NULL, frame, sizeof(frame), 4096);
			if (fake_net_waiting(c->net, 0) < 20)
				nic_deliver(c, 0, frame, sizeof(frame));
		}
		front_kick(&c->front, RX(0));
		front_kick(&c->front, TX(0));
		front_set(&c->front, VREG_STATUS, 0);
	}
	nic_sync(c);
	flat_check(&before);
	assert_int_equal(c->net->starts, c->net->stops);
}

static void T21_one_queue_can_be_reset_and_used_again(void **state)
{
	struct nic_case *c = *state;
	struct queue_features f;
	uint8_t frame[60];

	nic_run(c, NIC_F_MRG_RXBUF | VIRTIO_F_RING_RESET);
	nic_frame_to(frame, 60, NULL);
	for (unsigned int n = 0; n < 2; n++) {
		unsigned int sent = fake_net_sent(c->net);
		uint64_t received = counts(c).received;

		nic_post_rx(c, 0, 200, 1);
		front_set(&c->front, VREG_QUEUE_SEL, n);
		front_set(&c->front, VREG_QUEUE_RESET, 1);
		nic_deliver(c, 0, frame, 60);
		nic_sync(c);
		f = front_ring_features(&c->front);
		driver_ring_finish(&c->ring[n]);
		driver_ring_init(&c->ring[n], &c->ram, 16, &f);
		assert_true(front_queue(&c->front, n, &c->ring[n].params));
		nic_post_rx(c, 0, 200, 1);
		nic_post_tx(c, 0, NULL, frame, 60, 4096);
		kick(c, RX(0));
		kick(c, TX(0));
		assert_int_equal(fake_net_sent(c->net), sent + 1);
		assert_true(counts(c).received > received);
	}
}

static void a_backend_that_does_not_start_breaks_the_device_only(void **state)
{
	struct nic_case *c = *state;

	c->net->start_answer = -EIO;
	assert_true(front_negotiate(&c->front, 0));
	driver_ring_init(&c->ring[0], &c->ram, 16,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	front_driver_ok(&c->front);
	assert_true(front_get(&c->front, VREG_STATUS) & VIRTIO_S_NEEDS_RESET);
	driver_ring_finish(&c->ring[0]);
	c->net->start_answer = 0;
	nic_run(c, 0);
}

static void S01_saved_loaded_and_saved_again_is_the_same(void **state)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 }, two[] = { 2, 0 };
	struct nic_case *c = *state, *d;
	uint8_t bytes[2048], *first, *second;
	size_t len, again;
	void *other_state;

	nic_run(c, CTRL_ALL);
	mode(c, 0, 0);
	mode(c, 3, 1);
	assert_int_equal(nic_command(c, 1, 1, mac, 6), OK);
	assert_int_equal(nic_command(c, 1, 0, bytes, table(bytes, 3, 65)), OK);
	assert_int_equal(nic_command(c, 4, 0, two, 2), OK);
	for (int i = 0; i < 5; i++)
		nic_post_rx(c, 0, 200, 1);
	kick(c, RX(0));
	first = front_save(&c->front, &len);
	nic_sync(c);
	assert_int_equal(nic_setup(&other_state), 0);
	d = other_state;
	memcpy(d->ram.bytes, c->ram.bytes, DRIVER_RAM_SIZE);
	assert_int_equal(front_load(&d->front, first, len), 0);
	second = front_save(&d->front, &again);
	assert_int_equal(len, again);
	assert_memory_equal(first, second, len);
	nic_sync(d);
	assert_int_equal(d->net->pairs, 2);
	assert_int_equal(front_config(&d->front, 5, 1), 5);
	nic_teardown(&other_state);
	free(first);
	free(second);
}

static void S04_bad_saved_values_are_refused(void **state)
{
	static const char *const names[] = { "pairs", "unicast-count", "mac" };
	struct nic_case *c = *state;
	size_t len;

	nic_run(c, CTRL_ALL);
	for (int i = 0; i < 3; i++) {
		uint8_t *blob = front_save(&c->front, &len);
		size_t name = strlen(names[i]) + 1, at = 0, bad = 0;

		/* the property's value stands behind the offset of its name */
		while (at + name <= len && memcmp(blob + at, names[i], name))
			at++;
		assert_true(at + name <= len);
		for (size_t k = 0; k + 12 <= len; k += 4) {
			uint32_t token = blob[k + 3], off;
			uint32_t strings = (uint32_t)blob[12] << 24 |
					   (uint32_t)blob[13] << 16 |
					   (uint32_t)blob[14] << 8 | blob[15];

			off = (uint32_t)blob[k + 8] << 24 |
			      (uint32_t)blob[k + 9] << 16 |
			      (uint32_t)blob[k + 10] << 8 | blob[k + 11];
			if (token == 3 && off + strings == at)
				bad = k + 12;
		}
		assert_true(bad);
		memset(blob + bad, 0xff, 2);
		assert_true(front_load(&c->front, blob, len) < 0);
		free(blob);
		nic_run(c, CTRL_ALL);
	}
}

/* ---- commands beside traffic; for the thread sanitizer ---- */

struct driver {
	struct nic_case *c;
	atomic_bool stop;
};

static void *watch_config(void *ctx)
{
	struct driver *d = ctx;

	while (!atomic_load(&d->stop)) {
		front_config(&d->c->front, 0, 4);
		front_config(&d->c->front, 4, 4);
		front_get(&d->c->front, VREG_STATUS);
	}
	return NULL;
}

static void DN10_commands_and_traffic_do_not_race(void **state)
{
	struct nic_case *c = *state;
	struct driver d = { .c = c };
	uint8_t frame[60], mac[6] = { 2, 0, 0, 0, 0, 1 };
	pthread_t thread;

	c->ring_size = 256;
	nic_run(c, CTRL_ALL);
	nic_frame_to(frame, 60, NULL);
	pthread_create(&thread, NULL, watch_config, &d);
	for (int i = 0; i < 60; i++) {
		struct driver_done done;

		nic_post_rx(c, 0, 200, 1);
		nic_post_tx(c, 0, NULL, frame, 60, 4096);
		nic_deliver(c, 0, frame, 60);
		front_kick(&c->front, TX(0));
		front_kick(&c->front, RX(0));
		mac[5] = (uint8_t)(i + 1);
		assert_int_equal(nic_command(c, 1, 1, mac, 6), OK);
		fake_net_set_link(c->net, i % 2);
		while (nic_collect(c, TX(0), &done) ||
		       nic_collect(c, RX(0), &done))
			;
	}
	atomic_store(&d.stop, true);
	pthread_join(thread, NULL);
}

struct forger {
	volatile uint8_t *bytes; /* of a header and a frame */
	atomic_bool stop;
};

/* Another vCPU: the sender's address, and a segment size. That is a race, and
 * meant to be one. */
__attribute__((no_sanitize("thread"))) static void *forge(void *ctx)
{
	struct forger *f = ctx;

	for (unsigned int i = 0; !atomic_load(&f->stop); i++) {
		f->bytes[12 + 11] = (uint8_t)(nic_case_mac[5] ^ (i & 1));
		f->bytes[1] = i >> 1 & 1; /* TCPv4 without a size */
	}
	return NULL;
}

static void Q26_DN08_what_is_sent_is_what_was_checked(void **state)
{
	struct nic_case *c = *state;
	struct forger f = { 0 };
	struct driver_buf buf;
	unsigned int good = 0, rounds = 0;
	uint8_t frame[60];
	uint64_t end;
	pthread_t thread;

	c->cfg.lock_mac = true;
	nic_case_again(c, true);
	nic_run(c, NIC_F_CSUM | NIC_F_HOST_TSO4);
	nic_frame_to(frame, 60, NULL);
	buf = (struct driver_buf){ driver_ram_alloc(&c->ram, 72, 16), 72,
				   false };
	f.bytes = driver_ram_at(&c->ram, buf.gpa, 72);
	memset(driver_ram_at(&c->ram, buf.gpa, 12), 0, 12);
	memcpy(driver_ram_at(&c->ram, buf.gpa + 12, 60), frame, 60);
	assert_int_equal(pthread_create(&thread, NULL, forge, &f), 0);
	for (end = clock_mono_ms() + 700; clock_mono_ms() < end; rounds++) {
		struct driver_done done;

		assert_true(driver_post(&c->ring[TX(0)], &buf, 1) >= 0);
		front_kick(&c->front, TX(0));
		while (!nic_collect(c, TX(0), &done))
			sched_yield();
		for (; good < fake_net_sent(c->net); good++) {
			const uint8_t *sent =
				c->net->sent[good % FAKE_NET_KEEP].bytes;

			assert_memory_equal(sent + 12 + 6, nic_case_mac, 6);
			assert_int_equal(sent[1], 0);
		}
	}
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);
	print_message("  %u of %u sent\n", good, rounds);
	assert_in_range(good, 1, rounds - 1);
	assert_int_equal(counts(c).send_dropped, rounds - good);
}

/* ---- creation ---- */

static void bad_configurations_are_refused(void **state)
{
	struct nic_case *c = *state;
	struct nic_config cfg = c->cfg;
	struct err err = { 0 };
	struct virtio *v;

	cfg.mac[0] |= 1;
	assert_int_equal(nic_create(&v, &cfg, &c->host,
			&fake_net_create(c->loop, 1, true)->net, &err),
			-EINVAL);
	assert_non_null(strstr(err.text, "net0"));
	assert_null(v);
	cfg = c->cfg;
	cfg.mtu = 1279;
	assert_int_equal(nic_create(&v, &cfg, &c->host,
			&fake_net_create(c->loop, 1, true)->net, &err),
			-EINVAL);
	assert_non_null(strstr(err.text, "1279"));
}

static void addresses_are_parsed_and_made(void **state)
{
	static const char *const bad[] = {
		"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567",
		"52-54-00-12-34-56", "g2:54:00:12:34:56", "00:00:00:00:00:00",
		"01:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "52:54:00:12:34:56 ",
	};
	uint8_t mac[6], again[6];

	assert_int_equal(nic_parse_mac(mac, "52:54:00:aB:Cd:eF"), 0);
	assert_memory_equal(mac, "\x52\x54\0\xab\xcd\xef", 6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(nic_parse_mac(mac, bad[i]), -EINVAL);
	nic_make_mac(mac, "vm/net0");
	nic_make_mac(again, "vm/net0");
	assert_memory_equal(mac, again, 6);
	assert_int_equal(mac[0] & 3, 2);
	nic_make_mac(again, "vm/net1");
	assert_memory_not_equal(mac, again, 6);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, nic_setup, nic_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(Q21_a_broken_ring_stops_the_device_until_its_reset),
		TEST(T19_resets_in_any_moment_leave_nothing_behind),
		TEST(T21_one_queue_can_be_reset_and_used_again),
		TEST(a_backend_that_does_not_start_breaks_the_device_only),
		TEST(S01_saved_loaded_and_saved_again_is_the_same),
		TEST(S04_bad_saved_values_are_refused),
		TEST(DN10_commands_and_traffic_do_not_race),
		TEST(Q26_DN08_what_is_sent_is_what_was_checked),
		TEST(bad_configurations_are_refused),
		TEST(addresses_are_parsed_and_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
