// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/custom.c: requests that go out to an embedder, and what
 * becomes of them when the device stops while they are out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "devices/virtio/custom.h"
#include "driver_ring.h"
#include "virtio_front.h"

#define QUEUES 2
#define SIZE   64

struct stage {
	struct driver_ram ram;
	struct loop *loop;
	struct virtio *v;
	struct front front;
	struct driver_ring ring[QUEUES];
	bool hold; /* requests are not done at once */
	pthread_mutex_t lock; /* guards what follows */
	unsigned int held;
	struct vireo_request *out[4 * SIZE];
	struct vireo_request *late[5000];
	unsigned int lates;
	unsigned int resets, readies;
	uint64_t features, written;
};

/* Turns the bytes round. */
static void answer(struct vireo_request *rq)
{
	uint8_t bytes[16];
	size_t len = sizeof(bytes);

	if (custom_request_read(rq, 0, bytes, len) == 0) {
		for (size_t i = 0; i < len; i++)
			bytes[i] ^= 0xff;
		custom_request_write(rq, 0, bytes, len);
	}
	custom_request_done(rq, len);
}

static void on_request(void *ctx, struct vireo_request *rq)
{
	struct stage *t = ctx;

	if (!t->hold) {
		answer(rq);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->out[t->held++] = rq;
	pthread_mutex_unlock(&t->lock);
}

static void on_ready(void *ctx, uint64_t features)
{
	struct stage *t = ctx;

	t->readies++;
	t->features = features;
}

static void on_reset(void *ctx)
{
	((struct stage *)ctx)->resets++;
}

static void on_config(void *ctx, uint32_t off, unsigned int len, uint64_t value)
{
	((struct stage *)ctx)->written = off << 16 | len << 8 | value;
}

static void run(struct stage *t, uint64_t features)
{
	assert_true(front_negotiate(&t->front, features));
	for (unsigned int n = 0; n < QUEUES; n++) {
		const struct queue_features f = front_ring_features(&t->front);

		driver_ring_init(&t->ring[n], &t->ram, SIZE, &f);
		assert_true(front_queue(&t->front, n, &t->ring[n].params));
	}
	front_driver_ok(&t->front);
	front_sync(&t->front);
	t->resets = 0; /* a driver begins with one */
}

static int set_up(void **state)
{
	struct stage *t = calloc(1, sizeof(*t));
	const struct custom_virtio_config cfg = {
		.type = 42, .features = 5, .queues = QUEUES,
		.queue_size = SIZE, .space = "configuration", .space_size = 13,
		.ops = { on_config, on_ready, on_request, on_reset, t },
	};
	struct virtio_host host;

	*state = t;
	pthread_mutex_init(&t->lock, NULL);
	driver_ram_init(&t->ram);
	if (loop_create(&t->loop, NULL) < 0)
		return -1;
	host = (struct virtio_host){ "mine", &t->ram.mem, t->loop, NULL };
	if (custom_virtio_create(&t->v, &cfg, &host, NULL) < 0)
		return -1;
	front_init(&t->front, t->v, false);
	return 0;
}

static void end_front(struct stage *t)
{
	if (!t->loop)
		return;
	front_finish(&t->front);
	loop_destroy(t->loop);
	t->loop = NULL;
}

static int tear_down(void **state)
{
	struct stage *t = *state;

	end_front(t);
	for (unsigned int n = 0; n < QUEUES; n++)
		if (t->ring[n].ram)
			driver_ring_finish(&t->ring[n]);
	driver_ram_finish(&t->ram);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return 0;
}

/* 16 bytes of @byte out, as many in; where the answer will be. */
static uint64_t post(struct stage *t, unsigned int n, uint8_t byte)
{
	uint64_t out = driver_ram_alloc(&t->ram, 16, 16);
	uint64_t in = driver_ram_alloc(&t->ram, 16, 16);

	memset(driver_ram_at(&t->ram, out, 16), byte, 16);
	assert_true(driver_post(&t->ring[n],
				(struct driver_buf[]){ { out, 16, false },
						       { in, 16, true } },
				2) >= 0);
	front_kick(&t->front, n);
	return in;
}

static uint32_t collect(struct stage *t, unsigned int n)
{
	struct driver_done done;

	while (!driver_collect(&t->ring[n], &done))
		front_wait(&t->front);
	return done.len;
}

static unsigned int held_now(struct stage *t)
{
	unsigned int held;

	pthread_mutex_lock(&t->lock);
	held = t->held;
	pthread_mutex_unlock(&t->lock);
	return held;
}

static void wait_held(struct stage *t, unsigned int count)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (held_now(t) == count)
			return;
		usleep(10000);
	}
	fail_msg("%u requests are out, not %u", t->held, count);
}

static void check_answer(struct stage *t, uint64_t at, uint8_t byte)
{
	const uint8_t *bytes = driver_ram_at(&t->ram, at, 16);

	for (int i = 0; i < 16; i++)
		assert_int_equal(bytes[i], byte ^ 0xff);
}

