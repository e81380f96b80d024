// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/custom.c: what becomes of requests that are out when their
 * device stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "custom_case.h"

static void DR_requests_out_at_a_reset_are_void(void **state)
{
	struct custom_case *t = *state;
	uint8_t bytes[16];

	custom_run(t, 0);
	t->hold = true;
	custom_post(t, 0, 1);
	custom_post(t, 1, 2);
	custom_wait_held(t, 2);
	front_set(&t->front, VREG_STATUS, 0);
	assert_int_equal(t->resets, 1);
	assert_int_equal(custom_request_read(t->out[0], 0, bytes, 1),
			 -ECANCELED);
	assert_int_equal(custom_request_write(t->out[1], 0, bytes, 1),
			 -ECANCELED);
	custom_request_done(t->out[0], 16);
	for (unsigned int n = 0; n < CUSTOM_QUEUES; n++)
		driver_ring_finish(&t->ring[n]);
	t->held = 0;
	t->hold = false;
	custom_run(t, 0);
	custom_post(t, 0, 3);
	assert_int_equal(custom_collect(t, 0), 16);
	assert_int_equal(t->held, 0); /* nothing came again */
	custom_request_done(t->out[1], 16);
}

static void requests_out_at_a_pause_come_again(void **state)
{
	struct custom_case *t = *state;
	uint64_t at;
	uint8_t byte;

	custom_run(t, 0);
	t->hold = true;
	at = custom_post(t, 0, 9);
	custom_wait_held(t, 1);
	custom_pause(t, true);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	custom_pause(t, false);
	custom_wait_held(t, 2);
	custom_request_done(t->out[0], 16);
	custom_answer(t->out[1]);
	assert_int_equal(custom_collect(t, 0), 16);
	custom_check(t, at, 9);
	assert_int_equal(t->resets, 0);
}

static void a_queue_that_is_reset_gives_up_only_its_own(void **state)
{
	struct custom_case *t = *state;
	uint8_t byte;

	custom_run(t, VIRTIO_F_RING_RESET);
	t->hold = true;
	custom_post(t, 0, 1);
	custom_wait_held(t, 1);
	custom_post(t, 1, 2);
	custom_wait_held(t, 2);
	front_set(&t->front, VREG_QUEUE_SEL, 0);
	front_set(&t->front, VREG_QUEUE_RESET, 1);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	assert_int_equal(custom_request_read(t->out[1], 0, &byte, 1), 0);
	custom_request_done(t->out[0], 0);
	custom_answer(t->out[1]);
	assert_int_equal(custom_collect(t, 1), 16);
}

/* What came by the old ring must not go back to the new one. */
static void a_queue_that_is_reset_in_a_pause_is_new_after_it(void **state)
{
	struct custom_case *t = *state;
	const struct queue_features f = { 0 };

	custom_run(t, VIRTIO_F_RING_RESET);
	t->hold = true;
	custom_post(t, 0, 1);
	custom_post(t, 1, 2);
	custom_wait_held(t, 2);
	custom_pause(t, true);
	front_set(&t->front, VREG_QUEUE_SEL, 0);
	front_set(&t->front, VREG_QUEUE_RESET, 1);
	driver_ring_finish(&t->ring[0]);
	driver_ring_init(&t->ring[0], &t->ram, CUSTOM_SIZE, &f);
	assert_true(front_queue(&t->front, 0, &t->ring[0].params));
	custom_pause(t, false);
	custom_wait_held(t, 3); /* the other queue's has come again */
	front_sync(&t->front);
	assert_int_equal(custom_held(t), 3);
	assert_int_equal(custom_request_queue(t->out[2]), 1);
	for (unsigned int i = 0; i < 3; i++)
		custom_answer(t->out[i]);
	assert_int_equal(custom_collect(t, 1), 16);
	t->hold = false;
	custom_post(t, 0, 3);
	assert_int_equal(custom_collect(t, 0), 16);
}

