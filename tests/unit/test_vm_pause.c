// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_pause.c and gate.c: a guest that stands still, and what may happen
 * meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "one_vm.h"

static struct vireo_vm *its_vm; /* of the steps below */
static int its_answer;

static unsigned int runs(unsigned int cpu)
{
	return __atomic_load_n(&fake.vcpu[cpu].runs, __ATOMIC_SEQ_CST);
}

static void start(struct one_vm *f)
{
	struct err err = { 0 };

	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
}

/* The guest never waits: it exits again and again. */
static int play_busy(struct kvm_run *run, const struct fake_step *step)
{
	fake.vcpu[step->addr].at--;
	run->exit_reason = KVM_EXIT_INTR;
	return 0;
}

static void busy(unsigned int cpu)
{
	const struct fake_step step = { .play = play_busy, .addr = cpu };

	fake_step(cpu, &step);
}

static void assert_still(unsigned int cpu)
{
	unsigned int before = runs(cpu);

	usleep(20000);
	assert_int_equal(runs(cpu), before);
}

static void C08_pause_is_refused_before_start_and_after_end(void **state)
{
	struct one_vm *f = *state;

	assert_int_equal(vireo_pause(NULL), VIREO_EINVAL);
	assert_int_equal(vireo_resume(NULL), VIREO_EINVAL);
	one_vm_create(f);
	assert_int_equal(vireo_pause(f->vm), VIREO_ESTATE);
	assert_int_equal(vireo_resume(f->vm), VIREO_ESTATE);
	one_vm_power_off(0);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_int_equal(vm_wait(f->vm, 10000, NULL), 0);
	assert_int_equal(vireo_pause(f->vm), VIREO_ESTATE);
	assert_int_equal(vireo_resume(f->vm), VIREO_ESTATE);
}

static void C08_pause_keeps_vcpus_out_however_often(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	busy(0); /* the other one waits, as in HLT */
	start(f);
	for (int i = 0; i < 20; i++) {
		unsigned int before;

		assert_int_equal(vireo_pause(f->vm), 0);
		assert_int_equal(vireo_pause(f->vm), 0);
		assert_still(0);
		before = runs(0);
		assert_int_equal(vireo_resume(f->vm), 0);
		assert_int_equal(vireo_resume(f->vm), 0);
		while (runs(0) == before)
			usleep(100);
	}
	assert_true(fake_kvm_count(KVM_KVMCLOCK_CTRL) >= 20);
}

static void pause_right_after_the_start_is_in_time(void **state)
{
	struct one_vm *f = *state;

	one_vm_power_off(0);
	one_vm_create(f);
	gate_close(&f->vm->gate); /* as if it had come first */
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(runs(0), 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, 10000, NULL), 0);
}

/* On the vCPU's thread: somebody wants it to stand still, right now. */
static int play_in_and_close(struct kvm_run *run, const struct fake_step *step)
{
	its_answer = vireo_pause(its_vm);
	gate_close(&its_vm->gate);
	__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_IN;
	run->io.size = 1;
	run->io.count = 1;
	run->io.port = 0x3fd; /* the serial port: it can send */
	run->io.data_offset = 4096;
	return 0;
}

static void pause_comes_when_an_exit_is_complete(void **state)
{
	uint8_t result = 0;
	struct fake_step step = { .play = play_in_and_close, .size = 1,
				  .count = 1, .result = &result };
	struct one_vm *f = *state;

	fake_step(0, &step);
	one_vm_power_off(0);
	one_vm_create(f);
	its_vm = f->vm;
	assert_int_equal(vm_start(f->vm, NULL), 0);
	while (!atomic_load(&f->vm->gate.closed))
		usleep(100);
	gate_wait_empty(&f->vm->gate);
	assert_int_equal(result & 0x60, 0x60);
	assert_int_equal(its_answer, VIREO_ESTATE);
	gate_open(&f->vm->gate);
	assert_int_equal(vm_wait(f->vm, 10000, NULL), 0);
}

static void pause_of_two_ends_when_both_resume(void **state)
{
	struct one_vm *f = *state;

	busy(0);
	start(f);
	assert_int_equal(vm_pause(f->vm, VM_PAUSED_BY_DEBUGGER), 0);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(vm_resume(f->vm, VM_PAUSED_BY_DEBUGGER), 0);
	assert_still(0);
	assert_int_equal(vm_pause(f->vm, VM_PAUSED_BY_DEBUGGER), 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_still(0);
	assert_int_equal(vm_resume(f->vm, VM_PAUSED_BY_DEBUGGER), 0);
	while (!runs(0))
		usleep(100);
}

/* ---- what ends it ---- */

static void pause_does_not_keep_a_vm_from_being_stopped(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	busy(0);
	start(f);
	assert_int_equal(vireo_pause(f->vm), 0);
	vireo_stop(f->vm);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
	assert_int_equal(vireo_pause(f->vm), VIREO_ESTATE);
}

static void pause_does_not_keep_a_vm_from_being_destroyed(void **state)
{
	struct one_vm *f = *state;
	unsigned int before = one_vm_open_fds();

	f->cfg.cpus = 2;
	busy(1);
	start(f);
	assert_int_equal(vireo_pause(f->vm), 0);
	vireo_destroy(&f->vm);
	assert_int_equal(one_vm_open_fds(), before);
}

static void pause_does_not_stop_the_deadline(void **state)
{
	struct one_vm *f = *state;

	f->cfg.timeout_ms = 60;
	busy(0);
	start(f);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_DEADLINE);
}

static void pause_stays_over_a_reset(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	fake.boot = 2;
	one_vm_power_off(0);
	start(f);
	assert_int_equal(vireo_pause(f->vm), 0);
	vm_request_end(f->vm, VIREO_RESET, 0, "");
	for (bool again = false; !again; usleep(1000)) {
		pthread_mutex_lock(&f->vm->board_lock);
		pthread_mutex_lock(&f->vm->lock);
		again = f->vm->restarts && f->vm->vcpu[0].running;
		pthread_mutex_unlock(&f->vm->lock);
		pthread_mutex_unlock(&f->vm->board_lock);
	}
	assert_still(0);
	assert_int_equal(vm_wait(f->vm, 0, NULL), -ETIMEDOUT);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_POWER_OFF);
}

static void *pause_and_resume(void *arg)
{
	struct vireo_vm *vm = arg;

	while (vireo_pause(vm) == 0 && vireo_resume(vm) == 0)
		;
	return NULL;
}

static void pause_by_many_threads_while_the_guest_resets_itself(void **state)
{
	struct one_vm *f = *state;
	pthread_t thread[4];

	f->cfg.restart = true;
	f->cfg.cpus = 2;
	busy(1);
	start(f);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, pause_and_resume, f->vm);
	for (int i = 0; i < 10; i++) {
		usleep(2000);
		vm_request_end(f->vm, VIREO_RESET, 0, "");
	}
	usleep(5000);
	vireo_stop(f->vm);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(C08_pause_is_refused_before_start_and_after_end),
		VM_TEST(C08_pause_keeps_vcpus_out_however_often),
		VM_TEST(pause_right_after_the_start_is_in_time),
		VM_TEST(pause_comes_when_an_exit_is_complete),
		VM_TEST(pause_of_two_ends_when_both_resume),
		VM_TEST(pause_does_not_keep_a_vm_from_being_stopped),
		VM_TEST(pause_does_not_keep_a_vm_from_being_destroyed),
		VM_TEST(pause_does_not_stop_the_deadline),
		VM_TEST(pause_stays_over_a_reset),
		VM_TEST(pause_by_many_threads_while_the_guest_resets_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
