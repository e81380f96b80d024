// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/snap.h"

/* An object with a field of every kind, and one inside it. */
struct thing {
	uint8_t a;
	uint16_t b;
	uint32_t c;
	uint64_t d;
	bool e;
	uint8_t bytes[5];
	uint32_t inner;
};

static const struct thing sample = {
	0x12, 0x3456, 0x789abcde, UINT64_C(0xfedcba9876543210), true,
	{ 1, 2, 3, 4, 5 }, 77,
};

static int thing_snapshot(struct thing *t, struct snap *s)
{
	snap_begin(s, "thing", 2);
	snap_u8(s, "a", &t->a);
	snap_u16(s, "b", &t->b);
	snap_u32(s, "c", &t->c);
	snap_u64(s, "d", &t->d);
	snap_bool(s, "e", &t->e);
	snap_bytes(s, "bytes", t->bytes, sizeof(t->bytes));
	snap_begin(s, "inner", 1);
	snap_u32(s, "value", &t->inner);
	snap_end(s);
	snap_end(s);
	return snap_error(s);
}

/* The blob of @t in malloc'd memory. */
static uint8_t *save(const struct thing *t, size_t *len)
{
	struct snap *s = snap_create();
	struct thing copy = *t;
	const void *blob;
	uint8_t *out;

	assert_non_null(s);
	assert_false(snap_loading(s));
	assert_int_equal(thing_snapshot(&copy, s), 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	out = malloc(*len);
	assert_non_null(out);
	memcpy(out, blob, *len);
	snap_destroy(s);
	return out;
}

/* Loads in memory of just that size, so that the sanitizers know its end. */
static int load(struct thing *t, const uint8_t *blob, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct err err = { 0 };
	struct snap *s;
	int r;

	assert_non_null(copy);
	memcpy(copy, blob, len);
	r = snap_open(&s, copy, len, &err);
	free(copy);
	if (r < 0) {
		assert_null(s);
		assert_string_not_equal(err.text, "");
		return r;
	}
	assert_true(snap_loading(s));
	r = thing_snapshot(t, s);
	if (r == 0)
		r = snap_finish(s, NULL, NULL);
	if (r < 0)
		assert_string_not_equal(snap_error_text(s), "");
	snap_destroy(s);
	return r;
}

static void what_is_saved_is_loaded(void **state)
{
	struct thing t = { 0 };
	size_t len;
	uint8_t *blob = save(&sample, &len);

	assert_int_equal(load(&t, blob, len), 0);
	assert_memory_equal(&t.bytes, &sample.bytes, sizeof(t.bytes));
	assert_int_equal(t.a, sample.a);
	assert_int_equal(t.b, sample.b);
	assert_int_equal(t.c, sample.c);
	assert_true(t.d == sample.d);
	assert_true(t.e);
	assert_int_equal(t.inner, 77);
	free(blob);
}

static void saving_the_loaded_gives_equal_bytes(void **state)
{
	struct thing t = { 0 };
	size_t len[2];
	uint8_t *blob[2];

	blob[0] = save(&sample, &len[0]);
	assert_int_equal(load(&t, blob[0], len[0]), 0);
	blob[1] = save(&t, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	free(blob[0]);
	free(blob[1]);
}

static void S01_every_truncation_is_refused(void **state)
{
	struct thing t = { 0 };
	size_t len;
	uint8_t *blob = save(&sample, &len);

	for (size_t n = 0; n < len; n++)
		assert_int_equal(load(&t, blob, n), -EBADMSG);
	free(blob);
}

static void S01_a_longer_file_is_refused(void **state)
{
	struct thing t = { 0 };
	size_t len;
	uint8_t *blob = save(&sample, &len);
	uint8_t *longer = calloc(1, len + 8);

	assert_non_null(longer);
	memcpy(longer, blob, len);
	assert_int_equal(load(&t, longer, len + 1), -EBADMSG);
	assert_int_equal(load(&t, longer, len + 8), -EBADMSG);
	free(longer);
	free(blob);
}

/* The file's digest finds a flip inside a value; what is shown here is that a
 * flip anywhere is an error or another value, and nothing worse. */
static void S01_every_bit_flip_is_an_error_or_another_value(void **state)
{
	size_t len;
	uint8_t *blob = save(&sample, &len);
	unsigned int refused = 0;

	for (size_t bit = 0; bit < len * 8; bit++) {
		struct thing t = { 0 };

		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (load(&t, blob, len) < 0)
			refused++;
		blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* all but values, the padding between them, and unused header words */
	assert_true(refused > len * 8 / 2);
	free(blob);
}

static void S03_wrong_magic_and_other_versions_are_refused(void **state)
{
	struct thing t = { 0 };
	size_t len;
	uint8_t *blob = save(&sample, &len);

	/* Devicetree Specification, 5.2: version at 20, compatible at 24 */
	for (int version = 0; version < 40; version++) {
		blob[23] = (uint8_t)version;
		assert_int_equal(load(&t, blob, len),
				 version == 17 ? 0 : -EBADMSG);
	}
	blob[23] = 17;
	blob[27] = 15;
	assert_int_equal(load(&t, blob, len), -EBADMSG);
	blob[27] = 16;
	blob[0] = 0;
	assert_int_equal(load(&t, blob, len), -EBADMSG);
	free(blob);
}

/* What a loader expects to find, one after the other. */
struct expect {
	void (*ask)(struct snap *s);
	const char *text; /* of the error */
};

static void ask_newer(struct snap *s)
{
	snap_begin(s, "thing", 1);
}

static void ask_other_node(struct snap *s)
{
	snap_begin(s, "other", 1);
}

static void ask_missing(struct snap *s)
{
	uint8_t v;

	snap_begin(s, "thing", 2);
	snap_u8(s, "z", &v);
}

static void ask_short(struct snap *s)
{
	uint8_t v;

	snap_begin(s, "thing", 2);
	snap_u8(s, "b", &v);
}

static void ask_long(struct snap *s)
{
	uint8_t v[6];

	snap_begin(s, "thing", 2);
	snap_bytes(s, "bytes", v, sizeof(v));
}

static void ask_bool(struct snap *s)
{
	bool v;

	snap_begin(s, "thing", 2);
	snap_bool(s, "a", &v);
}

static void ask_twice(struct snap *s)
{
	uint8_t v;

	snap_begin(s, "thing", 2);
	snap_u8(s, "a", &v);
	snap_u8(s, "a", &v);
}

static void ask_too_little(struct snap *s)
{
	uint32_t v;

	snap_begin(s, "thing", 2);
	snap_begin(s, "inner", 1);
	snap_u32(s, "value", &v);
	snap_end(s);
	snap_end(s);
}

static void ask_no_field(struct snap *s)
{
	snap_begin(s, "thing", 2);
	snap_begin(s, "inner", 1);
	snap_end(s);
}

static void ask_nothing(struct snap *s)
{
	snap_finish(s, NULL, NULL);
}

static void own_complaint(struct snap *s)
{
	snap_begin(s, "thing", 2);
	snap_reject(s, "c", "too large");
	snap_reject(s, "d", "comes too late");
}

static void S04_wrong_contents_are_refused_by_name(void **state)
{
	static const struct expect cases[] = {
		{ ask_newer, "thing: version 2, known are 1 to 1" },
		{ ask_other_node, "other: missing" },
		{ ask_missing, "thing/z: missing" },
		{ ask_short, "thing/b: wrong length" },
		{ ask_long, "thing/bytes: wrong length" },
		{ ask_bool, "thing/a: neither 0 nor 1" },
		{ ask_twice, "thing/a: missing" },
		{ ask_too_little, "thing/a: unknown field" },
		{ ask_no_field, "thing/inner/value: unknown field" },
		{ ask_nothing, "thing: unknown node" },
		{ own_complaint, "thing/c: too large" },
	};
	size_t len;
	uint8_t *blob = save(&sample, &len);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snap *s;
		uint8_t v = 9;

		assert_int_equal(snap_open(&s, blob, len, NULL), 0);
		cases[i].ask(s);
		assert_string_equal(snap_error_text(s), cases[i].text);
		assert_int_equal(snap_error(s), -EBADMSG);
		/* later calls do nothing */
		assert_int_equal(snap_begin(s, "thing", 2), 0);
		snap_u8(s, "a", &v);
		assert_int_equal(v, 9);
		snap_end(s);
		assert_int_equal(snap_finish(s, NULL, NULL), -EBADMSG);
		assert_string_equal(snap_error_text(s), cases[i].text);
		snap_destroy(s);
	}
	free(blob);
}

static void older_version_is_reported_to_the_loader(void **state)
{
	struct snap *s = snap_create();
	const void *blob;
	struct snap *t;
	size_t len;

	assert_int_equal(snap_begin(s, "x", 3), 3);
	snap_end(s);
	assert_int_equal(snap_finish(s, &blob, &len), 0);
	assert_int_equal(snap_open(&t, blob, len, NULL), 0);
	assert_int_equal(snap_begin(t, "x", 5), 3);
	snap_end(t);
	assert_int_equal(snap_finish(t, NULL, NULL), 0);
	snap_destroy(t);
	snap_destroy(s);
}

/* libfdt would take "disk" for "disk@1". */
static void node_with_a_longer_name_is_another(void **state)
{
	struct snap *s = snap_create();
	const void *blob;
	struct snap *t;
	size_t len;

	snap_begin(s, "disk@1", 1);
	snap_end(s);
	assert_int_equal(snap_finish(s, &blob, &len), 0);
	assert_int_equal(snap_open(&t, blob, len, NULL), 0);
	assert_int_equal(snap_begin(t, "disk", 1), 0);
	assert_string_equal(snap_error_text(t), "disk: missing");
	snap_destroy(t);
	snap_destroy(s);
}

static void large_state_grows_the_buffer(void **state)
{
	enum { LEN = 100000 };
	struct snap *s = snap_create();
	uint8_t *bytes = malloc(LEN);
	const void *blob;
	struct snap *t;
	size_t len;

	assert_non_null(bytes);
	memset(bytes, 0x5a, LEN);
	for (int i = 0; i < 20; i++) {
		char name[8] = { 'n', (char)('a' + i) };

		snap_begin(s, name, 1);
		snap_bytes(s, "bytes", bytes, LEN);
		snap_end(s);
	}
	assert_int_equal(snap_finish(s, &blob, &len), 0);
	assert_true(len > 20 * LEN);
	assert_int_equal(snap_open(&t, blob, len, NULL), 0);
	for (int i = 0; i < 20; i++) {
		char name[8] = { 'n', (char)('a' + i) };

		memset(bytes, 0, LEN);
		snap_begin(t, name, 1);
		snap_bytes(t, "bytes", bytes, LEN);
		snap_end(t);
		assert_int_equal(snap_error(t), 0);
		assert_int_equal(bytes[LEN - 1], 0x5a);
	}
	assert_int_equal(snap_finish(t, NULL, NULL), 0);
	snap_destroy(t);
	snap_destroy(s);
	free(bytes);
}

static void unbalanced_nodes_are_an_error(void **state)
{
	struct snap *s = snap_create();
	const void *blob;
	size_t len;

	snap_end(s);
	assert_int_equal(snap_error(s), -EINVAL);
	snap_destroy(s);
	s = snap_create();
	snap_begin(s, "x", 1);
	assert_int_equal(snap_finish(s, &blob, &len), -EINVAL);
	snap_destroy(s);
}

static void S04_deep_nesting_is_refused(void **state)
{
	struct snap *s = snap_create();

	for (int i = 0; i < 50; i++)
		snap_begin(s, "n", 1);
	assert_int_equal(snap_error(s), -E2BIG);
	snap_destroy(s);
}

static void finishing_twice_gives_the_same(void **state)
{
	struct snap *s = snap_create();
	const void *a;
	const void *b;
	size_t len;

	assert_int_equal(snap_finish(s, &a, &len), 0);
	assert_int_equal(snap_finish(s, &b, &len), 0);
	assert_ptr_equal(a, b);
	snap_destroy(s);
	snap_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_saved_is_loaded),
		cmocka_unit_test(saving_the_loaded_gives_equal_bytes),
		cmocka_unit_test(S01_every_truncation_is_refused),
		cmocka_unit_test(S01_a_longer_file_is_refused),
		cmocka_unit_test(
			S01_every_bit_flip_is_an_error_or_another_value),
		cmocka_unit_test(
			S03_wrong_magic_and_other_versions_are_refused),
		cmocka_unit_test(S04_wrong_contents_are_refused_by_name),
		cmocka_unit_test(older_version_is_reported_to_the_loader),
		cmocka_unit_test(node_with_a_longer_name_is_another),
		cmocka_unit_test(large_state_grows_the_buffer),
		cmocka_unit_test(unbalanced_nodes_are_an_error),
		cmocka_unit_test(S04_deep_nesting_is_refused),
		cmocka_unit_test(finishing_twice_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
