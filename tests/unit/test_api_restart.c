// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_build.c by the public functions: what others see of a machine that is
 * being made anew, or could not be. Over fake_kvm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "api_case.h"

#define PLACE 0xe0200000u
#define LOOKS 4 /* functions that look at the machine */

struct fixture {
	struct api_case a;
	pthread_mutex_t mine; /* the program's own lock */
	sem_t resets, has;    /* a reset has begun; the lock is taken */
	unsigned int count;   /* of resets; under the lock */
	int code[LOOKS];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	pthread_mutex_init(&f->mine, NULL);
	sem_init(&f->resets, 0, 0);
	sem_init(&f->has, 0, 0);
	return api_case_set_up(&f->a);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	api_case_tear_down(&f->a);
	sem_destroy(&f->has);
	sem_destroy(&f->resets);
	pthread_mutex_destroy(&f->mine);
	free(f);
	return 0;
}

static void look(struct vireo_vm *vm, int code[LOOKS])
{
	uint8_t byte = 0;

	code[0] = vireo_memory_read(vm, 0x9000, &byte, 1);
	code[1] = vireo_memory_write(vm, 0x9000, &byte, 1);
	code[2] = vireo_irq_set(vm, 5, false);
	code[3] = vireo_power_button(vm);
}

static void set(struct fixture *f, void (*reset)(void *ctx))
{
	const struct vireo_device d = {
		.size = sizeof(d), .name = "mine", .base = PLACE,
		.length = 4096, .reset = reset, .ctx = f,
	};

	assert_int_equal(vireo_config_add_device(f->a.cfg, &d, NULL), 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "on-reboot", "restart",
					  NULL), 0);
}

/* The second machine is on its way: somebody else has the lock by then. */
static void on_reset_locked(void *ctx)
{
	struct fixture *f = ctx;

	if (f->a.vm) {
		sem_post(&f->resets);
		sem_wait(&f->has);
	}
	pthread_mutex_lock(&f->mine);
	f->count++;
	pthread_mutex_unlock(&f->mine);
}

static void *look_with_the_lock(void *arg)
{
	struct fixture *f = arg;

	sem_wait(&f->resets);
	pthread_mutex_lock(&f->mine);
	sem_post(&f->has);
	look(f->a.vm, f->code);
	pthread_mutex_unlock(&f->mine);
	return NULL;
}

static void L05_a_lock_that_reset_takes_may_be_held_to_look(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	set(f, on_reset_locked);
	one_vm_reset(0);
	fake.boot = 2;
	one_vm_power_off(0);
	api_case_create(&f->a);
	assert_int_equal(pthread_create(&thread, NULL, look_with_the_lock, f),
			 0);
	assert_int_equal(vireo_start(f->a.vm, NULL), 0);
	assert_int_equal(vireo_wait(f->a.vm, -1, &f->a.end), 0);
	pthread_join(thread, NULL);
	assert_int_equal(f->a.end.reason, VIREO_POWER_OFF);
	assert_int_equal(f->count, 2);
	for (int i = 0; i < LOOKS; i++)
		assert_int_equal(f->code[i], VIREO_ESTATE);
}

static void check_nothing_there(struct fixture *f)
{
	assert_int_equal(f->a.end.reason, VIREO_HOST_ERROR);
	assert_int_not_equal(f->a.end.detail[0], '\0');
	look(f->a.vm, f->code);
	for (int i = 0; i < LOOKS; i++)
		assert_int_equal(f->code[i], VIREO_ESTATE);
	assert_int_equal(vireo_memory_track(f->a.vm), VIREO_ESTATE);
}

/* @request fails when the machine is made for the second time. */
static void restart_without(struct fixture *f, unsigned long request)
{
	set(f, NULL);
	fake.fail_request = request;
	fake.fail_skip = 1;
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	one_vm_reset(0);
	api_case_run(&f->a);
	check_nothing_there(f);
}

static void a_restart_without_a_kvm_leaves_no_machine(void **state)
{
	restart_without(*state, KVM_CREATE_VM);
}

static void a_restart_without_a_vcpu_leaves_no_machine(void **state)
{
	restart_without(*state, KVM_CREATE_VCPU);
}

static void the_machine_stays_after_the_end(void **state)
{
	struct fixture *f = *state;

	set(f, NULL);
	one_vm_power_off(0);
	api_case_run(&f->a);
	look(f->a.vm, f->code);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->code[i], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(L05_a_lock_that_reset_takes_may_be_held_to_look),
		T(a_restart_without_a_kvm_leaves_no_machine),
		T(a_restart_without_a_vcpu_leaves_no_machine),
		T(the_machine_stays_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