static void it_is_what_it_says(void **state)
{
	struct stage *t = *state;

	assert_int_equal(front_get(&t->front, VREG_DEVICE_TYPE), 42);
	assert_int_equal(front_get(&t->front, VREG_QUEUE_SIZE_MAX), SIZE);
	assert_int_equal(front_config(&t->front, 0, 4), 0x666e6f63);
	assert_int_equal(front_config(&t->front, 12, 1), 'n');
	assert_int_equal(front_config(&t->front, 12, 2), 0);
	front_config_set(&t->front, 1, 2, 0x34);
	assert_int_equal(t->written, 1 << 16 | 2 << 8 | 0x34);
	assert_int_equal(front_config(&t->front, 0, 4), 0x666e6f63);
	run(t, 4);
	assert_int_equal(t->readies, 1);
	assert_int_equal(t->features & 0xffffff, 4);
}

static void its_configuration_can_change(void **state)
{
	struct stage *t = *state;
	uint32_t generation;

	run(t, 0);
	generation = front_get(&t->front, VREG_CONFIG_GENERATION);
	assert_int_equal(custom_virtio_set_space(t->v, 9, "xyz", 3), 0);
	assert_int_equal(front_config(&t->front, 9, 1), 'x');
	assert_int_not_equal(front_get(&t->front, VREG_CONFIG_GENERATION),
			     generation);
	assert_int_equal(t->front.config_irqs, 1);
	assert_int_equal(custom_virtio_set_space(t->v, 11, "xyz", 3), -EINVAL);
	assert_int_equal(custom_virtio_set_space(t->v, UINT32_MAX, "x", 1),
			 -EINVAL);
}

static void requests_done_at_once(void **state)
{
	struct stage *t = *state;

	run(t, 0);
	for (uint8_t i = 0; i < 100; i++) {
		uint64_t at = post(t, i % 2, i);

		assert_int_equal(collect(t, i % 2), 16);
		check_answer(t, at, i);
	}
}

static void *answer_all(void *arg)
{
	struct stage *t = arg;

	while (t->held)
		answer(t->out[--t->held]);
	return NULL;
}

