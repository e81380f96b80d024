// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access.h"
#include "base/num.h"
#include "devices/serial.h"
#include "fake_char.h"
#include "fake_irq.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define THR RBR
#define FCR IIR

struct bench {
	struct char_dev chr;
	struct fake_irq irq;
	struct device *dev;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	return serial_create(&b->dev, "serial0", fake_irq(&b->irq), &b->chr,
			     true, NULL);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	device_destroy(b->dev);
	assert_null(b->chr.listener.readable);
	assert_int_equal(b->irq.repeats, 0);
	free(b);
	return 0;
}

static uint8_t in(struct bench *b, unsigned int reg)
{
	return (uint8_t)dev_read(b->dev, 0, reg, 1);
}

static void out(struct bench *b, unsigned int reg, uint8_t value)
{
	dev_write(b->dev, 0, reg, 1, value);
}

static void run(struct bench *b, const struct access *a)
{
	for (unsigned int i = 0; a[i].op; i++) {
		uint32_t mask = a[i].mask ? a[i].mask : 0xff;
		uint8_t got;

		if (a[i].op == 'w') {
			out(b, a[i].off, (uint8_t)a[i].value);
			continue;
		}
		got = in(b, a[i].off);
		if ((got & mask) != a[i].value)
			fail_msg("step %u: register %u is 0x%02x, not 0x%02x",
				 i, a[i].off, got, a[i].value);
	}
}

static void serial_after_reset_is_an_idle_uart(void **state)
{
	static const struct access steps[] = {
		{ 'r', IER, 0x00 }, { 'r', IIR, 0x01 }, { 'r', LCR, 0x00 },
		{ 'r', MCR, 0x00 }, { 'r', LSR, 0x60 }, { 'r', MSR, 0xb0 },
		{ 'r', SCR, 0x00 }, { 'r', RBR, 0x00 }, { 0 },
	};

	run(*state, steps);
}

/* The order of Linux's autoconfig() in drivers/tty/serial/8250/8250_port.c:
 * IER holds four bits, loopback wires RTS and OUT2 to CTS and DCD, the FIFO
 * bits say 16550A, and no EFR, 64-byte FIFO or UUE of later chips shows. */
static void serial_is_a_16550A_to_linux_autoconfig(void **state)
{
	static const struct access steps[] = {
		{ 'w', IER, 0x00 }, { 'r', IER, 0x00, 0x0f },
		{ 'w', IER, 0x0f }, { 'r', IER, 0x0f, 0xff },
		{ 'w', IER, 0x00 }, { 'w', MCR, 0x1a },
		{ 'r', MSR, 0x90, 0xf0 }, { 'w', MCR, 0x00 },
		{ 'w', LCR, 0xbf }, { 'w', FCR, 0x00 }, { 'w', LCR, 0x00 },
		{ 'w', FCR, 0x01 }, { 'r', IIR, 0xc0, 0xc0 },
		{ 'w', LCR, 0x80 }, { 'r', IIR, 0xc1 },
		{ 'w', LCR, 0xbf }, { 'r', IIR, 0xc1 },
		{ 'w', LCR, 0x00 }, { 'w', FCR, 0x21 },
		{ 'r', IIR, 0xc0, 0xe0 }, { 'w', FCR, 0x01 },
		{ 'w', LCR, 0x80 }, { 'w', FCR, 0x21 },
		{ 'r', IIR, 0xc0, 0xe0 }, { 'w', FCR, 0x01 },
		{ 'w', LCR, 0x00 }, { 'w', IER, 0x40 }, { 'r', IER, 0x00 },
		{ 'w', FCR, 0x07 }, { 'w', FCR, 0x00 }, { 0 },
	};

	run(*state, steps);
}

/* serial8250_do_startup(): an interrupt that is enabled again while the
 * transmitter is empty has to show again, else UART_BUG_THRE or _TXEN. */
static void serial_passes_linux_transmitter_tests(void **state)
{
	static const struct access steps[] = {
		{ 'w', MCR, 0x08 },
		{ 'r', LSR, 0x60, 0x60 }, { 'w', IER, 0x02 },
		{ 'r', IIR, 0x02, 0x0f }, { 'w', IER, 0x00 },
		{ 'w', IER, 0x02 }, { 'r', IIR, 0x02, 0x0f },
		{ 'r', IIR, 0x01, 0x0f }, { 'w', IER, 0x00 },
		{ 'w', IER, 0x02 }, { 'r', LSR, 0x60, 0x60 },
		{ 'r', IIR, 0x02, 0x0f }, { 'w', IER, 0x00 },
		{ 'r', IIR, 0x01, 0x0f }, { 0 },
	};
	struct bench *b = *state;

	run(b, steps);
	assert_int_equal(b->irq.level, 0);
	assert_int_equal(b->irq.rises, 3);
}

