// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio core's registers and status machine. Every test runs twice: in
 * front of the core itself, and through the MMIO transport.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "virtio_case.h"

#define A VIRTIO_S_ACKNOWLEDGE
#define D VIRTIO_S_DRIVER
#define F VIRTIO_S_FEATURES_OK
#define K VIRTIO_S_DRIVER_OK
#define N VIRTIO_S_NEEDS_RESET
#define X VIRTIO_S_FAILED

#define GPA	((uint32_t)DRIVER_RAM_GPA)
#define GPA_END ((uint32_t)(DRIVER_RAM_GPA + DRIVER_RAM_SIZE))

/* One access; tables of them end in { 0 }. */
struct step {
	char op; /* 'w' write; 'r' read and compare; 'p' the same, but only
		  * where the register can be read: not through MMIO */
	enum vreg reg;
	uint32_t value;
};

#define FEATURES(lo)                                                       \
	{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },              \
	{ 'w', VREG_DRIVER_FEATURES_SEL, 0 },                              \
	{ 'w', VREG_DRIVER_FEATURES, lo },                                 \
	{ 'w', VREG_DRIVER_FEATURES_SEL, 1 },                              \
	{ 'w', VREG_DRIVER_FEATURES, 1 },                                  \
	{ 'w', VREG_STATUS, A | D | F }, { 'r', VREG_STATUS, A | D | F }
#define RINGS(n, size, desc, driver, device)                               \
	{ 'w', VREG_QUEUE_SEL, n }, { 'w', VREG_QUEUE_SIZE, size },        \
	{ 'w', VREG_QUEUE_DESC_LO, desc },                                 \
	{ 'w', VREG_QUEUE_DRIVER_LO, driver },                             \
	{ 'w', VREG_QUEUE_DEVICE_LO, device }
#define GOOD(n) RINGS(n, 16, GPA, GPA + 0x1000, GPA + 0x2000)
#define ENABLE	{ 'w', VREG_QUEUE_ENABLE, 1 }
#define ENABLED { 'r', VREG_QUEUE_ENABLE, 1 }
#define REFUSED                                                            \
	ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },                             \
	{ 'w', VREG_STATUS, A | D | F | K },                               \
	{ 'r', VREG_STATUS, A | D | F | K | N }

struct table {
	const char *name;
	unsigned int starts; /* of the device */
	struct step step[40];
};

