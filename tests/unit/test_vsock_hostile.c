// SPDX-License-Identifier: BSD-3-Clause
/* The socket device against guests and host programs that keep no rule. Each
 * test ends with a connection that works. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "vsock_bench.h"

static int setup(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));

	*state = b;
	vsock_bench_init(b, 200);
	vsock_bench_run(b, 32, 0);
	return 0;
}

static void expect_works(struct vsock_bench *b)
{
	int fd = open_from_guest(b, 7777, 7777);
	char buf[4];

	guest_data(b, 7777, 7777, "ping", 4);
	host_read(fd, buf, 4);
	assert_memory_equal(buf, "ping", 4);
	close(fd);
}

static int teardown(void **state)
{
	struct vsock_bench *b = *state;

	while (!guest_quiet(b))
		;
	expect_works(b);
	assert_false(virtio_broken(b->v));
	vsock_bench_finish(b);
	free(b);
	return 0;
}

static uint64_t dropped(struct vsock_bench *b)
{
	struct vsock_counts counts;

	vsock_counts(b->v, &counts);
	return counts.dropped;
}

/* A packet that is answered by a reset of the same ports. */
static void expect_reset(struct vsock_bench *b, struct vsock_packet p)
{
	struct vsock_packet got;

	guest_send(b, &p, NULL);
	guest_expect(b, &got, VSOCK_OP_RST);
	assert_int_equal(got.host_port, p.host_port);
	assert_int_equal(got.guest_port, p.guest_port);
	assert_int_equal(got.type, p.type ? p.type : VSOCK_STREAM);
	assert_true(guest_quiet(b));
}

static void post_raw(struct vsock_bench *b, unsigned int n, uint32_t len,
		     bool writable)
{
	const struct driver_buf buf = { b->tx, len, writable };
	struct driver_done done;

	assert_true(driver_post(&b->ring[n], &buf, 1) >= 0);
	front_kick(&b->front, n);
	front_sync(&b->front);
	if (n == VSOCK_TX) {
		assert_true(driver_collect(&b->ring[n], &done));
		assert_int_equal(done.len, 0);
	}
}

static void DV01_short_headers_and_writable_packets_are_dropped(void **state)
{
	struct vsock_bench *b = *state;

	for (uint32_t len = 1; len < 44; len++)
		post_raw(b, VSOCK_TX, len, false);
	post_raw(b, VSOCK_TX, 44, true);
	assert_int_equal(dropped(b), 44);
	assert_true(guest_quiet(b));
}

static void DV01_lengths_beyond_the_packet_are_reset(void **state)
{
	static const uint32_t bad[] = { 11, 4096, 65536, 65537, 0x7fffffff,
					0xffffffff, 0xffffffd4 };
	struct vsock_bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = open_from_guest(b, 52, 1);
		struct vsock_packet got;
		struct vsock_header *h;

		/* A packet of 10 bytes that says it has more. */
		guest_data(b, 52, 1, "0123456789", 10);
		h = driver_ram_at(&b->ram, b->tx, sizeof(*h));
		h->len = le32_put(bad[i]);
		post_raw(b, VSOCK_TX, 54, false);
		guest_expect(b, &got, VSOCK_OP_RST);
		close(fd);
	}
}

static void packet_with_room_to_spare_is_as_long_as_it_says(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	char buf[16];

	guest_data(b, 52, 1, "0123456789", 10);
	host_read(fd, buf, 10);
	((struct vsock_header *)driver_ram_at(&b->ram, b->tx, 44))->len =
		le32_put(3);
	post_raw(b, VSOCK_TX, 54, false);
	host_read(fd, buf, 3);
	assert_memory_equal(buf, "012", 3);
	assert_int_equal(recv(fd, buf, 1, MSG_DONTWAIT), -1);
	close(fd);
}

static void DV02_DV14_other_types_are_reset(void **state)
{
	static const uint16_t types[] = { 2, 3, 0x100, 0xffff };
	struct vsock_bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		expect_reset(b, (struct vsock_packet){
					.type = types[i],
					.op = VSOCK_OP_REQUEST,
					.host_port = 5,
					.guest_port = 6 });
}

static void DV03_packets_of_no_connection_are_reset_but_a_reset(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet rst = { .op = VSOCK_OP_RST, .host_port = 9,
				    .guest_port = 9 };

	for (uint16_t op = 0; op < 12; op++)
		if (op != VSOCK_OP_RST && op != VSOCK_OP_REQUEST)
			expect_reset(b, (struct vsock_packet){
						.op = op,
						.host_port = 9,
						.guest_port = 9 });
	guest_send(b, &rst, NULL);
	rst.type = 77;
	guest_send(b, &rst, NULL);
	assert_true(guest_quiet(b));
}

