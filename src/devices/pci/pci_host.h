/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI host bridge and its one bus: 32 slots with function 0 each, the
 * bridge itself in slot 0. Configuration space is reached through ports
 * (0xcf8/0xcfc, PCI local bus 3.0, 3.2.2.3.2) and through an ECAM window (PCI
 * Express base 4.0, 7.2.2); both end in the function's own lock, never under
 * the bridge's. Slots are filled while the machine is built.
 */
#ifndef VIREO_DEVICES_PCI_PCI_HOST_H
#define VIREO_DEVICES_PCI_PCI_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "devices/device.h"
#include "devices/pci/pci.h"
#include "mem/mem.h"

#define PCI_SLOTS     32
#define PCI_LINES     4
#define PCI_ECAM_SIZE 0x100000 /* one bus */
#define PCI_PORTS     8        /* 0xcf8-0xcff */

/* Windows of the bridge, for the bus. */
enum pci_host_window {
	PCI_HOST_PORTS, /* PCI_PORTS at port 0xcf8 */
	PCI_HOST_ECAM,  /* PCI_ECAM_SIZE anywhere on the MMIO bus */
};

struct pci_host_config {
	struct bus *mmio;      /* where BARs are mapped */
	const struct mem *mem; /* the window must not meet it */
	uint32_t window;       /* BARs answer inside [window, +size) only */
	uint32_t window_size;
	/* Slot n's INTA is line n % PCI_LINES: level, shared (ORed here). */
	struct irq line[PCI_LINES];
	/* A reset through port 0xcf9; may be NULL. */
	const struct machine_signal *signal;
};

/* One shared interrupt line. */
struct pci_line {
	pthread_mutex_t lock; /* guards raised, and held over irq */
	uint32_t raised;      /* a bit per slot */
	struct irq irq;
};

struct pci_bus {
	/* fixed when the machine is built */
	struct bus *mmio; /* not owned */
	uint64_t window;
	uint64_t window_size;
	uint64_t next; /* the first address that is still free */
	struct pci_function *slot[PCI_SLOTS]; /* not owned */
	struct pci_line line[PCI_LINES];

	_Atomic bool freed; /* a BAR has left its place: others may want it */
};

/* -EINVAL: an empty window, one that wraps or meets RAM; -ENOMEM. The bridge
 * outlives the functions on its bus. */
int pci_host_create(struct device **out, const char *id,
		    const struct pci_host_config *cfg);
struct pci_bus *pci_host_bus(struct device *host);

/* For pci.c: a slot pulls its line or lets go. Any thread. */
void pci_bus_line(struct pci_bus *bus, unsigned int slot, bool level);

#endif
