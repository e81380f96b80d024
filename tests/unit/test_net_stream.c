// SPDX-License-Identifier: BSD-3-Clause
/* The socket backends, over unix sockets and loopback: framing, back-pressure,
 * peers that come, go and lie. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "net_bench.h"

static void create(struct net_bench *b, const struct net_socket_config *cfg)
{
	struct err err = { 0 };

	assert_int_equal(net_socket_create(&b->net, cfg, b->loop, &b->log,
					   &err), 0);
}

/* A backend on one end of a pair; the other end. */
static int create_pair(struct net_bench *b, int type)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd), 0);
	create(b, &(struct net_socket_config){ .fd = fd[0],
			.datagram = type == SOCK_DGRAM });
	close(fd[0]);
	return fd[1];
}

static void put(int fd, const uint8_t *frame, size_t len)
{
	uint8_t prefix[4] = { 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			      (uint8_t)len };

	assert_int_equal(fd_write_full(fd, prefix, 4), 0);
	assert_int_equal(fd_write_full(fd, frame, len), 0);
}

static void expect(int fd, size_t len, unsigned int seed)
{
	uint8_t prefix[4];
	uint8_t *frame = malloc(len);

	assert_int_equal(fd_read_full(fd, prefix, 4), 0);
	assert_int_equal(prefix[1] << 16 | prefix[2] << 8 | prefix[3], len);
	assert_int_equal(fd_read_full(fd, frame, len), 0);
	assert_true(net_bench_is(frame, len, seed));
	free(frame);
}

static void frames_carry_their_length_in_both_directions(void **state)
{
	static const size_t lens[] = { 14, 60, 1514, 9014, NET_FRAME_MAX };
	uint8_t *frame = malloc(NET_FRAME_MAX);
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);

	net_bench_start(b);
	for (unsigned int i = 0; i < 5; i++) {
		net_bench_fill(frame, lens[i], i);
		put(fd, frame, lens[i]);
		net_bench_wait_frames(b, i + 1);
		assert_int_equal(b->len[i], lens[i]);
		assert_true(net_bench_is(b->frame[i], lens[i], i));
		assert_int_equal(net_bench_send(b, frame, lens[i]), 0);
		expect(fd, lens[i], i);
	}
	free(frame);
	close(fd);
}

static void a_frame_in_single_bytes_is_put_together(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);
	uint8_t wire[4 + 64] = { 0, 0, 0, 64 };

	net_bench_start(b);
	net_bench_fill(wire + 4, 64, 3);
	for (size_t i = 0; i < sizeof(wire); i++)
		assert_int_equal(fd_write_full(fd, wire + i, 1), 0);
	net_bench_wait_frames(b, 1);
	assert_int_equal(b->len[0], 64);
	assert_true(net_bench_is(b->frame[0], 64, 3));
	close(fd);
}

static void a_length_that_no_frame_has_ends_the_connection(void **state)
{
	static const uint8_t lies[][4] = {
		{ 0, 0, 0, 0 }, { 0, 1, 0, 18 }, { 255, 255, 255, 255 },
	};
	struct net_bench *b = *state;

	for (unsigned int i = 0; i < 3; i++) {
		int fd = create_pair(b, SOCK_STREAM);

		net_bench_start(b);
		assert_true(net_link(b->net));
		assert_int_equal(fd_write_full(fd, lies[i], 4), 0);
		net_bench_wait_link(b, false);
		assert_int_equal(net_bench_send(b, lies, 12), -EIO);
		close(fd);
		net_bench_stop(b);
		net_destroy(b->net);
		b->net = NULL;
	}
}

static void R14_a_peer_that_goes_takes_the_link_down(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);
	uint8_t frame[64] = { 0 };

	net_bench_start(b);
	close(fd);
	net_bench_wait_link(b, false);
	assert_int_equal(b->links, 1);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), -EIO);
}

static void a_peer_that_hangs_up_is_noticed_while_nobody_reads(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);

	net_bench_start(b);
	net_bench_receive(b, false);
	close(fd);
	net_bench_wait_link(b, false);
}

