// SPDX-License-Identifier: BSD-3-Clause
/* src/stats.c: counting, merging, reporting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <linux/kvm.h>

#include "stats.h"

/* The rows as "group name=value;". */
static void note(void *ctx, const struct vireo_stat *stat)
{
	char *text = ctx;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s %s=%llu;", stat->group,
		 stat->name, (unsigned long long)stat->value);
}

static void stats_report_names_what_was_counted(void **state)
{
	char text[1024] = "";
	struct stats s;

	assert_int_equal(stats_init(&s, true), 0);
	stats_report(&s, note, text);
	assert_string_equal(text, "");
	stats_exit(&s, KVM_EXIT_IO);
	stats_exit(&s, KVM_EXIT_IO);
	stats_exit(&s, KVM_EXIT_MMIO);
	stats_port(&s, 0x3f8);
	stats_port(&s, 0xffff);
	stats_port(&s, 0);
	stats_mmio(&s, 0xfec00010);
	stats_mmio(&s, 0xfec00000);
	stats_report(&s, note, text);
	assert_string_equal(text,
			    "exits io=2;exits mmio=1;pio port 0=1;"
			    "pio port 0x3f8=1;pio port 0xffff=1;"
			    "mmio page 0xfec00000=2;");
	stats_finish(&s);
	stats_finish(&s);
}

static void stats_without_detail_count_reasons_only(void **state)
{
	char text[1024] = "";
	struct stats s;

	assert_int_equal(stats_init(&s, false), 0);
	assert_null(s.port);
	stats_exit(&s, KVM_EXIT_HLT);
	stats_port(&s, 1);
	stats_mmio(&s, 0x1000);
	stats_report(&s, note, text);
	assert_string_equal(text, "exits hlt=1;");
	stats_finish(&s);
}

static void G02_exit_reasons_out_of_range_share_the_last_counter(void **state)
{
	struct stats s;

	stats_init(&s, false);
	stats_exit(&s, STATS_EXITS - 1);
	stats_exit(&s, STATS_EXITS);
	stats_exit(&s, UINT32_MAX);
	assert_int_equal(s.exits[STATS_EXITS - 1], 3);
	stats_finish(&s);
}

static void stats_pages_beyond_32_share_the_last_counter(void **state)
{
	uint64_t sum = 0;
	struct stats s;

	stats_init(&s, true);
	for (uint64_t i = 0; i < 1000; i++)
		stats_mmio(&s, i << 12);
	stats_mmio(&s, 5 << 12);
	for (int i = 0; i < STATS_PAGES; i++)
		sum += s.page[i].count;
	assert_int_equal(sum, 1001);
	assert_int_equal(s.page[5].count, 2);
	assert_int_equal(s.page[STATS_PAGES - 1].count, 1000 - 31);
	stats_finish(&s);
}

static void stats_merge_adds_and_keeps_the_earliest_exit(void **state)
{
	struct stats a;
	struct stats b;

	stats_init(&a, true);
	stats_init(&b, true);
	stats_exit(&a, KVM_EXIT_IO);
	stats_exit(&b, KVM_EXIT_IO);
	stats_port(&b, 0x80);
	stats_mmio(&a, 0x1000);
	stats_mmio(&b, 0x2000);
	stats_mmio(&b, 0x1000);
	b.first_exit_ns = 500;
	stats_merge(&a, &b);
	assert_int_equal(a.first_exit_ns, 500);
	b.first_exit_ns = 700;
	stats_merge(&a, &b);
	assert_int_equal(a.first_exit_ns, 500);
	b.first_exit_ns = 300;
	stats_merge(&a, &b);
	assert_int_equal(a.first_exit_ns, 300);
	b.first_exit_ns = 0; /* never ran */
	stats_merge(&a, &b);
	assert_int_equal(a.first_exit_ns, 300);
	assert_int_equal(a.exits[KVM_EXIT_IO], 5);
	assert_int_equal(a.port[0x80], 4);
	assert_int_equal(a.page[0].count, 5);
	assert_int_equal(a.page[1].count, 4);
	stats_finish(&a);
	stats_finish(&b);
}

static void stats_merge_of_a_finished_one_adds_what_is_left(void **state)
{
	struct stats a;
	struct stats zero = { 0 };

	stats_init(&a, true);
	stats_merge(&a, &zero);
	assert_int_equal(a.page[0].count, 0);
	stats_finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stats_report_names_what_was_counted),
		cmocka_unit_test(stats_without_detail_count_reasons_only),
		cmocka_unit_test(
			G02_exit_reasons_out_of_range_share_the_last_counter),
		cmocka_unit_test(stats_pages_beyond_32_share_the_last_counter),
		cmocka_unit_test(stats_merge_adds_and_keeps_the_earliest_exit),
		cmocka_unit_test(
			stats_merge_of_a_finished_one_adds_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
