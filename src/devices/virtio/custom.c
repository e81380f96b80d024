// SPDX-License-Identifier: BSD-3-Clause
/*
 * See custom.h. Requests live in a desk that outlives its holder while any of
 * them is out: whoever holds one may ask it about a device that is long gone.
 *
 * The desk's lock is held while a request's bytes are copied, so that guest RAM
 * is there as long as somebody looks at it.
 */
#include "devices/virtio/custom.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

/* A driver that resets its device, or the machine, again and again leaves
 * requests behind. */
#define VOIDS_MAX 4096u

enum place {
	OUT,  /* with the embedder */
	BACK, /* done; the loop's thread completes it */
	KEPT, /* stopped while it was out: to be handed out again */
	VOID, /* with the embedder, and of no use: in no list */
	PLACES = VOID,
};

struct custom_desk {
	pid_t process; /* whose it is: a child of fork() has no guest RAM */
	pthread_mutex_t space_lock; /* guards the next one; taken last */
	uint8_t space[CUSTOM_VIRTIO_CONFIG_MAX];
	uint32_t space_size;

	pthread_mutex_t lock; /* guards what follows, and all requests */
	unsigned int users;   /* requests that exist, and the holder */
	int wake_fd;          /* owned by the device; -1: there is none */
	bool serving;         /* the loop's thread is about to look */
	unsigned int voids;   /* requests at that place */
	struct {
		struct vireo_request *first, *last;
	} list[PLACES];
};

struct vireo_request {
	struct custom_desk *desk;
	enum place place;
	unsigned int queue;
	uint32_t written;
	struct vireo_request *next, *prev;
	struct chain chain; /* only the pieces that it has are there */
};

struct custom_virtio {
	struct virtio v;
	struct virtio_ops type; /* v.ops */
	struct custom_virtio_ops ops;
	struct custom_desk *desk; /* not owned */
	struct loop_source *wake; /* from start to stop */
	int wake_fd;              /* owned */
};

static struct custom_virtio *of(struct virtio *v)
{
	return container_of(v, struct custom_virtio, v);
}

/* ---- the desk ---- */

struct custom_desk *custom_desk_create(const void *space, uint32_t size)
{
	struct custom_desk *desk = calloc(1, sizeof(*desk));

	if (!desk)
		return NULL;
	pthread_mutex_init(&desk->lock, NULL);
	pthread_mutex_init(&desk->space_lock, NULL);
	desk->process = getpid();
	desk->users = 1;
	desk->wake_fd = -1;
	desk->space_size = size;
	if (size)
		memcpy(desk->space, space, size);
	return desk;
}

/* Lock held; it is not any more. */
static void desk_leave(struct custom_desk *desk)
{
	bool last = --desk->users == 0;

	pthread_mutex_unlock(&desk->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&desk->space_lock);
	pthread_mutex_destroy(&desk->lock);
	free(desk);
}

void custom_desk_destroy(struct custom_desk *desk)
{
	if (!desk)
		return;
	pthread_mutex_lock(&desk->lock);
	desk_leave(desk);
}

int custom_desk_set_space(struct custom_desk *desk, uint32_t off,
			  const void *bytes, uint32_t len)
{
	if (!range_ok(off, len, desk->space_size))
		return -EINVAL;
	pthread_mutex_lock(&desk->space_lock);
	memcpy(desk->space + off, bytes, len);
	pthread_mutex_unlock(&desk->space_lock);
	return 0;
}

/* Lock held, here and below. */
static void list_add(struct custom_desk *desk, struct vireo_request *rq,
		     enum place place)
{
	rq->place = place;
	rq->next = NULL;
	rq->prev = desk->list[place].last;
	if (rq->prev)
		rq->prev->next = rq;
	else
		desk->list[place].first = rq;
	desk->list[place].last = rq;
}

static void list_remove(struct custom_desk *desk, struct vireo_request *rq)
{
	if (rq->prev)
		rq->prev->next = rq->next;
	else
		desk->list[rq->place].first = rq->next;
	if (rq->next)
		rq->next->prev = rq->prev;
	else
		desk->list[rq->place].last = rq->prev;
}

/* The first of @queue (-1: of any) that is at @place, or NULL; taken off. */
static struct vireo_request *list_take(struct custom_desk *desk,
				       enum place place, int queue)
{
	struct vireo_request *rq = desk->list[place].first;

	while (rq && queue >= 0 && rq->queue != (unsigned int)queue)
		rq = rq->next;
	if (rq)
		list_remove(desk, rq);
	return rq;
}

static struct vireo_request *request_create(struct custom_desk *desk,
					    unsigned int queue,
					    const struct chain *chain)
{
	size_t pieces = (size_t)chain->out_count + chain->in_count;
	struct vireo_request *rq =
		malloc(offsetof(struct vireo_request, chain.iov) +
		       pieces * sizeof(chain->iov[0]));

	if (!rq)
		return NULL;
	rq->desk = desk;
	rq->queue = queue;
	rq->written = 0;
	memcpy(&rq->chain, chain, offsetof(struct chain, iov));
	memcpy(rq->chain.iov, chain->iov, pieces * sizeof(chain->iov[0]));
	return rq;
}

