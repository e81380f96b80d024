// SPDX-License-Identifier: BSD-3-Clause
/* A function on a real bus: what the guest can do to its configuration space,
 * and what follows from it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pci_bench.h"

#define SLOT 5
#define BAR0 (PCI_BAR0)
#define BAR2 (PCI_BAR0 + 8)
#define MEM  PCI_COMMAND_MEMORY

struct bench {
	struct pci_bench pci;
	struct pci_card card;
};

static int setup(void **state)
{
	struct bench *b = test_calloc(1, sizeof(*b));

	pci_bench_init(&b->pci);
	assert_int_equal(pci_card_init(&b->card, &b->pci, SLOT), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	pci_card_finish(&b->card);
	assert_int_equal(b->pci.mmio.count, 1);
	pci_bench_finish(&b->pci);
	test_free(b);
	return 0;
}

static uint32_t get(struct bench *b, unsigned int off, unsigned int len)
{
	return cfg_read(&b->pci, SLOT, off, len);
}

static void set(struct bench *b, unsigned int off, unsigned int len,
		uint32_t value)
{
	cfg_write(&b->pci, SLOT, off, len, value);
}

/* Is it the card that answers there, and with which BAR? */
static int answers(struct bench *b, uint64_t addr)
{
	uint64_t value;

	if (!bus_read(&b->pci.mmio, addr, 4, &value))
		return -1;
	return (int)value;
}

static void the_header_tells_what_it_is(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, 0, 4), 0x56781234);
	assert_int_equal(get(b, 8, 4), 0x12345607);
	assert_int_equal(get(b, 0x0e, 1), 0); /* one function, type 0 */
	assert_int_equal(get(b, 0x2c, 4), 0xdef09abc);
	assert_int_equal(get(b, PCI_IRQ_PIN, 1), 1);
	assert_int_equal(get(b, PCI_STATUS, 2), PCI_STATUS_CAPS);
	assert_int_equal(get(b, PCI_COMMAND, 2), 0);
	assert_int_equal(get(b, 0x100, 4), 0); /* no extended capability */
}

static void capabilities_are_a_chain_that_ends(void **state)
{
	struct bench *b = *state;
	unsigned int first = get(b, PCI_CAP_POINTER, 1);
	unsigned int msix = get(b, first + 1, 1);

	assert_int_equal(first, 0x40);
	assert_int_equal(get(b, first, 1), PCI_CAP_VENDOR);
	assert_int_equal(get(b, first + 2, 1), 'a');
	assert_int_equal(msix % 4, 0);
	assert_int_equal(get(b, msix, 2), PCI_CAP_MSIX);
	assert_int_equal(get(b, msix + 2, 2), 3);
	assert_int_equal(get(b, msix + 4, 4), 0x8002);
	assert_int_equal(get(b, msix + 8, 4), 0xc002);
}

static void bars_are_placed_apart_inside_the_window(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, BAR0, 4), BENCH_WINDOW);
	assert_int_equal(get(b, BAR2, 4), BENCH_WINDOW + 0x10000);
	assert_int_equal(get(b, BAR0 + 4, 4), 0);
	/* memory space is off until the guest wants it */
	assert_int_equal(answers(b, BENCH_WINDOW), -1);
	set(b, PCI_COMMAND, 2, MEM);
	assert_int_equal(answers(b, BENCH_WINDOW), 0xb0);
	assert_int_equal(answers(b, BENCH_WINDOW + 0xffc), 0xb0);
	assert_int_equal(answers(b, BENCH_WINDOW + 0x1000), -1);
	assert_int_equal(answers(b, BENCH_WINDOW + 0x10000), 0xb2);
	assert_int_equal(b->card.at[0], BENCH_WINDOW);
	assert_int_equal(b->card.at[2], BENCH_WINDOW + 0x10000);
}

