/* SPDX-License-Identifier: BSD-3-Clause */
/* A started queue and its driver: for the tests of src/devices/virtio/queue*.
 * Wants driver_ring.c and driver_packed.c beside it, and cmocka. */
#ifndef VIREO_FAKE_ONE_QUEUE_H
#define VIREO_FAKE_ONE_QUEUE_H

#include "driver_ring.h"

#define ONE_QUEUE_MAX 256 /* the device's own limit */

struct one_queue {
	struct driver_ram ram;
	struct driver_ring ring;
	struct queue q;
	struct chain c;
	uint64_t data;	   /* a page of RAM for buffers */
	uint64_t next_ram; /* touches the end of the first region */
	uint8_t *next_bytes; /* owned; a page */
};

/* Never NULL; the test fails instead. */
struct one_queue *one_queue_open(uint16_t size,
				 struct queue_features features);
void one_queue_close(struct one_queue *f);

/* A descriptor in the table (packed: in a slot, id as next). */
void one_queue_desc(struct one_queue *f, uint16_t i, uint64_t addr,
		    uint32_t len, unsigned int flags, uint16_t next);
/* An entry of an indirect table at f->data. */
void one_queue_table(struct one_queue *f, unsigned int i, uint64_t addr,
		     uint32_t len, unsigned int flags, uint16_t next);

/* queue_pop() gives a chain; queue_push() gives @len bytes back, and the driver
 * gets exactly this completion. */
void one_queue_serve(struct one_queue *f, uint32_t len);
/* A chain is there and is bad: the queue completes it with length 0. */
void one_queue_drops(struct one_queue *f);
/* The ring is bad, now and later; the driver sees nothing more. */
void one_queue_breaks(struct one_queue *f);
/* An ordinary request still works. */
void one_queue_works(struct one_queue *f);

#endif
