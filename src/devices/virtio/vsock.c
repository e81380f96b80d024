// SPDX-License-Identifier: BSD-3-Clause
/* See vsock.h and vsock_parts.h. Here: the device's life, and its events. */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "base/clock.h"
#include "base/fd.h"
#include "devices/virtio/vsock_parts.h"

#define F_STREAM   (UINT64_C(1) << 0)
#define QUEUE_SIZE 256
#define BACKLOG    128
#define REQUEST_MS 10000
#define SILENCE_MS 1000

/* ---- events (5.10.6.7) ---- */

/*
 * After a restore all connections are gone. The driver ends those that it has
 * when it sees the event; what began meanwhile would end as well, so the
 * device is silent until the driver gives its buffers back. All of them are
 * used, the others empty, so that the first one given back is news.
 */
static bool on_event(struct virtio *v, unsigned int n, struct chain *chain)
{
	struct vsock *vs = vsock_of(v);
	const le32 transport_reset = le32_put(0);
	uint32_t len = 0;

	if (vs->reset_event && !chain->out_len &&
	    chain_write(chain, 0, &transport_reset, sizeof(transport_reset))) {
		len = sizeof(transport_reset);
		vs->reset_event = false;
		vs->silent_ms = clock_mono_ms() + SILENCE_MS;
		vsock_timer_by(vs, vs->silent_ms);
	}
	queue_push(&v->queue[n].ring, chain, len);
	return true;
}

static void event_kick(struct vsock *vs)
{
	if (vs->reset_event)
		virtio_service(&vs->v, VSOCK_EVENT, QUEUE_SIZE + 1, on_event);
	else
		vs->silent_ms = 0;
}

/* ---- the device ---- */

static void vsock_kick(struct virtio *v, unsigned int n)
{
	struct vsock *vs = vsock_of(v);

	pthread_mutex_lock(&vs->lock);
	if (vs->running) {
		if (n == VSOCK_TX)
			vsock_receive(vs);
		else if (n == VSOCK_EVENT)
			event_kick(vs);
		vsock_pump(vs);
	}
	pthread_mutex_unlock(&vs->lock);
}

static void expired(struct vsock_conn *c)
{
	if (c->state == VSOCK_REQUESTED || c->state == VSOCK_HELLO)
		c->vs->counts.refused++;
	vsock_conn_reset(c);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct vsock *vs = ctx;
	uint64_t now = clock_mono_ms();

	pthread_mutex_lock(&vs->lock);
	vs->timer_ms = 0;
	for (unsigned int i = 0; i < VSOCK_MAX_CONNS && vs->running; i++) {
		struct vsock_conn *c = &vs->conn[i];

		if (c->deadline_ms && c->deadline_ms <= now)
			expired(c);
		else if (c->deadline_ms)
			vsock_timer_by(vs, c->deadline_ms);
	}
	if (vs->running) {
		if (vs->silent_ms <= now)
			vs->silent_ms = 0;
		else
			vsock_timer_by(vs, vs->silent_ms);
		if (vs->accept_ms > now)
			vsock_timer_by(vs, vs->accept_ms);
		vsock_listen(vs, true);
		vsock_pump(vs);
	}
	pthread_mutex_unlock(&vs->lock);
}

static int vsock_start(struct virtio *v)
{
	struct vsock *vs = vsock_of(v);

	pthread_mutex_lock(&vs->lock);
	vs->running = true;
	vsock_listen(vs, true);
	for (unsigned int i = 0; i < VSOCK_MAX_CONNS; i++)
		vsock_conn_poll(&vs->conn[i]);
	vsock_timer_by(vs, clock_mono_ms()); /* deadlines have gone on */
	pthread_mutex_unlock(&vs->lock);
	return 0;
}

/* Sources quiet themselves when they find it stopped. */
static void vsock_stop(struct virtio *v)
{
	struct vsock *vs = vsock_of(v);

	pthread_mutex_lock(&vs->lock);
	vs->running = false;
	pthread_mutex_unlock(&vs->lock);
}

/* Nothing of a queue is kept: whoever used it has let go. */
static void vsock_stop_queue(struct virtio *v, unsigned int n)
{
	struct vsock *vs = vsock_of(v);

	pthread_mutex_lock(&vs->lock);
	if (n == VSOCK_TX)
		vs->tx_waits = false;
	pthread_mutex_unlock(&vs->lock);
}

/* Stopped: callbacks that still come touch nothing but their source, and
 * removing a source waits for its callback, which takes the lock. */
static void vsock_reset(struct virtio *v)
{
	struct vsock *vs = vsock_of(v);

	vsock_conn_free_all(vs);
	pthread_mutex_lock(&vs->lock);
	vs->strays = 0;
	vs->tx_waits = false;
	vs->reset_event = false;
	vs->silent_ms = 0;
	pthread_mutex_unlock(&vs->lock);
}

