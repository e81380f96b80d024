// SPDX-License-Identifier: BSD-3-Clause
/* The output of backends/char.c, on real descriptors. Times are bounds, never
 * exact: the machine may be busy. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "char_bench.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/thread.h"

static void line_goes_out_at_its_end(void **state)
{
	struct bench *b = *state;
	char buf[64];

	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	say(b, "one line\n");
	/* At once: before the call returned. */
	assert_int_equal(hear(b->fd[0], buf, sizeof(buf), 0), 9);
	assert_memory_equal(buf, "one line\n", 9);
	assert_int_equal(b->tapped, 9);
}

static void partial_line_goes_out_by_itself(void **state)
{
	struct bench *b = *state;
	char buf[64];
	size_t n;

	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	say(b, "lo");
	say(b, "gin: ");
	n = hear(b->fd[0], buf, sizeof(buf), PATIENCE);
	if (n < 7) /* a busy machine: the first part went alone */
		n += hear(b->fd[0], buf, sizeof(buf), PATIENCE);
	assert_int_equal(n, 7);
	say(b, "again");
	assert_int_equal(hear(b->fd[0], buf, sizeof(buf), PATIENCE), 5);
}

static void many_bytes_go_out_without_a_newline(void **state)
{
	struct bench *b = *state;
	char buf[512];
	size_t n;

	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	memset(buf, 'x', sizeof(buf));
	char_write(b->chr, (uint8_t *)buf, 300);
	n = hear(b->fd[0], buf, sizeof(buf), 0);
	assert_int_equal(n, 300);
}

static void terminal_gets_every_byte_at_once(void **state)
{
	struct bench *b = *state;
	char buf[8];

	open_pair(b, TERMINAL);
	create(b, -1, b->fd[1]);
	say(b, "$");
	/* The kernel hands it to the master's side in a worker. */
	assert_int_equal(hear(b->fd[0], buf, sizeof(buf), PATIENCE), 1);
}

static void slow_reader_loses_nothing(void **state)
{
	struct bench *b = *state;

	for (enum kind kind = PIPE; kind <= MASTER; kind++) {
		pthread_t thread;

		open_pair(b, kind);
		create(b, -1, b->fd[1]);
		b->target = 600000;
		assert_int_equal(thread_start(&thread, "writer", writer, b), 0);
		hear_pattern(b->fd[0], 0, b->target, 1);
		pthread_join(thread, NULL);
		assert_int_equal(char_dropped(b->chr), 0);
		char_destroy(b->chr, 0);
		b->chr = NULL;
		fd_close(&b->fd[0]);
		fd_close(&b->fd[1]);
	}
	assert_int_equal(load(&b->lines), 0);
}

static void flags_of_a_shared_descriptor_stay_as_they_are(void **state)
{
	struct bench *b = *state;

	for (enum kind kind = PIPE; kind <= MASTER; kind++) {
		int before;

		open_pair(b, kind);
		before = fcntl(b->fd[1], F_GETFL);
		create(b, kind == PIPE ? -1 : b->fd[1], b->fd[1]);
		say(b, "x\n");
		assert_int_equal(fcntl(b->fd[1], F_GETFL), before);
		char_destroy(b->chr, 0);
		b->chr = NULL;
		assert_int_equal(fcntl(b->fd[1], F_GETFL), before);
		fd_close(&b->fd[0]);
		fd_close(&b->fd[1]);
	}
}

/* As a shell may leave it behind: somebody else made it non-blocking. */
static void descriptor_that_is_non_blocking_already_works_too(void **state)
{
	struct bench *b = *state;
	pthread_t thread;

	open_pair(b, PIPE);
	fcntl(b->fd[1], F_SETFL, O_NONBLOCK | fcntl(b->fd[1], F_GETFL));
	create(b, -1, b->fd[1]);
	b->target = 300000;
	assert_int_equal(thread_start(&thread, "writer", writer, b), 0);
	hear_pattern(b->fd[0], 0, b->target, 1);
	pthread_join(thread, NULL);
	assert_int_equal(char_dropped(b->chr), 0);
}

static size_t drain_pipe(int fd)
{
	uint8_t buf[4096];
	size_t sum = 0;
	size_t n;

	while ((n = hear(fd, buf, sizeof(buf), 200)) > 0) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf[i], pattern(sum + i));
		sum += n;
	}
	return sum;
}

