// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/sandbox_tables.c: who may do what, read from the tables as
 * the CPU reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch_sandbox.h"
#include "arch/x86_64/sandbox_map.h"
#include "base/endian.h"
#include "base/num.h"
#include "mem/mem.h"

#define MEMORY (16 * MIB)
#define PAGE   4096u

enum { READ = 1, WRITE = 2, EXEC = 4, USER = 8 };

struct bench {
	struct mem mem;
	uint8_t *ram;
	uint64_t system;
};

static const struct arch_sandbox_area areas[] = {
	{ 0x10000, 0x3000, false, true },
	{ 0x13000, 0x1000, false, false },
	{ 0x14000, 0x2000, true, false },
	{ 0x1f0000, 0x500000, true, false }, /* 2 MiB pages within */
	{ MEMORY - PAGE, PAGE, true, false },
};

static void bench_init(struct bench *b)
{
	const struct arch_sandbox_info info = { 0x1f0000, 0x500000, 0x1000 };

	memset(b, 0, sizeof(*b));
	b->system = arch_sandbox_system_size(MEMORY);
	assert_int_equal(b->system % PAGE, 0);
	b->ram = calloc(1, MEMORY + b->system);
	assert_non_null(b->ram);
	assert_int_equal(mem_add(&b->mem, 0, MEMORY, b->ram), 0);
	assert_int_equal(mem_add(&b->mem, ARCH_SANDBOX_SYSTEM, b->system,
				 b->ram + MEMORY), 0);
	assert_int_equal(arch_sandbox_write(&b->mem, areas, ARRAY_SIZE(areas),
					    &info), 0);
}

static void bench_finish(struct bench *b)
{
	free(b->ram);
}

static uint64_t word(const struct bench *b, uint64_t gpa)
{
	le64 v;

	assert_int_equal(mem_read(&b->mem, &v, gpa, sizeof(v)), 0);
	return le64_get(v);
}

/* Rights at @va, 0: nothing is there; its address in *gpa. */
static int rights(const struct bench *b, uint64_t va, uint64_t *gpa)
{
	uint64_t table = ARCH_SANDBOX_SYSTEM + MAP_TABLES;
	int all = READ | WRITE | EXEC | USER;

	for (int level = 3; level >= 0; level--) {
		uint64_t i = va >> (12 + 9 * level) & 511;
		uint64_t e = word(b, table + i * 8);
		uint64_t size = UINT64_C(1) << (12 + 9 * level);

		if (!(e & 1))
			return 0;
		assert_int_equal(e & 0x20, 0x20); /* accessed, once for all */
		all &= READ | (e & 2 ? WRITE : 0) | (e & 4 ? USER : 0) |
		       (e >> 63 ? 0 : EXEC);
		table = e & 0x000ffffffffff000;
		if (level && !(e & 0x80))
			continue;
		assert_int_equal(e & 0x40, 0x40); /* dirty likewise */
		*gpa = table + va % size;
		assert_int_equal(table % size, 0);
		break;
	}
	return all;
}

static int wanted(uint64_t va)
{
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		if (va >= areas[i].start && va - areas[i].start < areas[i].size)
			return READ | USER | (areas[i].write ? WRITE : 0) |
			       (areas[i].exec ? EXEC : 0);
	return 0;
}

static void memory_is_what_the_areas_say(void **state)
{
	struct bench b;

	bench_init(&b);
	for (uint64_t va = 0; va < 2 * MEMORY; va += PAGE) {
		uint64_t gpa = 0;
		int got = rights(&b, va, &gpa);

		assert_int_equal(got, wanted(va));
		assert_true(!got || gpa == va);
		assert_true((got & (WRITE | EXEC)) != (WRITE | EXEC));
	}
	bench_finish(&b);
}

static void of_the_system_the_guest_sees_the_gate(void **state)
{
	static const int high[] = { 0, READ, READ, READ, READ | EXEC,
				    READ | WRITE };
	struct bench b;
	uint64_t gpa;

	bench_init(&b);
	assert_int_equal(rights(&b, ARCH_SANDBOX_SYSTEM, &gpa),
			 READ | EXEC | USER);
	assert_int_equal(gpa, ARCH_SANDBOX_SYSTEM);
	for (uint64_t at = PAGE; at < b.system + PAGE; at += PAGE)
		assert_int_equal(rights(&b, ARCH_SANDBOX_SYSTEM + at, &gpa), 0);
	for (uint64_t at = 0; at < b.system + PAGE; at += PAGE) {
		int want = at / PAGE < ARRAY_SIZE(high) ? high[at / PAGE] : 0;

		assert_int_equal(rights(&b, MAP_HIGH + at, &gpa), want);
		assert_true(!want || gpa == ARCH_SANDBOX_SYSTEM + at);
	}
	bench_finish(&b);
}

