// SPDX-License-Identifier: BSD-3-Clause
/* Leaves the CPU as often as it can, for ever: must stay stoppable. */
#include "guest.h"

const char guest_name[] = "bad_exits";

#define NOBODY_PORT 0x80
#define NOBODY_MMIO 0xd0000000ULL

void guest_main(void)
{
	guest_puts("bad_exits\n");
	for (;;) {
		cpuid(0, 0);
		outb(NOBODY_PORT, 0);
		mmio_write32(NOBODY_MMIO, 0);
		mmio_read32(NOBODY_MMIO);
	}
}
