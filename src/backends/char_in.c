// SPDX-License-Identifier: BSD-3-Clause
/*
 * See char_in.h. A descriptor that can be polled is read on the loop's thread
 * while the buffer has room. A regular file cannot be polled; it is always
 * ready, and char_in_read() reads it when the buffer is empty.
 */
#include "backends/char_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define AT_ONCE_NS 1
#define RECHECK_NS 250000000 /* is it our turn at the terminal? */

struct char_in {
	int fd; /* owned; -1: none */
	bool tty;
	bool direct;               /* a regular file: read without polling */
	struct loop_source *ready; /* NULL: direct, or no input */
	struct loop_source *timer; /* tells a new listener; rechecks a tty */
	pthread_mutex_t lock;      /* guards every field below */
	pthread_cond_t told;       /* calling went false */
	struct char_listener listener;
	bool calling; /* the listener runs, on the thread caller */
	pthread_t caller;
	bool quiet; /* the descriptor is not polled: no room, end, background */
	bool ended;
	size_t head;
	size_t len;
	uint8_t buf[CHAR_IN_AHEAD];
};

static void set_quiet(struct char_in *in, bool quiet)
{
	if (quiet == in->quiet || !in->ready)
		return;
	in->quiet = quiet;
	loop_set_events(in->ready, quiet ? 0 : EPOLLIN);
}

/* Moves what waits to the front and reads behind it; true when bytes came. */
static bool fill(struct char_in *in)
{
	ssize_t n;

	memmove(in->buf, in->buf + in->head, in->len);
	in->head = 0;
	if (in->ended || in->len == CHAR_IN_AHEAD)
		return false;
	n = fd_read(in->fd, in->buf + in->len, CHAR_IN_AHEAD - in->len);
	if (n == -EAGAIN)
		return false;
	if (n <= 0)
		in->ended = true; /* an error ends input as the end does */
	else
		in->len += (size_t)n;
	return n > 0;
}

/* A process in the background that reads its terminal is stopped or gets EIO.
 * The input is then the shell's, not ours. */
static bool in_background(const struct char_in *in)
{
	pid_t front = in->tty ? tcgetpgrp(in->fd) : -1;

	return front > 0 && front != getpgrp();
}

/* Whoever shares the descriptor may have taken what epoll saw. */
static bool still_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Called with the lock held, which it gives up over the call. */
static void tell(struct char_in *in)
{
	struct char_listener listener = in->listener;

	if (!listener.readable)
		return;
	in->calling = true;
	in->caller = pthread_self();
	pthread_mutex_unlock(&in->lock);
	listener.readable(listener.ctx);
	pthread_mutex_lock(&in->lock);
	in->calling = false;
	pthread_cond_broadcast(&in->told);
}

static void on_ready(void *ctx, uint32_t events)
{
	struct char_in *in = ctx;
	bool news = false;

	pthread_mutex_lock(&in->lock);
	if (in_background(in)) {
		set_quiet(in, true);
		loop_arm(in->timer, RECHECK_NS);
	} else if (!in->quiet && still_readable(in->fd)) {
		news = fill(in);
		set_quiet(in, in->ended || in->len == CHAR_IN_AHEAD);
	}
	if (news)
		tell(in);
	pthread_mutex_unlock(&in->lock);
}

static bool waits(const struct char_in *in)
{
	return in->len || (in->direct && !in->ended);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct char_in *in = ctx;

	pthread_mutex_lock(&in->lock);
	set_quiet(in, in->ended || in->len == CHAR_IN_AHEAD);
	if (waits(in))
		tell(in);
	pthread_mutex_unlock(&in->lock);
}

void char_in_listen(struct char_in *in, struct char_listener listener)
{
	pthread_mutex_lock(&in->lock);
	in->listener = listener;
	while (in->calling && !pthread_equal(in->caller, pthread_self()))
		pthread_cond_wait(&in->told, &in->lock);
	if (listener.readable && waits(in))
		loop_arm(in->timer, AT_ONCE_NS);
	pthread_mutex_unlock(&in->lock);
}

size_t char_in_read(struct char_in *in, uint8_t *buf, size_t cap)
{
	size_t n;

	if (!cap)
		return 0;
	pthread_mutex_lock(&in->lock);
	if (!in->len && in->direct)
		fill(in);
	n = min_u64(cap, in->len);
	memcpy(buf, in->buf + in->head, n);
	in->head += n;
	in->len -= n;
	/* Half empty, so that a slow guest is not one system call per byte. */
	if (!in->ended && in->len <= CHAR_IN_AHEAD / 2)
		set_quiet(in, false);
	pthread_mutex_unlock(&in->lock);
	return n;
}

static int attach(struct char_in *in, int fd, struct loop *loop)
{
	int r;

	in->fd = fd_copy(fd);
	if (in->fd < 0)
		return -errno;
	in->tty = isatty(in->fd);
	r = loop_add_timer(&in->timer, loop, on_timer, in);
	if (r < 0)
		return r;
	in->quiet = true;
	r = loop_add(&in->ready, loop, in->fd, 0, on_ready, in);
	in->direct = r == -EPERM;
	if (r < 0)
		return in->direct ? 0 : r;
	pthread_mutex_lock(&in->lock);
	set_quiet(in, false);
	pthread_mutex_unlock(&in->lock);
	return 0;
}

int char_in_create(struct char_in **out, int fd, struct loop *loop,
		   struct err *err)
{
	struct char_in *in = calloc(1, sizeof(*in));
	int r = 0;

	*out = NULL;
	if (!in)
		return err_set(err, -ENOMEM, "console input: out of memory");
	in->fd = -1;
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->told, NULL);
	if (fd >= 0)
		r = attach(in, fd, loop);
	if (r < 0) {
		char_in_destroy(in);
		return err_set(err, r, "console input: %s", strerror(-r));
	}
	*out = in;
	return 0;
}

void char_in_destroy(struct char_in *in)
{
	if (!in)
		return;
	/* From here on on_timer() leaves the descriptor's source alone;
	 * on_ready() may still arm the timer, which goes last. */
	pthread_mutex_lock(&in->lock);
	in->ended = true;
	set_quiet(in, true);
	pthread_mutex_unlock(&in->lock);
	loop_remove(in->ready);
	loop_remove(in->timer);
	fd_close(&in->fd);
	pthread_cond_destroy(&in->told);
	pthread_mutex_destroy(&in->lock);
	free(in);
}
