// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/load.c: images, initrds and command lines in RAM, and what
 * does not fit. Files are made here; RAM is a fake of 4 MiB or more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "arch/arch.h"
#include "arch/x86_64/layout.h"
#include "base/endian.h"
#include "base/num.h"
#include "board/board.h"
#include "images.h"

#define OWN      "console=ttyS0 panic=-1 pci=off"
#define FREE     0xaa /* what RAM is full of before */
#define ELF_END  0x301000 /* of image_elf() in RAM */
#define BZ_GPA   0x1000000
#define BZ_NEEDS 0x3000000 /* init_size of image_bzimage() */

struct fixture {
	char dir[32];
	struct config cfg;
	struct board board;
	struct log log;
	char logged[512];
	uint8_t *ram;
	uint64_t size;
	struct arch_entry entry;
	struct err err;
};

static void note_log(void *ctx, int level, const char *line)
{
	struct fixture *f = ctx;

	snprintf(f->logged, sizeof(f->logged), "%s", line);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->dir, "/tmp/vireo-load-XXXXXX");
	config_init(&f->cfg);
	f->log = (struct log){ LOG_LEVEL_DEBUG, note_log, f };
	f->board.cfg = &f->cfg;
	f->board.log = &f->log;
	return mkdtemp(f->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	free(f->ram);
	free(f);
	return system(command);
}

static void give_ram(struct fixture *f, uint64_t size)
{
	free(f->ram);
	f->ram = malloc(size);
	assert_non_null(f->ram);
	memset(f->ram, FREE, size);
	f->size = size;
	f->cfg.memory = size;
	memset(&f->board.mem, 0, sizeof(f->board.mem));
	assert_int_equal(mem_add(&f->board.mem, 0, size, f->ram), 0);
}

/* A file of @len bytes, the first @have of them from @bytes. */
static const char *make_file(struct fixture *f, const char *name,
			     const void *bytes, size_t have, size_t len)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, have), have);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	close(fd);
	return path;
}

/* The kernel is @image, which is freed. */
static void give_kernel(struct fixture *f, struct image image)
{
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "%s",
		 make_file(f, "kernel", image.bytes, image.len, image.len));
	image_free(&image);
}

static void give_initrd(struct fixture *f, const char *bytes, size_t len)
{
	char name[16];
	const char *path;

	snprintf(name, sizeof(name), "initrd%u", f->cfg.initrds);
	path = make_file(f, name, bytes, strlen(bytes), len);
	snprintf(f->cfg.initrd[f->cfg.initrds++], CONFIG_PATH_MAX, "%s", path);
}

