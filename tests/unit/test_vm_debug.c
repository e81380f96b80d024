// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_debug.c and api_debug.c: registers of a guest that stands still,
 * breakpoints, and who is told what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "debug_case.h"

/* ---- registers ---- */

static void registers_are_those_of_kvm(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct vireo_fpu fpu = { .size = sizeof(fpu) };
	struct one_vm *f = *state;
	uint64_t msr;

	debug_start(f);
	fake.vcpu[0].regs.rip = 0x1234;
	fake.vcpu[0].sregs.cs.l = 1;
	fake.vcpu[0].sregs.cs.present = 1;
	fake.vcpu[0].sregs.cs.type = 11;
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), 0);
	assert_int_equal(regs.rip, 0x1234);
	assert_int_equal(regs.cs.access, 0x208b);
	regs.r15 = 15;
	regs.cr3 = 0x5000;
	regs.fs.base = 77;
	regs.fs.access = 0xc093;
	assert_int_equal(vireo_vcpu_set_regs(f->vm, 0, &regs), 0);
	assert_int_equal(fake.vcpu[0].regs.r15, 15);
	assert_int_equal(fake.vcpu[0].sregs.cr3, 0x5000);
	assert_int_equal(fake.vcpu[0].sregs.fs.base, 77);
	assert_int_equal(fake.vcpu[0].sregs.fs.g, 1);
	assert_int_equal(fake.vcpu[0].sregs.cs.l, 1);
	assert_int_equal(vireo_vcpu_get_fpu(f->vm, 0, &fpu), 0);
	fpu.xmm[15][0] = 9;
	fpu.mxcsr = 0x1f80;
	assert_int_equal(vireo_vcpu_set_fpu(f->vm, 0, &fpu), 0);
	assert_int_equal(fake.vcpu[0].fpu.xmm[15][0], 9);
	assert_int_equal(vireo_vcpu_get_msr(f->vm, 0, 0x10, &msr), 0);
	assert_int_equal(msr, 0x20);
	assert_int_equal(vireo_vcpu_get_msr(f->vm, 0, UINT32_MAX, &msr),
			 VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_msr(f->vm, 0, 0x10, 1), 0);
}

static void general_registers_alone_do_not_set_the_others(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct one_vm *f = *state;
	unsigned int before;

	debug_start(f);
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), 0);
	before = fake_kvm_count(KVM_SET_SREGS);
	regs.rax++;
	assert_int_equal(vireo_vcpu_set_regs(f->vm, 0, &regs), 0);
	assert_int_equal(fake_kvm_count(KVM_SET_SREGS), before);
}

static void assert_all(struct one_vm *f, unsigned int cpu, int read, int write)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct vireo_fpu fpu = { .size = sizeof(fpu) };
	uint64_t v;

	assert_int_equal(vireo_vcpu_get_regs(f->vm, cpu, &regs), read);
	assert_int_equal(vireo_vcpu_get_fpu(f->vm, cpu, &fpu), read);
	assert_int_equal(vireo_vcpu_get_msr(f->vm, cpu, 1, &v), read);
	assert_int_equal(vireo_vcpu_translate(f->vm, cpu, 1, &v, NULL), read);
	assert_int_equal(vireo_vcpu_set_regs(f->vm, cpu, &regs), write);
	assert_int_equal(vireo_vcpu_set_fpu(f->vm, cpu, &fpu), write);
	assert_int_equal(vireo_vcpu_set_msr(f->vm, cpu, 1, 1), write);
	assert_int_equal(vireo_vcpu_step(f->vm, cpu), write);
	assert_int_equal(vireo_break_add(f->vm, cpu, VIREO_BREAK_HARDWARE, 1,
					 1), write);
}

static void C08_registers_want_a_vm_that_stands_still(void **state)
{
	struct vireo_hit hit = { .size = sizeof(hit) };
	struct one_vm *f = *state;

	one_vm_create(f);
	assert_all(f, 0, VIREO_ESTATE, VIREO_ESTATE);
	assert_int_equal(vireo_hit_wait(f->vm, 0, &hit), VIREO_ESTATE);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_all(f, 0, VIREO_ESTATE, VIREO_ESTATE);
	assert_int_equal(vireo_hit_wait(f->vm, 0, &hit), VIREO_ETIME);
	assert_int_equal(vireo_hit_wait(f->vm, 20, &hit), VIREO_ETIME);
	vireo_stop(f->vm);
	assert_int_equal(vm_wait(f->vm, WAIT, NULL), 0);
	assert_all(f, 0, 0, VIREO_ESTATE);
	assert_int_equal(vireo_hit_wait(f->vm, -1, &hit), VIREO_ESTATE);
}

