// SPDX-License-Identifier: BSD-3-Clause
/*
 * See virtio.h and virtio_queue.h. A queue's way: enabled (parameters checked
 * and copied, under the transport's lock), live (DRIVER_OK: the loop's thread
 * owns the ring), silenced (no kick runs any more), stopped.
 *
 * The doorbell is an eventfd, rung by KVM, by virtio_notify() or by ourselves,
 * so a kick that comes before the loop listens is not lost. It is watched for
 * edges and never read: every ring is one, and a read is a system call.
 */
#include "devices/virtio/virtio_queue.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/fd.h"

void virtio_complain(struct virtio *v, const char *what, unsigned int n)
{
	log_guest(v->log, &v->register_limit, "%s: queue %u %s", v->id, n,
		  what);
}

void virtio_queue_defaults(struct virtio_queue *vq)
{
	vq->params = (struct queue_params){ .size = vq->v->ops->queue_size };
	vq->refused = false;
	atomic_store(&vq->vector, VIRTIO_NO_VECTOR);
}

/* ---- doorbells ---- */

/* The second look is cheap and a kick is not: an exit, a thread to be woken.
 * On a busy host the driver gets the processor in between, and more than one
 * request together. */
static void on_kick(void *ctx, uint32_t events)
{
	struct virtio_queue *vq = ctx;

	if (!virtio_queue_live(vq->v, vq->number))
		return;
	if (!vq->v->ops->lingers) {
		vq->v->ops->kick(vq->v, vq->number);
		return;
	}
	vq->again = false;
	vq->linger = true;
	vq->v->ops->kick(vq->v, vq->number);
	vq->linger = false;
	if (vq->again)
		loop_again(vq->source);
}

static int listen_queue(struct virtio_queue *vq)
{
	struct virtio *v = vq->v;
	int r = loop_add(&vq->source, v->loop, vq->doorbell_fd,
			 EPOLLIN | EPOLLET, on_kick, vq);

	if (r == 0)
		fd_event_signal(vq->doorbell_fd);
	return r;
}

/* Without it, kicks come as exits; that is slower, not wrong. */
static void attach(struct virtio_queue *vq, int fd)
{
	struct virtio *v = vq->v;

	if (v->transport->doorbell)
		v->transport->doorbell(v->transport_ctx, vq->number, fd);
}

/* On return no kick runs. */
static void silence(struct virtio_queue *vq)
{
	loop_remove(vq->source);
	vq->source = NULL;
}

static int open_queue(struct virtio_queue *vq)
{
	vq->doorbell_fd = fd_event_create();
	if (vq->doorbell_fd < 0) {
		int r = vq->doorbell_fd;

		vq->doorbell_fd = -1;
		return r;
	}
	atomic_store(&vq->live, true);
	return 0;
}

/* The ring is nobody's any more. */
static void close_queue(struct virtio_queue *vq)
{
	atomic_store(&vq->live, false);
	fd_close(&vq->doorbell_fd);
	if (vq->enabled)
		queue_stop(&vq->ring);
	vq->enabled = false;
}

void virtio_notify(struct virtio *v, uint32_t queue)
{
	if (queue < v->queues && virtio_queue_live(v, queue))
		fd_event_signal(v->queue[queue].doorbell_fd);
}

/* ---- one queue ---- */

/* While it is paused nobody listens: run() will. */
static void go_live(struct virtio_queue *vq)
{
	if (open_queue(vq) < 0 ||
	    (!vq->v->paused && listen_queue(vq) < 0)) {
		virtio_fail(vq->v, "out of memory or descriptors");
		return;
	}
	attach(vq, vq->doorbell_fd);
}

void virtio_queue_enable(struct virtio_queue *vq)
{
	struct virtio *v = vq->v;
	const struct queue_features features = {
		.packed = virtio_has(v, VIRTIO_F_RING_PACKED),
		.indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC),
		.event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX),
		.in_order = virtio_has(v, VIRTIO_F_IN_ORDER),
	};
	int r = queue_start(&vq->ring, v->mem, v->ops->queue_size, &vq->params,
			    &features);

	vq->refused = r < 0;
	if (r < 0) {
		virtio_complain(v, "has a bad size or address", vq->number);
		return;
	}
	vq->enabled = true;
	if (v->started)
		go_live(vq);
}

