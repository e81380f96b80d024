// SPDX-License-Identifier: BSD-3-Clause
/* The input of backends/char.c and its creation, on real descriptors. Times are
 * bounds, never exact: the machine may be busy. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "char_bench.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"

static FILE *file_with_pattern(size_t len)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		putc(pattern(i), f);
	rewind(f);
	return f;
}

static void on_readable(void *ctx)
{
	struct bench *b = ctx;

	store(&b->inside, 1);
	__atomic_add_fetch(&b->told, 1, __ATOMIC_SEQ_CST);
	while (load(&b->hold))
		nap(1);
	store(&b->inside, 0);
}

static void listen_to(struct bench *b)
{
	char_listen(b->chr, (struct char_listener){ on_readable, b });
}

static void input_is_told_and_read(void **state)
{
	struct bench *b = *state;
	uint8_t buf[16];

	for (enum kind kind = SOCKET; kind <= MASTER; kind++) {
		open_pair(b, kind);
		create(b, b->fd[1], -1);
		store(&b->told, 0);
		listen_to(b);
		assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 0);
		fd_write_full(b->fd[0], "hello", 5);
		wait_for(&b->told, 1);
		assert_int_equal(char_read(b->chr, buf, 2), 2);
		assert_memory_equal(buf, "he", 2);
		assert_int_equal(char_read(b->chr, buf, 0), 0);
		assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 3);
		assert_memory_equal(buf, "llo", 3);
		char_destroy(b->chr, 0);
		b->chr = NULL;
		fd_close(&b->fd[0]);
		fd_close(&b->fd[1]);
	}
}

static void input_that_waits_is_told_to_a_new_listener(void **state)
{
	struct bench *b = *state;
	uint8_t buf[16];

	open_pair(b, SOCKET);
	create(b, b->fd[1], -1);
	fd_write_full(b->fd[0], "early", 5);
	nap(50);
	listen_to(b);
	wait_for(&b->told, 1);
	assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 5);
}

static uint64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void *feed(void *ctx)
{
	struct bench *b = ctx;
	uint8_t buf[1000];

	for (size_t at = 0; at < 200000; at += sizeof(buf)) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(at + i);
		assert_int_equal(fd_write_full(b->fd[0], buf, sizeof(buf)), 0);
	}
	fd_close(&b->fd[0]);
	return NULL;
}

static void DC06_input_faster_than_the_guest_waits_outside(void **state)
{
	struct bench *b = *state;
	uint64_t before;
	pthread_t thread;
	uint8_t buf[64];
	uint64_t end;

	open_pair(b, SOCKET);
	create(b, b->fd[1], -1);
	listen_to(b);
	assert_int_equal(thread_start(&thread, "feeder", feed, b), 0);
	wait_for(&b->told, 1);
	nap(50);
	before = cpu_ms();
	nap(200);
	assert_true(cpu_ms() - before < 100); /* full, and nobody spins */
	assert_in_range(load(&b->told), 1, 5);
	end = clock_mono_ms() + PATIENCE;
	for (size_t at = 0; at < 200000;) {
		size_t n = char_read(b->chr, buf, 1 + at % sizeof(buf));

		for (size_t i = 0; i < n; i++)
			if (buf[i] != pattern(at + i))
				fail_msg("byte %zu is wrong", at + i);
		at += n;
		if (!n)
			nap(1);
		assert_true(clock_mono_ms() < end);
	}
	pthread_join(thread, NULL);
	nap(20);
	before = cpu_ms();
	nap(200);
	assert_true(cpu_ms() - before < 100); /* the end does not spin either */
	assert_int_equal(char_read(b->chr, buf, sizeof(buf)), 0);
}

static void regular_file_is_read_through(void **state)
{
	struct bench *b = *state;
	FILE *f = file_with_pattern(10000);
	uint8_t buf[16];
	size_t at = 0;
	size_t n;

	create(b, fileno(f), -1);
	listen_to(b);
	wait_for(&b->told, 1);
	while ((n = char_read(b->chr, buf, sizeof(buf))) > 0) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf[i], pattern(at + i));
		at += n;
	}
	assert_int_equal(at, 10000);
	fclose(f);
}

static void *let_go(void *ctx)
{
	struct bench *b = ctx;

	nap(50);
	store(&b->hold, 0);
	return NULL;
}

static void removing_the_listener_waits_until_it_has_returned(void **state)
{
	struct bench *b = *state;
	pthread_t thread;

	open_pair(b, SOCKET);
	create(b, b->fd[1], -1);
	listen_to(b);
	store(&b->hold, 1);
	fd_write_full(b->fd[0], "x", 1);
	wait_for(&b->inside, 1);
	assert_int_equal(thread_start(&thread, "let-go", let_go, b), 0);
	char_listen(b->chr, (struct char_listener){ NULL, NULL });
	assert_int_equal(load(&b->inside), 0);
	assert_int_equal(load(&b->hold), 0);
	pthread_join(thread, NULL);
	fd_write_full(b->fd[0], "y", 1);
	nap(30);
	assert_int_equal(load(&b->told), 1);
}

/* The loop's thread closes the timers of removed sources a little later. */
static void expect_free(int next)
{
	uint64_t end = clock_mono_ms() + PATIENCE;

	for (;;) {
		int fd = dup(0);

		close(fd);
		if (fd == next)
			break;
		assert_true(clock_mono_ms() < end);
		nap(1);
	}
}

static void R06_without_descriptors_creation_fails_and_leaks_none(void **state)
{
	struct bench *b = *state;
	struct char_config cfg = { 0, 0, { NULL, NULL } };
	struct err err = { 0 };
	struct rlimit old;
	bool done = false;
	int next;

	open_pair(b, SOCKET);
	cfg.in_fd = cfg.out_fd = b->fd[1];
	next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	for (int room = 0; !done; room++) {
		struct rlimit limit = old;
		struct char_dev *chr;
		int r;

		limit.rlim_cur = (rlim_t)(next + room);
		setrlimit(RLIMIT_NOFILE, &limit);
		r = char_create(&chr, &cfg, b->loop, NULL, &err);
		setrlimit(RLIMIT_NOFILE, &old);
		done = r == 0;
		if (!done) {
			assert_null(chr);
			/* F_DUPFD beyond the limit is -EINVAL in part. */
			assert_true(r == -EMFILE || r == -EINVAL);
			assert_non_null(strstr(err.text, "console"));
		}
		assert_true(room < 1000);
		char_destroy(chr, 0);
		expect_free(next);
	}
}

#define T(name)                                                      \
	cmocka_unit_test_setup_teardown(name, char_bench_setup,      \
					char_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(input_is_told_and_read),
		T(input_that_waits_is_told_to_a_new_listener),
		T(DC06_input_faster_than_the_guest_waits_outside),
		T(regular_file_is_read_through),
		T(removing_the_listener_waits_until_it_has_returned),
		T(R06_without_descriptors_creation_fails_and_leaks_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
