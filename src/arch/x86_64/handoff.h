/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The structures by which a boot protocol tells the guest what it got: Linux'
 * zero page, PVH's start info, Multiboot's information. They go into guest RAM
 * at the places in layout.h.
 */
#ifndef VIREO_ARCH_X86_64_HANDOFF_H
#define VIREO_ARCH_X86_64_HANDOFF_H

#include "arch/arch.h"
#include "boot/boot.h"
#include "mem/mem.h"

#define HANDOFF_MAX_MODULES 16

struct handoff_module {
	uint64_t gpa;
	uint64_t size;
};

struct handoff {
	const char *cmdline;
	uint64_t rsdp; /* guest address of the RSDP, 0: no ACPI */
	/* the joined initrd is module 0; Multiboot gets one per file */
	unsigned int modules;
	struct handoff_module module[HANDOFF_MAX_MODULES];
};

/* Each writes its structures, the command line too, and stores the address
 * for the entry register in *arg. -ENOSPC when the command line is too long,
 * -EFAULT without RAM there. */
int handoff_linux(const struct mem *mem, const struct handoff *h,
		  const struct boot_image *image, const uint8_t *bytes,
		  uint64_t *arg);
int handoff_pvh(const struct mem *mem, const struct handoff *h, uint64_t *arg);
int handoff_multiboot(const struct mem *mem, const struct handoff *h,
		      uint64_t *arg);

#endif
