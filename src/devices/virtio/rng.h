/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio entropy device (virtio 1.2, 5.4): the host kernel's random bytes
 * for the guest. What one request gets, and what all get in a second, is
 * bounded.
 */
#ifndef VIREO_DEVICES_VIRTIO_RNG_H
#define VIREO_DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

#define RNG_QUEUE_SIZE	64
#define RNG_REQUEST_MAX 65536u /* bytes of one request */

struct rng_config {
	uint64_t bytes_per_s; /* 0: 16 MiB */
};

/* @cfg may be NULL. -ENOMEM. */
int rng_create(struct virtio **out, const struct rng_config *cfg,
	       const struct virtio_host *host, struct err *err);

#endif
