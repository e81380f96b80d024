// SPDX-License-Identifier: BSD-3-Clause
/* Memory without a device, by every width; the IOAPIC's and LAPIC's
 * registers. */
#include "guest.h"

const char guest_name[] = "mmio";

#define NOBODY 0xd0000000ULL
#define PAGE_END (NOBODY + 0xffd)

static void check_reads(uint64_t at)
{
	if (mmio_read8(at) != 0xff || mmio_read16(at) != 0xffff ||
	    mmio_read32(at) != 0xffffffff || mmio_read64(at) != UINT64_MAX)
		guest_fail("nothing at %lx reads as %lx", at, mmio_read64(at));
}

static void check_writes(uint64_t at)
{
	mmio_write8(at, 0x12);
	mmio_write16(at, 0x1234);
	mmio_write32(at, 0x12345678);
	mmio_write64(at, 0x123456789abcdef0);
}

static void check_apics(void)
{
	uint32_t version = ioapic_read(1);
	uint32_t pins = (version >> 16 & 0xff) + 1;

	if (pins != IOAPIC_PINS)
		guest_fail("the IOAPIC's version register is %x", version);
	ioapic_write(0x10, IOAPIC_MASKED | 0x31);
	if ((ioapic_read(0x10) & 0x100ff) != (IOAPIC_MASKED | 0x31))
		guest_fail("an IOAPIC route reads back %x", ioapic_read(0x10));
	version = lapic_read(LAPIC_VERSION);
	if ((version & 0xf0) != 0x10)
		guest_fail("the LAPIC's version register is %x", version);
	if (lapic_read(LAPIC_ID) >> 24)
		guest_fail("the boot CPU's LAPIC id is %x",
			   lapic_read(LAPIC_ID));
}

void guest_main(void)
{
	check_reads(NOBODY);
	check_writes(NOBODY);
	check_reads(NOBODY);
	check_reads(PAGE_END); /* runs into the next page */
	check_writes(PAGE_END);
	check_apics();
	guest_pass();
}
