// SPDX-License-Identifier: BSD-3-Clause
/* src/vm.c: every way a VM ends, which reason wins, and starting again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "one_vm.h"

#define PANIC     "[    1.0] Kernel panic - not syncing: no init\n"
#define PANIC_END "[    1.1] ---[ end Kernel panic - not syncing: x ]---\n"

static void assert_end(const struct one_vm *f, enum vireo_reason reason,
		       int exit_code, const char *verdict)
{
	if (f->end.reason != reason)
		fail_msg("it ended with %s: %s", f->end.verdict, f->end.detail);
	assert_int_equal(f->end.exit_code, exit_code);
	assert_string_equal(f->end.verdict, verdict);
}

/* ---- one way each ---- */

static void vm_ends_with_0_at_power_off(void **state)
{
	struct one_vm *f = *state;

	one_vm_power_off(0);
	one_vm_run(f);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
}

static void vm_ends_with_0_at_a_reset(void **state)
{
	struct one_vm *f = *state;

	one_vm_reset(0);
	one_vm_run(f);
	assert_end(f, VIREO_RESET, 0, "reset");
	assert_int_equal(fake_kvm_count(KVM_CREATE_VM), 1);
}

static void vm_ends_with_117_at_a_pvpanic(void **state)
{
	struct one_vm *f = *state;

	fake_out(0, 0x505, 1, 1);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_string_equal(f->end.detail, "reported by pvpanic");
}

static void G01_vm_ends_with_118_at_a_triple_fault(void **state)
{
	struct one_vm *f = *state;

	fake_exit(0, KVM_EXIT_SHUTDOWN);
	one_vm_run(f);
	assert_end(f, VIREO_TRIPLE_FAULT, 118, "triple-fault");
	assert_non_null(strstr(f->end.detail, "cr2"));
}

static void G02_vm_ends_with_119_at_a_kvm_error(void **state)
{
	struct one_vm *f = *state;

	fake_exit(0, KVM_EXIT_INTERNAL_ERROR);
	one_vm_run(f);
	assert_end(f, VIREO_KVM_ERROR, 119, "kvm-error");
}

static void vm_ends_with_120_when_the_host_has_no_memory(void **state)
{
	struct one_vm *f = *state;

	fake_error(0, ENOMEM);
	one_vm_run(f);
	assert_end(f, VIREO_HOST_ERROR, 120, "host-error");
}

static void vm_ends_with_124_at_its_deadline(void **state)
{
	struct one_vm *f = *state;
	uint64_t start = clock_mono_ms();

	f->cfg.timeout_ms = 60;
	one_vm_run(f);
	assert_end(f, VIREO_DEADLINE, 124, "deadline");
	assert_non_null(strstr(f->end.detail, "--timeout"));
	assert_true(clock_mono_ms() - start >= 60);
	assert_true(clock_mono_ms() - start < 5000);
}

static void vm_run_ends_when_the_last_vcpu_has_left(void **state)
{
	struct one_vm *f = *state;
	uint64_t left;

	f->cfg.cpus = 2;
	f->cfg.timeout_ms = 60;
	one_vm_run(f);
	left = max_u64(f->vm->vcpu[0].stats.left_ns,
		       f->vm->vcpu[1].stats.left_ns);
	assert_true(left >= f->vm->started_ns + 60 * VM_NS_PER_MS);
	assert_int_equal(f->vm->ended_ns, left);
}

static void vm_ends_with_124_when_the_console_is_idle(void **state)
{
	struct one_vm *f = *state;

	f->cfg.idle_timeout_ms = 60;
	fake_print(0, "x\n");
	one_vm_run(f);
	assert_end(f, VIREO_DEADLINE, 124, "deadline");
	assert_non_null(strstr(f->end.detail, "--idle-timeout"));
}

static void G07_vm_ends_with_124_when_its_processor_time_is_used_up(
	void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpu_time_ms = 30;
	f->cfg.cpus = 2;
	for (int i = 0; i < 60; i++) /* each burns a millisecond */
		fake_burn(i % 2, 1000000);
	one_vm_run(f);
	assert_end(f, VIREO_DEADLINE, 124, "deadline");
	assert_non_null(strstr(f->end.detail, "--cpu-time"));
	assert_true(f->vm->total.cpu_ns >= 30000000);
}

static void a_guest_that_waits_uses_no_processor_time(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpu_time_ms = 2000;
	f->cfg.timeout_ms = 100;
	one_vm_run(f);
	assert_non_null(strstr(f->end.detail, "--timeout"));
	assert_true(f->vm->total.cpu_ns < 100000000);
}

static void G07_exits_are_slowed_down(void **state)
{
	struct one_vm *f = *state;
	uint64_t start;

	f->cfg.exit_rate = 100; /* 10 at once, then one in 10 ms */
	for (int i = 0; i < 30; i++)
		fake_out(0, 0x80, 1, 0);
	one_vm_power_off(0);
	start = clock_mono_ms();
	one_vm_run(f);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
	assert_true(clock_mono_ms() - start >= 190);
}

