/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage of a test of the virtio core: guest RAM, a loop, an echo device
 * and a driver in front of it. A cmocka test's state is `struct virtio_case *`.
 */
#ifndef VIREO_FAKE_VIRTIO_CASE_H
#define VIREO_FAKE_VIRTIO_CASE_H

#include "driver_ring.h"
#include "echo.h"
#include "virtio_front.h"

#define RUNNING                                       \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |     \
	 VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)

struct virtio_case {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	unsigned int lines; /* logged; written by one thread at a time */
	struct virtio_host host;
	struct echo *echo;
	struct front front;
	struct driver_ring ring[ECHO_QUEUES];
	bool rings;
};

int case_setup_plain(void **state);
int case_setup_mmio(void **state);
int case_teardown(void **state);

/* From reset to DRIVER_OK, with fresh rings on both queues. */
void case_run(struct virtio_case *c, uint64_t features);
/* Posts a chain of 16 bytes out and 16 bytes in on queue @n and kicks; its
 * head. */
int case_post(struct virtio_case *c, unsigned int n);
/* Waits for the next completion of queue @n; ends the test without one. */
void case_collect(struct virtio_case *c, unsigned int n);

#endif
