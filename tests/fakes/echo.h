/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device type for tests of the core and the transports: two queues
 * whose chains come back with their readable bytes copied into the writable
 * ones. It can keep chains in flight, refuse them, and fail on demand.
 */
#ifndef VIREO_FAKE_ECHO_H
#define VIREO_FAKE_ECHO_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/virtio/virtio.h"

#define ECHO_QUEUES	2
#define ECHO_QUEUE_SIZE 64
#define ECHO_CONFIG	12 /* bytes: 0xc0, 0xc1, ... */
/* The type's features: ECHO_F_B depends on ECHO_F_A. */
#define ECHO_F_A (UINT64_C(1) << 0)
#define ECHO_F_B (UINT64_C(1) << 1)

struct echo {
	struct virtio v;
	uint8_t config[ECHO_CONFIG];
	uint32_t told; /* saved: what the driver wrote to config[0..3] */
	atomic_int start_error; /* what start() answers */
	atomic_uint starts;
	atomic_uint stops;
	atomic_uint queue_stops;
	atomic_uint kicks;
	atomic_uint served;
	atomic_uint room; /* how many chains it takes; UINT_MAX: all */
	atomic_bool hold; /* keep chains instead of completing them */

	pthread_mutex_t lock; /* guards what is held */
	unsigned int held_count;
	struct {
		unsigned int queue;
		struct chain chain;
	} held[ECHO_QUEUE_SIZE * ECHO_QUEUES];
};

struct echo *echo_create(const struct virtio_host *host);
/* Chains in flight. */
unsigned int echo_held(struct echo *e);
/* Completes all of them. */
void echo_release(struct echo *e);

#endif