static void serial_output_reaches_the_backend_in_order(void **state)
{
	struct bench *b = *state;

	for (const char *s = "hello\r\n"; *s; s++)
		out(b, THR, (uint8_t)*s);
	assert_int_equal(b->chr.out_len, 7);
	assert_memory_equal(b->chr.out, "hello\r\n", 7);
}

static void serial_divisor_hides_data_and_ier_while_DLAB_is_set(void **state)
{
	static const struct access steps[] = {
		{ 'w', IER, 0x05 }, { 'w', LCR, 0x83 },
		{ 'w', RBR, 0x34 }, { 'w', IER, 0x12 },
		{ 'r', RBR, 0x34 }, { 'r', IER, 0x12 },
		{ 'w', LCR, 0x03 }, { 'r', IER, 0x05 },
		{ 'r', LCR, 0x03 }, { 0 },
	};
	struct bench *b = *state;

	run(b, steps);
	assert_int_equal(b->chr.out_len, 0);
}

static void thr_write_pulses_the_line_when_nobody_reads_iir(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x02);
	assert_int_equal(b->irq.rises, 1);
	out(b, THR, 'a');
	assert_int_equal(b->irq.rises, 2);
	assert_int_equal(b->irq.falls, 1);
	assert_int_equal(b->irq.level, 1);
}

static void reading_iir_clears_the_transmitter_interrupt_only(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x03);
	fake_char_input(&b->chr, "x", 1);
	assert_int_equal(in(b, IIR), 0x04); /* data comes first */
	assert_int_equal(in(b, IIR), 0x04); /* and stays */
	assert_int_equal(in(b, RBR), 'x');
	assert_int_equal(in(b, IIR), 0x02);
	assert_int_equal(b->irq.level, 0);
	assert_int_equal(in(b, IIR), 0x01);
}

static void interrupt_line_is_gated_by_OUT2_and_loopback(void **state)
{
	struct bench *b = *state;

	out(b, IER, 0x02);
	assert_int_equal(b->irq.level, 0);
	out(b, MCR, 0x08);
	assert_int_equal(b->irq.level, 1);
	out(b, MCR, 0x18);
	assert_int_equal(b->irq.level, 0);
	out(b, MCR, 0x00);
	assert_int_equal(b->irq.level, 0);
}

static void fifo_trigger_levels_choose_between_data_and_timeout(void **state)
{
	static const struct { uint8_t fcr; unsigned int level; } table[] = {
		{ 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 },
	};
	struct bench *b = *state;

	out(b, MCR, 0x08);
	out(b, IER, 0x01);
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
		out(b, FCR, table[i].fcr);
		for (unsigned int n = 1; n <= table[i].level; n++) {
			fake_char_input(&b->chr, "z", 1);
			assert_int_equal(b->irq.level, 1);
			assert_int_equal(in(b, IIR), n < table[i].level ? 0xcc
									: 0xc4);
		}
		for (unsigned int n = 0; n < table[i].level; n++)
			assert_int_equal(in(b, RBR), 'z');
		assert_int_equal(b->irq.level, 0);
	}
}

static void input_beyond_the_fifo_waits_in_the_backend(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[100];

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	out(b, FCR, 0x01);
	out(b, MCR, 0x0b);
	out(b, IER, 0x01);
	fake_char_input(&b->chr, bytes, sizeof(bytes));
	assert_int_equal(b->chr.in_at, 16);
	for (unsigned int i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(in(b, LSR) & 0x01, 1);
		assert_int_equal(in(b, RBR), i);
	}
	assert_int_equal(in(b, LSR), 0x60);
}

static void without_fifos_one_byte_is_taken_at_a_time(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x0b);
	out(b, IER, 0x01);
	fake_char_input(&b->chr, "abc", 3);
	assert_int_equal(b->chr.in_at, 1);
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, RBR), 'c');
}

static void a_polling_guest_gets_its_input(void **state)
{
	struct bench *b = *state;

	fake_char_input(&b->chr, "ab", 2);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 'a');
	assert_int_equal(in(b, IIR), 0x01);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 'b');
	assert_int_equal(in(b, LSR), 0x60);
	fake_char_input(&b->chr, "c", 1);
	out(b, IER, 0x01);
	assert_int_equal(in(b, IIR), 0x04);
	assert_int_equal(in(b, RBR), 'c');
	assert_int_equal(in(b, IIR), 0x01);
}

/* DTR for the console, then serial8250_do_startup(): the FIFO is cleared and
 * drained, the data interrupt comes last. */
