// SPDX-License-Identifier: BSD-3-Clause
/* backends/char_pty.c: clients of a pseudo-terminal come and go. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "char_bench.h"

#include "base/clock.h"
#include "base/fd.h"

static void on_readable(void *ctx)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->told, 1, __ATOMIC_SEQ_CST);
}

static void on_writable(void *ctx)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->inside, 1, __ATOMIC_SEQ_CST);
}

static void tap(void *ctx, const uint8_t *bytes, size_t len)
{
	((struct bench *)ctx)->tapped += len;
}

static int setup(void **state)
{
	struct char_config cfg = { .in_fd = -1, .out_fd = -1,
				   .kind = CHAR_PTY };
	struct bench *b;

	if (char_bench_setup(state) < 0)
		return -1;
	b = *state;
	cfg.tap = (struct char_tap){ tap, b };
	if (char_create(&b->chr, &cfg, b->loop, &b->log, NULL) < 0)
		return -1;
	char_listen(b->chr, (struct char_listener){ on_readable, b,
						    on_writable });
	return 0;
}

static int attach(struct bench *b)
{
	int fd = open(char_path(b->chr), O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Writes until the client has read it: it takes a moment to be noticed. What
 * the terminal still holds from before comes first. */
static void expect_output(struct bench *b, int fd)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	char buf[64] = "";
	size_t n;

	do {
		say(b, "knock\n");
		assert_true(clock_mono_ms() < end);
		n = hear(fd, buf, sizeof(buf), 20);
	} while (!memmem(buf, n, "knock\n", 6));
	while (hear(fd, buf, sizeof(buf), 50))
		;
}

static void expect_input(struct bench *b, int fd, const char *text)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	size_t len = strlen(text);
	uint8_t buf[64];
	size_t got = 0;

	assert_int_equal(fd_write_full(fd, text, len), 0);
	while (got < len) {
		got += char_read(b->chr, buf + got, len - got);
		nap(1);
		assert_true(clock_mono_ms() < end);
	}
	assert_memory_equal(buf, text, len);
}

/* Until output is dropped again. */
static void expect_gone(struct bench *b)
{
	uint64_t end = clock_mono_ms() + PATIENCE;
	uint64_t before = char_dropped(b->chr);

	while (char_dropped(b->chr) == before) {
		say(b, "x\n");
		nap(1);
		assert_true(clock_mono_ms() < end);
	}
}

static void path_is_a_terminal_of_raw_bytes(void **state)
{
	struct bench *b = *state;
	struct termios t;
	int fd = attach(b);

	assert_true(isatty(fd));
	assert_int_equal(tcgetattr(fd, &t), 0);
	assert_int_equal(t.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(t.c_oflag & OPOST, 0);
	close(fd);
}

static void output_without_a_client_is_dropped_at_once(void **state)
{
	struct bench *b = *state;
	uint64_t before = clock_mono_ms();

	for (unsigned int i = 0; i < 1000; i++)
		write_pattern(b, 0, 1000);
	assert_true(clock_mono_ms() - before < 5000);
	assert_int_equal(char_dropped(b->chr), 1000 * 1000);
	assert_int_equal(b->tapped, 1000 * 1000);
	assert_int_equal(char_offer(b->chr, (const uint8_t *)"abc", 3), 3);
	assert_int_equal(b->tapped, 1000 * 1000 + 3);
}

static void bytes_pass_both_ways_as_they_are(void **state)
{
	struct bench *b = *state;
	int fd = attach(b);

	expect_output(b, fd);
	expect_input(b, fd, "\x03\r\n\x7f\x1a all");
	assert_true(load(&b->told) > 0);
	close(fd);
}

static void DC07_terminal_may_be_closed_and_opened_again(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < 20; i++) {
		int fd = attach(b);

		expect_output(b, fd);
		expect_input(b, fd, "again");
		close(fd);
		if (i % 2)
			expect_gone(b);
	}
}

static void DC07_closing_lets_a_waiting_writer_go(void **state)
{
	struct bench *b = *state;
	int fd = attach(b);
	uint64_t end;
	pthread_t thread;

	expect_output(b, fd);
	b->target = 300000;
	assert_int_equal(pthread_create(&thread, NULL, writer, b), 0);
	nap(100);
	end = clock_mono_ms();
	close(fd);
	pthread_join(thread, NULL);
	assert_true(clock_mono_ms() - end < 5000);
	expect_gone(b);
}

