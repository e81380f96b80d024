// SPDX-License-Identifier: BSD-3-Clause
/*
 * See char_out.h. Never sets O_NONBLOCK on a description that others share:
 * sockets are sent to with MSG_DONTWAIT, pipes and terminals are polled before
 * a write that is small enough to fit (pipe(7): PIPE_BUF), and a terminal is
 * opened anew where that is allowed, to have a description of our own.
 *
 * SIGPIPE: sockets are sent to with MSG_NOSIGNAL, and a pipe without a reader
 * is seen by poll() before it is written. A reader that leaves between the two
 * raises the signal, which every thread that comes here blocks.
 */
#include "backends/char_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#define EARLY_LEN  256     /* this many go out without a newline */
#define CHUNK      4096    /* PIPE_BUF: fits when a pipe has room at all */
#define CHUNK_TTY  128     /* a shared terminal: poll() promises little */
#define PARTIAL_NS 3000000 /* a line without its end waits this long */
#define RETRY_MS   20      /* poll() says ready, write() says no */

struct char_out {
	int fd;        /* owned; -1: output goes nowhere */
	int cancel_fd; /* owned; readable while cancelled */
	bool socket;
	bool tty;
	bool always_ready; /* a regular file: cannot be polled */
	size_t chunk;      /* at most this much in one write */
	unsigned int give_up_ms;
	struct char_tap tap;
	const struct log *log;
	struct loop_source *ready; /* NULL: always ready, or no output */
	struct loop_source *timer;
	pthread_mutex_t lock; /* guards every field below */
	bool closing;         /* the sources are about to go */
	uint8_t *ring;        /* owned, CHAR_OUT_HELD bytes */
	size_t head;
	size_t len;
	bool armed;    /* the timer runs */
	bool watching; /* the loop tells when the descriptor is ready */
	bool cancelled;
	bool given_up; /* full, and nobody has read for give_up_ms */
	bool broken;   /* the descriptor failed for good */
	bool stalled;  /* what is held could not go out since stalled_ms */
	uint64_t stalled_ms;
	uint64_t dropped;
	struct log_limit limit;
	struct char_listener listener;
	bool owed;    /* the listener waits for room */
	bool calling; /* it runs, on the thread caller */
	pthread_t caller;
	pthread_cond_t told; /* calling went false */
};

enum flush {
	FLUSH_EMPTY, /* nothing is held any more */
	FLUSH_BUSY,  /* the reader is behind; poll() tells when it moves */
	FLUSH_STUCK, /* poll() cannot tell: try again a little later */
};

/* 1: a write would not block. 0: it might. Or the -errno it would give. */
static int writable(const struct char_out *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLOUT };

	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (p.revents & (POLLERR | POLLNVAL))
		return -EPIPE;
	if (p.revents & POLLOUT)
		return 1;
	return p.revents & POLLHUP ? -EIO : 0;
}

/* Bytes written, 0 when the descriptor is not ready, or -errno; -EAGAIN when
 * it claimed to be ready and took nothing. */
static ssize_t write_some(const struct char_out *o, const uint8_t *p, size_t n)
{
	ssize_t r;

	if (!o->always_ready && !o->socket) {
		r = writable(o);
		if (r <= 0)
			return r;
	}
	do
		r = o->socket ? send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
			      : write(o->fd, p, n);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r ? r : -EAGAIN;
	return o->socket && errno == EAGAIN ? 0 : -errno;
}

/* The reader took something. */
static void moved(struct char_out *o, size_t n)
{
	o->head = (o->head + n) % CHAR_OUT_HELD;
	o->len -= n;
	if (!o->len)
		o->head = 0; /* so that a quiet console touches one page */
	o->stalled = false;
	if (o->given_up)
		log_guest(o->log, &o->limit,
			  "console: output is read again, %llu bytes are lost",
			  (unsigned long long)o->dropped);
	o->given_up = false;
}

