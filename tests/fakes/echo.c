// SPDX-License-Identifier: BSD-3-Clause
/* See echo.h. */
#include "echo.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/num.h"

static struct echo *echo_of(struct virtio *v)
{
	return container_of(v, struct echo, v);
}

static uint64_t config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	struct echo *e = echo_of(v);
	uint64_t value = 0;

	assert(range_ok(off, len, sizeof(e->config)));
	for (unsigned int i = len; i-- > 0;)
		value = value << 8 | e->config[off + i];
	return value;
}

static void config_write(struct virtio *v, uint32_t off, unsigned int len,
			 uint64_t value)
{
	struct echo *e = echo_of(v);

	assert(range_ok(off, len, sizeof(e->config)));
	for (unsigned int i = 0; i < len; i++)
		e->config[off + i] = (uint8_t)(value >> (8 * i));
	if (off == 0)
		e->told = (uint32_t)value;
}

static bool accepts(const struct virtio *v, uint64_t features)
{
	return !(features & ECHO_F_B) || features & ECHO_F_A;
}

static void complete(struct echo *e, unsigned int n, const struct chain *c)
{
	uint8_t bytes[256];
	uint32_t len = (uint32_t)min_u64(min_u64(c->out_len, c->in_len),
					 sizeof(bytes));

	if (chain_read(c, 0, bytes, len))
		chain_write(c, 0, bytes, len);
	queue_push(&e->v.queue[n].ring, c, len);
	atomic_fetch_add(&e->served, 1);
}

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct echo *e = echo_of(v);

	if (!atomic_load(&e->room))
		return false;
	if (atomic_load(&e->room) != UINT_MAX)
		atomic_fetch_sub(&e->room, 1);
	if (!atomic_load(&e->hold)) {
		complete(e, n, c);
		return true;
	}
	pthread_mutex_lock(&e->lock);
	assert(e->held_count < ARRAY_SIZE(e->held));
	e->held[e->held_count].queue = n;
	e->held[e->held_count++].chain = *c;
	pthread_mutex_unlock(&e->lock);
	return true;
}

static int start(struct virtio *v)
{
	struct echo *e = echo_of(v);
	int r = atomic_load(&e->start_error);

	if (r == 0)
		atomic_fetch_add(&e->starts, 1);
	return r;
}

/* Completes what is held of queue @n, or of all of them. */
static void drain(struct echo *e, int n)
{
	unsigned int kept = 0;

	pthread_mutex_lock(&e->lock);
	for (unsigned int i = 0; i < e->held_count; i++) {
		if (n < 0 || e->held[i].queue == (unsigned int)n)
			complete(e, e->held[i].queue, &e->held[i].chain);
		else
			e->held[kept++] = e->held[i];
	}
	e->held_count = kept;
	pthread_mutex_unlock(&e->lock);
}

static void stop(struct virtio *v)
{
	atomic_fetch_add(&echo_of(v)->stops, 1);
	drain(echo_of(v), -1);
}

static void stop_queue(struct virtio *v, unsigned int n)
{
	atomic_fetch_add(&echo_of(v)->queue_stops, 1);
	drain(echo_of(v), (int)n);
}

static void reset(struct virtio *v)
{
	struct echo *e = echo_of(v);

	e->told = 0;
	for (unsigned int i = 0; i < ECHO_CONFIG; i++)
		e->config[i] = (uint8_t)(0xc0 + i);
}

static void kick(struct virtio *v, unsigned int n)
{
	atomic_fetch_add(&echo_of(v)->kicks, 1);
	virtio_service(v, n, VIRTIO_BUDGET, handle);
}

static int snapshot(struct virtio *v, struct snap *s)
{
	struct echo *e = echo_of(v);

	snap_u32(s, "told", &e->told);
	snap_bytes(s, "config", e->config, sizeof(e->config));
	return snap_error(s);
}

static void destroy(struct virtio *v)
{
	struct echo *e = echo_of(v);

	assert(e->starts == e->stops);
	pthread_mutex_destroy(&e->lock);
	virtio_finish(v);
	free(e);
}

static const struct virtio_ops ops = {
	.name = "echo",
	.type = VIRTIO_RNG,
	.queue_size = ECHO_QUEUE_SIZE,
	.config_read = config_read,
	.config_write = config_write,
	.accepts = accepts,
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.stop_queue = stop_queue,
	.snapshot = snapshot,
	.destroy = destroy,
};

struct echo *echo_create(const struct virtio_host *host)
{
	struct echo *e = calloc(1, sizeof(*e));

	assert(e);
	pthread_mutex_init(&e->lock, NULL);
	e->room = UINT_MAX;
	virtio_init(&e->v, &ops, host, ECHO_QUEUES, ECHO_CONFIG,
		    ECHO_F_A | ECHO_F_B | VIRTIO_F_IN_ORDER);
	reset(&e->v);
	return e;
}

unsigned int echo_held(struct echo *e)
{
	unsigned int n;

	pthread_mutex_lock(&e->lock);
	n = e->held_count;
	pthread_mutex_unlock(&e->lock);
	return n;
}

void echo_release(struct echo *e)
{
	drain(e, -1);
}
