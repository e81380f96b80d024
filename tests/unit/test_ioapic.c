// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access.h"
#include "devices/ioapic.h"

#define SELECT 0x00
#define DATA   0x10
#define EOI    0x40

#define LEVEL  0x8000u
#define MASKED 0x10000u
#define REMOTE_IRR 0x4000u

struct bench {
	struct device *dev;
	unsigned int sent;
	uint64_t addr;
	uint32_t data;
	int answer; /* of the msi callback */
	unsigned int routes;
	unsigned int pin;
	struct ioapic_route route;
};

static int msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct bench *b = ctx;

	b->sent++;
	b->addr = addr;
	b->data = data;
	return b->answer;
}

static void route(void *ctx, unsigned int pin, const struct ioapic_route *r)
{
	struct bench *b = ctx;

	b->routes++;
	b->pin = pin;
	b->route = *r;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	return ioapic_create(&b->dev, "ioapic",
			     (struct ioapic_sink){ msi, route, b });
}

static int teardown(void **state)
{
	struct bench *b = *state;

	device_destroy(b->dev);
	free(b);
	return 0;
}

static uint32_t get(struct bench *b, uint32_t reg)
{
	dev_write(b->dev, 0, SELECT, 4, reg);
	return (uint32_t)dev_read(b->dev, 0, DATA, 4);
}

static void set(struct bench *b, uint32_t reg, uint32_t value)
{
	dev_write(b->dev, 0, SELECT, 4, reg);
	dev_write(b->dev, 0, DATA, 4, value);
}

/* As Linux does: the high half first, the mask bit last. */
static void program(struct bench *b, unsigned int pin, uint8_t dest,
		    uint32_t low)
{
	set(b, 0x10 + 2 * pin + 1, (uint32_t)dest << 24);
	set(b, 0x10 + 2 * pin, low);
}

static void line(struct bench *b, unsigned int pin, int level)
{
	struct irq irq = ioapic_irq(b->dev, pin);

	irq_set(&irq, level);
}

static void after_reset_24_pins_are_masked(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, 0), 0);
	assert_int_equal(get(b, 1), 0x00170020);
	assert_int_equal(dev_read(b->dev, 0, SELECT, 4), 1);
	for (unsigned int pin = 0; pin < IOAPIC_PIN_COUNT; pin++) {
		assert_int_equal(get(b, 0x10 + 2 * pin), MASKED);
		assert_int_equal(get(b, 0x11 + 2 * pin), 0);
		line(b, pin, 1);
	}
	assert_int_equal(b->sent, 0);
}

static void id_keeps_four_bits(void **state)
{
	struct bench *b = *state;

	set(b, 0, 0xffffffff);
	assert_int_equal(get(b, 0), 0x0f000000);
	assert_int_equal(get(b, 2), 0x0f000000);
}

static void rising_edge_sends_one_message(void **state)
{
	struct bench *b = *state;

	program(b, 4, 3, 0x31);
	line(b, 4, 1);
	assert_int_equal(b->sent, 1);
	assert_int_equal(b->addr, 0xfee03000);
	assert_int_equal(b->data, 0x31);
	line(b, 4, 1);
	line(b, 4, 0);
	assert_int_equal(b->sent, 1);
	line(b, 4, 1);
	assert_int_equal(b->sent, 2);
}

static void message_carries_destination_and_delivery_mode(void **state)
{
	struct bench *b = *state;

	program(b, 0, 0xff, 0x0930 | LEVEL);
	line(b, 0, 1);
	assert_int_equal(b->addr, 0xfeeff004);
	assert_int_equal(b->data, 0xc130);
}

static void edge_on_a_masked_pin_is_lost(void **state)
{
	struct bench *b = *state;

	program(b, 4, 0, 0x31 | MASKED);
	line(b, 4, 1);
	set(b, 0x18, 0x31);
	assert_int_equal(b->sent, 0);
}

static void level_is_sent_again_only_after_eoi(void **state)
{
	struct bench *b = *state;

	program(b, 9, 0, 0x41 | LEVEL);
	line(b, 9, 1);
	line(b, 9, 0);
	line(b, 9, 1);
	assert_int_equal(b->sent, 1);
	assert_int_equal(get(b, 0x22), 0x41 | LEVEL | REMOTE_IRR);
	ioapic_eoi(b->dev, 0x42);
	assert_int_equal(b->sent, 1);
	ioapic_eoi(b->dev, 0x41);
	assert_int_equal(b->sent, 2);
	line(b, 9, 0);
	ioapic_eoi(b->dev, 0x41);
	assert_int_equal(b->sent, 2);
	assert_int_equal(get(b, 0x22), 0x41 | LEVEL);
}

static void eoi_register_works_as_eoi_does(void **state)
{
	struct bench *b = *state;

	program(b, 9, 0, 0x41 | LEVEL);
	line(b, 9, 1);
	dev_write(b->dev, 0, EOI, 4, 0x41);
	assert_int_equal(b->sent, 2);
}

static void level_on_a_masked_pin_is_sent_at_unmasking(void **state)
{
	struct bench *b = *state;

	program(b, 9, 0, 0x41 | LEVEL | MASKED);
	line(b, 9, 1);
	assert_int_equal(b->sent, 0);
	set(b, 0x22, 0x41 | LEVEL);
	assert_int_equal(b->sent, 1);
}

