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

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/snap.h"
#include "devices/virtio/queue.h"
#include "mem/mem.h"

#define VIRTIO_MAX_QUEUES 64
#define VIRTIO_NO_VECTOR  0xffff

/* Device types (virtio 1.2, 5). */
enum virtio_type {
	VIRTIO_NET = 1,
	VIRTIO_BLK = 2,
	VIRTIO_CONSOLE = 3,
	VIRTIO_RNG = 4,
	VIRTIO_BALLOON = 5,
	VIRTIO_VSOCK = 19,
	VIRTIO_FS = 26,
};

/* Feature bits that are the core's business (virtio 1.2, 6). */
#define VIRTIO_F_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1     (UINT64_C(1) << 32)
#define VIRTIO_F_RING_PACKED   (UINT64_C(1) << 34)
#define VIRTIO_F_IN_ORDER      (UINT64_C(1) << 35)
#define VIRTIO_F_RING_RESET    (UINT64_C(1) << 40)

/* Status bits (virtio 1.2, 2.1). */
#define VIRTIO_S_ACKNOWLEDGE 1u
#define VIRTIO_S_DRIVER      2u
#define VIRTIO_S_DRIVER_OK   4u
#define VIRTIO_S_FEATURES_OK 8u
#define VIRTIO_S_NEEDS_RESET 64u
#define VIRTIO_S_FAILED      128u

/* Every register of every transport, by meaning. Those with "queue" speak of
 * the selected queue; 64-bit addresses are two halves. */
enum vreg {
	VREG_DEVICE_TYPE,
	VREG_DEVICE_FEATURES_SEL,
	VREG_DEVICE_FEATURES,
	VREG_DRIVER_FEATURES_SEL,
	VREG_DRIVER_FEATURES,
	VREG_STATUS,
	VREG_CONFIG_GENERATION,
	VREG_NUM_QUEUES,
	VREG_CONFIG_VECTOR, /* PCI */
	VREG_QUEUE_SEL,
	VREG_QUEUE_SIZE_MAX,
	VREG_QUEUE_SIZE,
	VREG_QUEUE_ENABLE, /* queue_enable, QueueReady */
	VREG_QUEUE_RESET,
	VREG_QUEUE_VECTOR, /* PCI */
	VREG_QUEUE_NOTIFY_OFF,
	VREG_QUEUE_DESC_LO,
	VREG_QUEUE_DESC_HI,
	VREG_QUEUE_DRIVER_LO,
	VREG_QUEUE_DRIVER_HI,
	VREG_QUEUE_DEVICE_LO,
	VREG_QUEUE_DEVICE_HI,
};

struct virtio;

/* A device type. `commit` functions are mandatory, others may be NULL. */
struct virtio_ops {
	const char *name; /* "blk"; also the snapshot node's */
	enum virtio_type type;
	uint16_t queue_size; /* the largest the device takes */
	/* Configuration space, by value, little endian; [off, off+len) has
	 * been checked against config_size. Under the transport's lock. */
	uint64_t (*config_read)(struct virtio *v, uint32_t off,
				unsigned int len);
	void (*config_write)(struct virtio *v, uint32_t off, unsigned int len,
			     uint64_t value);
	/* DRIVER_OK: features are final, enabled queues are started. On
	 * failure the device is marked NEEDS_RESET. Mandatory. */
	int (*start)(struct virtio *v);
	/* Returns when nothing of the device touches guest memory or its
	 * queues any more. Called before queues stop. Mandatory. */
	void (*stop)(struct virtio *v);
	/* The driver has rung queue @n's doorbell. Loop thread. Mandatory. */
	void (*kick)(struct virtio *v, unsigned int n);
	/* Only queue @n stops (ring reset). Vital where F_RING_RESET is
	 * offered: on return its requests have left the device. */
	void (*stop_queue)(struct virtio *v, unsigned int n);
	/* The device type's own fields; the core saves the rest. */
	int (*snapshot)(struct virtio *v, struct snap *s);
	/* Frees the device; it is stopped. Mandatory. */
	void (*destroy)(struct virtio *v);
};

