// SPDX-License-Identifier: BSD-3-Clause
/*
 * 64 connections at once, half of them begun by either side, each with its own
 * bytes both ways: the guest gives back what it gets, within the credit that it
 * has. And a guest that changes its headers while they are looked at.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "vsock_bench.h"

#define STREAMS 64
#define BYTES	(256u << 10) /* per stream and direction */
#define PORT	99
#define HELD	65536u

/* The guest's end. */
struct end {
	uint32_t host_port;
	uint32_t guest_port;
	uint32_t peer_alloc;
	uint32_t peer_forwarded;
	uint32_t received;
	uint32_t sent;
	bool open;
	bool ended; /* the host sends no more */
	bool closed;
	uint8_t held[HELD];
	uint32_t len;
};

struct host {
	struct vsock_bench *b;
	unsigned int number;
	int listener; /* or -1: connects */
	bool ok;
};

static uint8_t byte_of(uint32_t seed, uint32_t at)
{
	return (uint8_t)((seed * 31 + at) * 2654435761u >> 24);
}

/* Writes and reads at the same time; the bytes must be its own. */
static bool converse(int fd, uint32_t seed)
{
	uint32_t sent = 0;
	uint32_t got = 0;
	uint8_t buf[8192];

	while (got < BYTES) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		p.events |= sent < BYTES ? POLLOUT : 0;
		if (poll(&p, 1, 30000) <= 0)
			return false;
		if (p.revents & POLLOUT) {
			uint32_t len = (uint32_t)min_u64(sizeof(buf),
							 BYTES - sent);

			for (uint32_t i = 0; i < len; i++)
				buf[i] = byte_of(seed, sent + i);
			n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent += n > 0 ? (uint32_t)n : 0;
			if (sent == BYTES)
				shutdown(fd, SHUT_WR);
		}
		if (!(p.revents & POLLIN))
			continue;
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_of(seed, got++))
				return false;
	}
	return host_at_end(fd);
}

static void *run_host(void *ctx)
{
	struct host *h = ctx;
	char line[32];
	int fd;

	if (h->listener >= 0) {
		fd = host_accept(h->listener);
	} else {
		snprintf(line, sizeof(line), "CONNECT %u\n", h->number);
		fd = host_connect(h->b, line);
		for (char c = 0; c != '\n';)
			host_read(fd, &c, 1);
	}
	h->ok = converse(fd, h->number);
	close(fd);
	return NULL;
}

/* ---- the guest ---- */

static void reply(struct vsock_bench *b, struct end *e, uint16_t op,
		  const void *data, uint32_t len)
{
	const struct vsock_packet p = {
		.op = op,
		.host_port = e->host_port,
		.guest_port = e->guest_port,
		.alloc = HELD,
		.forwarded = e->received - e->len,
		.len = len,
		.flags = op == VSOCK_OP_SHUTDOWN ? VSOCK_CLOSED : 0,
	};

	guest_send(b, &p, data);
}

/* Sends back what there is credit for; at the end, closes. */
static void give_back(struct vsock_bench *b, struct end *e)
{
	uint32_t room = e->peer_alloc - (e->sent - e->peer_forwarded);
	uint32_t n = (uint32_t)min_u64(min_u64(e->len, room), 4096);

	while (n) {
		uint8_t piece[4096];

		memcpy(piece, e->held, n);
		memmove(e->held, e->held + n, e->len - n);
		e->len -= n;
		e->sent += n;
		room -= n;
		reply(b, e, VSOCK_OP_RW, piece, n);
		n = (uint32_t)min_u64(min_u64(e->len, room), 4096);
	}
	if (e->ended && !e->len && !e->closed) {
		e->closed = true;
		reply(b, e, VSOCK_OP_SHUTDOWN, NULL, 0);
	}
}

static struct end *find(struct end *ends, const struct vsock_packet *p)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		if (ends[i].host_port == p->host_port &&
		    ends[i].guest_port == p->guest_port)
			return &ends[i];
	return NULL;
}

