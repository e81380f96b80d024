// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/initrd.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "boot/initrd.h"

static const uint8_t bytes[] = "abcdefghijklmnop";

struct joined {
	uint8_t data[64];
	uint64_t len;
	unsigned int calls_left; /* the next call after these fails */
};

static int join(void *ctx, uint64_t offset, const void *from, size_t len)
{
	struct joined *j = ctx;

	if (!j->calls_left)
		return -EIO;
	j->calls_left--;
	assert_int_equal(offset, j->len);
	assert_true(len > 0 && len <= sizeof(j->data) - j->len);
	memcpy(j->data + j->len, from, len);
	j->len += len;
	return 0;
}

static void initrd_alone_is_not_padded(void **state)
{
	struct initrd_part part = { bytes, 5, 99 };
	uint64_t size;

	assert_int_equal(initrd_layout(&size, &part, 1, NULL), 0);
	assert_int_equal(size, 5);
	assert_int_equal(part.offset, 0);
}

static void initrd_each_part_starts_on_a_4_byte_boundary(void **state)
{
	struct initrd_part part[] = { { bytes, 1, 0 }, { bytes, 2, 0 },
				      { bytes, 3, 0 }, { bytes, 4, 0 },
				      { bytes, 5, 0 } };
	uint64_t size;

	assert_int_equal(initrd_layout(&size, part, 5, NULL), 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(part[i].offset, 4 * i);
	assert_int_equal(size, 21);
}

static void initrd_of_no_parts_is_empty(void **state)
{
	uint64_t size = 1;

	assert_int_equal(initrd_layout(&size, NULL, 0, NULL), 0);
	assert_int_equal(size, 0);
	assert_int_equal(initrd_write(NULL, 0, join, NULL), 0);
}

static void B09_empty_initrd_is_refused_by_its_number(void **state)
{
	struct initrd_part part[] = { { bytes, 1, 0 }, { bytes, 0, 0 } };
	struct err err = { 0 };
	uint64_t size;

	assert_int_equal(initrd_layout(&size, part, 2, &err), -EINVAL);
	assert_non_null(strstr(err.text, "initrd 2 of 2 is empty"));
}

static void B09_initrds_whose_sum_wraps_are_refused(void **state)
{
	static const size_t lengths[][2] = {
		{ SIZE_MAX, 1 },	/* no room for the padding */
		{ SIZE_MAX - 2, 1 },	/* nor here */
		{ SIZE_MAX - 3, 4 },	/* 2^64 - 4 + 4 */
		{ 8, SIZE_MAX - 7 },	/* 8 + 2^64 - 8 */
		{ SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1 },
	};
	struct err err;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct initrd_part part[] = { { bytes, lengths[i][0], 0 },
					      { bytes, lengths[i][1], 0 } };

		err = (struct err){ 0 };
		assert_int_equal(initrd_layout(&size, part, 2, &err),
				 -EOVERFLOW);
		assert_true(strlen(err.text) > 0);
	}
}

static void B09_largest_sum_that_fits_is_taken(void **state)
{
	struct initrd_part part[] = { { bytes, 8, 0 },
				      { bytes, SIZE_MAX - 8, 0 } };
	uint64_t size;

	assert_int_equal(initrd_layout(&size, part, 2, NULL), 0);
	assert_true(size == UINT64_MAX);
}

static void initrd_write_fills_the_gaps_with_zeros(void **state)
{
	struct initrd_part part[] = { { bytes, 5, 0 },
				      { bytes + 5, 4, 0 },
				      { bytes + 9, 3, 0 } };
	struct joined j = { .calls_left = 9 };
	uint64_t size;

	memset(j.data, 0xee, sizeof(j.data));
	assert_int_equal(initrd_layout(&size, part, 3, NULL), 0);
	assert_int_equal(initrd_write(part, 3, join, &j), 0);
	assert_int_equal(j.len, size);
	assert_memory_equal(j.data, "abcde\0\0\0fghijkl", 15);
}

static void initrd_write_stops_when_the_writer_does(void **state)
{
	struct initrd_part part[] = { { bytes, 5, 0 }, { bytes, 4, 0 } };
	uint64_t size;

	assert_int_equal(initrd_layout(&size, part, 2, NULL), 0);
	for (unsigned int n = 0; n < 3; n++) {
		struct joined j = { .calls_left = n };

		assert_int_equal(initrd_write(part, 2, join, &j), -EIO);
		assert_int_equal(j.calls_left, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initrd_alone_is_not_padded),
		cmocka_unit_test(initrd_each_part_starts_on_a_4_byte_boundary),
		cmocka_unit_test(initrd_of_no_parts_is_empty),
		cmocka_unit_test(B09_empty_initrd_is_refused_by_its_number),
		cmocka_unit_test(B09_initrds_whose_sum_wraps_are_refused),
		cmocka_unit_test(B09_largest_sum_that_fits_is_taken),
		cmocka_unit_test(initrd_write_fills_the_gaps_with_zeros),
		cmocka_unit_test(initrd_write_stops_when_the_writer_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