static void DV03_unknown_operation_ends_the_connection(void **state)
{
	static const uint16_t ops[] = { 0, 8, 0xffff, VSOCK_OP_RESPONSE };
	struct vsock_bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		int fd = open_from_guest(b, 52, 1);

		expect_reset(b, (struct vsock_packet){ .op = ops[i],
						       .host_port = 52,
						       .guest_port = 1 });
		assert_true(host_at_end(fd));
		close(fd);
	}
}

static void DV04_packets_of_other_cids_are_dropped(void **state)
{
	static const uint64_t cids[][2] = {
		{ 1, 2 }, { 2, 2 }, { 43, 2 }, { UINT32_MAX, 2 },
		{ UINT64_MAX, 2 }, { BENCH_CID | UINT64_C(1) << 32, 2 },
		{ BENCH_CID, 1 }, { BENCH_CID, 3 }, { BENCH_CID, BENCH_CID },
		{ BENCH_CID, 2 | UINT64_C(1) << 32 },
	};
	struct vsock_bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cids); i++) {
		const struct vsock_packet p = { .src_cid = cids[i][0],
						.dst_cid = cids[i][1],
						.op = VSOCK_OP_REQUEST,
						.host_port = 5 };

		guest_send(b, &p, NULL);
	}
	assert_int_equal(dropped(b), ARRAY_SIZE(cids));
	assert_true(guest_quiet(b));
}

/* Nobody reads at the host's end. */
static void DV05_more_than_our_credit_is_reset(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	uint8_t *data = calloc(1, 65537);
	struct vsock_packet got = { 0 };
	unsigned int packets = 0;

	guest_data(b, 52, 1, data, 65537);
	guest_expect(b, &got, VSOCK_OP_RST);
	close(fd);
	fd = open_from_guest(b, 52, 1);
	do {
		guest_data(b, 52, 1, data, 8192);
		packets++;
		assert_true(packets < 1000);
		front_sync(&b->front);
		got.op = 0;
		while (guest_poll(b, &got) && got.op != VSOCK_OP_RST)
			;
	} while (got.op != VSOCK_OP_RST);
	close(fd);
	free(data);
}

static void DV05_counters_ahead_of_us_are_reset_and_old_ones_ignored(
	void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_CREDIT_UPDATE,
				  .host_port = 52, .guest_port = 1,
				  .alloc = 65536 };
	struct vsock_packet got;
	int fd = open_from_guest(b, 52, 1);

	host_write(fd, "0123456789", 10);
	guest_expect(b, &got, VSOCK_OP_RW);
	p.forwarded = 10;
	guest_send(b, &p, NULL);
	p.forwarded = 4; /* overtaken */
	guest_send(b, &p, NULL);
	assert_true(guest_quiet(b));
	p.forwarded = 11;
	expect_reset(b, p);
	close(fd);
}

static void DV05_no_buffer_at_all_means_no_data(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .host_port = 52,
				  .guest_port = 1 };
	int listener = host_listen(b, 52);
	int fd;

	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RESPONSE);
	fd = host_accept(listener);
	host_write(fd, "x", 1);
	guest_expect(b, &p, VSOCK_OP_CREDIT_REQUEST);
	guest_op(b, VSOCK_OP_CREDIT_REQUEST, 9, 9);
	guest_expect(b, &p, VSOCK_OP_RST);
	assert_true(guest_quiet(b));
	close(fd);
	close(listener);
}

static void DV06_second_request_on_the_same_ports_ends_both(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);

	expect_reset(b, (struct vsock_packet){ .op = VSOCK_OP_REQUEST,
					       .host_port = 52,
					       .guest_port = 1 });
	assert_true(host_at_end(fd));
	close(fd);
}

static void DV08_rules_after_a_shutdown(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_SHUTDOWN, .host_port = 52,
				  .guest_port = 1, .alloc = 65536 };
	struct vsock_packet got;
	int fd = open_from_guest(b, 52, 1);

	p.flags = 0xfffffffc; /* none that means something */
	guest_send(b, &p, NULL);
	guest_data(b, 52, 1, "still", 5);
	host_read(fd, got.data, 5);
	p.flags = VSOCK_NO_SEND;
	guest_send(b, &p, NULL);
	p.flags = 0; /* hints are permanent */
	guest_send(b, &p, NULL);
	assert_true(host_at_end(fd));
	guest_data(b, 52, 1, "late", 4);
	guest_expect(b, &got, VSOCK_OP_RST);
	close(fd);
}

