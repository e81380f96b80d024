// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/regs.c: the state that each boot protocol asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/regs.h"
#include "base/endian.h"
#include "base/num.h"

/* What KVM has after reset: real mode at the reset vector. */
static struct kvm_sregs reset_state(void)
{
	struct kvm_sregs s = {
		.cs = { .base = 0xffff0000, .selector = 0xf000,
			.limit = 0xffff, .type = 11, .present = 1, .s = 1 },
		.ds = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 },
		.cr0 = 0x60000010,
		.apic_base = 0xfee00900,
	};

	s.es = s.fs = s.gs = s.ss = s.ds;
	s.ss.selector = 0x1234;
	s.ss.base = 0x12340;
	return s;
}

static void assert_flat(const struct kvm_segment *s, uint16_t selector,
			unsigned int type, unsigned int l)
{
	assert_int_equal(s->base, 0);
	assert_int_equal(s->limit, 0xffffffff);
	assert_int_equal(s->selector, selector);
	assert_int_equal(s->type, type);
	assert_int_equal(s->present, 1);
	assert_int_equal(s->s, 1);
	assert_int_equal(s->g, 1);
	assert_int_equal(s->dpl, 0);
	assert_int_equal(s->l, l);
	assert_int_equal(s->db, !l);
}

static void regs_for_linux_are_long_mode_with_the_zero_page(void **state)
{
	const struct arch_entry entry = { BOOT_ENTRY_LINUX64, 0x1000200,
					  LAYOUT_ZERO_PAGE };
	struct kvm_sregs s = reset_state();
	struct kvm_regs r;

	memset(&r, 0xff, sizeof(r));
	regs_for_entry(&r, &s, &entry);
	assert_int_equal(r.rip, 0x1000200);
	assert_int_equal(r.rsi, LAYOUT_ZERO_PAGE);
	assert_int_equal(r.rsp, LAYOUT_BOOT_STACK);
	assert_int_equal(r.rflags, 2); /* interrupts are off */
	assert_int_equal(r.rax | r.rbx | r.rcx | r.rdx | r.rdi | r.rbp, 0);
	assert_flat(&s.cs, 0x10, 11, 1);
	assert_flat(&s.ds, 0x18, 3, 0);
	assert_flat(&s.es, 0x18, 3, 0);
	assert_flat(&s.ss, 0x18, 3, 0);
	assert_int_equal(s.cr0 & 0x80000001, 0x80000001); /* PG, PE */
	assert_int_equal(s.cr3, LAYOUT_PML4);
	assert_int_equal(s.cr4 & 0x20, 0x20);
	assert_int_equal(s.efer & 0x500, 0x500); /* LME, LMA */
	assert_int_equal(s.gdt.base, LAYOUT_GDT);
	assert_int_equal(s.apic_base, 0xfee00900); /* is left alone */
}

static void assert_32_bit(const struct kvm_sregs *s)
{
	assert_flat(&s->cs, s->cs.selector, 11, 0);
	assert_flat(&s->ds, s->ds.selector, 3, 0);
	assert_flat(&s->ss, s->ss.selector, 3, 0);
	assert_int_equal(s->cr0 & 0x80000001, 1); /* PE, no paging */
	assert_int_equal(s->cr3, 0);
	assert_int_equal(s->cr4, 0);
	assert_int_equal(s->efer, 0);
	assert_int_equal(s->tr.limit, 0x67);
	assert_int_equal(s->tr.type, 11); /* busy, as PVH asks */
	assert_int_equal(s->tr.s, 0);
	assert_int_equal(s->tr.base, 0);
}

static void regs_for_pvh_are_32_bit_with_the_start_info(void **state)
{
	const struct arch_entry entry = { BOOT_ENTRY_PVH, 0x100020,
					  LAYOUT_PVH_INFO };
	struct kvm_sregs s = reset_state();
	struct kvm_regs r;

	regs_for_entry(&r, &s, &entry);
	assert_int_equal(r.rip, 0x100020);
	assert_int_equal(r.rbx, LAYOUT_PVH_INFO);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(r.rax, 0);
	assert_32_bit(&s);
}

static void regs_for_multiboot_carry_the_magic(void **state)
{
	const struct arch_entry entry = { BOOT_ENTRY_MULTIBOOT, 0x100040,
					  LAYOUT_MULTIBOOT };
	struct kvm_sregs s = reset_state();
	struct kvm_regs r;

	regs_for_entry(&r, &s, &entry);
	assert_int_equal(r.rip, 0x100040);
	assert_int_equal(r.rax, 0x2badb002);
	assert_int_equal(r.rbx, LAYOUT_MULTIBOOT);
	assert_int_equal(r.rflags, 2);
	assert_32_bit(&s);
}

