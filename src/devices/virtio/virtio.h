/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio device core: feature negotiation, the status machine, queue
 * parameters, configuration space. It exists once; a transport only translates
 * its own register layout to enum vreg, a device type only fills in struct
 * virtio_ops.
 *
 * Threads and locks:
 *   registers   virtio_read(), virtio_write(): a vCPU, under the transport
 *               device's lock
 *   queues      ops->kick() and everything a device does with its queues: the
 *               loop's thread ("io"), without that lock, between ops->start()
 *               and the return of ops->stop()
 * virtio_fail() and virtio_config_changed() may be called from both.
 */
#ifndef VIREO_DEVICES_VIRTIO_VIRTIO_H
#define VIREO_DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/snap.h"
#include "devices/virtio/queue.h"
#include "devices/virtio/virtio_regs.h"
#include "mem/mem.h"

struct virtio;

/* A device type. Functions that are not mandatory may be NULL. */
struct virtio_ops {
	const char *name; /* "blk"; also the snapshot node's */
	enum virtio_type type;
	uint16_t queue_size; /* the largest the device takes */
	bool lingers; /* its requests come in trains; virtio_service() */
	/* Configuration space by value, [off, off+len) is inside. Under the
	 * transport's lock; reads between virtio_config_begin() and _end(). */
	uint64_t (*config_read)(struct virtio *v, uint32_t off,
				unsigned int len);
	void (*config_write)(struct virtio *v, uint32_t off, unsigned int len,
			     uint64_t value);
	/* Does the type accept this selection of its features? False when one
	 * lacks another that it depends on: FEATURES_OK does not stick. */
	bool (*accepts)(const struct virtio *v, uint64_t features);
	/* DRIVER_OK, or resumed after a pause or a restore: features are
	 * final, enabled queues are started; every doorbell is rung once
	 * afterwards. On failure the device is marked NEEDS_RESET. What
	 * snapshot() has loaded is kept. Mandatory. */
	int (*start)(struct virtio *v);
	/* Returns when nothing of the device touches guest memory or its
	 * queues any more. No kick() runs meanwhile. The queues stop later,
	 * or stay (a pause): requests may still be completed in here. Keeps
	 * what the driver has told. Mandatory. */
	void (*stop)(struct virtio *v);
	/* A reset, after stop(): forgets what the driver has told. */
	void (*reset)(struct virtio *v);
	/* The driver has rung queue @n's doorbell. Loop thread. Mandatory. */
	void (*kick)(struct virtio *v, unsigned int n);
	/* Only queue @n stops (ring reset, maybe in a pause; not having it
	 * means not offering F_RING_RESET). Its kicks have ended, it is not
	 * live; on return its requests have left it and nobody uses it. */
	void (*stop_queue)(struct virtio *v, unsigned int n);
	/* The device type's own fields, inside a node of its own; the core
	 * saves the rest. The device is stopped or paused. Saving must not
	 * change it; start() follows after loading. */
	int (*snapshot)(struct virtio *v, struct snap *s);
	/* Frees the device; it is stopped. Mandatory. */
	void (*destroy)(struct virtio *v);
};

/* One queue's registers and life. */
struct virtio_queue {
	struct virtio *v;
	unsigned int number;
	struct queue_params params; /* as the driver writes them */
	bool enabled;               /* read back as queue_enable */
	bool refused;               /* enabled with bad parameters */
	_Atomic uint16_t vector;    /* PCI; VIRTIO_NO_VECTOR: none */
	_Atomic bool live;          /* the device may use the ring */
	struct queue ring; /* started, with a copy of params, when enabled */
	int doorbell_fd;   /* owned eventfd, never read; -1 until DRIVER_OK */
	struct loop_source *source;
	bool linger, again; /* loop thread: see virtio_service() */
};

/* The first member of every device type's struct. */
struct virtio {
	const struct virtio_ops *ops;
	const char *id;         /* "disk0"; outlives the device */
	const struct mem *mem;  /* not owned */
	struct loop *loop;      /* not owned */
	const struct log *log;  /* not owned */
	struct log_limit limit; /* loop thread's log lines */
	const struct virtio_transport_ops *transport;
	void *transport_ctx;

	uint64_t offered;     /* device features, the core's included */
	uint32_t config_size; /* bytes of configuration space */
	unsigned int queues;

