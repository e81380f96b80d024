// SPDX-License-Identifier: BSD-3-Clause
/* See walk.h. */
#include "arch/x86_64/walk.h"

#include <errno.h>

#include "base/endian.h"
#include "base/num.h"

#define PRESENT   (UINT64_C(1) << 0)
#define LARGE     (UINT64_C(1) << 7) /* a page, not a table; levels 2 and 3 */
#define ADDRESS   UINT64_C(0x000ffffffffff000)
#define PAGE_BITS 12
#define TABLE_BITS 9

int walk_table(uint64_t entry[WALK_ENTRIES], const struct mem *mem,
	       uint64_t gpa)
{
	le64 bytes[WALK_ENTRIES];

	if (mem_read(mem, bytes, gpa & ADDRESS, sizeof(bytes)) < 0)
		return -EFAULT;
	for (unsigned int i = 0; i < WALK_ENTRIES; i++)
		entry[i] = le64_get(bytes[i]);
	return 0;
}

bool walk_present(uint64_t entry)
{
	return entry & PRESENT;
}

uint64_t walk_target(uint64_t entry)
{
	return entry & ADDRESS;
}

/* The bits above the highest one that is translated repeat it. */
static bool is_canonical(uint64_t va, unsigned int levels)
{
	unsigned int unused = 64 - (PAGE_BITS + levels * TABLE_BITS);
	int64_t top = (int64_t)(va << unused) >> unused;

	return (uint64_t)top == va;
}

int walk_address(const struct walk *w, uint64_t va, uint64_t *gpa,
		 uint64_t *len)
{
	uint64_t table = w->root & ADDRESS;

	if (!is_canonical(va, w->levels))
		return -EFAULT;
	for (unsigned int level = w->levels; level; level--) {
		unsigned int shift = PAGE_BITS + (level - 1) * TABLE_BITS;
		uint64_t mask = (UINT64_C(1) << shift) - 1;
		uint64_t index = va >> shift & (WALK_ENTRIES - 1);
		uint64_t entry;
		le64 bytes;

		if (mem_read(w->mem, &bytes, table + index * sizeof(bytes),
			     sizeof(bytes)) < 0)
			return -EFAULT;
		entry = le64_get(bytes);
		if (!(entry & PRESENT))
			return -EFAULT;
		table = entry & ADDRESS;
		if (level > 1 && (level > 3 || !(entry & LARGE)))
			continue;
		*gpa = (table & ~mask) | (va & mask);
		if (len)
			*len = mask + 1 - (va & mask);
		return 0;
	}
	return -EFAULT;
}