static void registers_want_arguments_that_are_right(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) - 1 };
	struct vireo_fpu fpu = { .size = 0 };
	struct vireo_hit hit = { .size = 1 };
	struct one_vm *f = *state;
	uint64_t v;

	debug_start(f);
	assert_all(f, 1, VIREO_EINVAL, VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_regs(f->vm, 0, &regs), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_get_fpu(f->vm, 0, &fpu), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_fpu(f->vm, 0, &fpu), VIREO_EINVAL);
	assert_int_equal(vireo_hit_wait(f->vm, 0, &hit), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_regs(NULL, 0, &regs), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_get_fpu(NULL, 0, &fpu), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_fpu(f->vm, 0, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_get_msr(f->vm, 0, 1, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_set_msr(NULL, 0, 1, 1), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_translate(f->vm, 0, 1, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_step(NULL, 0), VIREO_EINVAL);
	assert_int_equal(vireo_break_add(NULL, 0, VIREO_BREAK_HARDWARE, 1, 1),
			 VIREO_EINVAL);
	assert_int_equal(vireo_break_remove(f->vm, VIREO_BREAK_HARDWARE, 1, 1),
			 VIREO_EINVAL);
	assert_int_equal(vireo_hit_wait(f->vm, 0, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_hit_fd(NULL), VIREO_EINVAL);
	assert_int_equal(vireo_vcpu_translate(f->vm, 0, 0x5678, &v, NULL), 0);
	assert_int_equal(v, 0x5678);
}

/* ---- breakpoints ---- */

static void software_breakpoint_stops_all_vcpus(void **state)
{
	struct one_vm *f = *state;
	struct vireo_hit hit;

	f->cfg.cpus = 2;
	debug_start(f);
	*debug_ram(f, PLACE) = 0x90;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(*debug_ram(f, PLACE), ARCH_BREAK_INSN);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_SW_BP);
	debug_exit(1, 3, PLACE, 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = debug_wait_hit(f);
	assert_int_equal(hit.cpu, 1);
	assert_int_equal(hit.kind, VIREO_BREAK_SOFTWARE);
	assert_int_equal(hit.va, PLACE);
	assert_false(hit.stepped);
	assert_false(debug_has_hit(f));
	assert_int_equal(vireo_break_remove(f->vm, VIREO_BREAK_SOFTWARE, PLACE,
					    1), 0);
	assert_int_equal(*debug_ram(f, PLACE), 0x90);
	assert_int_equal(fake.vcpu[1].debug.control, 0);
}

static void guests_own_breakpoints_are_its_own(void **state)
{
	struct one_vm *f = *state;

	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	debug_exit(0, 3, PLACE + 1, 0);
	debug_exit(0, 1, PLACE + 1, 0);
	debug_exit(0, 1, PLACE + 1, 1u << 14); /* a step that nobody wants */
	debug_exit(0, 1, PLACE + 1, 2);        /* a register that is not set */
	one_vm_power_off(0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_POWER_OFF);
	assert_int_equal(fake.vcpu[0].injected, 4);
}

/* Its handler looks there. */
static void guests_own_debugging_is_in_its_dr6(void **state)
{
	struct one_vm *f = *state;

	debug_exit(0, 1, PLACE, 0xffff0ff0 | 1u << 14);
	one_vm_power_off(0);
	debug_start(f);
	fake.vcpu[0].debugregs.dr6 = 0xffff0ff0 | 1u << 13 | 1;
	fake.vcpu[0].debugregs.dr7 = 0x400;
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, NULL), 0);
	assert_int_equal(fake.vcpu[0].injected, 1);
	assert_int_equal(fake.vcpu[0].debugregs.dr6, 0xffff6ff0);
	assert_int_equal(fake.vcpu[0].debugregs.dr7, 0x400);
}

/* int3 has nothing to say in DR6, and KVM may not tell. */
static void guests_own_breakpoints_leave_its_dr6_alone(void **state)
{
	struct one_vm *f = *state;

	debug_exit(0, 3, PLACE, 0xffff0ff0 | 1u << 14);
	debug_exit(0, 1, PLACE, 0xffff0ff0 | 1u << 14);
	one_vm_power_off(0);
	debug_start(f);
	fake.fail_request = KVM_GET_DEBUGREGS;
	fake.fail_times = 1;
	fake.fail_error = EINVAL;
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_POWER_OFF);
	assert_int_equal(fake.vcpu[0].injected, 2);
	assert_int_equal(fake.vcpu[0].debugregs.dr6, 0);
}

