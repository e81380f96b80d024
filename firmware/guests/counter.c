// SPDX-License-Identifier: BSD-3-Clause
/* Reads the device of examples/mmio_device.c, and tells what it says. */
#include "guest.h"

const char guest_name[] = "counter";

void guest_main(void)
{
	for (unsigned int i = 0; i < 3; i++)
		guest_printf("counter: %u\n", mmio_read32(0xe0200000));
	mmio_write32(0xe0200000, 100);
	if (mmio_read32(0xe0200000) != 101)
		guest_fail("the counter does not take a value");
	guest_pass();
}
