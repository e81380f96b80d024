/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACPI tables (ACPI 6.4) for the x86-64 machine: RSDP, XSDT, FADT, FACS, MADT,
 * MCFG, DSDT, as one blob for LAYOUT_ACPI. Pure: bytes out, nothing else.
 */
#ifndef VIREO_ARCH_X86_64_ACPI_H
#define VIREO_ARCH_X86_64_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_MAX_MMIO_DEVICES 32

/* One virtio-mmio device, _HID "LNRO0005". */
struct acpi_mmio_device {
	uint64_t base;
	uint64_t size;
	uint32_t gsi;
};

struct acpi_config {
	uint64_t gpa;      /* where the blob will lie; the RSDP is its start */
	unsigned int cpus; /* 1-255: local APIC ids 0..cpus-1 (x2APIC entries
			      for ids above 254) */
	bool serial;       /* COM1: PNP0501 at PORT_SERIAL0, IRQ_SERIAL0 */
	bool pvpanic;      /* QEMU0001 at PORT_PVPANIC */
	bool i8042;        /* the 8042 flag of IAPC_BOOT_ARCH; no PS/2 nodes */
	bool pm_timer;     /* PM_TMR_BLK at PORT_PM_TIMER, else none */
	bool pic;          /* two 8259s beside the IOAPIC */
	bool pci;          /* the host bridge: MCFG, PNP0A08 with bus 0, the
			      window LAYOUT_PCI_MMIO and slots' interrupts */
	unsigned int mmio_count;
	struct acpi_mmio_device mmio[ACPI_MAX_MMIO_DEVICES];
};

/* Writes at most @cap bytes to @buf and the used size to *len; -ENOSPC. The
 * checksums are right; the ports and interrupts are layout.h's. */
int acpi_build(uint8_t *buf, size_t cap, size_t *len,
	       const struct acpi_config *cfg);

#endif
