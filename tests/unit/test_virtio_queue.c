// SPDX-License-Identifier: BSD-3-Clause
/*
 * Queues that run: doorbells, the service loop, resets with requests in
 * flight, broken rings, saved state. In front of the core itself and through
 * the MMIO transport.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "virtio_case.h"

static void requests_come_back(void **state)
{
	static const uint64_t features[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX, VIRTIO_F_IN_ORDER,
	};
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		case_run(c, features[i]);
		for (unsigned int j = 0; j < 100; j++) {
			assert_true(case_post(c, j % 2) >= 0);
			case_collect(c, j % 2);
		}
	}
}

static void kicks_as_exits_work_too(void **state)
{
	struct virtio_case *c = *state;

	c->front.no_doorbells = true;
	case_run(c, 0);
	assert_int_equal(c->front.bells, 0);
	for (unsigned int i = 0; i < 20; i++) {
		case_post(c, i % 2);
		case_collect(c, i % 2);
	}
}

static void buffers_from_before_DRIVER_OK_are_served(void **state)
{
	struct virtio_case *c = *state;
	struct driver_buf buf = { DRIVER_RAM_GPA + MIB, 8, true };
	struct driver_done done;

	assert_true(front_negotiate(&c->front, 0));
	driver_ring_init(&c->ring[0], &c->ram, 16,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	driver_post(&c->ring[0], &buf, 1);
	front_driver_ok(&c->front);
	while (!driver_collect(&c->ring[0], &done))
		front_wait(&c->front);
	driver_ring_finish(&c->ring[0]);
}

static void T06_doorbells_of_no_queue_are_ignored(void **state)
{
	static const uint32_t values[] = {
		ECHO_QUEUES, 63, 64, 0x7fff, 0x8000, 0xffff, 0x10000,
		0x80000000, UINT32_MAX,
	};
	struct virtio_case *c = *state;
	unsigned int kicks;

	case_run(c, 0);
	front_sync(&c->front);
	kicks = c->echo->kicks;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		front_notify(&c->front, values[i]);
	front_sync(&c->front);
	assert_int_equal(c->echo->kicks, kicks);
	assert_int_equal(front_get(&c->front, VREG_STATUS), RUNNING);
}

static void Q29_kicks_with_nothing_new_do_no_harm(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	for (int i = 0; i < 1000; i++)
		front_notify(&c->front, 1);
	front_sync(&c->front);
	assert_false(front_irq_comes(&c->front));
	case_post(c, 1);
	case_collect(c, 1);
}

static void Q30_no_kick_arrives_unless_the_device_runs(void **state)
{
	struct virtio_case *c = *state;
	struct front *f = &c->front;
	unsigned int kicks;

	front_notify(f, 0);
	assert_true(front_negotiate(f, 0));
	driver_ring_init(&c->ring[0], &c->ram, 16,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(f, 0, &c->ring[0].params));
	driver_ring_finish(&c->ring[0]);
	front_notify(f, 0);
	front_sync(f);
	assert_int_equal(c->echo->kicks, 0);

	case_run(c, 0);
	front_set(f, VREG_STATUS, RUNNING | VIRTIO_S_FAILED);
	kicks = c->echo->kicks;
	front_notify(f, 0);
	front_sync(f);
	assert_int_equal(c->echo->kicks, kicks);

	case_run(c, 0);
	front_sync(f);
	virtio_fail(&c->echo->v, "a test");
	kicks = c->echo->kicks;
	front_notify(f, 0);
	front_kick(f, 0); /* the doorbell is still attached */
	front_sync(f);
	assert_int_equal(c->echo->kicks, kicks);

	front_set(f, VREG_STATUS, 0);
	front_notify(f, 0);
	front_sync(f);
	assert_int_equal(c->echo->kicks, kicks);
}

static void T18_reset_waits_for_requests_in_flight(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	c->echo->hold = true;
	for (int i = 0; i < 5; i++)
		case_post(c, 0);
	case_post(c, 1);
	front_sync(&c->front);
	assert_int_equal(echo_held(c->echo), 6);
	front_set(&c->front, VREG_STATUS, 0);
	assert_int_equal(front_get(&c->front, VREG_STATUS), 0);
	assert_int_equal(echo_held(c->echo), 0);
	assert_int_equal(c->front.bells, 0);
	/* no used ring is written any more */
	memset(driver_ram_at(&c->ram, c->ring[0].params.device, 64), 0x55, 64);
	front_notify(&c->front, 0);
	front_sync(&c->front);
	for (int i = 0; i < 64; i++)
		assert_int_equal(((uint8_t *)driver_ram_at(
			&c->ram, c->ring[0].params.device, 64))[i], 0x55);
	c->echo->hold = false;
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

/* The doorbells of this process, and the loop's own. (The timers of
 * front_sync() are closed some time later, by the loop.) */
static unsigned int count_doorbells(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	unsigned int n = 0;
	char to[64];

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), e->d_name, to,
					 sizeof(to) - 1);

		if (len < 0)
			continue;
		to[len] = 0;
		n += strstr(to, "eventfd") != NULL;
	}
	closedir(dir);
	return n;
}