/* Its guest RAM may not be mapped there, and a lock be held for ever. */
static void X13_a_request_is_void_in_a_child_of_fork(void **state)
{
	struct stage *t = *state;
	int status = -1;
	uint64_t at;
	pid_t pid;

	run(t, 0);
	t->hold = true;
	at = post(t, 0, 7);
	wait_held(t, 1);
	pid = fork();
	if (pid == 0) {
		uint8_t byte = 0;
		bool void_there =
			custom_request_read(t->out[0], 0, &byte, 1) ==
				-ECANCELED &&
			custom_request_write(t->out[0], 0, &byte, 1) ==
				-ECANCELED;

		custom_request_done(t->out[0], 16);
		_exit(void_there ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	assert_int_equal(status, 0);
	answer(t->out[0]);
	assert_int_equal(collect(t, 0), 16);
	check_answer(t, at, 7);
}

static void requests_done_later_by_another_thread(void **state)
{
	struct stage *t = *state;
	uint64_t at[10];
	pthread_t thread;

	run(t, 0);
	t->hold = true;
	for (uint8_t i = 0; i < 10; i++)
		at[i] = post(t, i % 2, i);
	wait_held(t, 10);
	pthread_create(&thread, NULL, answer_all, t);
	pthread_join(thread, NULL);
	for (uint8_t i = 0; i < 10; i++)
		assert_int_equal(collect(t, i % 2), 16);
	for (uint8_t i = 0; i < 10; i++)
		check_answer(t, at[i], i);
}

static void a_request_knows_its_bounds(void **state)
{
	struct stage *t = *state;
	uint8_t bytes[32];
	struct vireo_request *rq;

	run(t, 0);
	t->hold = true;
	post(t, 1, 7);
	wait_held(t, 1);
	rq = t->out[0];
	assert_int_equal(custom_request_queue(rq), 1);
	assert_int_equal(custom_request_readable(rq), 16);
	assert_int_equal(custom_request_writable(rq), 16);
	assert_int_equal(custom_request_read(rq, 1, bytes, 16), -EINVAL);
	assert_int_equal(custom_request_read(rq, UINT64_MAX, bytes, 2),
			 -EINVAL);
	assert_int_equal(custom_request_write(rq, 16, bytes, 1), -EINVAL);
	custom_request_done(rq, UINT64_MAX); /* no more than there is */
	assert_int_equal(collect(t, 1), 16);
}

static void DR_requests_out_at_a_reset_are_void(void **state)
{
	struct stage *t = *state;
	uint8_t bytes[16];

	run(t, 0);
	t->hold = true;
	post(t, 0, 1);
	post(t, 1, 2);
	wait_held(t, 2);
	front_set(&t->front, VREG_STATUS, 0);
	assert_int_equal(t->resets, 1);
	assert_int_equal(custom_request_read(t->out[0], 0, bytes, 1),
			 -ECANCELED);
	assert_int_equal(custom_request_write(t->out[1], 0, bytes, 1),
			 -ECANCELED);
	custom_request_done(t->out[0], 16);
	for (unsigned int n = 0; n < QUEUES; n++)
		driver_ring_finish(&t->ring[n]);
	t->held = 0;
	t->hold = false;
	run(t, 0);
	post(t, 0, 3);
	assert_int_equal(collect(t, 0), 16);
	assert_int_equal(t->held, 0); /* nothing came again */
	custom_request_done(t->out[1], 16);
}

static void requests_out_at_a_pause_come_again(void **state)
{
	struct stage *t = *state;
	uint64_t at;
	uint8_t byte;

	run(t, 0);
	t->hold = true;
	at = post(t, 0, 9);
	wait_held(t, 1);
	pthread_mutex_lock(&t->front.lock);
	virtio_pause(t->v);
	pthread_mutex_unlock(&t->front.lock);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	pthread_mutex_lock(&t->front.lock);
	virtio_resume(t->v);
	pthread_mutex_unlock(&t->front.lock);
	wait_held(t, 2);
	custom_request_done(t->out[0], 16);
	answer(t->out[1]);
	assert_int_equal(collect(t, 0), 16);
	check_answer(t, at, 9);
	assert_int_equal(t->resets, 0);
}

static void a_queue_that_is_reset_gives_up_only_its_own(void **state)
{
	struct stage *t = *state;
	uint8_t byte;

	run(t, VIRTIO_F_RING_RESET);
	t->hold = true;
	post(t, 0, 1);
	wait_held(t, 1);
	post(t, 1, 2);
	wait_held(t, 2);
	front_set(&t->front, VREG_QUEUE_SEL, 0);
	front_set(&t->front, VREG_QUEUE_RESET, 1);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	assert_int_equal(custom_request_read(t->out[1], 0, &byte, 1), 0);
	custom_request_done(t->out[0], 0);
	answer(t->out[1]);
	assert_int_equal(collect(t, 1), 16);
}

static void a_request_outlives_its_device(void **state)
{
	struct stage *t = *state;
	uint8_t byte;

	run(t, 0);
	t->hold = true;
	post(t, 0, 1);
	post(t, 0, 2);
	wait_held(t, 2);
	end_front(t);
	assert_int_equal(custom_request_read(t->out[0], 0, &byte, 1),
			 -ECANCELED);
	custom_request_done(t->out[0], 1);
	custom_request_done(t->out[1], 1);
}

/* A driver that resets and a holder who is slow: there is a bound. */
static void DR_void_requests_have_a_limit(void **state)
{
	struct stage *t = *state;
	unsigned int refused = 0;

	t->hold = true;
	for (int round = 0; round < 150 && !refused; round++) {
		struct driver_done done;

		driver_ram_clear(&t->ram);
		run(t, 0);
		pthread_mutex_lock(&t->lock);
		t->held = 0;
		pthread_mutex_unlock(&t->lock);
		for (unsigned int i = 0; i < SIZE / 2; i++)
			post(t, 0, 1);
		while (!refused && held_now(t) < SIZE / 2) {
			front_sync(&t->front);
			refused = driver_collect(&t->ring[0], &done);
		}
		front_set(&t->front, VREG_STATUS, 0);
		for (unsigned int i = 0; i < held_now(t); i++)
			t->late[t->lates++] = t->out[i];
		for (unsigned int n = 0; n < QUEUES; n++)
			driver_ring_finish(&t->ring[n]);
	}
	assert_true(refused);
	assert_in_range(t->lates, 4096, 4096 + SIZE);
	while (t->lates)
		custom_request_done(t->late[--t->lates], 0);
	t->hold = false;
	driver_ram_clear(&t->ram);
	run(t, 0);
	post(t, 0, 3);
	assert_int_equal(collect(t, 0), 16);
}

struct racer {
	struct stage *t;
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
			answer(rq);
			r->answered++;
		}
	}
	return NULL;
}

/* Answers against queue resets and pauses: for the sanitizers. */
static void DR_answers_race_with_pauses(void **state)
{
	struct stage *t = *state;
	struct racer r = { .t = t };
	pthread_t thread;
	struct driver_done done;
	unsigned int posted = 0, back = 0;

	run(t, 0);
	t->hold = true;
	pthread_create(&thread, NULL, race, &r);
	for (int i = 0; i < 200; i++) {
		for (int k = 0; k < 4; k++, posted++)
			post(t, 0, (uint8_t)i);
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

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_what_it_says),
		T(its_configuration_can_change),
		T(requests_done_at_once),
		T(X13_a_request_is_void_in_a_child_of_fork),
		T(requests_done_later_by_another_thread),
		T(a_request_knows_its_bounds),
		T(DR_requests_out_at_a_reset_are_void),
		T(requests_out_at_a_pause_come_again),
		T(a_queue_that_is_reset_gives_up_only_its_own),
		T(a_request_outlives_its_device),
		T(DR_void_requests_have_a_limit),
		T(DR_answers_race_with_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
