// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/handoff.c: the bytes that each boot protocol puts into RAM,
 * by the offsets of its specification, and that there are no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/handoff.h"
#include "arch/x86_64/layout.h"
#include "base/endian.h"
#include "base/num.h"

#define RAM  (2 * MIB)
#define HIGH (4 * GIB)
#define TEXT "console=ttyS0 x"

struct fixture {
	struct mem mem;
	uint8_t *ram;
	uint8_t high[4096]; /* RAM above the hole */
	struct handoff h;
	uint64_t arg;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->ram = malloc(RAM);
	memset(f->ram, 0xaa, RAM);
	f->h.cmdline = TEXT;
	f->h.rsdp = 0xe0000;
	*state = f;
	return mem_add(&f->mem, 0, RAM, f->ram) ||
	       mem_add(&f->mem, HIGH, 4096, f->high);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f);
	return 0;
}

/* The page at @gpa; outside it and the command line nothing is written. */
static const uint8_t *only_page(const struct fixture *f, uint64_t gpa,
				size_t size)
{
	for (size_t i = 0; i < RAM; i++)
		if (f->ram[i] != 0xaa && !(i - gpa < size) &&
		    !(i - LAYOUT_CMDLINE < sizeof(TEXT)))
			fail_msg("0x%zx is written", i);
	assert_memory_equal(f->ram + LAYOUT_CMDLINE, TEXT, sizeof(TEXT));
	assert_int_equal(f->arg, gpa);
	return f->ram + gpa;
}

/* Every byte of [from, to) is zero. */
static void assert_zero(const uint8_t *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (p[i])
			fail_msg("byte 0x%zx is %02x", i, p[i]);
}

/* Three words of a map entry, wherever it is. */
static void assert_map(const uint8_t *p, uint64_t gpa, uint64_t size,
		       uint32_t type)
{
	assert_true(le64_at(p) == gpa);
	assert_true(le64_at(p + 8) == size);
	assert_int_equal(le32_at(p + 16), type);
}

/* ---- Linux (boot.rst, zero-page.rst) ---- */

static void handoff_zero_page_for_a_vmlinux(void **state)
{
	struct fixture *f = *state;
	const struct boot_image image = { 0 };
	const uint8_t *zp;

	assert_int_equal(handoff_linux(&f->mem, &f->h, &image, NULL, &f->arg),
			 0);
	zp = only_page(f, LAYOUT_ZERO_PAGE, 4096);
	assert_zero(zp, 0, 0x70);
	assert_true(le64_at(zp + 0x70) == 0xe0000); /* acpi_rsdp_addr */
	assert_zero(zp, 0x78, 0x1e8);
	assert_int_equal(zp[0x1e8], 4); /* e820_entries */
	assert_zero(zp, 0x1e9, 0x1fa);
	assert_int_equal(le16_at(zp + 0x1fa), 0xffff); /* vid_mode */
	assert_zero(zp, 0x1fc, 0x1fe);
	assert_int_equal(le16_at(zp + 0x1fe), 0xaa55);
	assert_memory_equal(zp + 0x202, "HdrS", 4);
	assert_true(le16_at(zp + 0x206) >= 0x20c);
	assert_zero(zp, 0x208, 0x210);
	assert_int_equal(zp[0x210], 0xff); /* type_of_loader */
	assert_int_equal(zp[0x211] & 1, 1); /* LOADED_HIGH */
	assert_zero(zp, 0x212, 0x228);
	assert_int_equal(le32_at(zp + 0x228), LAYOUT_CMDLINE);
	assert_zero(zp, 0x22c, 0x230);
	assert_true(is_pow2(le32_at(zp + 0x230)));
	assert_true(le32_at(zp + 0x238) >= 4096);
	assert_zero(zp, 0x23c, 0x2d0);
	assert_map(zp + 0x2d0, 0, 0x9fc00, 1);
	assert_map(zp + 0x2e4, 0x9fc00, 0x60400, 2);
	assert_map(zp + 0x2f8, MIB, MIB, 1);
	assert_map(zp + 0x30c, HIGH, 4096, 1);
	assert_zero(zp, 0x320, 0x1000);
}