static void piped_input_survives_the_start_of_linux_driver(void **state)
{
	static const struct access start[] = {
		{ 'w', IER, 0x0f }, { 'w', IER, 0x00 },
		{ 'w', FCR, 0x01 }, { 'w', FCR, 0x07 }, { 'w', FCR, 0x00 },
		{ 'r', RBR, 0x00 }, { 'w', MCR, 0x01 },
		{ 'r', LSR, 0x60 }, { 'w', THR, 'k' }, { 'r', LSR, 0x60 },
		{ 'w', FCR, 0x01 }, { 'w', FCR, 0x07 }, { 'w', FCR, 0x00 },
		{ 'r', LSR, 0x60 }, { 'r', RBR, 0x00 }, { 'r', IIR, 0x01 },
		{ 'w', LCR, 0x03 }, { 'w', MCR, 0x09 },
		{ 'r', LSR, 0x60 }, { 'r', RBR, 0x00 }, { 'w', FCR, 0x81 },
		{ 'w', IER, 0x05 }, { 'w', MCR, 0x0b }, { 0 },
	};
	struct bench *b = *state;

	fake_char_input(&b->chr, "echo hello\n", 11);
	run(b, start);
	for (const char *s = "echo hello\n"; *s; s++) {
		assert_int_equal(b->irq.level, 1);
		assert_int_equal(in(b, RBR), *s);
	}
	assert_int_equal(b->irq.level, 0);
}

static void loopback_returns_what_is_sent_and_cuts_the_line(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x10);
	out(b, THR, 0x5a);
	fake_char_input(&b->chr, "x", 1);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 0x5a);
	assert_int_equal(in(b, LSR), 0x60);
	assert_int_equal(b->chr.out_len, 0);
	out(b, MCR, 0x00);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, RBR), 'x');
}

static void loopback_maps_every_modem_output(void **state)
{
	static const struct { uint8_t mcr; uint8_t msr; } table[] = {
		{ 0x10, 0x00 }, { 0x11, 0x20 }, { 0x12, 0x10 },
		{ 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1f, 0xf0 },
	};
	struct bench *b = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++) {
		out(b, MCR, table[i].mcr);
		assert_int_equal(in(b, MSR) & 0xf0, table[i].msr);
		assert_int_equal(in(b, MSR) & 0x0f, 0); /* read clears */
	}
}

static void modem_status_interrupt_follows_the_deltas(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x18);
	in(b, MSR);
	out(b, MCR, 0x08);
	out(b, IER, 0x08);
	assert_int_equal(b->irq.level, 1);
	assert_int_equal(in(b, IIR), 0x00);
	assert_int_equal(in(b, MSR), 0xb3); /* CTS and DSR came back */
	assert_int_equal(b->irq.level, 0);
}

static void ring_delta_is_set_by_the_trailing_edge_only(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x10);
	in(b, MSR);
	out(b, MCR, 0x14);
	assert_int_equal(in(b, MSR), 0x40);
	out(b, MCR, 0x10);
	assert_int_equal(in(b, MSR), 0x04);
}

static void overrun_is_a_line_status_interrupt_cleared_by_lsr(void **state)
{
	struct bench *b = *state;

	out(b, FCR, 0x01);
	out(b, IER, 0x05);
	out(b, MCR, 0x10);
	for (unsigned int i = 0; i < 17; i++)
		out(b, THR, (uint8_t)i);
	assert_int_equal(in(b, IIR), 0xc6);
	assert_int_equal(in(b, LSR), 0x63);
	assert_int_equal(in(b, LSR), 0x61);
	assert_int_equal(in(b, IIR), 0xc4);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(in(b, RBR), i);
}

static void fcr_bits_count_only_with_the_enable_bit(void **state)
{
	struct bench *b = *state;

	out(b, MCR, 0x10);
	out(b, THR, 'q');
	out(b, FCR, 0xc2); /* no enable: no clear, no trigger */
	assert_int_equal(in(b, LSR) & 1, 1);
	out(b, FCR, 0x01); /* the change clears */
	assert_int_equal(in(b, LSR) & 1, 0);
	out(b, THR, 'r');
	out(b, FCR, 0x03);
	assert_int_equal(in(b, LSR) & 1, 0);
}

static void try_lock(void *ctx)
{
	struct bench *b = ctx;

	assert_int_equal(pthread_mutex_trylock(&b->dev->lock), 0);
	b->dev->ops->write(b->dev, 0, SCR, 1, 0x77);
	/* The byte is on its way: the transmitter is not empty. */
	assert_int_equal(b->dev->ops->read(b->dev, 0, LSR, 1) & 0x60, 0);
	pthread_mutex_unlock(&b->dev->lock);
}

