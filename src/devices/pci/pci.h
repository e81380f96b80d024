/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One PCI function as a device model uses it: 4 KiB of configuration space
 * with a mask of the bits that the guest may change, capabilities, 32-bit
 * memory BARs, INTx and MSI-X. The bus with its 32 slots is pci_host.h's.
 *
 * What the guest sees (config[]) and what we rely on (everything else) are kept
 * apart: after each write the effects are derived from the bytes anew.
 *
 * A BAR answers when memory space is enabled and its range lies in the bus's
 * window and meets no other device; otherwise nobody is there, until the guest
 * moves it, or whatever was in its way.
 *
 * Locks: configuration space and BARs belong to dev->lock of the function's
 * device; interrupts, which come from any thread, to irq_lock.
 * Order: dev->lock, irq_lock, the line's lock, the machine's.
 */
#ifndef VIREO_DEVICES_PCI_PCI_H
#define VIREO_DEVICES_PCI_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/snap.h"
#include "devices/device.h"
#include "devices/pci/msix.h"

#define PCI_CONFIG_SIZE 4096
#define PCI_BARS        6
#define PCI_NOWHERE     UINT64_MAX

/* Standard header (PCI local bus 3.0, 6.1) */
#define PCI_VENDOR       0x00
#define PCI_DEVICE       0x02
#define PCI_COMMAND      0x04
#define PCI_STATUS       0x06
#define PCI_REVISION     0x08
#define PCI_CLASS        0x09 /* three bytes */
#define PCI_CACHE_LINE   0x0c
#define PCI_BAR0         0x10
#define PCI_SUBSYSTEM    0x2c /* vendor, device */
#define PCI_CAP_POINTER  0x34
#define PCI_IRQ_LINE     0x3c
#define PCI_IRQ_PIN      0x3d
#define PCI_CAPS         0x40 /* the first capability */
#define PCI_CAPS_END     0x100

#define PCI_COMMAND_MEMORY   0x0002u
#define PCI_COMMAND_MASTER   0x0004u
#define PCI_COMMAND_INTX_OFF 0x0400u
#define PCI_STATUS_INTX      0x0008u
#define PCI_STATUS_CAPS      0x0010u

#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

struct pci_bus;
struct pci_function;

/* All of them are called with dev->lock held; each may be NULL. */
struct pci_function_ops {
	/* @bar answers at @base from now on; PCI_NOWHERE: no longer where it
	 * was. A move is both, in that order. */
	void (*moved)(struct pci_function *f, unsigned int bar, uint64_t base);
	/* Before the bytes [off, off+len) are read, after they were written:
	 * for registers in configuration space. */
	void (*config_read)(struct pci_function *f, unsigned int off,
			    unsigned int len);
	void (*config_written)(struct pci_function *f, unsigned int off,
			       unsigned int len);
};

struct pci_id {
	uint16_t vendor;
	uint16_t device;
	uint16_t subsystem_vendor;
	uint16_t subsystem;
	uint32_t class_code; /* class, subclass, interface: 24 bits */
	uint8_t revision;
};

struct pci_bar {
	uint32_t size;       /* a power of two, at least 16; 0: no such BAR */
	unsigned int window; /* its number for dev's read and write */
	uint64_t wanted;     /* where the guest wants it, or PCI_NOWHERE */
	uint64_t mapped;     /* where it is */
};

struct pci_function {
	const struct pci_function_ops *ops;
	struct device *dev;  /* not owned */
	struct pci_bus *bus; /* not owned; NULL until attached */
	unsigned int slot;

	/* guarded by dev->lock */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits; fixed when attached */
	struct pci_bar bar[PCI_BARS];
	unsigned int caps_end; /* first free byte */
	unsigned int last_cap;
	unsigned int msix_cap; /* 0: none */

	pthread_mutex_t irq_lock; /* guards what follows */
	bool intx;                /* the device asks for it */
	bool intx_off;            /* the guest does not want it */
	bool intx_raised;         /* on the line */
	struct msix msix;
};

/* ---- building one; nobody else knows it yet ---- */

void pci_function_init(struct pci_function *f, struct device *dev,
		       const struct pci_function_ops *ops,
		       const struct pci_id *id);
/* Out of its slot, off the buses; gives its vectors back. */
void pci_function_finish(struct pci_function *f);

/* Appends a capability of @id with @len bytes after its two header bytes (and
 * padding to a dword); returns its offset in configuration space. */
unsigned int pci_add_cap(struct pci_function *f, uint8_t id, const void *body,
			 unsigned int len);
/* The guest may change all bits of [off, off+len). */
void pci_set_writable(struct pci_function *f, unsigned int off,
		      unsigned int len);
/* A 32-bit memory BAR; accesses arrive as @window of the device. */
void pci_add_bar(struct pci_function *f, unsigned int bar, uint32_t size,
		 unsigned int window);
/* The MSI-X capability; the table at @table and the pending bits at @pending
 * of @bar. The device hands accesses there to pci_msix_*() below. */
void pci_add_msix(struct pci_function *f, unsigned int vectors,
		  unsigned int bar, uint32_t table, uint32_t pending,
		  struct msi msi);

/* Puts the function into @slot (negative: the lowest free one), gives it its
 * interrupt pin and addresses for its BARs. -EEXIST, -EINVAL: no such slot,
 * -ENOSPC: no slot or no room for a BAR. */
int pci_attach(struct pci_bus *bus, struct pci_function *f, int slot);

/* ---- configuration space; dev->lock held ---- */

/* One access inside a dword, @len 1, 2 or 4; others read all ones and write
 * nothing. */
uint32_t pci_config_read(struct pci_function *f, unsigned int off,
			 unsigned int len);
void pci_config_write(struct pci_function *f, unsigned int off,
		      unsigned int len, uint32_t value);
/* Tries BARs again that were refused. */
void pci_retry_bars(struct pci_function *f);

/* ---- interrupts; any thread ---- */

/* The level of INTx; it reaches the line when neither MSI-X nor the INTx
 * disable bit forbids it. */
void pci_intx(struct pci_function *f, bool level);
/* Sends a message; false: MSI-X is off, nothing was done. With MSI-X on, a
 * vector that does not exist is nobody's. */
bool pci_msix_signal(struct pci_function *f, unsigned int vector);
/* See msix.h; these take irq_lock. */
uint64_t pci_msix_read_table(struct pci_function *f, uint64_t off,
			     unsigned int len);
void pci_msix_write_table(struct pci_function *f, uint64_t off,
			  unsigned int len, uint64_t value);
uint64_t pci_msix_read_pending(struct pci_function *f, uint64_t off,
			       unsigned int len);

/* Configuration space and MSI-X; INTx is the owner's to set again. Loading
 * refuses bytes that the guest could not have written, then maps the BARs.
 * dev->lock held. */
int pci_function_snapshot(struct pci_function *f, struct snap *s);
/* What is pending since a load goes out. */
void pci_function_resume(struct pci_function *f);

#endif
