/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completing several chains at once: the driver sees all of them or none. A
 * frame that lies in several buffers needs it, for a driver that polls takes
 * the first as soon as it is there and misses the others. Thread: the queue's
 * owner.
 */
#ifndef VIREO_DEVICES_VIRTIO_QUEUE_BATCH_H
#define VIREO_DEVICES_VIRTIO_QUEUE_BATCH_H

#include "devices/virtio/queue.h"

/* What is needed of a chain that was popped. */
struct queue_used {
	uint16_t head;
	uint16_t slots;
	uint32_t len; /* bytes written, at most the chain's in_len */
};

/* queue_push() for @count >= 1 chains. Not with F_IN_ORDER. */
void queue_push_batch(struct queue *q, const struct queue_used *used,
		      unsigned int count);

#endif
