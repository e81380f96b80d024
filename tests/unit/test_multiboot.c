// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/multiboot.c: by addresses in the header, and as ELF. */
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

static int setup(void **state)
{
	struct image *image = test_malloc(sizeof(*image));

	*image = image_multiboot();
	*state = image;
	return 0;
}

static int teardown(void **state)
{
	image_free(*state);
	test_free(*state);
	return 0;
}

static void set_flags(uint8_t *header, uint32_t flags)
{
	put32(header, 0x1badb002);
	put32(header + 4, flags);
	put32(header + 8, 0u - 0x1badb002 - flags);
}

static struct boot_image parse(struct image *image, enum boot_format format)
{
	struct boot_image out;
	struct err err;

	if (parse_exact(&out, image, image->len, format, &err))
		fail_msg("%s", err.text);
	return out;
}

static void multiboot_is_loaded_by_the_addresses_in_its_header(void **state)
{
	struct boot_image out = parse(*state, BOOT_FORMAT_AUTO);

	assert_int_equal(out.format, BOOT_FORMAT_MULTIBOOT);
	assert_int_equal(out.entry, BOOT_ENTRY_MULTIBOOT);
	assert_int_equal(out.entry_gpa, 0x100040);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.segment[0].gpa, 0x100000);
	assert_int_equal(out.segment[0].offset, 0);
	assert_int_equal(out.segment[0].file_size, 0x200);
	assert_int_equal(out.segment[0].mem_size, 0x1000);
}

static void multiboot_may_load_only_what_follows_the_header(void **state)
{
	struct image *image = *state;
	struct boot_image out;

	put32(image->bytes + MB_HEADER + 16, 0x100000 + MB_HEADER);
	out = parse(image, BOOT_FORMAT_AUTO);
	assert_int_equal(out.segment[0].offset, MB_HEADER);
	assert_int_equal(out.segment[0].gpa, 0x100000 + MB_HEADER);
}

static void multiboot_without_end_addresses_loads_the_whole_file(void **state)
{
	struct image *image = *state;
	struct boot_image out;

	put32(image->bytes + MB_HEADER + 20, 0);
	put32(image->bytes + MB_HEADER + 24, 0);
	out = parse(image, BOOT_FORMAT_AUTO);
	assert_int_equal(out.segment[0].file_size, image->len);
	assert_int_equal(out.segment[0].mem_size, image->len);
	put32(image->bytes + MB_HEADER + 16, 0x100000 + MB_HEADER);
	out = parse(image, BOOT_FORMAT_AUTO);
	assert_int_equal(out.segment[0].file_size, image->len - MB_HEADER);
}

static void multiboot_header_may_come_first(void **state)
{
	struct image *image = *state;

	memmove(image->bytes, image->bytes + MB_HEADER, 32);
	put32(image->bytes + 12, 0x100000);
	assert_int_equal(parse(image, BOOT_FORMAT_AUTO).segment[0].offset, 0);
}

static void multiboot_asks_for_memory_and_video_and_is_taken(void **state)
{
	struct image *image = *state;

	set_flags(image->bytes + MB_HEADER, 0x10007);
	parse(image, BOOT_FORMAT_AUTO);
	set_flags(image->bytes + MB_HEADER, 0xffff0000);
	parse(image, BOOT_FORMAT_AUTO);
}

static void multiboot_that_requires_the_unknown_is_refused(void **state)
{
	struct image *image = *state;

	for (unsigned int bit = 3; bit < 16; bit++) {
		set_flags(image->bytes + MB_HEADER, 0x10000 | 1u << bit);
		assert_refused(image, BOOT_FORMAT_AUTO, "unknown features");
	}
}

static void multiboot_with_a_wrong_checksum_is_not_one(void **state)
{
	struct image *image = *state;

	image->bytes[MB_HEADER + 8]++;
	assert_refused(image, BOOT_FORMAT_MULTIBOOT, "no header");
	assert_refused(image, BOOT_FORMAT_AUTO, "multiboot magic");
}

static void multiboot_header_off_a_4_byte_boundary_is_not_seen(void **state)
{
	struct image *image = *state;

	memmove(image->bytes + MB_HEADER + 2, image->bytes + MB_HEADER, 32);
	memset(image->bytes + MB_HEADER, 0, 2);
	assert_refused(image, BOOT_FORMAT_MULTIBOOT, "no header");
}

static void multiboot_header_is_looked_for_in_8_kib(void **state)
{
	struct image *image = *state;
	uint8_t *p = test_calloc(1, 0x6000);
	struct image big = { p, 0x6000 };

	memcpy(p + 8192 - 12, image->bytes + MB_HEADER, 32);
	put32(p + 8192 - 12 + 12, 0x102000 - 12);
	put32(p + 8192 - 12 + 20, 0);
	put32(p + 8192 - 12 + 24, 0);
	parse(&big, BOOT_FORMAT_AUTO);
	memmove(p + 8192 - 8, p + 8192 - 12, 32);
	memset(p + 8192 - 12, 0, 4);
	assert_refused(&big, BOOT_FORMAT_MULTIBOOT, "no header");
	test_free(p);
}

static void multiboot_truncated_at_any_length_is_refused(void **state)
{
	struct image *image = *state;
	struct boot_image out;
	struct err err;

	for (size_t len = 0; len < image->len; len++) {
		assert_int_equal(parse_exact(&out, image, len,
					     BOOT_FORMAT_MULTIBOOT, &err),
				 -ENOEXEC);
		assert_int_equal(parse_exact(&out, image, len,
					     BOOT_FORMAT_AUTO, &err),
				 -ENOEXEC);
	}
}

