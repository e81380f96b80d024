/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio block device (virtio 1.2, 5.2): requests of a driver on one side,
 * a block backend on the other. It must not know what the backend is made of.
 *
 * Threads: as virtio.h says; everything a request touches is guarded by a lock
 * of the device, so that a stop on a vCPU's thread can wait for requests and
 * complete them itself.
 */
#ifndef VIREO_DEVICES_VIRTIO_BLK_H
#define VIREO_DEVICES_VIRTIO_BLK_H

#include "backends/block.h"
#include "backends/rate.h"
#include "devices/virtio/virtio.h"

#define BLK_MAX_QUEUES 16
#define BLK_QUEUE_SIZE 512
#define BLK_SERIAL_LEN 20

struct blk_config {
	unsigned int queues;     /* 1 to BLK_MAX_QUEUES; 0: 1 */
	const char *serial;      /* at most BLK_SERIAL_LEN bytes; NULL: id */
	struct rate_config rate; /* zeroes: no limit */
};

/* Owns @block from here on, after a failure too. -EINVAL, -ENOMEM, ... */
int blk_create(struct virtio **out, const struct blk_config *cfg,
	       struct block *block, const struct virtio_host *host,
	       struct err *err);

/* The host has changed the disk's size: tells the driver. Any thread, not
 * under the transport's lock of a device that is just being stopped. */
void blk_refresh(struct virtio *v);

#endif
