// SPDX-License-Identifier: BSD-3-Clause
/* Asks the ACPI reset register for a reset. */
#include "guest.h"

const char guest_name[] = "reset_acpi";

void guest_main(void)
{
	guest_puts("reset_acpi\n");
	outb(PORT_PM_RESET, 1);
	guest_delay_us(1000000);
	guest_fail("still running");
}
