// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access.h"
#include "base/num.h"
#include "devices/mark.h"
#include "devices/testdev.h"
#include "fake_char.h"
#include "fake_signal.h"

static void debug_exit_gives_an_odd_status_of_eight_bits(void **state)
{
	static const struct { unsigned int len; uint32_t value, status; }
	table[] = {
		{ 1, 0x00, 0x01 }, { 1, 0x01, 0x03 }, { 1, 0x7f, 0xff },
		{ 1, 0x80, 0x01 }, { 2, 0x1234, 0x69 },
		{ 4, 0xffffffff, 0xff }, { 4, 0x80000010, 0x21 },
	};
	struct fake_signal seen = { 0 };
	struct machine_signal signal = fake_signal(&seen);
	struct device *dev;

	assert_int_equal(testdev_create(&dev, "testdev", &signal, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
		dev_write(dev, TESTDEV_EXIT, 0, table[i].len, table[i].value);
		assert_int_equal(seen.count, i + 1);
		assert_int_equal(seen.event, MACHINE_DEBUG_EXIT);
		assert_int_equal(seen.data, table[i].status);
	}
	assert_int_equal(dev_read(dev, TESTDEV_EXIT, 0, 4), 0xffffffff);
	device_destroy(dev);
}

static void debug_console_can_be_found_and_written(void **state)
{
	static struct char_dev chr;
	struct machine_signal signal = { NULL, NULL };
	struct device *dev;

	assert_int_equal(testdev_create(&dev, "testdev", &signal, &chr), 0);
	assert_int_equal(dev_read(dev, TESTDEV_CONSOLE, 0, 1), 0xe9);
	dev_write(dev, TESTDEV_CONSOLE, 0, 1, 'o');
	dev_write(dev, TESTDEV_CONSOLE, 0, 1, 'k');
	assert_int_equal(chr.out_len, 2);
	assert_memory_equal(chr.out, "ok", 2);
	device_destroy(dev);
}

static void console_without_a_backend_swallows(void **state)
{
	struct machine_signal signal = { NULL, NULL };
	struct device *dev;

	assert_int_equal(testdev_create(&dev, "testdev", &signal, NULL), 0);
	dev_write(dev, TESTDEV_CONSOLE, 0, 1, 'x');
	dev_write(dev, TESTDEV_EXIT, 0, 1, 0);
	device_destroy(dev);
}

static void note(void *ctx, uint8_t n)
{
	*(unsigned int *)ctx = *(unsigned int *)ctx * 256 + n;
}

static void mark_is_told_to_the_callback_and_reads_ones(void **state)
{
	unsigned int seen = 0;
	struct device *dev;

	assert_int_equal(mark_create(&dev, "mark",
				     (struct mark_sink){ note, &seen }), 0);
	dev_write(dev, 0, 0, 1, 0x12);
	dev_write(dev, 0, 0, 1, 0xff);
	assert_int_equal(seen, 0x12ff);
	assert_int_equal(dev_read(dev, 0, 0, 1), 0xff);
	device_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debug_exit_gives_an_odd_status_of_eight_bits),
		cmocka_unit_test(debug_console_can_be_found_and_written),
		cmocka_unit_test(console_without_a_backend_swallows),
		cmocka_unit_test(mark_is_told_to_the_callback_and_reads_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
