// SPDX-License-Identifier: BSD-3-Clause
/* What is the MMIO transport's own: its window, interrupt status, edges,
 * doorbells. The core behind it is test_virtio.c's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access.h"
#include "base/num.h"
#include "devices/virtio/virtio_mmio.h"
#include "virtio_case.h"

#define ISR 0x060
#define ACK 0x064

static uint64_t get(struct virtio_case *c, uint64_t off, unsigned int len)
{
	return dev_read(c->front.mmio, 0, off, len);
}

static void put(struct virtio_case *c, uint64_t off, unsigned int len,
		uint64_t value)
{
	dev_write(c->front.mmio, 0, off, len, value);
}

static void window_says_what_it_is(void **state)
{
	struct virtio_case *c = *state;

	assert_int_equal(get(c, 0x000, 4), 0x74726976);
	assert_int_equal(get(c, 0x004, 4), 2);
	assert_int_equal(get(c, 0x008, 4), VIRTIO_RNG);
	assert_string_equal(c->front.mmio->id, "echo0");
	assert_string_equal(c->front.mmio->ops->name, "virtio-mmio");
}

static void T01_other_widths_and_places_read_0_and_write_nothing(void **state)
{
	static const unsigned int lens[] = { 1, 2, 4, 8 };
	struct virtio_case *c = *state;

	case_run(c, 0);
	for (uint64_t off = 0; off < 0x100; off++) {
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			if (lens[i] == 4 && off % 4 == 0)
				continue;
			if (off + lens[i] > 0x100)
				continue;
			put(c, off, lens[i], 0);
			put(c, off, lens[i], UINT64_MAX);
			assert_true(get(c, off, lens[i]) == 0);
		}
	}
	assert_int_equal(get(c, 0x070, 4), RUNNING);
	case_post(c, 0);
	case_collect(c, 0);
}

/* virtio 1.2, table 4.1; what is not listed is a hole. */
static void T02_read_only_write_only_and_holes(void **state)
{
	static const uint16_t readable[] = {
		0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x044, 0x060, 0x070,
		0x0b0, 0x0b4, 0x0b8, 0x0bc, 0x0c0, 0x0fc,
	};
	static const uint16_t not_written[] = {
		0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x060, 0x0b0, 0x0b4,
		0x0b8, 0x0bc, 0x0fc,
	};
	struct virtio_case *c = *state;

	put(c, 0x014, 4, 1);
	for (uint64_t off = 0; off < 0x100; off += 4) {
		bool listed = false;

		for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
			listed = listed || readable[i] == off;
		if (!listed)
			assert_true(get(c, off, 4) == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(not_written); i++) {
		uint64_t before = get(c, not_written[i], 4);

		put(c, not_written[i], 4, 0x5a5a5a5a);
		assert_true(get(c, not_written[i], 4) == before);
	}
	for (uint64_t off = 0x0c4; off < 0x0fc; off += 4)
		put(c, off, 4, UINT32_MAX);
	assert_int_equal(get(c, 0x070, 4), 0);
}

static void T04_window_ends_are_answered(void **state)
{
	struct virtio_case *c = *state;

	/* the bus lets nothing through that overhangs */
	assert_true(get(c, VIRTIO_MMIO_WINDOW_SIZE - 1, 1) == 0);
	assert_true(get(c, VIRTIO_MMIO_WINDOW_SIZE - 8, 8) == 0);
	put(c, VIRTIO_MMIO_WINDOW_SIZE - 8, 8, UINT64_MAX);
	/* from the registers into the configuration space */
	assert_true(get(c, 0x0fe, 4) == 0);
	assert_true(get(c, 0x0fc, 8) == 0);
	assert_int_equal(get(c, 0x100, 1), 0xc0);
}

static void T23_acknowledging_clears_what_was_raised(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	front_sync(&c->front);
	put(c, ACK, 4, UINT32_MAX); /* never raised */
	assert_int_equal(get(c, ISR, 4), 0);
	case_post(c, 0);
	front_wait(&c->front);
	assert_int_equal(get(c, ISR, 4), 1);
	virtio_config_changed(&c->echo->v);
	front_wait(&c->front);
	assert_int_equal(get(c, ISR, 4), 3);
	put(c, ACK, 4, 4); /* another one */
	assert_int_equal(get(c, ISR, 4), 3);
	put(c, ACK, 4, 1);
	assert_int_equal(get(c, ISR, 4), 2);
	put(c, ACK, 4, 2);
	for (int i = 0; i < 1000; i++)
		put(c, ACK, 4, 3);
	assert_int_equal(get(c, ISR, 4), 0);
}

static void T23_missing_acknowledgement_holds_nothing_up(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	for (int i = 0; i < 10; i++) {
		case_post(c, 0);
		front_wait(&c->front); /* an edge each */
		case_collect(c, 0);
	}
	assert_int_equal(get(c, ISR, 4), 1);
}

static void T18_reset_clears_the_interrupt_status(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	virtio_config_changed(&c->echo->v);
	case_post(c, 0);
	front_wait(&c->front);
	assert_int_not_equal(get(c, ISR, 4), 0);
	put(c, 0x070, 4, 0);
	assert_int_equal(get(c, ISR, 4), 0);
}

/* The driver's interrupt handler, while the loop raises: it never sees an edge
 * without a bit, and never loses one for good. */
static void T30_no_interrupt_is_lost_between_raise_and_acknowledge(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t isr;

		assert_true(case_post(c, 0) >= 0);
		front_wait(&c->front);
		isr = get(c, ISR, 4);
		put(c, ACK, 4, isr);
		case_collect(c, 0);
	}
}

