// SPDX-License-Identifier: BSD-3-Clause
/*
 * Hostile use of a device that runs: registers that should be fixed, storms of
 * kicks, resets without end. In front of the core itself and through the MMIO
 * transport. Catalogue group T, and what of Q needs a whole device.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "flat.h"
#include "virtio_case.h"

/* ---- registers of a running device ---- */

static const enum vreg queue_registers[] = {
	VREG_QUEUE_SIZE, VREG_QUEUE_DESC_LO, VREG_QUEUE_DESC_HI,
	VREG_QUEUE_DRIVER_LO, VREG_QUEUE_DRIVER_HI, VREG_QUEUE_DEVICE_LO,
	VREG_QUEUE_DEVICE_HI, VREG_QUEUE_ENABLE,
};

/* CVE-2026-5747 was a size that could still be written. */
static void T13_registers_do_not_reach_the_live_ring(void **state)
{
	static const uint32_t values[] = { 0, 1, 3, 64, 0x8000, 0xffff,
					   0x10000, UINT32_MAX };
	static const uint64_t features[] = { 0, VIRTIO_F_RING_PACKED,
					     VIRTIO_F_RING_RESET };
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct queue before;

		case_run(c, features[i]);
		front_sync(&c->front);
		before = c->echo->v.queue[0].ring;
		front_set(&c->front, VREG_QUEUE_SEL, 0);
		for (size_t k = 0; k < ARRAY_SIZE(values); k++)
			for (size_t r = 0; r < ARRAY_SIZE(queue_registers); r++)
				front_set(&c->front, queue_registers[r],
					  values[k]);
		assert_memory_equal(&before, &c->echo->v.queue[0].ring,
				    sizeof(before));
		/* three times around: an index of another size would show */
		for (unsigned int k = 0; k < 3 * 16; k++) {
			assert_true(case_post(c, 0) >= 0);
			case_collect(c, 0);
		}
		assert_int_equal(c->echo->v.queue[0].params.size, 16);
	}
}

/* ---- storms ---- */

/* A device beside it on the same loop. */
static void beside(struct virtio_case *c, struct virtio_case *o)
{
	*o = (struct virtio_case){ .loop = c->loop };
	driver_ram_init(&o->ram);
	o->host = (struct virtio_host){ "echo1", &o->ram.mem, c->loop,
					NULL };
	o->echo = echo_create(&o->host);
	front_init(&o->front, &o->echo->v, c->front.mmio != NULL);
	case_run(o, 0);
}

static void beside_finish(struct virtio_case *o)
{
	front_finish(&o->front);
	for (unsigned int i = 0; i < ECHO_QUEUES; i++)
		driver_ring_finish(&o->ring[i]);
	driver_ram_finish(&o->ram);
}

/* The loop's thread, kept busy. */
struct gate {
	pthread_mutex_t lock;
	sem_t inside;
};

static void wait_at(void *ctx, uint32_t events)
{
	struct gate *g = ctx;

	sem_post(&g->inside);
	pthread_mutex_lock(&g->lock);
	pthread_mutex_unlock(&g->lock);
}

/* So one round of the loop serves a storm once, and everybody else too. */
static void Q29_a_million_kicks_at_once_are_one(void **state)
{
	struct virtio_case *c = *state;
	struct virtio_case o;
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct loop_source *timer;
	unsigned int kicks;

	case_run(c, 0);
	beside(c, &o);
	front_sync(&c->front);
	sem_init(&g.inside, 0, 0);
	pthread_mutex_lock(&g.lock);
	assert_int_equal(loop_add_timer(&timer, c->loop, wait_at, &g), 0);
	loop_arm(timer, 1);
	sem_wait(&g.inside);
	kicks = c->echo->kicks;
	for (unsigned int i = 0; i < 1000000; i++)
		front_kick(&c->front, 0);
	assert_true(case_post(&o, 0) >= 0);
	pthread_mutex_unlock(&g.lock);
	case_collect(&o, 0);
	front_sync(&c->front);
	assert_in_range(c->echo->kicks - kicks, 1, 2);
	loop_remove(timer);
	sem_destroy(&g.inside);
	beside_finish(&o);
}

struct storm {
	struct front *front;
	atomic_bool stop;
};