static void load(struct fixture *f)
{
	f->err = (struct err){ 0 };
	if (arch_load(&f->board, &f->entry, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void assert_not_loaded(struct fixture *f, const char *key,
			      const char *word)
{
	f->err = (struct err){ 0 };
	assert_true(arch_load(&f->board, &f->entry, &f->err) < 0);
	assert_string_equal(f->err.key, key);
	if (!strstr(f->err.text, word))
		fail_msg("\"%s\" is not in \"%s\"", word, f->err.text);
	/* Nobody has to ask. */
	assert_true(arch_load(&f->board, &f->entry, NULL) < 0);
}

struct part {
	uint64_t gpa, size;
};

/* Nothing but these, and the boot structures in low memory, was written. */
static void assert_rest_free(const struct fixture *f, const struct part *parts)
{
	uint64_t at = LAYOUT_ACPI;

	for (; parts->size; at = parts->gpa + parts->size, parts++)
		for (uint64_t i = at; i < parts->gpa; i++)
			assert_int_equal(f->ram[i], FREE);
	for (; at < f->size; at++)
		assert_int_equal(f->ram[at], FREE);
	for (uint64_t i = LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX;
	     i < LAYOUT_ACPI; i++)
		assert_int_equal(f->ram[i], FREE);
}

static const char *cmdline(const struct fixture *f)
{
	return (const char *)f->ram + LAYOUT_CMDLINE;
}

/* ---- kernels ---- */

static void load_pvh_elf_puts_its_segments_and_nothing_else(void **state)
{
	static const struct part parts[] = { { 0x100000, 0x100 }, { 0, 0 } };
	struct image image = image_elf(64);
	struct fixture *f = *state;

	memset(image.bytes + ELF_TEXT, 0x90, 0x100);
	give_kernel(f, image);
	give_ram(f, 4 * MIB);
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_PVH);
	assert_int_equal(f->entry.pc, 0x100020);
	assert_int_equal(f->entry.arg, LAYOUT_PVH_INFO);
	for (int i = 0; i < 0x100; i++)
		assert_int_equal(f->ram[0x100000 + i], 0x90);
	assert_rest_free(f, parts);
	assert_int_equal(le32_at(f->ram + LAYOUT_PVH_INFO), 0x336ec578);
	assert_true(le64_at(f->ram + LAYOUT_PVH_INFO + 32) == LAYOUT_ACPI);
	assert_string_equal(cmdline(f), OWN);
}

static void load_linux_elf_enters_in_long_mode(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	f->cfg.format = BOOT_FORMAT_LINUX;
	give_ram(f, 4 * MIB);
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_LINUX64);
	assert_int_equal(f->entry.pc, 0x100010);
	assert_int_equal(f->entry.arg, LAYOUT_ZERO_PAGE);
	assert_true(le64_at(f->ram + LAYOUT_PML4) == (LAYOUT_PDPT | 3));
}

static void load_multiboot_enters_with_its_information(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_multiboot());
	give_ram(f, 4 * MIB);
	memcpy(f->cfg.cmdline, "smp=2", 6);
	load(f);
	assert_string_equal(cmdline(f), "kernel smp=2"); /* no Linux words */
	assert_true(f->entry.kind == BOOT_ENTRY_MULTIBOOT &&
		    f->entry.pc == 0x100040);
	assert_int_equal(f->entry.arg, LAYOUT_MULTIBOOT);
	assert_int_equal(le32_at(f->ram + 0x100000 + MB_HEADER), 0x1badb002);
}

static void load_flat_goes_to_0x7c00_alone(void **state)
{
	struct fixture *f = *state;
	struct image image = { calloc(1, 512), 512 };

	memset(image.bytes, 0x90, 512);
	give_kernel(f, image);
	f->cfg.format = BOOT_FORMAT_FLAT;
	give_ram(f, MIB);
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_REAL);
	assert_int_equal(f->entry.pc, 0x7c00);
	for (uint64_t i = 0; i < MIB; i++)
		assert_int_equal(f->ram[i], i - 0x7c00 < 512 ? 0x90 : FREE);
}

static void load_bzimage_has_its_header_in_the_zero_page(void **state)
{
	static const struct part parts[] = { { BZ_GPA, BZ_KERNEL }, { 0, 0 } };
	struct image image = image_bzimage();
	struct fixture *f = *state;

	memset(image.bytes + BZ_SETUP, 0x90, BZ_KERNEL - 16);
	give_kernel(f, image);
	give_ram(f, BZ_GPA + BZ_NEEDS);
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_LINUX64);
	assert_int_equal(f->entry.pc, BZ_GPA + 0x200);
	assert_memory_equal(f->ram + LAYOUT_ZERO_PAGE + 0x202, "HdrS", 4);
	assert_int_equal(le32_at(f->ram + LAYOUT_ZERO_PAGE + 0x260), BZ_NEEDS);
	assert_int_equal(f->ram[BZ_GPA], 0x90);
	assert_rest_free(f, parts);
}

static void B12_kernel_that_needs_more_ram_is_refused_by_figures(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_bzimage());
	give_ram(f, BZ_GPA + BZ_NEEDS - 4096);
	assert_not_loaded(f, "memory", "needs RAM up to 64 MiB, the VM has 63");
	give_ram(f, MIB);
	assert_not_loaded(f, "memory", "--memory");
	give_kernel(f, image_elf(64));
	give_ram(f, ELF_END - 4096);
	assert_not_loaded(f, "memory", "needs RAM up to 4 MiB");
	give_ram(f, ELF_END);
	load(f);
}