static void T28_all_ones_tell_a_bars_size_and_it_returns(void **state)
{
	struct bench *b = *state;

	set(b, PCI_COMMAND, 2, MEM);
	set(b, BAR0, 4, UINT32_MAX);
	set(b, BAR2, 4, UINT32_MAX);
	set(b, BAR0 + 4, 4, UINT32_MAX);
	assert_int_equal(get(b, BAR0, 4), 0xfffff000);
	assert_int_equal(get(b, BAR2, 4), 0xffff0000);
	assert_int_equal(get(b, BAR0 + 4, 4), 0);
	assert_int_equal(b->card.at[0], PCI_NOWHERE);
	assert_int_equal(answers(b, 0xfffff000), -1);
	assert_int_equal(answers(b, BENCH_WINDOW), -1);
	set(b, BAR0, 4, BENCH_WINDOW);
	assert_int_equal(answers(b, BENCH_WINDOW), 0xb0);
}

static void T28_a_bar_moves_and_leaves_nothing_behind(void **state)
{
	struct bench *b = *state;

	set(b, PCI_COMMAND, 2, MEM);
	set(b, BAR0, 4, 0xd1234567);
	assert_int_equal(get(b, BAR0, 4), 0xd1234000);
	assert_int_equal(answers(b, BENCH_WINDOW), -1);
	assert_int_equal(answers(b, 0xd1234000), 0xb0);
	/* a byte at a time is a move by bytes */
	set(b, BAR0 + 3, 1, 0xc8);
	assert_int_equal(answers(b, 0xc8234000), 0xb0);
	assert_int_equal(answers(b, 0xd1234000), -1);
	/* to the very place where it is */
	b->card.moves = 0;
	set(b, BAR0, 4, 0xc8234000);
	assert_int_equal(b->card.moves, 0);
}

static void T28_a_bar_outside_the_window_answers_nowhere(void **state)
{
	static const uint32_t places[] = {
		0, 0x1000, 0x100000, 0xbffff000, 0xe0000000, 0xe0100000,
		0xfec00000, 0xfee00000, 0xfeffd000, 0xfffff000,
	};
	struct bench *b = *state;

	set(b, PCI_COMMAND, 2, MEM);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		set(b, BAR0, 4, places[i]);
		assert_int_equal(get(b, BAR0, 4), places[i]);
		assert_int_equal(b->card.at[0], PCI_NOWHERE);
		assert_int_not_equal(answers(b, places[i]), 0xb0);
	}
	/* the last place that is inside, and the first whose end is not */
	set(b, BAR2, 4, 0xdfff0000);
	assert_int_equal(answers(b, 0xdfff0000), 0xb2);
	set(b, BAR0, 4, BENCH_WINDOW);
	assert_int_equal(answers(b, BENCH_WINDOW), 0xb0);
}

static void T28_a_bar_upon_another_waits_until_that_has_gone(void **state)
{
	struct bench *b = *state;
	struct pci_card other;

	assert_int_equal(pci_card_init(&other, &b->pci, 3), 0);
	cfg_write(&b->pci, 3, PCI_COMMAND, 2, MEM);
	set(b, PCI_COMMAND, 2, MEM);
	set(b, BAR0, 4, (uint32_t)other.at[0]);
	assert_int_equal(b->card.at[0], PCI_NOWHERE);
	assert_int_equal(answers(b, other.at[0]), 0xb0);
	assert_int_equal(other.reads, 1);
	/* half upon it */
	set(b, BAR2, 4, (uint32_t)other.at[0] & 0xffff0000);
	assert_int_equal(b->card.at[2], PCI_NOWHERE);
	/* the lower slot has it until it moves; then the one who waited */
	cfg_write(&b->pci, 3, BAR0, 4, 0xd0000000);
	assert_int_equal(other.at[0], 0xd0000000);
	assert_int_not_equal(b->card.at[0], PCI_NOWHERE);
	/* two of one function */
	set(b, BAR2, 4, 0xd8000000);
	set(b, BAR0, 4, 0xd8004000);
	assert_int_equal(answers(b, 0xd8004000), 0xb2);
	set(b, PCI_COMMAND, 2, 0);
	assert_int_equal(answers(b, 0xd8004000), -1);
	pci_card_finish(&other);
}

