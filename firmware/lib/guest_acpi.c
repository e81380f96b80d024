// SPDX-License-Identifier: BSD-3-Clause
/* Finding ACPI tables (ACPI 6.4, chapter 5). See guest.h. */
#include "guest.h"

#define RSDP_FROM   0xe0000
#define RSDP_TO     0x100000
#define RSDP_STEP   16
#define RSDP_LENGTH 20
#define RSDP_XSDT   24

#define MADT_ENTRIES 44
#define MADT_LAPIC   0
#define MADT_X2APIC  9
#define MADT_ENABLED 1u

static bool has_text(uint64_t at, const char *text)
{
	for (; *text; text++)
		if (mmio_read8(at++) != (uint8_t)*text)
			return false;
	return true;
}

uint64_t acpi_rsdp(void)
{
	uint64_t hint = guest_rsdp_hint();

	if (hint)
		return has_text(hint, "RSD PTR ") ? hint : 0;
	for (uint64_t at = RSDP_FROM; at < RSDP_TO; at += RSDP_STEP)
		if (has_text(at, "RSD PTR "))
			return at;
	return 0;
}

bool acpi_sum_ok(uint64_t table, uint32_t len)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + mmio_read8(table + i));
	return sum == 0;
}

uint32_t acpi_length(uint64_t table)
{
	return mmio_read32(table + 4);
}

uint64_t acpi_find(const char *signature)
{
	uint64_t rsdp = acpi_rsdp();
	uint64_t xsdt;
	uint32_t end;

	if (!rsdp)
		return 0;
	xsdt = mmio_read64(rsdp + RSDP_XSDT);
	end = acpi_length(xsdt);
	for (uint32_t at = ACPI_HEADER_SIZE; at + 8 <= end; at += 8) {
		uint64_t table = mmio_read64(xsdt + at);

		if (has_text(table, signature))
			return table;
	}
	return 0;
}

unsigned int acpi_cpus(uint32_t *ids, unsigned int max)
{
	uint64_t madt = acpi_find("APIC");
	uint32_t end = madt ? acpi_length(madt) : 0;
	unsigned int count = 0;

	for (uint32_t at = MADT_ENTRIES; at + 2 <= end && count < max;) {
		uint64_t entry = madt + at;
		uint8_t type = mmio_read8(entry);
		uint8_t len = mmio_read8(entry + 1);

		if (type == MADT_LAPIC &&
		    (mmio_read32(entry + 4) & MADT_ENABLED))
			ids[count++] = mmio_read8(entry + 3);
		if (type == MADT_X2APIC &&
		    (mmio_read32(entry + 8) & MADT_ENABLED))
			ids[count++] = mmio_read32(entry + 4);
		if (len < 2)
			break;
		at += len;
	}
	return count;
}
