// SPDX-License-Identifier: BSD-3-Clause
/* src/breakpoints.c: which there can be, and the guest's bytes below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "breakpoints.h"

#define BASE 0x10000
#define SIZE 0x2000
#define SOFT VIREO_BREAK_SOFTWARE
#define HARD VIREO_BREAK_HARDWARE

struct fixture {
	uint8_t ram[SIZE];
	struct mem mem;
	struct breakpoints b;
};

static struct fixture its;

static int set_up(void **state)
{
	memset(&its, 0, sizeof(its));
	for (size_t i = 0; i < SIZE; i++)
		its.ram[i] = (uint8_t)(i * 3);
	*state = &its;
	return mem_add(&its.mem, BASE, SIZE, its.ram);
}

static int tear_down(void **state)
{
	breakpoints_finish(&its.b);
	return 0;
}

/* One in software: at the same address as in RAM, seen from far up. */
static int soft(struct fixture *f, uint64_t gpa)
{
	return breakpoints_add(&f->b, &f->mem, SOFT, gpa + GIB, 1, gpa);
}

static void breakpoint_changes_a_byte_and_gives_it_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(soft(f, BASE + 5), 0);
	assert_int_equal(soft(f, BASE + 5), 0);
	assert_int_equal(f->b.count, 1);
	assert_int_equal(f->ram[5], ARCH_BREAK_INSN);
	assert_true(breakpoints_at(&f->b, BASE + 5));
	assert_false(breakpoints_at(&f->b, BASE + 6));
	assert_int_equal(breakpoints_remove(&f->b, &f->mem, SOFT,
					    BASE + 5 + GIB, 1), 0);
	assert_int_equal(f->ram[5], 15);
	assert_int_equal(breakpoints_remove(&f->b, &f->mem, SOFT,
					    BASE + 5 + GIB, 1), -ENOENT);
}

static void breakpoint_where_no_ram_is_is_refused(void **state)
{
	static const uint64_t places[] = { 0, BASE - 1, BASE + SIZE,
					   UINT64_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(soft(f, places[i]), -EFAULT);
	assert_int_equal(f->b.count, 0);
}

static void breakpoint_of_two_addresses_is_one_byte(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(soft(f, BASE), 0);
	assert_int_equal(breakpoints_add(&f->b, &f->mem, SOFT, 7, 1, BASE), 0);
	assert_int_equal(breakpoints_remove(&f->b, &f->mem, SOFT, BASE + GIB,
					    1), 0);
	assert_int_equal(f->ram[0], ARCH_BREAK_INSN);
	breakpoints_remove_all(&f->b, &f->mem);
	assert_int_equal(f->ram[0], 0);
}

static void breakpoint_leaves_what_the_guest_wrote_over_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(soft(f, BASE + 9), 0);
	f->ram[9] = 0x90;
	breakpoints_remove_all(&f->b, &f->mem);
	assert_int_equal(f->ram[9], 0x90);
}

static void breakpoint_is_not_seen_and_survives_writes(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[8];

	assert_int_equal(soft(f, BASE + 2), 0);
	assert_int_equal(soft(f, BASE + 7), 0);
	memcpy(bytes, f->ram, sizeof(bytes));
	breakpoints_hide(&f->b, BASE, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i * 3);
	memcpy(bytes, f->ram + 3, 4);
	breakpoints_hide(&f->b, BASE + 3, bytes, 4); /* between the two */
	assert_int_equal(bytes[3], 18);
	memset(bytes, 0x55, sizeof(bytes));
	assert_int_equal(breakpoints_write(&f->b, &f->mem, BASE, bytes, 8), 0);
	assert_int_equal(f->ram[1], 0x55);
	assert_int_equal(f->ram[2], ARCH_BREAK_INSN);
	assert_int_equal(breakpoints_write(&f->b, &f->mem, BASE + SIZE - 1,
					   bytes, 2), -EFAULT);
	breakpoints_remove_all(&f->b, &f->mem);
	assert_int_equal(f->ram[2], 0x55);
	assert_int_equal(f->ram[7], 0x55);
}