/* 1: that was the end of a stream. */
static unsigned int handle(struct vsock_bench *b, struct end *ends,
			   const struct vsock_packet *p)
{
	struct end *e = find(ends, p);

	if (p->op == VSOCK_OP_REQUEST) {
		assert_true(p->guest_port < STREAMS);
		e = &ends[p->guest_port];
		e->host_port = p->host_port;
		e->guest_port = p->guest_port;
		reply(b, e, VSOCK_OP_RESPONSE, NULL, 0);
	}
	assert_non_null(e);
	e->peer_alloc = p->alloc;
	e->peer_forwarded = p->forwarded;
	if (p->op == VSOCK_OP_RST)
		return e->closed;
	if (p->op == VSOCK_OP_RW) {
		assert_true(p->len <= HELD - e->len);
		memcpy(e->held + e->len, p->data, p->len);
		e->len += p->len;
		e->received += p->len;
	} else if (p->op == VSOCK_OP_CREDIT_REQUEST) {
		reply(b, e, VSOCK_OP_CREDIT_UPDATE, NULL, 0);
	} else if (p->op == VSOCK_OP_SHUTDOWN) {
		e->ended = true;
	}
	give_back(b, e);
	return 0;
}

static void run_streams(uint64_t features)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));
	struct end *ends = calloc(STREAMS, sizeof(*ends));
	struct host hosts[STREAMS];
	pthread_t thread[STREAMS];
	uint64_t end = clock_mono_ms() + 50000;
	unsigned int over = 0;
	struct vsock_packet p;
	int listener;

	vsock_bench_init(b, 0);
	vsock_bench_run(b, 32, features);
	listener = host_listen(b, PORT);
	for (unsigned int i = 0; i < STREAMS; i++) {
		hosts[i] = (struct host){ b, i, i % 2 ? listener : -1, false };
		assert_int_equal(pthread_create(&thread[i], NULL, run_host,
						&hosts[i]),
				 0);
	}
	for (unsigned int i = 1; i < STREAMS; i += 2) {
		ends[i].host_port = PORT;
		ends[i].guest_port = i;
		reply(b, &ends[i], VSOCK_OP_REQUEST, NULL, 0);
	}
	while (over < STREAMS) {
		if (guest_poll(b, &p))
			over += handle(b, ends, &p);
		else
			poll(NULL, 0, 0);
		assert_true(clock_mono_ms() < end);
	}
	for (unsigned int i = 0; i < STREAMS; i++) {
		pthread_join(thread[i], NULL);
		assert_true(hosts[i].ok);
		assert_int_equal(ends[i].received, BYTES);
	}
	close(listener);
	vsock_bench_finish(b);
	free(ends);
	free(b);
}

static void streams_64_with_16_mib_each_way_keep_their_bytes(void **state)
{
	run_streams(0);
}

static void streams_64_on_packed_rings_keep_their_bytes(void **state)
{
	run_streams(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX |
		    VIRTIO_F_INDIRECT_DESC);
}

/* More than 1024 connections, then more requests than anybody has ports. */
static void DV07_requests_without_end_are_limited(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));
	struct vsock_packet p = { .op = VSOCK_OP_REQUEST, .host_port = 52 };
	uint64_t end = clock_mono_ms() + 30000;
	unsigned int open = 0;
	unsigned int no = 0;
	struct rlimit old, high;
	struct vsock_packet got;
	int fds[1024];
	int listener;

	getrlimit(RLIMIT_NOFILE, &old);
	high = old;
	high.rlim_cur = min_u64(old.rlim_max, 4096);
	setrlimit(RLIMIT_NOFILE, &high);
	assert_true(high.rlim_cur == 4096);
	vsock_bench_init(b, 0);
	vsock_bench_run(b, 32, 0);
	listener = host_listen(b, 52);
	for (; p.guest_port < 65536 || open + no < 65536; p.guest_port++) {
		if (p.guest_port < 65536)
			guest_send(b, &p, NULL);
		while (guest_poll(b, &got)) {
			if (got.op == VSOCK_OP_RESPONSE)
				fds[open++] = host_accept(listener);
			else
				no++;
			assert_true(open <= 1024);
		}
		assert_true(clock_mono_ms() < end);
	}
	assert_int_equal(open, 1024);
	front_set(&b->front, VREG_STATUS, 0);
	while (open)
		close(fds[--open]);
	close(listener);
	vsock_bench_run(b, 32, 0);
	close(open_from_guest(b, 7, 7));
	vsock_bench_finish(b);
	setrlimit(RLIMIT_NOFILE, &old);
	free(b);
}

