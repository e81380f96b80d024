// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/elf.c on hand-made files of both classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_time.h"
#include "base/num.h"
#include "images.h"

/* Offsets of the fields of an ELF64 program header */
enum { P_TYPE, P_OFFSET = 8, P_VADDR = 16, P_PADDR = 24, P_FILESZ = 32,
       P_MEMSZ = 40, P_ALIGN = 48 };

static int setup(void **state)
{
	struct image *image = test_malloc(sizeof(*image));

	*image = image_elf(64);
	*state = image;
	return 0;
}

static int teardown(void **state)
{
	image_free(*state);
	test_free(*state);
	return 0;
}

static struct boot_image parse(struct image *image, enum boot_format format)
{
	struct boot_image out;
	struct err err;

	if (parse_exact(&out, image, image->len, format, &err))
		fail_msg("%s", err.text);
	return out;
}

static void elf_with_pvh_note_is_entered_where_it_says(void **state)
{
	struct boot_image out = parse(*state, BOOT_FORMAT_AUTO);

	assert_int_equal(out.format, BOOT_FORMAT_PVH);
	assert_int_equal(out.entry, BOOT_ENTRY_PVH);
	assert_int_equal(out.entry_gpa, 0x100020);
	assert_int_equal(out.count, 2);
	assert_int_equal(out.segment[0].gpa, 0x100000);
	assert_int_equal(out.segment[0].offset, ELF_TEXT);
	assert_int_equal(out.segment[0].file_size, 0x100);
	assert_int_equal(out.segment[0].mem_size, 0x1000);
	assert_int_equal(out.segment[1].gpa, 0x300000);
	assert_int_equal(out.segment[1].file_size, 0);
}

static void elf32_is_read_like_elf64(void **state)
{
	struct image narrow = image_elf(32);
	struct boot_image wide_out = parse(*state, BOOT_FORMAT_PVH);
	struct boot_image out = parse(&narrow, BOOT_FORMAT_PVH);

	assert_memory_equal(&out, &wide_out, sizeof(out));
	image_free(&narrow);
}

static void elf_pvh_note_of_four_bytes_is_taken(void **state)
{
	struct image *image = *state;

	put32(image->bytes + ELF_NOTE + 24 + 4, 4);
	put64(image->bytes + ELF_NOTE + 24 + 16, 0xffffffff00100024);
	assert_int_equal(parse(image, BOOT_FORMAT_PVH).entry_gpa, 0x100024);
}

static void elf_notes_may_be_aligned_to_8(void **state)
{
	struct image *image = *state;
	uint8_t *note = image->bytes + ELF_NOTE;

	/* 12 + 4 name, 5 of the descriptor padded to 8: the same places */
	put64(elf_phdr(image, 2) + P_ALIGN, 8);
	assert_int_equal(parse(image, BOOT_FORMAT_PVH).entry_gpa, 0x100020);
	/* now a name of 5 ends at 20 when padded to 4, at 24 when to 8 */
	put32(note, 5);
	put32(note + 4, 0);
	assert_int_equal(parse(image, BOOT_FORMAT_PVH).entry_gpa, 0x100020);
	put64(elf_phdr(image, 2) + P_ALIGN, 4);
	assert_refused(image, BOOT_FORMAT_PVH, "note");
}

static void elf32_notes_may_be_aligned_to_8(void **state)
{
	struct image narrow = image_elf(32);

	put32(narrow.bytes + ELF_NOTE, 5);
	put32(narrow.bytes + ELF_NOTE + 4, 0);
	put32(elf_phdr(&narrow, 2) + 28, 8);
	assert_int_equal(parse(&narrow, BOOT_FORMAT_PVH).entry_gpa, 0x100020);
	image_free(&narrow);
}

static void elf_format_linux_enters_at_e_entry(void **state)
{
	struct boot_image out = parse(*state, BOOT_FORMAT_LINUX);

	assert_int_equal(out.format, BOOT_FORMAT_LINUX);
	assert_int_equal(out.entry, BOOT_ENTRY_LINUX64);
	assert_int_equal(out.entry_gpa, 0x100010);
}

static void elf_without_note_is_taken_as_linux(void **state)
{
	struct image *image = *state;

	put32(elf_phdr(image, 2), 6);
	assert_int_equal(parse(image, BOOT_FORMAT_AUTO).format,
			 BOOT_FORMAT_LINUX);
}

static void elf_entry_may_be_virtual(void **state)
{
	struct image *image = *state;

	put64(image->bytes + 24, 0xffffffff81000abc);
	put64(elf_phdr(image, 0) + P_VADDR, 0xffffffff81000000);
	assert_int_equal(parse(image, BOOT_FORMAT_LINUX).entry_gpa, 0x100abc);
	put64(image->bytes + 24, 0xffffffff81000000);
	assert_int_equal(parse(image, BOOT_FORMAT_LINUX).entry_gpa, 0x100000);
}

