// SPDX-License-Identifier: BSD-3-Clause
/* Prints how it was started, and its command line. */
#include "guest.h"

const char guest_name[] = "cmdline";

void guest_main(void)
{
	guest_printf("boot: %s\n",
		     boot_how == GUEST_BOOT_PVH ? "pvh" : "multiboot");
	guest_printf("cmdline: [%s]\n", guest_cmdline());
	guest_pass();
}
