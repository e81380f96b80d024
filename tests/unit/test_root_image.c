// SPDX-License-Identifier: BSD-3-Clause
/* Which file system is in an image. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "command/root_image.h"

static char path[] = "/var/tmp/vireo-image-XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int teardown(void **state)
{
	return unlink(path);
}

/* @size bytes of zeroes, but for @magic at @at. */
static void put(off_t size, off_t at, const char *magic)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), size), 0);
	assert_int_equal(fseeko(f, at, SEEK_SET), 0);
	fputs(magic, f);
	fclose(f);
}

static void each_is_known_by_its_magic(void **state)
{
	static const struct {
		off_t at;
		const char *magic;
		const char *type;
	} rows[] = {
		{ 0x438, "\x53\xef", "ext4" },
		{ 0, "XFSB", "xfs" },
		{ 0x10040, "_BHRfS_M", "btrfs" },
		{ 0, "hsqs", "squashfs" },
		{ 0x400, "\xe2\xe1\xf5\xe0", "erofs" },
	};
	const char *type = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put(1 << 20, rows[i].at, rows[i].magic);
		assert_true(root_image_is_one(path));
		assert_int_equal(root_image_type(&type, path, NULL), 0);
		assert_string_equal(type, rows[i].type);
		/* The last byte of the magic is the last of the file. */
		put(rows[i].at, rows[i].at, rows[i].magic);
		assert_int_equal(root_image_type(&type, path, NULL), 0);
	}
}

static void everything_else_is_refused_with_its_path(void **state)
{
	static const char *const text[] = { "", "X", "XFS", "\177ELF",
					    "QFI\xfb" };
	struct err err = { 0 };
	const char *type;

	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		put(0, 0, text[i]);
		assert_int_equal(root_image_type(&type, path, &err), -EINVAL);
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, "squashfs"));
	}
	put(0x439, 0x438, "\x53"); /* cut off */
	assert_int_equal(root_image_type(&type, path, &err), -EINVAL);
}

static void folders_and_what_is_not_there_are_none(void **state)
{
	struct err err = { 0 };
	const char *type;

	assert_false(root_image_is_one("/"));
	assert_false(root_image_is_one("/dev/null"));
	assert_false(root_image_is_one("/nowhere/at/all"));
	assert_int_equal(root_image_type(&type, "/nowhere", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_known_by_its_magic),
		cmocka_unit_test(everything_else_is_refused_with_its_path),
		cmocka_unit_test(folders_and_what_is_not_there_are_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
