// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/bus.c and device.c: who gets which access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/bus.h"

/* A device that notes what it was asked. */
struct probe {
	struct device dev;
	unsigned int reads;
	unsigned int writes;
	unsigned int window;
	uint64_t off;
	unsigned int len;
	uint64_t value; /* written, or to be read */
	bool was_locked;
	struct bus *bus;   /* to be called from inside, or NULL */
	unsigned int *destroyed;
};

static void note(struct probe *p, unsigned int window, uint64_t off,
		 unsigned int len)
{
	p->window = window;
	p->off = off;
	p->len = len;
	p->was_locked = pthread_mutex_trylock(&p->dev.lock) == EBUSY;
	/* The bus lock is not held: this would hang. */
	if (p->bus)
		assert_int_equal(bus_add(p->bus, 0x9000, 1, &p->dev, 9), 0);
}

static uint64_t probe_read(struct device *dev, unsigned int window,
			   uint64_t off, unsigned int len)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->reads++;
	note(p, window, off, len);
	return p->value;
}

static void probe_write(struct device *dev, unsigned int window, uint64_t off,
			unsigned int len, uint64_t value)
{
	struct probe *p = container_of(dev, struct probe, dev);

	p->writes++;
	p->value = value;
	note(p, window, off, len);
}

static void probe_destroy(struct device *dev)
{
	struct probe *p = container_of(dev, struct probe, dev);

	if (p->destroyed)
		++*p->destroyed;
	device_finish(dev);
}

static const struct device_ops ops = {
	.name = "probe",
	.read = probe_read,
	.write = probe_write,
	.destroy = probe_destroy,
};

struct fixture {
	struct bus bus;
	struct probe a; /* [0x100, 0x108) window 1, [0x200, 0x210) window 2 */
	struct probe b; /* [0x108, 0x10c): touches a */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bus_init(&f->bus);
	device_init(&f->a.dev, &ops, "a");
	device_init(&f->b.dev, &ops, "b");
	*state = f;
	return bus_add(&f->bus, 0x200, 0x10, &f->a.dev, 2) ||
	       bus_add(&f->bus, 0x100, 8, &f->a.dev, 1) ||
	       bus_add(&f->bus, 0x108, 4, &f->b.dev, 0);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bus_finish(&f->bus);
	device_destroy(&f->a.dev);
	device_destroy(&f->b.dev);
	free(f);
	return 0;
}

static void bus_access_reaches_its_device_under_the_devices_lock(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	f->a.value = 0x1122334455667788;
	assert_true(bus_read(&f->bus, 0x204, 4, &v));
	assert_int_equal(v, 0x55667788); /* cut to the width */
	assert_int_equal(f->a.window, 2);
	assert_int_equal(f->a.off, 4);
	assert_int_equal(f->a.len, 4);
	assert_true(f->a.was_locked);
	assert_true(bus_read(&f->bus, 0x100, 8, &v));
	assert_true(v == 0x1122334455667788);
	assert_true(bus_write(&f->bus, 0x109, 1, 0xffff42));
	assert_int_equal(f->b.value, 0x42);
	assert_int_equal(f->b.off, 1);
	assert_true(f->b.was_locked);
	assert_int_equal(f->a.writes, 0);
}

static void T04_access_that_overhangs_a_window_misses_both(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	assert_true(bus_read(&f->bus, 0x20c, 4, &v));
	assert_false(bus_read(&f->bus, 0x20d, 4, &v));
	assert_int_equal(v, 0xffffffff);
	/* From a into b: neither sees a part of it. */
	assert_false(bus_read(&f->bus, 0x106, 4, &v));
	assert_false(bus_write(&f->bus, 0x106, 4, 0));
	assert_false(bus_write(&f->bus, 0xff, 2, 0));
	assert_int_equal(f->a.reads, 1);
	assert_int_equal(f->a.writes + f->b.reads + f->b.writes, 0);
}

/* T34: where nobody was added there is nobody. */
static void G04_all_65536_ports_in_three_widths_read_all_ones(void **state)
{
	struct fixture *f = *state;
	unsigned int hits = 0;
	uint64_t v;

	f->a.value = f->b.value = 0;
	for (uint64_t port = 0; port < 65536; port++) {
		for (unsigned int len = 1; len <= 4; len *= 2) {
			bool hit = bus_read(&f->bus, port, len, &v);
			uint64_t all = (UINT64_C(1) << (8 * len)) - 1;

			assert_true(v == (hit ? 0 : all));
			assert_int_equal(bus_write(&f->bus, port, len, 0), hit);
			hits += hit;
		}
	}
	/* windows of 8, 4 and 16 bytes */
	assert_int_equal(hits, (8 + 7 + 5) + (4 + 3 + 1) + (16 + 15 + 13));
	assert_int_equal(f->a.reads + f->b.reads, hits);
}