/* A full disk may be emptied; anything else is for good. */
static void failed(struct char_out *o, int code)
{
	o->dropped += o->len;
	o->len = 0;
	o->head = 0;
	o->broken = code != -ENOSPC && code != -EDQUOT;
	log_guest(o->log, &o->limit, "console: output: %s%s", strerror(-code),
		  o->broken ? "; from here on it is dropped" : "");
}

static void watch(struct char_out *o, bool on)
{
	if (on == o->watching || o->closing || !o->ready)
		return;
	o->watching = on;
	loop_set_events(o->ready, on ? EPOLLOUT : 0);
}

static void arm(struct char_out *o, uint64_t ns)
{
	if (o->armed || o->closing)
		return;
	o->armed = true;
	loop_arm(o->timer, ns);
}

/* Writes what can go out now. Called with the lock held, like all above. */
static enum flush flush(struct char_out *o)
{
	enum flush state = FLUSH_EMPTY;

	while (o->len && state == FLUSH_EMPTY) {
		size_t n = min_u64(min_u64(o->len, o->chunk),
				   CHAR_OUT_HELD - o->head);
		ssize_t r = write_some(o, o->ring + o->head, n);

		if (r > 0)
			moved(o, (size_t)r);
		else if (r == 0)
			state = FLUSH_BUSY;
		else if (r == -EAGAIN)
			state = FLUSH_STUCK;
		else
			failed(o, (int)r);
	}
	if (state != FLUSH_EMPTY && !o->stalled) {
		o->stalled = true;
		o->stalled_ms = clock_mono_ms();
	}
	return state;
}

/* Flushes and says who goes on with what is left: the loop, by the descriptor
 * or by the timer. */
static enum flush push(struct char_out *o)
{
	enum flush state = flush(o);

	/* Who waits for room hears of it from the loop, whoever has flushed. */
	watch(o, state == FLUSH_BUSY || (state == FLUSH_EMPTY && o->owed));
	if (state == FLUSH_STUCK)
		arm(o, RETRY_MS * UINT64_C(1000000));
	return state;
}

static void give_up(struct char_out *o)
{
	o->given_up = true;
	log_guest(o->log, &o->limit,
		  "console: nobody reads the output; it is dropped "
		  "until somebody does");
}

/* Gives the lock up over the call. */
static void tell(struct char_out *o)
{
	struct char_listener listener = o->listener;

	o->owed = false;
	if (!listener.writable)
		return;
	o->calling = true;
	o->caller = pthread_self();
	pthread_mutex_unlock(&o->lock);
	listener.writable(listener.ctx);
	pthread_mutex_lock(&o->lock);
	o->calling = false;
	pthread_cond_broadcast(&o->told);
}

/* Somebody waits for room: is there some now, or never? The timer looks again
 * when the reader's time is over. */
static void settle(struct char_out *o)
{
	uint64_t past = clock_mono_ms() - o->stalled_ms;

	if (!o->owed)
		return;
	if (o->len == CHAR_OUT_HELD && o->stalled && past >= o->give_up_ms)
		give_up(o);
	if (o->given_up || o->broken || o->len <= CHAR_OUT_HELD / 2)
		tell(o);
	else if (o->stalled && past < o->give_up_ms)
		arm(o, (o->give_up_ms - past) * UINT64_C(1000000));
}

static void on_ready(void *ctx, uint32_t events)
{
	struct char_out *o = ctx;

	pthread_mutex_lock(&o->lock);
	push(o);
	settle(o);
	pthread_mutex_unlock(&o->lock);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct char_out *o = ctx;

	pthread_mutex_lock(&o->lock);
	o->armed = false;
	push(o);
	settle(o);
	pthread_mutex_unlock(&o->lock);
}

/* Waits, without the lock, until a flush is worth another try. */
static void wait_for_reader(struct char_out *o, enum flush state,
			    uint64_t left_ms, int cancel_fd)
{
	struct pollfd p[] = {
		{ .fd = state == FLUSH_BUSY ? o->fd : -1, .events = POLLOUT },
		{ .fd = cancel_fd, .events = POLLIN },
	};

	if (state == FLUSH_STUCK)
		left_ms = min_u64(left_ms, RETRY_MS);
	pthread_mutex_unlock(&o->lock);
	poll(p, ARRAY_SIZE(p), (int)min_u64(left_ms, INT32_MAX));
	pthread_mutex_lock(&o->lock);
}

