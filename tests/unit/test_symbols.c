// SPDX-License-Identifier: BSD-3-Clause
/* src/symbols.c: System.map, vmlinux, and files that are neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "symbols.h"

#define BASE UINT64_C(0xffffffff81000000)

static int load(struct symbols *s, const void *bytes, size_t len,
		struct err *err)
{
	char path[] = "/tmp/vireo-symbols-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	r = symbols_load(s, path, err);
	unlink(path);
	return r;
}

static int load_text(struct symbols *s, const char *text)
{
	struct err err = { 0 };
	int r = load(s, text, strlen(text), &err);

	if (r < 0) {
		assert_non_null(strstr(err.text, "/tmp/vireo-symbols-"));
		assert_null(s->list);
	}
	return r;
}

static void must_find(const struct symbols *s, uint64_t address,
		      const char *name, uint64_t offset)
{
	uint64_t got;
	const char *found = symbols_find(s, address, &got);

	assert_non_null(found);
	assert_string_equal(found, name);
	assert_int_equal(got, offset);
}

static void map_names_addresses(void **state)
{
	struct symbols s;
	uint64_t offset;

	assert_int_equal(load_text(&s,
				   "0000000000000000 A __per_cpu_start\n"
				   "ffffffff81000100 t do_idle\n"
				   "ffffffff81000000 T _text\n"
				   "ffffffff81000000 T startup_64\n"
				   "ffffffff81000200 W weak\n"
				   "ffffffff81000300 D data"), 0);
	assert_int_equal(s.count, 4);
	assert_int_equal(s.start, BASE);
	must_find(&s, BASE, "_text", 0);
	must_find(&s, BASE + 0xff, "_text", 0xff);
	must_find(&s, BASE + 0x100, "do_idle", 0);
	must_find(&s, BASE + 0x1ff, "do_idle", 0xff);
	must_find(&s, BASE + 0x300, "weak", 0x100);
	assert_null(symbols_find(&s, BASE - 1, &offset));
	assert_null(symbols_find(&s, BASE + 2 * MIB, &offset)); /* too far */
	assert_null(symbols_find(&s, 0, &offset));
	assert_null(symbols_find(&s, UINT64_MAX, &offset));
	symbols_finish(&s);
}

static void stub_of_a_map_is_recognised(void **state)
{
	struct symbols s;

	assert_int_equal(load_text(&s, "ffffffffffffffff B The real System.map "
				       "is in the linux-image-<version>-dbg "
				       "package\n"), -ENODATA);
}

static void lines_that_are_no_symbols_are_passed_over(void **state)
{
	struct symbols s;

	assert_int_equal(load_text(&s, ""), -ENODATA);
	assert_int_equal(load_text(&s, "\n\n   \nffffffff81000000"), -ENODATA);
	assert_int_equal(load_text(&s, "ffffffff81000000 T"), -ENODATA);
	assert_int_equal(load_text(&s, "ffffffff81000000 T "), -ENODATA);
	assert_int_equal(load_text(&s, "-1 T x\n0x10 T y\n"), -ENODATA);
	assert_int_equal(load_text(&s, "ffffffff8100000000 T l\n"), -ENODATA);
	assert_int_equal(load_text(&s, "x\nffffffff81000000 T good\n"), 0);
	must_find(&s, BASE, "good", 0);
	symbols_finish(&s);
}

static void DC08_names_are_printable(void **state)
{
	struct symbols s = { 0 };
	char name[1000];

	memset(name, 'a', sizeof(name));
	assert_int_equal(symbols_add(&s, 1, 'T', "\x1b[2J \xff", 6), 0);
	assert_int_equal(symbols_add(&s, 2, 't', name, sizeof(name)), 0);
	assert_int_equal(symbols_add(&s, 3, 'D', "data", 4), 0);
	assert_int_equal(symbols_add(&s, 3, '\0', "none", 4), 0);
	assert_int_equal(symbols_add(&s, 3, 't', "", 0), 0);
	symbols_sort(&s);
	must_find(&s, 1, "?[2J??", 0);
	name[SYMBOL_NAME_MAX] = '\0';
	must_find(&s, 3, name, 1);
	symbols_finish(&s);
}

