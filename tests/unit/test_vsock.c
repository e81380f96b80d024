// SPDX-License-Identifier: BSD-3-Clause
/* Connections of a well-behaved guest, both ways: beginning, bytes, credit,
 * ends; and saved state. test_vsock_hostile.c has the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "vsock_bench.h"

static int setup(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));

	*state = b;
	vsock_bench_init(b, 0);
	vsock_bench_run(b, 32, 0);
	return 0;
}

static int setup_packed(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));

	*state = b;
	vsock_bench_init(b, 0);
	vsock_bench_run(b, 32,
			VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX |
				VIRTIO_F_INDIRECT_DESC);
	return 0;
}

static int teardown(void **state)
{
	vsock_bench_finish(*state);
	free(*state);
	return 0;
}

static void cid_is_readable(void **state)
{
	struct vsock_bench *b = *state;

	assert_int_equal(front_config(&b->front, 0, 8), BENCH_CID);
	assert_int_equal(front_config(&b->front, 0, 4), BENCH_CID);
	assert_int_equal(front_config(&b->front, 4, 4), 0);
	assert_int_equal(front_config(&b->front, 8, 4), 0);
}

static void guest_connects_and_both_talk(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1000);
	struct vsock_packet p;
	char buf[16];

	assert_int_equal(b->dialed, 52);
	assert_int_equal(b->dialed_from, 1000);
	guest_data(b, 52, 1000, "from guest", 10);
	host_read(fd, buf, 10);
	assert_memory_equal(buf, "from guest", 10);
	host_write(fd, "from host", 9);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_int_equal(p.host_port, 52);
	assert_int_equal(p.guest_port, 1000);
	assert_int_equal(p.alloc, 65536);
	assert_int_equal(p.forwarded, 10);
	assert_int_equal(p.len, 9);
	assert_memory_equal(p.data, "from host", 9);
	close(fd);
}

static void host_connects_and_both_talk(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	uint32_t port;
	int fd = open_from_host(b, 1234, &port);
	char buf[16];

	assert_true(port >= 1u << 30);
	guest_data(b, port, 1234, "hello", 5);
	host_read(fd, buf, 5);
	assert_memory_equal(buf, "hello", 5);
	host_write(fd, "world", 5);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_memory_equal(p.data, "world", 5);
	close(fd);
}

static void bytes_behind_the_connect_line_reach_the_guest(void **state)
{
	struct vsock_bench *b = *state;
	int fd = host_connect(b, "CONNECT 7\nearly");
	struct vsock_packet p;

	guest_expect(b, &p, VSOCK_OP_REQUEST);
	guest_op(b, VSOCK_OP_RESPONSE, p.host_port, 7);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_int_equal(p.len, 5);
	assert_memory_equal(p.data, "early", 5);
	close(fd);
}

static void connect_line_may_come_in_pieces(void **state)
{
	struct vsock_bench *b = *state;
	int fd = host_connect(b, "CONN");
	struct vsock_packet p;

	assert_true(guest_quiet(b));
	host_write(fd, "ECT 7", 5);
	assert_true(guest_quiet(b));
	host_write(fd, "7\n", 2);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	assert_int_equal(p.guest_port, 77);
	close(fd);
	guest_expect(b, &p, VSOCK_OP_RST);
}

static void guest_that_refuses_ends_the_hosts_connection(void **state)
{
	struct vsock_bench *b = *state;
	int fd = host_connect(b, "CONNECT 9\n");
	struct vsock_packet p;

	guest_expect(b, &p, VSOCK_OP_REQUEST);
	guest_op(b, VSOCK_OP_RST, p.host_port, 9);
	assert_true(host_at_end(fd));
	assert_true(guest_quiet(b));
	close(fd);
}

static void clients_wait_until_the_driver_is_ready(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	int fd;

	front_set(&b->front, VREG_STATUS, 0);
	fd = host_connect(b, "CONNECT 5\n");
	vsock_bench_run(b, 8, 0);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	assert_int_equal(p.guest_port, 5);
	close(fd);
}

/* ---- credit ---- */

