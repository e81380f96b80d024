// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/boot.c and image.c: who gets which image, flat images, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "images.h"

static void boot_empty_image_is_refused_in_every_format(void **state)
{
	static uint8_t byte;
	struct image none = { &byte, 0 };

	for (int f = BOOT_FORMAT_AUTO; f <= BOOT_FORMAT_FLAT; f++)
		assert_refused(&none, (enum boot_format)f, "empty");
}

static void B01_image_of_1_byte_is_refused_unless_flat(void **state)
{
	static uint8_t byte = 0xf4;
	struct image one = { &byte, 1 };
	struct boot_image out;
	struct err err;

	for (int f = BOOT_FORMAT_AUTO; f < BOOT_FORMAT_FLAT; f++)
		assert_refused(&one, (enum boot_format)f, "no");
	assert_int_equal(parse_exact(&out, &one, 1, BOOT_FORMAT_FLAT, &err), 0);
}

static void boot_failure_without_err_is_quiet(void **state)
{
	static const uint8_t zeros[64];
	struct boot_image out;

	assert_int_equal(boot_parse(&out, zeros, sizeof(zeros),
				    BOOT_FORMAT_AUTO, NULL),
			 -ENOEXEC);
}

static void boot_auto_never_takes_an_image_as_flat(void **state)
{
	static uint8_t zeros[512];
	struct image image = { zeros, sizeof(zeros) };

	assert_refused(&image, BOOT_FORMAT_AUTO, "format=flat");
}

static void boot_flat_is_loaded_where_a_bios_would(void **state)
{
	static uint8_t code[BOOT_FLAT_MAX + 1];
	struct image image = { code, BOOT_FLAT_MAX };
	struct boot_image out;
	struct err err;

	assert_int_equal(parse_exact(&out, &image, image.len, BOOT_FORMAT_FLAT,
				     &err),
			 0);
	assert_int_equal(out.format, BOOT_FORMAT_FLAT);
	assert_int_equal(out.entry, BOOT_ENTRY_REAL);
	assert_int_equal(out.entry_gpa, 0x7c00);
	assert_int_equal(out.segment[0].gpa, 0x7c00);
	assert_true(out.segment[0].gpa + out.segment[0].mem_size <= 0x9fc00);
}

static void B15_flat_image_over_512_kib_is_refused(void **state)
{
	static uint8_t code[BOOT_FLAT_MAX + 1];
	struct image image = { code, sizeof(code) };

	assert_refused(&image, BOOT_FORMAT_FLAT, "at most 524288");
}

/* "HdrS" is looked at first, in whatever it stands. */
static void B04_hdrs_in_an_elf_file_makes_it_a_bzimage(void **state)
{
	struct image image = image_elf(64);

	memcpy(image.bytes + 0x202, "HdrS", 4);
	assert_refused(&image, BOOT_FORMAT_AUTO, "bzImage");
	image_free(&image);
}

static void B04_elf_magic_in_a_bzimage_changes_nothing(void **state)
{
	struct image image = image_bzimage();
	struct boot_image out;
	struct err err;

	memcpy(image.bytes, "\177ELF", 4);
	assert_int_equal(parse_exact(&out, &image, image.len, BOOT_FORMAT_AUTO,
				     &err),
			 0);
	assert_int_equal(out.format, BOOT_FORMAT_BZIMAGE);
	assert_refused(&image, BOOT_FORMAT_PVH, "ELF file");
	image_free(&image);
}

static void B04_damaged_bzimage_is_not_tried_as_multiboot(void **state)
{
	struct image image = image_bzimage();
	struct image other = image_multiboot();

	memcpy(image.bytes, other.bytes, 0x100);
	put16(image.bytes + 0x1fe, 0);
	assert_refused(&image, BOOT_FORMAT_AUTO, "damaged bzImage");
	image_free(&image);
	image_free(&other);
}