void virtio_queue_reset(struct virtio_queue *vq)
{
	struct virtio *v = vq->v;
	uint16_t vector = atomic_load(&vq->vector);

	if (!vq->enabled)
		return;
	atomic_store(&vq->live, false);
	if (v->started) {
		attach(vq, -1);
		silence(vq);
		v->ops->stop_queue(v, vq->number);
	}
	close_queue(vq);
	virtio_queue_defaults(vq);
	atomic_store(&vq->vector, vector);
}

/* ---- the whole device ---- */

int virtio_check_queues(const struct virtio *v)
{
	unsigned int enabled = 0;

	for (unsigned int i = 0; i < v->queues; i++) {
		if (v->queue[i].refused)
			return -EINVAL;
		enabled += v->queue[i].enabled;
	}
	return enabled ? 0 : -EINVAL;
}

static int open_queues(struct virtio *v)
{
	int r = 0;

	for (unsigned int i = 0; i < v->queues && r == 0; i++)
		if (v->queue[i].enabled)
			r = open_queue(&v->queue[i]);
	return r;
}

/* ops->start() and the doorbells. */
static int run(struct virtio *v)
{
	int r = v->ops->start(v);

	if (r < 0)
		return r;
	v->paused = false;
	for (unsigned int i = 0; i < v->queues && r == 0; i++)
		if (v->queue[i].enabled)
			r = listen_queue(&v->queue[i]);
	return r;
}

/* On return nothing of the device runs. */
static void rest(struct virtio *v)
{
	for (unsigned int i = 0; i < v->queues; i++)
		silence(&v->queue[i]);
	if (!v->paused)
		v->ops->stop(v);
	v->paused = true;
}

static void stop_all(struct virtio *v)
{
	if (v->started)
		rest(v);
	v->started = false;
	v->paused = false;
	for (unsigned int i = 0; i < v->queues; i++)
		close_queue(&v->queue[i]);
}

int virtio_start(struct virtio *v)
{
	int r = open_queues(v);

	v->started = true;
	v->paused = true;
	if (r == 0)
		r = run(v);
	if (r < 0) {
		stop_all(v);
		return r == -EINVAL ? -EIO : r;
	}
	for (unsigned int i = 0; i < v->queues; i++)
		if (v->queue[i].enabled)
			attach(&v->queue[i], v->queue[i].doorbell_fd);
	return 0;
}

void virtio_stop(struct virtio *v)
{
	for (unsigned int i = 0; i < v->queues && v->started; i++)
		if (v->queue[i].enabled)
			attach(&v->queue[i], -1);
	stop_all(v);
}

void virtio_pause(struct virtio *v)
{
	if (v->started && !v->paused)
		rest(v);
}

/* A broken device stays as it is until its reset. */
void virtio_resume(struct virtio *v)
{
	if (!v->started || !v->paused || virtio_broken(v))
		return;
	if (run(v) < 0) {
		rest(v);
		virtio_fail(v, "it cannot be started again");
	}
}

/* ---- for device types, on the loop's thread ---- */

bool virtio_queue_live(const struct virtio *v, unsigned int n)
{
	return atomic_load(&v->queue[n].live) && !virtio_broken(v);
}

void virtio_queue_done(struct virtio *v, unsigned int n)
{
	if (!virtio_broken(v) && queue_wants_interrupt(&v->queue[n].ring))
		v->transport->queue_irq(v->transport_ctx, n);
}

/* Kicks are off while we look, while there is no room (the device comes back
 * by itself), and while we linger; else they are on when the queue is empty. */
void virtio_service(struct virtio *v, unsigned int n, unsigned int budget,
		    bool (*handle)(struct virtio *v, unsigned int n,
				   struct chain *c))
{
	struct virtio_queue *vq = &v->queue[n];
	struct queue *q = &vq->ring;
	bool again = false; /* on_kick() will look once more */
	bool more = true;
	struct chain c;
	int r = 0;

	if (!virtio_queue_live(v, n))
		return;
	queue_set_kicks(q, false);
	for (; more && budget && !virtio_broken(v); budget--) {
		r = queue_pop(q, &c);
		if (r > 0 && !handle(v, n, &c)) {
			queue_unpop(q, &c);
			more = false;
			again = false;
		} else if (r > 0) {
			again = vq->linger;
		}
		if (r == 0)
			more = !again && queue_set_kicks(q, true);
		if (r < 0)
			virtio_fail(v, "the driver broke a ring");
		if (r == 0 && more)
			queue_set_kicks(q, false);
	}
	virtio_queue_done(v, n);
	if (vq->linger)
		vq->again = again;
	if (more && !again && !virtio_broken(v))
		fd_event_signal(vq->doorbell_fd);
}
