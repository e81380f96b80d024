// SPDX-License-Identifier: BSD-3-Clause
/*
 * Where a 64-bit Linux lies in its own address space, with KASLR or without:
 * found in its page tables, by what they map (Linux,
 * Documentation/arch/x86/x86_64/mm.rst). A guest that is not Linux has none of
 * it; one that lies is believed nothing that is not in its RAM.
 */
#include "arch/arch.h"

#include <string.h>

#include "arch/x86_64/walk.h"
#include "base/num.h"

#define TEXT_START UINT64_C(0xffffffff80000000)
#define TEXT_SPACE GIB
#define TEXT_STEP  (2 * MIB)
/* With page table isolation a program's tables are the page behind the
 * kernel's. */
#define OTHER_TABLES UINT64_C(0x1000)

/* The kernel's image: the first mapping in its gigabyte, and all that goes on
 * with it in one piece. (Pages of it that were given back are holes.) */
static bool find_text(struct arch_kernel_map *out, const struct walk *w)
{
	uint64_t end = 0;

	out->text_size = 0;
	for (uint64_t at = 0; at < TEXT_SPACE; at += TEXT_STEP) {
		uint64_t gpa;

		if (walk_address(w, TEXT_START + at, &gpa, NULL) < 0)
			continue;
		if (!end) {
			out->text_va = TEXT_START + at;
			out->text_gpa = gpa;
			end = at;
		}
		if (gpa - out->text_gpa != TEXT_START + at - out->text_va)
			break;
		end = at + TEXT_STEP;
	}
	if (!end || !mem_is_ram(w->mem, out->text_gpa, TEXT_STEP))
		return false;
	out->text_size = TEXT_START + end - out->text_va;
	while (!mem_is_ram(w->mem, out->text_gpa, out->text_size))
		out->text_size -= TEXT_STEP;
	return true;
}

/* All of RAM, by its physical addresses, begins here? */
static bool is_direct(const struct walk *w, uint64_t va)
{
	const uint64_t probes[] = { 0, MIB - 4096, MIB };
	uint64_t gpa;

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (walk_address(w, va + probes[i], &gpa, NULL) < 0 ||
		    gpa != probes[i])
			return false;
	return true;
}

/* It begins at some gigabyte of the kernel's half. @table is at @level, and
 * what it maps begins at @va; @left: tables that may still be read. */
static uint64_t find_direct(const struct walk *w, uint64_t table,
			    unsigned int level, uint64_t va,
			    unsigned int *left)
{
	const unsigned int shift = 12 + 9 * (level - 1);
	uint64_t entry[WALK_ENTRIES];
	unsigned int first = level == w->levels ? WALK_ENTRIES / 2 : 0;

	if (!*left || walk_table(entry, w->mem, table) < 0)
		return 0;
	--*left;
	for (unsigned int i = first; i < WALK_ENTRIES; i++) {
		uint64_t at = va + ((uint64_t)i << shift);
		uint64_t found = 0;

		if (!walk_present(entry[i]))
			continue;
		if (level > 3)
			found = find_direct(w, walk_target(entry[i]),
					    level - 1, at, left);
		else if (is_direct(w, at))
			found = at;
		if (found)
			return found;
	}
	return 0;
}

/* What the upper bits are in the kernel's half. */
static uint64_t half_base(unsigned int levels)
{
	return ~UINT64_C(0) << (12 + 9 * levels);
}

#define TABLES_MAX 1024 /* each maps 512 GiB, or 256 TiB of them */

static bool find(struct arch_kernel_map *out, const struct walk *w)
{
	unsigned int left = TABLES_MAX;

	if (!find_text(out, w))
		return false;
	out->direct_va = find_direct(w, w->root, w->levels,
				     half_base(w->levels), &left);
	return true;
}

bool arch_kernel_map(struct arch_kernel_map *out, const struct mem *mem,
		     const struct arch_state *state, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct walk w = { mem, state[i].root, state[i].levels };

		if (w.levels < 4)
			continue;
		if (find(out, &w))
			return true;
		w.root &= ~OTHER_TABLES;
		if (find(out, &w))
			return true;
	}
	memset(out, 0, sizeof(*out));
	return false;
}