static void a_slow_peer_pushes_back_and_loses_nothing(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);
	uint8_t frame[1514];
	unsigned int sent = 0;
	int r = 0;

	net_bench_start(b);
	for (; sent < 10000; sent++) {
		net_bench_fill(frame, sizeof(frame), sent);
		r = net_bench_send(b, frame, sizeof(frame));
		if (r < 0)
			break;
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(b->writable, 0);
	for (unsigned int i = 0; i < sent; i++)
		expect(fd, sizeof(frame), i);
	net_bench_wait_writable(b, 1);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	expect(fd, sizeof(frame), sent);
	close(fd);
}

static void R12_DN11_nothing_is_read_while_reception_is_off(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);
	uint8_t frame[100];

	net_bench_start(b);
	net_bench_receive(b, false);
	net_bench_fill(frame, sizeof(frame), 1);
	for (int i = 0; i < 5; i++)
		put(fd, frame, sizeof(frame));
	net_bench_nap(30);
	assert_int_equal(b->frames, 0);
	net_bench_receive(b, true);
	net_bench_wait_frames(b, 5);
	close(fd);
}

static void a_frame_too_large_is_kept_until_there_is_room(void **state)
{
	struct net_bench *b = *state;

	for (int i = 0; i < 2; i++) {
		int fd = create_pair(b, i ? SOCK_DGRAM : SOCK_STREAM);
		uint8_t frame[2000];

		b->frames = b->too_large = 0;
		b->room = 500;
		net_bench_start(b);
		net_bench_fill(frame, sizeof(frame), 9);
		if (i)
			assert_int_equal(send(fd, frame, 2000, 0), 2000);
		else
			put(fd, frame, sizeof(frame));
		net_bench_wait_large(b, 1);
		assert_int_equal(b->frames, 0);
		b->room = 0;
		net_bench_receive(b, true);
		net_bench_wait_frames(b, 1);
		assert_int_equal(b->len[0], 2000);
		assert_true(net_bench_is(b->frame[0], 2000, 9));
		free(b->frame[0]);
		b->frame[0] = NULL;
		close(fd);
		net_bench_stop(b);
		net_destroy(b->net);
		b->net = NULL;
	}
}

static void a_frame_too_large_can_be_dropped(void **state)
{
	struct net_bench *b = *state;

	for (int i = 0; i < 2; i++) {
		int fd = create_pair(b, i ? SOCK_DGRAM : SOCK_STREAM);
		uint8_t frame[2000];

		b->frames = b->too_large = 0;
		b->room = 500;
		b->refuse = true;
		net_bench_start(b);
		net_bench_fill(frame, sizeof(frame), 9);
		for (int len = 2000; len >= 60; len -= 1940) {
			if (i)
				assert_int_equal(send(fd, frame, (size_t)len,
						      0), len);
			else
				put(fd, frame, (size_t)len);
		}
		net_bench_wait_frames(b, 1);
		assert_int_equal(b->too_large, 1);
		assert_int_equal(b->len[0], 60);
		free(b->frame[0]);
		b->frame[0] = NULL;
		close(fd);
		net_bench_stop(b);
		net_destroy(b->net);
		b->net = NULL;
	}
}

static void frames_wait_over_a_stop(void **state)
{
	struct net_bench *b = *state;
	int fd = create_pair(b, SOCK_STREAM);
	uint8_t frame[100];

	net_bench_fill(frame, sizeof(frame), 1);
	net_bench_start(b);
	for (unsigned int i = 1; i < 20; i++) {
		put(fd, frame, sizeof(frame));
		net_bench_wait_frames(b, i);
		net_bench_stop(b);
		net_bench_start(b);
	}
	close(fd);
}

/* ---- addresses ---- */

static void make_path(char *path, size_t size, const char *name)
{
	char dir[] = "/tmp/vireo-net-XXXXXX";

	assert_non_null(mkdtemp(dir));
	snprintf(path, size, "%s/%s", dir, name);
}

static void remove_dir(char *path)
{
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0); /* nothing is left behind */
}

