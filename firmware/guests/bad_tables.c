// SPDX-License-Identifier: BSD-3-Clause
/*
 * Writes over everything that it was told at the start: boot structures, ACPI
 * tables, MP table, the image's own head. Nobody but the guest reads them. The
 * entry G14.
 */
#include "guest.h"

const char guest_name[] = "bad_tables";

static void fill(uint64_t from, uint64_t to, uint64_t value)
{
	for (uint64_t at = from; at < to; at += 8)
		mmio_write64(at, value);
}

void guest_main(void)
{
	static const uint64_t values[] = { 0, UINT64_MAX, 0x41545344 };
	uint32_t before = pm_timer();

	for (unsigned int i = 0; i < 3; i++) {
		fill(LAYOUT_GDT, LAYOUT_PML4, values[i]);
		fill(LAYOUT_CMDLINE, LAYOUT_CMDLINE + 0x1000, values[i]);
		fill(LAYOUT_ACPI, LAYOUT_ACPI + LAYOUT_ACPI_MAX, values[i]);
		fill(LAYOUT_MPTABLE, LAYOUT_MPTABLE + 0x1000, values[i]);
		fill(LAYOUT_HIGH_START, LAYOUT_HIGH_START + 32, values[i]);
		if (mmio_read64(LAYOUT_ACPI) != values[i])
			guest_fail("the tables cannot be written");
	}
	guest_delay_us(1000);
	if (pm_timer() == before)
		guest_fail("the timer of the tables has stopped");
	guest_puts("G14 ok\n");
	guest_pass();
}