/* An emulated kernel: KVM does not know the instruction. */
static void failed_emulation_at_a_breakpoint_is_a_hit(void **state)
{
	struct one_vm *f = *state;
	struct vireo_hit hit;

	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	debug_failure(0);
	debug_failure(0);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = debug_wait_hit(f);
	assert_int_equal(hit.va, PLACE);
	assert_int_equal(hit.kind, VIREO_BREAK_SOFTWARE);
	fake.vcpu[0].regs.rip = PLACE + 1; /* and elsewhere it is none */
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_KVM_ERROR);
}

static void hardware_breakpoint_is_in_every_vcpu(void **state)
{
	struct one_vm *f = *state;
	struct vireo_hit hit;

	f->cfg.cpus = 2;
	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 0x77,
					 1), 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_WATCH_WRITE, 0x88, 8),
			 0);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[0], 0x77);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[1], 0x88);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[7], 0x90040a);
	debug_exit(1, 1, 0x1000, 2);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = debug_wait_hit(f);
	assert_int_equal(hit.kind, VIREO_WATCH_WRITE);
	assert_int_equal(hit.va, 0x88);
	f->vm->debug.works[VIREO_WATCH_ACCESS] = false;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_WATCH_ACCESS, 8, 8),
			 VIREO_EHOST);
}

/* What has happened is told, what has not will happen again. */
static void hits_of_several_vcpus_are_told_in_turn(void **state)
{
	struct one_vm *f = *state;

	f->cfg.cpus = 3;
	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 8, 1),
			 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_WATCH_WRITE, 16, 8),
			 0);
	f->vm->debug.hit[0] = (struct vm_hit){ true, 0, false,
					       VIREO_BREAK_HARDWARE, 8 };
	f->vm->debug.hit[1] = f->vm->debug.hit[0];
	f->vm->debug.hit[1].cpu = 1;
	f->vm->debug.hit[2] = (struct vm_hit){ true, 2, false,
					       VIREO_WATCH_WRITE, 16 };
	assert_int_equal(debug_wait_hit(f).cpu, 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(debug_wait_hit(f).cpu, 2);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_false(gate_is_empty(&f->vm->gate));
	assert_false(debug_has_hit(f));
}

/* ---- other ends ---- */

static void breakpoints_of_the_cpu_stay_over_a_reset(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 0x99,
					 1), 0);
	vm_request_end(f->vm, VIREO_RESET, 0, "");
	for (bool again = false; !again; usleep(1000)) {
		pthread_mutex_lock(&f->vm->board_lock);
		pthread_mutex_lock(&f->vm->lock);
		again = f->vm->restarts && f->vm->vcpu[0].running;
		pthread_mutex_unlock(&f->vm->lock);
		pthread_mutex_unlock(&f->vm->board_lock);
	}
	assert_int_equal(*debug_ram(f, PLACE), 0);
	assert_int_equal(fake.vcpu[0].debug.arch.debugreg[0], 0x99);
	assert_false(fake.vcpu[0].debug.control & KVM_GUESTDBG_USE_SW_BP);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(*debug_ram(f, PLACE), ARCH_BREAK_INSN);
}

static uint8_t byte_at(struct one_vm *f, uint64_t gpa)
{
	uint8_t byte;

	assert_int_equal(vireo_memory_read(f->vm, gpa, &byte, 1), 0);
	return byte;
}

static void ram_has_no_breakpoints_after_the_end(void **state)
{
	struct one_vm *f = *state;

	debug_start(f);
	*debug_ram(f, PLACE) = 0x90;
	*debug_ram(f, PLACE + 1) = 0x91;
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE,
						 PLACE + i, 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0); /* it is lifted */
	vireo_stop(f->vm);
	assert_int_equal(vm_wait(f->vm, WAIT, NULL), 0);
	assert_int_equal(byte_at(f, PLACE), 0x90);
	assert_int_equal(byte_at(f, PLACE + 1), 0x91);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), VIREO_ESTATE);
}