static void T31_shared_memory_is_not_there(void **state)
{
	struct virtio_case *c = *state;

	for (uint32_t sel = 0; sel < 3; sel++) {
		put(c, 0x0ac, 4, sel ? UINT32_MAX / sel : 0);
		for (uint64_t off = 0x0b0; off <= 0x0bc; off += 4)
			assert_int_equal(get(c, off, 4), UINT32_MAX);
	}
}

static void doorbells_are_attached_while_the_device_runs(void **state)
{
	struct virtio_case *c = *state;

	assert_int_equal(c->front.bells, 0);
	case_run(c, 0);
	assert_int_equal(c->front.bells, ECHO_QUEUES);
	virtio_fail(&c->echo->v, "a test");
	assert_int_equal(c->front.bells, ECHO_QUEUES);
	put(c, 0x070, 4, 0);
	assert_int_equal(c->front.bells, 0);
	case_run(c, 0);
	assert_int_equal(c->front.bells, ECHO_QUEUES);
	put(c, 0x070, 4, RUNNING | VIRTIO_S_FAILED);
	assert_int_equal(c->front.bells, 0);
}

/* Nothing is connected: no interrupt line, no doorbells. */
static void transport_without_connections_serves_all_the_same(void **state)
{
	struct virtio_case *c = *state;
	struct echo *echo = echo_create(&c->host);
	struct device *dev;

	assert_int_equal(virtio_mmio_create(&dev, &echo->v, 0,
					    (struct irq){ 0 },
					    (struct doorbell){ 0 }), 0);
	dev_write(dev, 0, 0x070, 4, 1);
	assert_int_equal(dev_read(dev, 0, 0x070, 4), 1);
	virtio_fail(&echo->v, "a test");
	device_destroy(dev);
}

static void T32_interrupt_that_was_pending_is_raised_again(void **state)
{
	struct virtio_case *c = *state;
	unsigned int edges;
	uint8_t *blob;
	size_t len;

	case_run(c, 0);
	front_sync(&c->front);
	blob = front_save(&c->front, &len);
	edges = c->front.queue_irqs;
	assert_int_equal(front_load(&c->front, blob, len), 0);
	assert_int_equal(c->front.queue_irqs, edges);
	free(blob);
	virtio_config_changed(&c->echo->v);
	blob = front_save(&c->front, &len);
	edges = c->front.queue_irqs;
	assert_int_equal(front_load(&c->front, blob, len), 0);
	assert_int_equal(c->front.queue_irqs, edges + 1);
	assert_int_equal(get(c, ISR, 4), 2);
	free(blob);
}

static void devices_are_paused_through_their_functions(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	device_pause(c->front.mmio);
	assert_int_equal(c->echo->stops, 1);
	case_post(c, 0);
	front_sync(&c->front);
	assert_int_equal(c->echo->served, 0);
	device_resume(c->front.mmio);
	case_collect(c, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, case_setup_mmio,        \
						case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(window_says_what_it_is),
		TEST(T01_other_widths_and_places_read_0_and_write_nothing),
		TEST(T02_read_only_write_only_and_holes),
		TEST(T04_window_ends_are_answered),
		TEST(T23_acknowledging_clears_what_was_raised),
		TEST(T23_missing_acknowledgement_holds_nothing_up),
		TEST(T18_reset_clears_the_interrupt_status),
		TEST(T30_no_interrupt_is_lost_between_raise_and_acknowledge),
		TEST(T31_shared_memory_is_not_there),
		TEST(doorbells_are_attached_while_the_device_runs),
		TEST(transport_without_connections_serves_all_the_same),
		TEST(T32_interrupt_that_was_pending_is_raised_again),
		TEST(devices_are_paused_through_their_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