static uint64_t vsock_config_read(struct virtio *v, uint32_t off,
				  unsigned int len)
{
	const le64 cid = le64_put(vsock_of(v)->cid);
	uint64_t value = 0;

	while (len--)
		value = value << 8 | cid.b[off + len];
	return value;
}

/* Connections are not saved: a driver that runs is told that they are gone. */
static int vsock_snapshot(struct virtio *v, struct snap *s)
{
	struct vsock *vs = vsock_of(v);
	uint32_t port = vs->next_port;
	bool event = atomic_load(&v->status) & VIRTIO_S_DRIVER_OK;

	snap_u32(s, "next-port", &port);
	snap_bool(s, "reset-event", &event);
	if (!snap_loading(s) || snap_error(s))
		return snap_error(s);
	if (port < VSOCK_PORT_FIRST || port > VSOCK_PORT_LAST) {
		snap_reject(s, "next-port", "out of range");
		return snap_error(s);
	}
	vs->next_port = port;
	vs->reset_event = event;
	return snap_error(s);
}

static void vsock_destroy(struct virtio *v)
{
	struct vsock *vs = vsock_of(v);

	vsock_conn_free_all(vs);
	loop_remove(vs->listener);
	loop_remove(vs->timer);
	fd_hang_up(&vs->listen_fd);
	if (vs->bound)
		unlink(vs->path);
	virtio_finish(v);
	pthread_mutex_destroy(&vs->lock);
	free(vs);
}

static const struct virtio_ops vsock_ops = {
	.name = "vsock",
	.type = VIRTIO_VSOCK,
	.queue_size = QUEUE_SIZE,
	.config_read = vsock_config_read,
	.start = vsock_start,
	.stop = vsock_stop,
	.reset = vsock_reset,
	.kick = vsock_kick,
	.stop_queue = vsock_stop_queue,
	.snapshot = vsock_snapshot,
	.destroy = vsock_destroy,
};

static int check(const struct vsock_config *cfg, struct err *err)
{
	if (cfg->path && (strlen(cfg->path) > VSOCK_PATH_MAX || !*cfg->path))
		return err_set_key(err, -EINVAL, "vsock",
				   "socket path '%s': give 1 to %d characters",
				   cfg->path, VSOCK_PATH_MAX);
	if (cfg->cid && (cfg->cid <= VSOCK_HOST_CID || cfg->cid >= UINT32_MAX))
		return err_set_key(err, -EINVAL, "vsock",
				   "cid %llu is reserved: give 3 to %llu",
				   (unsigned long long)cfg->cid,
				   (unsigned long long)UINT32_MAX - 1);
	return 0;
}

static int open_sources(struct vsock *vs, struct err *err)
{
	int r = 0;

	if (*vs->path)
		r = unix_listen(&vs->listen_fd, vs->path, BACKLOG, err);
	if (r < 0) {
		err_wrap(err, "vsock");
		err_blame(err, "vsock");
		return r;
	}
	vs->bound = *vs->path;
	r = loop_add_timer(&vs->timer, vs->v.loop, on_timer, vs);
	if (r == 0 && *vs->path)
		r = loop_add(&vs->listener, vs->v.loop, vs->listen_fd, 0,
			     vsock_on_listener, vs);
	return r < 0 ? err_set(err, r, "vsock: %s", strerror(-r)) : 0;
}

int vsock_create(struct virtio **out, const struct vsock_config *cfg,
		 const struct virtio_host *host, struct err *err)
{
	struct vsock *vs;
	int r = check(cfg, err);

	*out = NULL;
	if (r < 0)
		return r;
	vs = calloc(1, sizeof(*vs));
	if (!vs)
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	virtio_init(&vs->v, &vsock_ops, host, VSOCK_QUEUES, sizeof(le64),
		    F_STREAM);
	pthread_mutex_init(&vs->lock, NULL);
	vs->cid = cfg->cid ? cfg->cid : VSOCK_HOST_CID + 1;
	vs->request_ms = cfg->request_ms ? cfg->request_ms : REQUEST_MS;
	vs->listen_fd = -1;
	vs->next_port = VSOCK_PORT_FIRST;
	if (cfg->path)
		memcpy(vs->path, cfg->path, strlen(cfg->path));
	vs->dial = cfg->dial;
	vsock_conns_init(vs);
	r = open_sources(vs, err);
	if (r < 0) {
		vsock_destroy(&vs->v);
		return r;
	}
	*out = &vs->v;
	return 0;
}

void vsock_counts(struct virtio *v, struct vsock_counts *counts)
{
	struct vsock *vs = vsock_of(v);

	pthread_mutex_lock(&vs->lock);
	*counts = vs->counts;
	pthread_mutex_unlock(&vs->lock);
}
