// SPDX-License-Identifier: BSD-3-Clause
/*
 * See loop.h. One epoll set; a timer is a timerfd in it.
 *
 * A source that is removed may still stand in the batch of events that the
 * loop's thread has just fetched. So loop_remove() only marks it and hands it
 * over; the thread frees it at the start of its next round, when no batch is
 * open.
 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/thread.h"

#define BATCH  16
#define SECOND UINT64_C(1000000000)

#define AGAIN_NS 20000 /* and the timer slack of the thread */

struct loop_source {
	struct loop *loop;
	int fd;
	bool timer;      /* fd is a timerfd of our own */
	bool dead;       /* loop->lock: removed, waits to be freed */
	uint32_t events; /* loop->lock: what is wanted; 0: quiet */
	loop_fn fn;
	void *ctx;
	struct loop_source *next; /* loop->lock: in live or in graves */
	bool again;               /* loop->lock: in the list of that name */
	struct loop_source *next_again;
};

struct loop {
	int epoll_fd;
	int wake_fd;
	bool threaded; /* thread is there to be joined */
	pthread_t thread;
	_Atomic pid_t tid; /* the thread's */
	pthread_mutex_t lock; /* guards every field below */
	pthread_cond_t idle;  /* running has changed */
	bool stop;
	struct loop_source *running; /* its callback runs now */
	struct loop_source *live;
	struct loop_source *again; /* to be called without an event */
	struct loop_source *graves; /* removed, the thread frees them */
};

static void source_free(struct loop_source *s)
{
	if (s->timer)
		fd_close(&s->fd);
	free(s);
}

static void free_list(struct loop_source *s)
{
	while (s) {
		struct loop_source *next = s->next;

		source_free(s);
		s = next;
	}
}

/* EPOLLERR and EPOLLHUP cannot be masked, but with EPOLLONESHOT they come at
 * most once: that is as quiet as a registered descriptor gets. */
static int control(struct loop_source *s, int op)
{
	struct epoll_event ev = {
		.events = s->events ? s->events : EPOLLONESHOT,
		.data.ptr = s,
	};

	return epoll_ctl(s->loop->epoll_fd, op, s->fd, &ev) < 0 ? -errno : 0;
}

/* What of @events the source still wants, now that the batch is some callbacks
 * old. A timer that was armed anew since it fired has nothing to read: its time
 * has not come. */
static uint32_t due(struct loop_source *s, uint32_t events)
{
	uint64_t count;

	if (s->dead || !s->events)
		return 0;
	if (s->timer && fd_read(s->fd, &count, sizeof(count)) <= 0)
		return 0;
	return events & (s->events | EPOLLERR | EPOLLHUP);
}

/* The source's callback, which loop->running announces. */
static void call(struct loop *loop, struct loop_source *s, uint32_t events)
{
	s->fn(s->ctx, events);
	pthread_mutex_lock(&loop->lock);
	loop->running = NULL;
	pthread_cond_broadcast(&loop->idle);
	pthread_mutex_unlock(&loop->lock);
}

static void serve(struct loop *loop, struct loop_source *s, uint32_t events)
{
	pthread_mutex_lock(&loop->lock);
	events = loop->stop ? 0 : due(s, events);
	if (events)
		loop->running = s;
	pthread_mutex_unlock(&loop->lock);
	if (events)
		call(loop, s, events);
}

/* Lock held. */
static void forget_again(struct loop *loop, struct loop_source *s)
{
	struct loop_source **at = &loop->again;

	if (!s->again)
		return;
	while (*at != s)
		at = &(*at)->next_again;
	*at = s->next_again;
	s->again = false;
}

/* The @left that asked in the round before, from the end of the list: one that
 * asks in this round goes to the front and has its turn in the next. */
static void serve_again(struct loop *loop, unsigned int left)
{
	struct loop_source *s;

	for (; left; left--) {
		pthread_mutex_lock(&loop->lock);
		for (s = loop->again; s && s->next_again;)
			s = s->next_again;
		if (loop->stop)
			s = NULL;
		if (s)
			forget_again(loop, s);
		loop->running = s;
		pthread_mutex_unlock(&loop->lock);
		if (s)
			call(loop, s, 0);
	}
}

/* Frees what was removed; false when the loop is to end. *@again: so many are
 * to be called without an event. */
static bool begin_round(struct loop *loop, unsigned int *again)
{
	struct loop_source *graves;
	bool stop;

	pthread_mutex_lock(&loop->lock);
	stop = loop->stop;
	*again = 0;
	for (struct loop_source *s = loop->again; s; s = s->next_again)
		++*again;
	graves = loop->graves;
	loop->graves = NULL;
	pthread_mutex_unlock(&loop->lock);
	free_list(graves);
	return !stop;
}

/* A nap, not sched_yield(): that may take a whole time slice of somebody who
 * computes, and an event ends a nap. */
static int wait_events(struct loop *loop, struct epoll_event *ev, bool again)
{
	const struct timespec nap = { .tv_nsec = AGAIN_NS };
	int n;

	if (!again)
		return epoll_wait(loop->epoll_fd, ev, BATCH, -1);
	n = epoll_pwait2(loop->epoll_fd, ev, BATCH, &nap, NULL);
	if (n < 0 && errno == ENOSYS) /* before Linux 5.11 */
		n = epoll_wait(loop->epoll_fd, ev, BATCH, 0);
	return n;
}