static void handoff_zero_page_takes_over_the_setup_header(void **state)
{
	struct fixture *f = *state;
	const struct boot_image image = { .setup_offset = 0x1f1,
					  .setup_size = 0x268 - 0x1f1 };
	uint8_t file[0x400];
	const uint8_t *zp;

	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(i | 1);
	f->h.modules = 1;
	f->h.module[0] = (struct handoff_module){ 0x123456000, 0x1000789ab };
	assert_int_equal(handoff_linux(&f->mem, &f->h, &image, file, &f->arg),
			 0);
	zp = only_page(f, LAYOUT_ZERO_PAGE, 4096);
	/* The kernel's own header ... */
	assert_memory_equal(zp + 0x1f1, file + 0x1f1, 0x1fa - 0x1f1);
	assert_memory_equal(zp + 0x1fc, file + 0x1fc, 0x210 - 0x1fc);
	assert_memory_equal(zp + 0x212, file + 0x212, 0x218 - 0x212);
	assert_memory_equal(zp + 0x220, file + 0x220, 0x228 - 0x220);
	assert_memory_equal(zp + 0x22c, file + 0x22c, 0x268 - 0x22c);
	assert_zero(zp, 0x268, 0x2d0);
	/* ... and what the loader fills in. */
	assert_int_equal(zp[0x210], 0xff);
	assert_int_equal(zp[0x211], file[0x211] | 1);
	assert_int_equal(le16_at(zp + 0x1fa), 0xffff);
	assert_int_equal(le32_at(zp + 0x228), LAYOUT_CMDLINE);
	assert_int_equal(le32_at(zp + 0x218), 0x23456000); /* ramdisk */
	assert_int_equal(le32_at(zp + 0x21c), 0x000789ab);
	assert_int_equal(le32_at(zp + 0x0c0), 1); /* their upper halves */
	assert_int_equal(le32_at(zp + 0x0c4), 1);
}

static void handoff_setup_header_never_leaves_the_zero_page(void **state)
{
	struct fixture *f = *state;
	struct boot_image image = { .setup_size = 0x1000 };
	static const uint8_t file[0x2000];

	/* More than there is room for: as if there were none. */
	assert_int_equal(handoff_linux(&f->mem, &f->h, &image, file, &f->arg),
			 0);
	only_page(f, LAYOUT_ZERO_PAGE, 4096);
	image.setup_size = SIZE_MAX;
	assert_int_equal(handoff_linux(&f->mem, &f->h, &image, file, &f->arg),
			 0);
	only_page(f, LAYOUT_ZERO_PAGE, 4096);
}

/* ---- PVH (Xen's hvm/start_info.h) ---- */