static uint64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void DV09_guest_without_receive_buffers_stalls_only_itself(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .host_port = 52,
				  .guest_port = 1, .alloc = 65536 };
	int listener;
	uint64_t before;
	char buf[16];
	int fd;

	vsock_bench_run(b, 0, 0);
	listener = host_listen(b, 52);
	guest_send(b, &p, NULL);
	fd = host_accept(listener);
	host_write(fd, "waits", 5);
	/* Transmission goes on, and so do resets that nobody takes. */
	for (uint32_t i = 0; i < 200; i++)
		guest_op(b, VSOCK_OP_CREDIT_REQUEST, 9, i);
	guest_data(b, 52, 1, "goes on", 7);
	host_read(fd, buf, 7);
	before = cpu_ms();
	poll(NULL, 0, 300);
	assert_true(cpu_ms() - before < 100);
	vsock_bench_post_rx(b, 32);
	for (uint32_t i = 0; i < 200; i++) {
		guest_expect(b, &p, VSOCK_OP_RST);
		assert_int_equal(p.guest_port, i);
	}
	guest_expect(b, &p, VSOCK_OP_RESPONSE);
	guest_expect(b, &p, VSOCK_OP_RW);
	close(fd);
	close(listener);
}

static void DV09_resets_beyond_our_room_hold_the_guest_back(void **state)
{
	struct vsock_bench *b = *state;
	const struct vsock_packet p = { .op = VSOCK_OP_RW, .host_port = 9 };
	struct driver_buf buf;
	struct driver_done done;
	struct vsock_packet got;
	unsigned int sent = 0;
	unsigned int taken = 0;
	unsigned int resets = 0;
	uint64_t end = clock_mono_ms() + 20000;

	vsock_bench_run(b, 0, 0);
	guest_send(b, &p, NULL); /* writes the header */
	buf = (struct driver_buf){ b->tx, 44, false };
	for (unsigned int i = 0; i < 20; i++) {
		while (driver_post(&b->ring[VSOCK_TX], &buf, 1) >= 0)
			sent++;
		front_kick(&b->front, VSOCK_TX);
		front_sync(&b->front);
		while (driver_collect(&b->ring[VSOCK_TX], &done))
			taken++;
	}
	assert_true(sent > taken);
	assert_int_equal(taken + 1, 256);
	vsock_bench_post_rx(b, 32);
	while (resets < sent + 1) {
		if (guest_poll(b, &got))
			resets++;
		assert_true(clock_mono_ms() < end);
	}
	while (driver_collect(&b->ring[VSOCK_TX], &done))
		taken++;
	assert_int_equal(taken, sent);
}

static void receive_buffers_without_room_are_dropped(void **state)
{
	struct vsock_bench *b = *state;
	struct driver_done done;

	vsock_bench_run(b, 0, 0);
	guest_op(b, VSOCK_OP_RW, 9, 9);
	post_raw(b, VSOCK_RX, 44, true);
	post_raw(b, VSOCK_RX, 100, false);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(driver_collect(&b->ring[VSOCK_RX], &done));
		assert_int_equal(done.len, 0);
	}
	assert_int_equal(dropped(b), 2);
	vsock_bench_post_rx(b, 8);
	guest_expect(b, &(struct vsock_packet){ 0 }, VSOCK_OP_RST);
}

/* ---- host programs ---- */

static void DV10_bad_connect_lines_are_cut_off(void **state)
{
	static const char *const bad[] = {
		"\n", "CONNECT\n", "CONNECT \n", "CONNECT x\n", "CONNECT -1\n",
		"CONNECT 1 2\n", "connect 1\n", "CONNECT 4294967295\n",
		"CONNECT 99999999999999999999\n", "GET / HTTP/1.1\r\n",
		"CONNECT 000000000000000000000000000000000001\n",
		"................................................",
	};
	struct vsock_bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = host_connect(b, bad[i]);
		char c;

		/* An end, or a reset where bytes were left unread. */
		assert_true(recv(fd, &c, 1, 0) <= 0);
		close(fd);
	}
	assert_true(guest_quiet(b));
}

static void DV10_silent_programs_and_guests_meet_a_deadline(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	int mute = host_connect(b, "");
	int half = host_connect(b, "CONNE");
	int full = host_connect(b, "CONNECT 8\n");

	guest_expect(b, &p, VSOCK_OP_REQUEST);
	assert_true(host_at_end(mute));
	assert_true(host_at_end(half));
	assert_true(host_at_end(full));
	guest_expect(b, &p, VSOCK_OP_RST);
	assert_int_equal(p.guest_port, 8);
	close(mute);
	close(half);
	close(full);
}

static void DV10_program_that_leaves_in_the_middle_is_reset(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	int fd = host_connect(b, "CONNECT 8\n");

	guest_expect(b, &p, VSOCK_OP_REQUEST);
	close(fd);
	guest_expect(b, &p, VSOCK_OP_RST);
}

