// SPDX-License-Identifier: BSD-3-Clause
/* src/vm.c and src/api.c when calls come from several threads at once, and
 * when the host refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "one_vm.h"

#define MOMENT_US 50000

static enum vm_state state_of(struct vireo_vm *vm)
{
	enum vm_state state;

	pthread_mutex_lock(&vm->lock);
	state = vm->state;
	pthread_mutex_unlock(&vm->lock);
	return state;
}

static void *start_it(void *arg)
{
	struct vireo_vm *vm = arg;
	struct err err;

	assert_int_equal(vm_start(vm, &err), 0);
	return NULL;
}

/* Whoever finds it running finds its threads: a stop that came before them
 * would end the VM, and they would go on without it. */
static void vm_is_running_only_when_its_threads_are_there(void **state)
{
	struct one_vm *f = *state;
	enum vm_state before;
	pthread_t thread;

	one_vm_create(f);
	pthread_mutex_lock(&f->vm->board_lock); /* no thread can start now */
	pthread_create(&thread, NULL, start_it, f->vm);
	usleep(MOMENT_US);
	before = state_of(f->vm);
	pthread_mutex_unlock(&f->vm->board_lock);
	pthread_join(thread, NULL);
	assert_int_equal(before, VM_BUILT);
	assert_int_equal(state_of(f->vm), VM_RUNNING);
	assert_true(f->vm->vcpu[0].running);
}

static void *stop_it(void *arg)
{
	struct vireo_vm *vm = arg;

	while (state_of(vm) == VM_BUILT)
		;
	vireo_stop(vm);
	return NULL;
}

static void vm_start_and_stop_at_once_leave_no_thread(void **state)
{
	struct one_vm *f = *state;

	for (int i = 0; i < 100; i++) {
		pthread_t starter;
		pthread_t stopper;

		one_vm_create(f);
		pthread_create(&stopper, NULL, stop_it, f->vm);
		pthread_create(&starter, NULL, start_it, f->vm);
		pthread_join(stopper, NULL);
		pthread_join(starter, NULL);
		assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
		assert_int_equal(f->end.reason, VIREO_STOPPED);
		assert_false(f->vm->vcpu[0].running);
		vireo_destroy(&f->vm);
	}
}

static void vm_start_after_a_stop_says_that_it_was_stopped(void **state)
{
	struct one_vm *f = *state;
	struct err err = { 0 };

	one_vm_create(f);
	vireo_stop(f->vm);
	assert_true(vm_start(f->vm, &err) < 0);
	assert_non_null(strstr(err.text, "stopped"));
}

/* A writer of console output holds the console's lock when it takes the VM's
 * to report a panic: figures are not told the other way round. */
static void look_at_lock(void *ctx, const struct vireo_stat *stat)
{
	struct vireo_vm *vm = ctx;

	assert_int_equal(pthread_mutex_trylock(&vm->lock), 0);
	pthread_mutex_unlock(&vm->lock);
}

static void vireo_stats_tells_its_figures_without_the_vms_lock(void **state)
{
	struct one_vm *f = *state;

	one_vm_power_off(0);
	one_vm_run(f);
	vireo_stats(f->vm, look_at_lock, f->vm);
}

/* ---- what the public functions make of it ---- */

static int create(struct one_vm *f, struct vireo_error *why)
{
	struct vireo_config *cfg;
	char kernel[128];
	int r;

	snprintf(kernel, sizeof(kernel), "%s,format=flat", f->kernel);
	assert_int_equal(vireo_config_create(&cfg), 0);
	assert_int_equal(vireo_config_set(cfg, "kernel", kernel, why), 0);
	assert_int_equal(vireo_config_set(cfg, "memory", "1M", why), 0);
	assert_int_equal(vireo_config_set_fd(cfg, "kvm", f->fds.kvm, why), 0);
	r = vireo_create(&f->vm, cfg, why);
	vireo_config_destroy(&cfg);
	return r;
}

/* EBUSY, EINVAL and ETIMEDOUT mean other things elsewhere. */
static void R03_refusals_of_kvm_are_the_hosts(void **state)
{
	static const int errors[] = { EBUSY, EINVAL, ETIMEDOUT, ENOMEM };
	struct one_vm *f = *state;
	struct vireo_error why;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fake.fail_request = KVM_CREATE_VCPU;
		fake.fail_times = 1;
		fake.fail_error = errors[i];
		assert_int_equal(create(f, &why), VIREO_EHOST);
		assert_int_equal(why.code, VIREO_EHOST);
		assert_null(f->vm);
	}
}

static bool has_dev_kvm(void)
{
	bool found = false;

	for (int fd = 0; fd < 64; fd++) {
		char path[32];
		char to[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, to, sizeof(to) - 1) > 0)
			found = found || !strcmp(to, "/dev/kvm");
	}
	return found;
}

static void look_for_dev_kvm(void *ctx, const struct vireo_check_row *row)
{
	unsigned int *rows = ctx;

	assert_false(has_dev_kvm());
	*rows += !strcmp(row->group, "kvm");
}

static void C10_check_uses_the_descriptor_it_is_given(void **state)
{
	struct one_vm *f = *state;
	struct vireo_config *cfg;
	struct vireo_error why;
	unsigned int rows = 0;

	fake.fail_request = KVM_CREATE_VM; /* no probe guests here */
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	assert_int_equal(vireo_config_create(&cfg), 0);
	assert_int_equal(vireo_config_set_fd(cfg, "kvm", f->fds.kvm, &why), 0);
	assert_int_equal(vireo_check(cfg, look_for_dev_kvm, &rows),
			 VIREO_EHOST);
	assert_true(rows > 10);
	assert_int_equal(vireo_check(cfg, NULL, NULL), VIREO_EINVAL);
	vireo_config_destroy(&cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(vm_is_running_only_when_its_threads_are_there),
		VM_TEST(vm_start_and_stop_at_once_leave_no_thread),
		VM_TEST(vm_start_after_a_stop_says_that_it_was_stopped),
		VM_TEST(vireo_stats_tells_its_figures_without_the_vms_lock),
		VM_TEST(R03_refusals_of_kvm_are_the_hosts),
		VM_TEST(C10_check_uses_the_descriptor_it_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