static void host_data_stops_at_the_guests_credit_and_goes_on(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .host_port = 52,
				  .guest_port = 1, .alloc = 5000 };
	int listener = host_listen(b, 52);
	uint8_t buf[9000];
	int fd;

	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RESPONSE);
	fd = host_accept(listener);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7 + i / 256);
	host_write(fd, buf, sizeof(buf));
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_int_equal(p.len, 4096);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_int_equal(p.len, 904);
	assert_memory_equal(p.data, buf + 4096, 904);
	guest_expect(b, &p, VSOCK_OP_CREDIT_REQUEST);
	assert_true(guest_quiet(b));
	p = (struct vsock_packet){ .op = VSOCK_OP_CREDIT_UPDATE,
				   .host_port = 52, .guest_port = 1,
				   .alloc = 5000, .forwarded = 5000 };
	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_int_equal(p.len, 4000);
	assert_memory_equal(p.data, buf + 5000, 4000);
	close(fd);
	close(listener);
	guest_expect(b, &p, VSOCK_OP_SHUTDOWN);
}

static void DV10_slow_host_reader_holds_the_guest_back_and_loses_nothing(
	void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p;
	uint32_t room = 65536;
	uint32_t sent = 0;
	uint8_t *buf = malloc(65536);
	uint8_t *back;

	/* Until the socket and our ring are full. */
	for (unsigned int i = 0; room >= 8192; i++) {
		memset(buf, (int)i, 8192);
		guest_data(b, 52, 1, buf, 8192);
		sent += 8192;
		guest_op(b, VSOCK_OP_CREDIT_REQUEST, 52, 1);
		do
			guest_expect(b, &p, VSOCK_OP_CREDIT_UPDATE);
		while (guest_poll(b, &p));
		room = p.alloc - (sent - p.forwarded);
		assert_true(i < 1000);
	}
	assert_true(sent >= 65536);
	back = malloc(sent);
	host_read(fd, back, sent);
	for (uint32_t i = 0; i < sent; i++)
		assert_int_equal(back[i], (i / 8192) & 0xff);
	do
		guest_expect(b, &p, VSOCK_OP_CREDIT_UPDATE);
	while (sent - p.forwarded > 32768);
	guest_data(b, 52, 1, buf, 100);
	host_read(fd, back, 100);
	free(back);
	free(buf);
	close(fd);
}

/* ---- ends ---- */

static void DV08_guest_half_close_leaves_the_other_way_open(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p = { .op = VSOCK_OP_SHUTDOWN, .host_port = 52,
				  .guest_port = 1, .alloc = 65536,
				  .flags = VSOCK_NO_SEND };

	guest_data(b, 52, 1, "last", 4);
	guest_send(b, &p, NULL);
	host_read(fd, p.data, 4);
	assert_true(host_at_end(fd));
	host_write(fd, "answer", 6);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_memory_equal(p.data, "answer", 6);
	close(fd);
	guest_expect(b, &p, VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, VSOCK_CLOSED);
	guest_op(b, VSOCK_OP_RST, 52, 1);
	assert_true(guest_quiet(b));
}

static void host_half_close_leaves_the_other_way_open(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p;

	host_write(fd, "question", 8);
	shutdown(fd, SHUT_WR);
	guest_expect(b, &p, VSOCK_OP_RW);
	guest_expect(b, &p, VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, VSOCK_NO_SEND);
	guest_data(b, 52, 1, "answer", 6);
	host_read(fd, p.data, 6);
	close(fd);
	guest_expect(b, &p, VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, VSOCK_CLOSED);
}

static void DV08_guests_full_close_is_answered_after_its_last_byte(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p = { .op = VSOCK_OP_SHUTDOWN, .host_port = 52,
				  .guest_port = 1, .flags = VSOCK_CLOSED };

	guest_data(b, 52, 1, "bye", 3);
	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RST);
	host_read(fd, p.data, 3);
	assert_memory_equal(p.data, "bye", 3);
	assert_true(host_at_end(fd));
	close(fd);
	/* The ports are free at once (DV07). */
	fd = open_from_guest(b, 52, 1);
	close(fd);
}

static void bytes_held_survive_the_guests_close(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p = { 0 };
	uint8_t *buf = calloc(1, 65536);
	uint32_t sent = 0;

	/* More than the socket takes. */
	do {
		memset(buf, (int)(sent / 4096), 4096);
		guest_data(b, 52, 1, buf, 4096);
		sent += 4096;
		guest_op(b, VSOCK_OP_CREDIT_REQUEST, 52, 1);
		do
			guest_expect(b, &p, VSOCK_OP_CREDIT_UPDATE);
		while (guest_poll(b, &p));
	} while (sent - p.forwarded < 40000);
	p = (struct vsock_packet){ .op = VSOCK_OP_SHUTDOWN, .host_port = 52,
				   .guest_port = 1, .flags = VSOCK_CLOSED };
	guest_send(b, &p, NULL);
	guest_expect(b, &p, VSOCK_OP_RST);
	for (uint32_t at = 0; at < sent; at += 4096) {
		host_read(fd, buf, 4096);
		assert_int_equal(buf[0], (uint8_t)(at / 4096));
		assert_int_equal(buf[4095], (uint8_t)(at / 4096));
	}
	assert_true(host_at_end(fd));
	close(fd);
	free(buf);
}