static void a_request_outlives_its_device(void **state)
{
	struct custom_case *t = *state;
	uint8_t byte;

	custom_run(t, 0);
	t->hold = true;
	custom_post(t, 0, 1);
	custom_post(t, 0, 2);
	custom_wait_held(t, 2);
	custom_end(t);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	custom_request_done(t->out[0], 1);
	custom_request_done(t->out[1], 1);
}

static void reset_status(struct custom_case *t)
{
	front_set(&t->front, VREG_STATUS, 0);
}

/* A driver that resets and a holder who is slow: there is a bound. */
static void reset_until_refused(struct custom_case *t,
				void (*reset)(struct custom_case *t))
{
	unsigned int refused = 0;

	t->hold = true;
	for (int round = 0; round < 150 && !refused; round++) {
		struct driver_done done;

		driver_ram_clear(&t->ram);
		custom_run(t, 0);
		pthread_mutex_lock(&t->lock);
		t->held = 0;
		pthread_mutex_unlock(&t->lock);
		for (unsigned int i = 0; i < CUSTOM_SIZE / 2; i++)
			custom_post(t, 0, 1);
		while (!refused && custom_held(t) < CUSTOM_SIZE / 2) {
			front_sync(&t->front);
			refused = driver_collect(&t->ring[0], &done);
		}
		reset(t);
		for (unsigned int i = 0; i < custom_held(t); i++)
			t->late[t->lates++] = t->out[i];
		for (unsigned int n = 0; n < CUSTOM_QUEUES; n++)
			driver_ring_finish(&t->ring[n]);
	}
	assert_true(refused);
	assert_in_range(t->lates, 4096, 4096 + CUSTOM_SIZE);
	while (t->lates)
		custom_request_done(t->late[--t->lates], 0);
	t->hold = false;
	driver_ram_clear(&t->ram);
	custom_run(t, 0);
	custom_post(t, 0, 3);
	assert_int_equal(custom_collect(t, 0), 16);
}

static void DR_void_requests_have_a_limit(void **state)
{
	reset_until_refused(*state, reset_status);
}

static void DR_void_requests_have_a_limit_over_reboots(void **state)
{
	reset_until_refused(*state, custom_replace);
}

struct racer {
	struct custom_case *t;
	atomic_bool stop;
	unsigned int answered;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	while (!atomic_load(&r->stop)) {
		struct vireo_request *rq = NULL;

		pthread_mutex_lock(&r->t->lock);
		if (r->t->held)
			rq = r->t->out[--r->t->held];
		pthread_mutex_unlock(&r->t->lock);
		if (rq) {
			custom_answer(rq);
			r->answered++;
		}
	}
	return NULL;
}

/* Answers against queue resets and pauses: for the sanitizers. */
static void DR_answers_race_with_pauses(void **state)
{
	struct custom_case *t = *state;
	struct racer r = { .t = t };
	pthread_t thread;
	struct driver_done done;
	unsigned int posted = 0, back = 0;

	custom_run(t, 0);
	t->hold = true;
	pthread_create(&thread, NULL, race, &r);
	for (int i = 0; i < 200; i++) {
		for (int k = 0; k < 4; k++, posted++)
			custom_post(t, 0, (uint8_t)i);
		pthread_mutex_lock(&t->front.lock);
		virtio_pause(t->v);
		virtio_resume(t->v);
		pthread_mutex_unlock(&t->front.lock);
		while (back < posted)
			if (driver_collect(&t->ring[0], &done))
				back++;
			else
				front_wait(&t->front);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_true(r.answered >= posted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUSTOM_TEST(DR_requests_out_at_a_reset_are_void),
		CUSTOM_TEST(requests_out_at_a_pause_come_again),
		CUSTOM_TEST(a_queue_that_is_reset_gives_up_only_its_own),
		CUSTOM_TEST(a_queue_that_is_reset_in_a_pause_is_new_after_it),
		CUSTOM_TEST(a_request_outlives_its_device),
		CUSTOM_TEST(DR_void_requests_have_a_limit),
		CUSTOM_TEST(DR_void_requests_have_a_limit_over_reboots),
		CUSTOM_TEST(DR_answers_race_with_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
