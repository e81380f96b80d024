/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio driver (virtio 1.2) over PCI or MMIO, split or packed, for tests:
 * every register and every descriptor can be written as one likes. All waits
 * are bounded.
 */
#ifndef FIRMWARE_GUEST_VIRTIO_H
#define FIRMWARE_GUEST_VIRTIO_H

#include "guest.h"

enum vio_type {
	VIO_NET = 1,
	VIO_BLK = 2,
	VIO_CONSOLE = 3,
	VIO_RNG = 4,
	VIO_BALLOON = 5,
	VIO_VSOCK = 19,
};

#define VIO_F_INDIRECT   (1ULL << 28)
#define VIO_F_EVENT_IDX  (1ULL << 29)
#define VIO_F_VERSION_1  (1ULL << 32)
#define VIO_F_PACKED     (1ULL << 34)
#define VIO_F_RING_RESET (1ULL << 40)

#define VIO_ACKNOWLEDGE 1u
#define VIO_DRIVER      2u
#define VIO_DRIVER_OK   4u
#define VIO_FEATURES_OK 8u
#define VIO_NEEDS_RESET 64u
#define VIO_FAILED      128u
#define VIO_SET_UP      (VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK)
#define VIO_RUNNING     (VIO_SET_UP | VIO_DRIVER_OK)

#define VIO_ISR_QUEUE  1u
#define VIO_ISR_CONFIG 2u

#define VIO_NO_VECTOR 0xffffu

/* What both transports have, by meaning. */
enum vio_reg {
	VIO_DEVICE_SEL,
	VIO_DEVICE_FEATURES,
	VIO_DRIVER_SEL,
	VIO_DRIVER_FEATURES,
	VIO_STATUS,
	VIO_GENERATION,
	VIO_QUEUE_SEL,
	VIO_QUEUE_MAX, /* read-only */
	VIO_QUEUE_SIZE, /* write-only */
	VIO_QUEUE_ENABLE,
	VIO_QUEUE_RESET,
	VIO_DESC_LO, /* six write-only ones, in this order */
	VIO_DESC_HI,
	VIO_AVAIL_LO,
	VIO_AVAIL_HI,
	VIO_USED_LO,
	VIO_USED_HI,
};

struct vio {
	bool mmio;
	unsigned int slot; /* PCI */
	uint64_t base;     /* of the window, or of the BAR */
	uint64_t size;     /* of it */
	uint64_t common;   /* the structures, and the same on MMIO: */
	uint64_t isr;
	uint64_t notify;
	uint32_t notify_step; /* PCI */
	uint64_t config;
	uint64_t features; /* negotiated */
};

/* ---- the device ---- */

/* Are devices at LAYOUT_VIRTIO_MMIO, and not on a PCI bus? */
bool vio_on_mmio(void);
/* The @nth device of a type, ready for registers; false: there is none. */
bool vio_find(struct vio *d, enum vio_type type, unsigned int nth);
/* The same, or the test has failed. */
void vio_open(struct vio *d, enum vio_type type, unsigned int nth);

uint64_t vio_address(const struct vio *d, enum vio_reg reg);
uint32_t vio_read(const struct vio *d, enum vio_reg reg);
void vio_write(const struct vio *d, enum vio_reg reg, uint32_t value);
uint32_t vio_status(const struct vio *d);
/* Reads and acknowledges what is pending: VIO_ISR_... */
uint32_t vio_take_isr(const struct vio *d);
/* Rings the doorbell of queue @n. */
void vio_notify(const struct vio *d, uint32_t n);

uint64_t vio_offered(const struct vio *d);
/* Reset up to FEATURES_OK, with VERSION_1 and @features; false: refused. */
bool vio_negotiate(struct vio *d, uint64_t features);
void vio_write_features(const struct vio *d, uint64_t features);
/* Reset up to FEATURES_OK, with @features as far as they are offered; it has
 * to work. Queues and vio_go() follow. */
void vio_begin(struct vio *d, uint64_t features);
void vio_go(const struct vio *d);
/* Status 0 on return. */
void vio_reset(const struct vio *d);
/* Waits for NEEDS_RESET and, the pending interrupt read and gone, tells
 * whether it came with one for the configuration. */
bool vio_broken(const struct vio *d);

/* ---- memory ---- */

#define GUEST_PAGE 4096u

/* Zeroed pages, never given back. */
uint64_t guest_pages(unsigned int count);
/* The end of RAM below the hole. */
uint64_t guest_ram_end(void);

static inline void guest_barrier(void)
{
	__asm__ volatile("lock; orl $0, (%%rsp)" : : : "memory");
}

/* ---- queues ---- */

#define VQ_MAX 256 /* entries */

#define VQ_NEXT     1u
#define VQ_WRITE    2u
#define VQ_INDIRECT 4u
#define VQ_AVAIL    0x80u   /* packed */
#define VQ_USED     0x8000u /* packed */

struct vq {
	const struct vio *dev;
	uint16_t number;
	uint16_t size;
	bool packed;
	uint64_t desc;  /* the table, or the packed ring */
	uint64_t avail; /* the available ring, or the driver's event area */
	uint64_t used;  /* the used ring, or the device's event area */
	uint16_t next;  /* split: available index; packed: slot */
	uint16_t seen;  /* the same for what was used */
	bool wrap;      /* packed: counters of the two */
	bool seen_wrap;
};

struct vq_buf {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* VQ_WRITE, VQ_INDIRECT */
};

struct vq_done {
	uint32_t id;
	uint32_t len;
};

/* Memory for queue @n of up to VQ_MAX entries, cleared; no register. */
void vq_place(struct vq *q, const struct vio *d, uint16_t n, uint16_t size);
/* Registers of what was placed, enabled; false: the device did not take it. */
bool vq_enable(const struct vq *q);
/* Both, and it has to work. */
void vq_init(struct vq *q, const struct vio *d, uint16_t n, uint16_t size);

/* One descriptor at @at (a table's entry); @next: the id of a packed one. */
void vq_write_desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t flags,
		   uint16_t next, bool packed);
/* Entry @i of the queue's own table or ring. */
void vq_write_at(const struct vq *q, uint16_t i, uint64_t addr, uint32_t len,
		 uint16_t flags, uint16_t next);
/* Split: makes @head available. */
void vq_offer(struct vq *q, uint16_t head);
/* Packed: AVAIL and USED as they are to be in the next slot. */
uint16_t vq_turn(const struct vq *q);
/* Packed: @count slots were made available by hand. */
void vq_skip(struct vq *q, uint16_t count);
void vq_kick(const struct vq *q);

/* A chain as it should be, made available; its id. No kick. */
uint16_t vq_add(struct vq *q, const struct vq_buf *bufs, unsigned int count);

/* Takes one used buffer; @slots: how many the packed chain had. */
bool vq_take(struct vq *q, struct vq_done *done, uint16_t slots);
/* The same, within two seconds. */
bool vq_wait(struct vq *q, struct vq_done *done, uint16_t slots);
/* Nothing is used within @us. */
bool vq_quiet(struct vq *q, uint32_t us);

#endif
