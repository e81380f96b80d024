// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/input.c: keys for somebody who takes them slowly, or not at all, and
 * signals by a descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/input.h"

#define HELD sizeof(((struct keys *)NULL)->held)

/* A pipe in place of standard input, and one to who takes the keys. */
struct stage {
	int saved;
	int type; /* -1: no more is typed */
	int taker;
	struct keys keys;
	struct terminal_filter filter;
};

static int set_up(void **state)
{
	struct stage *t = calloc(1, sizeof(*t));
	int in[2], out[2];

	*state = t;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	t->saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(in[0], STDIN_FILENO);
	close(in[0]);
	t->type = in[1];
	t->taker = out[0];
	t->keys.to = out[1];
	fcntl(out[1], F_SETPIPE_SZ, 4096);
	return 0;
}

static int tear_down(void **state)
{
	struct stage *t = *state;

	keys_close(&t->keys);
	keys_close(&t->keys);
	dup2(t->saved, STDIN_FILENO);
	close(t->saved);
	if (t->type >= 0)
		close(t->type);
	close(t->taker);
	free(t);
	return 0;
}

static bool wants_more(const struct stage *t)
{
	struct pollfd more, rid;

	keys_poll(&t->keys, &more, &rid);
	assert_int_equal(more.events, POLLIN);
	return more.fd == STDIN_FILENO;
}

static bool wants_to_send(const struct stage *t)
{
	struct pollfd more, rid;

	keys_poll(&t->keys, &more, &rid);
	assert_int_equal(rid.events, POLLOUT);
	return rid.fd >= 0;
}

static void type(struct stage *t, const char *text)
{
	assert_int_equal(write(t->type, text, strlen(text)), strlen(text));
}

/* All that is there for the other side. */
static size_t take(struct stage *t, char *buf, size_t cap)
{
	ssize_t n = read(t->taker, buf, cap);

	return n < 0 ? 0 : (size_t)n;
}

static void keys_are_passed_on(void **state)
{
	struct stage *t = *state;
	char got[16];

	assert_true(wants_more(t));
	assert_false(wants_to_send(t));
	type(t, "ls\x01x\r");
	assert_int_equal(keys_read(&t->keys), TERMINAL_NONE);
	assert_int_equal(take(t, got, sizeof(got)), 5);
	assert_memory_equal(got, "ls\x01x\r", 5);
	t->keys.filter = &t->filter;
	type(t, "a\x01xb");
	assert_int_equal(keys_read(&t->keys), TERMINAL_QUIT);
	assert_int_equal(take(t, got, sizeof(got)), 2);
	assert_memory_equal(got, "ab", 2);
	assert_false(keys_are_done(&t->keys));
}

/* Types without end: what comes out is all of it, in order. */
static void keys_nobody_takes_are_held_back(void **state)
{
	struct stage *t = *state;
	char got[4096 + HELD], text[2] = "a";
	size_t typed = 0, taken = 0, n;

	while (wants_more(t)) {
		text[0] = (char)('a' + typed++ % 23);
		type(t, text);
		keys_read(&t->keys);
		assert_true(typed < sizeof(got) + 100);
	}
	assert_int_equal(t->keys.len, HELD);
	assert_true(wants_to_send(t));
	keys_send(&t->keys);
	assert_int_equal(t->keys.len, HELD);
	close(t->type);
	t->type = -1;
	while ((n = take(t, got, 100))) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(got[i], 'a' + (int)(taken++ % 23));
		keys_send(&t->keys);
	}
	assert_int_equal(taken, typed);
	assert_true(wants_more(t));
	assert_false(wants_to_send(t));
}

static void what_is_held_goes_out_after_the_end(void **state)
{
	struct stage *t = *state;
	char fill[4096] = { 0 };

	assert_int_equal(write(t->keys.to, fill, sizeof(fill)), sizeof(fill));
	type(t, "end");
	keys_read(&t->keys);
	close(t->type);
	t->type = -1;
	keys_read(&t->keys);
	assert_false(wants_more(t));
	assert_true(wants_to_send(t));
	assert_false(keys_are_done(&t->keys));
	assert_int_equal(take(t, fill, sizeof(fill)), sizeof(fill));
	keys_send(&t->keys);
	assert_int_equal(take(t, fill, sizeof(fill)), 3);
	assert_memory_equal(fill, "end", 3);
	assert_true(keys_are_done(&t->keys));
}

/* Then those that are ours are still read. */
static void a_taker_that_goes_is_seen(void **state)
{
	struct stage *t = *state;

	t->keys.filter = &t->filter;
	close(t->taker);
	type(t, "x");
	assert_int_equal(keys_read(&t->keys), TERMINAL_NONE);
	assert_false(wants_to_send(t));
	assert_true(wants_more(t));
	assert_false(keys_are_done(&t->keys));
	type(t, "\x01p");
	assert_int_equal(keys_read(&t->keys), TERMINAL_POWER);
	t->keys.filter = NULL;
	assert_false(wants_more(t));
	assert_true(keys_are_done(&t->keys));
}

static void there_may_be_no_keys(void **state)
{
	struct keys none = { .to = -1 };
	struct pollfd more, rid;

	keys_poll(&none, &more, &rid);
	assert_int_equal(more.fd, -1);
	assert_int_equal(rid.fd, -1);
	assert_false(keys_are_done(&none));
	keys_send(&none);
	keys_close(&none);
}

static void signals_come_by_a_descriptor(void **state)
{
	static const int list[] = { SIGUSR1, SIGUSR2, SIGWINCH, 0 };
	struct signalfd_siginfo info;
	sigset_t before;
	int fd;

	sigprocmask(SIG_SETMASK, NULL, &before);
	signal(SIGUSR2, SIG_IGN);
	fd = input_signals(list, false);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &info, sizeof(info)), -1);
	raise(SIGUSR2);
	raise(SIGUSR1);
	assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.ssi_signo, SIGUSR1);
	assert_int_equal(read(fd, &info, sizeof(info)), -1);
	raise(SIGPIPE);
	close(fd);
	signal(SIGUSR2, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_are_passed_on),
		T(keys_nobody_takes_are_held_back),
		T(what_is_held_goes_out_after_the_end),
		T(a_taker_that_goes_is_seen),
		cmocka_unit_test(there_may_be_no_keys),
		cmocka_unit_test(signals_come_by_a_descriptor),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
