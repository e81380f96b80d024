// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/layout.h"
#include "arch/x86_64/mptable.h"
#include "base/endian.h"

#define GPA      0xf0000
#define FLOATING 16
#define HEADER   44
#define FIXED    (FLOATING + HEADER + (1 + 1 + 15 + 2) * 8)

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *p++;
	return s;
}

/* What a kernel sees that walks the table. */
struct seen {
	unsigned int cpus;
	unsigned int boot_cpus;
	unsigned int buses;
	unsigned int ioapics;
	unsigned int io_ints;
	unsigned int local_ints;
	uint8_t ioapic_id;
	uint16_t irq_mask;
	bool cpu_id[256];
};

static void see_cpu(struct seen *s, const uint8_t *e)
{
	s->cpus++;
	assert_false(s->cpu_id[e[1]]);
	s->cpu_id[e[1]] = true;
	assert_int_equal(e[3] & 1, 1);
	s->boot_cpus += e[3] >> 1 & 1;
	if (e[3] & 2)
		assert_int_equal(e[1], 0);
}

static void see_io_int(struct seen *s, const uint8_t *e)
{
	s->io_ints++;
	assert_int_equal(e[1], 0);
	assert_int_equal(le16_at(e + 2), e[5] == IRQ_SCI ? 0x0d : 0);
	assert_int_equal(e[4], 0);
	assert_int_equal(e[6], s->ioapic_id);
	assert_int_equal(e[7], e[5]);
	assert_false(s->irq_mask & 1U << e[5]);
	s->irq_mask |= (uint16_t)(1U << e[5]);
}

static void see_ioapic(struct seen *s, const uint8_t *e)
{
	s->ioapics++;
	s->ioapic_id = e[1];
	assert_false(s->cpu_id[e[1]]);
	assert_int_equal(e[3], 1);
	assert_int_equal(le32_at(e + 4), LAYOUT_IOAPIC);
}

static void see(struct seen *s, const uint8_t *e)
{
	switch (e[0]) {
	case 0:
		see_cpu(s, e);
		break;
	case 1:
		s->buses++;
		assert_memory_equal(e + 2, "ISA   ", 6);
		break;
	case 2:
		see_ioapic(s, e);
		break;
	case 3:
		see_io_int(s, e);
		break;
	case 4:
		/* ExtINT at LINT0, NMI at LINT1 */
		assert_int_equal(e[1], s->local_ints ? 1 : 3);
		assert_int_equal(e[6], 0xff);
		assert_int_equal(e[7], s->local_ints);
		s->local_ints++;
		break;
	default:
		fail();
	}
}

static void walk(struct seen *s, const uint8_t *buf, size_t len)
{
	const uint8_t *table = buf + FLOATING;
	size_t off = HEADER;
	unsigned int n;

	memset(s, 0, sizeof(*s));
	assert_memory_equal(buf, "_MP_", 4);
	assert_int_equal(le32_at(buf + 4), GPA + FLOATING);
	assert_int_equal(buf[8] * 16, FLOATING);
	assert_int_equal(buf[9], 4);
	assert_int_equal(sum(buf, FLOATING), 0);
	assert_memory_equal(table, "PCMP", 4);
	assert_int_equal(le16_at(table + 4), len - FLOATING);
	assert_int_equal(table[6], 4);
	assert_int_equal(sum(table, len - FLOATING), 0);
	assert_int_equal(le32_at(table + 36), LAYOUT_LAPIC);
	for (n = 0; off < len - FLOATING; n++) {
		see(s, table + off);
		off += table[off] == 0 ? 20 : 8;
	}
	assert_int_equal(off, len - FLOATING);
	assert_int_equal(n, le16_at(table + 34));
}

static void check(unsigned int cpus, size_t cap, unsigned int expected)
{
	uint8_t *buf = test_malloc(cap);
	struct seen s;
	size_t len = 0;

	assert_int_equal(mptable_build(buf, cap, &len, GPA, cpus), 0);
	assert_true(len <= cap);
	walk(&s, buf, len);
	assert_int_equal(s.cpus, expected);
	assert_int_equal(s.boot_cpus, 1);
	assert_int_equal(s.buses, 1);
	assert_int_equal(s.ioapics, 1);
	assert_int_equal(s.io_ints, 15);
	assert_int_equal(s.irq_mask, 0xfffb);
	assert_int_equal(s.local_ints, 2);
	for (unsigned int id = 0; id < expected; id++)
		assert_true(s.cpu_id[id]);
	test_free(buf);
}

static void one_processor_is_the_boot_processor(void **state)
{
	check(1, LAYOUT_MPTABLE_MAX, 1);
}

static void every_processor_has_its_entry(void **state)
{
	check(2, LAYOUT_MPTABLE_MAX, 2);
	check(255, LAYOUT_MPTABLE_MAX, 255);
}

static void processors_beyond_8_bit_ids_are_left_out(void **state)
{
	check(256, LAYOUT_MPTABLE_MAX, 255);
	check(300, LAYOUT_MPTABLE_MAX, 255);
	check(4096, LAYOUT_MPTABLE_MAX, 255);
}

static void processors_that_do_not_fit_are_left_out(void **state)
{
	check(8, FIXED + 20, 1);
	check(8, FIXED + 39, 1);
	check(8, FIXED + 40, 2);
	check(8, FIXED + 8 * 20 - 1, 7);
	check(8, FIXED + 8 * 20, 8);
}

static void a_buffer_without_room_for_one_is_enospc(void **state)
{
	for (size_t cap = 0; cap < FIXED + 20; cap++) {
		uint8_t *buf = test_malloc(cap ? cap : 1);
		size_t len = 12345;

		assert_int_equal(mptable_build(buf, cap, &len, GPA, 4),
				 -ENOSPC);
		assert_int_equal(len, 12345);
		test_free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_processor_is_the_boot_processor),
		cmocka_unit_test(every_processor_has_its_entry),
		cmocka_unit_test(processors_beyond_8_bit_ids_are_left_out),
		cmocka_unit_test(processors_that_do_not_fit_are_left_out),
		cmocka_unit_test(a_buffer_without_room_for_one_is_enospc),
	};

	return cmocka_run_group_tests_name("mptable", tests, NULL, NULL);
}
