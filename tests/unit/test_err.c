// SPDX-License-Identifier: BSD-3-Clause
/* src/base/err.c: one code, one line, one key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void err_set_returns_the_code_and_keeps_the_sentence(void **state)
{
	struct err err = { .key = "left over" };

	assert_int_equal(err_set(&err, -ENOENT, "%s: %d", "disk", 7), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "disk: 7");
	assert_string_equal(err.key, "");
}

static void err_set_key_names_the_key(void **state)
{
	struct err err = { 0 };

	assert_int_equal(err_set_key(&err, -EINVAL, "memory", "no"), -EINVAL);
	assert_string_equal(err.key, "memory");
	assert_string_equal(err.text, "no");
}

static void err_set_path_says_what_helps(void **state)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
		{ -ENOENT, "a/b: No such file or directory (check the path)" },
		{ -EACCES, "a/b: Permission denied (check its permissions)" },
		{ -ENOSPC, "a/b: No space left on device (take a place that "
			   "can be written)" },
		{ -EMFILE, "a/b: Too many open files (raise the limit of open "
			   "files, ulimit -n)" },
	};
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(err_set_path(&err, rows[i].code, "a/b"),
				 rows[i].code);
		assert_string_equal(err.text, rows[i].text);
	}
}

static void err_blame_names_the_key_afterwards(void **state)
{
	struct err err = { .text = "no" };

	err_blame(&err, "disk");
	assert_string_equal(err.key, "disk");
	assert_string_equal(err.text, "no");
	err_blame(NULL, "disk");
}

static void err_without_a_place_still_returns_the_code(void **state)
{
	assert_int_equal(err_set(NULL, -EPERM, "x"), -EPERM);
	assert_int_equal(err_set_key(NULL, -EPERM, "k", "x"), -EPERM);
	assert_int_equal(err_wrap(NULL, "x"), -EIO);
}

static void err_text_is_one_line_whatever_goes_in(void **state)
{
	struct err err = { 0 };

	err_set(&err, -EINVAL, "a%sb", "\n\r\t\x1b\x7f");
	assert_string_equal(err.text, "a     b");
	err_wrap(&err, "c\nd");
	assert_string_equal(err.text, "c d: a     b");
}

static void err_longer_than_its_place_is_cut_and_terminated(void **state)
{
	char longest[2000];
	struct err err;

	memset(&err, 'z', sizeof(err));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	err_set_key(&err, -EINVAL, longest, "%s", longest);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.key), sizeof(err.key) - 1);
	err_wrap(&err, "%s", longest);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void err_wrap_goes_in_front_and_keeps_code_and_key(void **state)
{
	struct err err = { 0 };

	err_set_key(&err, -ENOEXEC, "kernel", "truncated");
	assert_int_equal(err_wrap(&err, "file %s", "v"), -ENOEXEC);
	assert_string_equal(err.text, "file v: truncated");
	assert_string_equal(err.key, "kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			err_set_returns_the_code_and_keeps_the_sentence),
		cmocka_unit_test(err_set_key_names_the_key),
		cmocka_unit_test(err_set_path_says_what_helps),
		cmocka_unit_test(err_blame_names_the_key_afterwards),
		cmocka_unit_test(err_without_a_place_still_returns_the_code),
		cmocka_unit_test(err_text_is_one_line_whatever_goes_in),
		cmocka_unit_test(
			err_longer_than_its_place_is_cut_and_terminated),
		cmocka_unit_test(err_wrap_goes_in_front_and_keeps_code_and_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
