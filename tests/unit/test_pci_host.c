// SPDX-License-Identifier: BSD-3-Clause
/* The bridge: both ways into configuration space, slots, lines, locks. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pci_bench.h"

#define ENABLE 0x80000000u

static int setup(void **state)
{
	struct pci_bench *b = test_calloc(1, sizeof(*b));

	pci_bench_init(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	pci_bench_finish(*state);
	test_free(*state);
	return 0;
}

static uint32_t at_slot(unsigned int slot, unsigned int off)
{
	return ENABLE | slot << 11 | off;
}

static void slot_0_is_the_bridge_itself(void **state)
{
	struct pci_bench *b = *state;

	assert_int_equal(cfg_read(b, 0, 0, 4), 0x00081b36);
	assert_int_equal(cfg_read(b, 0, 8, 4) >> 8, 0x060000);
	assert_int_equal(cfg_read(b, 0, PCI_IRQ_PIN, 1), 0);
	assert_int_equal(port_read(b, at_slot(0, 0), 0, 4), 0x00081b36);
}

static void both_ways_lead_to_the_same_bytes(void **state)
{
	struct pci_bench *b = *state;
	struct pci_card c;

	assert_int_equal(pci_card_init(&c, b, 31), 0);
	for (unsigned int off = 0; off < 256; off += 4)
		assert_int_equal(port_read(b, at_slot(31, off), 0, 4),
				 cfg_read(b, 31, off, 4));
	port_write(b, at_slot(31, PCI_IRQ_LINE), 0, 1, 0x2a);
	assert_int_equal(cfg_read(b, 31, PCI_IRQ_LINE, 1), 0x2a);
	assert_int_equal(port_read(b, at_slot(31, 0), 2, 2), 0x5678);
	assert_int_equal(port_read(b, at_slot(31, 0), 3, 1), 0x56);
	port_write(b, at_slot(31, PCI_BAR0), 3, 1, 0xd0);
	assert_int_equal(cfg_read(b, 31, PCI_BAR0, 4) >> 24, 0xd0);
	pci_card_finish(&c);
}

static void the_address_register_is_a_dword(void **state)
{
	struct pci_bench *b = *state;
	uint64_t value;

	bus_write(&b->pio, 0xcf8, 4, UINT32_MAX);
	bus_read(&b->pio, 0xcf8, 4, &value);
	assert_int_equal(value, 0x80fffffc);
	/* how Linux looks for this kind of bridge */
	bus_write(&b->pio, 0xcf8, 4, 0);
	bus_write(&b->pio, 0xcfb, 1, 1);
	bus_write(&b->pio, 0xcf8, 4, ENABLE);
	bus_read(&b->pio, 0xcf8, 4, &value);
	assert_int_equal(value, ENABLE);
	bus_write(&b->pio, 0xcf8, 1, 0xff);
	bus_write(&b->pio, 0xcfa, 2, 0xffff);
	bus_read(&b->pio, 0xcf8, 4, &value);
	assert_int_equal(value, ENABLE);
	bus_read(&b->pio, 0xcf8, 2, &value);
	assert_int_equal(value, 0xffff);
}

static void T29_other_functions_and_buses_are_all_ones(void **state)
{
	struct pci_bench *b = *state;
	struct pci_card c;
	uint64_t value;

	assert_int_equal(pci_card_init(&c, b, 1), 0);
	for (unsigned int fn = 1; fn < 8; fn++) {
		assert_int_equal(port_read(b, at_slot(1, fn << 8), 0, 4),
				 UINT32_MAX);
		port_write(b, at_slot(1, fn << 8 | PCI_IRQ_LINE), 0, 1, fn);
		assert_int_equal(cfg_read(b, 1, fn << 12, 4), UINT32_MAX);
		cfg_write(b, 1, fn << 12 | PCI_IRQ_LINE, 1, fn);
	}
	for (unsigned int bus = 1; bus < 256; bus++) {
		assert_int_equal(port_read(b, at_slot(1, 0) | bus << 16, 0, 4),
				 UINT32_MAX);
		port_write(b, at_slot(1, PCI_IRQ_LINE) | bus << 16, 0, 1, 9);
	}
	assert_int_equal(cfg_read(b, 1, PCI_IRQ_LINE, 1), 0);
	/* behind the window of ECAM there is nobody */
	assert_false(bus_read(&b->mmio, BENCH_ECAM + PCI_ECAM_SIZE, 4,
			      &value));
	/* not enabled */
	assert_int_equal(port_read(b, at_slot(1, 0) & ~ENABLE, 0, 4),
			 UINT32_MAX);
	pci_card_finish(&c);
}

