// SPDX-License-Identifier: BSD-3-Clause
/* Asks the keyboard controller for a reset. */
#include "guest.h"

const char guest_name[] = "reset_i8042";

void guest_main(void)
{
	guest_puts("reset_i8042\n");
	outb(PORT_I8042_CMD, 0xfe);
	guest_delay_us(1000000);
	guest_fail("still running");
}
