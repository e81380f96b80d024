// SPDX-License-Identifier: BSD-3-Clause
/*
 * The engine of plain system calls: what the host has at hand is done at once,
 * on the thread that kicks; the rest goes to a few workers that may block. They
 * are started when there is work for them, and then they stay: a worker without
 * work costs no processor time. Must not know: what a disk is made of.
 *
 * Threads: workers only run disk->ops->run() and move requests between the two
 * lists below. Everything else is the user's thread.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "backends/block_engine.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/thread.h"

#define THREADS     4
#define THREADS_MAX 16
#define INLINE_MAX  (2 * MIB) /* copied by one kick; others wait for it */

struct threads {
	struct block_engine engine;
	struct block_disk *disk; /* not owned */

	/* the user's thread */
	struct block_list pending;  /* submitted, not kicked */
	struct block_list finished; /* done by the kick itself */
	bool no_try;

	pthread_t worker[THREADS_MAX];
	unsigned int workers;
	unsigned int most; /* of them */

	pthread_mutex_t lock; /* guards every field below */
	pthread_cond_t work;  /* todo or stop has changed */
	pthread_cond_t some;  /* done has changed */
	struct block_list todo;
	unsigned int queued; /* in todo */
	unsigned int idle;   /* workers that will look there */
	struct block_list done;
	bool stop;
};

static void *run(void *arg)
{
	struct threads *t = arg;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		struct block_req *req;
		bool first;

		while (!t->todo.first && !t->stop)
			pthread_cond_wait(&t->work, &t->lock);
		req = block_list_take(&t->todo);
		if (!req)
			break;
		t->queued--;
		t->idle--;
		pthread_mutex_unlock(&t->lock);
		req->result = t->disk->ops->run(t->disk, req);
		pthread_mutex_lock(&t->lock);
		t->idle++;
		first = !t->done.first;
		block_list_add(&t->done, req);
		if (first) {
			pthread_cond_signal(&t->some);
			fd_event_signal(t->engine.ready_fd);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void threads_submit(struct block_engine *e, struct block_req *req)
{
	struct threads *t = container_of(e, struct threads, engine);

	block_list_add(&t->pending, req);
}

/* True when the request is done. */
static bool done_at_once(struct threads *t, struct block_req *req,
			 uint64_t *budget)
{
	if (req->op == BLOCK_FLUSH || req->len > *budget ||
	    !block_disk_try(t->disk, req, &t->no_try))
		return false;
	*budget -= req->len;
	return true;
}

/* Is there a worker for one request more? Under the lock. */
static bool hire(struct threads *t)
{
	if (t->queued >= t->idle && t->workers < t->most &&
	    thread_start(&t->worker[t->workers], "block", run, t) == 0) {
		t->workers++;
		t->idle++;
	}
	return t->workers > 0;
}

/* Where the host gives us no thread at all, the user's own does it. */
static void hand_over(struct threads *t, struct block_list *slow)
{
	struct block_req *req;

	pthread_mutex_lock(&t->lock);
	while (slow->first && hire(t)) {
		block_list_add(&t->todo, block_list_take(slow));
		t->queued++;
		pthread_cond_signal(&t->work);
	}
	pthread_mutex_unlock(&t->lock);
	while ((req = block_list_take(slow))) {
		req->result = t->disk->ops->run(t->disk, req);
		block_list_add(&t->finished, req);
	}
}

static void threads_kick(struct block_engine *e)
{
	struct threads *t = container_of(e, struct threads, engine);
	struct block_list slow = { 0 };
	uint64_t budget = INLINE_MAX;
	struct block_req *req;

	while ((req = block_list_take(&t->pending)))
		block_list_add(done_at_once(t, req, &budget) ? &t->finished :
							       &slow, req);
	if (slow.first)
		hand_over(t, &slow);
}

static struct block_req *threads_reap(struct block_engine *e, bool wait)
{
	struct threads *t = container_of(e, struct threads, engine);
	struct block_req *list = t->finished.first;

	t->finished.first = NULL;
	if (list)
		return list; /* the others have made ready_fd readable */
	pthread_mutex_lock(&t->lock);
	while (wait && !t->done.first)
		pthread_cond_wait(&t->some, &t->lock);
	list = t->done.first;
	t->done.first = NULL;
	pthread_mutex_unlock(&t->lock);
	return list;
}

static void threads_destroy(struct block_engine *e)
{
	struct threads *t = container_of(e, struct threads, engine);

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->work);
	pthread_mutex_unlock(&t->lock);
	for (unsigned int i = 0; i < t->workers; i++)
		pthread_join(t->worker[i], NULL);
	fd_close(&t->engine.ready_fd);
	pthread_cond_destroy(&t->some);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static const struct block_engine_ops threads_ops = {
	.name = "threads",
	.submit = threads_submit,
	.kick = threads_kick,
	.reap = threads_reap,
	.destroy = threads_destroy,
};

int block_threads_create(struct block_engine **out, struct block_disk *d,
			 unsigned int threads)
{
	struct threads *t = calloc(1, sizeof(*t));
	int r;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	t->engine.ops = &threads_ops;
	t->engine.ready_event = true;
	t->disk = d;
	t->most = (unsigned int)min_u64(threads ? threads : THREADS,
					THREADS_MAX);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	pthread_cond_init(&t->some, NULL);
	t->engine.ready_fd = fd_event_create();
	r = t->engine.ready_fd < 0 ? t->engine.ready_fd : 0;
	if (r < 0) {
		threads_destroy(&t->engine);
		return r;
	}
	*out = &t->engine;
	return 0;
}
