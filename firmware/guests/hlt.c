// SPDX-License-Identifier: BSD-3-Clause
/* Stops for ever with interrupts off: must cost the host nothing. */
#include "guest.h"

const char guest_name[] = "hlt";

void guest_main(void)
{
	guest_puts("hlt\n");
	guest_halt();
}