static void G10_odd_widths_read_all_ones_and_write_nothing(void **state)
{
	static const unsigned int widths[] = { 0, 3, 5, 6, 7, 9, 16, 32, 64,
					       0xffffffff };
	struct fixture *f = *state;
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		assert_false(bus_read(&f->bus, 0x200, widths[i], &v));
		assert_true(v == (widths[i] >= 8 ? UINT64_MAX
						 : (UINT64_C(1)
						    << (widths[i] * 8)) - 1));
		assert_false(bus_write(&f->bus, 0x200, widths[i], 0));
	}
	assert_int_equal(f->a.reads + f->a.writes, 0);
}

static void bus_addresses_near_the_top_do_not_wrap(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	assert_int_equal(bus_add(&f->bus, UINT64_MAX - 8, 8, &f->b.dev, 3), 0);
	assert_true(bus_read(&f->bus, UINT64_MAX - 8, 8, &v));
	assert_false(bus_read(&f->bus, UINT64_MAX - 7, 8, &v));
	assert_false(bus_read(&f->bus, UINT64_MAX, 8, &v));
	assert_false(bus_read(&f->bus, UINT64_MAX, 1, &v));
}

static void bus_add_refuses_empty_wrapping_and_meeting_windows(void **state)
{
	static const struct {
		uint64_t base;
		uint64_t size;
		int result;
	} rows[] = {
		{ 0x300, 0, -EINVAL },
		{ UINT64_MAX, 1, -EINVAL },
		{ UINT64_MAX, 2, -EINVAL },
		{ 0x300, UINT64_MAX, -EINVAL },
		{ 0x100, 8, -EEXIST },
		{ 0xff, 2, -EEXIST },
		{ 0x10b, 1, -EEXIST },
		{ 0, 0x1000, -EEXIST },
		{ 0xff, 1, 0 },
		{ 0x10c, 0xf4, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(bus_add(&f->bus, rows[i].base, rows[i].size,
					 &f->a.dev, 0),
				 rows[i].result);
}

static void bus_has_room_for_64_windows(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	for (unsigned int i = f->bus.count; i < BUS_MAX_WINDOWS; i++)
		assert_int_equal(bus_add(&f->bus, 0x10000 - i, 1, &f->b.dev, i),
				 0);
	assert_int_equal(bus_add(&f->bus, 0x20000, 1, &f->b.dev, 0), -ENOSPC);
	assert_true(bus_read(&f->bus, 0x10000 - 63, 1, &v));
	assert_int_equal(f->b.window, 63);
	assert_true(bus_read(&f->bus, 0x10000 - 3, 1, &v));
	assert_int_equal(f->b.window, 3);
}

static void bus_remove_takes_one_window(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	assert_int_equal(bus_remove(&f->bus, 0x101), -ENOENT);
	assert_int_equal(bus_remove(&f->bus, 0x100), 0);
	assert_int_equal(bus_remove(&f->bus, 0x100), -ENOENT);
	assert_false(bus_read(&f->bus, 0x100, 1, &v));
	assert_true(bus_read(&f->bus, 0x108, 1, &v));
	assert_true(bus_read(&f->bus, 0x200, 1, &v));
}

static void bus_lock_is_not_held_over_a_device(void **state)
{
	struct fixture *f = *state;
	uint64_t v;

	f->b.bus = &f->bus;
	assert_true(bus_read(&f->bus, 0x108, 1, &v));
	f->b.bus = NULL;
	assert_true(bus_read(&f->bus, 0x9000, 1, &v));
	assert_int_equal(f->b.window, 9);
}

static void device_destroy_calls_the_device_and_accepts_null(void **state)
{
	unsigned int destroyed = 0;
	struct probe p = { .destroyed = &destroyed };

	device_init(&p.dev, &ops, "p");
	assert_string_equal(p.dev.id, "p");
	device_destroy(&p.dev);
	device_destroy(NULL);
	assert_int_equal(destroyed, 1);
}

#define BUS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(bus_access_reaches_its_device_under_the_devices_lock),
		BUS_TEST(T04_access_that_overhangs_a_window_misses_both),
		BUS_TEST(G04_all_65536_ports_in_three_widths_read_all_ones),
		BUS_TEST(G10_odd_widths_read_all_ones_and_write_nothing),
		BUS_TEST(bus_addresses_near_the_top_do_not_wrap),
		BUS_TEST(bus_add_refuses_empty_wrapping_and_meeting_windows),
		BUS_TEST(bus_has_room_for_64_windows),
		BUS_TEST(bus_remove_takes_one_window),
		BUS_TEST(bus_lock_is_not_held_over_a_device),
		cmocka_unit_test(
			device_destroy_calls_the_device_and_accepts_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