/* What a transport offers to the core. */
struct virtio_transport_ops {
	/* Interrupts: for used buffers of queue @n, for configuration changes
	 * and NEEDS_RESET. Any thread. */
	void (*queue_irq)(void *ctx, unsigned int n);
	void (*config_irq)(void *ctx);
	/* Attaches (@fd >= 0) or detaches (-1) queue @n's doorbell. Under the
	 * transport's lock. 0 or -errno (kicks then arrive as exits). */
	int (*doorbell)(void *ctx, unsigned int n, int fd);
	/* The device has been reset: ISR and vectors are to be cleared. */
	void (*reset)(void *ctx);
};

/* One queue's registers and life. */
struct virtio_queue {
	struct virtio *v;
	unsigned int number;
	struct queue_params params; /* as the driver writes them */
	uint16_t vector;            /* PCI; VIRTIO_NO_VECTOR: none */
	bool enabled;
	bool resetting; /* ring reset: reads 1 until it is done */
	struct queue ring; /* started from DRIVER_OK on */
	int doorbell_fd;   /* owned eventfd, -1 until started */
	struct loop_source *source;
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
	uint16_t config_vector;
	bool started; /* ops->start() has succeeded */

	_Atomic uint8_t status;
	_Atomic uint32_t generation; /* of the configuration space */
	struct virtio_queue queue[VIRTIO_MAX_QUEUES];
};

/* What a device type needs from outside. */
struct virtio_host {
	const char *id;
	const struct mem *mem;
	struct loop *loop;
	const struct log *log;
};

/*
 * Sets up the core of a device type's struct, which is zeroed. @features: the
 * type's own bits; the core adds VERSION_1, INDIRECT_DESC, EVENT_IDX,
 * RING_PACKED, and RING_RESET when the type has stop_queue().
 */
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

/* Registers. Reads of what is not there give 0 (vectors VIRTIO_NO_VECTOR);
 * writes out of order or range are ignored (catalogue group T). */
uint32_t virtio_read(struct virtio *v, enum vreg reg);
void virtio_write(struct virtio *v, enum vreg reg, uint32_t value);
/* Configuration space: any offset; bytes past its end read 0. @len: 1, 2, 4
 * or 8; an access that straddles the end is refused as a whole. */
uint64_t virtio_config_read(struct virtio *v, uint64_t off, unsigned int len);
void virtio_config_write(struct virtio *v, uint64_t off, unsigned int len,
			 uint64_t value);
/* A doorbell that came as an exit. Any value is allowed. */
void virtio_notify(struct virtio *v, uint32_t queue);
/* The driver's reset, or the machine's. */
void virtio_reset(struct virtio *v);

/* ---- for device types ---- */

/* The device is broken until the driver resets it: NEEDS_RESET and a config
 * interrupt; other devices do not notice. Any thread. */
void virtio_fail(struct virtio *v, const char *why);
bool virtio_broken(const struct virtio *v);
/* The configuration space has changed. Any thread. */
void virtio_config_changed(struct virtio *v);
/* An interrupt for queue @n, if the driver wants one. Loop thread. */
void virtio_queue_done(struct virtio *v, unsigned int n);
static inline bool virtio_has(const struct virtio *v, uint64_t feature)
{
	return v->features & feature;
}

/*
 * The usual queue loop: pops chains and hands each to @handle until the queue
 * is empty or @budget chains were served (then the doorbell is rung again so
 * that others get their turn); kicks are off meanwhile; a bad ring becomes
 * virtio_fail(). @handle pushes the chain itself, now or later; false: it has
 * no room now, and the chain was NOT taken over (it is handed in again after
 * the next virtio_service()).
 */
#define VIRTIO_BUDGET 64
void virtio_service(struct virtio *v, unsigned int n, unsigned int budget,
		    bool (*handle)(struct virtio *v, unsigned int n,
				   struct chain *c));

/* Core registers and all queues, then ops->snapshot(). Device is stopped or
 * paused; after loading, a running device is started again. */
int virtio_snapshot(struct virtio *v, struct snap *s);

#endif
