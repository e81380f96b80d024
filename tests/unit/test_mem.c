// SPDX-License-Identifier: BSD-3-Clause
/* src/mem/mem.c: the only way to guest RAM.
 *
 *   0x1000  +--------+ a: 0x2000 bytes
 *   0x3000  +--------+ b: 0x1000 bytes, touches a
 *   0x4000  +--------+
 *           | hole   |
 *   0x10000 +--------+ c: 0x1000 bytes
 *   0x11000 +--------+
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "mem/mem.h"

#define A 0x1000
#define B 0x3000
#define C 0x10000

struct fixture {
	struct mem mem;
	uint8_t *a;
	uint8_t *b;
	uint8_t *c;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->a = calloc(1, 0x2000);
	f->b = calloc(1, 0x1000);
	f->c = calloc(1, 0x1000);
	*state = f;
	/* Not in order: mem_add() sorts. */
	return mem_add(&f->mem, C, 0x1000, f->c) ||
	       mem_add(&f->mem, A, 0x2000, f->a) ||
	       mem_add(&f->mem, B, 0x1000, f->b);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->a);
	free(f->b);
	free(f->c);
	free(f);
	return 0;
}

static void mem_regions_are_kept_in_order(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(f->mem.count, 3);
	assert_int_equal(f->mem.region[0].gpa, A);
	assert_int_equal(f->mem.region[1].gpa, B);
	assert_int_equal(f->mem.region[2].gpa, C);
	assert_int_equal(mem_total(&f->mem), 0x4000);
}

static void B12_mem_add_refuses_what_is_no_region(void **state)
{
	static const struct {
		uint64_t gpa;
		uint64_t size;
		int result;
	} rows[] = {
		{ 0x20000, 0, -EINVAL },
		{ 0x20000, 1, -EINVAL },
		{ 0x20000, 0x1800, -EINVAL },
		{ 0x20800, 0x1000, -EINVAL },
		{ 0x20000, UINT64_MAX, -EINVAL },
		{ 0x20000, UINT64_MAX - 0xfff, -EINVAL },     /* wraps */
		{ UINT64_MAX - 0xfff, 0x1000, -EINVAL },      /* ends at 2^64 */
		{ A, 0x1000, -EEXIST },
		{ 0, 0x2000, -EEXIST },
		{ 0x2000, 0x1000, -EEXIST },
		{ 0, 0x100000, -EEXIST },
		{ 0xf000, 0x2000, -EEXIST },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(mem_add(&f->mem, rows[i].gpa, rows[i].size,
					 f->a),
				 rows[i].result);
		assert_int_equal(f->mem.count, 3);
	}
}

static void mem_add_stops_at_its_last_place(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 3; i < MEM_MAX_REGIONS; i++)
		assert_int_equal(mem_add(&f->mem, 0x100000 + i * 0x1000, 0x1000,
					 f->a),
				 0);
	assert_int_equal(mem_add(&f->mem, 0, 0x1000, f->a), -ENOSPC);
	assert_int_equal(f->mem.count, MEM_MAX_REGIONS);
}

static void mem_ptr_gives_no_byte_outside_one_region(void **state)
{
	const struct fixture *f = *state;
	const struct mem *m = &f->mem;

	assert_ptr_equal(mem_ptr(m, A, 0x2000), f->a);
	assert_ptr_equal(mem_ptr(m, A + 0x1fff, 1), f->a + 0x1fff);
	assert_ptr_equal(mem_ptr(m, B, 0x1000), f->b);
	assert_null(mem_ptr(m, A, 0x2001));        /* would go on in b */
	assert_null(mem_ptr(m, A + 0x1fff, 2));
	assert_null(mem_ptr(m, A - 1, 1));
	assert_null(mem_ptr(m, A - 1, 2));
	assert_null(mem_ptr(m, B + 0x1000, 1));    /* the hole */
	assert_null(mem_ptr(m, 0, 0));
	assert_null(mem_ptr(m, C + 0x1001, 0));
	assert_null(mem_ptr(m, UINT64_MAX, 1));
	assert_null(mem_ptr(m, C, UINT64_MAX));    /* wraps */
	assert_null(mem_ptr(m, C + 0x800, UINT64_MAX - 0x7ff));
	assert_null(mem_ptr(m, UINT64_MAX - 255, 512));
}

static void mem_ptr_of_nothing_is_allowed_inside_and_at_the_end(void **state)
{
	const struct fixture *f = *state;

	assert_non_null(mem_ptr(&f->mem, C, 0));
	assert_ptr_equal(mem_ptr(&f->mem, C + 0x1000, 0), f->c + 0x1000);
	/* Where two touch, the one that begins there. */
	assert_ptr_equal(mem_ptr(&f->mem, B, 0), f->b);
}