static int connect_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void a_listener_takes_one_peer_after_the_other(void **state)
{
	struct net_bench *b = *state;
	uint8_t frame[60] = { 0 };
	char path[64], text[80];

	make_path(path, sizeof(path), "net");
	snprintf(text, sizeof(text), "unix:%s", path);
	create(b, &(struct net_socket_config){ .fd = -1, .listen = text });
	assert_false(net_link(b->net));
	net_bench_start(b);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), -EIO);
	for (unsigned int i = 0; i < 3; i++) {
		int fd = connect_unix(path);

		assert_true(fd >= 0);
		net_bench_wait_link(b, true);
		put(fd, frame, sizeof(frame));
		net_bench_wait_frames(b, i + 1);
		close(fd);
		net_bench_wait_link(b, false);
	}
	net_bench_stop(b);
	net_destroy(b->net);
	b->net = NULL;
	remove_dir(path);
}

static void two_backends_speak_over_each_kind_of_address(void **state)
{
	struct net_bench *b = *state, *c;
	char path[64], text[80], tcp[32];
	void *other;
	uint8_t frame[1514];

	for (int i = 0; i < 3; i++) {
		make_path(path, sizeof(path), "net");
		snprintf(text, sizeof(text), "unix:%s", path);
		snprintf(tcp, sizeof(tcp), i == 1 ? "127.0.0.1:%d" :
			 "[::1]:%d", 20000 + getpid() % 20000);
		assert_int_equal(net_bench_setup(&other), 0);
		c = other;
		create(b, &(struct net_socket_config){
			.fd = -1, .listen = i ? tcp : text });
		create(c, &(struct net_socket_config){
			.fd = -1, .connect = i ? tcp : text });
		net_bench_start(b);
		net_bench_start(c);
		net_bench_wait_link(b, true);
		net_bench_fill(frame, sizeof(frame), 5);
		b->frames = 0;
		assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
		assert_int_equal(net_bench_send(c, frame, sizeof(frame)), 0);
		net_bench_wait_frames(b, 1);
		net_bench_wait_frames(c, 1);
		assert_true(net_bench_is(c->frame[0], sizeof(frame), 5));
		free(b->frame[0]);
		b->frame[0] = NULL;
		net_bench_teardown(&other);
		net_bench_stop(b);
		net_destroy(b->net);
		b->net = NULL;
		remove_dir(path);
	}
}

static void datagram_backends_find_each_other_in_any_order(void **state)
{
	struct net_bench *b = *state, *c;
	char first[64], second[64], one[80], two[80];
	uint8_t frame[1514];
	void *other;

	make_path(first, sizeof(first), "one");
	make_path(second, sizeof(second), "two");
	snprintf(one, sizeof(one), "unix:%s", first);
	snprintf(two, sizeof(two), "unix:%s", second);
	assert_int_equal(net_bench_setup(&other), 0);
	c = other;
	create(b, &(struct net_socket_config){ .fd = -1, .listen = one,
			.connect = two, .datagram = true });
	net_bench_start(b);
	net_bench_fill(frame, sizeof(frame), 4);
	assert_true(net_bench_send(b, frame, sizeof(frame)) < 0);
	create(c, &(struct net_socket_config){ .fd = -1, .listen = two,
			.connect = one, .datagram = true });
	net_bench_start(c);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	assert_int_equal(net_bench_send(c, frame, sizeof(frame)), 0);
	net_bench_wait_frames(b, 1);
	net_bench_wait_frames(c, 1);
	assert_true(net_bench_is(c->frame[0], sizeof(frame), 4));
	net_bench_teardown(&other);
	net_bench_stop(b);
	net_destroy(b->net);
	b->net = NULL;
	remove_dir(first);
	remove_dir(second);
}

