// SPDX-License-Identifier: BSD-3-Clause
/* See memmap.h. */
#include "arch/x86_64/memmap.h"

#include "arch/x86_64/layout.h"
#include "base/num.h"

unsigned int memmap_build(struct memmap_entry map[MEMMAP_MAX],
			  const struct mem *mem)
{
	unsigned int n = 0;

	/* The first region starts at 0 and is at least 1 MiB. */
	map[n++] = (struct memmap_entry){ 0, LAYOUT_LOW_END, MEMMAP_RAM };
	map[n++] = (struct memmap_entry){ LAYOUT_LOW_END,
					  LAYOUT_HIGH_START - LAYOUT_LOW_END,
					  MEMMAP_RESERVED };
	for (unsigned int i = 0; i < mem->count && n < MEMMAP_MAX; i++) {
		const struct mem_region *r = &mem->region[i];
		uint64_t skip = r->gpa ? 0 : LAYOUT_HIGH_START;

		if (r->size > skip)
			map[n++] = (struct memmap_entry){ r->gpa + skip,
							  r->size - skip,
							  MEMMAP_RAM };
	}
	return n;
}