static const struct table tables[] = {
	{ "a driver's way to DRIVER_OK", 1, {
		{ 'r', VREG_DEVICE_TYPE, VIRTIO_RNG },
		{ 'r', VREG_STATUS, 0 },
		FEATURES(0), GOOD(0),
		{ 'r', VREG_QUEUE_SIZE_MAX, ECHO_QUEUE_SIZE },
		{ 'p', VREG_QUEUE_SIZE, 16 },
		{ 'p', VREG_QUEUE_DESC_LO, GPA },
		{ 'p', VREG_QUEUE_NOTIFY_OFF, 0 },
		{ 'p', VREG_NUM_QUEUES, ECHO_QUEUES },
		{ 'r', VREG_QUEUE_ENABLE, 0 }, ENABLE, ENABLED,
		{ 'w', VREG_STATUS, RUNNING }, { 'r', VREG_STATUS, RUNNING },
	} },
	{ "T05 a queue that is not there", 0, {
		FEATURES(0), GOOD(ECHO_QUEUES),
		{ 'r', VREG_QUEUE_SIZE_MAX, 0 },
		{ 'p', VREG_QUEUE_SIZE, 0 },
		{ 'p', VREG_QUEUE_DESC_LO, 0 },
		{ 'p', VREG_QUEUE_VECTOR, VIRTIO_NO_VECTOR },
		ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_QUEUE_RESET, 1 }, { 'r', VREG_QUEUE_RESET, 0 },
		{ 'w', VREG_QUEUE_SEL, UINT32_MAX },
		{ 'r', VREG_QUEUE_SIZE_MAX, 0 },
		ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_QUEUE_SEL, 0x10000 },
		{ 'r', VREG_QUEUE_SIZE_MAX, 0 },
		{ 'w', VREG_QUEUE_SEL, 1 },
		{ 'r', VREG_QUEUE_SIZE_MAX, ECHO_QUEUE_SIZE },
	} },
	{ "T07 feature words that are not there", 0, {
		{ 'w', VREG_DEVICE_FEATURES_SEL, 2 },
		{ 'r', VREG_DEVICE_FEATURES, 0 },
		{ 'w', VREG_DEVICE_FEATURES_SEL, UINT32_MAX },
		{ 'r', VREG_DEVICE_FEATURES, 0 },
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		{ 'w', VREG_DRIVER_FEATURES_SEL, 2 },
		{ 'w', VREG_DRIVER_FEATURES, UINT32_MAX },
		{ 'w', VREG_DRIVER_FEATURES_SEL, UINT32_MAX },
		{ 'w', VREG_DRIVER_FEATURES, UINT32_MAX },
		{ 'w', VREG_DRIVER_FEATURES_SEL, 32 },
		{ 'w', VREG_DRIVER_FEATURES, UINT32_MAX },
		FEATURES(0),
	} },
	{ "T08 a feature that is not offered", 0, {
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		{ 'w', VREG_DRIVER_FEATURES, 4 },
		{ 'w', VREG_DRIVER_FEATURES_SEL, 1 },
		{ 'w', VREG_DRIVER_FEATURES, 1 },
		{ 'w', VREG_STATUS, A | D | F },
		{ 'r', VREG_STATUS, A | D },
		{ 'w', VREG_STATUS, A | D | F | K },
		{ 'r', VREG_STATUS, A | D },
		/* and another try without it */
		FEATURES(0),
	} },
	{ "T08 a feature without the one it needs", 0, {
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		{ 'w', VREG_DRIVER_FEATURES, ECHO_F_B },
		{ 'w', VREG_DRIVER_FEATURES_SEL, 1 },
		{ 'w', VREG_DRIVER_FEATURES, 1 },
		{ 'w', VREG_STATUS, A | D | F },
		{ 'r', VREG_STATUS, A | D },
		FEATURES(ECHO_F_A | ECHO_F_B),
	} },
	{ "T08 a driver without VERSION_1", 0, {
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		{ 'w', VREG_STATUS, A | D | F },
		{ 'r', VREG_STATUS, A | D },
	} },
	{ "T09 features too early and too late", 0, {
		{ 'w', VREG_DRIVER_FEATURES, 4 },
		{ 'w', VREG_STATUS, A },
		{ 'w', VREG_DRIVER_FEATURES, 4 },
		FEATURES(ECHO_F_A),
		{ 'w', VREG_DRIVER_FEATURES_SEL, 0 },
		{ 'w', VREG_DRIVER_FEATURES, ECHO_F_B },
		{ 'p', VREG_DRIVER_FEATURES, ECHO_F_A },
	} },
	{ "T10 a queue of size 0", 0, {
		FEATURES(0), RINGS(0, 0, GPA, GPA + 0x1000, GPA + 0x2000),
		REFUSED,
	} },
	{ "T10 a queue of size 3", 0, {
		FEATURES(0), RINGS(0, 3, GPA, GPA + 0x1000, GPA + 0x2000),
		REFUSED,
	} },
	{ "T10 a queue larger than the largest", 0, {
		FEATURES(0), RINGS(0, ECHO_QUEUE_SIZE * 2, GPA, GPA + 0x1000,
				   GPA + 0x2000),
		REFUSED,
	} },
	{ "T10 a queue of size 65552 is not one of 16", 0, {
		FEATURES(0), RINGS(0, 0x10010, GPA, GPA + 0x1000,
				   GPA + 0x2000),
		REFUSED,
	} },
	{ "T11 descriptors off their alignment", 0, {
		FEATURES(0), RINGS(0, 16, GPA + 8, GPA + 0x1000, GPA + 0x2000),
		REFUSED,
	} },
	{ "T11 available ring off its alignment", 0, {
		FEATURES(0), RINGS(0, 16, GPA, GPA + 0x1001, GPA + 0x2000),
		REFUSED,
	} },
	{ "T11 used ring off its alignment", 0, {
		FEATURES(0), RINGS(0, 16, GPA, GPA + 0x1000, GPA + 0x2002),
		REFUSED,
	} },
	{ "T11 descriptors over the end of RAM", 0, {
		FEATURES(0), RINGS(0, 16, GPA_END - 240, GPA, GPA + 0x1000),
		REFUSED,
	} },
	{ "T11 used ring outside RAM", 0, {
		FEATURES(0), RINGS(0, 16, GPA, GPA + 0x1000, 0xfeb00000),
		REFUSED,
	} },
	{ "T11 an address at the end of the world", 0, {
		FEATURES(0), GOOD(0),
		{ 'w', VREG_QUEUE_DESC_LO, 0xfffffff0 },
		{ 'w', VREG_QUEUE_DESC_HI, 0xffffffff },
		REFUSED,
	} },
	{ "T12 ready before the addresses", 0, {
		FEATURES(0), { 'w', VREG_QUEUE_SEL, 0 }, REFUSED,
	} },
	{ "T12 ready twice, and with other values", 1, {
		FEATURES(0), GOOD(0),
		{ 'w', VREG_QUEUE_ENABLE, 2 },
		{ 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_QUEUE_ENABLE, 0x10001 },
		{ 'r', VREG_QUEUE_ENABLE, 0 },
		ENABLE, ENABLE, ENABLED,
		{ 'w', VREG_QUEUE_ENABLE, 2 }, ENABLED,
		{ 'w', VREG_STATUS, RUNNING }, { 'r', VREG_STATUS, RUNNING },
	} },
	{ "T13 an enabled queue's registers", 1, {
		FEATURES(0), GOOD(0), ENABLE,
		{ 'w', VREG_QUEUE_SIZE, 32 },
		{ 'w', VREG_QUEUE_DESC_LO, 0 },
		{ 'p', VREG_QUEUE_SIZE, 16 },
		{ 'p', VREG_QUEUE_DESC_LO, GPA },
		{ 'w', VREG_STATUS, RUNNING },
		{ 'w', VREG_QUEUE_SIZE, 64 },
		{ 'w', VREG_QUEUE_DEVICE_HI, 1 },
		{ 'p', VREG_QUEUE_SIZE, 16 },
		{ 'p', VREG_QUEUE_DEVICE_HI, 0 }, ENABLED,
		{ 'r', VREG_STATUS, RUNNING },
	} },
	{ "T13 another queue after DRIVER_OK", 1, {
		FEATURES(0), GOOD(0), ENABLE,
		{ 'w', VREG_STATUS, RUNNING },
		GOOD(1), ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'p', VREG_QUEUE_DESC_LO, 0 },
		{ 'r', VREG_STATUS, RUNNING },
	} },
	{ "T14 enabling with 0", 1, {
		FEATURES(0), GOOD(0), ENABLE,
		{ 'w', VREG_QUEUE_ENABLE, 0 }, ENABLED,
		{ 'w', VREG_STATUS, RUNNING },
		{ 'w', VREG_QUEUE_ENABLE, 0 }, ENABLED,
		{ 'r', VREG_STATUS, RUNNING },
	} },
	{ "T15 DRIVER_OK without FEATURES_OK", 0, {
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		{ 'w', VREG_STATUS, A | D | K },
		{ 'r', VREG_STATUS, A | D },
	} },
	{ "T15 DRIVER_OK without a queue", 0, {
		FEATURES(0), { 'w', VREG_STATUS, RUNNING },
		{ 'r', VREG_STATUS, RUNNING | N },
		/* and nothing helps now but a reset */
		GOOD(0), ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_STATUS, RUNNING },
		{ 'r', VREG_STATUS, RUNNING | N },
		{ 'w', VREG_STATUS, 0 }, { 'r', VREG_STATUS, 0 },
	} },
	{ "T16 bits out of order", 0, {
		{ 'w', VREG_STATUS, D }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, F }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, K }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, A | F }, { 'r', VREG_STATUS, A },
		{ 'w', VREG_STATUS, A | K }, { 'r', VREG_STATUS, A },
	} },
	{ "T16 bits cleared without a reset", 0, {
		FEATURES(0),
		{ 'w', VREG_STATUS, A | D }, { 'r', VREG_STATUS, A | D | F },
		{ 'w', VREG_STATUS, K }, { 'r', VREG_STATUS, A | D | F },
	} },
	{ "T16 bits that do not exist", 0, {
		{ 'w', VREG_STATUS, 0x30 }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, 0x100 }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, 0xffffff00 }, { 'r', VREG_STATUS, 0 },
		{ 'w', VREG_STATUS, A | 0x30 }, { 'r', VREG_STATUS, A },
		{ 'w', VREG_STATUS, 0x100 }, { 'r', VREG_STATUS, A },
	} },
	{ "T17 NEEDS_RESET is not the driver's", 1, {
		{ 'w', VREG_STATUS, N }, { 'r', VREG_STATUS, 0 },
		FEATURES(0), GOOD(0), ENABLE,
		{ 'w', VREG_STATUS, RUNNING | N },
		{ 'r', VREG_STATUS, RUNNING },
	} },
	{ "T17 FAILED stops the device", 1, {
		FEATURES(0), GOOD(0), ENABLE,
		{ 'w', VREG_STATUS, RUNNING },
		{ 'w', VREG_STATUS, RUNNING | X },
		{ 'r', VREG_STATUS, RUNNING | X },
		{ 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_STATUS, RUNNING },
		{ 'w', VREG_STATUS, RUNNING | X },
		{ 'r', VREG_STATUS, RUNNING | X },
		{ 'w', VREG_STATUS, 0 }, { 'r', VREG_STATUS, 0 },
	} },
	{ "T17 FAILED before everything", 0, {
		{ 'w', VREG_STATUS, X }, { 'r', VREG_STATUS, X },
		{ 'w', VREG_STATUS, X | A }, { 'r', VREG_STATUS, X },
	} },
	{ "T21 ring reset without its feature", 1, {
		FEATURES(0), GOOD(0), ENABLE, { 'w', VREG_STATUS, RUNNING },
		{ 'w', VREG_QUEUE_RESET, 1 }, { 'r', VREG_QUEUE_RESET, 0 },
		ENABLED,
	} },
	{ "queues before FEATURES_OK", 0, {
		GOOD(0), ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'w', VREG_STATUS, A }, { 'w', VREG_STATUS, A | D },
		GOOD(0), ENABLE, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'p', VREG_QUEUE_DESC_LO, 0 },
	} },
	{ "registers that can only be read", 0, {
		{ 'w', VREG_DEVICE_TYPE, 99 },
		{ 'r', VREG_DEVICE_TYPE, VIRTIO_RNG },
		{ 'w', VREG_DEVICE_FEATURES, 0 },
		{ 'w', VREG_DEVICE_FEATURES_SEL, 1 },
		{ 'w', VREG_CONFIG_GENERATION, 7 },
		{ 'r', VREG_CONFIG_GENERATION, 0 },
		FEATURES(0), { 'w', VREG_QUEUE_SIZE_MAX, 9 },
		{ 'r', VREG_QUEUE_SIZE_MAX, ECHO_QUEUE_SIZE },
	} },
	{ "a reset forgets everything", 1, {
		FEATURES(ECHO_F_A), GOOD(0), ENABLE,
		{ 'w', VREG_STATUS, RUNNING }, { 'w', VREG_STATUS, 0 },
		{ 'r', VREG_STATUS, 0 }, { 'r', VREG_QUEUE_ENABLE, 0 },
		{ 'p', VREG_QUEUE_SEL, 0 },
		{ 'p', VREG_QUEUE_SIZE, ECHO_QUEUE_SIZE },
		{ 'p', VREG_QUEUE_DESC_LO, 0 },
		{ 'p', VREG_DRIVER_FEATURES, 0 },
		{ 'p', VREG_DRIVER_FEATURES_SEL, 0 },
	} },
};

