// SPDX-License-Identifier: BSD-3-Clause
/* The PCI transport's registers: an echo device behind a real bridge, found
 * and driven as a guest does it. test_virtio_pci_run.c has the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "devices/virtio/virtio_pci.h"
#include "pci_driver.h"

#define BAR_SIZE 0x8000
#define NONE	 VIRTIO_NO_VECTOR

static int setup(void **state)
{
	struct pci_driver *d = test_calloc(1, sizeof(*d));

	pci_driver_init(d);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	pci_driver_finish(*state);
	test_free(*state);
	return 0;
}

static uint32_t cap(struct pci_driver *d, uint8_t type, unsigned int off,
		    unsigned int len)
{
	for (unsigned int i = 0; i < 5; i++) {
		unsigned int at = find_cap(&d->pci, PD_SLOT, PCI_CAP_VENDOR, i);

		if (cfg_read(&d->pci, PD_SLOT, at + 3, 1) == type)
			return cfg_read(&d->pci, PD_SLOT, at + off, len);
	}
	fail();
	return 0;
}

static void it_is_a_modern_virtio_function(void **state)
{
	struct pci_driver *d = *state;

	/* echo says that it is an entropy device */
	assert_int_equal(cfg_read(&d->pci, PD_SLOT, 0, 4), 0x10441af4);
	assert_int_equal(cfg_read(&d->pci, PD_SLOT, 8, 1), 1);
	assert_int_equal(cfg_read(&d->pci, PD_SLOT, 0x2c, 2), 0x1af4);
	assert_true(cfg_read(&d->pci, PD_SLOT, 0x2e, 2) >= 0x40);
	for (uint8_t type = 1; type <= 5; type++)
		assert_int_equal(cap(d, type, 2, 1),
				 type == 2 || type == 5 ? 20 : 16);
	assert_true(cap(d, 1, 12, 4) >= 0x3c);
	assert_int_equal(cap(d, 2, 16, 4), 4);
	assert_true(cap(d, 2, 12, 4) >= 4 * (ECHO_QUEUES - 1) + 2);
	assert_int_equal(cap(d, 4, 12, 4), ECHO_CONFIG);
	assert_int_equal(cfg_read(&d->pci, PD_SLOT, d->msix + 2, 2),
			 ECHO_QUEUES);
	/* what is described lies in the BAR */
	for (uint8_t type = 1; type <= 4; type++)
		assert_true(range_ok(cap(d, type, 8, 4), cap(d, type, 12, 4),
				     BAR_SIZE));
}

static void the_defaults_are_those_of_a_reset(void **state)
{
	struct pci_driver *d = *state;

	assert_int_equal(c_read(d, C_STATUS), 0);
	assert_int_equal(c_read(d, C_NUM_QUEUES), ECHO_QUEUES);
	assert_int_equal(c_read(d, C_CONFIG_VECTOR), NONE);
	for (unsigned int i = 0; i < ECHO_QUEUES; i++) {
		c_write(d, C_QUEUE_SEL, i);
		assert_int_equal(c_read(d, C_QUEUE_SIZE), ECHO_QUEUE_SIZE);
		assert_int_equal(c_read(d, C_QUEUE_VECTOR), NONE);
		assert_int_equal(c_read(d, C_QUEUE_ENABLE), 0);
		assert_int_equal(c_read(d, C_QUEUE_NOTIFY_OFF), i);
		assert_int_equal(c_read(d, C_QUEUE_RESET), 0);
		assert_int_equal(c_read(d, C_QUEUE_NOTIF_DATA), 0);
	}
	assert_int_equal(mm_read(d, d->config, 4), 0xc3c2c1c0);
}

static void T01_fields_are_accessed_by_their_own_width(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, false);
	for (unsigned int off = 0; off < 0x40; off++)
		for (unsigned int len = 1; len <= 8; len *= 2) {
			unsigned int width = c_width(off);
			bool high = off >= 0x20 && off < 0x38;

			if (off == 0x15 && len == 1)
				continue;
			if (len == width || (high && len == 4 && off % 4 == 0))
				continue;
			mm_write(d, d->common + off, len, 0);
			assert_int_equal(mm_read(d, d->common + off, len), 0);
		}
	/* a 0 of any width in the status would have been a reset */
	assert_int_equal(c_read(d, C_STATUS), 15);
	assert_int_equal(c_read(d, C_QUEUE_SEL), ECHO_QUEUES - 1);
}