static void T34_an_empty_slot_reads_all_ones(void **state)
{
	struct pci_bench *b = *state;

	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++)
		for (unsigned int len = 1; len <= 4; len *= 2) {
			uint32_t ones = UINT32_MAX >> (32 - 8 * len);

			cfg_write(b, slot, 0, len, 0);
			port_write(b, at_slot(slot, 4), 0, len, 0);
			assert_int_equal(cfg_read(b, slot, 0, len), ones);
			assert_int_equal(port_read(b, at_slot(slot, 0), 0,
						   len), ones);
		}
}

static void T04_accesses_that_straddle_registers_are_ignored(void **state)
{
	struct pci_bench *b = *state;
	uint64_t value;

	bus_write(&b->pio, 0xcf8, 4, at_slot(0, 0));
	for (unsigned int byte = 1; byte < 4; byte++) {
		bus_read(&b->pio, 0xcfc + byte, 4, &value);
		assert_int_equal(value, UINT32_MAX);
	}
	bus_read(&b->pio, 0xcf8, 8, &value);
	assert_true(value == UINT64_MAX);
	bus_read(&b->pio, 0xcfc, 8, &value);
	assert_true(value == UINT64_MAX);
	bus_read(&b->pio, 0xcfb, 2, &value);
	assert_int_equal(value, 0xffff);
	bus_read(&b->mmio, BENCH_ECAM + PCI_ECAM_SIZE - 2, 4, &value);
	assert_int_equal(value, UINT32_MAX);
	bus_read(&b->mmio, BENCH_ECAM + 0xffe, 4, &value);
	assert_int_equal(value, UINT32_MAX);
}

static void a_byte_to_port_cf9_resets_the_machine(void **state)
{
	struct pci_bench *b = *state;
	uint64_t value;

	bus_write(&b->pio, 0xcf9, 1, 2);
	bus_write(&b->pio, 0xcf9, 2, 6);
	bus_write(&b->pio, 0xcf8, 4, 0xffffffff);
	assert_int_equal(b->reset.count, 0);
	bus_read(&b->pio, 0xcf9, 1, &value);
	assert_int_equal(value, 2);
	bus_write(&b->pio, 0xcf9, 1, 6);
	assert_int_equal(b->reset.count, 1);
	assert_int_equal(b->reset.event, MACHINE_RESET);
}

