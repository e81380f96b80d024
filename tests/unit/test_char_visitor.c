// SPDX-License-Identifier: BSD-3-Clause
/* Somebody who looks in at a console (backends/char_visitor.c). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "char_bench.h"

#include "base/clock.h"
#include "base/fd.h"

/* A console with both its sides, and a pair of which one end visits. */
static void visit(struct bench *b, int pair[2])
{
	open_pair(b, SOCKET);
	create(b, b->fd[1], b->fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
							 SOCK_NONBLOCK, 0,
				    pair), 0);
	assert_int_equal(char_attach(b->chr, pair[1]), 0);
	close(pair[1]);
}

static void a_visitor_hears_what_the_owner_hears(void **state)
{
	struct bench *b = *state;
	char own[16], other[16];
	int pair[2];

	visit(b, pair);
	say(b, "hello\n");
	assert_int_equal(char_offer(b->chr, (const uint8_t *)"you\n", 4), 4);
	assert_int_equal(hear(b->fd[0], own, 10, PATIENCE), 10);
	assert_int_equal(hear(pair[0], other, 10, PATIENCE), 10);
	assert_memory_equal(own, "hello\nyou\n", 10);
	assert_memory_equal(other, own, 10);
	close(pair[0]);
}

static void on_readable(void *ctx)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->told, 1, __ATOMIC_SEQ_CST);
}

static void both_may_type(void **state)
{
	struct bench *b = *state;
	uint8_t buf[16];
	int pair[2];

	visit(b, pair);
	char_listen(b->chr, (struct char_listener){ on_readable, b });
	fd_write_full(pair[0], "visitor", 7);
	wait_for(&b->told, 1);
	assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 7);
	assert_memory_equal(buf, "visitor", 7);
	fd_write_full(b->fd[0], "own", 3);
	wait_for(&b->told, 2);
	assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "own", 3);
	char_listen(b->chr, (struct char_listener){ NULL });
	close(pair[0]);
}

static void there_is_one_at_a_time(void **state)
{
	struct bench *b = *state;
	int pair[2], other[2];
	char byte;

	visit(b, pair);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    other), 0);
	assert_int_equal(char_attach(b->chr, other[1]), -EBUSY);
	char_detach(b->chr);
	char_detach(b->chr);
	assert_int_equal(char_attach(b->chr, other[1]), 0);
	/* The first one's end is seen by it. */
	assert_int_equal(fd_read(pair[0], &byte, 1), 0);
	close(pair[0]);
	close(other[1]);
	close(other[0]);
}

/* The owner reads, the visitor never does: nothing waits. */
static void a_slow_visitor_slows_nobody(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ms();
	pthread_t thread;
	int pair[2];

	visit(b, pair);
	b->target = 1 << 20;
	pthread_create(&thread, NULL, writer, b);
	hear_pattern(b->fd[0], 0, b->target, 0);
	pthread_join(thread, NULL);
	assert_true(clock_mono_ms() - start < PATIENCE);
	assert_int_equal(char_dropped(b->chr), 0);
	close(pair[0]);
}

static void *come_and_go(void *bench)
{
	struct bench *b = bench;

	for (int i = 0; i < 200; i++) {
		char noise[64];
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
						SOCK_NONBLOCK, 0, pair) < 0)
			return NULL;
		if (char_attach(b->chr, pair[1]) == 0) {
			(void)fd_write_full(pair[0], "x", 1);
			(void)fd_read(pair[0], noise, sizeof(noise));
			char_detach(b->chr);
		}
		close(pair[0]);
		close(pair[1]);
	}
	store(&b->hold, 1);
	return NULL;
}

static void read_all(void *ctx)
{
	struct bench *b = ctx;
	uint8_t buf[16];

	while (char_read(b->chr, buf, sizeof(buf)))
		;
}

static void visitors_come_and_go_while_it_is_used(void **state)
{
	struct bench *b = *state;
	pthread_t thread;
	char noise[256];

	open_pair(b, SOCKET);
	create(b, b->fd[1], b->fd[1]);
	fcntl(b->fd[0], F_SETFL, O_NONBLOCK);
	store(&b->hold, 0);
	pthread_create(&thread, NULL, come_and_go, b);
	while (!load(&b->hold)) {
		char_listen(b->chr, (struct char_listener){ read_all, b });
		say(b, "line\n");
		while (fd_read(b->fd[0], noise, sizeof(noise)) > 0)
			;
		char_listen(b->chr, (struct char_listener){ NULL });
	}
	store(&b->hold, 0);
	pthread_join(thread, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, char_bench_setup, \
					     char_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_visitor_hears_what_the_owner_hears),
		T(both_may_type),
		T(there_is_one_at_a_time),
		T(a_slow_visitor_slows_nobody),
		T(visitors_come_and_go_while_it_is_used),
	};

	return cmocka_run_group_tests_name("char_visitor", tests, NULL, NULL);
}
