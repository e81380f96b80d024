/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to the virtio core: what virtio.c (registers, status) asks of
 * virtio_queue.c (queues, doorbells, starting and stopping). All of it runs
 * under the transport's lock.
 */
#ifndef VIREO_DEVICES_VIRTIO_VIRTIO_QUEUE_H
#define VIREO_DEVICES_VIRTIO_VIRTIO_QUEUE_H

#include "devices/virtio/virtio.h"

/* Registers as after a reset; the queue is not started. */
void virtio_queue_defaults(struct virtio_queue *vq);
/* The driver has written 1 to queue_enable: checks and copies the parameters.
 * A bad set is remembered in vq->refused. After DRIVER_OK it goes live. */
void virtio_queue_enable(struct virtio_queue *vq);
/* The driver's ring reset: nothing of the queue is in flight on return. */
void virtio_queue_reset(struct virtio_queue *vq);

/* Before DRIVER_OK: -EINVAL: a queue was refused, or none is enabled. A device
 * that runs may come to that, by ring resets, and runs on. */
int virtio_check_queues(const struct virtio *v);
/* DRIVER_OK is set, or loaded: 0, or -errno and nothing is running. */
int virtio_start(struct virtio *v);
/* Nothing is running or in flight on return, every queue is disabled. */
void virtio_stop(struct virtio *v);

/* A warning caused by a register write. */
void virtio_complain(struct virtio *v, const char *what, unsigned int n);

#endif
