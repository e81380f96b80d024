// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/aml.h"
#include "base/num.h"

#define SAME(b, literal)                                                     \
	do {                                                                 \
		assert_int_equal((b)->err, 0);                               \
		assert_int_equal((b)->len, sizeof(literal) - 1);             \
		assert_memory_equal((b)->buf, literal, sizeof(literal) - 1); \
	} while (0)

static void integers_take_their_shortest_encoding(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
		uint8_t code[9];
	} row[] = {
		{ 0, 1, { 0x00 } },
		{ 1, 1, { 0x01 } },
		{ 2, 2, { 0x0a, 0x02 } },
		{ 0xff, 2, { 0x0a, 0xff } },
		{ 0x100, 3, { 0x0b, 0x00, 0x01 } },
		{ 0xffff, 3, { 0x0b, 0xff, 0xff } },
		{ 0x10000, 5, { 0x0c, 0x00, 0x00, 0x01, 0x00 } },
		{ 0xffffffff, 5, { 0x0c, 0xff, 0xff, 0xff, 0xff } },
		{ 0x100000000, 9, { 0x0e, 0, 0, 0, 0, 1, 0, 0, 0 } },
		{ UINT64_MAX - 1,
		  9,
		  { 0x0e, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
		{ UINT64_MAX, 1, { 0xff } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t buf[16];
		struct bytes b;

		bytes_init(&b, buf, sizeof(buf));
		aml_integer(&b, row[i].v);
		assert_int_equal(b.len, row[i].len);
		assert_memory_equal(buf, row[i].code, b.len);
	}
}

static void paths_are_padded_and_prefixed(void **state)
{
	static const struct {
		const char *path;
		size_t len;
		const char *code;
	} row[] = {
		{ "_HID", 4, "_HID" },
		{ "S5", 4, "S5__" },
		{ "\\", 2, "\\\0" },
		{ "\\_SB", 5, "\\_SB_" },
		{ "^^FOO", 6, "^^FOO_" },
		{ "\\_SB.PCI0", 10, "\\.\x5f"
				    "SB_PCI0" },
		{ "A.B.C", 14, "/\x03"
			       "A___B___C___" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t buf[32];
		struct bytes b;

		bytes_init(&b, buf, sizeof(buf));
		aml_path(&b, row[i].path);
		assert_int_equal(b.err, 0);
		assert_int_equal(b.len, row[i].len);
		assert_memory_equal(buf, row[i].code, b.len);
	}
}

static void eisa_ids_are_packed_as_iasl_packs_them(void **state)
{
	uint8_t buf[16];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	aml_eisa_id(&b, "PNP0501");
	aml_eisa_id(&b, "PNP0A08");
	SAME(&b, "\x0c\x41\xd0\x05\x01\x0c\x41\xd0\x0a\x08");
}

static void strings_end_in_zero(void **state)
{
	uint8_t buf[16];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	aml_name(&b, "_HID");
	aml_string(&b, "QEMU0001");
	SAME(&b, "\x08_HID\x0dQEMU0001\0");
}

static void a_method_with_a_return_nests_in_a_device(void **state)
{
	uint8_t buf[64];
	struct bytes b;
	size_t scope;
	size_t dev;
	size_t method;

	bytes_init(&b, buf, sizeof(buf));
	scope = aml_scope(&b, "\\_SB");
	dev = aml_device(&b, "FOO");
	method = aml_method(&b, "_STA", 2);
	aml_return(&b);
	aml_integer(&b, 15);
	aml_close(&b, method);
	aml_close(&b, dev);
	aml_close(&b, scope);
	SAME(&b, "\x10\x17\\_SB_\x5b\x82\x0f"
		 "FOO_\x14\x09_STA\x02\xa4\x0a\x0f");
}

static void a_package_counts_its_elements(void **state)
{
	uint8_t buf[16];
	struct bytes b;
	size_t package;

	bytes_init(&b, buf, sizeof(buf));
	package = aml_package(&b, 3);
	aml_integer(&b, 5);
	aml_integer(&b, 0);
	aml_integer(&b, 1);
	aml_close(&b, package);
	SAME(&b, "\x12\x06\x03\x0a\x05\x00\x01");
}

/* Decodes a PkgLength and says how many bytes it took. */
static size_t pkg_length(const uint8_t *p, size_t *value)
{
	size_t more = *p >> 6;

	*value = more ? *p & 0x0f : *p & 0x3f;
	for (size_t i = 1; i <= more; i++)
		*value |= (size_t)p[i] << (8 * i - 4);
	return 1 + more;
}

static void pkg_length_is_the_shortest_that_counts_itself(void **state)
{
	/* the body's length, and the bytes that its PkgLength takes */
	static const struct {
		size_t body;
		size_t code;
	} row[] = {
		{ 6, 1 },       { 62, 1 },      { 63, 2 },      { 64, 2 },
		{ 4093, 2 },    { 4094, 3 },    { 65536, 3 },   { 1048572, 3 },
		{ 1048573, 4 }, { 1048574, 4 }, { 1048575, 4 }, { 2000000, 4 },
	};
	const size_t cap = 2000010;
	uint8_t *buf = test_malloc(cap);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct bytes b;
		size_t scope;
		size_t value;
		size_t code;

		bytes_init(&b, buf, cap);
		scope = aml_scope(&b, "\\_SB");
		bytes_zero(&b, row[i].body - 5);
		aml_close(&b, scope);
		assert_int_equal(b.err, 0);
		code = pkg_length(buf + 1, &value);
		assert_int_equal(code, row[i].code);
		assert_int_equal(value, row[i].body + code);
		assert_int_equal(b.len, 1 + value);
		assert_memory_equal(buf + 1 + code, "\\_SB_", 5);
	}
	test_free(buf);
}

static void resources_are_a_buffer_with_an_end_tag(void **state)
{
	uint8_t buf[64];
	struct bytes b;
	size_t res;

	bytes_init(&b, buf, sizeof(buf));
	res = aml_resources(&b);
	aml_res_io(&b, 0x3f8, 8);
	aml_res_irq(&b, 4);
	aml_resources_close(&b, res);
	SAME(&b, "\x11\x10\x0a\x0d"
		 "\x47\x01\xf8\x03\xf8\x03\x01\x08"
		 "\x22\x10\x00"
		 "\x79\x00");
}

static void no_resources_are_an_end_tag_alone(void **state)
{
	uint8_t buf[16];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	aml_resources_close(&b, aml_resources(&b));
	SAME(&b, "\x11\x05\x0a\x02\x79\x00");
}

static void large_descriptors_have_their_fields_in_order(void **state)
{
	uint8_t buf[128];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	aml_res_memory32(&b, 0xc0001000, 0x200);
	SAME(&b, "\x86\x09\x00\x01\x00\x10\x00\xc0\x00\x02\x00\x00");
	bytes_init(&b, buf, sizeof(buf));
	aml_res_interrupt(&b, 0x17, false);
	aml_res_interrupt(&b, 0x18, true);
	SAME(&b, "\x89\x06\x00\x03\x01\x17\x00\x00\x00"
		 "\x89\x06\x00\x01\x01\x18\x00\x00\x00");
	bytes_init(&b, buf, sizeof(buf));
	aml_res_memory64(&b, 0x1234500000, 0x1000, false);
	SAME(&b, "\x8a\x2b\x00\x00\x0d\x01"
		 "\x00\x00\x00\x00\x00\x00\x00\x00"
		 "\x00\x00\x50\x34\x12\x00\x00\x00"
		 "\xff\x0f\x50\x34\x12\x00\x00\x00"
		 "\x00\x00\x00\x00\x00\x00\x00\x00"
		 "\x00\x10\x00\x00\x00\x00\x00\x00");
	bytes_init(&b, buf, sizeof(buf));
	aml_res_memory64(&b, UINT64_MAX - 0xfff, 0x1000, true);
	assert_int_equal(buf[4], 0x0c);
	assert_int_equal(b.len, 46);
}

static void build_something(struct bytes *b)
{
	size_t scope = aml_scope(b, "\\_SB.A.B");
	size_t dev = aml_device(b, "DEV");
	size_t res;

	aml_name(b, "_UID");
	aml_string(b, "a string that makes the body longer than sixty bytes");
	aml_name(b, "_CRS");
	res = aml_resources(b);
	aml_res_memory64(b, 4096, 4096, true);
	aml_res_interrupt(b, 5, true);
	aml_resources_close(b, res);
	aml_close(b, dev);
	aml_close(b, scope);
}

static void a_buffer_of_any_smaller_size_is_enospc(void **state)
{
	uint8_t whole[256];
	struct bytes b;
	size_t need;

	bytes_init(&b, whole, sizeof(whole));
	build_something(&b);
	assert_int_equal(b.err, 0);
	need = b.len;
	for (size_t cap = 0; cap <= need; cap++) {
		/* exactly @cap bytes, for the sanitizer and cmocka's guards */
		uint8_t *buf = test_malloc(cap ? cap : 1);

		bytes_init(&b, buf, cap);
		build_something(&b);
		assert_int_equal(b.err, cap < need ? -ENOSPC : 0);
		assert_true(b.len <= cap);
		if (cap == need)
			assert_memory_equal(buf, whole, need);
		test_free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_take_their_shortest_encoding),
		cmocka_unit_test(paths_are_padded_and_prefixed),
		cmocka_unit_test(eisa_ids_are_packed_as_iasl_packs_them),
		cmocka_unit_test(strings_end_in_zero),
		cmocka_unit_test(a_method_with_a_return_nests_in_a_device),
		cmocka_unit_test(a_package_counts_its_elements),
		cmocka_unit_test(pkg_length_is_the_shortest_that_counts_itself),
		cmocka_unit_test(resources_are_a_buffer_with_an_end_tag),
		cmocka_unit_test(no_resources_are_an_end_tag_alone),
		cmocka_unit_test(large_descriptors_have_their_fields_in_order),
		cmocka_unit_test(a_buffer_of_any_smaller_size_is_enospc),
	};

	return cmocka_run_group_tests_name("aml", tests, NULL, NULL);
}