static void breakpoint_is_lifted_for_a_step(void **state)
{
	struct fixture *f = *state;

	assert_false(breakpoints_lift(&f->b, &f->mem, BASE));
	breakpoints_put_back(&f->b, &f->mem);
	assert_int_equal(soft(f, BASE + 4), 0);
	assert_true(breakpoints_lift(&f->b, &f->mem, BASE + 4));
	assert_int_equal(f->ram[4], 12);
	assert_null(breakpoints_at(&f->b, BASE + 4)); /* the guest's is there */
	f->ram[4] = 0x77; /* by the instruction itself */
	breakpoints_put_back(&f->b, &f->mem);
	assert_int_equal(f->ram[4], ARCH_BREAK_INSN);
	assert_non_null(breakpoints_at(&f->b, BASE + 4));
	breakpoints_remove_all(&f->b, &f->mem);
	assert_int_equal(f->ram[4], 0x77);
}

static void breakpoint_is_lost_with_the_ram(void **state)
{
	struct fixture *f = *state;
	struct arch_debug debug;

	assert_int_equal(soft(f, BASE + 1), 0);
	f->ram[1] = 3; /* as it was loaded */
	breakpoints_forget_ram(&f->b);
	assert_false(breakpoints_at(&f->b, BASE + 1));
	breakpoints_describe(&f->b, &debug);
	assert_false(debug.soft);
	assert_int_equal(soft(f, BASE + 1), 0);
	assert_int_equal(f->b.count, 1);
	assert_int_equal(f->ram[1], ARCH_BREAK_INSN);
	breakpoints_forget_ram(&f->b);
	f->ram[1] = 3;
	breakpoints_remove_all(&f->b, &f->mem);
	assert_int_equal(f->ram[1], 3);
}

/* Where the CPU heeds neither int3 nor its own registers. */
static void another_instruction_stands_in_for_both_kinds(void **state)
{
	struct fixture *f = *state;
	struct arch_debug debug;

	f->b.insn = 0xec;
	f->b.planted = true;
	assert_int_equal(soft(f, BASE + 1), 0);
	assert_int_equal(f->ram[1], 0xec);
	assert_int_equal(breakpoints_add(&f->b, &f->mem, HARD, 0x1001, 1,
					 BASE + 2), 0);
	assert_int_equal(f->ram[2], 0xec);
	assert_int_equal(breakpoints_at(&f->b, BASE + 2)->kind, HARD);
	assert_int_equal(breakpoints_at(&f->b, BASE + 1)->kind, SOFT);
	breakpoints_describe(&f->b, &debug);
	assert_true(debug.soft);
	assert_int_equal(debug.count, 0);
	assert_true(breakpoints_lift(&f->b, &f->mem, BASE + 2));
	assert_int_not_equal(f->ram[2], 0xec);
	breakpoints_put_back(&f->b, &f->mem);
	assert_int_equal(f->ram[2], 0xec);
	assert_int_equal(breakpoints_remove(&f->b, &f->mem, HARD, 0x1001, 1),
			 0);
	assert_int_not_equal(f->ram[2], 0xec);
}

/* The page tables have changed. */
static void breakpoint_moves_with_its_address(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(breakpoints_add(&f->b, &f->mem, SOFT, 1, 1, BASE), 0);
	assert_int_equal(breakpoints_add(&f->b, &f->mem, SOFT, 1, 1, BASE + 8),
			 0);
	assert_int_equal(f->ram[0], 0);
	assert_int_equal(f->ram[8], ARCH_BREAK_INSN);
	assert_int_equal(f->b.count, 1);
}