static void T19_thousands_of_resets_leak_nothing(void **state)
{
	struct virtio_case *c = *state;
	unsigned int fds;

	case_run(c, 0);
	front_set(&c->front, VREG_STATUS, 0);
	front_sync(&c->front);
	fds = count_doorbells();
	assert_in_range(fds, 1, 10);
	for (int i = 0; i < 10000; i++) {
		switch (i % 4) {
		case 0:
			case_run(c, i % 8 ? VIRTIO_F_RING_PACKED : 0);
			case_post(c, 0);
			break;
		case 1:
			front_negotiate(&c->front, 0);
			break;
		case 2:
			front_set(&c->front, VREG_STATUS, 1);
			break;
		default:
			front_set(&c->front, VREG_STATUS, 0);
			break;
		}
		front_set(&c->front, VREG_STATUS, 0);
	}
	front_sync(&c->front);
	assert_int_equal(count_doorbells(), fds);
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

static void T20_P13_other_features_after_a_reset(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | ECHO_F_A);
	for (int i = 0; i < 21; i++) {
		case_post(c, 0);
		case_collect(c, 0);
	}
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
	case_run(c, VIRTIO_F_RING_PACKED);
	case_post(c, 0);
	case_collect(c, 0);
}

static void T21_ring_reset_takes_one_queue_down_and_up(void **state)
{
	struct virtio_case *c = *state;
	struct front *f = &c->front;

	case_run(c, VIRTIO_F_RING_RESET);
	c->echo->hold = true;
	case_post(c, 0);
	case_post(c, 1);
	front_sync(f);
	assert_int_equal(echo_held(c->echo), 2);
	front_set(f, VREG_QUEUE_SEL, 0);
	front_set(f, VREG_QUEUE_RESET, 1);
	assert_int_equal(front_get(f, VREG_QUEUE_RESET), 0);
	assert_int_equal(front_get(f, VREG_QUEUE_ENABLE), 0);
	assert_int_equal(echo_held(c->echo), 1); /* queue 1's */
	assert_int_equal(c->front.bells, 1);
	assert_null(c->echo->v.queue[0].source);
	assert_int_equal(c->echo->v.queue[0].doorbell_fd, -1);
	front_set(f, VREG_QUEUE_RESET, 1); /* twice */
	assert_int_equal(c->echo->queue_stops, 1);
	assert_int_equal(front_get(f, VREG_STATUS), RUNNING);
	front_notify(f, 0);

	/* the other queue does not notice */
	c->echo->hold = false;
	echo_release(c->echo);
	virtio_queue_done(&c->echo->v, 1);
	case_collect(c, 1);
	case_post(c, 1);
	case_collect(c, 1);

	/* and up again, elsewhere */
	driver_ring_finish(&c->ring[0]);
	driver_ring_init(&c->ring[0], &c->ram, 8,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(f, 0, &c->ring[0].params));
	assert_int_equal(c->front.bells, 2);
	for (int i = 0; i < 10; i++) {
		case_post(c, 0);
		case_collect(c, 0);
	}
}

static void T21_bad_parameters_after_a_ring_reset_leave_it_down(void **state)
{
	struct virtio_case *c = *state;
	struct queue_params p = { 16, 0, 0, 0 };

	case_run(c, VIRTIO_F_RING_RESET);
	front_set(&c->front, VREG_QUEUE_SEL, 0);
	front_set(&c->front, VREG_QUEUE_RESET, 1);
	assert_false(front_queue(&c->front, 0, &p));
	front_notify(&c->front, 0);
	case_post(c, 1);
	case_collect(c, 1);
	assert_int_equal(front_get(&c->front, VREG_STATUS), RUNNING);
}

