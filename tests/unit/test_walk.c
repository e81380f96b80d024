// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/walk.c, state.c and kernel_map.c: a guest's page tables,
 * which it may have made to harm their reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "arch/x86_64/walk.h"
#include "base/endian.h"
#include "base/num.h"
#include "kernel_ram.h"

static int set_up(void **state)
{
	struct kernel_ram *k = calloc(1, sizeof(*k));

	*state = k;
	kernel_ram_init(k, 4);
	return 0;
}

static int tear_down(void **state)
{
	kernel_ram_finish(*state);
	free(*state);
	return 0;
}

static int look(const struct kernel_ram *k, uint64_t va, uint64_t *gpa,
		uint64_t *len)
{
	const struct walk w = { &k->mem, k->state.root, k->state.levels };

	return walk_address(&w, va, gpa, len);
}

static void addresses_are_translated_page_by_page(void **state)
{
	struct kernel_ram *k = *state;
	uint64_t gpa, len;

	kernel_ram_map_kernel(k);
	assert_int_equal(look(k, TEXT_VA + 5, &gpa, &len), 0);
	assert_int_equal(gpa, TEXT_GPA + 5);
	assert_int_equal(len, LARGE - 5);
	assert_int_equal(look(k, TEXT_VA + TEXT_SIZE - 1, &gpa, &len), 0);
	assert_int_equal(gpa, TEXT_GPA + TEXT_SIZE - 1);
	assert_int_equal(len, 1);
	assert_int_equal(look(k, TEXT_VA + TEXT_SIZE, &gpa, &len), -EFAULT);
	assert_int_equal(look(k, DIRECT_VA + 0x1234, &gpa, NULL), 0);
	assert_int_equal(gpa, 0x1234);
}

static void addresses_that_no_cpu_takes_are_not_mapped(void **state)
{
	struct kernel_ram *k = *state;
	uint64_t gpa, len;

	kernel_ram_map_kernel(k);
	assert_int_equal(look(k, DIRECT_VA & ~(UINT64_C(1) << 63), &gpa, &len),
			 -EFAULT);
	assert_int_equal(look(k, UINT64_C(1) << 47, &gpa, &len), -EFAULT);
}

static void five_levels_are_walked_too(void **state)
{
	struct kernel_ram *k = *state;
	uint64_t gpa;

	k->state.levels = 5;
	kernel_ram_map(k, UINT64_C(0xff11000000000000), 0x200000);
	assert_int_equal(look(k, UINT64_C(0xff11000000000007), &gpa, NULL), 0);
	assert_int_equal(gpa, 0x200007);
	assert_int_equal(look(k, UINT64_C(0xff12000000000000), &gpa, NULL),
			 -EFAULT);
}

/* Each entry of the only table points to the table. */
static void map_to_itself(struct kernel_ram *k)
{
	for (unsigned int i = 0; i < 512; i++)
		kernel_ram_write_u64(k, TABLES + 8 * i, TABLES | 1);
}

static void G09_tables_that_lead_into_themselves_end(void **state)
{
	struct kernel_ram *k = *state;
	struct arch_kernel_map map;
	uint64_t gpa, len;

	map_to_itself(k);
	assert_int_equal(look(k, UINT64_C(0xffffffff80000123), &gpa, &len), 0);
	assert_int_equal(gpa, TABLES + 0x123);
	assert_int_equal(len, 4096 - 0x123);
	arch_kernel_map(&map, &k->mem, &k->state, 1);
	assert_int_equal(map.direct_va, 0);
}

static void G09_tables_outside_of_ram_map_nothing(void **state)
{
	static const uint64_t where[] = {
		RAM_SIZE, UINT64_C(0x000ffffffffff000), 0xfee00000,
	};
	struct kernel_ram *k = *state;
	struct arch_kernel_map map;
	uint64_t gpa;

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		kernel_ram_write_u64(k, TABLES + 8 * 511, where[i] | 1);
		assert_int_equal(look(k, TEXT_VA, &gpa, NULL), -EFAULT);
		k->state.root = where[i];
		assert_int_equal(look(k, TEXT_VA, &gpa, NULL), -EFAULT);
		assert_false(arch_kernel_map(&map, &k->mem, &k->state, 1));
		k->state.root = TABLES;
	}
}