static void regs_for_flat_are_real_mode_at_0x7c00(void **state)
{
	const struct arch_entry entry = { BOOT_ENTRY_REAL, 0x7c00, 0 };
	const struct kvm_sregs before = reset_state();
	struct kvm_sregs s = before;
	struct kvm_regs r;

	regs_for_entry(&r, &s, &entry);
	assert_int_equal(r.rip, 0x7c00);
	assert_int_equal(r.rsp, 0x7c00);
	assert_int_equal(s.cs.base, 0);
	assert_int_equal(s.cs.selector, 0);
	assert_int_equal(s.ss.base, 0);
	assert_int_equal(s.ss.selector, 0);
	assert_int_equal(s.cs.limit, 0xffff);
	assert_int_equal(s.cr0, before.cr0);
}

/* ---- tables in RAM ---- */

struct fixture {
	struct mem mem;
	uint8_t *ram;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = malloc(MIB);
	memset(f->ram, 0xaa, MIB);
	*state = f;
	return mem_add(&f->mem, 0, MIB, f->ram);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f);
	return 0;
}

/* Nothing but [a, a+alen) and [b, b+blen) has been written. */
static void assert_rest_untouched(const struct fixture *f, size_t a,
				  size_t alen, size_t b, size_t blen)
{
	for (size_t i = 0; i < MIB; i++)
		if (f->ram[i] != 0xaa && !(i - a < alen) && !(i - b < blen))
			fail_msg("0x%zx is written", i);
}

/* Walks the tables as the CPU does (SDM volume 3, 4.5). */
static uint64_t translate(const struct fixture *f, uint64_t addr)
{
	uint64_t table = LAYOUT_PML4;

	for (int shift = 39; shift >= 21; shift -= 9) {
		uint64_t e = le64_at(f->ram + table +
				     8 * (addr >> shift & 511));

		if ((e & 3) != 3)
			return UINT64_MAX;
		if (e & 0x80)
			return (e & ~UINT64_C(0x1fffff)) | (addr & 0x1fffff);
		table = e & ~UINT64_C(0xfff);
	}
	return UINT64_MAX;
}

static void regs_tables_for_linux_map_4_gib_one_to_one(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_LINUX64), 0);
	for (uint64_t a = 0; a < 4 * GIB; a += 2 * MIB)
		assert_true(translate(f, a + 0x1234) == a + 0x1234);
	assert_true(translate(f, 4 * GIB) == UINT64_MAX);
	assert_true(translate(f, UINT64_C(1) << 39) == UINT64_MAX);
	assert_true(translate(f, UINT64_C(1) << 47) == UINT64_MAX);
	assert_rest_untouched(f, LAYOUT_GDT, 48, LAYOUT_PML4, 6 * 4096);
}

static void regs_gdt_holds_what_the_segments_say(void **state)
{
	const struct fixture *f = *state;
	const uint8_t *gdt = f->ram + LAYOUT_GDT;

	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_LINUX64), 0);
	assert_true(le64_at(gdt) == 0);
	assert_true(le64_at(gdt + 8) == 0);
	assert_true(le64_at(gdt + 0x10) == 0x00af9b000000ffff);
	assert_true(le64_at(gdt + 0x18) == 0x00cf93000000ffff);
	assert_true(le64_at(gdt + 0x20) == 0x00008b0000000067);
	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_PVH), 0);
	assert_true(le64_at(gdt + 0x10) == 0x00cf9b000000ffff);
}

static void regs_tables_of_32_bit_entries_are_a_gdt_alone(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_PVH), 0);
	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_MULTIBOOT), 0);
	assert_rest_untouched(f, LAYOUT_GDT, 48, 0, 0);
}

static void regs_tables_of_flat_images_are_none(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(regs_write_tables(&f->mem, BOOT_ENTRY_REAL), 0);
	assert_rest_untouched(f, 0, 0, 0, 0);
}

static void regs_tables_without_ram_are_refused(void **state)
{
	const struct mem none = { 0 };

	assert_int_equal(regs_write_tables(&none, BOOT_ENTRY_PVH), -EFAULT);
	assert_int_equal(regs_write_tables(&none, BOOT_ENTRY_LINUX64),
			 -EFAULT);
}

#define RAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			regs_for_linux_are_long_mode_with_the_zero_page),
		cmocka_unit_test(regs_for_pvh_are_32_bit_with_the_start_info),
		cmocka_unit_test(regs_for_multiboot_carry_the_magic),
		cmocka_unit_test(regs_for_flat_are_real_mode_at_0x7c00),
		RAM_TEST(regs_tables_for_linux_map_4_gib_one_to_one),
		RAM_TEST(regs_gdt_holds_what_the_segments_say),
		RAM_TEST(regs_tables_of_32_bit_entries_are_a_gdt_alone),
		RAM_TEST(regs_tables_of_flat_images_are_none),
		RAM_TEST(regs_tables_without_ram_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