static void B03_init_size_beyond_all_ram_is_refused(void **state)
{
	struct image image = image_bzimage();
	struct fixture *f = *state;

	put32(image.bytes + 0x260, 0xfffff000);
	give_kernel(f, image);
	give_ram(f, BZ_GPA + BZ_NEEDS);
	assert_not_loaded(f, "memory", "--memory");
}

static void B05_segments_without_ram_below_them_are_refused(void **state)
{
	static const uint64_t places[] = { 0xc0000000, 0xfee00000, 4 * GIB,
					   UINT64_C(1) << 62 };
	struct fixture *f = *state;

	give_ram(f, 4 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct image image = image_elf(64);

		put64(elf_phdr(&image, 1) + 24, places[i]); /* p_paddr */
		give_kernel(f, image);
		assert_not_loaded(f, "memory", "--memory");
	}
}

static void B05_segment_over_the_boot_structures_is_refused(void **state)
{
	static const uint64_t places[] = { LAYOUT_ZERO_PAGE, LAYOUT_PML4,
					   LAYOUT_CMDLINE, LAYOUT_ACPI, 0 };
	struct fixture *f = *state;

	give_ram(f, 4 * MIB);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct image image = image_elf(64);

		put64(elf_phdr(&image, 1) + 24, places[i]);
		give_kernel(f, image);
		assert_not_loaded(f, "kernel", "low memory");
		for (uint64_t k = 0; k < f->size; k++)
			assert_int_equal(f->ram[k], FREE);
	}
}

static void B01_kernel_that_is_no_image_is_refused_by_its_name(void **state)
{
	struct image image = { calloc(1, 4096), 4096 };
	struct fixture *f = *state;

	give_ram(f, 4 * MIB);
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "%s/none", f->dir);
	assert_not_loaded(f, "kernel", f->cfg.kernel);
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "%s", f->dir);
	assert_not_loaded(f, "kernel", "directory");
	give_kernel(f, image);
	assert_not_loaded(f, "kernel", f->cfg.kernel);
}

/* ---- initrds ---- */

static void load_initrd_lies_at_the_top_on_a_page(void **state)
{
	static const struct part parts[] = { { 0x100000, 0x100 },
					     { 0x3fe000, 0x1001 },
					     { 0, 0 } };
	struct fixture *f = *state;
	const uint8_t *info;

	give_kernel(f, image_elf(64));
	give_initrd(f, "first", 0x1001);
	give_ram(f, 4 * MIB);
	load(f);
	assert_memory_equal(f->ram + 0x3fe000, "first\0\0", 7);
	assert_rest_free(f, parts);
	info = f->ram + LAYOUT_PVH_INFO;
	assert_int_equal(le32_at(info + 12), 1);
	info = f->ram + le64_at(info + 16);
	assert_true(le64_at(info) == 0x3fe000);
	assert_true(le64_at(info + 8) == 0x1001);
}

static void load_initrds_are_joined_on_4_byte_boundaries(void **state)
{
	struct fixture *f = *state;
	const uint8_t *zp;

	give_kernel(f, image_elf(64));
	f->cfg.format = BOOT_FORMAT_LINUX;
	give_initrd(f, "abcde", 5);
	give_initrd(f, "fg", 2);
	give_ram(f, 4 * MIB);
	load(f);
	assert_memory_equal(f->ram + 0x3ff000, "abcde\0\0\0fg\xaa", 11);
	zp = f->ram + LAYOUT_ZERO_PAGE;
	assert_int_equal(le32_at(zp + 0x218), 0x3ff000);
	assert_int_equal(le32_at(zp + 0x21c), 10);
}

static void load_multiboot_gets_one_module_per_initrd(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info, *list;

	give_kernel(f, image_multiboot());
	give_initrd(f, "abcde", 5);
	give_initrd(f, "fg", 2);
	give_ram(f, 4 * MIB);
	load(f);
	info = f->ram + LAYOUT_MULTIBOOT;
	assert_int_equal(le32_at(info + 20), 2);
	list = f->ram + le32_at(info + 24);
	assert_memory_equal(f->ram + le32_at(list), "abcde", 5);
	assert_int_equal(le32_at(list + 4) - le32_at(list), 5);
	assert_memory_equal(f->ram + le32_at(list + 16), "fg", 2);
	assert_int_equal(le32_at(list + 20) - le32_at(list + 16), 2);
}