static void T28_two_bars_can_change_places(void **state)
{
	struct bench *b = *state;
	struct pci_card other;
	uint64_t a;
	uint64_t c;

	assert_int_equal(pci_card_init(&other, &b->pci, 9), 0);
	cfg_write(&b->pci, 9, PCI_COMMAND, 2, MEM);
	set(b, PCI_COMMAND, 2, MEM);
	a = b->card.at[0];
	c = other.at[0];
	set(b, BAR0, 4, (uint32_t)c);
	cfg_write(&b->pci, 9, BAR0, 4, (uint32_t)a);
	assert_int_equal(b->card.at[0], c);
	assert_int_equal(other.at[0], a);
	pci_card_finish(&other);
}

static void T29_only_what_is_writable_changes(void **state)
{
	struct bench *b = *state;
	uint8_t before[PCI_CONFIG_SIZE];
	unsigned int msix = find_cap(&b->pci, SLOT, PCI_CAP_MSIX, 0);

	memcpy(before, b->card.fn.config, sizeof(before));
	for (unsigned int off = 0; off < PCI_CONFIG_SIZE; off += 4)
		set(b, off, 4, UINT32_MAX);
	for (unsigned int off = 0; off < PCI_CONFIG_SIZE; off++) {
		uint8_t expect = before[off];

		if (off == PCI_COMMAND)
			expect = 0x06;
		else if (off == PCI_COMMAND + 1)
			expect = 0x04;
		else if (off == PCI_CACHE_LINE || off == PCI_IRQ_LINE)
			expect = 0xff;
		else if (off == msix + 3)
			expect = 0xc0;
		else if (off >= BAR0 && off < BAR0 + 4)
			expect = (uint8_t)(0xfffff000 >> (off - BAR0) * 8);
		else if (off >= BAR2 && off < BAR2 + 4)
			expect = (uint8_t)(0xffff0000 >> (off - BAR2) * 8);
		assert_int_equal(b->card.fn.config[off], expect);
	}
}

static void T29_accesses_across_dwords_or_of_eight_bytes_are_ignored(void **s)
{
	struct bench *b = *s;
	uint64_t base = BENCH_ECAM + (SLOT << 15);
	uint64_t value;

	for (unsigned int off = 0; off < 64; off++)
		for (unsigned int len = 1; len <= 8; len *= 2) {
			if (len < 8 && off % 4 + len <= 4)
				continue;
			bus_write(&b->pci.mmio, base + off, len, 0);
			bus_read(&b->pci.mmio, base + off, len, &value);
			assert_int_equal(value, len == 8 ? UINT64_MAX
						: (UINT64_C(1) << len * 8) - 1);
		}
	assert_int_equal(get(b, BAR0, 4), BENCH_WINDOW);
	/* the last bytes of the function's page */
	assert_int_equal(get(b, 0xffc, 4), 0);
	assert_int_equal(get(b, 0xffe, 4), UINT32_MAX);
	assert_int_equal(get(b, 0xfff, 2), 0xffff);
}

static void intx_reaches_the_line_unless_something_forbids_it(void **state)
{
	struct bench *b = *state;
	struct fake_irq *line = &b->pci.line[SLOT % PCI_LINES];
	unsigned int msix = find_cap(&b->pci, SLOT, PCI_CAP_MSIX, 0);

	pci_intx(&b->card.fn, true);
	assert_int_equal(line->level, 1);
	assert_true(get(b, PCI_STATUS, 2) & PCI_STATUS_INTX);
	set(b, PCI_COMMAND, 2, PCI_COMMAND_INTX_OFF);
	assert_int_equal(line->level, 0);
	assert_true(get(b, PCI_STATUS, 2) & PCI_STATUS_INTX);
	set(b, PCI_COMMAND, 2, 0);
	assert_int_equal(line->level, 1);
	set(b, msix + 2, 2, 0x8000);
	assert_int_equal(line->level, 0);
	assert_false(get(b, PCI_STATUS, 2) & PCI_STATUS_INTX);
	set(b, msix + 2, 2, 0);
	assert_int_equal(line->level, 1);
	pci_intx(&b->card.fn, false);
	assert_int_equal(line->level, 0);
	assert_int_equal(line->repeats, 0);
}