static void kernel_is_found_by_what_its_tables_map(void **state)
{
	struct kernel_ram *k = *state;
	struct arch_kernel_map map;
	struct arch_state states[2] = { 0 };

	assert_false(arch_kernel_map(&map, &k->mem, &k->state, 1));
	kernel_ram_map_kernel(k);
	states[1] = k->state; /* the first one has not started yet */
	assert_true(arch_kernel_map(&map, &k->mem, states, 2));
	assert_int_equal(map.text_va, TEXT_VA);
	assert_int_equal(map.text_gpa, TEXT_GPA);
	assert_int_equal(map.text_size, TEXT_SIZE);
	assert_int_equal(map.direct_va, DIRECT_VA);
}

/* Isolated: a program's tables, one page further, have no kernel. */
static void kernel_is_found_from_a_program(void **state)
{
	struct kernel_ram *k = *state;
	struct arch_kernel_map map;

	k->next += 4096;
	kernel_ram_map_kernel(k);
	k->state.root = TABLES + 4096;
	assert_true(arch_kernel_map(&map, &k->mem, &k->state, 1));
	assert_int_equal(map.text_va, TEXT_VA);
}

static void G09_image_that_leaves_ram_is_cut(void **state)
{
	struct kernel_ram *k = *state;
	struct arch_kernel_map map;

	for (unsigned int i = 0; i < 16; i++)
		kernel_ram_map(k, TEXT_VA + i * LARGE, TEXT_GPA + i * LARGE);
	assert_true(arch_kernel_map(&map, &k->mem, &k->state, 1));
	assert_int_equal(map.text_size, RAM_SIZE - TEXT_GPA);
	assert_int_equal(map.direct_va, 0);
}

static void bytes_are_read_over_pages_that_are_not_neighbours(void **state)
{
	struct kernel_ram *k = *state;
	uint8_t bytes[4];

	kernel_ram_map(k, TEXT_VA, LARGE);
	kernel_ram_map(k, TEXT_VA + LARGE, 3 * LARGE);
	assert_int_equal(mem_write(&k->mem, 2 * LARGE - 2, "ab", 2), 0);
	assert_int_equal(mem_write(&k->mem, 3 * LARGE, "cd", 2), 0);
	assert_int_equal(arch_state_read(&k->state, &k->mem, bytes,
					 TEXT_VA + LARGE - 2, 4), 0);
	assert_memory_equal(bytes, "abcd", 4);
	assert_int_equal(arch_state_read(&k->state, &k->mem, bytes,
					 TEXT_VA + 2 * LARGE - 2, 4), -EFAULT);
}

static void without_paging_an_address_is_itself(void **state)
{
	struct kernel_ram *k = *state;
	uint64_t gpa, len;

	k->state.levels = 0;
	assert_int_equal(arch_state_translate(&k->state, &k->mem, 0x1234, &gpa,
					      &len), 0);
	assert_int_equal(gpa, 0x1234);
	assert_int_equal(len, 4096 - 0x234);
	assert_int_equal(arch_state_translate(&k->state, &k->mem, RAM_SIZE,
					      &gpa, &len), -EFAULT);
}

static void return_addresses_follow_calls(void **state)
{
	static const struct {
		uint8_t code[7];
		bool call;
	} rows[] = {
		{ { 0, 0, 0xe8, 1, 2, 3, 4 }, true },
		{ { 0, 0xff, 0x15, 1, 2, 3, 4 }, true },
		{ { 0, 0, 0, 0, 0, 0xff, 0xd0 }, true },
		{ { 0, 0, 0, 0, 0x41, 0xff, 0xd3 }, true },
		{ { 0, 0, 0, 0, 0, 0xff, 0xe0 }, false }, /* jmp *%rax */
		{ { 0, 0, 0xe9, 1, 2, 3, 4 }, false },
		{ { 0 }, false },
	};
	struct kernel_ram *k = *state;

	kernel_ram_map_kernel(k);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		kernel_ram_write(k, TEXT_VA + 64, rows[i].code, 7);
		assert_int_equal(arch_state_is_return(&k->state, &k->mem,
						      TEXT_VA + 71),
				 rows[i].call);
	}
	assert_false(arch_state_is_return(&k->state, &k->mem, TEXT_VA));
	assert_false(arch_state_is_return(&k->state, &k->mem, 0));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(addresses_are_translated_page_by_page),
		T(addresses_that_no_cpu_takes_are_not_mapped),
		T(five_levels_are_walked_too),
		T(G09_tables_that_lead_into_themselves_end),
		T(G09_tables_outside_of_ram_map_nothing),
		T(kernel_is_found_by_what_its_tables_map),
		T(kernel_is_found_from_a_program),
		T(G09_image_that_leaves_ram_is_cut),
		T(bytes_are_read_over_pages_that_are_not_neighbours),
		T(without_paging_an_address_is_itself),
		T(return_addresses_follow_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