static void *blow(void *ctx)
{
	struct storm *s = ctx;

	while (!atomic_load(&s->stop))
		front_kick(s->front, 1);
	return NULL;
}

static void Q29_storm_leaves_others_their_turn(void **state)
{
	struct virtio_case *c = *state;
	struct virtio_case o;
	struct storm s = { .front = &c->front };
	pthread_t thread;

	case_run(c, 0);
	beside(c, &o);
	assert_int_equal(pthread_create(&thread, NULL, blow, &s), 0);
	for (unsigned int i = 0; i < 500; i++) {
		assert_true(case_post(&o, 0) >= 0);
		case_collect(&o, 0);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
	assert_false(virtio_broken(&c->echo->v));
	beside_finish(&o);
	case_post(c, 0);
	case_collect(c, 0);
}

/* ---- the configuration space ---- */

struct look {
	struct virtio_case *c;
	sem_t begun;
	atomic_bool done;
	uint64_t value;
	uint32_t generation;
};

static void *look_at(void *ctx)
{
	struct look *l = ctx;

	sem_post(&l->begun);
	l->value = front_config(&l->c->front, 0, 4);
	l->generation = front_get(&l->c->front, VREG_CONFIG_GENERATION);
	atomic_store(&l->done, true);
	return NULL;
}

static void T22_half_a_change_is_not_seen(void **state)
{
	struct virtio_case *c = *state;
	struct virtio *v = &c->echo->v;
	struct look l = { .c = c };
	unsigned int irqs;
	pthread_t thread;

	case_run(c, 0);
	front_sync(&c->front);
	irqs = c->front.queue_irqs + c->front.config_irqs;
	sem_init(&l.begun, 0, 0);
	virtio_config_begin(v);
	c->echo->config[0] = c->echo->config[1] = 1;
	assert_int_equal(pthread_create(&thread, NULL, look_at, &l), 0);
	sem_wait(&l.begun);
	poll(NULL, 0, 50);
	assert_false(atomic_load(&l.done));
	c->echo->config[2] = c->echo->config[3] = 1;
	virtio_config_end(v, true);
	pthread_join(thread, NULL);
	assert_int_equal(l.value, 0x01010101);
	assert_int_equal(l.generation, 1);
	assert_int_equal(c->front.queue_irqs + c->front.config_irqs, irqs + 1);
	/* and one that nobody needs to be told of */
	virtio_config_begin(v);
	virtio_config_end(v, false);
	assert_int_equal(front_get(&c->front, VREG_CONFIG_GENERATION), 2);
	assert_int_equal(c->front.queue_irqs + c->front.config_irqs, irqs + 1);
	sem_destroy(&l.begun);
}

/* ---- resets ---- */

/* Some way from the reset to a request, and never the same twice in a row. */
static void go(struct virtio_case *c, unsigned int i)
{
	switch (i % 5) {
	case 0:
		case_run(c, i % 2 ? VIRTIO_F_RING_PACKED : VIRTIO_F_IN_ORDER);
		case_post(c, 0);
		break;
	case 1:
		front_negotiate(&c->front, 0);
		break;
	case 2:
		front_set(&c->front, VREG_STATUS, 1);
		break;
	case 3:
		case_run(c, 0);
		c->echo->hold = true;
		case_post(c, 1);
		front_set(&c->front, VREG_STATUS, 0);
		c->echo->hold = false;
		break;
	default:
		front_set(&c->front, VREG_STATUS, 0);
		break;
	}
	front_set(&c->front, VREG_STATUS, 0);
}

static void T19_ten_thousand_resets_hold_nothing_more(void **state)
{
	struct virtio_case *c = *state;
	struct flat before;

	for (unsigned int i = 0; i < 50; i++)
		go(c, i);
	front_sync(&c->front);
	before = flat_now();
	for (unsigned int i = 0; i < 10000; i++)
		go(c, i);
	front_sync(&c->front);
	flat_check(&before);
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
		TWICE(T13_registers_do_not_reach_the_live_ring),
		TWICE(Q29_a_million_kicks_at_once_are_one),
		TWICE(Q29_storm_leaves_others_their_turn),
		TWICE(T22_half_a_change_is_not_seen),
		TWICE(T19_ten_thousand_resets_hold_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