static void *run(void *arg)
{
	struct loop *loop = arg;
	struct epoll_event ev[BATCH];
	unsigned int again;

	atomic_store(&loop->tid, gettid());
	while (begin_round(loop, &again)) {
		int n = wait_events(loop, ev, again);

		assert(n >= 0 || errno == EINTR);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				serve(loop, ev[i].data.ptr, ev[i].events);
			else
				fd_event_drain(loop->wake_fd);
		}
		serve_again(loop, again);
	}
	return NULL;
}

/* Leaves errno-style codes; the caller undoes what is half done. */
static int open_fds(struct loop *loop)
{
	struct epoll_event ev = { .events = EPOLLIN };

	loop->epoll_fd = fd_above(epoll_create1(EPOLL_CLOEXEC));
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = fd_event_create();
	if (loop->wake_fd < 0)
		return loop->wake_fd;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) < 0)
		return -errno;
	return 0;
}

int loop_create(struct loop **out, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	*out = NULL;
	if (!loop)
		return err_set(err, -ENOMEM, "event loop: out of memory");
	loop->epoll_fd = -1;
	loop->wake_fd = -1;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->idle, NULL);
	r = open_fds(loop);
	if (r == 0)
		r = thread_start(&loop->thread, "io", run, loop);
	if (r < 0) {
		loop_destroy(loop);
		return err_set(err, r, "event loop: %s", strerror(-r));
	}
	loop->threaded = true;
	*out = loop;
	return 0;
}

bool loop_is_own_thread(const struct loop *loop)
{
	return atomic_load(&loop->tid) == gettid();
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->threaded) {
		assert(!pthread_equal(pthread_self(), loop->thread));
		pthread_mutex_lock(&loop->lock);
		loop->stop = true;
		pthread_mutex_unlock(&loop->lock);
		fd_event_signal(loop->wake_fd);
		pthread_join(loop->thread, NULL);
	}
	free_list(loop->graves);
	free_list(loop->live);
	fd_close(&loop->wake_fd);
	fd_close(&loop->epoll_fd);
	pthread_cond_destroy(&loop->idle);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

/* Takes @model in; on failure nothing of it is kept, and its descriptor is
 * still the caller's. */
static int add(struct loop_source **out, struct loop *loop,
	       const struct loop_source *model)
{
	struct loop_source *s = malloc(sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	*s = *model;
	/* Before the thread can see an event, the caller has its handle. */
	*out = s;
	pthread_mutex_lock(&loop->lock);
	r = control(s, EPOLL_CTL_ADD);
	if (r == 0) {
		s->next = loop->live;
		loop->live = s;
	}
	pthread_mutex_unlock(&loop->lock);
	if (r < 0) {
		*out = NULL;
		free(s);
	}
	return r;
}

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	const struct loop_source model = {
		.loop = loop, .fd = fd, .events = events, .fn = fn, .ctx = ctx,
	};

	return add(out, loop, &model);
}

void loop_set_events(struct loop_source *source, uint32_t events)
{
	struct loop *loop = source->loop;
	int r;

	pthread_mutex_lock(&loop->lock);
	source->events = events;
	r = source->dead ? 0 : control(source, EPOLL_CTL_MOD);
	pthread_mutex_unlock(&loop->lock);
	assert(r == 0);
	(void)r;
}

int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx)
{
	struct loop_source model = {
		.loop = loop, .timer = true, .events = EPOLLIN,
		.fn = fn, .ctx = ctx,
	};
	int r;

	*out = NULL;
	model.fd = fd_above(timerfd_create(CLOCK_MONOTONIC,
					   TFD_CLOEXEC | TFD_NONBLOCK));
	if (model.fd < 0)
		return -errno;
	r = add(out, loop, &model);
	if (r < 0)
		fd_close(&model.fd);
	return r;
}

void loop_arm(struct loop_source *timer, uint64_t ns)
{
	const struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(ns / SECOND),
			      .tv_nsec = (long)(ns % SECOND) },
	};
	int r;

	assert(timer->timer);
	r = timerfd_settime(timer->fd, 0, &when, NULL);
	assert(r == 0);
	(void)r;
}

void loop_again(struct loop_source *source)
{
	struct loop *loop = source->loop;

	pthread_mutex_lock(&loop->lock);
	if (!source->again && !source->dead) {
		source->again = true;
		source->next_again = loop->again;
		loop->again = source;
	}
	pthread_mutex_unlock(&loop->lock);
}

static void unlink_live(struct loop *loop, struct loop_source *s)
{
	struct loop_source **at = &loop->live;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

void loop_remove(struct loop_source *source)
{
	struct loop *loop;

	if (!source)
		return;
	loop = source->loop;
	pthread_mutex_lock(&loop->lock);
	source->dead = true;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	unlink_live(loop, source);
	forget_again(loop, source);
	if (!pthread_equal(pthread_self(), loop->thread))
		while (loop->running == source)
			pthread_cond_wait(&loop->idle, &loop->lock);
	source->next = loop->graves;
	loop->graves = source;
	pthread_mutex_unlock(&loop->lock);
	fd_event_signal(loop->wake_fd);
}
