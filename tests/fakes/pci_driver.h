/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio driver on PCI: an echo device in a slot of a bench, found by its
 * capabilities and driven through its BAR, as a guest would do it.
 */
#ifndef VIREO_FAKE_PCI_DRIVER_H
#define VIREO_FAKE_PCI_DRIVER_H

#include "driver_ring.h"
#include "echo.h"
#include "pci_bench.h"

#define PD_SLOT 4

/* Common configuration, virtio 1.2, 4.1.4.3; written down a second time. */
enum common {
	C_DEVICE_SEL = 0x00,
	C_DEVICE_FEATURES = 0x04,
	C_DRIVER_SEL = 0x08,
	C_DRIVER_FEATURES = 0x0c,
	C_CONFIG_VECTOR = 0x10,
	C_NUM_QUEUES = 0x12,
	C_STATUS = 0x14,
	C_GENERATION = 0x15,
	C_QUEUE_SEL = 0x16,
	C_QUEUE_SIZE = 0x18,
	C_QUEUE_VECTOR = 0x1a,
	C_QUEUE_ENABLE = 0x1c,
	C_QUEUE_NOTIFY_OFF = 0x1e,
	C_QUEUE_DESC = 0x20,
	C_QUEUE_DRIVER = 0x28,
	C_QUEUE_DEVICE = 0x30,
	C_QUEUE_NOTIF_DATA = 0x38,
	C_QUEUE_RESET = 0x3a,
};

struct pci_driver {
	struct pci_bench pci;
	struct driver_ram ram;
	struct driver_ring ring[ECHO_QUEUES];
	bool rings;
	struct loop *loop;
	struct virtio_host host;
	struct echo *echo;  /* owned by dev */
	struct device *dev; /* owned */
	struct fake_msi msi;
	struct fake_bells bells;
	/* addresses, from the capabilities */
	uint64_t bar;
	uint64_t common;
	uint64_t notify;
	uint64_t isr;
	uint64_t config;
	unsigned int access; /* the PCI_CFG capability */
	unsigned int msix;   /* the MSI-X capability */
};

/* Memory space is on, the device is reset. */
void pci_driver_init(struct pci_driver *d);
void pci_driver_finish(struct pci_driver *d);
/* Looks the BAR up again. */
void pci_driver_find(struct pci_driver *d);

uint64_t mm_read(struct pci_driver *d, uint64_t addr, unsigned int len);
void mm_write(struct pci_driver *d, uint64_t addr, unsigned int len,
	      uint64_t value);
/* A field of the common configuration, by its own width. */
uint32_t c_read(struct pci_driver *d, enum common field);
void c_write(struct pci_driver *d, enum common field, uint32_t value);
unsigned int c_width(enum common field);

/* From reset to DRIVER_OK with fresh rings; queue n has vector n + 1, the
 * configuration vector 0, all unmasked when @msix. */
void pci_driver_run(struct pci_driver *d, bool msix);
/* As the core does it, from any thread. */
void queue_irq(struct pci_driver *d, unsigned int n);
void config_irq(struct pci_driver *d);
/* Everything the loop was told before this has been done on return. */
void pci_driver_sync(struct pci_driver *d);

#endif