static void handoff_pvh_start_info(void **state)
{
	struct fixture *f = *state;
	const uint8_t *p;
	const uint8_t *map;

	assert_int_equal(handoff_pvh(&f->mem, &f->h, &f->arg), 0);
	p = only_page(f, LAYOUT_PVH_INFO, 4096);
	assert_int_equal(le32_at(p), 0x336ec578);
	assert_int_equal(le32_at(p + 4), 1);	/* version */
	assert_int_equal(le32_at(p + 8), 0);	/* flags */
	assert_int_equal(le32_at(p + 12), 0);	/* nr_modules */
	assert_true(le64_at(p + 16) == 0);	/* modlist_paddr */
	assert_true(le64_at(p + 24) == LAYOUT_CMDLINE);
	assert_true(le64_at(p + 32) == 0xe0000);
	assert_int_equal(le32_at(p + 48), 4);	/* memmap_entries */
	assert_int_equal(le32_at(p + 52), 0);	/* reserved */
	assert_in_range(le64_at(p + 40), LAYOUT_PVH_INFO + 56,
			LAYOUT_PVH_INFO + 4096 - 4 * 24);
	map = f->ram + le64_at(p + 40);
	assert_map(map, 0, 0x9fc00, 1);
	assert_map(map + 24, 0x9fc00, 0x60400, 2);
	assert_map(map + 48, MIB, MIB, 1);
	assert_map(map + 72, HIGH, 4096, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(le32_at(map + 24 * i + 20), 0);
}

static void handoff_pvh_module_is_the_initrd(void **state)
{
	struct fixture *f = *state;
	const uint8_t *module;
	const uint8_t *p;

	f->h.modules = 1;
	f->h.module[0] = (struct handoff_module){ 0x123456000, 0x1000789ab };
	assert_int_equal(handoff_pvh(&f->mem, &f->h, &f->arg), 0);
	p = only_page(f, LAYOUT_PVH_INFO, 4096);
	assert_int_equal(le32_at(p + 12), 1);
	assert_in_range(le64_at(p + 16), LAYOUT_PVH_INFO + 56,
			LAYOUT_PVH_INFO + 4096 - 32);
	module = f->ram + le64_at(p + 16);
	assert_true(le64_at(module) == 0x123456000);
	assert_true(le64_at(module + 8) == 0x1000789ab);
	assert_true(le64_at(module + 16) == 0); /* no text of its own */
	assert_true(le64_at(module + 24) == 0);
}

/* ---- Multiboot 0.6.96, 3.3 ---- */

static void handoff_multiboot_information(void **state)
{
	struct fixture *f = *state;
	const uint8_t *map;
	const uint8_t *p;

	assert_int_equal(handoff_multiboot(&f->mem, &f->h, &f->arg), 0);
	p = only_page(f, LAYOUT_MULTIBOOT, 4096);
	/* memory, command line, modules, memory map, loader's name */
	assert_int_equal(le32_at(p), 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	assert_int_equal(le32_at(p + 4), 639);	/* KiB below 640 */
	assert_int_equal(le32_at(p + 8), 1024); /* KiB from 1 MiB on */
	assert_zero(p, 12, 16);
	assert_int_equal(le32_at(p + 16), LAYOUT_CMDLINE);
	assert_int_equal(le32_at(p + 20), 0);
	assert_zero(p, 28, 44);
	assert_int_equal(le32_at(p + 44), 4 * 24);
	map = f->ram + le32_at(p + 48);
	for (int i = 0; i < 4; i++)
		assert_int_equal(le32_at(map + 24 * i), 20);
	assert_map(map + 4, 0, 0x9fc00, 1);
	assert_map(map + 28, 0x9fc00, 0x60400, 2);
	assert_map(map + 52, MIB, MIB, 1);
	assert_map(map + 76, HIGH, 4096, 1);
	assert_zero(p, 52, 64);
	assert_string_equal((const char *)f->ram + le32_at(p + 64), "vireo");
	assert_zero(p, 68, 120);
}

static void handoff_multiboot_has_a_module_per_file(void **state)
{
	struct fixture *f = *state;
	const uint8_t *list;
	const uint8_t *p;

	f->h.modules = HANDOFF_MAX_MODULES;
	for (uint32_t i = 0; i < HANDOFF_MAX_MODULES; i++)
		f->h.module[i] = (struct handoff_module){ 0x100000 + i * 4096,
							  100 + i };
	assert_int_equal(handoff_multiboot(&f->mem, &f->h, &f->arg), 0);
	p = only_page(f, LAYOUT_MULTIBOOT, 4096);
	assert_int_equal(le32_at(p + 20), HANDOFF_MAX_MODULES);
	list = f->ram + le32_at(p + 24);
	for (uint32_t i = 0; i < HANDOFF_MAX_MODULES; i++) {
		const uint8_t *m = list + 16 * i;

		assert_int_equal(le32_at(m), 0x100000 + i * 4096);
		assert_int_equal(le32_at(m + 4), 0x100000 + i * 4096 + 100 + i);
		assert_int_equal(le32_at(m + 12), 0);
	}
}

/* ---- limits ---- */

typedef int (*handoff_fn)(const struct mem *mem, const struct handoff *h,
			  uint64_t *arg);

static int handoff_vmlinux(const struct mem *mem, const struct handoff *h,
			   uint64_t *arg)
{
	const struct boot_image image = { 0 };

	return handoff_linux(mem, h, &image, NULL, arg);
}

static const handoff_fn all[] = { handoff_vmlinux, handoff_pvh,
				  handoff_multiboot };

static void B10_command_line_fills_its_place_and_no_more(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(LAYOUT_CMDLINE_MAX + 1);

	memset(text, 'c', LAYOUT_CMDLINE_MAX);
	text[LAYOUT_CMDLINE_MAX] = '\0';
	f->h.cmdline = text;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(all[i](&f->mem, &f->h, &f->arg), -ENOSPC);
	for (size_t i = 0; i < RAM; i++)
		assert_int_equal(f->ram[i], 0xaa);
	text[LAYOUT_CMDLINE_MAX - 1] = '\0';
	assert_int_equal(handoff_pvh(&f->mem, &f->h, &f->arg), 0);
	assert_int_equal(f->ram[LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX - 1], 0);
	assert_int_equal(f->ram[LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX], 0xaa);
	free(text);
}

static void handoff_without_ram_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t page[4096];
	struct mem tiny = { 0 };

	assert_int_equal(mem_add(&tiny, 0, sizeof(page), page), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(all[i](&tiny, &f->h, &f->arg), -EFAULT);
}

static void B12_multiboot_with_just_1_mib_has_no_upper_memory(void **state)
{
	struct fixture *f = *state;

	f->mem.count = 1;
	f->mem.region[0].size = MIB;
	assert_int_equal(handoff_multiboot(&f->mem, &f->h, &f->arg), 0);
	assert_int_equal(le32_at(f->ram + LAYOUT_MULTIBOOT + 8), 0);
	assert_int_equal(le32_at(f->ram + LAYOUT_MULTIBOOT + 44), 2 * 24);
}

#define RAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAM_TEST(handoff_zero_page_for_a_vmlinux),
		RAM_TEST(handoff_zero_page_takes_over_the_setup_header),
		RAM_TEST(handoff_setup_header_never_leaves_the_zero_page),
		RAM_TEST(handoff_pvh_start_info),
		RAM_TEST(handoff_pvh_module_is_the_initrd),
		RAM_TEST(handoff_multiboot_information),
		RAM_TEST(handoff_multiboot_has_a_module_per_file),
		RAM_TEST(B10_command_line_fills_its_place_and_no_more),
		RAM_TEST(handoff_without_ram_is_refused),
		RAM_TEST(B12_multiboot_with_just_1_mib_has_no_upper_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
