// SPDX-License-Identifier: BSD-3-Clause
/*
 * See char_link.h. The two halves of a backend (char_in, char_out) live as long
 * as a client. Whoever uses them counts itself in, so that the loop's thread
 * can wait, before it frees them, until everybody has left; writers that wait
 * for a reader are woken first.
 *
 * The input outlives its client: what was sent just before the end is read
 * until the next client comes.
 */
#include "backends/char_link.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "backends/char_in.h"
#include "backends/char_out.h"
#include "base/clock.h"
#include "base/fd.h"

struct char_link {
	struct char_source *source; /* owned */
	struct char_tap tap;
	struct loop *loop;
	const struct log *log;
	pthread_mutex_t lock; /* guards every field below */
	pthread_cond_t left;  /* users has gone down */
	unsigned int users;   /* inside of in or out */
	struct char_in *in;   /* NULL: never had a client */
	struct char_out *out; /* NULL: no client */
	int fd;               /* owned; the last client's, for hangup */
	struct loop_source *hangup;
	struct char_listener listener;
	bool cancelled;
	bool closing;     /* no client comes or goes any more */
	uint64_t dropped; /* by former clients, and without one */
};

static void leave(struct char_link *link)
{
	pthread_mutex_lock(&link->lock);
	link->users--;
	pthread_cond_broadcast(&link->left);
	pthread_mutex_unlock(&link->lock);
}

/* Nobody else gets hold of what was in *link any more. */
static void wait_alone(struct char_link *link)
{
	while (link->users)
		pthread_cond_wait(&link->left, &link->lock);
}

/* ---- clients ---- */

static void drop_out(struct char_link *link, unsigned int flush_ms)
{
	struct char_out *out;

	pthread_mutex_lock(&link->lock);
	out = link->out;
	link->out = NULL;
	if (out)
		char_out_cancel(out);
	wait_alone(link);
	if (out)
		link->dropped += char_out_dropped(out);
	pthread_mutex_unlock(&link->lock);
	char_out_destroy(out, flush_ms);
}

static void drop_in(struct char_link *link)
{
	struct char_in *in;

	pthread_mutex_lock(&link->lock);
	in = link->in;
	link->in = NULL;
	wait_alone(link);
	pthread_mutex_unlock(&link->lock);
	char_in_destroy(in);
}

/* Both directions have ended. The source stays, quiet: char_link_destroy()
 * waits for this function by it. */
static void on_hangup(void *ctx, uint32_t events)
{
	struct char_link *link = ctx;
	bool closing;

	pthread_mutex_lock(&link->lock);
	closing = link->closing;
	if (!closing)
		loop_set_events(link->hangup, 0);
	pthread_mutex_unlock(&link->lock);
	if (closing || !link->out)
		return;
	char_out_break(link->out); /* tells who waits for room */
	drop_out(link, 0);
	link->source->gone(link->source);
}

/* The lock is held. */
static int publish(struct char_link *link, struct char_in *in,
		   struct char_out *out, int fd)
{
	int r;

	if (link->closing)
		return -ECANCELED;
	loop_remove(link->hangup);
	link->hangup = NULL;
	fd_hang_up(&link->fd);
	link->fd = fd_copy(fd);
	if (link->fd < 0)
		return -errno;
	/* An error or a hang-up is what comes without being asked for. */
	r = loop_add(&link->hangup, link->loop, link->fd, EPOLLERR, on_hangup,
		     link);
	if (r < 0)
		return r;
	link->in = in;
	link->out = out;
	char_in_listen(in, link->listener);
	char_out_listen(out, link->listener);
	if (link->cancelled)
		char_out_cancel(out);
	return 0;
}

int char_link_attach(struct char_link *link, int fd)
{
	struct char_out *out = NULL;
	struct char_in *in = NULL;
	struct err err;
	int r;

	drop_in(link);
	r = char_out_create(&out, fd, link->tap, CHAR_OUT_GIVE_UP_MS,
			    link->loop, link->log, &err);
	if (r == 0)
		r = char_in_create(&in, fd, link->loop, &err);
	if (r == 0) {
		pthread_mutex_lock(&link->lock);
		r = publish(link, in, out, fd);
		pthread_mutex_unlock(&link->lock);
	}
	if (r < 0) {
		char_in_destroy(in);
		char_out_destroy(out, 0);
	}
	return r;
}

