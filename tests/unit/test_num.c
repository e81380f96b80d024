// SPDX-License-Identifier: BSD-3-Clause
/* src/base/num.[ch]: sums that do not wrap, words that are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/num.h"

typedef int (*parser)(uint64_t *out, const char *word);

struct row {
	const char *word;
	int result;
	uint64_t value;
};

static void check(parser parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0x5a5a;
		int r = parse(&v, rows[i].word);

		if (r != rows[i].result || (!r && v != rows[i].value))
			fail_msg("\"%s\": %d, %llu", rows[i].word, r,
				 (unsigned long long)v);
	}
}

static void num_arithmetic_tells_when_it_would_wrap(void **state)
{
	uint64_t r;

	assert_true(add_u64(UINT64_MAX - 1, 1, &r));
	assert_true(r == UINT64_MAX);
	assert_false(add_u64(UINT64_MAX, 1, &r));
	assert_true(mul_u64(UINT64_C(1) << 32, UINT32_MAX, &r));
	assert_false(mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &r));
}

static void num_range_ok_at_the_edges(void **state)
{
	assert_true(range_ok(0, 0, 0));
	assert_true(range_ok(8, 0, 8));
	assert_true(range_ok(4, 4, 8));
	assert_false(range_ok(4, 5, 8));
	assert_false(range_ok(9, 0, 8));
	assert_false(range_ok(4, UINT64_MAX, 8));
	assert_false(range_ok(UINT64_MAX, 2, 8));
}

static void num_ranges_meet_only_when_they_share_a_byte(void **state)
{
	assert_true(ranges_meet(0, 4, 3, 1));
	assert_true(ranges_meet(3, 1, 0, 4));
	assert_false(ranges_meet(0, 4, 4, 4));
	assert_false(ranges_meet(4, 4, 0, 4));
	assert_true(ranges_meet(2, 1, 0, 8));
	assert_false(ranges_meet(2, 0, 0, 8));
	assert_false(ranges_meet(0, 8, 2, 0));
	assert_true(ranges_meet(UINT64_MAX - 1, 1, UINT64_MAX - 1, 1));
}

static void num_align_up_saturates_instead_of_wrapping(void **state)
{
	assert_int_equal(align_up(0, 4096), 0);
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_true(align_up(UINT64_MAX, 4096) == UINT64_MAX - 4095);
	assert_true(align_up(UINT64_MAX - 4095, 4096) == UINT64_MAX - 4095);
	assert_true(align_up(UINT64_MAX - 4094, 4096) == UINT64_MAX - 4095);
	assert_int_equal(align_down(4097, 4096), 4096);
	assert_true(is_pow2(1) && is_pow2(UINT64_C(1) << 63));
	assert_false(is_pow2(0) || is_pow2(12));
}

static void C01_numbers_are_whole_words_of_digits(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "10", 0, 10 },
		{ "0x0", 0, 0 },
		{ "0xfF", 0, 255 },
		{ "0X10", 0, 16 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "-0", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "01", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1e309", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1_000", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ "0xg", -EINVAL, 0 },
		{ "abc", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "\xef\xbc\x91", -EINVAL, 0 }, /* a fullwidth 1 */
	};

	check(num_parse_u64, rows, ARRAY_SIZE(rows));
}

static void C02_sizes_that_would_wrap_are_refused(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1K", 0, 1024 },
		{ "1k", 0, 1024 },
		{ "512M", 0, 512 * MIB },
		{ "512m", 0, 512 * MIB },
		{ "2G", 0, 2 * GIB },
		{ "2g", 0, 2 * GIB },
		{ "64T", 0, UINT64_C(1) << 46 },
		{ "1t", 0, UINT64_C(1) << 40 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "17592186044416M", -ERANGE, 0 }, /* 2^64 */
		{ "18446744073709551615K", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "M", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1MB", -EINVAL, 0 },
		{ "1MiB", -EINVAL, 0 },
		{ "1 M", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "-1M", -EINVAL, 0 },
		{ "0512M", -EINVAL, 0 },
		{ "0x10M", -EINVAL, 0 },
	};

	check(num_parse_size, rows, ARRAY_SIZE(rows));
}

static void num_durations_need_a_unit(void **state)
{
	static const struct row rows[] = {
		{ "250ms", 0, 250 },
		{ "30s", 0, 30000 },
		{ "5m", 0, 300000 },
		{ "2h", 0, 7200000 },
		{ "0s", 0, 0 },
		{ "5124095576030h", 0, UINT64_C(5124095576030) * 3600000 },
		{ "5124095576031h", -ERANGE, 0 },
		{ "30", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "5M", -EINVAL, 0 },
		{ "5min", -EINVAL, 0 },
		{ "1m30s", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
	};

	check(num_parse_ms, rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(num_arithmetic_tells_when_it_would_wrap),
		cmocka_unit_test(num_range_ok_at_the_edges),
		cmocka_unit_test(num_ranges_meet_only_when_they_share_a_byte),
		cmocka_unit_test(num_align_up_saturates_instead_of_wrapping),
		cmocka_unit_test(C01_numbers_are_whole_words_of_digits),
		cmocka_unit_test(C02_sizes_that_would_wrap_are_refused),
		cmocka_unit_test(num_durations_need_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
