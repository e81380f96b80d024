// SPDX-License-Identifier: BSD-3-Clause
/* The initramfs that is made in memory, read back by the rules of its format
 * (Linux, initramfs buffer format). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "command/archive.h"

struct entry {
	unsigned long field[13];
	const char *name;
	const uint8_t *bytes;
};

enum { MODE = 1, SIZE = 6, RMAJ = 9, RMIN = 10, NAMESIZE = 11 };

/* The entry at *at, and where the next one begins. */
static struct entry next(const struct archive *a, size_t *at)
{
	struct entry e;
	char digits[9] = "";

	assert_int_equal(*at % 4, 0);
	assert_true(*at + 110 <= a->len);
	assert_memory_equal(a->bytes + *at, "070701", 6);
	for (int i = 0; i < 13; i++) {
		memcpy(digits, a->bytes + *at + 6 + 8 * i, 8);
		e.field[i] = strtoul(digits, NULL, 16);
	}
	e.name = (const char *)a->bytes + *at + 110;
	assert_int_equal(strlen(e.name) + 1, e.field[NAMESIZE]);
	*at = align_up(*at + 110 + e.field[NAMESIZE], 4);
	e.bytes = a->bytes + *at;
	*at = align_up(*at + e.field[SIZE], 4);
	assert_true(*at <= a->len);
	return e;
}

static void entries_come_back_as_they_were_put(void **state)
{
	struct archive a = { 0 };
	struct entry e;
	size_t at = 0;

	archive_dir(&a, "dev", 0755);
	archive_device(&a, "dev/console", 0600, 5, 1);
	archive_file(&a, "init", 0755, "12345", 5);
	archive_file(&a, "empty", 0644, "", 0);
	assert_int_equal(archive_end(&a), 0);

	e = next(&a, &at);
	assert_string_equal(e.name, "dev");
	assert_int_equal(e.field[MODE], 040755);
	e = next(&a, &at);
	assert_string_equal(e.name, "dev/console");
	assert_int_equal(e.field[MODE], 020600);
	assert_int_equal(e.field[RMAJ], 5);
	assert_int_equal(e.field[RMIN], 1);
	e = next(&a, &at);
	assert_string_equal(e.name, "init");
	assert_int_equal(e.field[MODE], 0100755);
	assert_int_equal(e.field[SIZE], 5);
	assert_memory_equal(e.bytes, "12345", 5);
	e = next(&a, &at);
	assert_int_equal(e.field[SIZE], 0);
	e = next(&a, &at);
	assert_string_equal(e.name, "TRAILER!!!");
	assert_int_equal(at, a.len);
	archive_finish(&a);
	assert_null(a.bytes);
}

static void what_is_too_large_is_an_error_that_sticks(void **state)
{
	struct archive a = { 0 };
	size_t len;

	archive_file(&a, "a", 0644, "a", 1);
	len = a.len;
	archive_file(&a, "huge", 0644, "", (size_t)1 << 40);
	assert_int_equal(a.error, -E2BIG);
	archive_file(&a, "b", 0644, "b", 1);
	assert_int_equal(archive_end(&a), -E2BIG);
	assert_in_range(a.len, len, len + 200);
	archive_finish(&a);
}

static void many_files_grow_it(void **state)
{
	static uint8_t bytes[70000];
	struct archive a = { 0 };
	size_t at = 0;

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (unsigned int i = 0; i < 50; i++)
		archive_file(&a, "file", 0644, bytes, sizeof(bytes) - i);
	assert_int_equal(archive_end(&a), 0);
	for (unsigned int i = 0; i < 50; i++) {
		struct entry e = next(&a, &at);

		assert_int_equal(e.field[SIZE], sizeof(bytes) - i);
		assert_memory_equal(e.bytes, bytes, sizeof(bytes) - i);
	}
	archive_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_back_as_they_were_put),
		cmocka_unit_test(what_is_too_large_is_an_error_that_sticks),
		cmocka_unit_test(many_files_grow_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