/* The socket is writable all the time, its peer's queue is full. */
static void DN11_a_peer_that_does_not_read_costs_no_time(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct net_bench *b = *state;
	char own[64], peer[64], one[80], two[80];
	uint8_t frame[1514];
	unsigned int tries = 0;
	uint64_t end;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	make_path(own, sizeof(own), "one");
	make_path(peer, sizeof(peer), "two");
	snprintf(one, sizeof(one), "unix:%s", own);
	snprintf(two, sizeof(two), "unix:%s", peer);
	memcpy(un.sun_path, peer, strlen(peer) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	create(b, &(struct net_socket_config){ .fd = -1, .listen = one,
			.connect = two, .datagram = true });
	net_bench_start(b);
	net_bench_fill(frame, sizeof(frame), 6);
	while (net_bench_send(b, frame, sizeof(frame)) == 0)
		assert_true(tries++ < 100000);
	assert_int_equal(b->sent, -EAGAIN);
	end = clock_mono_ms() + 200;
	for (tries = 1; clock_mono_ms() < end; tries++) {
		net_bench_wait_writable(b, tries);
		assert_int_equal(net_bench_send(b, frame, sizeof(frame)),
				 -EAGAIN);
	}
	assert_true(tries < 60); /* about 8 + 200 / 10 */
	while (recv(fd, frame, sizeof(frame), 0) > 0)
		;
	net_bench_wait_writable(b, tries);
	assert_int_equal(net_bench_send(b, frame, sizeof(frame)), 0);
	close(fd);
	unlink(peer);
	net_bench_stop(b);
	net_destroy(b->net);
	b->net = NULL;
	remove_dir(own);
	remove_dir(peer);
}

static void a_stale_socket_file_is_replaced_and_a_live_one_is_not(void **state)
{
	struct net_bench *b = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[64], text[80];
	struct err err = { 0 };
	struct net *second;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	make_path(path, sizeof(path), "net");
	snprintf(text, sizeof(text), "unix:%s", path);
	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	create(b, &(struct net_socket_config){ .fd = -1, .listen = text });
	assert_int_equal(net_socket_create(&second,
			&(struct net_socket_config){ .fd = -1,
						     .listen = text },
			b->loop, NULL, &err), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(err.text, path));
	net_destroy(b->net);
	b->net = NULL;
	remove_dir(path);
}

static void bad_addresses_are_refused_by_name(void **state)
{
	static const struct {
		struct net_socket_config cfg;
		const char *text;
	} bad[] = {
		{ { -1, "unix:", NULL, false }, "characters" },
		{ { -1, "nowhere", NULL, false }, "nowhere" },
		{ { -1, "example.org:80", NULL, false }, "example.org" },
		{ { -1, "127.0.0.1:0", NULL, false }, "127.0.0.1:0" },
		{ { -1, "127.0.0.1:65536", NULL, false }, "65536" },
		{ { -1, "[::1:5", NULL, false }, "[::1:5" },
		{ { -1, NULL, NULL, false }, "one address" },
		{ { -1, "127.0.0.1:5", "127.0.0.1:6", false },
		  "one address" },
		{ { -1, "127.0.0.1:5", NULL, true }, "both" },
		{ { -1, "127.0.0.1:5", "unix:/tmp/x", true }, "kinds" },
		{ { -1, "unix:/nowhere/at/all", NULL, false }, "No such" },
		{ { -1, NULL, "unix:/nowhere/at/all", false }, "No such" },
		{ { 999, NULL, NULL, false }, "999" },
	};
	struct net_bench *b = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		struct net *net;

		assert_true(net_socket_create(&net, &bad[i].cfg, b->loop,
					      NULL, &err) < 0);
		assert_null(net);
		assert_non_null(strstr(err.text, bad[i].text));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, net_bench_setup, \
						net_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_carry_their_length_in_both_directions),
		TEST(a_frame_in_single_bytes_is_put_together),
		TEST(a_length_that_no_frame_has_ends_the_connection),
		TEST(R14_a_peer_that_goes_takes_the_link_down),
		TEST(a_peer_that_hangs_up_is_noticed_while_nobody_reads),
		TEST(a_slow_peer_pushes_back_and_loses_nothing),
		TEST(R12_DN11_nothing_is_read_while_reception_is_off),
		TEST(a_frame_too_large_is_kept_until_there_is_room),
		TEST(a_frame_too_large_can_be_dropped),
		TEST(frames_wait_over_a_stop),
		TEST(a_listener_takes_one_peer_after_the_other),
		TEST(two_backends_speak_over_each_kind_of_address),
		TEST(datagram_backends_find_each_other_in_any_order),
		TEST(DN11_a_peer_that_does_not_read_costs_no_time),
		TEST(a_stale_socket_file_is_replaced_and_a_live_one_is_not),
		TEST(bad_addresses_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