static void a_guest_that_is_slowed_down_can_be_stopped(void **state)
{
	struct one_vm *f = *state;
	uint64_t start = clock_mono_ms();

	f->cfg.exit_rate = 1;
	for (int i = 0; i < 60; i++)
		fake_out(0, 0x80, 1, 0);
	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	usleep(50000);
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
	assert_true(clock_mono_ms() - start < 10000);
}

static void vm_debug_exit_ends_with_its_status(void **state)
{
	struct one_vm *f = *state;

	f->cfg.testdev = true;
	fake_out(0, 0xf4, 1, 0x21);
	one_vm_run(f);
	assert_end(f, VIREO_DEBUG_EXIT, 0x43, "debug-exit");
	assert_int_equal(f->end.status, 0x43);
}

static void vm_without_testdev_has_no_debug_exit(void **state)
{
	struct one_vm *f = *state;

	fake_out(0, 0xf4, 1, 0x21);
	one_vm_power_off(0);
	one_vm_run(f);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
}

static void vm_every_reason_has_a_code_and_a_word(void **state)
{
	for (int r = VIREO_POWER_OFF; r <= VIREO_DEBUG_EXIT; r++) {
		const char *word = vm_verdict((enum vireo_reason)r);

		assert_true(strlen(word) < sizeof(((struct vireo_end *)0)
							   ->verdict));
		assert_in_range(vm_exit_code((enum vireo_reason)r, 42), 0, 255);
	}
	assert_int_equal(vm_exit_code(VIREO_DEBUG_EXIT, 42), 42);
	assert_int_equal(vm_exit_code(VIREO_STOPPED, 42), 123);
}

/* ---- which one wins ---- */

static void vm_first_reason_wins(void **state)
{
	struct one_vm *f = *state;

	one_vm_reset(0);
	one_vm_power_off(0);
	fake_exit(0, KVM_EXIT_SHUTDOWN);
	one_vm_run(f);
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	vm_wait(f->vm, 0, &f->end);
	assert_end(f, VIREO_RESET, 0, "reset");
	assert_string_equal(f->end.detail, "");
}

static void vm_first_reason_wins_over_other_vcpus(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	fake_out(1, 0x505, 1, 1);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
}

/* ---- panics ---- */

static void vm_panic_on_the_console_and_then_reset_is_a_panic(void **state)
{
	struct one_vm *f = *state;

	fake_print(0, PANIC);
	one_vm_reset(0);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_string_equal(f->end.detail,
			    "seen on the console: Kernel panic - not syncing: "
			    "no init");
}

static void vm_panic_and_then_triple_fault_is_a_panic(void **state)
{
	struct one_vm *f = *state;

	fake_print(0, PANIC);
	fake_exit(0, KVM_EXIT_SHUTDOWN);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_non_null(strstr(f->end.detail, "seen on the console"));
}

static void vm_panic_does_not_restart(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	fake_print(0, PANIC);
	one_vm_reset(0);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_int_equal(f->vm->restarts, 0);
}

static void vm_panic_that_hangs_ends_at_its_last_line(void **state)
{
	struct one_vm *f = *state;
	uint64_t start = clock_mono_ms();

	fake_print(0, PANIC PANIC_END);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_non_null(strstr(f->end.detail, "no init"));
	assert_true(clock_mono_ms() - start < 1500);
}

static void vm_panic_that_hangs_without_a_last_line_ends_too(void **state)
{
	struct one_vm *f = *state;

	fake_print(0, PANIC);
	one_vm_run(f);
	assert_end(f, VIREO_PANIC, 117, "panic");
}

static void vm_last_line_of_a_panic_alone_means_nothing(void **state)
{
	struct one_vm *f = *state;

	fake_print(0, PANIC_END);
	one_vm_power_off(0);
	one_vm_run(f);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
}

/* ---- starting again ---- */

static void vm_restart_gives_a_fresh_machine(void **state)
{
	struct one_vm *f = *state;
	uint8_t scratch[2] = { 0 };

	f->cfg.restart = true;
	fake_in(0, 0x3ff, 1, &scratch[0]); /* the UART's scratch register */
	fake_out(0, 0x3ff, 1, 0x5a);
	one_vm_reset(0);
	fake.boot = 2;
	fake_in(0, 0x3ff, 1, &scratch[1]);
	one_vm_power_off(0);
	one_vm_run(f);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
	assert_int_equal(f->vm->restarts, 1);
	assert_int_equal(fake_kvm_count(KVM_CREATE_VM), 2);
	assert_int_equal(scratch[1], scratch[0]);
}

static sem_t gate;

static int wait_at_gate(struct kvm_run *run, const struct fake_step *step)
{
	sem_wait(&gate);
	run->exit_reason = KVM_EXIT_INTR;
	return 0;
}