static void B09_initrd_larger_than_ram_is_refused(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	give_initrd(f, "", 8 * MIB);
	give_ram(f, 4 * MIB);
	assert_not_loaded(f, "memory", "--memory");
}

static void B09_initrd_that_would_meet_the_kernel_is_refused(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	give_initrd(f, "x", 4 * MIB - ELF_END + 1);
	give_ram(f, 4 * MIB);
	assert_not_loaded(f, "memory", "needs RAM up to 5 MiB, the VM has 4");
	f->cfg.initrds = 0;
	give_initrd(f, "x", 4 * MIB - ELF_END);
	load(f);
	assert_int_equal(f->ram[ELF_END], 'x');
	/* Two of them, each of which would fit. */
	f->cfg.initrds = 0;
	give_initrd(f, "x", 600 * 1024);
	give_initrd(f, "y", 600 * 1024);
	assert_not_loaded(f, "memory", "--memory");
}

static void B09_empty_and_absent_initrds_are_refused(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	give_ram(f, 4 * MIB);
	give_initrd(f, "", 0);
	assert_not_loaded(f, "initrd", "empty");
	snprintf(f->cfg.initrd[0], CONFIG_PATH_MAX, "/nowhere/initrd");
	assert_not_loaded(f, "initrd", "/nowhere/initrd");
	snprintf(f->cfg.initrd[0], CONFIG_PATH_MAX, "/dev/zero");
	assert_not_loaded(f, "initrd", "not a regular file");
}

static void B09_initrd_stays_below_what_the_kernel_can_reach(void **state)
{
	struct image image = image_bzimage();
	struct fixture *f = *state;

	put32(image.bytes + 0x22c, BZ_GPA + BZ_NEEDS + 0x1000);
	give_kernel(f, image);
	give_initrd(f, "x", 4097);
	give_ram(f, BZ_GPA + BZ_NEEDS + MIB);
	load(f);
	assert_int_equal(le32_at(f->ram + LAYOUT_ZERO_PAGE + 0x218),
			 BZ_GPA + BZ_NEEDS);
	image = image_bzimage();
	put32(image.bytes + 0x22c, BZ_GPA + BZ_NEEDS + 0xfff);
	give_kernel(f, image);
	assert_not_loaded(f, "memory", "--memory");
	image = image_bzimage();
	put32(image.bytes + 0x22c, 0x1000);
	give_kernel(f, image);
	assert_not_loaded(f, "memory", "--memory");
}

/* ---- command lines ---- */

static void load_command_line_is_ours_and_then_the_users(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	give_ram(f, 4 * MIB);
	strcpy(f->cfg.cmdline, "quiet");
	load(f);
	assert_string_equal(cmdline(f), OWN " quiet");
	f->cfg.console[0].kind = CONSOLE_NONE;
	load(f);
	assert_string_equal(cmdline(f), "panic=-1 pci=off quiet");
	f->cfg.cmdline_only = true;
	load(f);
	assert_string_equal(cmdline(f), "quiet");
	f->cfg.cmdline[0] = '\0';
	load(f);
	assert_string_equal(cmdline(f), "");
}

static void B10_command_line_over_the_kernels_limit_is_refused(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_bzimage()); /* takes 2047 */
	give_ram(f, BZ_GPA + BZ_NEEDS);
	f->cfg.cmdline_only = true;
	memset(f->cfg.cmdline, 'c', 2048);
	assert_not_loaded(f, "cmdline", "2048 bytes, this kernel takes 2047");
	f->cfg.cmdline[2047] = '\0';
	load(f);
	assert_int_equal(strlen(cmdline(f)), 2047);
	f->cfg.cmdline_only = false; /* ours counts, too */
	assert_not_loaded(f, "cmdline", "this kernel takes 2047");
}

static void B10_longest_command_line_of_the_config_fits(void **state)
{
	struct fixture *f = *state;

	give_kernel(f, image_elf(64));
	give_ram(f, 4 * MIB);
	memset(f->cfg.cmdline, 'c', CONFIG_CMDLINE_MAX - 1);
	load(f);
	assert_int_equal(strlen(cmdline(f)),
			 sizeof(OWN) + CONFIG_CMDLINE_MAX - 1);
}