static void boot_forced_wrong_format_is_refused(void **state)
{
	struct image elf = image_elf(64);

	assert_refused(&elf, BOOT_FORMAT_BZIMAGE, "not a bzImage");
	assert_refused(&elf, BOOT_FORMAT_MULTIBOOT, "not a multiboot image");
	image_free(&elf);
}

static void B07_images_for_others_are_refused(void **state)
{
	static const struct {
		size_t at;
		const char *magic;
		size_t len;
		const char *word;
	} others[] = {
		{ 0x38, "ARM\x64", 4, "arm64" },
		{ 0x38, "RSC\x05", 4, "riscv" },
		{ 0, "MZ\0\0zimg", 8, "zboot" },
		{ 0, "MZ\x90", 3, "EFI program" },
		{ 0, "\xd0\x0d\xfe\xed", 4, "devicetree" },
		{ 0, "070701", 6, "cpio" },
		{ 0, "!<arch>\n", 8, "archive" },
		{ 0, "#!/bin/sh\n", 10, "script" },
	};
	uint8_t bytes[64];
	struct image image = { bytes, sizeof(bytes) };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes + others[i].at, others[i].magic, others[i].len);
		assert_refused(&image, BOOT_FORMAT_AUTO, others[i].word);
	}
}

static void B07_arm64_image_names_this_machine_too(void **state)
{
	uint8_t bytes[0x3c] = { 0 };
	struct image image = { bytes, sizeof(bytes) };

	put32(bytes + 0x38, 0x644d5241);
	assert_refused(&image, BOOT_FORMAT_AUTO, "x86_64");
	image.len--;
	assert_refused(&image, BOOT_FORMAT_AUTO, "not a kernel image");
}

static void B08_compressed_image_is_refused_by_kind(void **state)
{
	static const char *const magics[] = {
		"\x1f\x8b",
		"\xfd\x37zXZ",
		"\x28\xb5\x2f\xfd",
		"\x02\x21\x4c\x18",
	};
	static const char *const words[] = { "gzip", "xz", "zstd", "lz4" };
	uint8_t bytes[16] = { 0 };
	struct image image = { bytes, sizeof(bytes) };

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, magics[i], strlen(magics[i]));
		assert_refused(&image, BOOT_FORMAT_AUTO, words[i]);
		assert_refused(&image, BOOT_FORMAT_AUTO, "unpack it first");
	}
}

static void boot_format_words_are_read_and_written(void **state)
{
	static const char *const words[] = { "auto",  "bzimage",   "pvh",
					     "linux", "multiboot", "flat" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		enum boot_format format;

		assert_int_equal(boot_format_parse(&format, words[i]), 0);
		assert_int_equal(format, i);
		assert_string_equal(boot_format_name(format), words[i]);
	}
}

static void boot_format_unknown_word_is_refused(void **state)
{
	static const char *const words[] = { "", "elf", "PVH", "pvh ", "au" };
	enum boot_format format;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(boot_format_parse(&format, words[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_empty_image_is_refused_in_every_format),
		cmocka_unit_test(B01_image_of_1_byte_is_refused_unless_flat),
		cmocka_unit_test(boot_failure_without_err_is_quiet),
		cmocka_unit_test(boot_auto_never_takes_an_image_as_flat),
		cmocka_unit_test(boot_flat_is_loaded_where_a_bios_would),
		cmocka_unit_test(B15_flat_image_over_512_kib_is_refused),
		cmocka_unit_test(B04_hdrs_in_an_elf_file_makes_it_a_bzimage),
		cmocka_unit_test(B04_elf_magic_in_a_bzimage_changes_nothing),
		cmocka_unit_test(B04_damaged_bzimage_is_not_tried_as_multiboot),
		cmocka_unit_test(boot_forced_wrong_format_is_refused),
		cmocka_unit_test(B07_images_for_others_are_refused),
		cmocka_unit_test(B07_arm64_image_names_this_machine_too),
		cmocka_unit_test(
			B08_compressed_image_is_refused_by_kind),
		cmocka_unit_test(boot_format_words_are_read_and_written),
		cmocka_unit_test(boot_format_unknown_word_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
