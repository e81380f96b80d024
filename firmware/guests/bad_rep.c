// SPDX-License-Identifier: BSD-3-Clause
/* String I/O with the largest count: never ends, and must be stoppable. */
#include "guest.h"

const char guest_name[] = "bad_rep";

#define NOBODY 0xe000

void guest_main(void)
{
	uint64_t n = 0xffffffff;
	uint64_t from = 0;

	guest_puts("bad_rep\n");
	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(n)
			 : "d"(NOBODY)
			 : "memory");
	guest_fail("it came to an end");
}
