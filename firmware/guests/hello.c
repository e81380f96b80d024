// SPDX-License-Identifier: BSD-3-Clause
/* The smallest whole life: one line, then power off by ACPI. */
#include "guest.h"

const char guest_name[] = "hello";

void guest_main(void)
{
	guest_puts("hello\n");
	guest_power_off();
}