static void run_steps(struct front *f, const struct table *t)
{
	for (size_t i = 0; t->step[i].op; i++) {
		const struct step *s = &t->step[i];
		uint32_t value;

		if (s->op == 'w' && (!f->mmio ||
				     s->reg != VREG_NUM_QUEUES))
			front_set(f, s->reg, s->value);
		if (s->op == 'w' || (s->op == 'p' && f->mmio))
			continue;
		value = front_get(f, s->reg);
		if (value != s->value)
			fail_msg("%s, step %zu: %#x, not %#x", t->name, i,
				 value, s->value);
	}
}

static void T05_to_T17_register_sequences(void **state)
{
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		atomic_store(&c->echo->starts, 0);
		atomic_store(&c->echo->stops, 0);
		run_steps(&c->front, &tables[i]);
		if (atomic_load(&c->echo->starts) != tables[i].starts)
			fail_msg("%s: started %u times", tables[i].name,
				 atomic_load(&c->echo->starts));
		front_set(&c->front, VREG_STATUS, 0);
		assert_int_equal(c->echo->starts, c->echo->stops);
	}
}

static void P11_the_core_adds_its_features_and_no_others(void **state)
{
	struct virtio_case *c = *state;
	uint64_t offered;

	front_set(&c->front, VREG_DEVICE_FEATURES_SEL, 1);
	offered = (uint64_t)front_get(&c->front, VREG_DEVICE_FEATURES) << 32;
	front_set(&c->front, VREG_DEVICE_FEATURES_SEL, 0);
	offered |= front_get(&c->front, VREG_DEVICE_FEATURES);
	assert_true(offered ==
		    (ECHO_F_A | ECHO_F_B | VIRTIO_F_INDIRECT_DESC |
		     VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 |
		     VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER |
		     VIRTIO_F_RING_RESET));
}

