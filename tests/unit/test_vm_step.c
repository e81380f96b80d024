// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_pause.c, vm_break.c: a vCPU that does one instruction, whatever is
 * there, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "debug_case.h"

static void step_runs_one_vcpu_alone(void **state)
{
	struct one_vm *f = *state;
	struct vireo_hit hit;

	f->cfg.cpus = 2;
	debug_start(f);
	*debug_ram(f, PLACE) = 0x90;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, PLACE,
					 1), 0);
	fake.vcpu[1].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_SINGLESTEP);
	assert_false(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_HW_BP);
	assert_int_equal(*debug_ram(f, PLACE), 0x90);
	usleep(10000);
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	assert_int_equal(vireo_pause(f->vm), 0); /* HLT: it does not end */
	assert_int_equal(*debug_ram(f, PLACE), 0x90);
	debug_exit(1, 1, PLACE + 1, 1u << 14);
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	hit = debug_wait_hit(f);
	assert_true(hit.stepped);
	assert_int_equal(hit.cpu, 1);
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	assert_int_equal(*debug_ram(f, PLACE), ARCH_BREAK_INSN);
	assert_false(fake.vcpu[1].debug.control & KVM_GUESTDBG_SINGLESTEP);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_HW_BP);
}

static void step_that_is_given_up_leaves_nothing(void **state)
{
	struct one_vm *f = *state;

	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_int_equal(vireo_resume(f->vm), 0); /* in the middle of it */
	while (!__atomic_load_n(&fake.vcpu[0].runs, __ATOMIC_SEQ_CST))
		usleep(100);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(*debug_ram(f, PLACE), ARCH_BREAK_INSN);
	assert_false(fake.vcpu[0].debug.control & KVM_GUESTDBG_SINGLESTEP);
}

static void step_of_an_access_ends_behind_it(void **state)
{
	struct one_vm *f = *state;
	uint8_t result = 0;

	fake_in(0, 0x3fd, 1, &result);
	one_vm_power_off(0); /* the next one */
	debug_start(f);
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(debug_wait_hit(f).stepped);
	assert_int_equal(result & 0x60, 0x60);
	assert_int_equal(fake.vcpu[0].at, 1);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, NULL), 0);
}

/* As in a kernel's inb(): the breakpoint is at the instruction itself. */
static void step_over_a_breakpoint_at_a_read_of_a_port(void **state)
{
	struct one_vm *f = *state;
	uint8_t result = 0;

	fake_in(0, 0x3fd, 1, &result);
	debug_start(f);
	f->vm->debug.breaks.insn = 0xec; /* so is what stands in for int3 */
	*debug_ram(f, PLACE) = 0xec;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(debug_wait_hit(f).stepped);
	assert_int_equal(result & 0x60, 0x60); /* by the device, once */
	assert_int_equal(fake.vcpu[0].at, 1);
}

static void read_of_a_port_is_no_hit_where_int3_works(void **state)
{
	struct one_vm *f = *state;
	uint8_t result = 0;

	fake_in(0, 0x3fd, 1, &result);
	one_vm_power_off(0);
	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE; /* it has written there, meanwhile */
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_POWER_OFF);
	assert_int_equal(result & 0x60, 0x60);
}

static void step_over_a_breakpoint_at_int3_of_the_guest(void **state)
{
	struct one_vm *f = *state;

	debug_exit(0, 3, PLACE, 0);
	debug_exit(0, 1, 0x8000, 1u << 14); /* in its handler */
	debug_start(f);
	*debug_ram(f, PLACE) = ARCH_BREAK_INSN;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(debug_wait_hit(f).stepped);
	assert_int_equal(fake.vcpu[0].injected, 1);
	assert_int_equal(fake.vcpu[0].at, 2);
}

static void step_over_a_breakpoint_at_what_kvm_does_not_know(void **state)
{
	struct one_vm *f = *state;

	debug_failure(0);
	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_KVM_ERROR);
}

static void step_may_let_the_others_run(void **state)
{
	struct one_vm *f = *state;
	struct vm_hit hit;

	f->cfg.cpus = 2;
	debug_exit(0, 1, 0, 1u << 14);
	debug_start(f);
	assert_int_equal(vm_debug_enter(f->vm, 0, true), 0);
	assert_int_equal(vm_debug_step(f->vm, 0, true), 0);
	vm_debug_leave(f->vm);
	assert_int_equal(vm_hit_wait(f->vm, WAIT, &hit), 0);
	assert_true(hit.stepped);
	assert_true(gate_is_empty(&f->vm->gate));
}

static void step_that_a_reset_ends_is_told(struct one_vm *f, bool others,
					   unsigned int by)
{
	struct vm_hit hit;

	f->cfg.cpus = 2;
	f->cfg.restart = true;
	one_vm_reset(by); /* the other one stays in its step, as in HLT */
	debug_start(f);
	assert_int_equal(vm_debug_enter(f->vm, 0, true), 0);
	assert_int_equal(vm_debug_step(f->vm, 0, others), 0);
	vm_debug_leave(f->vm);
	assert_int_equal(vm_hit_wait(f->vm, WAIT, &hit), 0);
	assert_int_equal(hit.cpu, 0);
	assert_true(hit.stepped);
	assert_true(gate_is_empty(&f->vm->gate));
	assert_int_equal(vm_hit_wait(f->vm, 0, &hit), -ETIMEDOUT);
}

static void step_beside_a_reset_is_told(void **state)
{
	step_that_a_reset_ends_is_told(*state, true, 1);
}

/* Done, or lost: one of both is told. */
static void step_of_a_reset_is_told(void **state)
{
	step_that_a_reset_ends_is_told(*state, true, 0);
}

static void step_of_a_reset_alone_is_told(void **state)
{
	step_that_a_reset_ends_is_told(*state, false, 0);
}

/* One vCPU after the other does a step; nobody has asked in between. */
static void step_is_told_before_the_next_one(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 2;
	debug_exit(0, 1, 0, 1u << 14);
	debug_exit(1, 1, 0, 1u << 14);
	debug_start(f);
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	while (!debug_has_hit(f) || !gate_is_empty(&f->vm->gate))
		usleep(100);
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	assert_int_equal(debug_wait_hit(f).cpu, 0);
	assert_int_equal(fake.vcpu[1].runs, 0);
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	while (!debug_has_hit(f) || !gate_is_empty(&f->vm->gate))
		usleep(100);
	assert_int_equal(vireo_resume(f->vm), 0); /* but forgotten by this */
	assert_false(gate_is_empty(&f->vm->gate));
	assert_false(debug_has_hit(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(step_runs_one_vcpu_alone),
		VM_TEST(step_that_is_given_up_leaves_nothing),
		VM_TEST(step_of_an_access_ends_behind_it),
		VM_TEST(step_over_a_breakpoint_at_a_read_of_a_port),
		VM_TEST(read_of_a_port_is_no_hit_where_int3_works),
		VM_TEST(step_over_a_breakpoint_at_int3_of_the_guest),
		VM_TEST(step_over_a_breakpoint_at_what_kvm_does_not_know),
		VM_TEST(step_may_let_the_others_run),
		VM_TEST(step_beside_a_reset_is_told),
		VM_TEST(step_of_a_reset_is_told),
		VM_TEST(step_of_a_reset_alone_is_told),
		VM_TEST(step_is_told_before_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
