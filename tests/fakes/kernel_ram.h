/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RAM with 64-bit page tables in it, as a Linux kernel has them: for the tests
 * of what is known of a guest that went wrong. The tables are made from the
 * address TABLES on; a mapping is made of pages of 2 MiB.
 */
#ifndef VIREO_FAKE_KERNEL_RAM_H
#define VIREO_FAKE_KERNEL_RAM_H

#include "arch/arch.h"
#include "mem/mem.h"
#include "mem/ram.h"

#define TABLES    0x10000
#define LARGE     (UINT64_C(2) << 20)
#define TEXT_VA   UINT64_C(0xffffffff9e000000)
#define TEXT_GPA  UINT64_C(0x400000)
#define TEXT_SIZE (2 * LARGE)
#define DIRECT_VA UINT64_C(0xffff9d80c0000000)
#define RAM_SIZE  (8 * LARGE)

struct kernel_ram {
	struct ram ram;
	struct mem mem;
	struct arch_state state; /* with these page tables */
	uint64_t next; /* where the next table goes */
};

/* RAM_SIZE bytes; the tables have @levels and map nothing. */
void kernel_ram_init(struct kernel_ram *k, unsigned int levels);
void kernel_ram_finish(struct kernel_ram *k);

/* A page of 2 MiB. */
void kernel_ram_map(struct kernel_ram *k, uint64_t va, uint64_t gpa);
/* The kernel's image, at TEXT_VA, and all of RAM, at DIRECT_VA. */
void kernel_ram_map_kernel(struct kernel_ram *k);

/* Bytes at an address of the kernel's image. */
void kernel_ram_write(struct kernel_ram *k, uint64_t va, const void *bytes,
		      size_t len);
void kernel_ram_write_u64(struct kernel_ram *k, uint64_t gpa, uint64_t value);

#endif