static void guest_that_stops_receiving_is_told_to_the_host(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p = { .op = VSOCK_OP_SHUTDOWN, .host_port = 52,
				  .guest_port = 1, .alloc = 65536,
				  .flags = VSOCK_NO_RECEIVE };

	guest_send(b, &p, NULL);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	guest_data(b, 52, 1, "still", 5);
	host_read(fd, p.data, 5);
	close(fd);
}

/* ---- life ---- */

static void T18_reset_ends_all_connections(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_counts counts;
	uint32_t port;
	int one = open_from_guest(b, 52, 1);
	int two = open_from_host(b, 9, &port);
	int three = host_connect(b, "CONN");

	front_sync(&b->front);
	front_set(&b->front, VREG_STATUS, 0);
	assert_true(host_at_end(one));
	assert_true(host_at_end(two));
	assert_true(host_at_end(three));
	close(one);
	close(two);
	close(three);
	vsock_bench_run(b, 8, 0);
	assert_true(guest_quiet(b));
	one = open_from_guest(b, 52, 1);
	vsock_counts(b->v, &counts);
	assert_int_equal(counts.opened, 3);
	close(one);
}

static void pause_keeps_connections(void **state)
{
	struct vsock_bench *b = *state;
	int fd = open_from_guest(b, 52, 1);
	struct vsock_packet p;
	char buf[4];

	pthread_mutex_lock(&b->front.lock);
	virtio_pause(b->v);
	pthread_mutex_unlock(&b->front.lock);
	host_write(fd, "while", 5);
	assert_true(guest_quiet(b));
	pthread_mutex_lock(&b->front.lock);
	virtio_resume(b->v);
	pthread_mutex_unlock(&b->front.lock);
	guest_expect(b, &p, VSOCK_OP_RW);
	assert_memory_equal(p.data, "while", 5);
	guest_data(b, 52, 1, "yes", 3);
	host_read(fd, buf, 3);
	close(fd);
}

static void T21_each_queue_can_be_reset_alone(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	int fd;

	vsock_bench_run(b, 0, VIRTIO_F_RING_RESET);
	fd = host_connect(b, "CONNECT 5\n");
	front_sync(&b->front);
	for (unsigned int n = 0; n < VSOCK_QUEUES; n++) {
		front_set(&b->front, VREG_QUEUE_SEL, n);
		front_set(&b->front, VREG_QUEUE_RESET, 1);
		assert_int_equal(front_get(&b->front, VREG_QUEUE_ENABLE), 0);
		driver_ring_reset(&b->ring[n]);
		assert_true(front_queue(&b->front, n, &b->ring[n].params));
	}
	vsock_bench_post_rx(b, 8);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	guest_op(b, VSOCK_OP_RESPONSE, p.host_port, 5);
	close(fd);
}

static void destroying_removes_the_socket_file(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));
	struct stat st;
	char path[64];

	vsock_bench_init(b, 0);
	strcpy(path, b->path);
	assert_int_equal(stat(path, &st), 0);
	vsock_bench_finish(b);
	assert_int_equal(stat(path, &st), -1);
	free(b);
}

static void bad_configurations_are_refused_with_a_sentence(void **state)
{
	struct vsock_bench *b = *state;
	struct virtio_host host = { "vsock0", &b->ram.mem, b->loop, &b->log };
	char path[200];
	const struct vsock_config bad[] = {
		{ .path = "" },
		{ .path = path },
		{ .path = b->path },		       /* taken */
		{ .path = "/nonexistent/folder/v" },
		{ .path = "x", .cid = 2 },
		{ .path = "x", .cid = UINT32_MAX },
		{ .path = "x", .cid = UINT64_MAX },
	};

	memset(path, 'a', sizeof(path));
	path[VSOCK_PATH_MAX + 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		struct virtio *v = b->v;

		assert_true(vsock_create(&v, &bad[i], &host, &err) < 0);
		assert_null(v);
		assert_true(strlen(err.text) > 10);
		assert_string_equal(err.key, "vsock");
	}
}