static void DC07_closing_tells_who_waits_for_room(void **state)
{
	struct bench *b = *state;
	uint8_t buf[4096] = { 0 };
	int fd = attach(b);

	expect_output(b, fd);
	while (char_offer(b->chr, buf, sizeof(buf)) == sizeof(buf))
		;
	assert_int_equal(load(&b->inside), 0);
	close(fd);
	wait_for(&b->inside, 1);
	assert_int_equal(char_offer(b->chr, buf, sizeof(buf)), sizeof(buf));
}

static void idle_terminal_costs_no_time(void **state)
{
	struct timespec before, after;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	nap(300);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000 <
		    100);
}

static void destroying_with_a_client_hangs_it_up(void **state)
{
	struct bench *b = *state;
	int fd = attach(b);
	char c;

	expect_output(b, fd);
	char_destroy(b->chr, 100);
	b->chr = NULL;
	assert_true(read(fd, &c, 1) <= 0);
	close(fd);
}

static void *late_reader(void *ctx)
{
	int fd = *(int *)ctx;
	static const char last[] = "last words";
	char buf[64];

	nap(300);
	return hear(fd, buf, sizeof(buf), 1000) == sizeof(last) - 1 &&
			       !memcmp(buf, last, sizeof(last) - 1)
		       ? ctx
		       : NULL;
}

static void last_words_wait_for_a_late_reader(void **state)
{
	struct bench *b = *state;
	int fd = attach(b);
	pthread_t thread;
	uint64_t begin;
	void *heard;

	expect_output(b, fd);
	assert_int_equal(pthread_create(&thread, NULL, late_reader, &fd), 0);
	say(b, "last words");
	char_destroy(b->chr, 5000);
	b->chr = NULL;
	pthread_join(thread, &heard);
	assert_non_null(heard);
	close(fd);
	/* One that does not read at all delays the end so long, no longer. */
	assert_int_equal(char_bench_teardown(state), 0);
	assert_int_equal(setup(state), 0);
	b = *state;
	fd = attach(b);
	expect_output(b, fd);
	say(b, "last words");
	begin = clock_mono_ms();
	char_destroy(b->chr, 200);
	b->chr = NULL;
	assert_true(clock_mono_ms() - begin < 2000);
	close(fd);
}

/* ---- links ---- */

static struct char_dev *at(struct bench *b, const char *path, int *code)
{
	const struct char_config cfg = { .in_fd = -1, .out_fd = -1,
					 .kind = CHAR_PTY, .path = path };
	struct err err = { 0 };
	struct char_dev *chr;

	*code = char_create(&chr, &cfg, b->loop, &b->log, &err);
	if (*code < 0)
		assert_non_null(strstr(err.text, path));
	return chr;
}

static void link_leads_to_the_terminal_until_the_end(void **state)
{
	char dir[] = "/tmp/vireo-pty-XXXXXX";
	struct bench *b = *state;
	struct char_dev *chr;
	char path[64];
	struct stat st;
	int code;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/console", dir);
	chr = at(b, path, &code);
	assert_int_equal(code, 0);
	assert_string_equal(char_path(chr), path);
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(isatty(fd));
	close(fd);
	/* Another one does not take it away. */
	assert_null(at(b, path, &code));
	assert_int_equal(code, -EEXIST);
	char_destroy(chr, 0);
	assert_int_equal(lstat(path, &st), -1);
	/* One that a crash has left is replaced, another stays. */
	assert_int_equal(symlink("/dev/pts/987654", path), 0);
	chr = at(b, path, &code);
	assert_int_equal(code, 0);
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	char_destroy(chr, 0);
	assert_int_equal(lstat(path, &st), 0);
	unlink(path);
	rmdir(dir);
}

static void link_in_a_wrong_place_leaves_nothing(void **state)
{
	struct bench *b = *state;
	int before = dup(0);
	int after;
	int code;

	assert_null(at(b, "/nowhere/console", &code));
	assert_int_equal(code, -ENOENT);
	assert_null(at(b, "/", &code));
	assert_int_equal(code, -EEXIST);
	close(before);
	after = dup(0);
	assert_int_equal(before, after);
	close(after);
}

#define T(name) \
	cmocka_unit_test_setup_teardown(name, setup, char_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(path_is_a_terminal_of_raw_bytes),
		T(output_without_a_client_is_dropped_at_once),
		T(bytes_pass_both_ways_as_they_are),
		T(DC07_terminal_may_be_closed_and_opened_again),
		T(DC07_closing_lets_a_waiting_writer_go),
		T(DC07_closing_tells_who_waits_for_room),
		T(idle_terminal_costs_no_time),
		T(destroying_with_a_client_hangs_it_up),
		T(last_words_wait_for_a_late_reader),
		T(link_leads_to_the_terminal_until_the_end),
		T(link_in_a_wrong_place_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
