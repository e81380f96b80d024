// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/memmap.c: the map that the guest is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/memmap.h"
#include "base/num.h"

static void assert_entry(const struct memmap_entry *e, uint64_t gpa,
			 uint64_t size, enum memmap_type type)
{
	assert_true(e->gpa == gpa);
	assert_true(e->size == size);
	assert_int_equal(e->type, type);
}

static struct mem ram(uint64_t low, uint64_t high)
{
	struct mem m = { 0 };
	uint8_t byte;

	assert_int_equal(mem_add(&m, 0, low, &byte), 0);
	if (high)
		assert_int_equal(mem_add(&m, 4 * GIB, high, &byte), 0);
	return m;
}

static void memmap_of_small_ram_has_low_reserved_and_high(void **state)
{
	struct mem m = ram(256 * MIB, 0);
	struct memmap_entry map[MEMMAP_MAX];

	assert_int_equal(memmap_build(map, &m), 3);
	assert_entry(&map[0], 0, 0x9fc00, MEMMAP_RAM);
	assert_entry(&map[1], 0x9fc00, 0x60400, MEMMAP_RESERVED);
	assert_entry(&map[2], MIB, 255 * MIB, MEMMAP_RAM);
}

static void memmap_of_big_ram_goes_on_at_4_gib(void **state)
{
	struct mem m = ram(3 * GIB, 5 * GIB);
	struct memmap_entry map[MEMMAP_MAX];

	assert_int_equal(memmap_build(map, &m), 4);
	assert_entry(&map[2], MIB, 3 * GIB - MIB, MEMMAP_RAM);
	assert_entry(&map[3], 4 * GIB, 5 * GIB, MEMMAP_RAM);
}

static void B12_memmap_of_just_1_mib_has_no_empty_entry(void **state)
{
	struct mem m = ram(MIB, 0);
	struct memmap_entry map[MEMMAP_MAX];

	assert_int_equal(memmap_build(map, &m), 2);
	m = ram(MIB + 4096, 0);
	assert_int_equal(memmap_build(map, &m), 3);
	assert_entry(&map[2], MIB, 4096, MEMMAP_RAM);
}

static void memmap_of_many_regions_stays_in_its_array(void **state)
{
	struct {
		struct memmap_entry map[MEMMAP_MAX];
		uint8_t fence[16];
	} at;
	struct mem m = { 0 };
	uint8_t byte;

	memset(&at, 0x77, sizeof(at));
	for (uint64_t i = 0; i < MEM_MAX_REGIONS; i++)
		assert_int_equal(mem_add(&m, i * GIB, 2 * MIB, &byte), 0);
	assert_int_equal(memmap_build(at.map, &m), MEMMAP_MAX);
	for (size_t i = 0; i < sizeof(at.fence); i++)
		assert_int_equal(at.fence[i], 0x77);
}

static void memmap_is_sorted_and_covers_the_tables_as_reserved(void **state)
{
	struct mem m = ram(3 * GIB, GIB);
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int n = memmap_build(map, &m);

	for (unsigned int i = 1; i < n; i++)
		assert_true(map[i].gpa >= map[i - 1].gpa + map[i - 1].size);
	for (unsigned int i = 0; i < n; i++) {
		if (map[i].type != MEMMAP_RAM)
			continue;
		assert_false(ranges_meet(map[i].gpa, map[i].size, LAYOUT_ACPI,
					 LAYOUT_ACPI_MAX));
		assert_false(ranges_meet(map[i].gpa, map[i].size,
					 LAYOUT_MPTABLE, LAYOUT_MPTABLE_MAX));
		assert_false(ranges_meet(map[i].gpa, map[i].size,
					 LAYOUT_HOLE_START, GIB));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memmap_of_small_ram_has_low_reserved_and_high),
		cmocka_unit_test(memmap_of_big_ram_goes_on_at_4_gib),
		cmocka_unit_test(B12_memmap_of_just_1_mib_has_no_empty_entry),
		cmocka_unit_test(memmap_of_many_regions_stays_in_its_array),
		cmocka_unit_test(
			memmap_is_sorted_and_covers_the_tables_as_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