static void T10_odd_sizes_are_good_for_packed_rings(void **state)
{
	struct virtio_case *c = *state;
	struct queue_params p = { 3, GPA, GPA + 0x1000, GPA + 0x2000 };

	assert_true(front_negotiate(&c->front, VIRTIO_F_RING_PACKED));
	assert_true(front_queue(&c->front, 0, &p));
	p.size = 1;
	assert_true(front_queue(&c->front, 1, &p));
}

static void T03_config_space_ends_where_it_ends(void **state)
{
	struct virtio_case *c = *state;
	struct front *f = &c->front;

	assert_int_equal(front_config(f, 0, 4), 0xc3c2c1c0);
	assert_int_equal(front_config(f, 11, 1), 0xcb);
	assert_int_equal(front_config(f, 8, 4), 0xcbcac9c8);
	assert_true(front_config(f, 4, 8) == UINT64_C(0xcbcac9c8c7c6c5c4));
	assert_int_equal(front_config(f, 10, 2), 0xcbca);
	for (unsigned int len = 1; len <= 8; len *= 2) {
		for (uint64_t off = ECHO_CONFIG - len + 1; off < 0xd00; off++) {
			assert_true(front_config(f, off, len) == 0);
			front_config_set(f, off, len, UINT64_MAX);
		}
	}
	assert_int_equal(front_config(f, 8, 4), 0xcbcac9c8);
	front_config_set(f, 8, 4, 0x01020304);
	assert_int_equal(front_config(f, 8, 4), 0x01020304);
	if (!f->mmio) {
		assert_true(virtio_config_read(f->v, UINT64_MAX, 1) == 0);
		assert_true(virtio_config_read(f->v, UINT64_MAX - 1, 4) == 0);
		assert_true(virtio_config_read(f->v, 0, 3) == 0);
		assert_true(virtio_config_read(f->v, 0, 0) == 0);
	}
}

