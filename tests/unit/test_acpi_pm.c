// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "access.h"
#include "base/clock.h"
#include "devices/acpi_pm.h"
#include "fake_irq.h"
#include "fake_signal.h"

#define PWRBTN 0x0100

struct bench {
	struct fake_irq sci;
	struct fake_signal signal;
	struct device *dev;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct machine_signal signal = fake_signal(&b->signal);

	*state = b;
	return acpi_pm_create(&b->dev, "acpi-pm", fake_irq(&b->sci), &signal);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	device_destroy(b->dev);
	assert_int_equal(b->sci.repeats, 0);
	free(b);
	return 0;
}

static void power_button_raises_the_sci_until_it_is_acknowledged(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, ACPI_PM_EVENT, 2, 2, PWRBTN);
	assert_true(acpi_pm_press(b->dev));
	assert_int_equal(b->sci.level, 1);
	assert_int_equal(dev_read(b->dev, ACPI_PM_EVENT, 0, 2), PWRBTN);
	dev_write(b->dev, ACPI_PM_EVENT, 0, 2, (uint16_t)~PWRBTN);
	assert_int_equal(b->sci.level, 1);
	dev_write(b->dev, ACPI_PM_EVENT, 0, 2, PWRBTN);
	assert_int_equal(b->sci.level, 0);
	assert_int_equal(dev_read(b->dev, ACPI_PM_EVENT, 0, 2), 0);
	assert_int_equal(b->sci.rises, 1);
}

static void press_says_when_nobody_listens_and_is_kept(void **state)
{
	struct bench *b = *state;

	assert_false(acpi_pm_press(b->dev));
	assert_int_equal(b->sci.level, 0);
	dev_write(b->dev, ACPI_PM_EVENT, 2, 2, PWRBTN);
	assert_int_equal(b->sci.level, 1);
	dev_write(b->dev, ACPI_PM_EVENT, 2, 2, 0);
	assert_int_equal(b->sci.level, 0);
}

static void s5_powers_off(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, ACPI_PM_CONTROL, 0, 2, 5 << 10);
	assert_int_equal(b->signal.count, 0);
	dev_write(b->dev, ACPI_PM_CONTROL, 0, 2, 5 << 10 | 1 << 13);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_POWER_OFF);
}

static void s5_in_a_byte_write_powers_off_too(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, ACPI_PM_CONTROL, 1, 1, 0x34);
	assert_int_equal(b->signal.event, MACHINE_POWER_OFF);
	assert_int_equal(b->signal.count, 1);
}

static void other_sleep_types_do_nothing(void **state)
{
	struct bench *b = *state;

	for (unsigned int type = 0; type < 8; type++)
		if (type != ACPI_PM_SLP_TYP_S5)
			dev_write(b->dev, ACPI_PM_CONTROL, 0, 2,
				  type << 10 | 1 << 13);
	assert_int_equal(b->signal.count, 0);
}

static void control_shows_acpi_mode_and_hides_sleep_enable(void **state)
{
	struct bench *b = *state;

	assert_int_equal(dev_read(b->dev, ACPI_PM_CONTROL, 0, 2), 0x0001);
	dev_write(b->dev, ACPI_PM_CONTROL, 0, 2, 0xebfe);
	assert_int_equal(dev_read(b->dev, ACPI_PM_CONTROL, 0, 2), 0x0803);
	assert_int_equal(dev_read(b->dev, ACPI_PM_CONTROL, 1, 1), 0x08);
}

static void timer_runs_at_3_58_MHz(void **state)
{
	struct timespec nap = { .tv_nsec = 50000000 };
	struct bench *b = *state;
	uint64_t ns = clock_mono_ns();
	uint32_t t = (uint32_t)dev_read(b->dev, ACPI_PM_TIMER, 0, 4);
	double rate;

	nanosleep(&nap, NULL);
	t = (uint32_t)dev_read(b->dev, ACPI_PM_TIMER, 0, 4) - t;
	ns = clock_mono_ns() - ns;
	rate = (double)t * 1e9 / (double)ns;
	/* Accesses and clock readings do not happen at the same moment. */
	assert_true(rate > 3579545 * 0.8 && rate < 3579545 * 1.01);
}

static void reset_register_resets_by_its_value_only(void **state)
{
	struct bench *b = *state;

	assert_int_equal(dev_read(b->dev, ACPI_PM_RESET, 0, 1), 0);
	dev_write(b->dev, ACPI_PM_RESET, 0, 1, 0);
	dev_write(b->dev, ACPI_PM_RESET, 0, 1, 6);
	assert_int_equal(b->signal.count, 0);
	dev_write(b->dev, ACPI_PM_RESET, 0, 1, ACPI_PM_RESET_VALUE);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_RESET);
}

static void T02_event_block_takes_any_width_and_offset(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, ACPI_PM_EVENT, 0, 4, 0xffff0000);
	assert_int_equal(dev_read(b->dev, ACPI_PM_EVENT, 0, 4), 0x07210000);
	assert_int_equal(dev_read(b->dev, ACPI_PM_EVENT, 3, 1), 0x07);
	dev_write(b->dev, ACPI_PM_EVENT, 2, 1, 0x00);
	assert_int_equal(dev_read(b->dev, ACPI_PM_EVENT, 2, 2), 0x0700);
	acpi_pm_press(b->dev);
	dev_write(b->dev, ACPI_PM_EVENT, 0, 1, 0xff);
	assert_int_equal(b->sci.level, 1);
	dev_write(b->dev, ACPI_PM_EVENT, 1, 1, 0x01);
	assert_int_equal(b->sci.level, 0);
}

static void T02_timer_ignores_writes(void **state)
{
	struct bench *b = *state;
	uint32_t t = (uint32_t)dev_read(b->dev, ACPI_PM_TIMER, 0, 4);

	dev_write(b->dev, ACPI_PM_TIMER, 0, 4, t ^ 0x80000000);
	t = (uint32_t)dev_read(b->dev, ACPI_PM_TIMER, 0, 4) - t;
	assert_true(t < 0x40000000);
	assert_int_equal(b->signal.count, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(power_button_raises_the_sci_until_it_is_acknowledged),
		T(press_says_when_nobody_listens_and_is_kept),
		T(s5_powers_off),
		T(s5_in_a_byte_write_powers_off_too),
		T(other_sleep_types_do_nothing),
		T(control_shows_acpi_mode_and_hides_sleep_enable),
		T(timer_runs_at_3_58_MHz),
		T(reset_register_resets_by_its_value_only),
		T(T02_event_block_takes_any_width_and_offset),
		T(T02_timer_ignores_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
