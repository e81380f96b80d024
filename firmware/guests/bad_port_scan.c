// SPDX-License-Identifier: BSD-3-Clause
/*
 * Reads and writes ports nobody described, by every width. Where CPL 0 is
 * emulated all 65,536 take half a minute: "step=N" takes every Nth (13).
 */
#include "guest.h"

const char guest_name[] = "bad_port_scan";

#define UNCLAIMED_FROM 0x1000

/* Writing there would end the VM or write to the console. */
static const struct {
	uint32_t from, to;
} keep_out[] = {
	{ PORT_DEBUG_CON, PORT_DEBUG_CON },
	{ PORT_DEBUG_EXIT, PORT_DEBUG_EXIT + 3 },
	{ PORT_I8042_CMD, PORT_I8042_CMD },
	{ PORT_SERIAL0, PORT_SERIAL0 + 7 },
	{ PORT_PVPANIC, PORT_PVPANIC },
	{ PORT_PM_CONTROL, PORT_PM_CONTROL + 1 },
	{ PORT_PM_RESET, PORT_PM_RESET },
};

static bool writable(uint32_t port)
{
	for (unsigned int i = 0; i < sizeof(keep_out) / sizeof(*keep_out); i++)
		if (port + 3 >= keep_out[i].from && port <= keep_out[i].to)
			return false;
	return true;
}

static void visit(uint16_t port)
{
	uint32_t b, w, l;

	if (writable(port)) {
		outb(port, 0);
		outw(port, 0);
		outl(port, 0);
	}
	b = inb(port);
	w = inw(port);
	l = inl(port);
	if (port >= UNCLAIMED_FROM &&
	    (b != 0xff || w != 0xffff || l != 0xffffffff))
		guest_fail("port %x reads %x %x %x", port, b, w, l);
}

void guest_main(void)
{
	uint64_t step = guest_number("step", 13);

	for (uint32_t port = 0; port <= 0xffff; port += (uint32_t)step)
		visit((uint16_t)port);
	visit(0xffff);
	guest_pass();
}
