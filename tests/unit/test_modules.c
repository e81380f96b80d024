// SPDX-License-Identifier: BSD-3-Clause
/* Modules from a folder as a distribution lays it out, with and without
 * depmod's list, plain and packed. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "command/modules.h"

static char dir[64];

/* An ELF file with a .modinfo of @info; its length. */
static size_t make_module(uint8_t *out, const char *info, size_t info_len)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	Elf64_Ehdr eh = { .e_ident = "\177ELF\2\1\1", .e_shentsize = 64,
			  .e_shnum = 3, .e_shstrndx = 2 };
	Elf64_Shdr sh[3] = { 0 };
	size_t at = sizeof(eh);

	sh[1] = (Elf64_Shdr){ .sh_name = 1, .sh_offset = at,
			      .sh_size = info_len };
	memcpy(out + at, info, info_len);
	at += info_len;
	sh[2] = (Elf64_Shdr){ .sh_name = 10, .sh_offset = at,
			      .sh_size = sizeof(names) };
	memcpy(out + at, names, sizeof(names));
	at += sizeof(names);
	eh.e_shoff = at;
	memcpy(out + at, sh, sizeof(sh));
	memcpy(out, &eh, sizeof(eh));
	return at + sizeof(sh);
}

static void write_file(const char *name, const void *bytes, size_t len)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

static void put(const char *name, const char *depends)
{
	char info[128] = "license=GPL";
	uint8_t bytes[2048];
	size_t len = strlen(info) + 1;

	len += (size_t)snprintf(info + len, sizeof(info) - len, "depends=%s",
				depends) + 1;
	len = make_module(bytes, info, len);
	write_file(name, bytes, len);
}

static void put_gzip(const char *name, const char *depends)
{
	uint8_t bytes[2048];
	char info[128], path[160];
	size_t len = (size_t)snprintf(info, sizeof(info), "depends=%s",
				      depends) + 1;
	gzFile f;

	len = make_module(bytes, info, len);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = gzopen(path, "w");
	assert_non_null(f);
	assert_int_equal(gzwrite(f, bytes, (unsigned int)len), (int)len);
	gzclose(f);
}

static int setup(void **state)
{
	char path[96];

	strcpy(dir, "/tmp/vireo-modules-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kernel", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/kernel/fs", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	put("kernel/fs/overlay.ko", "");
	put_gzip("kernel/virtio_fs.ko.gz", "fuse,virtio");
	put("kernel/fs/fuse.ko", "virtio");
	put("kernel/virtio.ko", "");
	put("kernel/ring.ko", "ring2");
	put("kernel/ring2.ko", "ring");
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void expect(const char *const *names, size_t count,
		   const char *const *wanted, size_t wanted_count)
{
	struct modules m;
	struct err err = { 0 };

	if (modules_find(&m, dir, names, count, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(m.count, wanted_count);
	for (size_t i = 0; i < wanted_count; i++) {
		assert_string_equal(m.list[i].name, wanted[i]);
		assert_memory_equal(m.list[i].bytes, "\177ELF", 4);
	}
	modules_finish(&m);
}

static void what_a_module_needs_comes_before_it(void **state)
{
	const char *const names[] = { "fuse", "virtio-fs", "overlay" };
	const char *const wanted[] = { "virtio", "fuse", "virtio-fs",
				       "overlay" };

	expect(names, 1, wanted, 2);
	expect(names, 3, wanted, 4);
	expect(&names[1], 2, wanted, 4);
}

static void what_is_not_there_is_built_in(void **state)
{
	const char *const names[] = { "virtio_pci", "overlay" };

	expect(names, 2, (const char *const[]){ "overlay" }, 1);
}

/* Then nothing else is looked at. */
static void the_list_of_depmod_says_where_they_are(void **state)
{
	static const char list[] = "kernel/fs/fuse.ko: kernel/virtio.ko\n"
				   "kernel/virtio.ko:\n";
	const char *const names[] = { "fuse", "overlay" };

	write_file("modules.dep", list, strlen(list));
	expect(names, 2, (const char *const[]){ "virtio", "fuse" }, 2);
}

/* New lists and old ones name a file differently. */
static void a_build_tree_says_what_was_built(void **state)
{
	static const char list[] = "kernel/fs/fuse.o\nkernel/virtio.ko\n"
				   "kernel/drivers/blk.ko\no\n";
	const char *const names[] = { "fuse", "blk", "overlay" };
	const char *const wanted[] = { "virtio", "fuse", "blk" };
	char command[160];

	snprintf(command, sizeof(command),
		 "mkdir -p %s/arch/x86/boot %s/drivers", dir, dir);
	assert_int_equal(system(command), 0);
	put("drivers/blk.ko", "");
	write_file("modules.order", list, strlen(list));
	expect(names, 3, wanted, 3);
}

static void refuse(const char *name, int code, const char *text)
{
	struct modules m;
	struct err err = { 0 };

	assert_int_equal(modules_find(&m, dir, &name, 1, &err), code);
	assert_non_null(strstr(err.text, text));
	assert_null(m.list);
}

static void bad_modules_are_refused_with_a_sentence(void **state)
{
	char gone[80];
	struct modules m;
	struct err err = { 0 };
	const char *name = "overlay";

	write_file("kernel/damaged.ko.xz", "\xfd" "7zXZ\0damaged", 13);
	refuse("damaged", -EBADMSG, "damaged.ko.xz");
	write_file("kernel/empty.ko", "", 0);
	refuse("empty", -EINVAL, "empty.ko");
	refuse("ring", -ELOOP, "too many");
	snprintf(gone, sizeof(gone), "%s/nowhere", dir);
	assert_int_equal(modules_find(&m, gone, &name, 1, &err), -ENOENT);
}

static void the_kernels_own_list_says_what_is_built_in(void **state)
{
	const char list[] = "kernel/fs/fuse/virtiofs.ko\n"
			    "kernel/virtio-pci.ko\nvirtio_pci_x.ko\n";

	assert_int_equal(modules_built_in(dir, "virtiofs"), -ENOENT);
	write_file("modules.builtin", list, sizeof(list) - 1);
	assert_int_equal(modules_built_in(dir, "virtiofs"), 1);
	assert_int_equal(modules_built_in(dir, "virtio_pci"), 1);
	assert_int_equal(modules_built_in(dir, "virtio"), 0);
	assert_int_equal(modules_built_in(dir, "fs"), 0);
	assert_int_equal(modules_built_in(dir, "fuse"), 0);
}

/* Lengths and offsets that lie: no dependency, no crash. */
static void a_module_may_lie_about_its_sections(void **state)
{
	uint8_t bytes[2048];
	size_t len = make_module(bytes, "depends=virtio", 15);
	const char *const names[] = { "liar" };

	for (size_t i = 16; i < len; i++) {
		uint8_t kept = bytes[i];
		struct modules m;
		struct err err = { 0 };

		bytes[i] ^= 0xff;
		write_file("kernel/liar.ko", bytes, len);
		assert_int_equal(modules_find(&m, dir, names, 1, &err), 0);
		assert_in_range(m.count, 1, 2);
		modules_finish(&m);
		bytes[i] = kept;
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_a_module_needs_comes_before_it),
		TEST(what_is_not_there_is_built_in),
		TEST(the_list_of_depmod_says_where_they_are),
		TEST(a_build_tree_says_what_was_built),
		TEST(bad_modules_are_refused_with_a_sentence),
		TEST(the_kernels_own_list_says_what_is_built_in),
		TEST(a_module_may_lie_about_its_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