static void breakpoints_of_the_cpu_are_four(void **state)
{
	struct fixture *f = *state;
	struct breakpoints *b = &f->b;
	struct arch_debug debug;

	assert_int_equal(breakpoints_add(b, &f->mem, HARD, 0x1001, 1, 0), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, VIREO_WATCH_WRITE, 0x2000,
					 8, 0), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, VIREO_WATCH_ACCESS, 0x2002,
					 2, 0), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, HARD, 0x1003, 1, 0), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, HARD, 0x1003, 1, 0), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, HARD, 0x1004, 1, 0),
			 -ENOSPC);
	assert_int_equal(soft(f, BASE), 0);
	breakpoints_describe(b, &debug);
	assert_int_equal(debug.count, 4);
	assert_true(debug.soft && !debug.step);
	assert_int_equal(debug.hw[1].len, 8);
	assert_int_equal(debug.hw[2].kind, VIREO_WATCH_ACCESS);
	assert_int_equal(breakpoints_remove(b, &f->mem, HARD, 0x1001, 1), 0);
	assert_int_equal(breakpoints_add(b, &f->mem, HARD, 0x1004, 1, 0), 0);
}

static void breakpoint_with_an_odd_length_is_refused(void **state)
{
	static const struct {
		enum vireo_break kind;
		uint64_t va;
		unsigned int len;
	} odd[] = {
		{ SOFT, BASE, 0 },
		{ SOFT, BASE, 2 },
		{ HARD, 8, 4 },
		{ VIREO_WATCH_WRITE, 8, 0 },
		{ VIREO_WATCH_WRITE, 8, 3 },
		{ VIREO_WATCH_WRITE, 16, 16 },
		{ VIREO_WATCH_ACCESS, 9, 2 },
		{ VIREO_WATCH_ACCESS, 4, 8 },
		{ (enum vireo_break)77, 8, 1 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_int_equal(breakpoints_add(&f->b, &f->mem, odd[i].kind,
						 odd[i].va, odd[i].len, BASE),
				 -EINVAL);
}

static void breakpoints_in_software_are_limited(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < BREAKPOINTS_MAX; i++)
		assert_int_equal(soft(f, BASE + i), 0);
	assert_int_equal(soft(f, BASE + BREAKPOINTS_MAX), -ENOSPC);
	breakpoints_remove_all(&f->b, &f->mem);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(f->ram[i], (uint8_t)(i * 3));
}

static void breakpoints_that_are_planted_are_limited(void **state)
{
	struct fixture *f = *state;

	f->b.insn = 0xec;
	f->b.planted = true;
	for (uint64_t i = 0; i < BREAKPOINTS_MAX; i++)
		assert_int_equal(breakpoints_add(&f->b, &f->mem,
						 i % 2 ? HARD : SOFT, i, 1,
						 BASE + i), 0);
	assert_int_equal(soft(f, BASE + BREAKPOINTS_MAX), -ENOSPC);
	assert_int_equal(breakpoints_add(&f->b, &f->mem, HARD, BREAKPOINTS_MAX,
					 1, BASE + BREAKPOINTS_MAX), -ENOSPC);
	assert_int_equal(f->b.count, BREAKPOINTS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(breakpoint_changes_a_byte_and_gives_it_back),
		TEST(breakpoint_where_no_ram_is_is_refused),
		TEST(breakpoint_of_two_addresses_is_one_byte),
		TEST(breakpoint_leaves_what_the_guest_wrote_over_it),
		TEST(breakpoint_is_not_seen_and_survives_writes),
		TEST(breakpoint_is_lifted_for_a_step),
		TEST(breakpoint_is_lost_with_the_ram),
		TEST(another_instruction_stands_in_for_both_kinds),
		TEST(breakpoint_moves_with_its_address),
		TEST(breakpoints_of_the_cpu_are_four),
		TEST(breakpoint_with_an_odd_length_is_refused),
		TEST(breakpoints_in_software_are_limited),
		TEST(breakpoints_that_are_planted_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
