// SPDX-License-Identifier: BSD-3-Clause
/*
 * Walks the ACPI tables: checksums, lengths, and the values that must agree
 * with the machine's map. "cpus=N": how many processors.
 */
#include "guest.h"

const char guest_name[] = "acpi";

#define RSDP_REVISION 15
#define RSDP_LENGTH   20

/* FADT, byte offsets (ACPI 6.4, table 5.9) */
#define FADT_FACS      36
#define FADT_DSDT      40
#define FADT_SCI       46
#define FADT_PM1A_EVT  56
#define FADT_PM1A_CNT  64
#define FADT_PM_TMR    76
#define FADT_FLAGS     112
#define FADT_RESET     116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT    140
#define FADT_RESET_SUP (1u << 10)
#define FADT_REDUCED   (1u << 20)
#define GAS_IO 1

#define MADT_LAPIC_ADDRESS 36
#define MADT_ENTRIES 44
#define MADT_IOAPIC  1

static void check_table(const char *name, uint64_t table)
{
	uint32_t len;

	if (!table)
		guest_fail("no %s", name);
	len = acpi_length(table);
	if (len < ACPI_HEADER_SIZE || len > LAYOUT_ACPI_MAX)
		guest_fail("%s is %u bytes long", name, len);
	if (!acpi_sum_ok(table, len))
		guest_fail("the checksum of %s is wrong", name);
	guest_printf("acpi: %s at %lx, %u bytes\n", name, table, len);
}

static void check_rsdp(void)
{
	uint64_t rsdp = acpi_rsdp();

	if (!rsdp)
		guest_fail("no RSDP");
	if (guest_rsdp_hint() && guest_rsdp_hint() != rsdp)
		guest_fail("the RSDP is not where the loader says");
	if (!acpi_sum_ok(rsdp, 20))
		guest_fail("the RSDP's first checksum is wrong");
	if (mmio_read8(rsdp + RSDP_REVISION) < 2 ||
	    mmio_read32(rsdp + RSDP_LENGTH) != 36 || !acpi_sum_ok(rsdp, 36))
		guest_fail("the RSDP is not a good one of ACPI 2.0");
	check_table("XSDT", mmio_read64(rsdp + 24));
}

static void expect(const char *what, uint64_t value, uint64_t expected)
{
	if (value != expected)
		guest_fail("%s is %lx, not %lx", what, value, expected);
}

static void check_fadt(uint64_t fadt)
{
	uint32_t flags = mmio_read32(fadt + FADT_FLAGS);
	uint64_t dsdt = mmio_read64(fadt + FADT_X_DSDT);

	expect("PM1a event", mmio_read32(fadt + FADT_PM1A_EVT), PORT_PM_EVENT);
	expect("PM1a control", mmio_read32(fadt + FADT_PM1A_CNT),
	       PORT_PM_CONTROL);
	expect("PM timer", mmio_read32(fadt + FADT_PM_TMR), PORT_PM_TIMER);
	expect("SCI", mmio_read16(fadt + FADT_SCI), IRQ_SCI);
	expect("flags", flags & (FADT_RESET_SUP | FADT_REDUCED),
	       FADT_RESET_SUP);
	expect("reset space", mmio_read8(fadt + FADT_RESET), GAS_IO);
	expect("reset port", mmio_read64(fadt + FADT_RESET + 4), PORT_PM_RESET);
	expect("reset value", mmio_read8(fadt + FADT_RESET_VALUE), 1);
	if (!dsdt)
		dsdt = mmio_read32(fadt + FADT_DSDT);
	check_table("DSDT", dsdt);
	expect("DSDT's signature", mmio_read32(dsdt), 0x54445344);
	if (mmio_read32(fadt + FADT_FACS))
		expect("FACS's signature",
		       mmio_read32(mmio_read32(fadt + FADT_FACS)), 0x53434146);
}

static void check_madt(uint64_t madt)
{
	uint32_t end = acpi_length(madt);
	uint32_t ids[GUEST_MAX_CPUS];
	unsigned int ioapics = 0;
	uint32_t at = MADT_ENTRIES;

	expect("LAPIC address", mmio_read32(madt + MADT_LAPIC_ADDRESS),
	       LAYOUT_LAPIC);
	while (at + 2 <= end) {
		uint8_t len = mmio_read8(madt + at + 1);

		if (len < 2 || len > end - at)
			guest_fail("MADT: %u bytes at %u of %u", len, at, end);
		if (mmio_read8(madt + at) == MADT_IOAPIC) {
			ioapics++;
			expect("IOAPIC address", mmio_read32(madt + at + 4),
			       LAYOUT_IOAPIC);
			expect("IOAPIC base", mmio_read32(madt + at + 8), 0);
		}
		at += len;
	}
	expect("end of the MADT", at, end);
	expect("IOAPICs", ioapics, 1);
	expect("CPUs", acpi_cpus(ids, GUEST_MAX_CPUS), guest_number("cpus", 1));
}

void guest_main(void)
{
	uint64_t fadt, madt;

	check_rsdp();
	fadt = acpi_find("FACP");
	check_table("FADT", fadt);
	check_fadt(fadt);
	madt = acpi_find("APIC");
	check_table("MADT", madt);
	check_madt(madt);
	guest_pass();
}