/* The ring is full. True when it has room again; false when the bytes that
 * came last have to be dropped. */
static bool make_room(struct char_out *o)
{
	while (!o->given_up && !o->broken) {
		enum flush state = push(o);
		uint64_t past;

		if (o->len < CHAR_OUT_HELD)
			return !o->broken;
		if (o->cancelled)
			return false;
		past = clock_mono_ms() - o->stalled_ms;
		if (past < o->give_up_ms) {
			wait_for_reader(o, state, o->give_up_ms - past,
					o->cancel_fd);
			continue;
		}
		give_up(o);
	}
	return false;
}

/* As much as the ring takes. */
static size_t hold(struct char_out *o, const uint8_t *bytes, size_t len)
{
	size_t at = (o->head + o->len) % CHAR_OUT_HELD;
	size_t n = min_u64(len, CHAR_OUT_HELD - o->len);
	size_t first = min_u64(n, CHAR_OUT_HELD - at);

	memcpy(o->ring + at, bytes, first);
	memcpy(o->ring, bytes + first, n - first);
	o->len += n;
	return n;
}

/* Lets go out what should by now; @now: at once. */
static void send_off(struct char_out *o, bool now)
{
	if (!o->len || o->watching)
		return;
	if (now || o->len >= EARLY_LEN)
		push(o);
	else
		arm(o, PARTIAL_NS);
}

static void put(struct char_out *o, const uint8_t *bytes, size_t len)
{
	bool now = o->tty || memchr(bytes, '\n', len);

	while (len && !o->broken) {
		size_t n = hold(o, bytes, len);

		bytes += n;
		len -= n;
		if (len && !make_room(o))
			break;
	}
	o->dropped += len;
	send_off(o, now);
}

void char_out_write(struct char_out *o, const uint8_t *bytes, size_t len)
{
	if (!len)
		return;
	pthread_mutex_lock(&o->lock);
	if (o->tap.output)
		o->tap.output(o->tap.ctx, bytes, len);
	if (o->fd >= 0)
		put(o, bytes, len);
	pthread_mutex_unlock(&o->lock);
}

/* How much was taken. */
static size_t offer(struct char_out *o, const uint8_t *bytes, size_t len)
{
	bool now = o->tty || memchr(bytes, '\n', len);
	size_t n = o->broken ? 0 : hold(o, bytes, len);

	if (n < len && !o->broken) {
		push(o);
		n += o->broken ? 0 : hold(o, bytes + n, len - n);
	}
	if (n < len && (o->broken || o->given_up || o->cancelled)) {
		o->dropped += len - n;
		return len;
	}
	send_off(o, now);
	if (n < len) {
		o->owed = true;
		arm(o, o->give_up_ms * UINT64_C(1000000));
	}
	return n;
}

size_t char_out_offer(struct char_out *o, const uint8_t *bytes, size_t len)
{
	size_t n = len;

	if (!len)
		return 0;
	pthread_mutex_lock(&o->lock);
	if (o->fd >= 0)
		n = offer(o, bytes, len);
	if (o->tap.output && n)
		o->tap.output(o->tap.ctx, bytes, n);
	pthread_mutex_unlock(&o->lock);
	return n;
}

