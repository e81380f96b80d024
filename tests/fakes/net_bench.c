// SPDX-License-Identifier: BSD-3-Clause
/* See net_bench.h. */
#include "net_bench.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/fd.h"

#define PATIENCE 10 /* seconds */

static void keep(struct net_bench *b, const uint8_t *frame, size_t len)
{
	pthread_mutex_lock(&b->lock);
	if (b->frames < NET_BENCH_KEEP) {
		b->frame[b->frames] = malloc(len ? len : 1);
		memcpy(b->frame[b->frames], frame, len);
		b->len[b->frames] = len;
	}
	b->frames++;
	pthread_cond_broadcast(&b->change);
	pthread_mutex_unlock(&b->lock);
}

static void on_readable(void *ctx, unsigned int queue)
{
	uint8_t frame[NET_HEADER_SIZE + NET_FRAME_MAX];
	struct net_bench *b = ctx;
	size_t room = b->room ? b->room : sizeof(frame);
	struct iovec iov[3] = {
		{ frame, 5 }, { frame + 5, 0 }, { frame + 5, room - 5 },
	};

	for (int i = 0; i < 200; i++) {
		ssize_t n = net_recv(b->net, queue, iov, 3);

		if (n == -EAGAIN)
			return;
		if (n == -ENOBUFS) {
			pthread_mutex_lock(&b->lock);
			b->too_large++;
			pthread_cond_broadcast(&b->change);
			pthread_mutex_unlock(&b->lock);
			if (b->refuse)
				net_discard(b->net, queue);
			else
				net_set_receive(b->net, queue, false);
			if (!b->refuse)
				return;
			continue;
		}
		assert(n >= 0);
		keep(b, frame, (size_t)n);
	}
}

static void on_writable(void *ctx, unsigned int queue)
{
	struct net_bench *b = ctx;

	pthread_mutex_lock(&b->lock);
	b->writable++;
	pthread_cond_broadcast(&b->change);
	pthread_mutex_unlock(&b->lock);
}

static void on_link(void *ctx)
{
	struct net_bench *b = ctx;

	pthread_mutex_lock(&b->lock);
	b->links++;
	pthread_cond_broadcast(&b->change);
	pthread_mutex_unlock(&b->lock);
}

int net_bench_setup(void **state)
{
	struct net_bench *b = calloc(1, sizeof(*b));

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->change, NULL);
	*state = b;
	return loop_create(&b->loop, NULL);
}

int net_bench_teardown(void **state)
{
	struct net_bench *b = *state;

	net_bench_stop(b);
	net_destroy(b->net);
	loop_destroy(b->loop);
	for (unsigned int i = 0; i < NET_BENCH_KEEP; i++)
		free(b->frame[i]);
	pthread_cond_destroy(&b->change);
	pthread_mutex_destroy(&b->lock);
	free(b);
	return 0;
}

void net_bench_start(struct net_bench *b)
{
	const struct net_listener listener = {
		.readable = on_readable, .writable = on_writable,
		.link = on_link, .ctx = b,
	};
	const struct net_setup setup = { .header = b->header, .queues = 1 };
	int r = net_start(b->net, &setup, &listener);

	assert(r == 0);
	(void)r;
	b->running = true;
}

void net_bench_stop(struct net_bench *b)
{
	if (b->running)
		net_stop(b->net);
	b->running = false;
}

/* ---- on the loop's thread ---- */

struct errand {
	struct net_bench *b;
	void (*fn)(void *ctx);
	void *ctx;
	int fd;
	_Atomic unsigned int done;
};

static void on_errand(void *ctx, uint32_t events)
{
	struct errand *e = ctx;

	fd_event_drain(e->fd);
	e->fn(e->ctx);
	pthread_mutex_lock(&e->b->lock);
	e->done = 1;
	pthread_cond_broadcast(&e->b->change);
	pthread_mutex_unlock(&e->b->lock);
}

/* Until *n is at least @want. */
static void wait_for(struct net_bench *b, const _Atomic unsigned int *n,
		     unsigned int want)
{
	struct timespec end;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	pthread_mutex_lock(&b->lock);
	while (*n < want && r == 0)
		r = pthread_cond_timedwait(&b->change, &b->lock, &end);
	assert(*n >= want);
	pthread_mutex_unlock(&b->lock);
}

void net_bench_run(struct net_bench *b, void (*fn)(void *ctx), void *ctx)
{
	struct errand e = { .b = b, .fn = fn, .ctx = ctx };
	struct loop_source *source;
	int r;

	e.fd = fd_event_create();
	r = loop_add(&source, b->loop, e.fd, EPOLLIN, on_errand, &e);
	assert(r == 0);
	(void)r;
	fd_event_signal(e.fd);
	wait_for(b, &e.done, 1);
	loop_remove(source);
	fd_close(&e.fd);
}

struct sending {
	struct net_bench *b;
	uint8_t *frame;
	size_t len;
};

static void do_send(void *ctx)
{
	struct sending *s = ctx;
	size_t half = s->len / 2;
	const struct iovec iov[3] = {
		{ s->frame, half }, { s->frame, 0 },
		{ s->frame + half, s->len - half },
	};

	s->b->sent = net_send(s->b->net, 0, iov, 3);
	net_flush(s->b->net, 0);
}

int net_bench_send(struct net_bench *b, const void *frame, size_t len)
{
	struct sending s = { .b = b, .frame = malloc(len), .len = len };

	memcpy(s.frame, frame, len);
	net_bench_run(b, do_send, &s);
	free(s.frame);
	return b->sent;
}

static void do_receive(void *ctx)
{
	struct net_bench *b = ctx;

	net_set_receive(b->net, 0, true);
	on_readable(b, 0);
}

static void do_not_receive(void *ctx)
{
	struct net_bench *b = ctx;

	net_set_receive(b->net, 0, false);
}

void net_bench_receive(struct net_bench *b, bool on)
{
	net_bench_run(b, on ? do_receive : do_not_receive, b);
}

void net_bench_wait_frames(struct net_bench *b, unsigned int n)
{
	wait_for(b, &b->frames, n);
}

void net_bench_wait_large(struct net_bench *b, unsigned int n)
{
	wait_for(b, &b->too_large, n);
}

void net_bench_wait_writable(struct net_bench *b, unsigned int n)
{
	wait_for(b, &b->writable, n);
}

void net_bench_nap(unsigned int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

void net_bench_wait_link(struct net_bench *b, bool up)
{
	for (int i = 0; i < PATIENCE * 200 && net_link(b->net) != up; i++)
		net_bench_nap(5);
	assert(net_link(b->net) == up);
}

static uint8_t byte(size_t i, unsigned int seed)
{
	return (uint8_t)(i * 7 + seed * 31 + (i >> 8));
}

void net_bench_fill(uint8_t *frame, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = byte(i, seed);
}

bool net_bench_is(const uint8_t *frame, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		if (frame[i] != byte(i, seed))
			return false;
	return true;
}
