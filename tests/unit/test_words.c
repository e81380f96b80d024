// SPDX-License-Identifier: BSD-3-Clause
/* src/base/words.c: option lists and near misses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/num.h"
#include "base/words.h"

#define CAP 8

static void words_list_is_a_value_and_then_keys(void **state)
{
	const char *list = "a.img,ro,cache=no=x,e=";
	char key[CAP + 8];
	char value[CAP + 8];
	bool bad;

	list = words_next(list, true, key, value, sizeof(key), &bad);
	assert_non_null(list);
	assert_string_equal(key, "");
	assert_string_equal(value, "a.img");
	list = words_next(list, false, key, value, sizeof(key), &bad);
	assert_string_equal(key, "ro");
	assert_string_equal(value, "");
	list = words_next(list, false, key, value, sizeof(key), &bad);
	assert_string_equal(key, "cache");
	assert_string_equal(value, "no=x");
	list = words_next(list, false, key, value, sizeof(key), &bad);
	assert_string_equal(key, "e");
	assert_string_equal(value, "");
	assert_null(words_next(list, false, key, value, sizeof(key), &bad));
	assert_false(bad);
}

static void words_first_item_with_equals_is_a_key(void **state)
{
	char key[CAP];
	char value[CAP];
	bool bad;

	assert_non_null(words_next("k=v", true, key, value, CAP, &bad));
	assert_string_equal(key, "k");
	assert_string_equal(value, "v");
}

static void words_empty_items_are_items(void **state)
{
	char key[CAP];
	char value[CAP];
	const char *rest;
	bool bad;

	rest = words_next(",x", true, key, value, CAP, &bad);
	assert_non_null(rest);
	assert_string_equal(key, "");
	assert_string_equal(value, "");
	rest = words_next(rest, false, key, value, CAP, &bad);
	assert_string_equal(key, "x");
	assert_null(words_next("", true, key, value, CAP, &bad));
	assert_false(bad);
}

static void words_item_of_the_capacity_fits_and_one_more_does_not(
	void **state)
{
	char key[CAP];
	char value[CAP];
	bool bad;

	assert_non_null(words_next("1234567", true, key, value, CAP, &bad));
	assert_string_equal(value, "1234567");
	assert_null(words_next("12345678", true, key, value, CAP, &bad));
	assert_true(bad);
	assert_null(words_next("12345678=1", true, key, value, CAP, &bad));
	assert_true(bad);
	assert_null(words_next("1=12345678", true, key, value, CAP, &bad));
	assert_true(bad);
}

static const char *const names[] = { "kernel", "initrd", "memory", "cpus" };

static const char *name_at(size_t index)
{
	return names[index];
}

static int nearest(const char *word)
{
	return words_nearest(word, name_at, ARRAY_SIZE(names));
}

static void words_nearest_finds_a_slip_of_the_finger(void **state)
{
	assert_int_equal(nearest("kernel"), 0);
	assert_int_equal(nearest("kernle"), 0);
	assert_int_equal(nearest("initramfs"), 1);
	assert_int_equal(nearest("memry"), 2);
	assert_int_equal(nearest("mem"), -1); /* three letters off */
	assert_int_equal(nearest("cpu"), 3);
}

static void words_nearest_of_a_stranger_is_nobody(void **state)
{
	char longest[200];

	memset(longest, 'q', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(nearest(""), -1);
	assert_int_equal(nearest("zzzzzz"), -1);
	/* Too long to be compared: no name is near to it. */
	for (size_t n = 0; n < sizeof(longest); n++)
		assert_int_equal(nearest(longest + n), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_list_is_a_value_and_then_keys),
		cmocka_unit_test(words_first_item_with_equals_is_a_key),
		cmocka_unit_test(words_empty_items_are_items),
		cmocka_unit_test(
			words_item_of_the_capacity_fits_and_one_more_does_not),
		cmocka_unit_test(words_nearest_finds_a_slip_of_the_finger),
		cmocka_unit_test(words_nearest_of_a_stranger_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
