/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI as a driver sees it (PCI local bus 3.0; PCI Express 3.0, 7.2.2). */
#ifndef FIRMWARE_GUEST_PCI_H
#define FIRMWARE_GUEST_PCI_H

#include "guest.h"

#define PCI_CONFIG_ADDRESS PORT_PCI
#define PCI_CONFIG_DATA    (PORT_PCI + 4)
#define PCI_ENABLE         0x80000000u

#define PCI_VENDOR      0x00
#define PCI_DEVICE      0x02
#define PCI_COMMAND     0x04
#define PCI_STATUS      0x06
#define PCI_HEADER_TYPE 0x0e
#define PCI_BAR0        0x10
#define PCI_CAPS        0x34

#define PCI_MEMORY 2u /* in the command register */
#define PCI_MASTER 4u

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

#define PCI_MSIX_ENABLE 0x8000u
#define PCI_MSIX_MASK   0x4000u

/* Configuration space of bus 0, function 0, by the two ports. @len: 1, 2, 4,
 * and the access lies in one dword. */
uint32_t pci_read(unsigned int slot, unsigned int off, unsigned int len);
void pci_write(unsigned int slot, unsigned int off, unsigned int len,
	       uint32_t value);
/* Where the same byte is in memory. */
uint64_t pci_ecam(unsigned int slot, unsigned int off);

/* The slot of the @nth such device, or -1. */
int pci_find(uint16_t vendor, uint16_t device, unsigned int nth);
/* The capability behind @after (0: the first one) with this id, or 0. */
unsigned int pci_cap(unsigned int slot, uint8_t id, unsigned int after);
/* The address in a memory BAR. */
uint64_t pci_bar(unsigned int slot, unsigned int bar);

#endif