bool char_link_attached(struct char_link *link)
{
	bool there;

	pthread_mutex_lock(&link->lock);
	there = link->out;
	pthread_mutex_unlock(&link->lock);
	return there;
}

/* ---- users ---- */

static struct char_in *enter_in(struct char_link *link)
{
	struct char_in *in;

	pthread_mutex_lock(&link->lock);
	in = link->in;
	link->users += !!in;
	pthread_mutex_unlock(&link->lock);
	return in;
}

/* NULL: nobody is there, @bytes are dropped. */
static struct char_out *enter_out(struct char_link *link, const uint8_t *bytes,
				  size_t len)
{
	struct char_out *out;

	pthread_mutex_lock(&link->lock);
	out = link->out;
	link->users += !!out;
	if (!out && len) {
		link->dropped += len;
		if (link->tap.output)
			link->tap.output(link->tap.ctx, bytes, len);
	}
	pthread_mutex_unlock(&link->lock);
	return out;
}

void char_link_write(struct char_link *link, const uint8_t *bytes, size_t len)
{
	struct char_out *out = enter_out(link, bytes, len);

	if (!out)
		return;
	char_out_write(out, bytes, len);
	leave(link);
}

size_t char_link_offer(struct char_link *link, const uint8_t *bytes,
		       size_t len)
{
	struct char_out *out = enter_out(link, bytes, len);

	if (!out)
		return len;
	len = char_out_offer(out, bytes, len);
	leave(link);
	return len;
}

size_t char_link_read(struct char_link *link, uint8_t *buf, size_t cap)
{
	struct char_in *in = enter_in(link);
	size_t n;

	if (!in)
		return 0;
	n = char_in_read(in, buf, cap);
	leave(link);
	return n;
}

/* A client that comes meanwhile gets the new listener from link->listener. */
void char_link_listen(struct char_link *link, struct char_listener listener)
{
	struct char_out *out;
	struct char_in *in;

	pthread_mutex_lock(&link->lock);
	link->listener = listener;
	in = link->in;
	out = link->out;
	link->users++;
	pthread_mutex_unlock(&link->lock);
	if (in)
		char_in_listen(in, listener);
	if (out)
		char_out_listen(out, listener);
	leave(link);
}

void char_link_cancel(struct char_link *link, bool on)
{
	pthread_mutex_lock(&link->lock);
	link->cancelled = on;
	if (link->out && on)
		char_out_cancel(link->out);
	else if (link->out)
		char_out_resume(link->out);
	pthread_mutex_unlock(&link->lock);
}

uint64_t char_link_dropped(struct char_link *link)
{
	uint64_t n;

	pthread_mutex_lock(&link->lock);
	n = link->dropped;
	if (link->out)
		n += char_out_dropped(link->out);
	pthread_mutex_unlock(&link->lock);
	return n;
}

const char *char_link_path(const struct char_link *link)
{
	return link->source->path;
}

/* ---- life ---- */

int char_link_create(struct char_link **out, struct char_source *source,
		     struct char_tap tap, struct loop *loop,
		     const struct log *log, struct err *err)
{
	struct char_link *link = calloc(1, sizeof(*link));

	*out = link;
	if (!link)
		return err_set(err, -ENOMEM, "console: out of memory");
	link->source = source;
	link->tap = tap;
	link->loop = loop;
	link->log = log;
	link->fd = -1;
	pthread_mutex_init(&link->lock, NULL);
	pthread_cond_init(&link->left, NULL);
	return 0;
}

void char_link_destroy(struct char_link *link, unsigned int flush_ms)
{
	uint64_t start = clock_mono_ms();
	struct loop_source *hangup;
	uint64_t past;
	bool client;

	if (!link)
		return;
	pthread_mutex_lock(&link->lock);
	link->closing = true;
	hangup = link->hangup;
	client = link->out;
	pthread_mutex_unlock(&link->lock);
	loop_remove(hangup);
	link->source->destroy(link->source);
	drop_out(link, flush_ms);
	past = clock_mono_ms() - start;
	if (client && past < flush_ms)
		char_pty_drain(link->fd, (unsigned int)(flush_ms - past));
	drop_in(link);
	fd_hang_up(&link->fd);
	pthread_cond_destroy(&link->left);
	pthread_mutex_destroy(&link->lock);
	free(link);
}
