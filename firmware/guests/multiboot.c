// SPDX-License-Identifier: BSD-3-Clause
/*
 * Started by the Multiboot 1 header: registers and information structure
 * (Multiboot 0.6.96, 3.2 and 3.3). "modules=N": how many; the first one starts
 * with the bytes of @first_bytes.
 */
#include "guest.h"

const char guest_name[] = "multiboot";

#define LOADER_MAGIC 0x2badb002

#define INFO_MEM     0x01u
#define INFO_CMDLINE 0x04u
#define INFO_MODULES 0x08u
#define INFO_MAP     0x40u

/* multiboot_info, byte offsets */
#define MEM_LOWER     4
#define MEM_UPPER     8
#define MODULE_COUNT  20
#define MODULE_LIST   24

static const char first_bytes[] = "module one";

static void check_module(uint32_t list)
{
	uint32_t start = mmio_read32(list);
	uint32_t end = mmio_read32(list + 4);

	if (start & 0xfff || end <= start)
		guest_fail("a module from %x to %x", start, end);
	for (unsigned int i = 0; i < sizeof(first_bytes) - 1; i++)
		if (mmio_read8(start + i) != (uint8_t)first_bytes[i])
			guest_fail("the module's bytes are others");
}

void guest_main(void)
{
	uint32_t flags = mmio_read32(boot_ebx);
	uint64_t modules = guest_number("modules", 0);
	struct guest_range map[16];

	if (boot_how != GUEST_BOOT_MULTIBOOT)
		guest_fail("not started by the Multiboot header");
	if (boot_eax != LOADER_MAGIC)
		guest_fail("EAX is %x", boot_eax);
	if (!(flags & INFO_MEM) || !(flags & INFO_MAP) ||
	    !(flags & INFO_CMDLINE))
		guest_fail("flags are %x", flags);
	if (mmio_read32(boot_ebx + MEM_LOWER) > 640 ||
	    mmio_read32(boot_ebx + MEM_UPPER) < 1024)
		guest_fail("%u KiB lower, %u KiB upper memory",
			   mmio_read32(boot_ebx + MEM_LOWER),
			   mmio_read32(boot_ebx + MEM_UPPER));
	if (guest_memory_map(map, 16) < 2)
		guest_fail("a memory map of less than two ranges");
	guest_printf("multiboot: [%s]\n", guest_cmdline());
	if (modules) {
		if (!(flags & INFO_MODULES) ||
		    mmio_read32(boot_ebx + MODULE_COUNT) != modules)
			guest_fail("flags %x, %u modules", flags,
				   mmio_read32(boot_ebx + MODULE_COUNT));
		check_module(mmio_read32(boot_ebx + MODULE_LIST));
	}
	guest_pass();
}