static const struct {
	unsigned int at; /* in the header */
	uint32_t value;
	const char *word;
} lies[] = {
	{ 12, 0, "load address" },
	{ 12, 0x0fffff, "load address" },
	{ 12, 0x100000 + MB_HEADER + 4, "load address" },
	{ 12, 0xffffffff, "load address" },
	{ 16, 0x100000 + MB_HEADER + 1, "load address" },
	{ 16, 0, "load address" },
	{ 20, 0x0fffff, "ends before" },
	{ 20, 0x100201, "truncated" },
	{ 20, 0xffffffff, "more bytes" },
	{ 24, 0x0fffff, "ends before" },
	{ 24, 0x1001ff, "more bytes" },
	{ 28, 0, "outside" },
	{ 28, 0x101000, "outside" },
	{ 28, 0xffffffff, "outside" },
};

static void multiboot_with_a_field_that_lies_is_refused(void **state)
{
	struct image *image = *state;
	uint8_t kept[4];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t *p = image->bytes + MB_HEADER + lies[i].at;

		memcpy(kept, p, 4);
		put32(p, lies[i].value);
		assert_refused(image, BOOT_FORMAT_AUTO, lies[i].word);
		memcpy(p, kept, 4);
	}
}

static void multiboot_with_nothing_to_load_is_refused(void **state)
{
	struct image *image = *state;

	put32(image->bytes + MB_HEADER + 20, 0x100000);
	put32(image->bytes + MB_HEADER + 24, 0);
	assert_refused(image, BOOT_FORMAT_AUTO, "nothing to load");
}

static void multiboot_below_1_mib_is_refused(void **state)
{
	struct image *image = *state;

	for (unsigned int i = 12; i < 32; i += 4)
		image->bytes[MB_HEADER + i + 2] = 0;
	put32(image->bytes + MB_HEADER + 16, 0x10);
	put32(image->bytes + MB_HEADER + 12, 0x10);
	put32(image->bytes + MB_HEADER + 24, 0x110000);
	assert_refused(image, BOOT_FORMAT_AUTO, "low memory");
}

/* The ELF file of images.h with a header where its second note is. */
static struct image elf_with_header(int bits, uint32_t flags)
{
	struct image image = image_elf(bits);

	put32(elf_phdr(&image, 2), 6);
	set_flags(image.bytes + ELF_NOTE, flags);
	return image;
}

static void multiboot_elf_is_loaded_by_its_segments(void **state)
{
	for (int bits = 32; bits <= 64; bits += 32) {
		struct image image = elf_with_header(bits, 3);
		struct boot_image out = parse(&image, BOOT_FORMAT_AUTO);

		assert_int_equal(out.format, BOOT_FORMAT_MULTIBOOT);
		assert_int_equal(out.entry, BOOT_ENTRY_MULTIBOOT);
		assert_int_equal(out.entry_gpa, 0x100010);
		assert_int_equal(out.count, 2);
		image_free(&image);
	}
}

static void multiboot_addresses_count_more_than_elf(void **state)
{
	struct image image = elf_with_header(32, 0x10003);
	struct boot_image out;

	memcpy(image.bytes + ELF_NOTE + 12,
	       ((struct image *)*state)->bytes + MB_HEADER + 12, 20);
	put32(image.bytes + ELF_NOTE + 12, 0x100000 + ELF_NOTE);
	out = parse(&image, BOOT_FORMAT_AUTO);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.segment[0].file_size, 0x200);
	assert_int_equal(out.entry_gpa, 0x100040);
	image_free(&image);
}

static void multiboot_damaged_elf_is_refused(void **state)
{
	struct image image = elf_with_header(32, 3);

	put16(image.bytes + 44, 0);
	assert_refused(&image, BOOT_FORMAT_MULTIBOOT, "program headers");
	put16(image.bytes + 44, 2);
	put32(image.bytes + 24, 5);
	assert_refused(&image, BOOT_FORMAT_MULTIBOOT, "outside");
	image_free(&image);
}

static void multiboot_without_addresses_and_elf_is_refused(void **state)
{
	struct image *image = *state;

	set_flags(image->bytes + MB_HEADER, 3);
	assert_refused(image, BOOT_FORMAT_AUTO, "not ELF");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(multiboot_is_loaded_by_the_addresses_in_its_header),
		T(multiboot_may_load_only_what_follows_the_header),
		T(multiboot_without_end_addresses_loads_the_whole_file),
		T(multiboot_header_may_come_first),
		T(multiboot_asks_for_memory_and_video_and_is_taken),
		T(multiboot_that_requires_the_unknown_is_refused),
		T(multiboot_with_a_wrong_checksum_is_not_one),
		T(multiboot_header_off_a_4_byte_boundary_is_not_seen),
		T(multiboot_header_is_looked_for_in_8_kib),
		T(multiboot_truncated_at_any_length_is_refused),
		T(multiboot_with_a_field_that_lies_is_refused),
		T(multiboot_with_nothing_to_load_is_refused),
		T(multiboot_below_1_mib_is_refused),
		T(multiboot_elf_is_loaded_by_its_segments),
		T(multiboot_addresses_count_more_than_elf),
		T(multiboot_damaged_elf_is_refused),
		T(multiboot_without_addresses_and_elf_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
