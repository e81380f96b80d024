// SPDX-License-Identifier: BSD-3-Clause
/* An exception with no IDT to take it. */
#include "guest.h"

const char guest_name[] = "triple_fault";

void guest_main(void)
{
	static const uint16_t nothing[5];

	guest_puts("triple_fault\n");
	__asm__ volatile("lidt %0; ud2" : : "m"(nothing));
	guest_fail("still running");
}
