// SPDX-License-Identifier: BSD-3-Clause
#include "cli/input.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int input_signals(const int *signals, bool blocks)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *signals; signals++) {
		struct sigaction old;

		sigaction(*signals, NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaddset(&set, *signals);
	}
	signal(SIGPIPE, SIG_IGN); /* EPIPE is an answer */
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | (blocks ? 0 : SFD_NONBLOCK));
	if (fd < 0)
		message("signalfd: %s", strerror(errno));
	return fd;
}

/* Ours are read even when nobody takes the others. */
void keys_poll(const struct keys *k, struct pollfd *more, struct pollfd *rid)
{
	const bool wanted = k->to >= 0 && !k->ended && (!k->gone || k->filter);
	const bool room = k->len < sizeof(k->held);

	*more = (struct pollfd){ wanted && room ? STDIN_FILENO : -1, POLLIN,
				 0 };
	*rid = (struct pollfd){ k->len ? k->to : -1, POLLOUT, 0 };
}

void keys_send(struct keys *k)
{
	ssize_t n;

	if (!k->gone && k->len) {
		n = write(k->to, k->held, k->len);
		k->gone = n < 0 && errno != EAGAIN && errno != EINTR;
		if (n > 0) {
			k->len -= (size_t)n;
			memmove(k->held, k->held + n, k->len);
		}
	}
	if (k->gone)
		k->len = 0;
}

enum terminal_key keys_read(struct keys *k)
{
	enum terminal_key key = TERMINAL_NONE;
	char *at = k->held + k->len;
	ssize_t n = read(STDIN_FILENO, at, sizeof(k->held) - k->len);

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		k->ended = true;
	if (n <= 0)
		return key;
	k->len += k->filter ?
			  terminal_filter(k->filter, at, (size_t)n, at, &key) :
			  (size_t)n;
	keys_send(k);
	return key;
}

bool keys_are_done(const struct keys *k)
{
	return !k->len && (k->ended || (k->gone && !k->filter));
}

void keys_close(struct keys *k)
{
	if (k->to >= 0)
		close(k->to);
	k->to = -1;
	k->len = 0;
}