static void msix_works_through_the_bar_and_the_capability(void **state)
{
	struct bench *b = *state;
	unsigned int msix = find_cap(&b->pci, SLOT, PCI_CAP_MSIX, 0);
	uint64_t table;

	set(b, PCI_COMMAND, 2, MEM);
	table = b->card.at[2] + 0x8000;
	assert_false(pci_msix_signal(&b->card.fn, 1));
	set(b, msix + 2, 2, 0xc000);
	bus_write(&b->pci.mmio, table + 16, 4, 0xfee00000);
	bus_write(&b->pci.mmio, table + 24, 4, 0x31);
	bus_write(&b->pci.mmio, table + 28, 4, 0);
	assert_true(pci_msix_signal(&b->card.fn, 1));
	assert_int_equal(b->card.msi.vector[1].signals, 0);
	assert_int_equal(answers(b, b->card.at[2] + 0xc000), 2);
	set(b, msix + 3, 1, 0x80);
	assert_int_equal(b->card.msi.vector[1].signals, 1);
	assert_int_equal(b->card.msi.vector[1].data, 0x31);
	assert_int_equal(answers(b, b->card.at[2] + 0xc000), 0);
	assert_true(pci_msix_signal(&b->card.fn, 0xffff));
}

static const void *save(struct pci_card *c, struct snap *s, size_t *len)
{
	const void *blob;

	assert_int_equal(device_snapshot(&c->dev, s), 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	return blob;
}

static void save_load_save_is_byte_equal(void **state)
{
	struct bench *b = *state;
	struct bench *other = test_calloc(1, sizeof(*other));
	struct snap *first = snap_create();
	struct snap *second = snap_create();
	struct snap *load;
	const void *blob[2];
	size_t len[2];

	pci_bench_init(&other->pci);
	assert_int_equal(pci_card_init(&other->card, &other->pci, SLOT), 0);
	set(b, PCI_COMMAND, 2, MEM);
	set(b, BAR0, 4, 0xd0000000);
	set(b, find_cap(&b->pci, SLOT, PCI_CAP_MSIX, 0) + 2, 2, 0x8000);
	blob[0] = save(&b->card, first, &len[0]);
	assert_int_equal(snap_open(&load, blob[0], len[0], NULL), 0);
	assert_int_equal(device_snapshot(&other->card.dev, load), 0);
	assert_int_equal(answers(other, 0xd0000000), 0xb0);
	blob[1] = save(&other->card, second, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	assert_true(pci_msix_signal(&other->card.fn, 0));
	snap_destroy(load);
	snap_destroy(first);
	snap_destroy(second);
	pci_card_finish(&other->card);
	pci_bench_finish(&other->pci);
	test_free(other);
}

static void bytes_that_no_guest_could_have_written_are_refused(void **state)
{
	struct bench *b = *state;
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;

	b->card.fn.config[PCI_IRQ_PIN] = 2;
	blob = save(&b->card, s, &len);
	b->card.fn.config[PCI_IRQ_PIN] = 1;
	assert_int_equal(snap_open(&load, blob, len, NULL), 0);
	assert_true(device_snapshot(&b->card.dev, load) < 0);
	assert_int_equal(get(b, PCI_IRQ_PIN, 1), 1);
	snap_destroy(load);
	snap_destroy(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_header_tells_what_it_is),
		T(capabilities_are_a_chain_that_ends),
		T(bars_are_placed_apart_inside_the_window),
		T(T28_all_ones_tell_a_bars_size_and_it_returns),
		T(T28_a_bar_moves_and_leaves_nothing_behind),
		T(T28_a_bar_outside_the_window_answers_nowhere),
		T(T28_a_bar_upon_another_waits_until_that_has_gone),
		T(T28_two_bars_can_change_places),
		T(T29_only_what_is_writable_changes),
		T(T29_accesses_across_dwords_or_of_eight_bytes_are_ignored),
		T(intx_reaches_the_line_unless_something_forbids_it),
		T(msix_works_through_the_bar_and_the_capability),
		T(save_load_save_is_byte_equal),
		T(bytes_that_no_guest_could_have_written_are_refused),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