/* Not by the segment beside it, nor by one that is not loaded. */
static void elf_virtual_entry_outside_its_segment_is_refused(void **state)
{
	struct image *image = *state;

	put64(image->bytes + 24, 0xffffffff81001000);
	put64(elf_phdr(image, 0) + P_VADDR, 0xffffffff81000000);
	put64(elf_phdr(image, 1) + P_PADDR, 0x101000);
	assert_refused(image, BOOT_FORMAT_LINUX, "outside");
	put64(elf_phdr(image, 2) + P_VADDR, 0xffffffff81001000);
	put64(elf_phdr(image, 2) + P_PADDR, 0x100000);
	assert_refused(image, BOOT_FORMAT_LINUX, "outside");
}

static void elf32_without_note_or_multiboot_header_is_refused(void **state)
{
	struct image narrow = image_elf(32);

	put32(elf_phdr(&narrow, 2), 6);
	assert_refused(&narrow, BOOT_FORMAT_AUTO, "32-bit");
	assert_refused(&narrow, BOOT_FORMAT_LINUX, "32-bit");
	image_free(&narrow);
}

static void elf_truncated_at_any_length_is_refused(void **state)
{
	struct image narrow = image_elf(32);
	struct image *images[] = { *state, &narrow };
	struct boot_image out;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		for (size_t len = 0; len < images[i]->len; len++)
			assert_int_equal(parse_exact(&out, images[i], len,
						     BOOT_FORMAT_AUTO, &err),
					 -ENOEXEC);
	image_free(&narrow);
}

/* One field of the header or of program header @ph (from 0; -1: of the file)
 * set to one value. */
static const struct {
	int ph;
	unsigned int at;
	unsigned int len;
	uint64_t value;
	const char *word;
} lies[] = {
	{ -1, 0, 4, 0, "no HdrS, ELF or multiboot" },
	{ -1, 4, 1, 3, "class 3" },
	{ -1, 4, 1, 0, "class 0" },
	{ -1, 5, 1, 0, "encoding 0" },
	{ -1, 16, 2, 1, "type 1" },
	{ -1, 16, 2, 4, "type 4" },
	{ -1, 54, 2, 57, "57 bytes" },
	{ -1, 54, 2, 0, "0 bytes" },
	{ -1, 54, 2, 32, "not 56" },
	{ -1, 56, 2, 0, "without program headers" },
	{ -1, 56, 2, 65, "65 program headers" },
	{ -1, 56, 2, 11, "past its end" },
	{ -1, 32, 8, 0xffffffffffffffff, "past its end" },
	{ -1, 32, 8, 0xffffffffffffffc8, "past its end" },
	{ 0, P_TYPE, 4, 3, "interpreter" },
	{ 0, P_OFFSET, 8, 0xffffffffffffff00, "truncated" },
	{ 0, P_OFFSET, 8, ELF_TEXT + 1, "truncated" },
	{ 0, P_FILESZ, 8, 0x1001, "more bytes" },
	{ 0, P_FILESZ, 8, 0xffffffffffffffff, "more bytes" },
	{ 0, P_MEMSZ, 8, 0xff, "more bytes" },
	{ 0, P_MEMSZ, 8, 0, "nothing to load" },
	{ 0, P_MEMSZ, 8, 0xfffffffffff00000, "address space" },
	{ 0, P_MEMSZ, 8, 0xffffffffffffffff, "address space" },
	{ 0, P_MEMSZ, 8, 0x200001, "overlap" },
	{ 1, P_PADDR, 8, 0x100fff, "overlap" },
	{ 1, P_PADDR, 8, 0x100000, "overlap" },
	{ 1, P_PADDR, 8, 0xffffffffffffffff, "address space" },
	{ 1, P_PADDR, 8, 0x7000, "low memory" },
	{ 1, P_PADDR, 8, 0xfffff, "low memory" },
	{ 2, P_OFFSET, 8, ELF_TEXT + 0xc1, "notes lie past" },
	{ 2, P_OFFSET, 8, 0xffffffffffffffff, "notes lie past" },
	{ 2, P_FILESZ, 8, 0xffffffffffffffff, "notes lie past" },
};

static void B05_elf_with_a_field_that_lies_is_refused(void **state)
{
	struct image *image = *state;
	uint8_t kept[8];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t *p = lies[i].at + (lies[i].ph < 0 ? image->bytes :
			     elf_phdr(image, (unsigned int)lies[i].ph));

		memcpy(kept, p, lies[i].len);
		for (unsigned int k = 0; k < lies[i].len; k++)
			p[k] = (uint8_t)(lies[i].value >> (8 * k));
		assert_refused(image, BOOT_FORMAT_AUTO, lies[i].word);
		memcpy(p, kept, lies[i].len);
	}
	parse(image, BOOT_FORMAT_AUTO);
}