static void nothing_else_is_mapped(void **state)
{
	struct bench b;
	unsigned int top = 0, pdpt = 0;
	uint64_t root = ARCH_SANDBOX_SYSTEM + MAP_TABLES;

	bench_init(&b);
	for (unsigned int i = 0; i < 512; i++)
		top += word(&b, root + i * 8) & 1;
	assert_int_equal(top, 2); /* the lowest and the 257th */
	root = word(&b, root) & 0x000ffffffffff000;
	for (unsigned int i = 0; i < 512; i++)
		pdpt += word(&b, root + i * 8) & 1;
	assert_int_equal(pdpt, 2); /* the first GiB, and the gate's */
	bench_finish(&b);
}

static void two_ports_are_open(void **state)
{
	const uint64_t tss = ARCH_SANDBOX_SYSTEM + MAP_TSS;
	uint8_t bytes[TSS_LIMIT + 1];
	struct bench b;

	bench_init(&b);
	assert_int_equal(mem_read(&b.mem, bytes, tss, sizeof(bytes)), 0);
	assert_int_equal(le16_at(bytes + 102), TSS_SIZE);
	assert_true(le64_at(bytes + 4) == MAP_HIGH + MAP_STACK_TOP);
	for (unsigned int port = 0; port < 256; port++) {
		bool open = !(bytes[TSS_SIZE + port / 8] >> port % 8 & 1);

		assert_int_equal(open,
				 port == PORT_RETURN || port == PORT_CALL);
	}
	assert_int_equal(bytes[TSS_LIMIT], 0xff); /* the CPU reads two bytes */
	assert_int_equal(TSS_SIZE + 256 / 8, TSS_LIMIT);
	bench_finish(&b);
}

/* Code for the stubs and the TSS; the guest's own segments are not there. */
static void no_segment_can_be_loaded_by_the_guest(void **state)
{
	const uint64_t gdt = ARCH_SANDBOX_SYSTEM + MAP_GDT;
	struct bench b;

	bench_init(&b);
	assert_int_equal(word(&b, gdt + SEL_KERNEL_CODE) >> 40 & 0xff, 0x9b);
	assert_int_equal(word(&b, gdt + SEL_TASK) >> 40 & 0xff, 0x8b);
	assert_int_equal(word(&b, gdt + SEL_TASK) & 0xffff, TSS_LIMIT);
	assert_int_equal(word(&b, gdt + SEL_TASK + 8), MAP_HIGH >> 32);
	for (uint64_t at = 0; at < PAGE; at += 8)
		if (at != SEL_KERNEL_CODE && at != SEL_TASK &&
		    at != SEL_TASK + 8)
			assert_true(word(&b, gdt + at) == 0);
	bench_finish(&b);
}

static void faults_lead_to_a_stub_each(void **state)
{
	const uint64_t idt = ARCH_SANDBOX_SYSTEM + MAP_IDT;
	const uint64_t stubs = ARCH_SANDBOX_SYSTEM + MAP_STUBS;
	struct bench b;

	bench_init(&b);
	for (unsigned int i = 0; i <= MAP_VECTORS; i++)
		assert_int_equal(word(&b, stubs + i * 16) & 0xffffff,
				 0xf400e6 | PORT_STUB << 8);
	for (unsigned int i = 0; i < MAP_VECTORS; i++) {
		uint64_t low = word(&b, idt + i * 16);
		uint64_t to = (low & 0xffff) | (low >> 48) << 16 |
			      word(&b, idt + i * 16 + 8) << 32;

		assert_true(to == MAP_HIGH + MAP_STUBS + i * 16);
		assert_int_equal(low >> 16 & 0xffff, SEL_KERNEL_CODE);
		assert_int_equal(low >> 40 & 0xff, i == 3 ? 0xee : 0x8e);
	}
	bench_finish(&b);
}

/* The most tables that any areas can need: each 2 MiB has its own. */
static void there_is_room_for_every_table(void **state)
{
	static struct arch_sandbox_area all[512];
	const struct arch_sandbox_info info = { 0 };
	uint64_t memory = 1 * GIB;
	uint64_t size = arch_sandbox_system_size(memory);
	uint8_t *system = calloc(1, size);
	struct mem mem = { 0 };

	assert_non_null(system);
	for (uint64_t i = 0; i < 512; i++)
		all[i] = (struct arch_sandbox_area){
			i * 2 * MIB + 0x10000, 0x1000, true, false,
		};
	assert_int_equal(mem_add(&mem, ARCH_SANDBOX_SYSTEM, size, system), 0);
	assert_int_equal(arch_sandbox_write(&mem, all, 512, &info), 0);
	free(system);
	memset(&mem, 0, sizeof(mem));
	system = calloc(1, PAGE * 8); /* too little is an error */
	assert_int_equal(mem_add(&mem, ARCH_SANDBOX_SYSTEM, PAGE * 8, system),
			 0);
	assert_int_equal(arch_sandbox_write(&mem, all, 512, &info), -EFAULT);
	free(system);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_what_the_areas_say),
		cmocka_unit_test(of_the_system_the_guest_sees_the_gate),
		cmocka_unit_test(nothing_else_is_mapped),
		cmocka_unit_test(two_ports_are_open),
		cmocka_unit_test(no_segment_can_be_loaded_by_the_guest),
		cmocka_unit_test(faults_lead_to_a_stub_each),
		cmocka_unit_test(there_is_room_for_every_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
