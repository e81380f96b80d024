// SPDX-License-Identifier: BSD-3-Clause
/* Port I/O: widths, ports without a device, the string instructions. */
#include "guest.h"

const char guest_name[] = "pio";

#define NOBODY 0xe000 /* a port without a device */
#define SCRATCH (PORT_SERIAL0 + 7)
#define COUNT 40

static uint32_t buffer[COUNT];

static void check_unclaimed(void)
{
	uint32_t b, w, l;

	outb(NOBODY, 0x12);
	outw(NOBODY, 0x1234);
	outl(NOBODY, 0x12345678);
	b = inb(NOBODY);
	w = inw(NOBODY);
	l = inl(NOBODY);
	if (b != 0xff || w != 0xffff || l != 0xffffffff)
		guest_fail("a port without a device reads %x %x %x", b, w, l);
}

static void check_widths(void)
{
	uint32_t v;

	outb(SCRATCH, 0x5a);
	if (inb(SCRATCH) != 0x5a)
		guest_fail("the UART's scratch register reads %x",
			   inb(SCRATCH));
	/* The second byte would be outside of the device. */
	outw(SCRATCH, 0x1234);
	v = inw(SCRATCH);
	if (v != 0xffff)
		guest_fail("an access over the end reads %x", v);
	if (inb(SCRATCH) != 0x5a)
		guest_fail("an access over the end was written");
	if (inl(0xfffd) != 0xffffffff)
		guest_fail("an access over the last port reads something");
}

static void fill(void)
{
	for (unsigned int i = 0; i < COUNT; i++)
		buffer[i] = 0;
}

static bool all_ones(unsigned int dwords)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (buffer[i] != (i < dwords ? 0xffffffff : 0))
			return false;
	return true;
}

static void check_rep_in(void)
{
	void *to = buffer;
	uint64_t n = 32;

	fill();
	__asm__ volatile("rep insb"
			 : "+D"(to), "+c"(n)
			 : "d"(NOBODY)
			 : "memory");
	if (n || to != &buffer[8] || !all_ones(8))
		guest_fail("rep insb");
	fill();
	to = buffer;
	n = 32;
	__asm__ volatile("rep insw"
			 : "+D"(to), "+c"(n)
			 : "d"(NOBODY)
			 : "memory");
	if (n || to != &buffer[16] || !all_ones(16))
		guest_fail("rep insw");
	fill();
	to = buffer;
	n = 32;
	__asm__ volatile("rep insl"
			 : "+D"(to), "+c"(n)
			 : "d"(NOBODY)
			 : "memory");
	if (n || to != &buffer[32] || !all_ones(32))
		guest_fail("rep insl");
}

static void check_rep_out(void)
{
	static const char text[] = "pio: by rep outsb\n";
	const char *from = text;
	uint64_t n = sizeof(text) - 1;

	__asm__ volatile("rep outsb"
			 : "+S"(from), "+c"(n)
			 : "d"(PORT_SERIAL0)
			 : "memory");
	if (n || from != text + sizeof(text) - 1)
		guest_fail("rep outsb");
	from = (const char *)buffer;
	n = COUNT;
	__asm__ volatile("rep outsl"
			 : "+S"(from), "+c"(n)
			 : "d"(NOBODY)
			 : "memory");
	if (n || from != (const char *)&buffer[COUNT])
		guest_fail("rep outsl");
}

void guest_main(void)
{
	check_unclaimed();
	check_widths();
	check_rep_in();
	check_rep_out();
	guest_debug("pio: debug console\n");
	guest_pass();
}
