// SPDX-License-Identifier: BSD-3-Clause
/* Runs code where there is no memory: nothing KVM could execute. "to=ADDRESS":
 * in decimal. */
#include "guest.h"

const char guest_name[] = "bad_jump";

#define NOBODY 0xd0000000ULL

void guest_main(void)
{
	guest_puts("bad_jump\n");
	__asm__ volatile("jmp *%0" : : "r"(guest_number("to", NOBODY)));
	guest_fail("it came back");
}