/* The guest takes no more: what the host still gets rid of is in its socket. */
static void DV09_flood_from_the_host_stays_in_its_socket(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));
	struct vsock_packet p = { .op = VSOCK_OP_CREDIT_UPDATE,
				  .host_port = 52, .guest_port = 1,
				  .alloc = HELD };
	uint64_t end = clock_mono_ms() + 20000;
	uint8_t piece[4096];
	struct vsock_packet got;
	uint32_t sent = 0, seen = 0;
	clock_t before;
	ssize_t n;
	int fd;

	vsock_bench_init(b, 0);
	vsock_bench_run(b, 4, 0);
	fd = open_from_guest(b, 52, 1);
	do {
		for (uint32_t i = 0; i < sizeof(piece); i++)
			piece[i] = byte_of(52, sent + i);
		n = send(fd, piece, sizeof(piece), MSG_DONTWAIT);
		sent += n > 0 ? (uint32_t)n : 0;
	} while (n > 0);
	assert_true(sent < 1u << 20);
	before = clock();
	poll(NULL, 0, 300);
	assert_true(clock() - before < CLOCKS_PER_SEC / 10);
	guest_data(b, 52, 1, "still", 5); /* the other way is open */
	host_read(fd, piece, 5);
	while (seen < sent) {
		assert_true(clock_mono_ms() < end);
		if (!guest_poll(b, &got))
			continue;
		for (uint32_t i = 0; i < got.len; i++)
			assert_int_equal(got.data[i], byte_of(52, seen + i));
		seen += got.len;
		p.forwarded = seen;
		guest_send(b, &p, NULL);
	}
	close(fd);
	vsock_bench_finish(b);
	free(b);
}

/* ---- DV15 ---- */

struct racer {
	uint8_t *header;
	atomic_bool stop;
};

/* Another vCPU: length and operation, all the time. That is a race, and meant
 * to be one. */
__attribute__((no_sanitize("thread"))) static void *race(void *ctx)
{
	struct racer *r = ctx;
	volatile uint8_t *h = r->header;

	for (unsigned int i = 0; !atomic_load(&r->stop); i++) {
		h[24 + i % 4] = (uint8_t)(i >> 3);
		h[30] = (uint8_t)(i % 9);
	}
	return NULL;
}

static void DV15_header_that_changes_is_used_as_it_was_checked(void **state)
{
	struct vsock_bench *b = calloc(1, sizeof(*b));
	struct racer r = { .header = NULL };
	struct driver_done done;
	struct driver_buf buf;
	struct vsock_packet p;
	int listener;
	pthread_t thread;
	uint8_t *data = calloc(1, 4096);

	vsock_bench_init(b, 0);
	vsock_bench_run(b, 32, 0);
	listener = host_listen(b, 52);
	buf = (struct driver_buf){ b->tx, 44 + 4096, false };
	guest_data(b, 52, 1, data, 4096); /* writes the header */
	r.header = driver_ram_at(&b->ram, b->tx, 44);
	assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		assert_true(driver_post(&b->ring[VSOCK_TX], &buf, 1) >= 0);
		front_kick(&b->front, VSOCK_TX);
		while (!driver_collect(&b->ring[VSOCK_TX], &done))
			poll(NULL, 0, 0);
		assert_int_equal(done.len, 0);
		while (guest_poll(b, &p))
			assert_true(p.op >= VSOCK_OP_REQUEST &&
				    p.op <= VSOCK_OP_CREDIT_REQUEST);
	}
	close(listener);
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_false(virtio_broken(b->v));
	vsock_bench_finish(b);
	free(data);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			streams_64_with_16_mib_each_way_keep_their_bytes),
		cmocka_unit_test(streams_64_on_packed_rings_keep_their_bytes),
		cmocka_unit_test(DV07_requests_without_end_are_limited),
		cmocka_unit_test(DV09_flood_from_the_host_stays_in_its_socket),
		cmocka_unit_test(
			DV15_header_that_changes_is_used_as_it_was_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
