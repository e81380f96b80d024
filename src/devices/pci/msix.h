/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI-X of one function (PCI local bus 3.0, 6.8.2): the table, the pending
 * bits, and what they mean for messages. Vectors reach the machine through
 * struct msi: a route is made when a vector is first unmasked and renewed when
 * its message has changed; a message that may not be sent now (masked vector,
 * masked function, no route) stays pending and is sent as soon as it may.
 *
 * No locks of its own: the caller serialises (pci.h, irq_lock). It must not
 * know config space or BARs.
 */
#ifndef VIREO_DEVICES_PCI_MSIX_H
#define VIREO_DEVICES_PCI_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/snap.h"
#include "devices/device.h"

#define MSIX_MAX_VECTORS 128
#define MSIX_ENTRY_SIZE  16

struct msix_entry {
	uint64_t addr; /* what the guest wrote */
	uint32_t data;
	bool masked;
	bool routed; /* the machine knows this message: */
	uint64_t routed_addr;
	uint32_t routed_data;
};

struct msix {
	unsigned int vectors; /* 0: the function has no MSI-X */
	bool enabled;
	bool masked; /* the whole function */
	bool held;   /* loaded and not resumed: nothing is sent */
	struct msi msi;
	uint64_t pending[MSIX_MAX_VECTORS / 64];
	struct msix_entry entry[MSIX_MAX_VECTORS];
};

/* @vectors is at most MSIX_MAX_VECTORS. All are masked, MSI-X is off. */
void msix_init(struct msix *m, unsigned int vectors, struct msi msi);
/* Gives every route back. A zeroed msix is accepted. */
void msix_finish(struct msix *m);

/* The two bits of Message Control. */
void msix_control(struct msix *m, bool enabled, bool masked);

/* Sends vector @n or makes it pending; nothing when there is no such vector or
 * MSI-X is off. */
void msix_signal(struct msix *m, unsigned int n);

/* The table and the pending bits, @off from their start. Aligned accesses of
 * 4 and 8 bytes; others and those past the end read 0 and write nothing. The
 * pending bits are read-only. */
uint64_t msix_read_table(const struct msix *m, uint64_t off, unsigned int len);
void msix_write_table(struct msix *m, uint64_t off, unsigned int len,
		      uint64_t value);
uint64_t msix_read_pending(const struct msix *m, uint64_t off,
			   unsigned int len);

/* Table and pending bits; the caller has loaded the control bits before (with
 * msix_control()) or loads them after. What is loaded sends nothing until
 * msix_resume(): the machine's interrupt controllers may come after it. */
int msix_snapshot(struct msix *m, struct snap *s);
void msix_resume(struct msix *m);

#endif