static void memory_that_was_lent_can_be_seen(void **state)
{
	static uint8_t lent[4096] __attribute__((aligned(4096)));
	const struct extra_memory memory = { .fd = -1, .addr = lent,
					     .gpa = 0xe0200000,
					     .size = sizeof(lent) };
	const uint64_t at = memory.gpa + 8;
	struct extras extras = { 0 };
	struct one_vm *f = *state;
	uint8_t bytes[4] = { 1, 2, 3, 4 };

	assert_int_equal(extras_add_memory(&extras, &memory, NULL), 0);
	f->fds.extras = &extras;
	debug_start(f);
	assert_int_equal(vm_debug_enter(f->vm, 0, true), 0);
	assert_int_equal(vm_debug_write(f->vm, 0, at, bytes, 4), 4);
	assert_memory_equal(lent + 8, bytes, 4);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(vm_debug_read(f->vm, 0, at, bytes, 4), 4);
	assert_memory_equal(lent + 8, bytes, 4);
	assert_int_equal(vm_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, at, 1),
			 -EFAULT);
	vm_debug_leave(f->vm);
}

/* What could not be tried is tried again. */
static void probe_that_does_not_run_says_nothing(void **state)
{
	struct one_vm *f = *state;

	debug_start(f);
	f->vm->debug.probed[VIREO_BREAK_HARDWARE] = false;
	fake.fail_request = KVM_CREATE_VM;
	fake.fail_times = 1;
	fake.fail_error = EMFILE;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 8, 1),
			 VIREO_EHOST);
	assert_int_equal(fake.fail_times, 0);
	assert_false(f->vm->debug.probed[VIREO_BREAK_HARDWARE]);
	assert_int_equal(f->vm->debug.breaks.count, 0);
}

static void hit_does_not_keep_a_vm_from_its_end(void **state)
{
	struct one_vm *f = *state;

	debug_start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 8, 1),
			 0);
	debug_exit(0, 1, 8, 1);
	assert_int_equal(vireo_resume(f->vm), 0);
	while (!debug_has_hit(f))
		usleep(100);
	vireo_stop(f->vm);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
}

static void refusals_of_kvm_are_the_hosts(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct one_vm *f = *state;

	debug_start(f);
	fake.fail_request = KVM_SET_GUEST_DEBUG;
	fake.fail_times = 2;
	fake.fail_error = EIO;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 8, 1),
			 VIREO_EHOST);
	assert_int_equal(f->vm->debug.breaks.count, 0);
	fake.fail_times = 2;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), VIREO_EHOST);
	assert_true(gate_is_empty(&f->vm->gate));
	fake.fail_request = KVM_GET_SREGS;
	fake.fail_times = 1;
	assert_int_equal(vireo_vcpu_get_regs(f->vm, 0, &regs), VIREO_EHOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VM_TEST(registers_are_those_of_kvm),
		VM_TEST(general_registers_alone_do_not_set_the_others),
		VM_TEST(C08_registers_want_a_vm_that_stands_still),
		VM_TEST(registers_want_arguments_that_are_right),
		VM_TEST(software_breakpoint_stops_all_vcpus),
		VM_TEST(guests_own_breakpoints_are_its_own),
		VM_TEST(guests_own_debugging_is_in_its_dr6),
		VM_TEST(guests_own_breakpoints_leave_its_dr6_alone),
		VM_TEST(failed_emulation_at_a_breakpoint_is_a_hit),
		VM_TEST(hardware_breakpoint_is_in_every_vcpu),
		VM_TEST(hits_of_several_vcpus_are_told_in_turn),
		VM_TEST(breakpoints_of_the_cpu_stay_over_a_reset),
		VM_TEST(ram_has_no_breakpoints_after_the_end),
		VM_TEST(memory_that_was_lent_can_be_seen),
		VM_TEST(probe_that_does_not_run_says_nothing),
		VM_TEST(hit_does_not_keep_a_vm_from_its_end),
		VM_TEST(refusals_of_kvm_are_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
