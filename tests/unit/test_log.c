// SPDX-License-Identifier: BSD-3-Clause
/* src/base/log.c: levels, and the limit for what a guest can cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct sink {
	unsigned int lines;
	int level;
	char last[600];
};

static void note(void *ctx, int level, const char *line)
{
	struct sink *sink = ctx;

	sink->lines++;
	sink->level = level;
	snprintf(sink->last, sizeof(sink->last), "%s", line);
}

static void log_lines_above_the_level_are_dropped(void **state)
{
	struct sink sink = { 0 };
	struct log log = { LOG_LEVEL_WARN, note, &sink };

	log_info(&log, "no");
	log_debug(&log, "no");
	assert_int_equal(sink.lines, 0);
	log_warn(&log, "w%d", 1);
	assert_int_equal(sink.level, LOG_LEVEL_WARN);
	assert_string_equal(sink.last, "w1");
	log_error(&log, "e");
	assert_int_equal(sink.level, LOG_LEVEL_ERROR);
	assert_int_equal(sink.lines, 2);
}

static void log_to_nobody_is_quiet(void **state)
{
	struct log nobody = { .level = LOG_LEVEL_DEBUG };
	struct log_limit limit = { 0 };

	log_error(NULL, "x");
	log_error(&nobody, "x");
	log_guest(NULL, &limit, "x");
	log_guest(&nobody, &limit, "x");
	assert_int_equal(limit.lines, 0);
}

static void log_line_too_long_is_cut(void **state)
{
	struct sink sink = { 0 };
	struct log log = { LOG_LEVEL_WARN, note, &sink };
	char longest[4000];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	log_warn(&log, "%s", longest);
	assert_int_equal(strlen(sink.last), 511);
}

static void R15_guest_gets_10_lines_in_5_seconds_and_then_a_count(void **state)
{
	struct sink sink = { 0 };
	struct log log = { LOG_LEVEL_WARN, note, &sink };
	struct log_limit limit = { 0 };

	for (int i = 0; i < 100000; i++)
		log_guest(&log, &limit, "bad thing %d", i);
	assert_int_equal(sink.lines, 10);
	assert_string_equal(sink.last, "bad thing 9");
	limit.window_ms -= 5000; /* the window is over */
	log_guest(&log, &limit, "again");
	assert_int_equal(sink.lines, 12);
	assert_string_equal(sink.last, "again");
	assert_int_equal(limit.suppressed, 0);
	limit.window_ms -= 4000; /* this one is not */
	for (int i = 0; i < 20; i++)
		log_guest(&log, &limit, "more");
	assert_int_equal(sink.lines, 21);
	assert_int_equal(limit.suppressed, 11);
}

static void R15_suppressed_lines_are_counted_exactly(void **state)
{
	struct sink sink = { 0 };
	struct log log = { LOG_LEVEL_WARN, note, &sink };
	struct log_limit limit = { .window_ms = clock_mono_ms() - 5000,
				   .lines = 10,
				   .suppressed = 99990 };

	log_guest(&log, &limit, "%s", "");
	assert_int_equal(sink.lines, 2);
	limit = (struct log_limit){ .window_ms = clock_mono_ms() - 5000,
				    .lines = 11,
				    .suppressed = 1 };
	log.level = LOG_LEVEL_ERROR; /* warnings are not wanted */
	log_guest(&log, &limit, "x");
	assert_int_equal(sink.lines, 2);
}

static void R15_limits_of_two_devices_are_apart(void **state)
{
	struct sink sink = { 0 };
	struct log log = { LOG_LEVEL_WARN, note, &sink };
	struct log_limit a = { 0 };
	struct log_limit b = { 0 };

	for (int i = 0; i < 50; i++)
		log_guest(&log, &a, "a");
	log_guest(&log, &b, "b");
	assert_int_equal(sink.lines, 11);
	assert_string_equal(sink.last, "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_lines_above_the_level_are_dropped),
		cmocka_unit_test(log_to_nobody_is_quiet),
		cmocka_unit_test(log_line_too_long_is_cut),
		cmocka_unit_test(
			R15_guest_gets_10_lines_in_5_seconds_and_then_a_count),
		cmocka_unit_test(R15_suppressed_lines_are_counted_exactly),
		cmocka_unit_test(R15_limits_of_two_devices_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