static void many_symbols_are_sorted(void **state)
{
	struct symbols s = { 0 };
	char name[16];

	for (unsigned int i = 0; i < 50000; i++) {
		unsigned int n = i * 7919 % 50000;

		snprintf(name, sizeof(name), "f%u", n);
		assert_int_equal(symbols_add(&s, BASE + 16 * n, 't', name,
					     strlen(name)), 0);
	}
	symbols_sort(&s);
	for (unsigned int i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		must_find(&s, BASE + 16 * i + 15, name, 15);
	}
	symbols_finish(&s);
}

/* ---- vmlinux ---- */

struct image {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	Elf64_Sym sym[4];
	char names[32];
};

static struct image make_image(void)
{
	struct image i = { .names = "\0do_idle\0data\0late" };

	memcpy(i.eh.e_ident, "\177ELF\2\1\1", 7);
	i.eh.e_shoff = offsetof(struct image, sh);
	i.eh.e_shentsize = sizeof(i.sh[0]);
	i.eh.e_shnum = 3;
	i.sh[1] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB, .sh_link = 2,
				.sh_offset = offsetof(struct image, sym),
				.sh_size = sizeof(i.sym) };
	i.sh[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct image, names),
				.sh_size = sizeof(i.names) };
	i.sym[1] = (Elf64_Sym){ .st_name = 1, .st_value = BASE, .st_shndx = 1,
				.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC) };
	i.sym[2] = (Elf64_Sym){ .st_name = 9, .st_value = BASE + 8,
				.st_shndx = 1,
				.st_info = ELF64_ST_INFO(STB_LOCAL,
							 STT_OBJECT) };
	i.sym[3] = (Elf64_Sym){ .st_name = 14, .st_value = BASE + 16 };
	return i;
}

static int load_image(struct symbols *s, const struct image *i)
{
	struct err err;

	return load(s, i, sizeof(*i), &err);
}

static void vmlinux_names_addresses(void **state)
{
	struct image i = make_image();
	struct symbols s;

	assert_int_equal(load_image(&s, &i), 0);
	assert_int_equal(s.count, 1); /* data, and one that is not defined */
	must_find(&s, BASE + 16, "do_idle", 16);
	symbols_finish(&s);
}

static void vmlinux_that_lies_is_refused(void **state)
{
	struct symbols s;

	for (unsigned int n = 0; n < 8; n++) {
		struct image i = make_image();

		if (n == 0)
			i.eh.e_shoff = UINT64_MAX - 8;
		else if (n == 1)
			i.eh.e_shnum = 65535;
		else if (n == 2)
			i.eh.e_shentsize = 1;
		else if (n == 3)
			i.sh[1].sh_size = UINT64_MAX;
		else if (n == 4)
			i.sh[1].sh_offset = UINT64_MAX;
		else if (n == 5)
			i.sh[1].sh_link = 3;
		else if (n == 6)
			i.sh[2].sh_size = 0;
		else
			i.sym[1].st_name = 1000;
		assert_true(load_image(&s, &i) < 0);
		assert_null(s.list);
	}
}

static void names_of_a_vmlinux_end_with_their_table(void **state)
{
	struct image i = make_image();
	struct symbols s;

	memset(i.names, 'x', sizeof(i.names));
	assert_int_equal(load_image(&s, &i), 0);
	assert_int_equal(strlen(s.names), sizeof(i.names) - 1);
	symbols_finish(&s);
}

static void what_is_no_file_is_refused(void **state)
{
	struct symbols s;
	struct err err;

	assert_int_equal(symbols_load(&s, "/nowhere/map", &err), -ENOENT);
	assert_int_equal(symbols_load(&s, "/tmp", &err), -EINVAL);
	assert_int_equal(symbols_load(&s, "/dev/null", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_names_addresses),
		cmocka_unit_test(stub_of_a_map_is_recognised),
		cmocka_unit_test(lines_that_are_no_symbols_are_passed_over),
		cmocka_unit_test(DC08_names_are_printable),
		cmocka_unit_test(many_symbols_are_sorted),
		cmocka_unit_test(vmlinux_names_addresses),
		cmocka_unit_test(vmlinux_that_lies_is_refused),
		cmocka_unit_test(names_of_a_vmlinux_end_with_their_table),
		cmocka_unit_test(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