/* A bzImage whose payload is @bytes. */
static struct image packed(const uint8_t *bytes, size_t len)
{
	struct image image = image_bzimage();

	assert_true(len <= 0x200);
	put32(image.bytes + 0x248, 0x200);
	put32(image.bytes + 0x24c, (uint32_t)len);
	memcpy(image.bytes + BZ_SETUP + 0x200, bytes, len);
	return image;
}

static size_t gzip(uint8_t *out, size_t cap, const struct image *image)
{
	z_stream z = { .next_in = image->bytes,
		       .avail_in = (unsigned int)image->len,
		       .next_out = out,
		       .avail_out = (unsigned int)cap };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out;
}

static void load_unpack_enters_the_inner_kernel(void **state)
{
	struct image inner = image_elf(64);
	struct fixture *f = *state;
	uint8_t gz[0x200];
	size_t len = gzip(gz, sizeof(gz), &inner);

	image_free(&inner);
	give_kernel(f, packed(gz, len));
	give_ram(f, 4 * MIB); /* the outer one would need 64 */
	assert_not_loaded(f, "memory", "--memory");
	f->cfg.unpack = true;
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_PVH);
	assert_int_equal(f->entry.pc, 0x100020);
}

static void B08_payload_not_unpacked_is_left_to_the_kernel(void **state)
{
	static const uint8_t junk[32] = "no compression anybody knows";
	struct image inner = image_multiboot();
	struct fixture *f = *state;
	uint8_t gz[0x200];
	size_t len = gzip(gz, sizeof(gz), &inner);

	image_free(&inner);
	f->cfg.unpack = true;
	give_ram(f, BZ_GPA + BZ_NEEDS);
	give_kernel(f, packed(junk, sizeof(junk)));
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_LINUX64);
	assert_non_null(strstr(f->logged, "not unpacked on the host"));
	give_kernel(f, packed(gz, len)); /* not an ELF inside */
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_LINUX64);
	gz[len / 2] ^= 0x55;
	give_kernel(f, packed(gz, len));
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_LINUX64);
	give_kernel(f, image_elf(64)); /* nothing to unpack: a word, no harm */
	load(f);
	assert_int_equal(f->entry.kind, BOOT_ENTRY_PVH);
	assert_non_null(strstr(f->logged, "nothing to unpack"));
}

#define LOAD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(load_pvh_elf_puts_its_segments_and_nothing_else),
		LOAD_TEST(load_linux_elf_enters_in_long_mode),
		LOAD_TEST(load_multiboot_enters_with_its_information),
		LOAD_TEST(load_flat_goes_to_0x7c00_alone),
		LOAD_TEST(load_bzimage_has_its_header_in_the_zero_page),
		LOAD_TEST(B12_kernel_that_needs_more_ram_is_refused_by_figures),
		LOAD_TEST(B03_init_size_beyond_all_ram_is_refused),
		LOAD_TEST(B05_segments_without_ram_below_them_are_refused),
		LOAD_TEST(B05_segment_over_the_boot_structures_is_refused),
		LOAD_TEST(B01_kernel_that_is_no_image_is_refused_by_its_name),
		LOAD_TEST(load_initrd_lies_at_the_top_on_a_page),
		LOAD_TEST(load_initrds_are_joined_on_4_byte_boundaries),
		LOAD_TEST(load_multiboot_gets_one_module_per_initrd),
		LOAD_TEST(B09_initrd_larger_than_ram_is_refused),
		LOAD_TEST(B09_initrd_that_would_meet_the_kernel_is_refused),
		LOAD_TEST(B09_empty_and_absent_initrds_are_refused),
		LOAD_TEST(B09_initrd_stays_below_what_the_kernel_can_reach),
		LOAD_TEST(load_command_line_is_ours_and_then_the_users),
		LOAD_TEST(B10_command_line_over_the_kernels_limit_is_refused),
		LOAD_TEST(B10_longest_command_line_of_the_config_fits),
		LOAD_TEST(load_unpack_enters_the_inner_kernel),
		LOAD_TEST(B08_payload_not_unpacked_is_left_to_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
