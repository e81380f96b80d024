// SPDX-License-Identifier: BSD-3-Clause
/* src/vm_debug.c and api_debug.c: registers of a guest that stands still,
 * breakpoints, steps, and who is told what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "one_vm.h"

#define PLACE 0x9000 /* without page tables: in RAM */
#define WAIT  10000

static void start(struct one_vm *f)
{
	one_vm_create(f);
	/* Looking for it would take another VM of the fake's. */
	memset(f->vm->debug.probed, true, sizeof(f->vm->debug.probed));
	memset(f->vm->debug.works, true, sizeof(f->vm->debug.works));
	gate_close(&f->vm->gate);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_int_equal(vireo_pause(f->vm), 0);
}

static struct vireo_hit wait_hit(struct one_vm *f)
{
	struct vireo_hit hit = { .size = sizeof(hit) };

	assert_int_equal(vireo_hit_wait(f->vm, WAIT, &hit), 0);
	assert_true(gate_is_empty(&f->vm->gate));
	return hit;
}

static bool has_hit(const struct one_vm *f)
{
	struct pollfd p = { vireo_hit_fd(f->vm), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

static int play_debug(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = step->size;
	run->debug.arch.pc = step->addr;
	run->debug.arch.dr6 = step->reason;
	return 0;
}

static void debug_exit(unsigned int cpu, uint32_t exception, uint64_t pc,
		       uint32_t dr6)
{
	const struct fake_step step = { .play = play_debug, .size = exception,
					.addr = pc, .reason = dr6 };

	fake_step(cpu, &step);
}

static int play_failure(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->internal.ndata = 0;
	return 0;
}

static uint8_t *ram(struct one_vm *f, uint64_t gpa)
{
	return mem_ptr(&f->vm->board.mem, gpa, 1);
}

/* ---- registers ---- */

static void registers_are_those_of_kvm(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct vireo_fpu fpu = { .size = sizeof(fpu) };
	struct one_vm *f = *state;
	uint64_t msr;

	start(f);
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

	start(f);
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

	start(f);
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
	start(f);
	*ram(f, PLACE) = 0x90;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(*ram(f, PLACE), ARCH_BREAK_INSN);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_SW_BP);
	debug_exit(1, 3, PLACE, 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = wait_hit(f);
	assert_int_equal(hit.cpu, 1);
	assert_int_equal(hit.kind, VIREO_BREAK_SOFTWARE);
	assert_int_equal(hit.va, PLACE);
	assert_false(hit.stepped);
	assert_false(has_hit(f));
	assert_int_equal(vireo_break_remove(f->vm, VIREO_BREAK_SOFTWARE, PLACE,
					    1), 0);
	assert_int_equal(*ram(f, PLACE), 0x90);
	assert_int_equal(fake.vcpu[1].debug.control, 0);
}

static void guests_own_breakpoints_are_its_own(void **state)
{
	struct one_vm *f = *state;

	start(f);
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

/* An emulated kernel: KVM does not know the instruction. */
static void failed_emulation_at_a_breakpoint_is_a_hit(void **state)
{
	const struct fake_step step = { .play = play_failure };
	struct one_vm *f = *state;
	struct vireo_hit hit;

	start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	fake_step(0, &step);
	fake_step(0, &step);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = wait_hit(f);
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
	start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 0x77,
					 1), 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_WATCH_WRITE, 0x88, 8),
			 0);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[0], 0x77);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[1], 0x88);
	assert_int_equal(fake.vcpu[1].debug.arch.debugreg[7], 0x90040a);
	debug_exit(1, 1, 0x1000, 2);
	assert_int_equal(vireo_resume(f->vm), 0);
	hit = wait_hit(f);
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
	start(f);
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
	assert_int_equal(wait_hit(f).cpu, 0);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_int_equal(wait_hit(f).cpu, 2);
	assert_int_equal(vireo_resume(f->vm), 0);
	assert_false(gate_is_empty(&f->vm->gate));
	assert_false(has_hit(f));
}

/* ---- steps ---- */

static void step_runs_one_vcpu_alone(void **state)
{
	struct one_vm *f = *state;
	struct vireo_hit hit;

	f->cfg.cpus = 2;
	start(f);
	*ram(f, PLACE) = 0x90;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, PLACE,
					 1), 0);
	fake.vcpu[1].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_SINGLESTEP);
	assert_false(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_HW_BP);
	assert_int_equal(*ram(f, PLACE), 0x90);
	usleep(10000);
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	assert_int_equal(vireo_pause(f->vm), 0); /* HLT: it does not end */
	assert_int_equal(*ram(f, PLACE), 0x90);
	debug_exit(1, 1, PLACE + 1, 1u << 14);
	assert_int_equal(vireo_vcpu_step(f->vm, 1), 0);
	hit = wait_hit(f);
	assert_true(hit.stepped);
	assert_int_equal(hit.cpu, 1);
	assert_int_equal(__atomic_load_n(&fake.vcpu[0].runs,
					 __ATOMIC_SEQ_CST), 0);
	assert_int_equal(*ram(f, PLACE), ARCH_BREAK_INSN);
	assert_false(fake.vcpu[1].debug.control & KVM_GUESTDBG_SINGLESTEP);
	assert_true(fake.vcpu[1].debug.control & KVM_GUESTDBG_USE_HW_BP);
}

