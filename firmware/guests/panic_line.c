// SPDX-License-Identifier: BSD-3-Clause
/* A panic that shows on the console alone. */
#include "guest.h"

const char guest_name[] = "panic_line";

void guest_main(void)
{
	guest_puts("Kernel panic - not syncing: test\n");
	guest_halt();
}