void char_out_listen(struct char_out *o, struct char_listener listener)
{
	pthread_mutex_lock(&o->lock);
	o->listener = listener;
	while (o->calling && !pthread_equal(o->caller, pthread_self()))
		pthread_cond_wait(&o->told, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

void char_out_break(struct char_out *o)
{
	pthread_mutex_lock(&o->lock);
	o->dropped += o->len;
	o->len = 0;
	o->head = 0;
	o->broken = true;
	watch(o, false);
	settle(o);
	pthread_mutex_unlock(&o->lock);
}

/* A description of our own for the terminal behind @fd, or -1: it may belong
 * to another user, there may be no /proc, and opening the master side again
 * would make a new terminal. */
static int open_terminal(int fd)
{
	char path[32];
	unsigned int number;

	if (ioctl(fd, TIOCGPTN, &number) == 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd_above(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY |
				   O_CLOEXEC));
}

static bool is_socket(int fd)
{
	socklen_t len = sizeof(int);
	int type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static int open_fd(struct char_out *o, int fd)
{
	o->tty = isatty(fd);
	o->socket = !o->tty && is_socket(fd);
	o->chunk = CHUNK;
	if (o->tty)
		o->fd = open_terminal(fd);
	if (o->fd >= 0)
		return 0;
	if (o->tty)
		o->chunk = CHUNK_TTY;
	o->fd = fd_copy(fd);
	return o->fd < 0 ? -errno : 0;
}

static int attach(struct char_out *o, int fd, struct loop *loop)
{
	int r = open_fd(o, fd);

	if (r < 0)
		return r;
	o->cancel_fd = fd_event_create();
	if (o->cancel_fd < 0)
		return o->cancel_fd;
	r = loop_add_timer(&o->timer, loop, on_timer, o);
	if (r < 0)
		return r;
	r = loop_add(&o->ready, loop, o->fd, 0, on_ready, o);
	o->always_ready = r == -EPERM;
	return o->always_ready ? 0 : r;
}

int char_out_create(struct char_out **out, int fd, struct char_tap tap,
		    unsigned int give_up_ms, struct loop *loop,
		    const struct log *log, struct err *err)
{
	struct char_out *o = calloc(1, sizeof(*o));
	int r;

	*out = NULL;
	if (!o)
		return err_set(err, -ENOMEM, "console output: out of memory");
	o->fd = -1;
	o->cancel_fd = -1;
	o->give_up_ms = give_up_ms;
	o->tap = tap;
	o->log = log;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->told, NULL);
	o->ring = malloc(CHAR_OUT_HELD);
	r = o->ring ? 0 : -ENOMEM;
	if (r == 0 && fd >= 0)
		r = attach(o, fd, loop);
	if (r < 0) {
		char_out_destroy(o, 0);
		return err_set(err, r, "console output: %s", strerror(-r));
	}
	*out = o;
	return 0;
}

/* Nobody else uses @o any more; the lock is held for flush()'s sake. */
static void drain(struct char_out *o, unsigned int flush_ms)
{
	uint64_t start = clock_mono_ms();

	pthread_mutex_lock(&o->lock);
	for (;;) {
		enum flush state = flush(o);
		uint64_t past = clock_mono_ms() - start;

		if (state == FLUSH_EMPTY || past >= flush_ms)
			break;
		wait_for_reader(o, state, flush_ms - past, -1);
	}
	pthread_mutex_unlock(&o->lock);
}

void char_out_destroy(struct char_out *o, unsigned int flush_ms)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->closing = true;
	pthread_mutex_unlock(&o->lock);
	loop_remove(o->timer);
	loop_remove(o->ready);
	if (o->ring)
		drain(o, flush_ms);
	fd_close(&o->cancel_fd);
	fd_close(&o->fd);
	free(o->ring);
	pthread_cond_destroy(&o->told);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void char_out_cancel(struct char_out *o)
{
	pthread_mutex_lock(&o->lock);
	o->cancelled = true;
	if (o->cancel_fd >= 0)
		fd_event_signal(o->cancel_fd);
	pthread_mutex_unlock(&o->lock);
}

void char_out_resume(struct char_out *o)
{
	pthread_mutex_lock(&o->lock);
	o->cancelled = false;
	if (o->cancel_fd >= 0)
		fd_event_drain(o->cancel_fd);
	if (o->len)
		push(o);
	pthread_mutex_unlock(&o->lock);
}

uint64_t char_out_dropped(struct char_out *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->dropped;
	pthread_mutex_unlock(&o->lock);
	return n;
}

size_t char_out_held(struct char_out *o)
{
	size_t n;

	pthread_mutex_lock(&o->lock);
	n = o->len;
	pthread_mutex_unlock(&o->lock);
	return n;
}
