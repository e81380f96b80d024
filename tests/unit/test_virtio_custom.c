// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/custom.c: what an embedder's device is, and requests that
 * go out to him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custom_case.h"

static void it_is_what_it_says(void **state)
{
	struct custom_case *t = *state;

	assert_int_equal(front_get(&t->front, VREG_DEVICE_TYPE), 42);
	assert_int_equal(front_get(&t->front, VREG_QUEUE_SIZE_MAX),
			 CUSTOM_SIZE);
	assert_int_equal(front_config(&t->front, 0, 4), 0x666e6f63);
	assert_int_equal(front_config(&t->front, 12, 1), 'n');
	assert_int_equal(front_config(&t->front, 12, 2), 0);
	front_config_set(&t->front, 1, 2, 0x34);
	assert_int_equal(t->written, 1 << 16 | 2 << 8 | 0x34);
	assert_int_equal(front_config(&t->front, 0, 4), 0x666e6f63);
	custom_run(t, 4);
	assert_int_equal(t->readies, 1);
	assert_int_equal(t->features & 0xffffff, 4);
}

static void its_configuration_can_change(void **state)
{
	struct custom_case *t = *state;
	uint32_t generation;

	custom_run(t, 0);
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

static void its_configuration_outlives_its_machine(void **state)
{
	struct custom_case *t = *state;

	custom_run(t, 0);
	assert_int_equal(custom_virtio_set_space(t->v, 0, "C", 1), 0);
	custom_replace(t);
	assert_int_equal(front_config(&t->front, 0, 2), 'C' | 'o' << 8);
	front_set(&t->front, VREG_STATUS, 0);
	assert_int_equal(custom_desk_set_space(t->desk, 1, "O", 1), 0);
	assert_int_equal(front_config(&t->front, 0, 2), 'C' | 'O' << 8);
	assert_int_equal(custom_desk_set_space(t->desk, 13, "", 1), -EINVAL);
}

static void requests_done_at_once(void **state)
{
	struct custom_case *t = *state;

	custom_run(t, 0);
	for (uint8_t i = 0; i < 100; i++) {
		uint64_t at = custom_post(t, i % 2, i);

		assert_int_equal(custom_collect(t, i % 2), 16);
		custom_check(t, at, i);
	}
}

static void *answer_all(void *arg)
{
	struct custom_case *t = arg;

	while (t->held)
		custom_answer(t->out[--t->held]);
	return NULL;
}

/* Its guest RAM may not be mapped there, and a lock be held for ever. */
static void X13_a_request_is_void_in_a_child_of_fork(void **state)
{
	struct custom_case *t = *state;
	int status = -1;
	uint64_t at;
	pid_t pid;

	custom_run(t, 0);
	t->hold = true;
	at = custom_post(t, 0, 7);
	custom_wait_held(t, 1);
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
	custom_answer(t->out[0]);
	assert_int_equal(custom_collect(t, 0), 16);
	custom_check(t, at, 7);
}

static void requests_done_later_by_another_thread(void **state)
{
	struct custom_case *t = *state;
	uint64_t at[10];
	pthread_t thread;

	custom_run(t, 0);
	t->hold = true;
	for (uint8_t i = 0; i < 10; i++)
		at[i] = custom_post(t, i % 2, i);
	custom_wait_held(t, 10);
	pthread_create(&thread, NULL, answer_all, t);
	pthread_join(thread, NULL);
	for (uint8_t i = 0; i < 10; i++)
		assert_int_equal(custom_collect(t, i % 2), 16);
	for (uint8_t i = 0; i < 10; i++)
		custom_check(t, at[i], i);
}

static void a_request_knows_its_bounds(void **state)
{
	struct custom_case *t = *state;
	uint8_t bytes[32];
	struct vireo_request *rq;

	custom_run(t, 0);
	t->hold = true;
	custom_post(t, 1, 7);
	custom_wait_held(t, 1);
	rq = t->out[0];
	assert_int_equal(custom_request_queue(rq), 1);
	assert_int_equal(custom_request_readable(rq), 16);
	assert_int_equal(custom_request_writable(rq), 16);
	assert_int_equal(custom_request_read(rq, 1, bytes, 16), -EINVAL);
	assert_int_equal(custom_request_read(rq, UINT64_MAX, bytes, 2),
			 -EINVAL);
	assert_int_equal(custom_request_write(rq, 16, bytes, 1), -EINVAL);
	custom_request_done(rq, UINT64_MAX); /* no more than there is */
	assert_int_equal(custom_collect(t, 1), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUSTOM_TEST(it_is_what_it_says),
		CUSTOM_TEST(its_configuration_can_change),
		CUSTOM_TEST(its_configuration_outlives_its_machine),
		CUSTOM_TEST(requests_done_at_once),
		CUSTOM_TEST(X13_a_request_is_void_in_a_child_of_fork),
		CUSTOM_TEST(requests_done_later_by_another_thread),
		CUSTOM_TEST(a_request_knows_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