static void DV10_reader_that_leaves_takes_its_bytes_along(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	uint8_t *data = calloc(1, 65536);
	uint64_t end = clock_mono_ms() + 20000;
	struct vsock_packet p;

	for (unsigned int i = 0; i < 4; i++) /* not all of it fits */
		guest_data(b, 52, 1, data, 16384);
	close(fd);
	for (p.op = 0; p.op != VSOCK_OP_SHUTDOWN || p.flags != VSOCK_CLOSED;)
		if (!guest_poll(b, &p))
			assert_true(clock_mono_ms() < end);
	guest_data(b, 52, 1, data, 16384); /* on its way already */
	guest_op(b, VSOCK_OP_RST, 52, 1);
	free(data);
}

static void DV11_ports_without_a_socket_are_reset(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .guest_port = 1 };
	struct vsock_counts counts;
	char path[96], target[96];
	FILE *f;

	p.host_port = 60; /* nothing there */
	expect_reset(b, p);
	p.host_port = 61; /* a symbolic link */
	snprintf(target, sizeof(target), "%s_62", b->path);
	snprintf(path, sizeof(path), "%s_61", b->path);
	close(host_listen(b, 62));
	assert_int_equal(symlink(target, path), 0);
	expect_reset(b, p);
	unlink(path);
	p.host_port = 62; /* nobody listens any more */
	expect_reset(b, p);
	unlink(target);
	p.host_port = 63; /* a file */
	snprintf(path, sizeof(path), "%s_63", b->path);
	f = fopen(path, "w");
	fclose(f);
	expect_reset(b, p);
	unlink(path);
	vsock_counts(b->v, &counts);
	assert_int_equal(counts.refused, 4);
	assert_true(b->lines >= 4);
}

static void DV11_without_descriptors_connections_are_refused(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .host_port = 52,
				  .guest_port = 1 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = host_listen(b, 52);
	struct rlimit old, low;
	uint64_t before;
	int spare;

	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = 3;
	spare = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", b->path);
	setrlimit(RLIMIT_NOFILE, &low);
	assert_int_equal(connect(spare, (struct sockaddr *)&at, sizeof(at)),
			 0); /* it waits to be accepted */
	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RST);
	before = cpu_ms();
	poll(NULL, 0, 300);
	assert_true(cpu_ms() - before < 100);
	setrlimit(RLIMIT_NOFILE, &old);
	host_write(spare, "CONNECT 8\n", 10);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	close(spare);
	close(listener);
}

/* The host's ports begin at 2^30; the second one is next in the snapshot. */
static void refused_snapshot_leaves_the_hosts_ports_alone(void **state)
{
	const uint8_t next[] = { 0x40, 0, 0, 1 };
	struct vsock_bench *b = *state;
	uint32_t port;
	int fd = open_from_host(b, 9, &port);
	size_t len;
	uint8_t *blob = front_save(&b->front, &len);
	uint8_t *at = memmem(blob, len, next, sizeof(next));

	assert_int_equal(port, 0x40000000);
	assert_non_null(at);
	at[0] = 0;
	assert_int_not_equal(front_load(&b->front, blob, len), 0);
	free(blob);
	assert_true(host_at_end(fd));
	close(fd);
	vsock_bench_run(b, 32, 0);
	fd = open_from_host(b, 9, &port);
	assert_int_equal(port, 0x40000001);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(DV01_short_headers_and_writable_packets_are_dropped),
		T(DV01_lengths_beyond_the_packet_are_reset),
		T(packet_with_room_to_spare_is_as_long_as_it_says),
		T(DV02_DV14_other_types_are_reset),
		T(DV03_packets_of_no_connection_are_reset_but_a_reset),
		T(DV03_unknown_operation_ends_the_connection),
		T(DV04_packets_of_other_cids_are_dropped),
		T(DV05_more_than_our_credit_is_reset),
		T(DV05_counters_ahead_of_us_are_reset_and_old_ones_ignored),
		T(DV05_no_buffer_at_all_means_no_data),
		T(DV06_second_request_on_the_same_ports_ends_both),
		T(DV08_rules_after_a_shutdown),
		T(DV09_guest_without_receive_buffers_stalls_only_itself),
		T(DV09_resets_beyond_our_room_hold_the_guest_back),
		T(receive_buffers_without_room_are_dropped),
		T(DV10_bad_connect_lines_are_cut_off),
		T(DV10_silent_programs_and_guests_meet_a_deadline),
		T(DV10_program_that_leaves_in_the_middle_is_reset),
		T(DV10_reader_that_leaves_takes_its_bytes_along),
		T(DV11_ports_without_a_socket_are_reset),
		T(DV11_without_descriptors_connections_are_refused),
		T(refused_snapshot_leaves_the_hosts_ports_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
