// SPDX-License-Identifier: BSD-3-Clause
/* src/sandbox/sandbox_image.c: programs that are taken, and those that are not.
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
#include "sandbox/sandbox_image.h"
#include "sandbox_elf.h"

#define MEMORY (16 * MIB)

static int parse(struct sandbox_image *image, const struct sandbox_elf *elf,
		 size_t len, struct err *err)
{
	/* Memory of just that size: one byte too far is a fault with ASan. */
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, elf, len);
	r = sandbox_image_parse(image, copy, len, MEMORY, err);
	free(copy);
	return r;
}

static void refused(const struct sandbox_elf *elf, const char *why)
{
	struct sandbox_image image;
	struct err err = { 0 };

	assert_int_equal(parse(&image, elf, sizeof(*elf), &err), -ENOEXEC);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_null(image.symbol);
	assert_null(image.names);
}

static void good_program_is_taken_apart(void **state)
{
	struct sandbox_elf elf;
	struct sandbox_image image;
	struct err err = { 0 };
	uint64_t offset = 0;

	sandbox_elf_make(&elf);
	assert_int_equal(parse(&image, &elf, sizeof(elf), &err), 0);
	assert_int_equal(image.count, 3);
	assert_int_equal(image.segment[0].address, 0x10000);
	assert_true(image.segment[0].exec && !image.segment[0].write);
	assert_true(!image.segment[1].exec && !image.segment[1].write);
	assert_true(!image.segment[2].exec && image.segment[2].write);
	assert_int_equal(image.segment[2].size, 0x3000);
	assert_int_equal(image.segment[2].file_size, 0x800);
	assert_int_equal(image.end, 0x15000);
	assert_int_equal(sandbox_image_function(&image, NULL), 0x10000);
	assert_int_equal(sandbox_image_function(&image, "f"), 0x10000);
	/* Of two the one that can be seen from outside. */
	assert_int_equal(sandbox_image_function(&image, "g"), 0x10020);
	assert_int_equal(sandbox_image_function(&image, "variable"), 0);
	assert_int_equal(sandbox_image_function(&image, "undefined"), 0);
	assert_int_equal(sandbox_image_function(&image, ""), 0);
	assert_int_equal(sandbox_image_function(&image, "h"), 0);
	assert_string_equal(sandbox_image_name(&image, 0x1000f, &offset), "f");
	assert_int_equal(offset, 15);
	assert_string_equal(sandbox_image_name(&image, 0x10fff, &offset), "g");
	assert_null(sandbox_image_name(&image, 0x11000, &offset));
	assert_null(sandbox_image_name(&image, 0xffff, &offset));
	sandbox_image_finish(&image);
}

static void segments_are_put_in_order(void **state)
{
	struct sandbox_elf elf;
	struct sandbox_image image;
	struct err err;
	Elf64_Phdr first;

	sandbox_elf_make(&elf);
	first = elf.ph[0];
	elf.ph[0] = elf.ph[2];
	elf.ph[2] = first;
	assert_int_equal(parse(&image, &elf, sizeof(elf), &err), 0);
	for (unsigned int i = 1; i < image.count; i++)
		assert_true(image.segment[i - 1].address <
			    image.segment[i].address);
	sandbox_image_finish(&image);
}

static void other_kinds_of_files_are_refused(void **state)
{
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	elf.eh.e_type = ET_DYN;
	refused(&elf, "-static -no-pie");
	sandbox_elf_make(&elf);
	elf.ph[1].p_type = PT_INTERP;
	refused(&elf, "interpreter");
	sandbox_elf_make(&elf);
	elf.ph[1].p_type = PT_DYNAMIC;
	refused(&elf, "at run time");
	sandbox_elf_make(&elf);
	elf.ph[1].p_type = PT_TLS;
	refused(&elf, "thread-local");
	sandbox_elf_make(&elf);
	elf.eh.e_phnum = 0;
	refused(&elf, "nothing to load");
	sandbox_elf_make(&elf);
	for (int i = 0; i < 3; i++)
		elf.ph[i].p_type = PT_NOTE;
	refused(&elf, "without loadable segments");
	sandbox_elf_make(&elf);
	elf.eh.e_machine = EM_AARCH64;
	refused(&elf, "arm64");
}

static void pages_have_one_purpose(void **state)
{
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	elf.ph[0].p_flags |= PF_W;
	refused(&elf, "writable and executable");
	sandbox_elf_make(&elf);
	elf.ph[0].p_memsz++; /* into the page of the constants */
	refused(&elf, "share the page");
	sandbox_elf_make(&elf);
	elf.ph[2].p_vaddr = 0x11fff;
	refused(&elf, "share the page");
	sandbox_elf_make(&elf);
	elf.ph[1].p_vaddr = 0x10000;
	refused(&elf, "share the page");
	sandbox_elf_make(&elf);
	elf.ph[1].p_vaddr = 0x14fff;
	refused(&elf, "share the page");
}

