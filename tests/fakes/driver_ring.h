/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a virtqueue: guest RAM, rings in it, chains posted and
 * completions collected, in both formats (virtio 1.2, 2.7 and 2.8). It is
 * well-behaved and strict: a device that completes what was never posted, or
 * twice, or with too many bytes, ends the test (assert). Hostile tests write
 * raw descriptors with the functions at the end.
 *
 * The accesses are ordered as a driver's are, so the device may be served by
 * another thread. Needs neither cmocka nor the virtio core.
 *
 *	driver_ram_init(&ram);
 *	driver_ring_init(&ring, &ram, 8, &(struct queue_features){ 0 });
 *	queue_start(&q, &ram.mem, 256, &ring.params, &ring.features);
 *	gpa = driver_ram_alloc(&ram, 512, 16);
 *	head = driver_post(&ring, (struct driver_buf[]){ { gpa, 512, true } },
 *			   1);
 *	... the device works ...
 *	driver_collect(&ring, &done);
 *	driver_ring_finish(&ring);
 *	driver_ram_finish(&ram);
 */
#ifndef VIREO_FAKE_DRIVER_RING_H
#define VIREO_FAKE_DRIVER_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/queue.h"
#include "mem/mem.h"

/* ---- guest RAM ---- */

#define DRIVER_RAM_GPA	UINT64_C(0x100000) /* below it there is nothing */
#define DRIVER_RAM_SIZE (UINT64_C(8) << 20)

struct driver_ram {
	struct mem mem; /* one region */
	uint8_t *bytes; /* owned; the sanitizers know its end */
	uint64_t next;	/* the next free address */
};

/* Zeroed memory. */
void driver_ram_init(struct driver_ram *ram);
void driver_ram_finish(struct driver_ram *ram);
/* A piece that nobody else has; ends the test when there is no more. */
uint64_t driver_ram_alloc(struct driver_ram *ram, uint64_t len,
			  uint64_t align);
/* Forgets all pieces: the next one starts at DRIVER_RAM_GPA again. */
void driver_ram_clear(struct driver_ram *ram);
/* The bytes of [gpa, gpa+len), which must be RAM. */
void *driver_ram_at(const struct driver_ram *ram, uint64_t gpa, uint64_t len);

/* ---- a ring ---- */

/* The longest list of an indirect table. */
#define DRIVER_TABLE_MAX 256u

struct driver_buf {
	uint64_t gpa;
	uint32_t len;
	bool writable; /* by the device; all such come last */
};

/* What came back. */
struct driver_done {
	uint16_t head; /* what driver_post() returned */
	uint32_t len;  /* bytes that the device says it wrote */
};

/* One descriptor; packed: next is the buffer id. */
struct driver_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

#define DRIVER_F_NEXT	  1u
#define DRIVER_F_WRITE	  2u
#define DRIVER_F_INDIRECT 4u
#define DRIVER_F_AVAIL	  0x80u	  /* packed */
#define DRIVER_F_USED	  0x8000u /* packed */

struct driver_ring {
	struct driver_ram *ram; /* not owned */
	struct queue_params params; /* for the device's registers */
	struct queue_features features;

	/* the driver's own state; owned arrays of `size` */
	uint16_t size;
	uint16_t free_descs; /* split: descriptors, packed: slots */
	uint16_t avail;	     /* split: free-running; packed: slot */
	uint16_t used;
	uint16_t kicked; /* avail at the last driver_wants_kick() */
	bool avail_wrap;
	bool used_wrap;
	bool kicked_wrap;
	uint16_t *free_list; /* split: descriptors, packed: ids; a FIFO */
	uint16_t free_first;
	uint16_t free_count;
	struct driver_posted *posted; /* by head (packed: id) */
	uint64_t tables; /* the indirect tables; 0: none yet */
};

/* Lays out zeroed rings for @size entries. */
void driver_ring_init(struct driver_ring *r, struct driver_ram *ram,
		      uint16_t size, const struct queue_features *features);
void driver_ring_finish(struct driver_ring *r);
/* As after a reset: rings zeroed, nothing posted. */
void driver_ring_reset(struct driver_ring *r);

/* Makes a chain of @count >= 1 buffers available: its head (packed: its id),
 * or -1 when the ring has no room. The device is not told. */
int driver_post(struct driver_ring *r, const struct driver_buf *bufs,
		unsigned int count);
/* The same through an indirect table of at most DRIVER_TABLE_MAX entries. */
int driver_post_indirect(struct driver_ring *r, const struct driver_buf *bufs,
			 unsigned int count);
/* The next completion; false when there is none. */
bool driver_collect(struct driver_ring *r, struct driver_done *done);
/* Chains posted and not yet collected. */
unsigned int driver_outstanding(const struct driver_ring *r);

/* Does the device want a kick for what was posted since the last call? */
bool driver_wants_kick(struct driver_ring *r);
/* Interrupts: off, or on from the next completion. True when completions have
 * arrived meanwhile: collect again before going to sleep. */
bool driver_set_interrupts(struct driver_ring *r, bool on);

/* ---- raw access, for hostile drivers ---- */

/* Writes a descriptor into the table (packed: slot @i of the ring, flags as
 * they are given, nothing is made available by itself). */
void driver_raw_desc(struct driver_ring *r, uint16_t i, struct driver_desc d);
struct driver_desc driver_raw_read(const struct driver_ring *r, uint16_t i);
/* Writes entry @i of an indirect table at @gpa. */
void driver_raw_table(struct driver_ring *r, uint64_t gpa, unsigned int i,
		      struct driver_desc d);
/* Split: appends @head to the avail ring and publishes it. */
void driver_raw_avail(struct driver_ring *r, uint16_t head);
/* Split: the indices and flags in RAM. */
void driver_raw_avail_idx(struct driver_ring *r, uint16_t idx);
uint16_t driver_raw_used_idx(const struct driver_ring *r);
void driver_raw_avail_flags(struct driver_ring *r, uint16_t flags);
void driver_raw_used_event(struct driver_ring *r, uint16_t idx);
uint16_t driver_raw_avail_event(const struct driver_ring *r);
uint16_t driver_raw_used_flags(const struct driver_ring *r);
/* Packed: the driver's event area, and the device's. */
void driver_raw_event(struct driver_ring *r, uint16_t off_wrap,
		      uint16_t flags);
void driver_raw_device_event(const struct driver_ring *r, uint16_t *off_wrap,
			     uint16_t *flags);
/* Packed: the flags of a descriptor that is available at the driver's
 * position (AVAIL and USED as the wrap counter says). */
uint16_t driver_raw_flags(const struct driver_ring *r);

#endif