static void DC01_reader_that_never_reads_is_given_up(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ms();
	size_t taken;

	for (enum kind kind = PIPE; kind <= MASTER; kind++) {
		open_pair(b, kind);
		create_out(b, 100);
		write_pattern(b, 0, 1000000);
		assert_true(char_out_held(b->out) <= 65536);
		assert_true(char_out_dropped(b->out) > 0);
		/* What was held goes out, in order, when somebody reads. */
		taken = drain_pipe(b->fd[0]);
		assert_int_equal(taken + char_out_dropped(b->out), 1000000);
		assert_int_equal(char_out_held(b->out), 0);
		/* And the console lives again. */
		char_out_write(b->out, (const uint8_t *)"alive\n", 6);
		assert_int_equal(hear(b->fd[0], (char[64]){ 0 }, 64, PATIENCE),
				 6);
		char_out_destroy(b->out, 0);
		b->out = NULL;
		fd_close(&b->fd[0]);
		fd_close(&b->fd[1]);
	}
	/* Each waits about 100 ms once, not once per byte. */
	assert_true(clock_mono_ms() - start < 10000);
	assert_in_range(load(&b->lines), 4, 8);
}

/* poll() says "ready" when one page of a pipe is free. A larger write would
 * block, with nobody able to end the wait. */
static void nearly_full_pipe_does_not_block_a_write(void **state)
{
	struct bench *b = *state;
	uint8_t page[4096] = { 0 };
	int size;

	open_pair(b, PIPE);
	size = fcntl(b->fd[1], F_GETPIPE_SZ);
	for (int i = 0; i < size; i += 4096)
		fd_write_full(b->fd[1], page, sizeof(page));
	create_out(b, 100);
	write_pattern(b, 0, 200000);
	assert_int_equal(char_out_held(b->out), 65536);
	assert_int_equal(char_out_dropped(b->out), 200000 - 65536);
	for (size_t held = 65536 - 4096; held > 40000; held -= 4096) {
		uint64_t end = clock_mono_ms() + PATIENCE;

		fd_read_full(b->fd[0], page, sizeof(page));
		while (char_out_held(b->out) != held)
			assert_true(clock_mono_ms() < end);
	}
}

static void cancel_frees_a_waiting_writer_and_later_ones(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ms();
	pthread_t thread;

	open_pair(b, PIPE);
	create_out(b, 600000);
	b->target = 400000;
	assert_int_equal(thread_start(&thread, "writer", writer, b), 0);
	while (char_out_held(b->out) < 65536) {
		assert_true(clock_mono_ms() - start < PATIENCE);
		nap(1);
	}
	nap(20);
	char_out_cancel(b->out);
	pthread_join(thread, NULL);
	write_pattern(b, 0, 100000);
	assert_true(clock_mono_ms() - start < PATIENCE);
	assert_true(char_out_dropped(b->out) >= 300000);
	/* After a resume it waits again: nothing more is lost. */
	drain_pipe(b->fd[0]);
	char_out_resume(b->out);
	start = char_out_dropped(b->out);
	assert_int_equal(thread_start(&thread, "writer", writer, b), 0);
	hear_pattern(b->fd[0], 0, b->target, 0);
	pthread_join(thread, NULL);
	assert_int_equal(char_out_dropped(b->out), start);
}

/* The writers have been stopped: who looks now finds all of it. */
static void resume_sends_the_line_that_has_no_end(void **state)
{
	struct bench *b = *state;
	char got[3];

	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	assert_int_equal(fcntl(b->fd[0], F_SETFL, O_NONBLOCK), 0);
	say(b, "abc");
	char_cancel(b->chr);
	char_resume(b->chr);
	assert_int_equal(read(b->fd[0], got, sizeof(got)), 3);
	assert_memory_equal(got, "abc", 3);
}

static void DC07_reader_that_is_gone_does_not_hurt(void **state)
{
	struct bench *b = *state;

	for (enum kind kind = PIPE; kind <= TERMINAL; kind++) {
		open_pair(b, kind);
		create_out(b, 600000);
		fd_close(&b->fd[0]);
		/* No SIGPIPE: its default would end this program. */
		write_pattern(b, 0, 300000);
		assert_true(char_out_dropped(b->out) > 200000);
		assert_int_equal(char_out_held(b->out), 0);
		assert_int_equal(load(&b->lines), (int)kind + 1);
		char_out_destroy(b->out, 100);
		b->out = NULL;
		fd_close(&b->fd[1]);
	}
}

static void DC07_reader_that_goes_while_the_writer_waits(void **state)
{
	struct bench *b = *state;
	pthread_t thread;

	for (enum kind kind = PIPE; kind <= SOCKET; kind++) {
		open_pair(b, kind);
		create_out(b, 600000);
		b->target = 600000;
		assert_int_equal(thread_start(&thread, "writer", writer, b), 0);
		while (char_out_held(b->out) < 65536)
			nap(1);
		fd_close(&b->fd[0]);
		pthread_join(thread, NULL);
		assert_true(char_out_dropped(b->out) > 0);
		char_out_destroy(b->out, 0);
		b->out = NULL;
		fd_close(&b->fd[1]);
	}
}

