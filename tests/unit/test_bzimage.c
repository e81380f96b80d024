// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/bzimage.c on hand-made kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "images.h"

static int setup(void **state)
{
	*state = test_malloc(sizeof(struct image));
	*(struct image *)*state = image_bzimage();
	return 0;
}

static int teardown(void **state)
{
	image_free(*state);
	test_free(*state);
	return 0;
}

static struct boot_image parse(struct image *image)
{
	struct boot_image out;
	struct err err;

	if (parse_exact(&out, image, image->len, BOOT_FORMAT_BZIMAGE, &err))
		fail_msg("%s", err.text);
	return out;
}

static void bzimage_is_loaded_at_its_preferred_address(void **state)
{
	struct boot_image out = parse(*state);

	assert_int_equal(out.format, BOOT_FORMAT_BZIMAGE);
	assert_int_equal(out.entry, BOOT_ENTRY_LINUX64);
	assert_int_equal(out.count, 1);
	assert_int_equal(out.segment[0].gpa, 0x1000000);
	assert_int_equal(out.segment[0].offset, BZ_SETUP);
	assert_int_equal(out.segment[0].file_size, BZ_KERNEL);
	assert_int_equal(out.segment[0].mem_size, BZ_KERNEL);
	assert_int_equal(out.entry_gpa, 0x1000200);
	assert_int_equal(out.alignment, 0x200000);
	assert_int_equal(out.init_size, 0x3000000);
	assert_int_equal(out.initrd_max, 0x7fffffff);
	assert_int_equal(out.cmdline_max, 2047);
}

static void bzimage_setup_header_ends_where_the_jump_says(void **state)
{
	struct boot_image out = parse(*state);

	assert_int_equal(out.setup_offset, 0x1f1);
	assert_int_equal(out.setup_size, 0x202 + 0x6a - 0x1f1);
}

static void bzimage_payload_is_counted_from_the_image_start(void **state)
{
	struct boot_image out = parse(*state);

	assert_int_equal(out.payload_offset, BZ_SETUP + BZ_KERNEL - 16);
	assert_int_equal(out.payload_size, 16);
}

static void bzimage_without_payload_length_has_no_payload(void **state)
{
	struct image *image = *state;
	struct boot_image out;

	put32(image->bytes + 0x248, 0xffffffff);
	put32(image->bytes + 0x24c, 0);
	out = parse(image);
	assert_int_equal(out.payload_size, 0);
	assert_int_equal(out.payload_offset, 0);
}

static void B02_bzimage_truncated_at_any_length_is_refused(void **state)
{
	struct image *image = *state;
	struct boot_image out;
	struct err err;

	for (size_t len = 0; len < image->len; len++) {
		assert_int_equal(parse_exact(&out, image, len,
					     BOOT_FORMAT_BZIMAGE, &err),
				 -ENOEXEC);
		assert_int_equal(parse_exact(&out, image, len,
					     BOOT_FORMAT_AUTO, &err),
				 -ENOEXEC);
	}
}

/* One field set to one value, and the word that the refusal has in it. */
static const struct {
	unsigned int at;
	unsigned int len;
	uint64_t value;
	const char *word;
} lies[] = {
	{ 0x1fe, 2, 0, "0xaa55" },
	{ 0x202, 4, 0, "HdrS" },
	{ 0x201, 1, 0x65, "header ends" },
	{ 0x201, 1, 0x8f, "header ends" },
	{ 0x201, 1, 0xff, "header ends" },
	{ 0x206, 2, 0x0205, "2.05" },
	{ 0x206, 2, 0x020b, "2.12 is needed" },
	{ 0x211, 1, 0, "zImage" },
	{ 0x230, 4, 0, "kernel_alignment" },
	{ 0x230, 4, 0x300000, "kernel_alignment" },
	{ 0x230, 4, 0x800, "kernel_alignment" },
	{ 0x1f1, 1, 255, "truncated" },
	{ 0x1f1, 1, 0, "truncated" },
	{ 0x1f4, 4, BZ_KERNEL / 16 + 1, "truncated" },
	{ 0x1f4, 4, 0xffffffff, "truncated" },
	{ 0x1f4, 4, 0, "nothing to load" },
	{ 0x1f4, 4, 0x20, "entry" },
	{ 0x258, 8, 0x1001000, "not aligned" },
	{ 0x258, 8, 0, "low memory" },
	{ 0x258, 8, 0xffffffffffe00000, "end of the address space" },
	{ 0x248, 4, BZ_KERNEL - 15, "payload" },
	{ 0x248, 4, 0xffffffff, "payload" },
	{ 0x24c, 4, 0xffffffff, "payload" },
};