static void T22_generation_changes_with_the_contents(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	assert_int_equal(front_get(&c->front, VREG_CONFIG_GENERATION), 0);
	assert_int_equal(front_get(&c->front, VREG_CONFIG_GENERATION), 0);
	virtio_config_changed(&c->echo->v);
	assert_int_equal(front_get(&c->front, VREG_CONFIG_GENERATION), 1);
	front_wait(&c->front);
	/* a driver that is not there yet gets no interrupt */
	front_set(&c->front, VREG_STATUS, 0);
	virtio_config_changed(&c->echo->v);
	assert_int_equal(front_get(&c->front, VREG_CONFIG_GENERATION), 2);
	assert_false(front_irq_comes(&c->front));
}

static void device_that_cannot_start_needs_a_reset(void **state)
{
	struct virtio_case *c = *state;
	const struct queue_params p = { 16, GPA, GPA + 0x1000, GPA + 0x2000 };

	c->echo->start_error = -5;
	assert_true(front_negotiate(&c->front, 0));
	assert_true(front_queue(&c->front, 0, &p));
	front_driver_ok(&c->front);
	assert_int_equal(front_get(&c->front, VREG_STATUS), RUNNING | N);
	front_wait(&c->front); /* the config interrupt */
	assert_int_equal(c->front.bells, 0);
	c->echo->start_error = 0;
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

#define TWICE(test)                                                        \
	{ #test, test, case_setup_plain, case_teardown, NULL },            \
	{ #test " (mmio)", test, case_setup_mmio, case_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWICE(T05_to_T17_register_sequences),
		TWICE(P11_the_core_adds_its_features_and_no_others),
		TWICE(T10_odd_sizes_are_good_for_packed_rings),
		TWICE(T03_config_space_ends_where_it_ends),
		TWICE(T22_generation_changes_with_the_contents),
		TWICE(device_that_cannot_start_needs_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
