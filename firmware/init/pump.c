// SPDX-License-Identifier: BSD-3-Clause
/* See run.h. One thread, one poll(). */
#include "run.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/termios.h>
#include <linux/wait.h>

#define FLAGS (O_CLOEXEC | O_NONBLOCK)

/* ---- opening ---- */

static int set_nonblock(int fd)
{
	long flags = SYS3(fcntl, fd, F_GETFL, 0);

	return (int)SYS3(fcntl, fd, F_SETFL, flags | O_NONBLOCK);
}

static int connect_stream(const struct pump *p, unsigned int port, int *fd)
{
	*fd = host_connect(PORTS(p->number) + port);
	return *fd < 0 ? *fd : set_nonblock(*fd);
}

/* Our end does not block, the command's does. */
static int open_pipe(int *ours, int *theirs, bool we_read)
{
	int fds[2];
	int r = (int)SYS2(pipe2, fds, O_CLOEXEC);

	if (r < 0)
		return r;
	*ours = we_read ? fds[0] : fds[1];
	*theirs = we_read ? fds[1] : fds[0];
	return set_nonblock(*ours);
}

static int open_pipes(struct pump *p, int fds[3])
{
	int r = connect_stream(p, PORT_STDIN, &p->in.from);

	if (r >= 0)
		r = connect_stream(p, PORT_STDOUT, &p->out.to);
	if (r >= 0)
		r = connect_stream(p, PORT_STDERR, &p->err.to);
	if (r >= 0)
		r = open_pipe(&p->in.to, &fds[0], false);
	if (r >= 0)
		r = open_pipe(&p->out.from, &fds[1], true);
	if (r >= 0)
		r = open_pipe(&p->err.from, &fds[2], true);
	return r;
}

static int open_terminal(struct pump *p, int fds[3])
{
	char path[32] = "/dev/pts/";
	int unlock = 0, n = 0;
	long r = connect_stream(p, PORT_STDIN, &p->in.from);

	if (r >= 0)
		r = connect_stream(p, PORT_STDOUT, &p->out.to);
	if (r >= 0)
		r = open_file("/dev/pts/ptmx", O_RDWR | O_NOCTTY | FLAGS, 0);
	if (r < 0)
		return (int)r;
	p->terminal = (int)r;
	p->in.to = p->terminal;
	p->out.from = p->terminal;
	r = SYS3(ioctl, p->terminal, TIOCSPTLCK, &unlock);
	if (!r)
		r = SYS3(ioctl, p->terminal, TIOCGPTN, &n);
	if (r < 0)
		return (int)r;
	put_number(path, sizeof(path), (uint64_t)n);
	fds[0] = open_file(path, O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	fds[1] = fds[0];
	fds[2] = fds[0];
	return fds[0];
}

/* What another command has left there. */
static void forget(struct stream *s)
{
	s->from = -1;
	s->to = -1;
	s->start = 0;
	s->end = 0;
}

int pump_open(struct pump *p, bool tty, int fds[3])
{
	uint64_t children = UINT64_C(1) << (SIGCHLD - 1);
	uint64_t pipes = UINT64_C(1) << (SIGPIPE - 1); /* EPIPE will do */
	uint64_t block = children | pipes;
	int r;

	p->terminal = -1;
	forget(&p->in);
	forget(&p->out);
	forget(&p->err);
	p->line_len = 0;
	p->early = 0;
	SYS4(rt_sigprocmask, SIG_BLOCK, &block, NULL, sizeof(block));
	p->children = (int)SYS4(signalfd4, -1, &children, sizeof(children),
				FLAGS);
	r = set_nonblock(p->words);
	if (r >= 0)
		r = tty ? open_terminal(p, fds) : open_pipes(p, fds);
	return r < 0 ? r : 0;
}

/* ---- copying ---- */

/* A master and what it was opened as are one descriptor: closed once. */
static void close_side(const struct pump *p, int *fd)
{
	if (*fd == p->terminal)
		*fd = -1;
	close_fd(fd);
}

/* What is left for nobody is dropped; the writer is told by closing. */
static void stop_stream(struct pump *p, struct stream *s)
{
	close_side(p, &s->from);
	close_side(p, &s->to);
	s->start = s->end = 0;
}

/* False when there was nothing to be done. */
static bool move(struct pump *p, struct stream *s)
{
	bool moved = false;
	long n;

	if (s->from >= 0 && s->start == s->end) {
		n = SYS3(read, s->from, s->buf, sizeof(s->buf));
		s->start = 0;
		s->end = n > 0 ? (uint32_t)n : 0;
		moved = n > 0;
		if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
			stop_stream(p, s);
			return false;
		}
	}
	if (s->to >= 0 && s->start < s->end) {
		n = SYS3(write, s->to, s->buf + s->start, s->end - s->start);
		if (n > 0) {
			s->start += (uint32_t)n;
			return true;
		}
		if (n != -EAGAIN && n != -EINTR)
			stop_stream(p, s);
	}
	return moved;
}

