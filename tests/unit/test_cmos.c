// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "access.h"
#include "base/clock.h"
#include "base/num.h"
#include "devices/cmos.h"

static struct device *make(uint64_t low, uint64_t high)
{
	struct device *dev;

	assert_int_equal(cmos_create(&dev, "cmos", low, high), 0);
	return dev;
}

static uint8_t get(struct device *dev, uint8_t index)
{
	dev_write(dev, 0, 0, 1, index);
	return (uint8_t)dev_read(dev, 0, 1, 1);
}

static void set(struct device *dev, uint8_t index, uint8_t value)
{
	dev_write(dev, 0, 0, 1, index);
	dev_write(dev, 0, 1, 1, value);
}

/* The time as a guest reads it: wait for UIP to be clear, then all of it. */
static void read_clock(struct device *dev, char *text, size_t cap)
{
	while (get(dev, 0x0a) & 0x80)
		;
	snprintf(text, cap, "%02x%02x-%02x-%02x %02x:%02x:%02x %x",
		 get(dev, 0x32), get(dev, 9), get(dev, 8), get(dev, 7),
		 get(dev, 4), get(dev, 2), get(dev, 0), get(dev, 6));
}

static void host_clock(char *text, size_t cap)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, cap, "%Y-%m-%d %H:%M:%S ", &tm);
	snprintf(text + strlen(text), cap - strlen(text), "%d",
		 tm.tm_wday + 1);
}

static void clock_is_the_hosts_in_utc_and_bcd(void **state)
{
	struct device *dev = make(64 * MIB, 0);
	char before[64];
	char guest[64];
	char after[64];

	host_clock(before, sizeof(before));
	read_clock(dev, guest, sizeof(guest));
	host_clock(after, sizeof(after));
	if (strcmp(guest, before) != 0)
		assert_string_equal(guest, after);
	device_destroy(dev);
}

static void update_in_progress_shows_before_the_second_ends(void **state)
{
	struct device *dev = make(64 * MIB, 0);
	uint64_t end = clock_mono_ms() + 20000;
	uint8_t second;

	/* A quarter of a millisecond: a busy machine may sleep over it. */
	do {
		while (!(get(dev, 0x0a) & 0x80))
			assert_true(clock_mono_ms() < end);
		second = get(dev, 0);
		while (get(dev, 0x0a) & 0x80)
			assert_true(clock_mono_ms() < end);
	} while (get(dev, 0) == second);
	device_destroy(dev);
}

static void status_registers_say_24_hours_valid_and_no_interrupt(void **state)
{
	struct device *dev = make(64 * MIB, 0);

	assert_int_equal(get(dev, 0x0a) & 0x7f, 0x26);
	assert_int_equal(get(dev, 0x0b), 0x02);
	assert_int_equal(get(dev, 0x0c), 0x00);
	assert_int_equal(get(dev, 0x0d), 0x80);
	device_destroy(dev);
}

static void memory_sizes_are_in_the_cmos(void **state)
{
	static const struct {
		uint64_t low;
		uint64_t high;
		unsigned int base;
		unsigned int ext;
		unsigned int above;
		unsigned int far;
	} table[] = {
		{ 512 * KIB, 0, 512, 0, 0, 0 },
		{ 2 * MIB, 0, 640, 1024, 0, 0 },
		{ 16 * MIB, 0, 640, 15360, 0, 0 },
		{ 256 * MIB, 0, 640, 64512, 3840, 0 },
		{ 3 * GIB, 5 * GIB, 640, 64512, 48896, 81920 },
		{ 3 * GIB, UINT64_MAX, 640, 64512, 48896, 0xffffff },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
		struct device *d = make(table[i].low, table[i].high);

		assert_int_equal(get(d, 0x15) | get(d, 0x16) << 8,
				 table[i].base);
		assert_int_equal(get(d, 0x17) | get(d, 0x18) << 8,
				 table[i].ext);
		assert_int_equal(get(d, 0x30) | get(d, 0x31) << 8,
				 table[i].ext);
		assert_int_equal(get(d, 0x34) | get(d, 0x35) << 8,
				 table[i].above);
		assert_int_equal(get(d, 0x5b) | get(d, 0x5c) << 8 |
				 get(d, 0x5d) << 16, table[i].far);
		device_destroy(d);
	}
}

static void guest_may_not_set_the_clock_or_its_format(void **state)
{
	struct device *dev = make(64 * MIB, 0);
	uint8_t year = get(dev, 9);

	set(dev, 9, year ^ 0x11);
	assert_int_equal(get(dev, 9), year);
	set(dev, 0x0b, 0xff);
	assert_int_equal(get(dev, 0x0b), 0x82);
	set(dev, 0x0d, 0x00);
	assert_int_equal(get(dev, 0x0d), 0x80);
	set(dev, 0x0a, 0xff);
	assert_int_equal(get(dev, 0x0a) & 0x7f, 0x7f);
	device_destroy(dev);
}

static void memory_keeps_what_is_written_and_bit_7_is_the_nmi_mask(void **state)
{
	struct device *dev = make(64 * MIB, 0);

	set(dev, 0x0f, 0x5a);
	set(dev, 0x7f, 0xa5);
	assert_int_equal(get(dev, 0x8f), 0x5a);
	assert_int_equal(get(dev, 0xff), 0xa5);
	device_destroy(dev);
}

static void T02_index_port_reads_ones_and_wide_accesses_split(void **state)
{
	struct device *dev = make(64 * MIB, 0);

	assert_int_equal(dev_read(dev, 0, 0, 1), 0xff);
	dev_write(dev, 0, 0, 2, 0x770f);
	assert_int_equal(dev_read(dev, 0, 0, 2), 0x77ff);
	assert_int_equal(get(dev, 0x0f), 0x77);
	device_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_is_the_hosts_in_utc_and_bcd),
		cmocka_unit_test(
			update_in_progress_shows_before_the_second_ends),
		cmocka_unit_test(
			status_registers_say_24_hours_valid_and_no_interrupt),
		cmocka_unit_test(memory_sizes_are_in_the_cmos),
		cmocka_unit_test(guest_may_not_set_the_clock_or_its_format),
		cmocka_unit_test(
			memory_keeps_what_is_written_and_bit_7_is_the_nmi_mask),
		cmocka_unit_test(
			T02_index_port_reads_ones_and_wide_accesses_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