static void R10_full_disk_drops_and_R15_logs_ten_lines(void **state)
{
	struct bench *b = *state;

	b->fd[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(b->fd[1] >= 0);
	create_out(b, 600000);
	for (unsigned int i = 0; i < 1000; i++)
		char_out_write(b->out, (const uint8_t *)"x\n", 2);
	assert_int_equal(char_out_dropped(b->out), 2000);
	assert_in_range(load(&b->lines), 10, 21);
}

static void regular_file_takes_everything(void **state)
{
	struct bench *b = *state;
	FILE *f = tmpfile();

	create(b, -1, fileno(f));
	write_pattern(b, 0, 500000);
	char_destroy(b->chr, 0);
	b->chr = NULL;
	rewind(f);
	for (size_t i = 0; i < 500000; i++)
		if (getc(f) != pattern(i))
			fail_msg("byte %zu is wrong", i);
	assert_int_equal(getc(f), EOF);
	fclose(f);
}

static void no_output_and_dev_null_swallow(void **state)
{
	struct bench *b = *state;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	create(b, -1, -1);
	write_pattern(b, 0, 200000);
	assert_int_equal(b->tapped, 200000);
	char_cancel(b->chr);
	char_resume(b->chr);
	assert_int_equal(char_dropped(b->chr), 0);
	char_destroy(b->chr, 100);
	create(b, null, null);
	write_pattern(b, 0, 200000);
	assert_int_equal(char_dropped(b->chr), 0);
	assert_int_equal(char_read(b->chr, (uint8_t[4]){ 0 }, 4), 0);
	close(null);
}

static void destroy_flushes_what_can_go_out(void **state)
{
	struct bench *b = *state;
	uint64_t start;
	char buf[64];

	open_pair(b, PIPE);
	create(b, -1, b->fd[1]);
	say(b, "no newline");
	char_destroy(b->chr, 1000);
	b->chr = NULL;
	assert_int_equal(hear(b->fd[0], buf, sizeof(buf), 0), 10);
	/* A reader that is stuck costs the time that was given, no more. */
	create(b, -1, b->fd[1]);
	write_pattern(b, 0, 100000);
	char_cancel(b->chr);
	start = clock_mono_ms();
	char_destroy(b->chr, 100);
	b->chr = NULL;
	assert_in_range(clock_mono_ms() - start, 100, PATIENCE);
}

static void *second_writer(void *ctx)
{
	struct bench *b = ctx;

	for (unsigned int i = 0; i < 20000; i++)
		char_write(b->chr, (const uint8_t *)"bb\n", 3);
	return NULL;
}

static void two_writers_lose_nothing(void **state)
{
	struct bench *b = *state;
	size_t seen[256] = { 0 };
	pthread_t thread[2];
	uint8_t buf[4096];

	open_pair(b, SOCKET);
	create(b, -1, b->fd[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_start(&thread[i], "w", second_writer,
					      b), 0);
	for (size_t sum = 0; sum < 120000;) {
		size_t n = hear(b->fd[0], buf, sizeof(buf), PATIENCE);

		assert_true(n > 0);
		for (size_t i = 0; i < n; i++)
			seen[buf[i]]++;
		sum += n;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(seen['b'], 80000);
	assert_int_equal(seen['\n'], 40000);
}

static void on_alarm(int sig)
{
}

static void R08_interrupted_calls_are_made_again(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct bench *b = *state;
	pid_t child;

	open_pair(b, PIPE);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		uint8_t buf[512];

		close(b->fd[1]);
		while (hear(b->fd[0], buf, sizeof(buf), PATIENCE) > 0)
			nap(1);
		_exit(0);
	}
	fd_close(&b->fd[0]);
	create_out(b, 600000);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	write_pattern(b, 0, 300000);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(char_out_dropped(b->out), 0);
	kill(child, SIGKILL);
}

#define T(name)                                                      \
	cmocka_unit_test_setup_teardown(name, char_bench_setup,      \
					char_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(line_goes_out_at_its_end),
		T(partial_line_goes_out_by_itself),
		T(many_bytes_go_out_without_a_newline),
		T(terminal_gets_every_byte_at_once),
		T(slow_reader_loses_nothing),
		T(flags_of_a_shared_descriptor_stay_as_they_are),
		T(descriptor_that_is_non_blocking_already_works_too),
		T(DC01_reader_that_never_reads_is_given_up),
		T(nearly_full_pipe_does_not_block_a_write),
		T(cancel_frees_a_waiting_writer_and_later_ones),
		T(resume_sends_the_line_that_has_no_end),
		T(DC07_reader_that_is_gone_does_not_hurt),
		T(DC07_reader_that_goes_while_the_writer_waits),
		T(R10_full_disk_drops_and_R15_logs_ten_lines),
		T(regular_file_takes_everything),
		T(no_output_and_dev_null_swallow),
		T(destroy_flushes_what_can_go_out),
		T(two_writers_lose_nothing),
		T(R08_interrupted_calls_are_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