static void Q22_broken_ring_needs_a_reset_and_gets_well(void **state)
{
	struct virtio_case *c = *state;
	unsigned int served;

	case_run(c, 0);
	front_sync(&c->front);
	driver_raw_avail_idx(&c->ring[0], 1000);
	front_kick(&c->front, 0);
	front_wait(&c->front); /* the config interrupt */
	assert_int_equal(front_get(&c->front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	/* not even the other queue is touched */
	served = c->echo->served;
	case_post(c, 1);
	front_notify(&c->front, 1);
	front_sync(&c->front);
	assert_int_equal(c->echo->served, served);
	assert_int_equal(c->lines, 1);
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
	case_post(c, 1);
	case_collect(c, 1);
}

/* Another device on the same loop. */
static void broken_ring_is_its_own_devices_business(void **state)
{
	struct virtio_case *c = *state;
	void *other;
	struct virtio_case *o;

	assert_int_equal(case_setup_plain(&other), 0);
	o = other;
	case_run(o, 0);
	case_run(c, 0);
	driver_raw_avail_idx(&c->ring[0], 1000);
	front_kick(&c->front, 0);
	front_wait(&c->front);
	for (int i = 0; i < 10; i++) {
		case_post(o, 0);
		case_collect(o, 0);
	}
	case_teardown(&other);
}

static void guest_cannot_fill_the_log(void **state)
{
	struct virtio_case *c = *state;

	for (int i = 0; i < 50; i++) {
		case_run(c, 0);
		virtio_fail(&c->echo->v, "a test");
		virtio_fail(&c->echo->v, "a test");
	}
	assert_in_range(c->lines, 1, 20);
}

/* What does not fit in a budget is served all the same. */
static void budget_is_not_a_limit(void **state)
{
	struct virtio_case *c = *state;
	struct driver_buf buf = { DRIVER_RAM_GPA + MIB, 8, true };
	struct driver_done done;

	assert_true(front_negotiate(&c->front, 0));
	driver_ring_init(&c->ring[0], &c->ram, ECHO_QUEUE_SIZE,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	for (unsigned int i = 0; i < ECHO_QUEUE_SIZE; i++)
		assert_true(driver_post(&c->ring[0], &buf, 1) >= 0);
	front_driver_ok(&c->front);
	for (unsigned int i = 0; i < ECHO_QUEUE_SIZE; i++)
		while (!driver_collect(&c->ring[0], &done))
			front_wait(&c->front);
	/* exactly the budget: one more kick looks for the rest */
	front_sync(&c->front);
	assert_true(c->echo->kicks >= 2);
	assert_false(virtio_broken(&c->echo->v));
	driver_ring_finish(&c->ring[0]);
}

static void chain_without_room_is_handed_in_again(void **state)
{
	static const uint64_t features[] = { 0, VIRTIO_F_RING_PACKED };
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		case_run(c, features[i]);
		front_sync(&c->front);
		c->echo->served = 0;
		c->echo->room = 2;
		for (int j = 0; j < 5; j++)
			case_post(c, 0);
		front_sync(&c->front);
		assert_int_equal(c->echo->served, 2);
		c->echo->room = UINT32_MAX;
		front_notify(&c->front, 0);
		for (int j = 0; j < 5; j++)
			case_collect(c, 0);
		assert_int_equal(c->echo->served, 5);
	}
}

static void pause_keeps_what_is_asked_meanwhile(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, VIRTIO_F_RING_RESET);
	front_sync(&c->front);
	c->echo->hold = true;
	case_post(c, 0);
	front_sync(&c->front);
	virtio_pause(&c->echo->v);
	virtio_pause(&c->echo->v);
	assert_int_equal(echo_held(c->echo), 0); /* X02: drained */
	assert_int_equal(c->echo->stops, 1);
	c->echo->hold = false;
	case_post(c, 1);
	front_sync(&c->front);
	assert_int_equal(c->echo->served, 1);
	virtio_resume(&c->echo->v);
	virtio_resume(&c->echo->v);
	assert_int_equal(c->echo->starts, 2);
	case_collect(c, 1);
	case_collect(c, 0);
	/* a queue that is set up while paused */
	virtio_pause(&c->echo->v);
	front_set(&c->front, VREG_QUEUE_SEL, 0);
	front_set(&c->front, VREG_QUEUE_RESET, 1);
	driver_ring_reset(&c->ring[0]);
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	assert_null(c->echo->v.queue[0].source);
	virtio_resume(&c->echo->v);
	case_post(c, 0);
	case_collect(c, 0);
	/* and a reset while paused */
	virtio_pause(&c->echo->v);
	front_set(&c->front, VREG_STATUS, 0);
	virtio_resume(&c->echo->v);
	assert_int_equal(c->echo->starts, c->echo->stops);
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

static void resume_that_fails_needs_a_reset(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	virtio_pause(&c->echo->v);
	c->echo->start_error = -EIO;
	virtio_resume(&c->echo->v);
	assert_int_equal(front_get(&c->front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	c->echo->start_error = 0;
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

static void broken_device_stays_paused(void **state)
{
	struct virtio_case *c = *state;

	case_run(c, 0);
	virtio_fail(&c->echo->v, "a test");
	virtio_pause(&c->echo->v);
	virtio_resume(&c->echo->v);
	assert_int_equal(c->echo->starts, 1);
	assert_int_equal(c->echo->stops, 1);
	case_run(c, 0);
}

/* One vCPU of X10: every register, in an order of its own. */
struct racer {
	struct virtio_case *c;
	unsigned int seed;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct front *f = &r->c->front;
	const struct queue_params p = { 16, DRIVER_RAM_GPA,
					DRIVER_RAM_GPA + 0x1000,
					DRIVER_RAM_GPA + 0x2000 };

	for (int i = 0; i < 2000; i++) {
		switch (rand_r(&r->seed) % 8) {
		case 0:
			front_set(f, VREG_STATUS, 0);
			break;
		case 1:
			front_negotiate(f, VIRTIO_F_RING_RESET);
			break;
		case 2:
			front_queue(f, (unsigned int)rand_r(&r->seed) % 3, &p);
			break;
		case 3:
			front_driver_ok(f);
			break;
		case 4:
			front_set(f, VREG_QUEUE_RESET, 1);
			break;
		case 5:
			front_config_set(f, 0, 4, 1);
			break;
		default:
			front_notify(f, (unsigned int)rand_r(&r->seed) % 3);
			break;
		}
	}
	return NULL;
}

static void X10_vcpus_race_on_the_registers(void **state)
{
	struct virtio_case *c = *state;
	struct racer racers[] = { { c, 1 }, { c, 2 }, { c, 3 } };
	pthread_t threads[ARRAY_SIZE(racers)];

	/* the loop's thread raises configuration changes besides */
	for (size_t i = 0; i < ARRAY_SIZE(racers); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race,
						&racers[i]), 0);
	for (int i = 0; i < 1000; i++)
		virtio_config_changed(&c->echo->v);
	for (size_t i = 0; i < ARRAY_SIZE(racers); i++)
		pthread_join(threads[i], NULL);
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

static void start_without_descriptors_needs_a_reset(void **state)
{
	struct virtio_case *c = *state;
	int fds[4096];
	unsigned int n = 0;

	assert_true(front_negotiate(&c->front, 0));
	driver_ring_init(&c->ring[0], &c->ram, 16,
			 &(struct queue_features){ 0 });
	assert_true(front_queue(&c->front, 0, &c->ring[0].params));
	driver_ring_finish(&c->ring[0]);
	while (n < ARRAY_SIZE(fds) && (fds[n] = dup(0)) >= 0)
		n++;
	front_driver_ok(&c->front);
	while (n)
		close(fds[--n]);
	assert_int_equal(front_get(&c->front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	assert_int_equal(c->echo->starts, 0);
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

#define TWICE(test)                                                        \
	{ #test, test, case_setup_plain, case_teardown, NULL },            \
	{ #test " (mmio)", test, case_setup_mmio, case_teardown, NULL }

int main(void)
{
	const struct rlimit few = { 256, 256 };
	const struct CMUnitTest tests[] = {
		TWICE(requests_come_back),
		TWICE(kicks_as_exits_work_too),
		TWICE(buffers_from_before_DRIVER_OK_are_served),
		TWICE(T06_doorbells_of_no_queue_are_ignored),
		TWICE(Q29_kicks_with_nothing_new_do_no_harm),
		TWICE(Q30_no_kick_arrives_unless_the_device_runs),
		TWICE(T18_reset_waits_for_requests_in_flight),
		TWICE(T19_thousands_of_resets_leak_nothing),
		TWICE(T20_P13_other_features_after_a_reset),
		TWICE(T21_ring_reset_takes_one_queue_down_and_up),
		TWICE(T21_bad_parameters_after_a_ring_reset_leave_it_down),
		TWICE(Q22_broken_ring_needs_a_reset_and_gets_well),
		TWICE(broken_ring_is_its_own_devices_business),
		TWICE(guest_cannot_fill_the_log),
		TWICE(budget_is_not_a_limit),
		TWICE(chain_without_room_is_handed_in_again),
		TWICE(pause_keeps_what_is_asked_meanwhile),
		TWICE(resume_that_fails_needs_a_reset),
		TWICE(broken_device_stays_paused),
		TWICE(X10_vcpus_race_on_the_registers),
		TWICE(start_without_descriptors_needs_a_reset),
	};

	if (setrlimit(RLIMIT_NOFILE, &few) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