static void T01_an_address_is_written_as_halves_or_at_once(void **state)
{
	struct pci_driver *d = *state;
	static const enum common fields[] = { C_QUEUE_DESC, C_QUEUE_DRIVER,
					      C_QUEUE_DEVICE };

	c_write(d, C_STATUS, 1);
	c_write(d, C_STATUS, 3);
	c_write(d, C_DRIVER_SEL, 1);
	c_write(d, C_DRIVER_FEATURES, 1);
	c_write(d, C_STATUS, 11);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t at = d->common + fields[i];

		mm_write(d, at, 8, UINT64_C(0x1122334455667788));
		assert_int_equal(mm_read(d, at, 8),
				 UINT64_C(0x1122334455667788));
		assert_int_equal(mm_read(d, at, 4), 0x55667788);
		assert_int_equal(mm_read(d, at + 4, 4), 0x11223344);
		mm_write(d, at + 4, 4, 0xaabbccdd);
		assert_int_equal(mm_read(d, at, 8),
				 UINT64_C(0xaabbccdd55667788));
	}
}

static void T02_read_only_and_unknown_registers_ignore_writes(void **state)
{
	struct pci_driver *d = *state;
	static const enum common fields[] = {
		C_DEVICE_FEATURES, C_NUM_QUEUES, C_GENERATION,
		C_QUEUE_NOTIFY_OFF, C_QUEUE_NOTIF_DATA,
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint32_t before = c_read(d, fields[i]);

		c_write(d, fields[i], UINT32_MAX);
		assert_int_equal(c_read(d, fields[i]), before);
	}
	/* between and behind the structures there is nothing */
	for (uint64_t off = 0x3c; off < 0x1000; off += 4) {
		mm_write(d, d->common + off, 4, UINT32_MAX);
		assert_int_equal(mm_read(d, d->common + off, 4), 0);
	}
	for (uint64_t off = 0; off < 0x1000; off += 2)
		assert_int_equal(mm_read(d, d->notify + off, 2), 0);
	for (uint64_t off = 0x6000; off < BAR_SIZE; off += 8) {
		mm_write(d, d->bar + off, 8, UINT64_MAX);
		assert_int_equal(mm_read(d, d->bar + off, 8), 0);
	}
}

static void T03_the_device_configuration_ends_where_it_says(void **state)
{
	struct pci_driver *d = *state;

	assert_int_equal(mm_read(d, d->config + ECHO_CONFIG - 1, 1), 0xcb);
	for (uint64_t off = 0; off < 0x1000; off++)
		for (unsigned int len = 1; len <= 8; len *= 2) {
			if (range_ok(off, len, ECHO_CONFIG))
				continue;
			mm_write(d, d->config + off, len, UINT64_MAX);
			assert_int_equal(mm_read(d, d->config + off, len), 0);
		}
}

static void T04_accesses_over_the_edge_of_the_bar_reach_nobody(void **state)
{
	struct pci_driver *d = *state;
	uint64_t value;

	for (unsigned int len = 2; len <= 8; len *= 2)
		for (unsigned int back = 1; back < len; back++) {
			assert_false(bus_read(&d->pci.mmio,
					      d->bar + BAR_SIZE - back, len,
					      &value));
			assert_false(bus_write(&d->pci.mmio,
					       d->bar + BAR_SIZE - back, len,
					       0));
		}
	/* over the edges of its parts */
	for (uint64_t edge = 0x1000; edge < BAR_SIZE; edge += 0x1000) {
		mm_write(d, d->bar + edge - 4, 8, UINT64_MAX);
		assert_int_equal(mm_read(d, d->bar + edge - 4, 8), 0);
	}
}

