// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access.h"
#include "devices/i8042.h"
#include "fake_signal.h"

struct bench {
	struct fake_signal signal;
	struct device *dev;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct machine_signal signal = fake_signal(&b->signal);

	*state = b;
	return i8042_create(&b->dev, "i8042", &signal);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	device_destroy(b->dev);
	free(b);
	return 0;
}

/* A table's "off" is the window here. */
static void run(struct bench *b, const struct access *a)
{
	for (unsigned int i = 0; a[i].op; i++) {
		uint32_t mask = a[i].mask ? a[i].mask : 0xff;
		uint64_t got;

		if (a[i].op == 'w') {
			dev_write(b->dev, a[i].off, 0, 1, a[i].value);
			continue;
		}
		got = dev_read(b->dev, a[i].off, 0, 1);
		if ((got & mask) != a[i].value)
			fail_msg("step %u: 0x%02x, not 0x%02x", i,
				 (unsigned int)got, a[i].value);
	}
}

#define D I8042_DATA
#define C I8042_COMMAND

static void idle_controller_takes_commands_and_has_no_byte(void **state)
{
	static const struct access steps[] = {
		{ 'r', C, 0x14 }, { 'r', D, 0x00 }, { 0 },
	};

	run(*state, steps);
}

static void command_0xfe_resets(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, C, 0, 1, 0xfe);
	assert_int_equal(b->signal.count, 1);
	assert_int_equal(b->signal.event, MACHINE_RESET);
}

static void only_pulses_of_the_reset_line_reset(void **state)
{
	struct bench *b = *state;

	for (unsigned int cmd = 0; cmd < 0x100; cmd++) {
		unsigned int before = b->signal.count;

		dev_write(b->dev, C, 0, 1, cmd);
		assert_int_equal(b->signal.count - before,
				 cmd >= 0xf0 && cmd % 2 == 0);
	}
}

static void output_port_write_resets_when_bit_0_is_clear(void **state)
{
	static const struct access a20[] = {
		{ 'w', C, 0xd1 }, { 'w', D, 0xdf }, { 'r', C, 0, 0x01 }, { 0 },
	};
	static const struct access off[] = {
		{ 'w', C, 0xd1 }, { 'w', D, 0xfe }, { 0 },
	};
	struct bench *b = *state;

	run(b, a20);
	assert_int_equal(b->signal.count, 0);
	run(b, off);
	assert_int_equal(b->signal.event, MACHINE_RESET);
	assert_int_equal(b->signal.count, 1);
}

/* What Linux's i8042 driver asks, in its order: every read finds an answer at
 * once, the second port is absent. */
static void linux_probe_never_waits(void **state)
{
	static const struct access steps[] = {
		{ 'r', C, 0x00, 0x01 },
		{ 'w', C, 0x20 }, { 'r', C, 0x01, 0x03 }, { 'r', D, 0x24 },
		{ 'w', C, 0x60 }, { 'w', D, 0x34 }, { 'r', C, 0x10, 0x13 },
		{ 'w', C, 0x20 }, { 'r', D, 0x34 },
		/* AUX loop: the echo is not marked as the second port's */
		{ 'w', C, 0xd3 }, { 'w', D, 0x5a }, { 'r', C, 0x01, 0x21 },
		{ 'r', D, 0x5a }, { 'r', C, 0x00, 0x01 },
		{ 'w', C, 0xa9 }, { 'r', C, 0x01, 0x01 }, { 'r', D, 0x01 },
		{ 'w', C, 0xa8 }, { 'w', C, 0x20 }, { 'r', D, 0x20, 0x20 },
		{ 'w', C, 0xaa }, { 'r', D, 0x55 },
		/* the keyboard's GETID */
		{ 'w', C, 0xae }, { 'w', D, 0xf2 }, { 'r', C, 0x41, 0x43 },
		{ 'r', D, 0xfe }, { 'r', C, 0x00, 0x41 }, { 0 },
	};

	run(*state, steps);
}

static void keyboard_switches_show_in_the_configuration(void **state)
{
	static const struct access steps[] = {
		{ 'w', C, 0xad }, { 'w', C, 0x20 }, { 'r', D, 0x10, 0x10 },
		{ 'w', C, 0xae }, { 'w', C, 0x20 }, { 'r', D, 0x00, 0x10 },
		{ 'w', C, 0xab }, { 'r', D, 0x01 }, { 'w', C, 0xd0 },
		{ 'r', D, 0x03 }, { 'w', C, 0xd2 }, { 'w', D, 0x42 },
		{ 'r', D, 0x42 }, { 'w', C, 0xd4 }, { 'w', D, 0xff },
		{ 'r', C, 0x41, 0x41 }, { 'w', C, 0xa7 }, { 0 },
	};

	run(*state, steps);
}

static void T02_wide_accesses_are_ignored(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, C, 0, 2, 0xfefe);
	dev_write(b->dev, C, 0, 4, 0xfe);
	assert_int_equal(b->signal.count, 0);
	assert_int_equal(dev_read(b->dev, C, 0, 2), 0xffff);
	assert_int_equal(dev_read(b->dev, D, 0, 4), 0xffffffff);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(idle_controller_takes_commands_and_has_no_byte),
		T(command_0xfe_resets),
		T(only_pulses_of_the_reset_line_reset),
		T(output_port_write_resets_when_bit_0_is_clear),
		T(linux_probe_never_waits),
		T(keyboard_switches_show_in_the_configuration),
		T(T02_wide_accesses_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