static void step_that_is_given_up_leaves_nothing(void **state)
{
	struct one_vm *f = *state;

	start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_int_equal(vireo_resume(f->vm), 0); /* in the middle of it */
	while (!__atomic_load_n(&fake.vcpu[0].runs, __ATOMIC_SEQ_CST))
		usleep(100);
	assert_int_equal(vireo_pause(f->vm), 0);
	assert_int_equal(*ram(f, PLACE), ARCH_BREAK_INSN);
	assert_false(fake.vcpu[0].debug.control & KVM_GUESTDBG_SINGLESTEP);
}

static void step_of_an_access_ends_behind_it(void **state)
{
	struct one_vm *f = *state;
	uint8_t result = 0;

	fake_in(0, 0x3fd, 1, &result);
	one_vm_power_off(0); /* the next one */
	start(f);
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(wait_hit(f).stepped);
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
	start(f);
	f->vm->debug.breaks.insn = 0xec; /* so is what stands in for int3 */
	*ram(f, PLACE) = 0xec;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(wait_hit(f).stepped);
	assert_int_equal(result & 0x60, 0x60); /* by the device, once */
	assert_int_equal(fake.vcpu[0].at, 1);
}

static void read_of_a_port_is_no_hit_where_int3_works(void **state)
{
	struct one_vm *f = *state;
	uint8_t result = 0;

	fake_in(0, 0x3fd, 1, &result);
	one_vm_power_off(0);
	start(f);
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
	start(f);
	*ram(f, PLACE) = ARCH_BREAK_INSN;
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	fake.vcpu[0].regs.rip = PLACE;
	assert_int_equal(vireo_vcpu_step(f->vm, 0), 0);
	assert_true(wait_hit(f).stepped);
	assert_int_equal(fake.vcpu[0].injected, 1);
	assert_int_equal(fake.vcpu[0].at, 2);
}

static void step_over_a_breakpoint_at_what_kvm_does_not_know(void **state)
{
	const struct fake_step step = { .play = play_failure };
	struct one_vm *f = *state;

	fake_step(0, &step);
	start(f);
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
	start(f);
	assert_int_equal(vm_debug_enter(f->vm, 0, true), 0);
	assert_int_equal(vm_debug_step(f->vm, 0, true), 0);
	vm_debug_leave(f->vm);
	assert_int_equal(vm_hit_wait(f->vm, WAIT, &hit), 0);
	assert_true(hit.stepped);
	assert_true(gate_is_empty(&f->vm->gate));
}

/* ---- other ends ---- */

static void breakpoints_of_the_cpu_stay_over_a_reset(void **state)
{
	struct one_vm *f = *state;

	f->cfg.restart = true;
	start(f);
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
	assert_int_equal(*ram(f, PLACE), 0);
	assert_int_equal(fake.vcpu[0].debug.arch.debugreg[0], 0x99);
	assert_false(fake.vcpu[0].debug.control & KVM_GUESTDBG_USE_SW_BP);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_SOFTWARE, PLACE,
					 1), 0);
	assert_int_equal(*ram(f, PLACE), ARCH_BREAK_INSN);
}

static void hit_does_not_keep_a_vm_from_its_end(void **state)
{
	struct one_vm *f = *state;

	start(f);
	assert_int_equal(vireo_break_add(f->vm, 0, VIREO_BREAK_HARDWARE, 8, 1),
			 0);
	debug_exit(0, 1, 8, 1);
	assert_int_equal(vireo_resume(f->vm), 0);
	while (!has_hit(f))
		usleep(100);
	vireo_stop(f->vm);
	assert_int_equal(vm_wait(f->vm, WAIT, &f->end), 0);
	assert_int_equal(f->end.reason, VIREO_STOPPED);
}

static void refusals_of_kvm_are_the_hosts(void **state)
{
	struct vireo_regs regs = { .size = sizeof(regs) };
	struct one_vm *f = *state;

	start(f);
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
		VM_TEST(failed_emulation_at_a_breakpoint_is_a_hit),
		VM_TEST(hardware_breakpoint_is_in_every_vcpu),
		VM_TEST(hits_of_several_vcpus_are_told_in_turn),
		VM_TEST(step_runs_one_vcpu_alone),
		VM_TEST(step_that_is_given_up_leaves_nothing),
		VM_TEST(step_of_an_access_ends_behind_it),
		VM_TEST(step_over_a_breakpoint_at_a_read_of_a_port),
		VM_TEST(read_of_a_port_is_no_hit_where_int3_works),
		VM_TEST(step_over_a_breakpoint_at_int3_of_the_guest),
		VM_TEST(step_over_a_breakpoint_at_what_kvm_does_not_know),
		VM_TEST(step_may_let_the_others_run),
		VM_TEST(breakpoints_of_the_cpu_stay_over_a_reset),
		VM_TEST(hit_does_not_keep_a_vm_from_its_end),
		VM_TEST(refusals_of_kvm_are_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
