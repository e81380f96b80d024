/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MMIO transport, version 2 (virtio 1.2, 4.2): one window of registers,
 * one interrupt line that is raised by edges. Only translates to enum vreg.
 */
#ifndef VIREO_DEVICES_VIRTIO_VIRTIO_MMIO_H
#define VIREO_DEVICES_VIRTIO_VIRTIO_MMIO_H

#include "devices/device.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_MMIO_WINDOW_SIZE 0x1000

/* Owns @v from here on, after a failure too. @base: where the window will be
 * (only for doorbells). */
int virtio_mmio_create(struct device **out, struct virtio *v, uint64_t base,
		       struct irq irq, struct doorbell doorbell);

#endif