static void mem_copy_crosses_touching_regions(void **state)
{
	const struct fixture *f = *state;
	uint8_t out[16];
	uint8_t in[16];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i + 1);
	assert_int_equal(mem_write(&f->mem, B - 8, in, 16), 0);
	assert_memory_equal(f->a + 0x1ff8, in, 8);
	assert_memory_equal(f->b, in + 8, 8);
	assert_int_equal(mem_read(&f->mem, out, B - 8, 16), 0);
	assert_memory_equal(out, in, 16);
	assert_int_equal(mem_fill(&f->mem, B - 1, 0xee, 2), 0);
	assert_int_equal(f->a[0x1fff], 0xee);
	assert_int_equal(f->b[0], 0xee);
	assert_int_equal(f->a[0x1ffe], 7);
	assert_int_equal(f->b[1], 10);
}

static void mem_copy_that_meets_a_hole_copies_nothing(void **state)
{
	static const struct {
		uint64_t gpa;
		uint64_t len;
	} rows[] = {
		{ A - 1, 2 },
		{ B + 0xfff, 2 },
		{ A, 0x3001 },
		{ 0x8000, 1 },
		{ C + 0xfff, 2 },
		{ C + 0x1000, 1 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 7, 16 },
		{ C, UINT64_MAX },
		{ C + 0x800, UINT64_MAX - 0x7ff },
		{ A, UINT64_MAX },
	};
	const struct fixture *f = *state;
	static const uint8_t zeros[0x2000];
	static uint8_t buf[0x4000];

	memset(buf, 0xaa, sizeof(buf));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_false(mem_is_ram(&f->mem, rows[i].gpa, rows[i].len));
		assert_int_equal(mem_write(&f->mem, rows[i].gpa, buf,
					   rows[i].len),
				 -EFAULT);
		assert_int_equal(mem_fill(&f->mem, rows[i].gpa, 1, rows[i].len),
				 -EFAULT);
		assert_int_equal(mem_read(&f->mem, buf, rows[i].gpa,
					  rows[i].len),
				 -EFAULT);
	}
	assert_memory_equal(f->a, zeros, 0x2000);
	assert_memory_equal(f->b, zeros, 0x1000);
	assert_memory_equal(f->c, zeros, 0x1000);
	assert_int_equal(buf[0], 0xaa);
}

static void mem_is_ram_counts_touching_regions_as_one(void **state)
{
	const struct fixture *f = *state;

	assert_true(mem_is_ram(&f->mem, A, 0x3000));
	assert_true(mem_is_ram(&f->mem, C, 0x1000));
	assert_false(mem_is_ram(&f->mem, A, 0x3001));
	assert_true(mem_is_ram(&f->mem, 0, 0));
}

static void what_is_written_by_a_part_is_noted_in_the_whole(void **state)
{
	struct fixture *f = *state;
	struct mem part = { 0 };

	assert_int_equal(mem_add(&part, B, 0x1000, f->b), 0);
	assert_int_equal(mem_track(&f->mem), 0);
	mem_track_in(&part, &f->mem);
	assert_true(mem_is_tracked(&part));
	mem_fill(&part, B + 1, 1, 1);
	assert_int_equal(dirty_take(f->mem.region[0].dirty, 0), 0);
	assert_int_equal(dirty_take(f->mem.region[1].dirty, 0), 1);
	mem_mark_all(&part);
	assert_int_equal(dirty_take(f->mem.region[0].dirty, 0), 0);
	assert_int_equal(dirty_take(f->mem.region[1].dirty, 0) & 1, 1);
	mem_finish(&f->mem);
}

/* Without notes there is nothing to mark. */
static void to_mark_what_is_not_tracked_does_nothing(void **state)
{
	struct fixture *f = *state;

	mem_mark_all(&f->mem);
	assert_false(mem_is_tracked(&f->mem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mem_regions_are_kept_in_order,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			B12_mem_add_refuses_what_is_no_region, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(mem_add_stops_at_its_last_place,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			mem_ptr_gives_no_byte_outside_one_region, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			mem_ptr_of_nothing_is_allowed_inside_and_at_the_end,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			mem_copy_crosses_touching_regions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			mem_copy_that_meets_a_hole_copies_nothing, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			mem_is_ram_counts_touching_regions_as_one, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_written_by_a_part_is_noted_in_the_whole, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			to_mark_what_is_not_tracked_does_nothing, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
