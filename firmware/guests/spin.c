// SPDX-License-Identifier: BSD-3-Clause
/* Uses up a CPU without ever leaving it. */
#include "guest.h"

const char guest_name[] = "spin";

void guest_main(void)
{
	guest_puts("spin\n");
	for (;;)
		__asm__ volatile("cli; 1: jmp 1b" : : : "memory");
}
