/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core and the transports share: types, feature and status bits,
 * every register by its meaning, and what a transport does for the core.
 */
#ifndef VIREO_DEVICES_VIRTIO_VIRTIO_REGS_H
#define VIREO_DEVICES_VIRTIO_VIRTIO_REGS_H

#include <stdint.h>

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

/* What a transport offers to the core. */
struct virtio_transport_ops {
	/* Interrupts: for used buffers of queue @n, for configuration changes
	 * and NEEDS_RESET. Any thread. */
	void (*queue_irq)(void *ctx, unsigned int n);
	void (*config_irq)(void *ctx);
	/* Attaches (@fd >= 0) or detaches (-1) queue @n's doorbell. Under the
	 * transport's lock. 0 or -errno (kicks then arrive as exits). To
	 * detach what is not attached is nothing. */
	int (*doorbell)(void *ctx, unsigned int n, int fd);
	/* The device has been reset: ISR and vectors are to be cleared. */
	void (*reset)(void *ctx);
};

#endif
