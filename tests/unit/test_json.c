// SPDX-License-Identifier: BSD-3-Clause
/* src/base/json.c: what is taken, what is refused, and how fast. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_time.h"
#include "base/json.h"
#include "base/num.h"

/* What was visited, as "key=value;". */
struct seen {
	char text[512];
	unsigned int stop_after; /* 0: never */
	unsigned int members;
};

static int note(void *ctx, const char *key, const char *value, struct err *err)
{
	struct seen *seen = ctx;
	size_t used = strlen(seen->text);

	snprintf(seen->text + used, sizeof(seen->text) - used, "%s=%s;", key,
		 value);
	if (++seen->members == seen->stop_after)
		return err_set_key(err, -ENOSPC, key, "enough");
	return 0;
}

static int walk(struct seen *seen, const char *text, struct err *err)
{
	memset(seen, 0, sizeof(*seen));
	memset(err, 0, sizeof(*err));
	return json_walk(text, strlen(text), note, seen, err);
}

static void json_scalars_arrive_as_text_in_order(void **state)
{
	struct seen seen;
	struct err err;

	assert_int_equal(walk(&seen,
			      "{\"a\":\"x\",\"b\":42,\"c\":true,\"d\":false,"
			      "\"e\":[\"1\",2,true],\"f\":[],\"g\":-3}",
			      &err),
			 0);
	assert_string_equal(seen.text,
			    "a=x;b=42;c=true;d=false;e=1;e=2;e=true;g=-3;");
	assert_int_equal(walk(&seen, " {} ", &err), 0);
	assert_string_equal(seen.text, "");
}

static void json_walk_ends_where_its_function_says_so(void **state)
{
	struct seen seen = { .stop_after = 2 };
	struct err err = { 0 };
	const char *text = "{\"a\":1,\"b\":[2,3],\"c\":4}";

	assert_int_equal(json_walk(text, strlen(text), note, &seen, &err),
			 -ENOSPC);
	assert_string_equal(seen.text, "a=1;b=2;");
	assert_string_equal(err.key, "b");
}

static void C01_json_values_of_a_wrong_type_are_refused_by_key(void **state)
{
	static const char *const rows[] = {
		"{\"cpus\":1.5}",     "{\"cpus\":1e3}",
		"{\"cpus\":null}",    "{\"cpus\":{}}",
		"{\"cpus\":[[1]]}",   "{\"cpus\":[null]}",
		"{\"cpus\":-0.0}",    "{\"cpus\":[1.0]}",
		"{\"cpus\":[{\"a\":1}]}",
	};
	struct seen seen;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(walk(&seen, rows[i], &err), -EINVAL);
		assert_string_equal(err.key, "cpus");
		assert_non_null(strstr(err.text, "cpus"));
		assert_string_equal(seen.text, "");
	}
}

static void C01_json_that_is_no_object_is_refused(void **state)
{
	static const char *const rows[] = { "[]", "[{}]", "\"x\"", "1", "null",
					    "true", "", " ", "{}{}", "{} x" };
	struct seen seen;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(walk(&seen, rows[i], &err), -EINVAL);
		assert_true(strlen(err.text) > 5);
	}
}

static void C03_bad_json_is_refused_with_its_place(void **state)
{
	static const char *const rows[] = {
		"{\"a\":1,\"a\":2}",            /* the same key twice */
		"{\"a\":\"x",                   /* no end */
		"{\"a\":1",
		"{\"a\":1,}",
		"{\"a\":\"\\ud800\"}",          /* half a surrogate pair */
		"{\"a\":\"\\u0000\"}",
		"{\"a\\u0000b\":1}",
		"{\"a\":\"\xff\"}",             /* not UTF-8 */
		"{\"a\":\"\xc0\xaf\"}",         /* overlong */
		"{\"a\":\"x\ny\"}",             /* a raw control character */
		"\xef\xbb\xbf{\"a\":1}",        /* a byte order mark */
		"{'a':1}",
		"{a:1}",
		"{\"a\":01}",
		"{\"a\":+1}",
		"{\"a\":NaN}",
		"{\"a\":1e309}",
		"{\"a\":9223372036854775808}",
		"{\"a\":99999999999999999999}",
		"{\"a\":0x10}",
	};
	struct seen seen;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (walk(&seen, rows[i], &err) != -EINVAL)
			fail_msg("row %zu: %s", i, rows[i]);
		assert_non_null(strstr(err.text, "line 1, column"));
		assert_string_equal(seen.text, "");
	}
}

