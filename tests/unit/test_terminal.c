// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/terminal.c: the keys that are ours, and raw mode on and off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

#define A  "\x01"
#define NO TERMINAL_NONE

struct row {
	const char *in;
	const char *out;
	enum terminal_key key;
	bool escaped; /* afterwards */
};

static const struct row rows[] = {
	{ "", "", NO, false },
	{ "ls\r", "ls\r", NO, false },
	{ "\x03\x04\x1a\x1b[A\xff", "\x03\x04\x1a\x1b[A\xff", NO, false },
	{ A "x", "", TERMINAL_QUIT, false },
	{ A "h", "", TERMINAL_HELP, false },
	{ A "?", "", TERMINAL_HELP, false },
	{ A "p", "", TERMINAL_POWER, false },
	{ A A, A, NO, false },
	{ A "a", A, NO, false },
	{ A, "", NO, true },
	{ A "z", "", NO, false }, /* nobody's: swallowed */
	{ A "X", "", NO, false },
	{ A A A, A, NO, true },
	{ A A A A, A A, NO, false },
	{ A A "x", A "x", NO, false }, /* an x for the guest */
	{ "a" A "xb", "ab", TERMINAL_QUIT, false },
	{ A "h" A "p", "", TERMINAL_POWER, false },
	{ "x" A "\r", "x", NO, false },
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

static void terminal_filter_of_a_whole_read(void **state)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct terminal_filter filter = { 0 };
		size_t len = strlen(rows[i].in);
		enum terminal_key key = TERMINAL_QUIT;
		char *out = malloc(len + 1); /* not a byte more */
		size_t n = terminal_filter(&filter, rows[i].in, len, out, &key);

		out[n] = '\0';
		assert_string_equal(out, rows[i].out);
		assert_int_equal(key, rows[i].key);
		assert_int_equal(filter.escaped, rows[i].escaped);
		free(out);
	}
}

static void terminal_filter_byte_by_byte_gives_the_same(void **state)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct terminal_filter filter = { 0 };
		enum terminal_key last = TERMINAL_NONE;
		char out[16];
		size_t n = 0;

		for (const char *p = rows[i].in; *p; p++) {
			enum terminal_key key;

			n += terminal_filter(&filter, p, 1, out + n, &key);
			if (key != TERMINAL_NONE)
				last = key;
		}
		out[n] = '\0';
		assert_string_equal(out, rows[i].out);
		assert_int_equal(last, rows[i].key);
		assert_int_equal(filter.escaped, rows[i].escaped);
	}
}

static void terminal_filter_passes_every_other_byte(void **state)
{
	struct terminal_filter filter = { 0 };
	enum terminal_key key;
	char in[255];
	char out[255];
	size_t n = 0;

	for (int c = 0; c < 256; c++)
		if (c != 1)
			in[n++] = (char)c;
	assert_int_equal(terminal_filter(&filter, in, n, out, &key), n);
	assert_memory_equal(in, out, n);
	/* In place works too: never more goes out than came in. */
	assert_int_equal(terminal_filter(&filter, in, n, in, &key), n);
	assert_memory_equal(in, out, n);
}

/* ---- raw mode, on a pseudo-terminal of our own ---- */

struct tty {
	int master;
	int slave;
	int saved; /* standard input */
	struct termios before;
};

static int open_tty(void **state)
{
	struct tty *t = calloc(1, sizeof(*t));

	*state = t;
	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	if (t->master < 0 || grantpt(t->master) || unlockpt(t->master))
		return -1;
	t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY);
	t->saved = dup(STDIN_FILENO);
	dup2(t->slave, STDIN_FILENO);
	return tcgetattr(t->slave, &t->before);
}

static int close_tty(void **state)
{
	struct tty *t = *state;

	terminal_restore();
	dup2(t->saved, STDIN_FILENO);
	close(t->saved);
	close(t->slave);
	close(t->master);
	free(t);
	return 0;
}

static void assert_mode(const struct tty *t, bool raw)
{
	struct termios now;

	assert_int_equal(tcgetattr(t->slave, &now), 0);
	assert_int_equal(!(now.c_lflag & ICANON), raw);
	assert_int_equal(!(now.c_lflag & ISIG), raw);
	assert_int_equal(!(now.c_lflag & ECHO), raw);
	assert_int_equal(terminal_is_raw(), raw);
	if (raw)
		return;
	assert_int_equal(now.c_iflag, t->before.c_iflag);
	assert_int_equal(now.c_oflag, t->before.c_oflag);
	assert_int_equal(now.c_cflag, t->before.c_cflag);
	assert_int_equal(now.c_lflag, t->before.c_lflag);
	assert_memory_equal(now.c_cc, t->before.c_cc, sizeof(now.c_cc));
}

static void terminal_raw_and_restore_any_number_of_times(void **state)
{
	struct tty *t = *state;

	terminal_restore(); /* nothing to restore */
	assert_mode(t, false);
	for (int i = 0; i < 3; i++) {
		assert_true(terminal_raw());
		assert_true(terminal_raw());
		assert_mode(t, true);
		terminal_restore();
		terminal_restore();
		assert_mode(t, false);
	}
}

static void terminal_is_restored_when_a_fatal_signal_arrives(void **state)
{
	struct tty *t = *state;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (terminal_raw())
			raise(SIGABRT);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_mode(t, false);
}

static void terminal_raw_of_no_terminal_is_refused(void **state)
{
	int saved = dup(STDIN_FILENO);
	int null = open("/dev/null", O_RDONLY);

	dup2(null, STDIN_FILENO);
	assert_false(terminal_raw());
	assert_false(terminal_is_raw());
	terminal_restore();
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminal_filter_of_a_whole_read),
		cmocka_unit_test(terminal_filter_byte_by_byte_gives_the_same),
		cmocka_unit_test(terminal_filter_passes_every_other_byte),
		cmocka_unit_test_setup_teardown(
			terminal_raw_and_restore_any_number_of_times, open_tty,
			close_tty),
		cmocka_unit_test_setup_teardown(
			terminal_is_restored_when_a_fatal_signal_arrives,
			open_tty, close_tty),
		cmocka_unit_test(terminal_raw_of_no_terminal_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
