// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/bytes.h"

static void integers_are_little_endian(void **state)
{
	static const uint8_t want[] = { 0x01, 0x03, 0x02, 0x07, 0x06,
					0x05, 0x04, 0x0f, 0x0e, 0x0d,
					0x0c, 0x0b, 0x0a, 0x09, 0x08 };
	uint8_t buf[sizeof(want)];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	bytes_u8(&b, 0x01);
	bytes_u16(&b, 0x0203);
	bytes_u32(&b, 0x04050607);
	bytes_u64(&b, 0x08090a0b0c0d0e0f);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void the_first_overflow_stops_all_writing(void **state)
{
	uint8_t buf[4] = { 0xee, 0xee, 0xee, 0xee };
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	bytes_u8(&b, 1);
	bytes_u32(&b, 2);
	assert_int_equal(b.err, -ENOSPC);
	bytes_u8(&b, 3); /* would fit */
	bytes_set_u8(&b, 0, 4);
	bytes_insert(&b, 0, "x", 1);
	bytes_checksum(&b, 0, 1, 0);
	assert_int_equal(b.len, 1);
	assert_memory_equal(buf, "\x01\xee\xee\xee", 4);
}

static void a_full_buffer_is_not_an_error(void **state)
{
	uint8_t buf[4];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	bytes_zero(&b, 3);
	bytes_put(&b, "", 0);
	bytes_u8(&b, 9);
	bytes_put(&b, "", 0);
	assert_int_equal(b.err, 0);
	assert_memory_equal(buf, "\0\0\0\x09", 4);
}

static void an_insert_moves_the_tail_up(void **state)
{
	uint8_t buf[6];
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	bytes_put(&b, "ad", 2);
	bytes_insert(&b, 1, "bc", 2);
	bytes_insert(&b, 4, "e", 1);
	assert_int_equal(b.len, 5);
	assert_memory_equal(buf, "abcde", 5);
	bytes_insert(&b, 0, "xy", 2);
	assert_int_equal(b.err, -ENOSPC);
	assert_memory_equal(buf, "abcde", 5);
}

static void a_checksum_makes_its_range_sum_to_zero(void **state)
{
	uint8_t buf[6];
	uint8_t sum = 0;
	struct bytes b;

	bytes_init(&b, buf, sizeof(buf));
	bytes_put(&b, "\x55\xff\x10\x77\x80\x55", 6);
	bytes_checksum(&b, 1, 4, 3);
	for (size_t i = 1; i < 5; i++)
		sum += buf[i];
	assert_int_equal(sum, 0);
	assert_int_equal(buf[0], 0x55);
	assert_int_equal(buf[5], 0x55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(the_first_overflow_stops_all_writing),
		cmocka_unit_test(a_full_buffer_is_not_an_error),
		cmocka_unit_test(an_insert_moves_the_tail_up),
		cmocka_unit_test(a_checksum_makes_its_range_sum_to_zero),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