static void segments_lie_in_memory(void **state)
{
	static const uint64_t bad[] = { 0, 0xffff, MEMORY - 0xff, MEMORY,
					UINT64_MAX - 0xff, UINT64_MAX,
					UINT64_C(1) << 63 };
	struct sandbox_elf elf;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		sandbox_elf_make(&elf);
		elf.ph[1].p_vaddr = bad[i];
		refused(&elf, "a segment");
	}
	sandbox_elf_make(&elf);
	elf.ph[2].p_memsz = UINT64_MAX;
	refused(&elf, "a segment");
	sandbox_elf_make(&elf);
	elf.ph[2].p_memsz = elf.ph[2].p_filesz - 1;
	refused(&elf, "truncated or damaged");
	sandbox_elf_make(&elf);
	elf.ph[2].p_offset = sizeof(elf) - elf.ph[2].p_filesz + 1;
	refused(&elf, "truncated or damaged");
	sandbox_elf_make(&elf);
	elf.ph[2].p_offset = UINT64_MAX;
	refused(&elf, "truncated or damaged");
}

static void segments_are_counted(void **state)
{
	struct sandbox_elf elf;
	struct sandbox_image image;
	struct err err;

	sandbox_elf_make(&elf);
	for (unsigned int i = 0; i < SANDBOX_ELF_PHDRS; i++) {
		elf.ph[i] = elf.ph[1];
		elf.ph[i].p_vaddr = 0x10000 + i * 0x1000;
	}
	elf.eh.e_phnum = SANDBOX_SEGMENTS;
	assert_int_equal(parse(&image, &elf, sizeof(elf), &err), 0);
	assert_int_equal(image.count, SANDBOX_SEGMENTS);
	assert_int_equal(sandbox_image_function(&image, NULL), 0);
	sandbox_image_finish(&image);
	elf.eh.e_phnum = SANDBOX_SEGMENTS + 1;
	refused(&elf, "more than 16 segments");
}

static void damaged_symbols_are_refused(void **state)
{
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	elf.sh[1].sh_size = UINT64_MAX;
	refused(&elf, "symbols: at most 65536");
	elf.sh[1].sh_size = sizeof(elf);
	refused(&elf, "symbols lie past");
	sandbox_elf_make(&elf);
	elf.sh[1].sh_offset = sizeof(elf);
	refused(&elf, "symbols lie past");
	sandbox_elf_make(&elf);
	elf.sh[2].sh_offset = UINT64_MAX - 1;
	refused(&elf, "symbols lie past");
	sandbox_elf_make(&elf);
	elf.sh[1].sh_link = 3;
	refused(&elf, "without names");
	sandbox_elf_make(&elf);
	elf.eh.e_shoff = sizeof(elf) - 1;
	refused(&elf, "table of 3 sections");
	sandbox_elf_make(&elf);
	elf.eh.e_shnum = 0xffff;
	refused(&elf, "table of 65535 sections");
	sandbox_elf_make(&elf);
	elf.eh.e_shentsize = 0;
	refused(&elf, "table of 3 sections");
}

/* Names that do not end, or lie nowhere, are just no names. */
static void odd_names_do_no_harm(void **state)
{
	struct sandbox_elf elf;
	struct sandbox_image image;
	struct err err;

	sandbox_elf_make(&elf);
	memset(elf.names + 1, 'x', sizeof(elf.names) - 1);
	elf.sym[1].st_name = UINT32_MAX;
	elf.sym[2].st_name = sizeof(elf.names) - 1;
	elf.sym[3].st_name = 0;
	assert_int_equal(parse(&image, &elf, sizeof(elf), &err), 0);
	assert_int_equal(image.symbols, 1);
	assert_int_equal(sandbox_image_function(&image, "x"), 0x10010);
	sandbox_image_finish(&image);
	elf.eh.e_shnum = 0; /* stripped */
	assert_int_equal(parse(&image, &elf, sizeof(elf), &err), 0);
	assert_int_equal(sandbox_image_function(&image, "x"), 0);
	assert_int_equal(sandbox_image_function(&image, NULL), 0x10000);
	sandbox_image_finish(&image);
}

static void every_truncation_is_refused_or_whole(void **state)
{
	struct sandbox_elf elf;

	sandbox_elf_make(&elf);
	for (size_t len = 0; len < sizeof(elf); len++) {
		struct sandbox_image image;
		struct err err = { 0 };

		assert_int_equal(parse(&image, &elf, len, &err), -ENOEXEC);
		assert_true(strlen(err.text) > 10);
	}
}

static void plain_code_is_one_segment(void **state)
{
	struct sandbox_image image;
	struct err err;

	assert_int_equal(sandbox_image_flat(&image, 5000, MEMORY, &err), 0);
	assert_int_equal(image.count, 1);
	assert_true(image.segment[0].exec && !image.segment[0].write);
	assert_int_equal(image.end, 0x12000);
	assert_int_equal(sandbox_image_function(&image, NULL), 0x10000);
	assert_int_equal(sandbox_image_function(&image, "f"), 0);
	sandbox_image_finish(&image);
	assert_int_equal(sandbox_image_flat(&image, 0, MEMORY, &err), -ENOEXEC);
	assert_int_equal(sandbox_image_flat(&image, MEMORY, MEMORY, &err),
			 -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_program_is_taken_apart),
		cmocka_unit_test(segments_are_put_in_order),
		cmocka_unit_test(other_kinds_of_files_are_refused),
		cmocka_unit_test(pages_have_one_purpose),
		cmocka_unit_test(segments_lie_in_memory),
		cmocka_unit_test(segments_are_counted),
		cmocka_unit_test(damaged_symbols_are_refused),
		cmocka_unit_test(odd_names_do_no_harm),
		cmocka_unit_test(every_truncation_is_refused_or_whole),
		cmocka_unit_test(plain_code_is_one_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
