/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's page tables, read as the CPU reads them (Intel SDM, volume 3,
 * 4.5): for reports about a guest that does not run any more. They are the
 * guest's, and may say anything: every step is checked, and there are no more
 * steps than levels. Only 64-bit paging. Pure; any thread.
 */
#ifndef VIREO_ARCH_X86_64_WALK_H
#define VIREO_ARCH_X86_64_WALK_H

#include <stdint.h>

#include "mem/mem.h"

#define WALK_ENTRIES 512

struct walk {
	const struct mem *mem;
	uint64_t root;       /* CR3; its low bits do not count */
	unsigned int levels; /* 4 or 5 */
};

/* One table, copied: what its entries point to, and whether they are there. */
int walk_table(uint64_t entry[WALK_ENTRIES], const struct mem *mem,
	       uint64_t gpa);
/* Is there something behind this entry; and where. */
bool walk_present(uint64_t entry);
uint64_t walk_target(uint64_t entry);

/* Where @va is in the guest's RAM, and in *len (may be NULL) how many bytes
 * from there on are on the same page. -EFAULT when it is not mapped. */
int walk_address(const struct walk *w, uint64_t va, uint64_t *gpa,
		 uint64_t *len);

#endif
