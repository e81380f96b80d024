// SPDX-License-Identifier: BSD-3-Clause
/* See mptable.h. Sections are those of the MP specification 1.4. */
#include "arch/x86_64/mptable.h"

#include <errno.h>
#include <stdbool.h>

#include "arch/x86_64/bytes.h"
#include "arch/x86_64/layout.h"
#include "base/num.h"

#define FLOATING_SIZE 16
#define HEADER_SIZE   44
#define CPU_SIZE      20
#define ENTRY_SIZE    8 /* every other entry */
#define SPEC_REVISION 4

#define ENTRY_CPU       0
#define ENTRY_BUS       1
#define ENTRY_IOAPIC    2
#define ENTRY_IO_INT    3
#define ENTRY_LOCAL_INT 4

#define CPU_ENABLED    1
#define CPU_BOOT       2
#define LAPIC_VERSION  0x14
#define IOAPIC_VERSION 0x11 /* KVM's */

#define INT_NORMAL     0
#define INT_NMI        1
#define INT_EXTINT     3
#define INT_CONFORM    0    /* as the bus says: edge, active high */
#define INT_HIGH_LEVEL 0x0d /* 4.3.4: active high, level */

#define ISA_BUS       0
#define ISA_IRQS      16
#define ISA_CASCADE   2 /* the second 8259, never an interrupt */
#define ALL_LAPICS    0xff
#define MAX_CPUS      255 /* ids 0-254; 255 is the broadcast id */
#define FIXED_ENTRIES (1 + 1 + (ISA_IRQS - 1) + 2)

/* 4.1: found by its signature; points at the table behind it. */
static void put_floating(struct bytes *b, uint64_t gpa)
{
	bytes_put(b, "_MP_", 4);
	bytes_u32(b, (uint32_t)(gpa + FLOATING_SIZE));
	bytes_u8(b, FLOATING_SIZE / 16);
	bytes_u8(b, SPEC_REVISION);
	bytes_zero(b, 6); /* checksum; a table follows, virtual wire mode */
	bytes_checksum(b, 0, FLOATING_SIZE, 10);
}

static void put_header(struct bytes *b, unsigned int cpus)
{
	bytes_put(b, "PCMP", 4);
	bytes_u16(b, (uint16_t)(HEADER_SIZE + cpus * CPU_SIZE +
				FIXED_ENTRIES * ENTRY_SIZE));
	bytes_u8(b, SPEC_REVISION);
	bytes_u8(b, 0); /* checksum */
	bytes_put(b, "VIREO   ", 8);
	bytes_put(b, "VM          ", 12);
	bytes_zero(b, 6); /* no OEM table */
	bytes_u16(b, (uint16_t)(cpus + FIXED_ENTRIES));
	bytes_u32(b, LAYOUT_LAPIC);
	bytes_zero(b, 4); /* no extended table */
}

static void put_cpu(struct bytes *b, unsigned int id)
{
	bytes_u8(b, ENTRY_CPU);
	bytes_u8(b, (uint8_t)id);
	bytes_u8(b, LAPIC_VERSION);
	bytes_u8(b, id ? CPU_ENABLED : CPU_ENABLED | CPU_BOOT);
	bytes_u32(b, 0x600); /* signature: family 6 */
	bytes_u32(b, 0x201); /* features: FPU, APIC */
	bytes_zero(b, 8);
}

static void put_bus_and_ioapic(struct bytes *b, uint8_t ioapic_id)
{
	bytes_u8(b, ENTRY_BUS);
	bytes_u8(b, ISA_BUS);
	bytes_put(b, "ISA   ", 6);
	bytes_u8(b, ENTRY_IOAPIC);
	bytes_u8(b, ioapic_id);
	bytes_u8(b, IOAPIC_VERSION);
	bytes_u8(b, 1); /* usable */
	bytes_u32(b, LAYOUT_IOAPIC);
}

/* 4.3.4 and 4.3.5 have one shape. */
static void put_interrupt(struct bytes *b, uint8_t entry, uint8_t type,
			  uint16_t flags, uint8_t irq)
{
	bytes_u8(b, entry);
	bytes_u8(b, type);
	bytes_u16(b, flags);
	bytes_u8(b, ISA_BUS);
	bytes_u8(b, irq);
}

static void put_interrupts(struct bytes *b, uint8_t ioapic_id)
{
	for (uint8_t irq = 0; irq < ISA_IRQS; irq++) {
		if (irq == ISA_CASCADE)
			continue;
		put_interrupt(b, ENTRY_IO_INT, INT_NORMAL,
			      irq == IRQ_SCI ? INT_HIGH_LEVEL : INT_CONFORM,
			      irq);
		bytes_u8(b, ioapic_id);
		bytes_u8(b, irq); /* the pin */
	}
	put_interrupt(b, ENTRY_LOCAL_INT, INT_EXTINT, INT_CONFORM, 0);
	bytes_u8(b, ALL_LAPICS);
	bytes_u8(b, 0); /* LINT0 */
	put_interrupt(b, ENTRY_LOCAL_INT, INT_NMI, INT_CONFORM, 0);
	bytes_u8(b, ALL_LAPICS);
	bytes_u8(b, 1); /* LINT1 */
}

int mptable_build(uint8_t *buf, size_t cap, size_t *len, uint64_t gpa,
		  unsigned int cpus)
{
	const size_t fixed =
		FLOATING_SIZE + HEADER_SIZE + FIXED_ENTRIES * ENTRY_SIZE;
	size_t fit = cap < fixed ? 0 : (cap - fixed) / CPU_SIZE;
	uint8_t ioapic_id;
	struct bytes b;

	fit = min_u64(fit, min_u64(cpus, MAX_CPUS));
	if (!fit)
		return -ENOSPC;
	ioapic_id = (uint8_t)fit;
	bytes_init(&b, buf, cap);
	put_floating(&b, gpa);
	put_header(&b, (unsigned int)fit);
	for (unsigned int id = 0; id < fit; id++)
		put_cpu(&b, id);
	put_bus_and_ioapic(&b, ioapic_id);
	put_interrupts(&b, ioapic_id);
	bytes_checksum(&b, FLOATING_SIZE, b.len - FLOATING_SIZE,
		       FLOATING_SIZE + 7);
	if (b.err)
		return b.err;
	*len = b.len;
	return 0;
}
