/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue as the device sees it: split (virtio 1.2, 2.7) or packed (2.8).
 *
 * The driver is hostile. Its parameters are copied and checked once, by
 * queue_start(); registers written later cannot reach them. Every descriptor
 * is copied once, checked, and used from the copy. Every loop is bounded by
 * the queue's size. Two kinds of fault:
 *
 *   a bad chain    (loop, buffer outside RAM, wrong order, ...) is completed
 *                  with length 0 and counted; queue_pop() goes on to the next;
 *   a bad ring     (impossible index, a head twice) is -EPROTO: the queue is
 *                  unusable until it is started again.
 *
 * Threads: from start to stop one thread owns the queue. It must not know:
 * transports, interrupts, device types.
 */
#ifndef VIREO_DEVICES_VIRTIO_QUEUE_H
#define VIREO_DEVICES_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/snap.h"
#include "mem/mem.h"

#define QUEUE_SIZE_MAX 1024
#define QUEUE_IOV_MAX  260 /* host pieces of one chain, both directions */

/* What the driver wrote into the registers; not to be trusted. */
struct queue_params {
	uint16_t size;
	uint64_t desc;   /* descriptor table, or the packed ring */
	uint64_t driver; /* avail ring, or the driver event area */
	uint64_t device; /* used ring, or the device event area */
};

/* The negotiated features that change the ring's rules. */
struct queue_features {
	bool packed;    /* VIRTIO_F_RING_PACKED */
	bool indirect;  /* VIRTIO_F_INDIRECT_DESC */
	bool event_idx; /* VIRTIO_F_EVENT_IDX */
	bool in_order;  /* VIRTIO_F_IN_ORDER */
};

struct queue_counts {
	uint64_t chains;  /* handed out */
	uint64_t dropped; /* bad chains, completed with length 0 */
};

struct queue {
	const struct mem *mem; /* not owned; NULL: not started */
	const struct mem_region *near; /* where the last buffer was */
	struct queue_features features;
	uint16_t size; /* 0: not started */
	struct queue_params params; /* a checked copy */

	/* the rings, resolved once: each lies in one region of RAM */
	uint8_t *desc;
	uint8_t *driver;
	uint8_t *device;

	/* our own indices; the driver's memory is never asked for them */
	uint16_t next_avail; /* split: free-running; packed: slot */
	uint16_t next_used;
	bool avail_wrap; /* packed: wrap counters */
	bool used_wrap;
	uint16_t seen_avail; /* split: the driver's index, last seen */
	uint16_t taken;      /* split: heads, packed: slots in flight */
	uint32_t untold;     /* used since the last queue_wants_interrupt() */
	bool broken;         /* -EPROTO was returned */

	uint64_t in_flight[QUEUE_SIZE_MAX / 64]; /* heads (packed: ids) taken */
	struct queue_order *order; /* F_IN_ORDER: owned; else NULL */
	struct queue_counts counts;
};

/* One request. The iovecs point into guest RAM: readable by the device first
 * (out_count of them), then writable (in_count). The bytes may change under
 * the reader's eyes: copy headers with chain_read() and use the copy. */
struct chain {
	uint16_t head;  /* split: descriptor index; packed: buffer id */
	uint16_t slots; /* packed: ring slots it takes; split: 1 */
	uint16_t out_count;
	uint16_t in_count;
	uint64_t out_len; /* bytes */
	uint64_t in_len;
	struct iovec iov[QUEUE_IOV_MAX];
};

/* Checks @params and starts @q, which is zeroed or stopped. -EINVAL: size 0,
 * too large, not a power of two (split); rings misaligned or not in RAM.
 * -ENOMEM. @max: the device's own limit. */
int queue_start(struct queue *q, const struct mem *mem, uint16_t max,
		const struct queue_params *params,
		const struct queue_features *features);
/* Forgets everything; requests still in flight may not be pushed any more. */
void queue_stop(struct queue *q);

/*
 * Takes the next available chain: 1 and *c filled, 0 when there is none,
 * -EPROTO when the ring is inconsistent (now and on every later call). Every
 * chain that was taken must be given back with queue_push(), in any order.
 * One call drops at most `size` bad chains, then it returns 0.
 */
int queue_pop(struct queue *q, struct chain *c);

/* Gives the chain that was popped last back to the ring, as if it had not been
 * taken: the next queue_pop() finds it again. */
void queue_unpop(struct queue *q, const struct chain *c);

/* Completes a chain; @len: bytes written into its writable part, no more than
 * in_len. With F_IN_ORDER a chain that overtakes waits for those before it. */
void queue_push(struct queue *q, const struct chain *c, uint32_t len);

/* After a batch of pushes: does the driver want an interrupt for what was
 * completed since the last call? Contains the full barrier that the event
 * index needs (virtio 1.2, 2.7.7). Dropped chains count as completed. */
bool queue_wants_interrupt(struct queue *q);

/* Tells the driver whether we want kicks. Turning them on returns true when
 * chains have arrived meanwhile: look again before going to sleep. A broken
 * queue's ring is left alone. */
bool queue_set_kicks(struct queue *q, bool on);

/* True when queue_pop() would find something (or an error). */
bool queue_has_work(const struct queue *q);

/* Our indices and in-flight set, as a node "ring". After loading, everything
 * is checked as at the start; a bad value is an error of the snapshot. A queue
 * that was not started is stopped by loading. */
int queue_snapshot(struct queue *q, const struct mem *mem, uint16_t max,
		   struct snap *s);

/* Does a part of its rings lie in [gpa, gpa+len)? */
bool queue_ring_in(const struct queue *q, uint64_t gpa, uint64_t len);

/* ---- a chain's bytes ---- */

/* Copies @len readable bytes from @off; false when they are not there. */
bool chain_read(const struct chain *c, uint64_t off, void *dst, size_t len);
/* Copies @len bytes into the writable part at @off. */
bool chain_write(const struct chain *c, uint64_t off, const void *src,
		 size_t len);
/* The pieces of [off, off+len) of the readable (writable) part, at most @cap
 * of them; their number, or -1 when the range is not there or has more. */
int chain_out(const struct chain *c, uint64_t off, uint64_t len,
	      struct iovec *iov, int cap);
int chain_in(const struct chain *c, uint64_t off, uint64_t len,
	     struct iovec *iov, int cap);

#endif
