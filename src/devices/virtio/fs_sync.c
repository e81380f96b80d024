// SPDX-License-Identifier: BSD-3-Clause
/* See fs_sync.h, and fs_call.h: the request for all of a file system. */
#include "devices/virtio/fs_sync.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/thread.h"
#include "devices/virtio/fs_call.h"

struct waiter {
	struct waiter *next;
	uint64_t unique;
	uint64_t node;
	int fd;     /* owned; of its file system; -1: the host has it */
	bool asked; /* the host was, after this one had come */
	unsigned int queue;
	struct chain chain;
};

struct fs_sync {
	struct virtio *v;
	struct loop_source *source;
	int event_fd; /* something has changed */
	unsigned int most;

	/* loop thread, and destroy() after it */
	bool busy; /* thread is to be joined */
	pthread_t thread;
	int fd; /* of what is being written, while busy; owned */

	pthread_mutex_t lock; /* guards what follows */
	bool running;
	bool done; /* the host has answered: result */
	int result;
	struct waiter *first; /* owned; the oldest */
	unsigned int count;
};

static int sync_fd(int fd)
{
	return syncfs(fd) < 0 ? -errno : 0;
}

static void *ask(void *ctx)
{
	struct fs_sync *y = ctx;
	int r = sync_fd(y->fd);

	pthread_mutex_lock(&y->lock);
	y->result = r;
	y->done = true;
	pthread_mutex_unlock(&y->lock);
	fd_event_signal(y->event_fd);
	return NULL;
}

/* ---- with the lock ---- */

static void leave(struct fs_sync *y, struct waiter **at)
{
	struct waiter *w = *at;

	*at = w->next;
	y->count--;
	fd_close(&w->fd);
	free(w);
}

/* Those that the host was asked for. */
static void answer_asked(struct fs_sync *y, int r)
{
	struct waiter **at = &y->first;

	while (*at) {
		if (!(*at)->asked) {
			at = &(*at)->next;
			continue;
		}
		fs_answer_late(y->v, (*at)->queue, &(*at)->chain,
			       (*at)->unique, r);
		leave(y, at);
	}
}

/* The next time, when somebody wants it: for all who wait for the same as the
 * one who waits longest. */
static void begin(struct fs_sync *y)
{
	while (y->first && !y->busy) {
		for (struct waiter *w = y->first; w; w = w->next)
			w->asked = w->node == y->first->node;
		y->fd = y->first->fd;
		y->first->fd = -1;
		y->done = false;
		y->busy = thread_start(&y->thread, "sync", ask, y) == 0;
		if (y->busy)
			break;
		/* Where the host gives us no thread. */
		answer_asked(y, sync_fd(y->fd));
		fd_close(&y->fd);
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct fs_sync *y = ctx;

	fd_event_drain(y->event_fd);
	pthread_mutex_lock(&y->lock);
	if (y->running && y->busy && y->done) {
		pthread_join(y->thread, NULL);
		fd_close(&y->fd);
		y->busy = false;
		answer_asked(y, y->result);
	}
	if (y->running)
		begin(y);
	pthread_mutex_unlock(&y->lock);
}

/* ---- life ---- */

int fs_sync_create(struct fs_sync **out, struct virtio *v,
		   unsigned int most)
{
	struct fs_sync *y = calloc(1, sizeof(*y));
	int r;

	*out = NULL;
	if (!y)
		return -ENOMEM;
	y->v = v;
	y->most = most;
	y->fd = -1;
	pthread_mutex_init(&y->lock, NULL);
	y->event_fd = fd_event_create();
	r = y->event_fd < 0 ? y->event_fd :
			      loop_add(&y->source, v->loop, y->event_fd,
				       EPOLLIN, on_event, y);
	if (r < 0) {
		fs_sync_destroy(y);
		return r;
	}
	*out = y;
	return 0;
}

void fs_sync_destroy(struct fs_sync *y)
{
	if (!y)
		return;
	loop_remove(y->source);
	if (y->busy)
		pthread_join(y->thread, NULL);
	fs_sync_forget(y, -1);
	fd_close(&y->fd);
	fd_close(&y->event_fd);
	pthread_mutex_destroy(&y->lock);
	free(y);
}

void fs_sync_start(struct fs_sync *y)
{
	pthread_mutex_lock(&y->lock);
	y->running = true;
	pthread_mutex_unlock(&y->lock);
	fd_event_signal(y->event_fd); /* what was done meanwhile */
}

void fs_sync_stop(struct fs_sync *y)
{
	pthread_mutex_lock(&y->lock);
	y->running = false;
	pthread_mutex_unlock(&y->lock);
}

void fs_sync_forget(struct fs_sync *y, int queue)
{
	struct waiter **at;

	pthread_mutex_lock(&y->lock);
	for (at = &y->first; *at;) {
		if (queue < 0 || (*at)->queue == (unsigned int)queue)
			leave(y, at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&y->lock);
}

/* ---- the request ---- */

/* In its turn, with @fd, which it takes over; false: there are too many. */
static bool wait_for(const struct fs_call *call, int fd)
{
	struct fs_sync *y = call->sync;
	struct waiter **at = &y->first;
	struct waiter *w;

	pthread_mutex_lock(&y->lock);
	w = y->count < y->most ? calloc(1, sizeof(*w)) : NULL;
	if (w) {
		w->unique = call->unique;
		w->node = call->node;
		w->fd = fd;
		w->queue = call->queue;
		w->chain = *call->chain;
		while (*at)
			at = &(*at)->next;
		*at = w;
		y->count++;
		begin(y);
	}
	pthread_mutex_unlock(&y->lock);
	return w;
}

int64_t fs_syncfs(struct fs_call *call)
{
	int fd, r;

	if (!call->ops->open_to_sync || call->ops->read_only(call->files))
		return 0;
	fd = call->ops->open_to_sync(call->files, call->node);
	if (fd < 0)
		return fd;
	if (wait_for(call, fd))
		return FS_LATER;
	r = sync_fd(fd);
	close(fd);
	return r;
}
