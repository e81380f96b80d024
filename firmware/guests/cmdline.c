// SPDX-License-Identifier: BSD-3-Clause
/* Prints its command line. */
#include "guest.h"

const char guest_name[] = "cmdline";

void guest_main(void)
{
	guest_printf("cmdline: [%s]\n", guest_cmdline());
	guest_pass();
}