static void switching_to_edge_clears_remote_irr(void **state)
{
	struct bench *b = *state;

	program(b, 9, 0, 0x41 | LEVEL);
	line(b, 9, 1);
	set(b, 0x22, 0x41 | MASKED);
	assert_int_equal(get(b, 0x22), 0x41 | MASKED);
	set(b, 0x22, 0x41 | LEVEL);
	assert_int_equal(b->sent, 2);
}

static void level_that_could_not_be_sent_is_not_in_service(void **state)
{
	struct bench *b = *state;

	b->answer = -EINVAL;
	program(b, 9, 0, 0x41 | LEVEL);
	line(b, 9, 1);
	assert_int_equal(get(b, 0x22), 0x41 | LEVEL);
}

static void route_is_told_when_an_entry_changes(void **state)
{
	struct bench *b = *state;
	struct ioapic_route r;

	program(b, 7, 2, 0x55 | LEVEL | MASKED);
	assert_int_equal(b->routes, 2);
	assert_int_equal(b->pin, 7);
	assert_true(b->route.masked && b->route.level);
	set(b, 0x1e, 0x55 | LEVEL);
	assert_int_equal(b->routes, 3);
	assert_false(b->route.masked);
	assert_int_equal(b->route.addr, 0xfee02000);
	assert_int_equal(b->route.data, 0xc055);
	set(b, 0x1e, 0x55 | LEVEL);
	assert_int_equal(b->routes, 3); /* nothing has changed */
	ioapic_get_route(b->dev, 7, &r);
	assert_memory_equal(&r.data, &b->route.data, sizeof(r.data));
}

static void extint_entries_send_nothing(void **state)
{
	struct bench *b = *state;

	program(b, 0, 0, 0x700);
	line(b, 0, 1);
	assert_int_equal(b->sent, 0);
}

static void T02_read_only_and_reserved_bits_do_not_stick(void **state)
{
	struct bench *b = *state;

	set(b, 0x10, 0xffffffff);
	set(b, 0x11, 0xffffffff);
	assert_int_equal(get(b, 0x10), 0x1afff);
	assert_int_equal(get(b, 0x11), 0xff000000);
	set(b, 1, 0);
	assert_int_equal(get(b, 1), 0x00170020);
}

static void T02_registers_that_are_not_there_read_ones(void **state)
{
	static const uint32_t reg[] = { 3, 0x0f, 0x40, 0x7f, 0xff };
	struct bench *b = *state;

	for (unsigned int i = 0; i < 5; i++) {
		set(b, reg[i], 0x1234);
		assert_int_equal(get(b, reg[i]), 0xffffffff);
	}
	assert_int_equal(dev_read(b->dev, 0, 0x20, 4), 0xffffffff);
	assert_int_equal(dev_read(b->dev, 0, 0xff8, 8), UINT64_MAX);
	dev_write(b->dev, 0, 0xff8, 8, 0);
	dev_write(b->dev, 0, 0x04, 4, 0x10);
	assert_int_equal(b->routes, 0);
}

static void T02_any_sequence_of_accesses_is_survived(void **state)
{
	struct bench *b = *state;
	uint32_t seed = 99;

	for (unsigned int i = 0; i < 200000; i++) {
		static const unsigned int off[] = { SELECT, DATA, EOI, 0x14 };

		seed = seed * 1664525 + 1013904223;
		dev_write(b->dev, 0, off[seed >> 30], 1u << (seed >> 20 & 3),
			  seed >> 3);
		dev_read(b->dev, 0, off[seed >> 28 & 3], 4);
		line(b, seed >> 8 & 15, seed >> 16 & 1);
	}
}

static void *raise_lines(void *ctx)
{
	struct bench *b = ctx;

	for (unsigned int i = 0; i < 5000; i++)
		line(b, 5, i & 1);
	return NULL;
}

static void lines_and_registers_may_be_used_by_many_threads(void **state)
{
	struct bench *b = *state;
	pthread_t thread;

	program(b, 5, 0, 0x61 | LEVEL);
	pthread_create(&thread, NULL, raise_lines, b);
	for (unsigned int i = 0; i < 5000; i++) {
		ioapic_eoi(b->dev, 0x61);
		get(b, 0x1a);
	}
	pthread_join(thread, NULL);
	/* The last level was 1: whatever happened, it has been sent. */
	assert_int_equal(get(b, 0x1a), 0x61 | LEVEL | REMOTE_IRR);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(after_reset_24_pins_are_masked),
		T(id_keeps_four_bits),
		T(rising_edge_sends_one_message),
		T(message_carries_destination_and_delivery_mode),
		T(edge_on_a_masked_pin_is_lost),
		T(level_is_sent_again_only_after_eoi),
		T(eoi_register_works_as_eoi_does),
		T(level_on_a_masked_pin_is_sent_at_unmasking),
		T(switching_to_edge_clears_remote_irr),
		T(level_that_could_not_be_sent_is_not_in_service),
		T(route_is_told_when_an_entry_changes),
		T(extint_entries_send_nothing),
		T(T02_read_only_and_reserved_bits_do_not_stick),
		T(T02_registers_that_are_not_there_read_ones),
		T(T02_any_sequence_of_accesses_is_survived),
		T(lines_and_registers_may_be_used_by_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