/* ---- loop thread ---- */

/* Completes what has come back: the queues that were touched. Lock held. */
static uint64_t collect(struct custom_virtio *c, int queue)
{
	struct vireo_request *rq;
	uint64_t queues = 0;

	while ((rq = list_take(c->desk, BACK, queue))) {
		queue_push(&c->v.queue[rq->queue].ring, &rq->chain,
			   rq->written);
		queues |= UINT64_C(1) << rq->queue;
		free(rq);
		c->desk->users--; /* the holder is one: not the last */
	}
	return queues;
}

/* The lock is also what stop_queue() waits for. */
static void collect_and_tell(struct custom_virtio *c)
{
	uint64_t queues;

	pthread_mutex_lock(&c->desk->lock);
	c->desk->serving = false;
	queues = collect(c, -1);
	for (unsigned int n = 0; n < c->v.queues; n++)
		if (queues & UINT64_C(1) << n && virtio_queue_live(&c->v, n))
			virtio_queue_done(&c->v, n);
	pthread_mutex_unlock(&c->desk->lock);
}

static void on_wake(void *ctx, uint32_t events)
{
	struct custom_virtio *c = ctx;

	fd_event_drain(c->wake_fd);
	collect_and_tell(c);
}

static void hand_out(struct custom_virtio *c, struct vireo_request *rq)
{
	pthread_mutex_lock(&c->desk->lock);
	list_add(c->desk, rq, OUT);
	pthread_mutex_unlock(&c->desk->lock);
	c->ops.request(c->ops.ctx, rq);
}

static bool handle(struct virtio *v, unsigned int n, struct chain *chain)
{
	struct custom_virtio *c = of(v);
	struct vireo_request *rq = NULL;
	bool full;

	pthread_mutex_lock(&c->desk->lock);
	full = c->desk->voids >= VOIDS_MAX;
	pthread_mutex_unlock(&c->desk->lock);
	if (!full)
		rq = request_create(c->desk, n, chain);
	if (!rq) { /* the guest sees a request that nobody answered */
		queue_push(&v->queue[n].ring, chain, 0);
		return true;
	}
	pthread_mutex_lock(&c->desk->lock);
	c->desk->users++;
	pthread_mutex_unlock(&c->desk->lock);
	hand_out(c, rq);
	return true;
}

/* One that was out when the device stopped. */
static struct vireo_request *take_kept(struct custom_virtio *c, unsigned int n)
{
	struct vireo_request *rq;

	pthread_mutex_lock(&c->desk->lock);
	c->desk->serving = true;
	rq = list_take(c->desk, KEPT, (int)n);
	pthread_mutex_unlock(&c->desk->lock);
	return rq;
}

/* Requests that are done at once come back together, with one interrupt. */
static void kick(struct virtio *v, unsigned int n)
{
	struct custom_virtio *c = of(v);
	struct vireo_request *rq;

	while ((rq = take_kept(c, n)))
		hand_out(c, rq);
	virtio_service(v, n, VIRTIO_BUDGET, handle);
	collect_and_tell(c);
}

/* ---- life ---- */

static int start(struct virtio *v)
{
	struct custom_virtio *c = of(v);
	int r = loop_add(&c->wake, v->loop, c->wake_fd, EPOLLIN, on_wake, c);

	if (r == 0 && c->ops.ready)
		c->ops.ready(c->ops.ctx, v->features);
	return r;
}

/* Its holder keeps one that is void; who serves it later has a copy. Lock
 * held. */
static void make_void(struct custom_virtio *c, struct vireo_request *rq)
{
	struct vireo_request *copy = request_create(c->desk, rq->queue,
						    &rq->chain);

	rq->place = VOID;
	c->desk->voids++;
	if (!copy) {
		queue_push(&c->v.queue[rq->queue].ring, &rq->chain, 0);
		return;
	}
	list_add(c->desk, copy, KEPT);
	c->desk->users++;
}

/* @queue: -1: all. Nothing is out of it any more. */
static void call_back(struct custom_virtio *c, int queue)
{
	struct vireo_request *rq;

	pthread_mutex_lock(&c->desk->lock);
	collect(c, queue);
	while ((rq = list_take(c->desk, OUT, queue)))
		make_void(c, rq);
	pthread_mutex_unlock(&c->desk->lock);
}

/* It will not be pushed, but its holder may have written into it. */
static void mark_written(const struct custom_virtio *c, const struct chain *ch)
{
	for (unsigned int i = 0; i < ch->in_count; i++)
		mem_mark(c->v.mem, ch->iov[ch->out_count + i].iov_base,
			 ch->iov[ch->out_count + i].iov_len);
}

static void forget_kept(struct custom_virtio *c, int queue)
{
	struct vireo_request *rq;

	pthread_mutex_lock(&c->desk->lock);
	while ((rq = list_take(c->desk, KEPT, queue))) {
		mark_written(c, &rq->chain);
		free(rq);
		c->desk->users--;
	}
	pthread_mutex_unlock(&c->desk->lock);
}