static void T05_a_queue_that_is_not_there_reads_0_and_no_vector(void **state)
{
	struct pci_driver *d = *state;
	static const uint16_t sels[] = { ECHO_QUEUES, 64, 65, 0x8000, 0xffff };

	pci_driver_run(d, true);
	for (size_t i = 0; i < ARRAY_SIZE(sels); i++) {
		c_write(d, C_QUEUE_SEL, sels[i]);
		assert_int_equal(c_read(d, C_QUEUE_SIZE), 0);
		assert_int_equal(c_read(d, C_QUEUE_VECTOR), NONE);
		for (unsigned int off = C_QUEUE_SIZE; off < 0x3c; off += 2) {
			mm_write(d, d->common + off, 2, 1);
			mm_write(d, d->common + off, 4, 1);
			mm_write(d, d->common + off, 8, 1);
			if (off != C_QUEUE_VECTOR)
				assert_int_equal(
					mm_read(d, d->common + off, 2), 0);
		}
		assert_int_equal(c_read(d, C_QUEUE_VECTOR), NONE);
	}
	assert_int_equal(c_read(d, C_STATUS), 15);
}

static void T12_T14_only_1_enables_and_nothing_disables(void **state)
{
	struct pci_driver *d = *state;

	pci_driver_run(d, false);
	c_write(d, C_QUEUE_SEL, 0);
	c_write(d, C_QUEUE_ENABLE, 0);
	assert_int_equal(c_read(d, C_QUEUE_ENABLE), 1);
	c_write(d, C_QUEUE_ENABLE, 2);
	assert_int_equal(c_read(d, C_QUEUE_ENABLE), 1);
	c_write(d, C_STATUS, 0);
	assert_int_equal(c_read(d, C_QUEUE_ENABLE), 0);
	c_write(d, C_QUEUE_ENABLE, 2);
	c_write(d, C_QUEUE_ENABLE, 0x101);
	assert_int_equal(c_read(d, C_QUEUE_ENABLE), 0);
}

/* Kicks that the device has seen once the loop has nothing left to do. */
static unsigned int kicks(struct pci_driver *d)
{
	pci_driver_sync(d);
	return atomic_load(&d->echo->kicks);
}

static void T06_only_a_queues_own_address_kicks(void **state)
{
	struct pci_driver *d = *state;
	unsigned int before;

	d->bells.fail = -ENOSPC; /* then they come as exits */
	pci_driver_run(d, false);
	before = kicks(d);
	for (uint64_t off = ECHO_QUEUES * 4; off < 0x1000; off += 2)
		mm_write(d, d->notify + off, 2, 0);
	for (uint64_t off = 0; off < ECHO_QUEUES * 4; off++) {
		mm_write(d, d->notify + off, 1, 0);
		mm_write(d, d->notify + off, 4, 0);
		mm_write(d, d->notify + off, 8, 0);
		if (off % 4)
			mm_write(d, d->notify + off, 2, 0);
	}
	assert_int_equal(kicks(d), before);
	mm_write(d, d->notify + 4, 2, 1);
	assert_int_equal(kicks(d), before + 1);
	/* a value that is not the queue's does no harm */
	mm_write(d, d->notify, 2, 0xffff);
	assert_int_equal(kicks(d), before + 2);
	c_write(d, C_STATUS, 0);
	mm_write(d, d->notify, 2, 0);
	assert_int_equal(kicks(d), before + 2);
}

/* ---- the window in configuration space ---- */

static int level(struct pci_driver *d)
{
	return d->pci.line[PD_SLOT % PCI_LINES].level;
}

static void aim(struct pci_driver *d, uint8_t bar, uint32_t off, uint32_t len)
{
	cfg_write(&d->pci, PD_SLOT, d->access + 4, 1, bar);
	cfg_write(&d->pci, PD_SLOT, d->access + 8, 4, off);
	cfg_write(&d->pci, PD_SLOT, d->access + 12, 4, len);
}

static uint32_t look(struct pci_driver *d)
{
	return cfg_read(&d->pci, PD_SLOT, d->access + 16, 4);
}

static void T27_the_window_reaches_every_structure(void **state)
{
	struct pci_driver *d = *state;

	/* memory space need not be on */
	cfg_write(&d->pci, PD_SLOT, PCI_COMMAND, 2, 0);
	aim(d, 0, (uint32_t)(d->common - d->bar) + C_NUM_QUEUES, 2);
	assert_int_equal(look(d) & 0xffff, ECHO_QUEUES);
	aim(d, 0, (uint32_t)(d->config - d->bar), 4);
	assert_int_equal(look(d), 0xc3c2c1c0);
	aim(d, 0, (uint32_t)(d->common - d->bar) + C_STATUS, 1);
	cfg_write(&d->pci, PD_SLOT, d->access + 16, 1, 1);
	assert_int_equal(look(d) & 0xff, 1);
	queue_irq(d, 0);
	aim(d, 0, (uint32_t)(d->isr - d->bar), 1);
	assert_int_equal(look(d) & 0xff, 1);
	assert_int_equal(level(d), 0);
}