	/* guarded by the transport's lock */
	uint32_t device_sel;
	uint32_t driver_sel;
	uint64_t accepted; /* what the driver has written so far */
	uint64_t features; /* negotiated; fixed by FEATURES_OK */
	uint32_t queue_sel;
	bool started; /* ops->start() has succeeded */
	bool paused;  /* ops->stop() since, by virtio_pause() */
	struct log_limit register_limit;
	struct log_limit fail_limit; /* of whoever sets NEEDS_RESET */

	_Atomic uint16_t config_vector;
	_Atomic uint8_t status;
	_Atomic uint32_t generation; /* of the configuration space */
	pthread_mutex_t config_lock; /* a change, against each read */
	struct virtio_queue queue[VIRTIO_MAX_QUEUES];
};

/* What a device type needs from outside. */
struct virtio_host {
	const char *id;
	const struct mem *mem;
	struct loop *loop;
	const struct log *log;
};

/* Sets up the core of a device type's struct, which is zeroed. @features: the
 * type's own bits; the core adds VERSION_1, INDIRECT_DESC, EVENT_IDX,
 * RING_PACKED, and RING_RESET when the type has stop_queue(). */
void virtio_init(struct virtio *v, const struct virtio_ops *ops,
		 const struct virtio_host *host, unsigned int queues,
		 uint32_t config_size, uint64_t features);
/* Frees what the core owns; the device must be stopped. */
void virtio_finish(struct virtio *v);
/* Called once by the transport, which then owns @v. */
void virtio_attach(struct virtio *v, const struct virtio_transport_ops *ops,
		   void *ctx);
/* Stops and frees the whole device. NULL is accepted. */
void virtio_destroy(struct virtio *v);

/* Reads of what is not there give 0 (vectors VIRTIO_NO_VECTOR); writes out of
 * order or range are ignored. */
uint32_t virtio_read(struct virtio *v, enum vreg reg);
void virtio_write(struct virtio *v, enum vreg reg, uint32_t value);
/* Configuration space: any offset; past its end, and across it, reads give 0
 * and writes nothing. @len: 1, 2, 4 or 8. */
uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned int len);
void virtio_config_write(struct virtio *v, uint64_t off, unsigned int len,
			 uint64_t value);
/* A doorbell that came as an exit. */
void virtio_notify(struct virtio *v, uint32_t queue);
/* The driver's reset, or the machine's. Nothing is in flight on return. */
void virtio_reset(struct virtio *v);
/* Between these two the device does nothing: nothing is in flight, doorbells
 * are remembered. Pausing twice, or what is not running, is nothing. */
void virtio_pause(struct virtio *v);
void virtio_resume(struct virtio *v);

/* ---- for device types ---- */

/* Broken until its reset: NEEDS_RESET and a config interrupt. Any thread. */
void virtio_fail(struct virtio *v, const char *why);
bool virtio_broken(const struct virtio *v);
/* A field of the configuration space has changed. Any thread. */
void virtio_config_changed(struct virtio *v);
/* Around a change that one access does not read whole: new contents have a new
 * generation (virtio 1.2, 2.5.3). Begin before taking config_read()'s locks. */
void virtio_config_begin(struct virtio *v);
void virtio_config_end(struct virtio *v, bool tell);
/* An interrupt for queue @n, if the driver wants one. Loop thread. After a
 * batch of queue_push(); virtio_service() does it itself. */
void virtio_queue_done(struct virtio *v, unsigned int n);
/* May the device use queue @n now? Not one that is not enabled or was reset,
 * and none of a broken device. To be asked outside of kick(). Any thread. */
bool virtio_queue_live(const struct virtio *v, unsigned int n);
static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
	return v->features & feature;
}

/* The usual queue loop: pops chains and hands each to @handle until the queue
 * is empty or @budget chains were served (then it is kicked again, after the
 * others); kicks are off meanwhile, and for a type that lingers until one more
 * kick() found nothing. A bad ring becomes virtio_fail(). @handle pushes the
 * chain, now or later; false: no room, the next call hands it in again. */
#define VIRTIO_BUDGET 64
void virtio_service(struct virtio *v, unsigned int n, unsigned int budget,
		    bool (*handle)(struct virtio *v, unsigned int n,
				   struct chain *c));

/* Core registers and all queues, then ops->snapshot(), in a node "virtio".
 * Saving pauses the device meanwhile; loading starts it again if it was running
 * and rings its doorbells. Pending interrupts are the transport's to save.
 * Under the transport's lock. */
int virtio_snapshot(struct virtio *v, struct snap *s);

#endif