static void serial_is_not_locked_while_the_backend_takes_a_byte(void **state)
{
	struct bench *b = *state;

	b->chr.on_write = try_lock;
	b->chr.on_write_ctx = b;
	out(b, THR, 'a');
	assert_int_equal(in(b, SCR), 0x77);
	assert_int_equal(in(b, LSR), 0x60);
}

static void T02_read_only_registers_ignore_writes(void **state)
{
	static const struct access steps[] = {
		{ 'w', LSR, 0xff }, { 'r', LSR, 0x60 }, { 'w', MSR, 0xff },
		{ 'r', MSR, 0xb0 }, { 'w', IER, 0xff }, { 'r', IER, 0x0f },
		{ 'w', MCR, 0xff }, { 'r', MCR, 0x1f }, { 0 },
	};

	run(*state, steps);
}

static void T02_wide_accesses_are_byte_accesses(void **state)
{
	struct bench *b = *state;

	dev_write(b->dev, 0, 0, 8, UINT64_C(0xa5000000000000) << 8 | 'A');
	assert_int_equal(b->chr.out[0], 'A');
	assert_int_equal(in(b, SCR), 0xa5);
	dev_write(b->dev, 0, LCR, 4, 0x00000b03); /* LCR, MCR, LSR, MSR */
	assert_int_equal(dev_read(b->dev, 0, LCR, 2), 0x0b03);
	assert_int_equal(dev_read(b->dev, 0, SCR, 1), 0xa5);
}

static void T02_any_sequence_of_accesses_is_survived(void **state)
{
	struct bench *b = *state;
	uint32_t seed = 12345;

	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int len;
		unsigned int off;

		seed = seed * 1664525 + 1013904223;
		len = 1u << (seed >> 30);
		off = (seed >> 8 & 7) & ~(len - 1);
		if (seed & 0x80000)
			dev_write(b->dev, 0, off, len, seed * 2654435761u);
		else
			dev_read(b->dev, 0, off, len);
		if (i % 64 == 0)
			fake_char_input(&b->chr, "in", 2);
		if (b->chr.in_at == b->chr.in_len)
			b->chr.in_at = b->chr.in_len = 0;
		b->chr.out_len = 0;
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Another device has the console; this one is for early output. */
static void serial_without_input_leaves_it_to_its_owner(void **state)
{
	struct bench *b = *state;
	struct char_dev chr = { .in = "for another", .in_len = 11 };
	const struct char_listener other = { .ctx = &chr };
	struct device *dev = b->dev;
	struct device *mute;

	chr.listener = other;
	assert_int_equal(serial_create(&mute, "serial1", fake_irq(&b->irq),
				       &chr, false, NULL),
			 0);
	b->dev = mute;
	out(b, MCR, 0x0b);
	out(b, IER, 0x0f);
	for (int i = 0; i < 20; i++)
		assert_int_equal(in(b, LSR) & 1, 0);
	out(b, THR, 'x');
	assert_int_equal(chr.out_len, 1);
	assert_int_equal(chr.in_at, 0);
	b->dev = dev;
	device_destroy(mute);
	assert_ptr_equal(chr.listener.ctx, &chr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(serial_after_reset_is_an_idle_uart),
		T(serial_is_a_16550A_to_linux_autoconfig),
		T(serial_passes_linux_transmitter_tests),
		T(serial_output_reaches_the_backend_in_order),
		T(serial_divisor_hides_data_and_ier_while_DLAB_is_set),
		T(thr_write_pulses_the_line_when_nobody_reads_iir),
		T(reading_iir_clears_the_transmitter_interrupt_only),
		T(interrupt_line_is_gated_by_OUT2_and_loopback),
		T(fifo_trigger_levels_choose_between_data_and_timeout),
		T(input_beyond_the_fifo_waits_in_the_backend),
		T(without_fifos_one_byte_is_taken_at_a_time),
		T(a_polling_guest_gets_its_input),
		T(piped_input_survives_the_start_of_linux_driver),
		T(loopback_returns_what_is_sent_and_cuts_the_line),
		T(loopback_maps_every_modem_output),
		T(modem_status_interrupt_follows_the_deltas),
		T(ring_delta_is_set_by_the_trailing_edge_only),
		T(overrun_is_a_line_status_interrupt_cleared_by_lsr),
		T(fcr_bits_count_only_with_the_enable_bit),
		T(serial_is_not_locked_while_the_backend_takes_a_byte),
		T(T02_read_only_registers_ignore_writes),
		T(T02_wide_accesses_are_byte_accesses),
		T(T02_any_sequence_of_accesses_is_survived),
		T(serial_without_input_leaves_it_to_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
