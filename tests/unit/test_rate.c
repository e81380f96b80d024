// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/rate.h"
#include "base/num.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)

static struct rate make(uint64_t bytes, uint64_t ops, uint32_t burst_ms)
{
	const struct rate_config cfg = { bytes, ops, burst_ms };
	struct rate r;

	rate_init(&r, &cfg);
	return r;
}

/* How much passes in @ns of trying whenever it is told to, @size at a time. */
static uint64_t passes(struct rate *r, uint64_t size, uint64_t ns)
{
	uint64_t now = START;
	uint64_t count = 0;

	while (now - START < ns) {
		uint64_t wait = rate_take(r, size, now);

		count += !wait;
		now += wait;
	}
	return count;
}

static void without_limits_everything_passes(void **state)
{
	struct rate r = make(0, 0, 0);

	assert_false(rate_limited(&r));
	for (unsigned int i = 0; i < 100000; i++)
		assert_int_equal(rate_take(&r, UINT64_MAX, START), 0);
}

static void operations_pass_at_their_rate_after_a_burst(void **state)
{
	struct rate r = make(0, 1000, 100);
	uint64_t n = passes(&r, 1 * MIB, 10 * SECOND);

	/* 10 s at 1000 a second, and 100 ms that were saved up */
	assert_in_range(n, 10099, 10102);
}

static void bytes_pass_at_their_rate_after_a_burst(void **state)
{
	struct rate r = make(10 * MIB, 0, 1000);
	uint64_t n = passes(&r, 4096, 4 * SECOND);

	assert_in_range(n * 4096, 50 * MIB, 50 * MIB + 16384);
}

static void the_stricter_limit_counts(void **state)
{
	struct rate r = make(1 * MIB, 100, 100);

	assert_in_range(passes(&r, 512, 10 * SECOND), 1010, 1012);
	r = make(1 * MIB, 100, 100);
	assert_in_range(passes(&r, 65536, 10 * SECOND), 161, 163);
}

static void larger_than_the_bucket_passes_and_is_paid_for(void **s)
{
	struct rate r = make(1000, 0, 100);
	uint64_t wait;

	assert_int_equal(rate_take(&r, 5000, START), 0);
	wait = rate_take(&r, 1, START);
	assert_in_range(wait, 4899999999, 4900000001);
	assert_int_equal(rate_take(&r, 1, START + wait), 0);
}

static void refusing_takes_nothing(void **state)
{
	struct rate r = make(0, 10, 1);
	uint64_t first;

	while (!rate_take(&r, 0, START))
		;
	first = rate_take(&r, 0, START);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(rate_take(&r, 0, START), first);
}

static void the_largest_numbers_do_not_wrap(void **state)
{
	struct rate r = make(1, UINT64_MAX, UINT32_MAX);

	assert_int_equal(rate_take(&r, UINT64_MAX, START), 0);
	assert_in_range(rate_take(&r, UINT64_MAX, START), 1, 3600 * SECOND);
	r = make(UINT64_MAX, 1, 0);
	assert_int_equal(rate_take(&r, UINT64_MAX, 0), 0);
	assert_in_range(rate_take(&r, 1, 0), 1, SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_everything_passes),
		cmocka_unit_test(operations_pass_at_their_rate_after_a_burst),
		cmocka_unit_test(bytes_pass_at_their_rate_after_a_burst),
		cmocka_unit_test(the_stricter_limit_counts),
		cmocka_unit_test(
			larger_than_the_bucket_passes_and_is_paid_for),
		cmocka_unit_test(refusing_takes_nothing),
		cmocka_unit_test(the_largest_numbers_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
