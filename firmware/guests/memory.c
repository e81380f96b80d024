// SPDX-License-Identifier: BSD-3-Clause
/*
 * Is the memory map sane, and is RAM where it says? Touches the first and last
 * byte of each range. "ram_mib=N": how much RAM; "high": some above 4 GiB.
 */
#include "guest.h"

const char guest_name[] = "memory";

#define RAM 1
#define MAX_RANGES 32
#define MIB (1ULL << 20)

static struct guest_range map[MAX_RANGES];

static void check_byte(uint64_t gpa)
{
	uint64_t at = gpa < LAYOUT_HOLE_END ? gpa : guest_map(gpa);
	uint8_t old = mmio_read8(at);
	uint8_t other = (uint8_t)~old;
	uint8_t got;

	mmio_write8(at, other);
	got = mmio_read8(at);
	mmio_write8(at, old);
	if (got != other)
		guest_fail("no RAM at %lx", gpa);
}

static bool meet(const struct guest_range *a, uint64_t base, uint64_t size)
{
	return a->base < base + size && base < a->base + a->size;
}

static void check_range(unsigned int i, unsigned int count)
{
	const struct guest_range *r = &map[i];

	guest_printf("memory: %lx %lx %u\n", r->base, r->size, r->type);
	if (!r->size || r->base + r->size < r->base)
		guest_fail("a range is empty or wraps");
	for (unsigned int k = i + 1; k < count; k++)
		if (meet(r, map[k].base, map[k].size))
			guest_fail("two ranges meet");
	if (r->type != RAM)
		return;
	if (meet(r, LAYOUT_HOLE_START, LAYOUT_HOLE_END - LAYOUT_HOLE_START))
		guest_fail("RAM in the hole for devices");
	if (meet(r, LAYOUT_LOW_END, LAYOUT_HIGH_START - LAYOUT_LOW_END))
		guest_fail("RAM where the firmware tables are");
	check_byte(r->base);
	check_byte(r->base + r->size - 1);
}

void guest_main(void)
{
	unsigned int count = guest_memory_map(map, MAX_RANGES);
	uint64_t ram_mib = guest_number("ram_mib", 0);
	uint64_t total = 0;
	bool high = false;

	if (!count)
		guest_fail("no memory map");
	for (unsigned int i = 0; i < count; i++) {
		check_range(i, count);
		if (map[i].type != RAM)
			continue;
		total += map[i].size;
		high = high || map[i].base >= LAYOUT_HOLE_END;
	}
	/* What lies below 1 MiB and is not RAM may be missing, no more. */
	if (ram_mib && (total > ram_mib * MIB || total < (ram_mib - 1) * MIB))
		guest_fail("%lu bytes of RAM, not %lu MiB", total, ram_mib);
	if (high != guest_has_word("high"))
		guest_fail("RAM above 4 GiB: %s", high ? "some" : "none");
	guest_pass();
}
