/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver in front of a virtio device: its registers through a plain front
 * end (straight to the core) or through the MMIO transport, and its interrupts
 * counted. The same test runs through both.
 *
 * Registers as a vCPU writes them: under a lock. The device's own thread is
 * the loop's. Ends the test (assert) when something does not come in time.
 */
#ifndef VIREO_FAKE_VIRTIO_FRONT_H
#define VIREO_FAKE_VIRTIO_FRONT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "devices/device.h"
#include "devices/virtio/virtio.h"
#include "driver_ring.h"

struct front {
	struct virtio *v;
	struct device *mmio; /* NULL: the plain front end */
	pthread_mutex_t lock; /* the plain front end's */
	sem_t irq; /* posted by every interrupt */
	atomic_uint queue_irqs; /* plain: of all queues; mmio: all edges */
	atomic_uint config_irqs; /* plain only */
	atomic_uint resets;
	bool no_doorbells; /* attaching one fails: kicks come as exits */
	int bell[VIRTIO_MAX_QUEUES]; /* as attached; -1 */
	unsigned int bells; /* attached now */
};

/* Owns @v. */
void front_init(struct front *f, struct virtio *v, bool mmio);
void front_finish(struct front *f);

uint32_t front_get(struct front *f, enum vreg reg);
void front_set(struct front *f, enum vreg reg, uint32_t value);
uint64_t front_config(struct front *f, uint64_t off, unsigned int len);
void front_config_set(struct front *f, uint64_t off, unsigned int len,
		      uint64_t value);
/* A kick: by the doorbell where there is one, else as an exit. */
void front_kick(struct front *f, uint32_t queue);
/* A kick that comes as an exit. */
void front_notify(struct front *f, uint32_t queue);

/* ACKNOWLEDGE to FEATURES_OK with VERSION_1 and @features; false when
 * FEATURES_OK did not stick. */
bool front_negotiate(struct front *f, uint64_t features);
/* Writes the parameters and enables queue @n: does it read back enabled? */
bool front_queue(struct front *f, unsigned int n,
		 const struct queue_params *p);
void front_driver_ok(struct front *f);
/* The queue features that were negotiated. */
struct queue_features front_ring_features(const struct front *f);

/* The next interrupt of any kind; ends the test after seconds without. */
void front_wait(struct front *f);
/* True when one came within 50 ms. */
bool front_irq_comes(struct front *f);
/* Everything the loop was told before this has been done on return. */
void front_sync(struct front *f);

/* Saves into malloc'd memory; loads, 0 or the error. */
uint8_t *front_save(struct front *f, size_t *len);
int front_load(struct front *f, const void *blob, size_t len);

#endif