static void B05_elf_with_65535_program_headers_is_refused(void **state)
{
	struct image *image = *state;

	put16(image->bytes + 56, 65535);
	assert_refused(image, BOOT_FORMAT_AUTO, "65535");
}

/* A file of @count PT_LOADs of a page each. */
static struct image many_segments(unsigned int count)
{
	size_t len = 64 + 56 * (size_t)count;
	struct image image = image_elf(64);

	image.bytes = realloc(image.bytes, len);
	assert_non_null(image.bytes);
	image.len = len;
	put16(image.bytes + 56, (uint16_t)count);
	for (unsigned int i = 0; i < count; i++) {
		uint8_t *p = elf_phdr(&image, i);

		memset(p, 0, 56);
		put32(p, 1);
		put64(p + P_PADDR, 0x100000 + i * 4096);
		put64(p + P_MEMSZ, 4096);
	}
	return image;
}

static void B05_elf_with_17_segments_is_refused(void **state)
{
	struct image image = many_segments(BOOT_MAX_SEGMENTS);

	assert_int_equal(parse(&image, BOOT_FORMAT_LINUX).count,
			 BOOT_MAX_SEGMENTS);
	image_free(&image);
	image = many_segments(BOOT_MAX_SEGMENTS + 1);
	assert_refused(&image, BOOT_FORMAT_LINUX, "at most 16");
	image_free(&image);
}

static void B05_elf_without_loadable_segments_is_refused(void **state)
{
	struct image *image = *state;

	put32(elf_phdr(image, 0), 6);
	put32(elf_phdr(image, 1), 6);
	assert_refused(image, BOOT_FORMAT_LINUX, "without loadable");
}

static void B05_elf_segment_without_any_bytes_is_skipped(void **state)
{
	struct image *image = *state;

	put64(elf_phdr(image, 1) + P_MEMSZ, 0);
	put64(elf_phdr(image, 1) + P_PADDR, 0);
	assert_int_equal(parse(image, BOOT_FORMAT_AUTO).count, 1);
}

static void B05_elf_segments_that_touch_are_loaded(void **state)
{
	struct image *image = *state;

	put64(elf_phdr(image, 1) + P_PADDR, 0x101000);
	assert_int_equal(parse(image, BOOT_FORMAT_AUTO).count, 2);
}

static void B06_elf_entry_outside_the_segments_is_refused(void **state)
{
	static const uint64_t entries[] = { 0, 0xfffff, 0x101000, UINT64_MAX };
	struct image *image = *state;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		put64(image->bytes + 24, entries[i]);
		assert_refused(image, BOOT_FORMAT_LINUX, "outside");
		put64(image->bytes + ELF_NOTE + 24 + 16, entries[i]);
		assert_refused(image, BOOT_FORMAT_AUTO, "outside");
	}
}

static void B06_pvh_entry_above_4_gib_is_refused(void **state)
{
	struct image *image = *state;

	put64(elf_phdr(image, 1) + P_PADDR, 0x100000000);
	put64(image->bytes + ELF_NOTE + 24 + 16, 0x100000000);
	assert_refused(image, BOOT_FORMAT_PVH, "above 4 GiB");
	put64(image->bytes + 24, 0x100000000);
	assert_int_equal(parse(image, BOOT_FORMAT_LINUX).entry_gpa,
			 0x100000000);
}

static void B06_pvh_entry_just_below_4_gib_is_taken(void **state)
{
	struct image *image = *state;

	put64(elf_phdr(image, 1) + P_PADDR, 0xfffff000);
	put64(image->bytes + ELF_NOTE + 24 + 16, 0xffffffff);
	assert_int_equal(parse(image, BOOT_FORMAT_PVH).entry_gpa, 0xffffffff);
}

static void B06_pvh_without_note_is_refused(void **state)
{
	struct image *image = *state;

	memcpy(image->bytes + ELF_NOTE + 24 + 12, "xen", 4);
	assert_refused(image, BOOT_FORMAT_PVH, "without a PVH note");
	put32(elf_phdr(image, 2), 6);
	assert_refused(image, BOOT_FORMAT_PVH, "without a PVH note");
}

static void B06_pvh_note_of_a_wrong_size_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 5, 7, 9, 16 };
	struct image *image = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put32(image->bytes + ELF_NOTE + 24 + 4, sizes[i]);
		assert_refused(image, BOOT_FORMAT_AUTO, "not 4 or 8");
	}
}

