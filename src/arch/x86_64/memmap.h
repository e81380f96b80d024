/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory map that boot protocols hand to the guest (E820 types). Pure.
 */
#ifndef VIREO_ARCH_X86_64_MEMMAP_H
#define VIREO_ARCH_X86_64_MEMMAP_H

#include <stdint.h>

#include "mem/mem.h"

#define MEMMAP_MAX 8

enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 };

struct memmap_entry {
	uint64_t gpa;
	uint64_t size;
	enum memmap_type type;
};

/* Fills @map in order of address; returns the number of entries. */
unsigned int memmap_build(struct memmap_entry map[MEMMAP_MAX],
			  const struct mem *mem);

#endif
