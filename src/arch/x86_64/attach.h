/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How virtio devices are attached to the x86-64 machine: to a PCI Express bus,
 * or as windows of the memory bus that ACPI describes.
 */
#ifndef VIREO_ARCH_X86_64_ATTACH_H
#define VIREO_ARCH_X86_64_ATTACH_H

#include "arch/x86_64/acpi.h"
#include "board/board.h"

/* The PCI host bridge; before the first device. */
int attach_add_pci_host(struct board *board);

/* Both are board_attach_fn. */
int attach_pci(struct board *board, struct virtio *v, struct err *err);
int attach_mmio(struct board *board, struct virtio *v, struct err *err);

/* Where the @n-th MMIO device is; false: there is no @n-th. */
bool attach_mmio_place(unsigned int n, struct acpi_mmio_device *place);

#endif