static void saving_after_loading_gives_the_same_bytes(void **state)
{
	struct vsock_bench *b = *state;
	uint32_t port;
	int fd = open_from_host(b, 9, &port);
	size_t len, len2;
	uint8_t *blob = front_save(&b->front, &len);
	uint8_t *again;

	assert_int_equal(front_load(&b->front, blob, len), 0);
	assert_true(host_at_end(fd));
	again = front_save(&b->front, &len2);
	assert_int_equal(len, len2);
	assert_memory_equal(blob, again, len);
	free(blob);
	free(again);
	close(fd);
}

static void restore(struct vsock_bench *b)
{
	size_t len;
	uint8_t *blob = front_save(&b->front, &len);

	assert_int_equal(front_load(&b->front, blob, len), 0);
	free(blob);
}

static void expect_event(struct vsock_bench *b)
{
	struct driver_done done;

	front_sync(&b->front);
	assert_true(driver_collect(&b->ring[VSOCK_EVENT], &done));
	assert_int_equal(done.len, 4);
	assert_int_equal(le32_at(driver_ram_at(&b->ram, b->event, 4)), 0);
}

static void DV13_restore_is_silent_until_the_driver_has_seen_the_event(
	void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	struct driver_done done;
	int old = open_from_guest(b, 52, 1);
	int fd;

	memset(driver_ram_at(&b->ram, b->event, 4), 0xff, 4);
	vsock_bench_post_event(b, 64);
	vsock_bench_post_event(b, 64);
	assert_true(guest_quiet(b));
	assert_false(driver_collect(&b->ring[VSOCK_EVENT], &done));
	restore(b);
	assert_true(host_at_end(old));
	close(old);
	expect_event(b);
	assert_true(driver_collect(&b->ring[VSOCK_EVENT], &done));
	assert_int_equal(done.len, 0);
	fd = host_connect(b, "CONNECT 5\n");
	guest_data(b, 52, 1, "old", 3);
	assert_true(guest_quiet(b));
	vsock_bench_post_event(b, 64);
	guest_expect(b, &p, VSOCK_OP_RST);
	assert_int_equal(p.guest_port, 1);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	assert_int_equal(p.guest_port, 5);
	close(fd);
}

static void silence_after_a_restore_has_an_end(void **state)
{
	struct vsock_bench *b = *state;
	struct vsock_packet p;
	int fd;

	vsock_bench_post_event(b, 64);
	restore(b);
	expect_event(b);
	fd = host_connect(b, "CONNECT 5\n");
	assert_true(guest_quiet(b));
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	close(fd);
}

static void DV12_event_waits_for_a_buffer_that_it_fits_into(void **state)
{
	struct vsock_bench *b = *state;
	struct driver_done done;

	restore(b);
	front_sync(&b->front);
	vsock_bench_post_event(b, 3);
	front_sync(&b->front);
	assert_true(driver_collect(&b->ring[VSOCK_EVENT], &done));
	assert_int_equal(done.len, 0);
	vsock_bench_post_event(b, 4);
	expect_event(b);
	vsock_bench_post_event(b, 4);
	front_sync(&b->front);
	assert_false(driver_collect(&b->ring[VSOCK_EVENT], &done));
}

#define T(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TP(name)                                                            \
	{ #name " (packed, event index)", name, setup_packed, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cid_is_readable),
		T(guest_connects_and_both_talk),
		TP(guest_connects_and_both_talk),
		T(host_connects_and_both_talk),
		TP(host_connects_and_both_talk),
		T(bytes_behind_the_connect_line_reach_the_guest),
		T(connect_line_may_come_in_pieces),
		T(guest_that_refuses_ends_the_hosts_connection),
		T(clients_wait_until_the_driver_is_ready),
		T(host_data_stops_at_the_guests_credit_and_goes_on),
		TP(host_data_stops_at_the_guests_credit_and_goes_on),
		T(DV10_slow_host_reader_holds_the_guest_back_and_loses_nothing),
		T(DV08_guest_half_close_leaves_the_other_way_open),
		T(host_half_close_leaves_the_other_way_open),
		T(DV08_guests_full_close_is_answered_after_its_last_byte),
		T(bytes_held_survive_the_guests_close),
		T(guest_that_stops_receiving_is_told_to_the_host),
		T(T18_reset_ends_all_connections),
		T(pause_keeps_connections),
		T(T21_each_queue_can_be_reset_alone),
		T(destroying_removes_the_socket_file),
		T(bad_configurations_are_refused_with_a_sentence),
		T(saving_after_loading_gives_the_same_bytes),
		T(DV13_restore_is_silent_until_the_driver_has_seen_the_event),
		TP(DV13_restore_is_silent_until_the_driver_has_seen_the_event),
		T(silence_after_a_restore_has_an_end),
		T(DV12_event_waits_for_a_buffer_that_it_fits_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