static void T27_a_window_that_points_nowhere_reads_all_ones(void **state)
{
	struct pci_driver *d = *state;
	static const struct {
		uint8_t bar;
		uint32_t off;
		uint32_t len;
	} bad[] = {
		{ 1, 0, 4 }, { 5, 0, 4 }, { 6, 0, 4 }, { 0xff, 0, 4 },
		{ 0, 0, 0 }, { 0, 0, 3 }, { 0, 0, 8 }, { 0, 0, UINT32_MAX },
		{ 0, 2, 4 }, { 0, 1, 2 }, { 0, 0x4000, 4 }, { 0, 0x5000, 4 },
		{ 0, 0x8000, 1 }, { 0, UINT32_MAX - 3, 4 },
		{ 0, UINT32_MAX, 1 }, { 0, 0x7ffffffc, 4 },
	};

	c_write(d, C_STATUS, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		aim(d, bad[i].bar, bad[i].off, bad[i].len);
		assert_int_equal(look(d), UINT32_MAX);
		cfg_write(&d->pci, PD_SLOT, d->access + 16, 4, 0);
		assert_int_equal(look(d), UINT32_MAX);
	}
	assert_int_equal(c_read(d, C_STATUS), 1);
	/* only data accesses go through it */
	queue_irq(d, 0);
	aim(d, 0, (uint32_t)(d->isr - d->bar), 1);
	for (unsigned int off = 0; off < 16; off += 4)
		cfg_read(&d->pci, PD_SLOT, d->access + off, 4);
	assert_int_equal(level(d), 1);
}

/* ---- life ---- */

static void a_slot_that_is_taken_is_eexist_and_frees_the_device(void **state)
{
	struct pci_driver *d = *state;
	struct device *dev = d->dev;
	struct echo *e = echo_create(&d->host);

	assert_int_equal(virtio_pci_create(&dev, &e->v, d->pci.bus, PD_SLOT,
					   fake_msi(&d->msi),
					   fake_bells(&d->bells)), -EEXIST);
	assert_null(dev);
}

static void without_msi_there_is_no_capability_and_no_vector(void **state)
{
	struct pci_driver *d = *state;
	struct device *dev;
	struct echo *e = echo_create(&d->host);

	assert_int_equal(virtio_pci_create(&dev, &e->v, d->pci.bus, 9,
					   (struct msi){ 0 },
					   (struct doorbell){ 0 }), 0);
	assert_int_equal(find_cap(&d->pci, 9, PCI_CAP_MSIX, 0), 0);
	cfg_write(&d->pci, 9, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	d->common = cfg_read(&d->pci, 9, PCI_BAR0, 4);
	c_write(d, C_CONFIG_VECTOR, 0);
	assert_int_equal(c_read(d, C_CONFIG_VECTOR), NONE);
	device_destroy(dev);
	assert_int_equal(cfg_read(&d->pci, 9, 0, 4), UINT32_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_a_modern_virtio_function),
		T(the_defaults_are_those_of_a_reset),
		T(T01_fields_are_accessed_by_their_own_width),
		T(T01_an_address_is_written_as_halves_or_at_once),
		T(T02_read_only_and_unknown_registers_ignore_writes),
		T(T03_the_device_configuration_ends_where_it_says),
		T(T04_accesses_over_the_edge_of_the_bar_reach_nobody),
		T(T05_a_queue_that_is_not_there_reads_0_and_no_vector),
		T(T06_only_a_queues_own_address_kicks),
		T(T12_T14_only_1_enables_and_nothing_disables),
		T(T27_the_window_reaches_every_structure),
		T(T27_a_window_that_points_nowhere_reads_all_ones),
		T(a_slot_that_is_taken_is_eexist_and_frees_the_device),
		T(without_msi_there_is_no_capability_and_no_vector),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
