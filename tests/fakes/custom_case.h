/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An embedder's virtio device, of two queues, and its driver: every request is
 * turned round, at once or later. Wants driver_ring.c, driver_packed.c and
 * virtio_front.c beside it, and cmocka.
 */
#ifndef VIREO_FAKE_CUSTOM_CASE_H
#define VIREO_FAKE_CUSTOM_CASE_H

#include <pthread.h>

#include "devices/virtio/custom.h"
#include "driver_ring.h"
#include "virtio_front.h"

#define CUSTOM_QUEUES 2
#define CUSTOM_SIZE   64

struct custom_case {
	struct driver_ram ram;
	struct loop *loop;
	struct custom_desk *desk;
	struct virtio *v;
	struct front front;
	struct driver_ring ring[CUSTOM_QUEUES];
	bool hold; /* requests are not done at once */
	pthread_mutex_t lock; /* guards what follows */
	unsigned int held;
	struct vireo_request *out[4 * CUSTOM_SIZE];
	struct vireo_request *late[5000];
	unsigned int lates;
	unsigned int resets, readies;
	uint64_t features, written;
};

/* For cmocka. */
int custom_case_set_up(void **state);
int custom_case_tear_down(void **state);

#define CUSTOM_TEST(name) \
	cmocka_unit_test_setup_teardown(name, custom_case_set_up, \
					custom_case_tear_down)

/* A driver sets the device up. */
void custom_run(struct custom_case *t, uint64_t features);
/* The device of another machine. */
void custom_replace(struct custom_case *t);
void custom_pause(struct custom_case *t, bool on);
/* The VM is gone. */
void custom_end(struct custom_case *t);

/* 16 bytes of @byte out, as many in; where the answer will be. */
uint64_t custom_post(struct custom_case *t, unsigned int n, uint8_t byte);
/* Turns the bytes round. */
void custom_answer(struct vireo_request *rq);
/* The length of the next answer. */
uint32_t custom_collect(struct custom_case *t, unsigned int n);
void custom_check(struct custom_case *t, uint64_t at, uint8_t byte);

/* How many requests have been held; waits until there are so many. */
unsigned int custom_held(struct custom_case *t);
void custom_wait_held(struct custom_case *t, unsigned int count);

#endif
