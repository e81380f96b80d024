// SPDX-License-Identifier: BSD-3-Clause
/*
 * The user's terminal while it is the guest's console: raw mode, and the keys
 * that are ours. The saved settings are the program's only global state: a
 * handler of a fatal signal has to reach them.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A 0x01

static struct termios saved;
static volatile sig_atomic_t raw;

size_t terminal_filter(struct terminal_filter *filter, const char *in,
		       size_t len, char *out, enum terminal_key *key)
{
	size_t n = 0;

	*key = TERMINAL_NONE;
	for (size_t i = 0; i < len; i++) {
		char c = in[i];

		if (!filter->escaped) {
			filter->escaped = c == CTRL_A;
			if (!filter->escaped)
				out[n++] = c;
			continue;
		}
		filter->escaped = false;
		if (c == CTRL_A || c == 'a')
			out[n++] = CTRL_A;
		else if (c == 'x')
			*key = TERMINAL_QUIT;
		else if (c == 'h' || c == '?')
			*key = TERMINAL_HELP;
		else if (c == 'p')
			*key = TERMINAL_POWER;
	}
	return n;
}

/* Only async-signal-safe calls: also runs in the handler below. */
void terminal_restore(void)
{
	int keep = errno;

	if (raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	raw = 0;
	errno = keep;
}

bool terminal_is_raw(void)
{
	return raw;
}

static void on_fatal(int sig)
{
	terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Those whose default action is not the end of the process. */
static bool harmless(int sig)
{
	static const int list[] = { SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
				    SIGTTIN, SIGTTOU, SIGURG,  SIGWINCH };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (sig == list[i])
			return true;
	return false;
}

/* Every signal that would end us without a word: a fault in us, and what
 * others may send. Those we wait for are blocked and come by descriptor. */
static void catch_fatal(void)
{
	struct sigaction action = { .sa_handler = on_fatal };

	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction old;

		if (!harmless(sig) && sigaction(sig, NULL, &old) == 0 &&
		    old.sa_handler == SIG_DFL)
			sigaction(sig, &action, NULL);
	}
}

static bool make_raw(void)
{
	struct termios now = saved;

	cfmakeraw(&now);
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &now) == 0;
}

void terminal_continue(void)
{
	if (raw && tcgetpgrp(STDIN_FILENO) == getpgrp())
		make_raw();
}

bool terminal_raw(void)
{
	if (raw)
		return true;
	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return false;
	catch_fatal();
	raw = 1; /* before it is true: a signal may come in between */
	if (!make_raw())
		raw = 0;
	return raw;
}
