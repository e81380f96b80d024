// SPDX-License-Identifier: BSD-3-Clause
/* Reports a panic by pvpanic and stops, as a kernel does. */
#include "guest.h"

const char guest_name[] = "panic";

#define PANICKED 1

void guest_main(void)
{
	if (!(inb(PORT_PVPANIC) & PANICKED))
		guest_fail("pvpanic offers %x", inb(PORT_PVPANIC));
	guest_puts("panic\n");
	outb(PORT_PVPANIC, PANICKED);
	guest_halt();
}