static void slots_are_given_in_order_and_only_once(void **state)
{
	struct pci_bench *b = *state;
	struct pci_card *c = test_calloc(PCI_SLOTS, sizeof(*c));
	struct pci_card extra;

	assert_int_equal(pci_card_init(&c[1], b, -1), 0);
	assert_int_equal(c[1].fn.slot, 1);
	assert_int_equal(pci_card_init(&extra, b, 1), -EEXIST);
	assert_int_equal(pci_card_init(&extra, b, 0), -EEXIST);
	assert_int_equal(pci_card_init(&extra, b, 32), -EINVAL);
	for (int i = 2; i < PCI_SLOTS; i++)
		assert_int_equal(pci_card_init(&c[i], b, -1), 0);
	assert_int_equal(pci_card_init(&extra, b, -1), -ENOSPC);
	assert_int_equal(cfg_read(b, 31, 0, 4), 0x56781234);
	/* a full bus with everything mapped */
	for (unsigned int i = 1; i < PCI_SLOTS; i++) {
		cfg_write(b, i, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		assert_int_equal(c[i].at[0], cfg_read(b, i, PCI_BAR0, 4));
	}
	pci_card_finish(&c[7]);
	assert_int_equal(cfg_read(b, 7, 0, 4), UINT32_MAX);
	for (unsigned int i = 1; i < PCI_SLOTS; i++)
		if (i != 7)
			pci_card_finish(&c[i]);
	test_free(c);
}

static void devices_on_a_line_are_ored(void **state)
{
	struct pci_bench *b = *state;
	struct pci_card one;
	struct pci_card two;

	assert_int_equal(pci_card_init(&one, b, 2), 0);
	assert_int_equal(pci_card_init(&two, b, 6), 0);
	pci_intx(&one.fn, true);
	pci_intx(&two.fn, true);
	pci_intx(&two.fn, false);
	assert_int_equal(b->line[2].level, 1);
	pci_intx(&two.fn, true);
	assert_int_equal(b->line[2].rises, 1);
	pci_intx(&one.fn, false);
	assert_int_equal(b->line[2].level, 1);
	/* a device that goes takes its level along */
	pci_card_finish(&two);
	assert_int_equal(b->line[2].level, 0);
	assert_int_equal(b->line[2].repeats, 0);
	pci_card_finish(&one);
}

static void a_window_that_is_empty_wraps_or_meets_ram_is_refused(void **state)
{
	struct pci_bench *b = *state;
	static uint8_t bytes[0x2000];
	struct mem mem = { 0 };
	struct pci_host_config cfg = { .mmio = &b->mmio, .mem = &mem };
	static const struct {
		uint32_t base;
		uint32_t size;
		int r;
	} cases[] = {
		{ 0xc0000000, 0, -EINVAL },
		{ 0xf0000000, 0x20000000, -EINVAL },
		{ 0x00001000, 0x1000, -EINVAL },
		{ 0x00000000, 0x1001, -EINVAL },
		{ 0x00002000, 0x1000, -EINVAL },
		{ 0x00000000, 0x1000, 0 },
		{ 0x00003000, 0x1000, 0 },
	};

	assert_int_equal(mem_add(&mem, 0x1000, sizeof(bytes), bytes), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device *dev = b->host;

		cfg.window = cases[i].base;
		cfg.window_size = cases[i].size;
		assert_int_equal(pci_host_create(&dev, "pci", &cfg),
				 cases[i].r);
		assert_true(!dev == (cases[i].r != 0));
		device_destroy(dev);
	}
}

static void bars_that_do_not_fit_into_the_window_are_enospc(void **state)
{
	struct pci_bench *b = *state;
	struct pci_host_config cfg = {
		.mmio = &b->mmio,
		.window = 0xf0000000,
		.window_size = 0x20000, /* one card's */
	};
	struct pci_bench small = *b;
	struct pci_card one;
	struct pci_card two;

	assert_int_equal(pci_host_create(&small.host, "pci", &cfg), 0);
	small.bus = pci_host_bus(small.host);
	assert_int_equal(pci_card_init(&one, &small, -1), 0);
	assert_int_equal(pci_card_init(&two, &small, -1), -ENOSPC);
	assert_null(small.bus->slot[2]);
	pci_card_finish(&one);
	device_destroy(small.host);
}

/* One thread moves a BAR by ECAM, another uses ports and the BAR. Meant for
 * the thread sanitizer; without it, that nobody waits for ever. */
static void *use(void *ctx)
{
	struct pci_bench *b = ctx;
	uint64_t value;

	for (unsigned int i = 0; i < 2000; i++) {
		port_read(b, at_slot(4, PCI_BAR0), 0, 4);
		bus_read(&b->mmio, 0xd0000000, 4, &value);
		bus_write(&b->mmio, 0xd8000000, 4, i);
	}
	return NULL;
}

static void bars_move_while_others_use_them(void **state)
{
	struct pci_bench *b = *state;
	struct pci_card c;
	pthread_t thread;

	assert_int_equal(pci_card_init(&c, b, 4), 0);
	cfg_write(b, 4, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(pthread_create(&thread, NULL, use, b), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		cfg_write(b, 4, PCI_BAR0, 4, i % 2 ? 0xd0000000 : 0xd8000000);
		pci_intx(&c.fn, i % 2);
	}
	pthread_join(thread, NULL);
	pci_card_finish(&c);
}

static void save_load_save_is_byte_equal(void **state)
{
	struct pci_bench *b = *state;
	struct pci_bench other;
	struct snap *s[2] = { snap_create(), snap_create() };
	struct snap *load;
	const void *blob[2];
	size_t len[2];
	uint64_t value;

	pci_bench_init(&other);
	bus_write(&b->pio, 0xcf9, 1, 2);
	bus_write(&b->pio, 0xcf8, 4, at_slot(3, 0x40));
	cfg_write(b, 0, PCI_IRQ_LINE, 1, 0x55);
	assert_int_equal(device_snapshot(b->host, s[0]), 0);
	assert_int_equal(snap_finish(s[0], &blob[0], &len[0]), 0);
	assert_int_equal(snap_open(&load, blob[0], len[0], NULL), 0);
	assert_int_equal(device_snapshot(other.host, load), 0);
	bus_read(&other.pio, 0xcf8, 4, &value);
	assert_int_equal(value, at_slot(3, 0x40));
	assert_int_equal(device_snapshot(other.host, s[1]), 0);
	assert_int_equal(snap_finish(s[1], &blob[1], &len[1]), 0);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	snap_destroy(load);
	snap_destroy(s[0]);
	snap_destroy(s[1]);
	pci_bench_finish(&other);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(slot_0_is_the_bridge_itself),
		T(both_ways_lead_to_the_same_bytes),
		T(the_address_register_is_a_dword),
		T(T29_other_functions_and_buses_are_all_ones),
		T(T34_an_empty_slot_reads_all_ones),
		T(T04_accesses_that_straddle_registers_are_ignored),
		T(a_byte_to_port_cf9_resets_the_machine),
		T(slots_are_given_in_order_and_only_once),
		T(devices_on_a_line_are_ored),
		T(a_window_that_is_empty_wraps_or_meets_ram_is_refused),
		T(bars_that_do_not_fit_into_the_window_are_enospc),
		T(bars_move_while_others_use_them),
		T(save_load_save_is_byte_equal),
	};

	return cmocka_run_group_tests_name("pci_host", tests, NULL, NULL);
}