static void B06_note_larger_than_its_segment_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0x41, 0x7fffffff, 0xfffffff4,
					  0xffffffff };
	struct image *image = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		put32(image->bytes + ELF_NOTE, sizes[i]);
		assert_refused(image, BOOT_FORMAT_AUTO, "note");
		put32(image->bytes + ELF_NOTE, 4);
		put32(image->bytes + ELF_NOTE + 4, sizes[i]);
		assert_refused(image, BOOT_FORMAT_AUTO, "note");
		put32(image->bytes + ELF_NOTE + 4, 5);
	}
}

static void B06_notes_over_64_kib_are_refused(void **state)
{
	struct image *image = *state;

	image->bytes = realloc(image->bytes, 0x20000);
	assert_non_null(image->bytes);
	memset(image->bytes + image->len, 0, 0x20000 - image->len);
	image->len = 0x20000;
	put64(elf_phdr(image, 2) + P_FILESZ, 65537);
	assert_refused(image, BOOT_FORMAT_AUTO, "65537 bytes of notes");
	put64(elf_phdr(image, 2) + P_FILESZ, 65536);
	parse(image, BOOT_FORMAT_AUTO);
}

/* The worst there is: as many segments as allowed, all over the same notes,
 * which are as many and as small as can be. */
static void B06_worst_case_of_notes_ends_within_100_ms(void **state)
{
	struct image image = many_segments(64);
	struct boot_image out;
	uint64_t start, best = UINT64_MAX;
	struct err err;

	image.bytes = realloc(image.bytes, 0x20000);
	assert_non_null(image.bytes);
	memset(image.bytes + image.len, 0, 0x20000 - image.len);
	image.len = 0x20000;
	for (unsigned int i = 1; i < 64; i++) {
		put32(elf_phdr(&image, i), 4);
		put64(elf_phdr(&image, i) + P_OFFSET, 0x10000);
		put64(elf_phdr(&image, i) + P_FILESZ, 0x10000);
	}
	/* Sanitizers and other programs slow some tries down, not all. */
	for (int i = 0; i < 20 && best > 100; i++) {
		start = cpu_time_ms();
		assert_int_equal(parse_exact(&out, &image, image.len,
					     BOOT_FORMAT_PVH, &err),
				 -ENOEXEC);
		start = cpu_time_ms() - start;
		best = start < best ? start : best;
	}
	assert_in_range(best, 0, 100);
	assert_non_null(strstr(err.text, "without a PVH note"));
	image_free(&image);
}

static void B07_elf_for_another_machine_is_refused_by_both_names(void **state)
{
	static const struct {
		unsigned int machine;
		const char *name;
	} others[] = {
		{ 183, "arm64" }, { 243, "riscv" }, { 22, "s390" },
		{ 3, "i386" }, { 999, "machine 999" },
	};
	struct image *image = *state;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		put16(image->bytes + 18, (uint16_t)others[i].machine);
		assert_refused(image, BOOT_FORMAT_AUTO, others[i].name);
		assert_refused(image, BOOT_FORMAT_AUTO, "x86_64");
	}
}

static void B07_big_endian_elf_is_refused_by_both_names(void **state)
{
	struct image *image = *state;

	image->bytes[5] = 2;
	put16(image->bytes + 18, 22 << 8);
	assert_refused(image, BOOT_FORMAT_AUTO, "big-endian s390");
	assert_refused(image, BOOT_FORMAT_AUTO, "little-endian x86_64");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(elf_with_pvh_note_is_entered_where_it_says),
		T(elf32_is_read_like_elf64),
		T(elf_pvh_note_of_four_bytes_is_taken),
		T(elf_notes_may_be_aligned_to_8),
		T(elf32_notes_may_be_aligned_to_8),
		T(elf_format_linux_enters_at_e_entry),
		T(elf_without_note_is_taken_as_linux),
		T(elf_entry_may_be_virtual),
		T(elf_virtual_entry_outside_its_segment_is_refused),
		T(elf32_without_note_or_multiboot_header_is_refused),
		T(elf_truncated_at_any_length_is_refused),
		T(B05_elf_with_a_field_that_lies_is_refused),
		T(B05_elf_with_65535_program_headers_is_refused),
		T(B05_elf_with_17_segments_is_refused),
		T(B05_elf_without_loadable_segments_is_refused),
		T(B05_elf_segment_without_any_bytes_is_skipped),
		T(B05_elf_segments_that_touch_are_loaded),
		T(B06_elf_entry_outside_the_segments_is_refused),
		T(B06_pvh_entry_above_4_gib_is_refused),
		T(B06_pvh_entry_just_below_4_gib_is_taken),
		T(B06_pvh_without_note_is_refused),
		T(B06_pvh_note_of_a_wrong_size_is_refused),
		T(B06_note_larger_than_its_segment_is_refused),
		T(B06_notes_over_64_kib_are_refused),
		T(B06_worst_case_of_notes_ends_within_100_ms),
		T(B07_elf_for_another_machine_is_refused_by_both_names),
		T(B07_big_endian_elf_is_refused_by_both_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