static void stop(struct virtio *v)
{
	struct custom_virtio *c = of(v);

	loop_remove(c->wake);
	c->wake = NULL;
	call_back(c, -1);
}

static void reset(struct virtio *v)
{
	struct custom_virtio *c = of(v);

	forget_kept(c, -1);
	if (c->ops.reset)
		c->ops.reset(c->ops.ctx);
}

static void stop_queue(struct virtio *v, unsigned int n)
{
	call_back(of(v), (int)n);
	forget_kept(of(v), (int)n);
}

static uint64_t config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	struct custom_desk *desk = of(v)->desk;
	uint64_t value = 0;

	pthread_mutex_lock(&desk->space_lock);
	for (unsigned int i = len; i; i--)
		value = value << 8 | desk->space[off + i - 1];
	pthread_mutex_unlock(&desk->space_lock);
	return value;
}

static void config_write(struct virtio *v, uint32_t off, unsigned int len,
			 uint64_t value)
{
	struct custom_virtio *c = of(v);

	if (c->ops.config_write)
		c->ops.config_write(c->ops.ctx, off, len, value);
}

static void destroy(struct virtio *v)
{
	struct custom_virtio *c = of(v);

	forget_kept(c, -1);
	virtio_finish(v);
	pthread_mutex_lock(&c->desk->lock);
	c->desk->wake_fd = -1;
	pthread_mutex_unlock(&c->desk->lock);
	fd_close(&c->wake_fd);
	free(c);
}

static const struct virtio_ops custom_type = {
	.name = "custom",
	.config_read = config_read,
	.config_write = config_write,
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.stop_queue = stop_queue,
	.destroy = destroy,
};

int custom_virtio_create(struct virtio **out,
			 const struct custom_virtio_config *cfg,
			 const struct virtio_host *host, struct err *err)
{
	struct custom_virtio *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	c->wake_fd = fd_event_create();
	if (c->wake_fd < 0) {
		free(c);
		return err_set(err, -EMFILE, "%s: out of descriptors",
			       host->id);
	}
	c->desk = cfg->desk;
	pthread_mutex_lock(&c->desk->lock);
	c->desk->wake_fd = c->wake_fd;
	pthread_mutex_unlock(&c->desk->lock);
	c->ops = cfg->ops;
	c->type = custom_type;
	c->type.type = (enum virtio_type)cfg->type;
	c->type.queue_size = (uint16_t)cfg->queue_size;
	virtio_init(&c->v, &c->type, host, cfg->queues, c->desk->space_size,
		    cfg->features & CUSTOM_VIRTIO_FEATURES);
	if (c->ops.reset)
		c->ops.reset(c->ops.ctx);
	*out = &c->v;
	return 0;
}

int custom_virtio_set_space(struct virtio *v, uint32_t off, const void *bytes,
			    uint32_t len)
{
	if (!range_ok(off, len, v->config_size))
		return -EINVAL;
	virtio_config_begin(v);
	custom_desk_set_space(of(v)->desk, off, bytes, len);
	virtio_config_end(v, true);
	return 0;
}

/* ---- requests ---- */

static bool is_inherited(const struct vireo_request *rq)
{
	return rq->desk->process != getpid();
}

unsigned int custom_request_queue(const struct vireo_request *rq)
{
	return rq->queue;
}

uint64_t custom_request_readable(const struct vireo_request *rq)
{
	return rq->chain.out_len;
}

uint64_t custom_request_writable(const struct vireo_request *rq)
{
	return rq->chain.in_len;
}

int custom_request_read(struct vireo_request *rq, uint64_t off, void *dst,
			size_t len)
{
	int r = -ECANCELED;

	if (is_inherited(rq))
		return r;
	pthread_mutex_lock(&rq->desk->lock);
	if (rq->place == OUT)
		r = chain_read(&rq->chain, off, dst, len) ? 0 : -EINVAL;
	pthread_mutex_unlock(&rq->desk->lock);
	return r;
}

int custom_request_write(struct vireo_request *rq, uint64_t off,
			 const void *src, size_t len)
{
	int r = -ECANCELED;

	if (is_inherited(rq))
		return r;
	pthread_mutex_lock(&rq->desk->lock);
	if (rq->place == OUT)
		r = chain_write(&rq->chain, off, src, len) ? 0 : -EINVAL;
	pthread_mutex_unlock(&rq->desk->lock);
	return r;
}

void custom_request_done(struct vireo_request *rq, uint64_t written)
{
	struct custom_desk *desk = rq->desk;

	if (is_inherited(rq))
		return;
	pthread_mutex_lock(&desk->lock);
	if (rq->place == VOID) {
		desk->voids--;
		free(rq);
		desk_leave(desk);
		return;
	}
	list_remove(desk, rq);
	list_add(desk, rq, BACK);
	rq->written = (uint32_t)min_u64(written, rq->chain.in_len);
	if (!desk->serving)
		fd_event_signal(desk->wake_fd);
	pthread_mutex_unlock(&desk->lock);
}
