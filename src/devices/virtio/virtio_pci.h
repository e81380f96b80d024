/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI transport, modern only (virtio 1.2, 4.1): capabilities that point
 * into one memory BAR (common, notify, ISR, device configuration), MSI-X with
 * a vector per queue, INTx as the fallback. Only translates to enum vreg.
 */
#ifndef VIREO_DEVICES_VIRTIO_VIRTIO_PCI_H
#define VIREO_DEVICES_VIRTIO_VIRTIO_PCI_H

#include "devices/device.h"
#include "devices/pci/pci.h"
#include "devices/virtio/virtio.h"

/* Makes a PCI function of @v and puts it into @slot of the bus (negative: the
 * next free one). Owns @v from here on, after a failure too. */
int virtio_pci_create(struct device **out, struct virtio *v,
		      struct pci_bus *bus, int slot, struct msi msi,
		      struct doorbell doorbell);

#endif