static void B03_bzimage_with_a_field_that_lies_is_refused(void **state)
{
	struct image *image = *state;
	uint8_t kept[8];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t *p = image->bytes + lies[i].at;

		memcpy(kept, p, lies[i].len);
		for (unsigned int k = 0; k < lies[i].len; k++)
			p[k] = (uint8_t)(lies[i].value >> (8 * k));
		assert_refused(image, BOOT_FORMAT_BZIMAGE, lies[i].word);
		memcpy(p, kept, lies[i].len);
	}
	parse(image);
}

/* The last values on the good side. */
static void bzimage_at_the_limits_is_taken(void **state)
{
	struct image *image = *state;

	put16(image->bytes + 0x206, 0x020c);
	image->bytes[0x201] = 0x66;
	put32(image->bytes + 0x230, 4096);
	assert_int_equal(parse(image).setup_size, 0x268 - 0x1f1);
	image->bytes[0x201] = 0x8e;
	assert_int_equal(parse(image).setup_size, 0x290 - 0x1f1);
}

static void B03_bzimage_init_size_is_at_least_the_kernel(void **state)
{
	struct image *image = *state;

	put32(image->bytes + 0x260, 1);
	assert_int_equal(parse(image).init_size, BZ_KERNEL);
	put32(image->bytes + 0x260, 0xffffffff);
	assert_int_equal(parse(image).init_size, 0xffffffff);
}

/* The segment alone would end in time, init_size does not. */
static void B03_bzimage_init_size_that_wraps_is_refused(void **state)
{
	struct image *image = *state;

	put64(image->bytes + 0x258, 0xffffffffffe00000);
	put32(image->bytes + 0x260, 0x200000);
	assert_refused(image, BOOT_FORMAT_BZIMAGE, "end of the address space");
	put32(image->bytes + 0x260, 0x1fffff);
	assert_int_equal(parse(image).entry_gpa, 0xffffffffffe00200);
}

static void B03_bzimage_setup_sects_0_means_4(void **state)
{
	struct image *image = *state;
	struct image big = { test_calloc(1, 5 * 512 + BZ_KERNEL),
			     5 * 512 + BZ_KERNEL };

	memcpy(big.bytes, image->bytes, BZ_SETUP);
	big.bytes[0x1f1] = 0;
	assert_int_equal(parse(&big).segment[0].offset, 5 * 512);
	test_free(big.bytes);
}

static void B03_bzimage_cmdline_size_0_means_255(void **state)
{
	struct image *image = *state;

	put32(image->bytes + 0x238, 0);
	assert_int_equal(parse(image).cmdline_max, 255);
}

static void B03_bzimage_handover_fields_do_not_matter(void **state)
{
	struct image *image = *state;

	put32(image->bytes + 0x264, 0xdeadbeef);
	put32(image->bytes + 0x268, 0xffffffff);
	parse(image);
}

static void B07_bzimage_for_32_bits_is_refused_by_both_names(void **state)
{
	struct image *image = *state;

	put16(image->bytes + 0x236, 0x7e);
	assert_refused(image, BOOT_FORMAT_BZIMAGE, "32-bit");
	assert_refused(image, BOOT_FORMAT_BZIMAGE, "x86_64");
}

static void bzimage_bytes_behind_syssize_are_not_loaded(void **state)
{
	struct image *image = *state;
	struct boot_image out;

	put32(image->bytes + 0x1f4, BZ_KERNEL / 16 - 16);
	put32(image->bytes + 0x24c, 0);
	out = parse(image);
	assert_int_equal(out.segment[0].file_size, BZ_KERNEL - 256);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bzimage_is_loaded_at_its_preferred_address),
		T(bzimage_setup_header_ends_where_the_jump_says),
		T(bzimage_payload_is_counted_from_the_image_start),
		T(bzimage_without_payload_length_has_no_payload),
		T(bzimage_bytes_behind_syssize_are_not_loaded),
		T(bzimage_at_the_limits_is_taken),
		T(B02_bzimage_truncated_at_any_length_is_refused),
		T(B03_bzimage_with_a_field_that_lies_is_refused),
		T(B03_bzimage_init_size_is_at_least_the_kernel),
		T(B03_bzimage_init_size_that_wraps_is_refused),
		T(B03_bzimage_setup_sects_0_means_4),
		T(B03_bzimage_cmdline_size_0_means_255),
		T(B03_bzimage_handover_fields_do_not_matter),
		T(B07_bzimage_for_32_bits_is_refused_by_both_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