static void watch(struct pollfd *at, const struct stream *s)
{
	bool full = s->start < s->end;

	at->fd = full ? s->to : s->from;
	at->events = full ? POLLOUT : POLLIN;
	at->revents = 0;
}

/* ---- the host's words ---- */

/* One that comes before the child waits for it. */
static void pass_signal(struct pump *p, int number, int child)
{
	if (child)
		SYS2(kill, -child, number);
	else
		p->early = number;
}

static void obey(struct pump *p, const char *line, int child)
{
	if (starts_with(line, "signal "))
		pass_signal(p, (int)number(line + 7), child);
	if (starts_with(line, "exec ") && p->number == 0)
		begin_further((uint32_t)number(line + 5));
	if (starts_with(line, "size ") && p->terminal >= 0) {
		const char *rows = line + 5;
		struct winsize size;

		memset(&size, 0, sizeof(size));
		size.ws_col = (unsigned short)number(rows);
		while (*rows && *rows != ' ')
			rows++;
		size.ws_row = (unsigned short)number(rows + (*rows == ' '));
		SYS3(ioctl, p->terminal, TIOCSWINSZ, &size);
	}
}

/* Whoever wanted a further command has gone: it is told. */
static void host_left(struct pump *p, int child)
{
	p->words = -1;
	if (p->number && child)
		SYS2(kill, -child, SIGHUP);
}

static void listen_to_host(struct pump *p, int child)
{
	char byte;
	long n = 0;

	while (p->words >= 0 && (n = SYS3(read, p->words, &byte, 1)) == 1) {
		if (byte != '\n') {
			if (p->line_len + 1 < sizeof(p->line))
				p->line[p->line_len++] = byte;
			continue;
		}
		p->line[p->line_len] = '\0';
		p->line_len = 0;
		obey(p, p->line, child);
	}
	if (p->words >= 0 && n != -EAGAIN && n != -EINTR)
		host_left(p, child);
}

void pump_listen(struct pump *p)
{
	listen_to_host(p, 0);
}

/* True when the command has ended. Orphans are ours to bury. */
static bool reap(struct pump *p, int child, int *status)
{
	uint8_t info[128];
	bool ended = false;
	int s = 0;
	long pid;

	while (SYS3(read, p->children, info, sizeof(info)) > 0)
		;
	while ((pid = SYS4(wait4, -1, &s, WNOHANG, NULL)) > 0)
		if (pid == child) {
			*status = s;
			ended = true;
		}
	return ended;
}

/* What the command has written before its end is in the pipes. */
static void drain(struct pump *p)
{
	struct pollfd set[2];

	for (;;) {
		bool moved;

		do {
			moved = move(p, &p->out);
			moved = move(p, &p->err) || moved;
		} while (moved);
		watch(&set[0], &p->out);
		watch(&set[1], &p->err);
		if (p->out.start == p->out.end && p->err.start == p->err.end)
			break;
		if (p->out.start == p->out.end)
			set[0].fd = -1;
		if (p->err.start == p->err.end)
			set[1].fd = -1;
		SYS3(poll, set, 2, -1);
	}
	stop_stream(p, &p->out);
	stop_stream(p, &p->err);
}

void pump_run(struct pump *p, int child, int *status)
{
	struct pollfd set[5];

	if (p->early)
		pass_signal(p, p->early, child);
	for (;;) {
		set[0] = (struct pollfd){ p->children, POLLIN, 0 };
		set[1] = (struct pollfd){ p->words, POLLIN, 0 };
		watch(&set[2], &p->in);
		watch(&set[3], &p->out);
		watch(&set[4], &p->err);
		SYS3(poll, set, 5, -1);
		if (set[0].revents && reap(p, child, status))
			break;
		if (set[1].revents)
			listen_to_host(p, child);
		move(p, &p->in);
		move(p, &p->out);
		move(p, &p->err);
	}
	stop_stream(p, &p->in);
	drain(p);
}

void pump_rest(struct pump *p)
{
	struct pollfd set = { p->words, POLLIN, 0 };
	char byte;

	stop_stream(p, &p->in);
	stop_stream(p, &p->out);
	stop_stream(p, &p->err);
	while (p->words >= 0) {
		long n;

		SYS3(poll, &set, 1, -1);
		n = SYS3(read, p->words, &byte, 1);
		if (n != 1 && n != -EAGAIN && n != -EINTR)
			p->words = -1;
	}
}
