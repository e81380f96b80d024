/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI host on real buses, and cards for its slots: functions with BARs that
 * remember what happens to them. Accesses go through the buses, as a guest's.
 */
#ifndef VIREO_FAKE_PCI_BENCH_H
#define VIREO_FAKE_PCI_BENCH_H

#include "devices/bus.h"
#include "devices/pci/pci_host.h"
#include "fake_irq.h"
#include "fake_msi.h"
#include "fake_signal.h"

#define BENCH_PORT   0xcf8
#define BENCH_WINDOW 0xc0000000u
#define BENCH_SIZE   0x20000000u
#define BENCH_ECAM   UINT64_C(0xe0000000)

struct pci_bench {
	struct bus pio;
	struct bus mmio;
	struct device *host; /* owned */
	struct pci_bus *bus;
	struct fake_irq line[PCI_LINES];
	struct fake_signal reset;
	struct machine_signal signal;
};

void pci_bench_init(struct pci_bench *b);
/* After the cards. */
void pci_bench_finish(struct pci_bench *b);

/* Configuration space by ECAM. */
uint32_t cfg_read(struct pci_bench *b, unsigned int slot, unsigned int off,
		  unsigned int len);
void cfg_write(struct pci_bench *b, unsigned int slot, unsigned int off,
	       unsigned int len, uint32_t value);
/* By ports; @addr is what goes to 0xcf8. */
uint32_t port_read(struct pci_bench *b, uint32_t addr, unsigned int byte,
		   unsigned int len);
void port_write(struct pci_bench *b, uint32_t addr, unsigned int byte,
		unsigned int len, uint32_t value);

/* The offset of the @nth capability of that id, from 0; 0: there is none. */
unsigned int find_cap(struct pci_bench *b, unsigned int slot, uint8_t id,
		      unsigned int nth);

/* A card with BAR 0 of 4 KiB, BAR 2 of 64 KiB and MSI-X with 4 vectors, table
 * at 0x8000 and pending bits at 0xc000 of BAR 2. Its reads give 0xb0 + BAR. */
struct pci_card {
	struct device dev;
	struct pci_function fn;
	struct fake_msi msi;
	uint64_t at[PCI_BARS]; /* where moved() said, or PCI_NOWHERE */
	unsigned int moves;
	unsigned int reads;
	unsigned int writes;
	uint64_t value; /* last written */
};

int pci_card_init(struct pci_card *c, struct pci_bench *b, int slot);
void pci_card_finish(struct pci_card *c);

#endif