static void C03_json_with_a_nul_byte_inside_is_refused(void **state)
{
	static const char text[] = "{\"a\":\"x\0y\"}";
	static const char behind[] = "{\"a\":1}\0{\"b\":2}";
	struct seen seen = { 0 };
	struct err err;

	assert_int_equal(json_walk(text, sizeof(text) - 1, note, &seen, &err),
			 -EINVAL);
	assert_int_equal(json_walk(behind, sizeof(behind) - 1, note, &seen,
				   &err),
			 -EINVAL);
	assert_string_equal(seen.text, "");
}

static void assert_refused_fast(const char *text, size_t len)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	uint64_t start = cpu_time_ms();

	assert_int_equal(json_walk(text, len, note, &seen, &err), -EINVAL);
	assert_true(strlen(err.text) > 5);
	/* The goal is 10 ms; a busy machine gets more. */
	assert_true(cpu_time_ms() - start < 500);
}

static void C03_json_10000_levels_deep_is_refused_fast(void **state)
{
	size_t n = 10000;
	char *text = malloc(n * 6);
	size_t used = 0;

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		used += (size_t)sprintf(text + used, "{\"a\":");
	assert_refused_fast(text, used);
	memset(text, '[', n);
	assert_refused_fast(text, n);
	free(text);
}

static void C03_json_body_over_1_mib_is_refused_unread(void **state)
{
	size_t n = 10u << 20;
	char *text = malloc(n);
	struct seen seen = { 0 };
	struct err err = { 0 };

	assert_non_null(text);
	memset(text, ' ', n);
	memcpy(text, "{}", 2); /* there is nothing else against it */
	assert_refused_fast(text, n);
	assert_refused_fast(text, JSON_MAX_BYTES + 1);
	json_walk(text, n, note, &seen, &err);
	assert_string_equal(err.text, "more than 1048576 bytes");
	free(text);
}

static void json_body_of_just_1_mib_is_read(void **state)
{
	char *text = malloc(JSON_MAX_BYTES);
	struct seen seen = { 0 };
	struct err err;

	assert_non_null(text);
	memset(text, ' ', JSON_MAX_BYTES);
	memcpy(text, "{\"a\":1}", 7);
	assert_int_equal(json_walk(text, JSON_MAX_BYTES, note, &seen, &err), 0);
	assert_string_equal(seen.text, "a=1;");
	free(text);
}

static void json_object_is_printed_in_order_and_read_back(void **state)
{
	struct json_object *object = json_object_create();
	struct seen seen;
	struct err err;
	char *text;

	assert_non_null(object);
	assert_int_equal(json_object_add(object, "z", "q\"\n\\", 0), 0);
	assert_int_equal(json_object_add(object, "i", "1", 1), 0);
	assert_int_equal(json_object_add(object, "b", "x", 0), 0);
	assert_int_equal(json_object_add(object, "i", "2", 1), 0);
	text = json_object_finish(object);
	assert_non_null(text);
	assert_int_equal(walk(&seen, text, &err), 0);
	assert_string_equal(seen.text, "z=q\"\n\\;i=1;i=2;b=x;");
	free(text);
}

static void json_object_refuses_what_is_not_utf8(void **state)
{
	struct json_object *object = json_object_create();
	char *text;

	assert_int_equal(json_object_add(object, "a", "\xff", 0), -ENOMEM);
	text = json_object_finish(object);
	assert_string_equal(text, "{}");
	free(text);
	assert_null(json_object_finish(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_scalars_arrive_as_text_in_order),
		cmocka_unit_test(json_walk_ends_where_its_function_says_so),
		cmocka_unit_test(
			C01_json_values_of_a_wrong_type_are_refused_by_key),
		cmocka_unit_test(C01_json_that_is_no_object_is_refused),
		cmocka_unit_test(C03_bad_json_is_refused_with_its_place),
		cmocka_unit_test(C03_json_with_a_nul_byte_inside_is_refused),
		cmocka_unit_test(C03_json_10000_levels_deep_is_refused_fast),
		cmocka_unit_test(C03_json_body_over_1_mib_is_refused_unread),
		cmocka_unit_test(json_body_of_just_1_mib_is_read),
		cmocka_unit_test(json_object_is_printed_in_order_and_read_back),
		cmocka_unit_test(json_object_refuses_what_is_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
