// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access.h"
#include "devices/pvpanic.h"
#include "fake_signal.h"

struct bench {
	struct fake_signal signal;
	struct log log;
	unsigned int lines;
	char last[512];
	struct device *dev;
};

static void note(void *ctx, int level, const char *line)
{
	struct bench *b = ctx;

	b->lines++;
	strncpy(b->last, line, sizeof(b->last) - 1);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct machine_signal signal = fake_signal(&b->signal);

	*state = b;
	b->log = (struct log){ LOG_LEVEL_WARN, note, b };
	return pvpanic_create(&b->dev, "pvpanic", &signal, &b->log);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	device_destroy(b->dev);
	free(b);
	return 0;
}

static void reading_gives_the_supported_events(void **state)
{
	struct bench *b = *state;

	assert_int_equal(dev_read(b->dev, 0, 0, 1), 0x07);
}

static void panic_is_raised_with_the_guests_bits(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, 0, 0, 1, PVPANIC_PANICKED);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_PANIC);
	assert_int_equal(b->signal.data, PVPANIC_PANICKED);
	assert_int_equal(b->lines, 0);
}

static void crash_kernel_may_go_on(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, 0, 0, 1, PVPANIC_CRASHLOADED);
	assert_int_equal(b->signal.count, 0);
	assert_int_equal(b->lines, 1);
	assert_non_null(strstr(b->last, "crash kernel"));
}

static void shutdown_powers_off(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, 0, 0, 1, PVPANIC_SHUTDOWN);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_POWER_OFF);
}

static void unknown_events_raise_nothing(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, 0, 0, 1, 0x00);
	dev_write(b->dev, 0, 0, 1, 0xf8);
	assert_int_equal(b->signal.count, 0);
	assert_int_equal(b->lines, 1);
}

static void G16_panic_flood_is_one_event(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < 100000; i++)
		dev_write(b->dev, 0, 0, 1, 0xff);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_PANIC);
}

static void R15_flood_writes_ten_lines_in_a_window(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < 100000; i++)
		dev_write(b->dev, 0, 0, 1, 0xf8);
	/* One window, or two when the clock came to its end meanwhile. */
	assert_in_range(b->lines, 10, 21);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reading_gives_the_supported_events),
		T(panic_is_raised_with_the_guests_bits),
		T(crash_kernel_may_go_on),
		T(shutdown_powers_off),
		T(unknown_events_raise_nothing),
		T(G16_panic_flood_is_one_event),
		T(R15_flood_writes_ten_lines_in_a_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