static void vm_restart_is_not_undone_by_what_the_guest_does_next(void **state)
{
	const struct fake_step stop_here = { .play = wait_at_gate };
	struct one_vm *f = *state;
	struct err err;

	/* Linux tries one way to reset after the other until one works. */
	f->cfg.restart = true;
	fake_step(0, &stop_here);
	one_vm_reset(0);
	one_vm_reset(0);
	fake_out(0, 0x60c, 1, 1);
	fake_exit(0, KVM_EXIT_SHUTDOWN);
	fake.boot = 2;
	one_vm_power_off(0);
	sem_init(&gate, 0, 0);
	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	/* The guest does all of it before anybody can stop it. */
	pthread_mutex_lock(&f->vm->board_lock);
	sem_post(&gate);
	while (!atomic_load(&f->vm->vcpu[0].stop))
		usleep(100);
	usleep(10000);
	pthread_mutex_unlock(&f->vm->board_lock);
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_end(f, VIREO_POWER_OFF, 0, "power-off");
	assert_int_equal(f->vm->restarts, 1);
}

static void vm_stop_wins_over_a_restart(void **state)
{
	struct one_vm *f = *state;
	struct err err;

	/* A guest that would reset for ever. */
	f->cfg.restart = true;
	for (unsigned int boot = 1; boot <= 60; boot++) {
		fake.boot = boot;
		one_vm_reset(0);
	}
	one_vm_create(f);
	assert_int_equal(vm_start(f->vm, &err), 0);
	vm_request_end(f->vm, VIREO_STOPPED, 0, "");
	assert_int_equal(vm_wait(f->vm, 10000, &f->end), 0);
	assert_end(f, VIREO_STOPPED, 123, "stopped");
	assert_true(f->vm->restarts < 60);
}

static void G08_thirty_restarts_leave_no_descriptor_behind(void **state)
{
	struct one_vm *f = *state;
	unsigned int before;
	struct err err;

	f->cfg.restart = true;
	for (unsigned int boot = 1; boot <= 30; boot++) {
		fake.boot = boot;
		one_vm_reset(0);
	}
	fake.boot = 31;
	fake_out(0, 0x505, 1, 1);
	one_vm_create(f);
	before = one_vm_open_fds();
	assert_int_equal(vm_start(f->vm, &err), 0);
	assert_int_equal(vm_wait(f->vm, 20000, &f->end), 0);
	assert_end(f, VIREO_PANIC, 117, "panic");
	assert_int_equal(f->vm->restarts, 30);
	assert_int_equal(one_vm_open_fds(), before);
}

static void vm_restart_that_fails_ends_with_120(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	fake.fail_request = KVM_CREATE_VM;
	fake.fail_skip = 1;
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	one_vm_reset(0);
	one_vm_run(f);
	assert_end(f, VIREO_HOST_ERROR, 120, "host-error");
	assert_non_null(strstr(f->end.detail, "KVM cannot create a VM"));
	assert_int_equal(vm_power_button(f->vm), -EAGAIN);
}

static void vm_deadline_counts_on_over_restarts(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	f->cfg.timeout_ms = 150;
	one_vm_reset(0);
	one_vm_run(f); /* the second boot never ends */
	assert_end(f, VIREO_DEADLINE, 124, "deadline");
	assert_int_equal(f->vm->restarts, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(vm_ends_with_0_at_power_off),
		VM_TEST(vm_ends_with_0_at_a_reset),
		VM_TEST(vm_ends_with_117_at_a_pvpanic),
		VM_TEST(G01_vm_ends_with_118_at_a_triple_fault),
		VM_TEST(G02_vm_ends_with_119_at_a_kvm_error),
		VM_TEST(vm_ends_with_120_when_the_host_has_no_memory),
		VM_TEST(vm_ends_with_124_at_its_deadline),
		VM_TEST(vm_run_ends_when_the_last_vcpu_has_left),
		VM_TEST(vm_ends_with_124_when_the_console_is_idle),
		VM_TEST(vm_debug_exit_ends_with_its_status),
		VM_TEST(vm_without_testdev_has_no_debug_exit),
		VM_TEST(vm_every_reason_has_a_code_and_a_word),
		VM_TEST(vm_first_reason_wins),
		VM_TEST(vm_first_reason_wins_over_other_vcpus),
		VM_TEST(vm_panic_on_the_console_and_then_reset_is_a_panic),
		VM_TEST(vm_panic_and_then_triple_fault_is_a_panic),
		VM_TEST(vm_panic_does_not_restart),
		VM_TEST(vm_panic_that_hangs_ends_at_its_last_line),
		VM_TEST(vm_panic_that_hangs_without_a_last_line_ends_too),
		VM_TEST(vm_last_line_of_a_panic_alone_means_nothing),
		VM_TEST(vm_restart_gives_a_fresh_machine),
		VM_TEST(vm_restart_is_not_undone_by_what_the_guest_does_next),
		VM_TEST(vm_stop_wins_over_a_restart),
		VM_TEST(G08_thirty_restarts_leave_no_descriptor_behind),
		VM_TEST(vm_restart_that_fails_ends_with_120),
		VM_TEST(vm_deadline_counts_on_over_restarts),
		VM_TEST(
		G07_vm_ends_with_124_when_its_processor_time_is_used_up),
		VM_TEST(a_guest_that_waits_uses_no_processor_time),
		VM_TEST(G07_exits_are_slowed_down),
		VM_TEST(a_guest_that_is_slowed_down_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
