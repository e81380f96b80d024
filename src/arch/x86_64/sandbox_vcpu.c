// SPDX-License-Identifier: BSD-3-Clause
/*
 * A sandbox's vCPU: how a call enters, and what an exit says. The registers
 * travel with KVM_RUN (KVM_CAP_SYNC_REGS), so that a call is one KVM_RUN.
 */
#include "arch/arch_sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/sandbox_map.h"
#include "base/endian.h"
#include "base/num.h"
#include "kvm/kvm_bare.h"

#define CR0_RUN     0x80010033u /* PG WP NE ET MP PE */
#define CR4_RUN     0x00000620u /* OSXMMEXCPT OSFXSR PAE */
#define CR4_OSXSAVE (1u << 18)
#define EFER_RUN    0xd01u      /* NXE LMA LME SCE */
/* IOPL 3 opens all ports; every one ends in an exit to us, where only ours mean
 * something. It would not be needed, but QEMU's emulation of SVM (7.2) does not
 * honour an I/O bitmap; and kvm_pvm honours nothing else. Interrupts, which the
 * guest may now turn off, there are none. */
#define RFLAGS_RUN 0x3002u
#define RFLAGS_IF  0x200u

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u

#define XCR0_USED   0xe7u /* x87, SSE, AVX, AVX-512 */
#define MXCSR_RESET 0x1f80u
#define FCW_RESET   0x37fu
/* In the XSAVE area (SDM volume 1, 13.4.1 and 13.4.2). */
#define MXCSR_AT     24
#define XSTATE_BV_AT 512
#define XSTATE_X87   1u
#define XSTATE_SSE   2u

#define SYNC_ALL \
	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

#define PF_WRITE 2u
#define PF_FETCH 16u
#define VECTOR_PF 14

static const uint64_t lstar =
	MAP_HIGH + MAP_STUBS + MAP_VECTORS * MAP_STUB_SIZE;

/* ---- the state in which a call begins ---- */

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = 0xffffffff,
		.type = type,
		.present = 1,
		.dpl = 3,
		.s = 1,
		.g = 1,
		.l = type == 11,
		.db = type != 11,
	};
}

/* All of them: what KVM has at first is a CPU after its reset, with an LDT that
 * lies in the guest's own memory. Of that only the APIC's address stays; there
 * is no APIC. */
static void set_sregs(struct kvm_sregs *s, bool xsave)
{
	const struct kvm_segment none = { .unusable = 1 };
	const uint64_t apic_base = s->apic_base;

	*s = (struct kvm_sregs){
		.cs = flat(SEL_USER_CODE, 11),
		.ds = none,
		.es = none,
		.fs = none,
		.gs = none,
		.ss = flat(SEL_USER_DATA, 3),
		.tr = {
			.base = MAP_HIGH + MAP_TSS,
			.limit = TSS_LIMIT,
			.selector = SEL_TASK,
			.type = 11, /* busy */
			.present = 1,
		},
		.ldt = none,
		.gdt = { .base = MAP_HIGH + MAP_GDT, .limit = GDT_LIMIT },
		.idt = { .base = MAP_HIGH + MAP_IDT,
			 .limit = MAP_VECTORS * 16 - 1 },
		.cr0 = CR0_RUN,
		.cr3 = ARCH_SANDBOX_SYSTEM + MAP_TABLES,
		.cr4 = CR4_RUN | (xsave ? CR4_OSXSAVE : 0),
		.efer = EFER_RUN,
		.apic_base = apic_base,
	};
}

/* What KVM and the CPU have of the extended state that guests may use. */
static uint64_t usable_xcr0(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0xd &&
		    cpuid->entries[i].index == 0)
			return cpuid->entries[i].eax & XCR0_USED;
	return 0;
}

static int init_features(struct kvm_vcpu *vcpu, const struct kvm *kvm,
			 bool *xsave)
{
	const struct kvm_msr_entry msrs[] = {
		{ .index = MSR_STAR,
		  .data = (uint64_t)SEL_KERNEL_CODE << 32 |
			  (uint64_t)SEL_KERNEL_DATA << 48 },
		{ .index = MSR_LSTAR, .data = lstar },
		{ .index = MSR_FMASK, .data = 0xffffffff },
	};
	struct kvm_cpuid2 *cpuid;
	unsigned int bad;
	uint64_t xcr0;
	int r = kvm_supported_cpuid(kvm, &cpuid);

	if (r < 0)
		return r;
	xcr0 = usable_xcr0(cpuid);
	*xsave = xcr0 != 0;
	r = kvm_vcpu_set_cpuid(vcpu, cpuid);
	free(cpuid);
	if (!r)
		r = kvm_vcpu_set_msrs(vcpu, msrs, ARRAY_SIZE(msrs), &bad);
	return !r && xcr0 ? kvm_vcpu_set_xcr0(vcpu, xcr0) : r;
}

/* The floating-point state of a CPU after its reset. x87 and SSE are there, the
 * rest is not, and becomes zero. Were they not there, either, it would be the
 * same but for MXCSR, which a CPU without XSAVES would leave alone (SDM volume
 * 1, 13.8). */
static int make_xsave(struct arch_sandbox *a, const struct kvm *kvm)
{
	a->xsave = calloc(1, kvm_xsave_size(kvm));
	if (!a->xsave)
		return -ENOMEM;
	((uint16_t *)a->xsave)[0] = FCW_RESET;
	((uint32_t *)a->xsave)[MXCSR_AT / 4] = MXCSR_RESET;
	((uint64_t *)a->xsave)[XSTATE_BV_AT / 8] = XSTATE_X87 | XSTATE_SSE;
	return 0;
}

int arch_sandbox_init(struct arch_sandbox *a, struct kvm_vcpu *vcpu,
		      const struct kvm *kvm, struct err *err)
{
	bool xsave = false;
	int r;

	*a = (struct arch_sandbox){ 0 };
	if ((kvm_has(kvm, KVM_CAP_SYNC_REGS) & SYNC_ALL) != SYNC_ALL)
		return err_set(err, -ENOTSUP,
			       "/dev/kvm: no \"register sync\" here, which "
			       "sandboxes need (use a newer kernel)");
	if (make_xsave(a, kvm) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r = init_features(vcpu, kvm, &xsave);
	if (!r)
		r = kvm_vcpu_get_sregs(vcpu, &a->sregs);
	if (!r) {
		set_sregs(&a->sregs, xsave);
		r = kvm_vcpu_set_sregs(vcpu, &a->sregs);
	}
	if (!r)
		r = arch_sandbox_reset(a, vcpu);
	return r < 0 ? err_set(err, r, "KVM refuses the sandbox's registers: "
			       "%s", strerror(-r))
		     : 0;
}

void arch_sandbox_finish(struct arch_sandbox *a)
{
	free(a->xsave);
	a->xsave = NULL;
}

int arch_sandbox_reset(struct arch_sandbox *a, struct kvm_vcpu *vcpu)
{
	a->fresh = true;
	return kvm_vcpu_set_xsave(vcpu, a->xsave);
}

/* A port write is behind us only when KVM_RUN has been called again: KVM looks
 * whether RIP is still at the instruction, and if so goes past it. A function
 * that begins with the one that ended the last call would lose it. */
static void settle(struct kvm_vcpu *vcpu, uint64_t pc)
{
	struct kvm_run *run = vcpu->run;
	const uint64_t dirty = run->kvm_dirty_regs;

	/* When some are dirty RIP may be that of a call that did not begin. */
	if (run->exit_reason != KVM_EXIT_IO ||
	    (!dirty && run->s.regs.regs.rip != pc))
		return;
	kvm_vcpu_settle(vcpu);
	run->kvm_dirty_regs = dirty;
}

/* Nothing is on its way to the guest. */
static void clear_events(struct kvm_run *run)
{
	run->s.regs.events = (struct kvm_vcpu_events){
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
			 KVM_VCPUEVENT_VALID_SHADOW,
	};
	run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

/* Segments and control registers as well. */
static void enter_fresh(struct arch_sandbox *a, struct kvm_run *run)
{
	run->s.regs.sregs = a->sregs;
	run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
	clear_events(run);
	a->fresh = false;
}

void arch_sandbox_enter(struct arch_sandbox *a, struct kvm_vcpu *vcpu,
			uint64_t pc, uint64_t sp, const uint64_t arg[4])
{
	struct kvm_run *run = vcpu->run;

	settle(vcpu, pc);
	/* STI may have been the guest's last instruction but one: VMX does not
	 * enter with its shadow and interrupts off (SDM volume 3, "checks on
	 * guest non-register state"). */
	if (run->s.regs.regs.rflags & RFLAGS_IF)
		clear_events(run);
	run->s.regs.regs = (struct kvm_regs){
		.rip = pc,
		.rsp = sp,
		.rflags = RFLAGS_RUN,
		.rdi = arg[0],
		.rsi = arg[1],
		.rdx = arg[2],
		.rcx = arg[3],
	};
	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	/* What an earlier call did not come to setting is still to be set. */
	run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	if (a->fresh)
		enter_fresh(a, run);
}

void arch_sandbox_resume(struct kvm_vcpu *vcpu, uint64_t result)
{
	vcpu->run->s.regs.regs.rax = result;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

/* ---- what an exit says ---- */

/* The guest's own port writes are of one byte; it may try others. */
static bool plain_out(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO &&
	       run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 1 &&
	       run->io.count == 1;
}

void arch_sandbox_event(struct arch_sandbox_event *out,
			const struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	const struct kvm_regs *regs = &run->s.regs.regs;

	*out = (struct arch_sandbox_event){ .kind = ARCH_SANDBOX_STOPPED };
	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
		out->kind = ARCH_SANDBOX_AGAIN;
		return;
	default:
		break;
	}
	if (!plain_out(run))
		return;
	if (run->io.port == PORT_RETURN) {
		out->kind = ARCH_SANDBOX_RETURNED;
		out->arg[0] = regs->rax;
	} else if (run->io.port == PORT_CALL) {
		out->kind = ARCH_SANDBOX_CALLED;
		out->number = regs->rax;
		out->arg[0] = regs->rdi;
		out->arg[1] = regs->rsi;
		out->arg[2] = regs->rdx;
		out->arg[3] = regs->rcx;
	}
}

/* ---- traps ---- */

static void put_regs(struct vireo_sandbox_trap *trap,
		     const struct kvm_regs *r)
{
	trap->rip = r->rip;
	trap->rsp = r->rsp;
	trap->rflags = r->rflags;
	trap->rax = r->rax;
	trap->rbx = r->rbx;
	trap->rcx = r->rcx;
	trap->rdx = r->rdx;
	trap->rsi = r->rsi;
	trap->rdi = r->rdi;
	trap->rbp = r->rbp;
	trap->r8 = r->r8;
	trap->r9 = r->r9;
	trap->r10 = r->r10;
	trap->r11 = r->r11;
	trap->r12 = r->r12;
	trap->r13 = r->r13;
	trap->r14 = r->r14;
	trap->r15 = r->r15;
}

static const char *vector_name(unsigned int vector)
{
	static const char *const names[MAP_VECTORS] = {
		[0] = "division error",
		[1] = "debug exception",
		[3] = "breakpoint",
		[6] = "invalid instruction",
		[7] = "no floating point",
		[8] = "double fault",
		[11] = "segment fault",
		[12] = "stack fault",
		[13] = "protection fault",
		[14] = "page fault",
		[16] = "floating-point error",
		[17] = "alignment fault",
		[19] = "SIMD floating-point error",
	};

	return names[vector] ? names[vector] : "exception";
}

static bool has_error_code(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 ||
	       vector == 21 || vector == 29 || vector == 30;
}

/* SYSCALL has left the return address and the flags in registers. Some KVM
 * hosts jump to our stub without the privilege: then it is a page fault. */
static void syscall_trap(struct vireo_sandbox_trap *trap)
{
	trap->reason = VIREO_TRAP_SYSCALL;
	trap->vector = 0;
	trap->error_code = 0;
	trap->address = 0;
	trap->rip = trap->rcx - 2;
	trap->rflags = trap->r11;
	snprintf(trap->text, sizeof(trap->text), "system call %#llx",
		 (unsigned long long)trap->rax);
}

static void page_fault(struct vireo_sandbox_trap *trap, uint64_t address)
{
	const char *what = trap->error_code & PF_FETCH ? "execution of" :
			   trap->error_code & PF_WRITE ? "write to" :
							 "read from";

	trap->address = address;
	snprintf(trap->text, sizeof(trap->text), "page fault: %s %#llx", what,
		 (unsigned long long)address);
}

/* What the CPU pushed: error code or nothing, RIP, CS, RFLAGS, RSP, SS. */
static void fault(struct vireo_sandbox_trap *trap, struct kvm_vcpu *vcpu,
		  const struct mem *mem, unsigned int vector)
{
	struct kvm_sregs sregs = { 0 };
	le64 frame[6];

	if (mem_read(mem, frame,
		     ARCH_SANDBOX_SYSTEM + MAP_STACK_TOP - sizeof(frame),
		     sizeof(frame)) < 0 ||
	    kvm_vcpu_get_sregs(vcpu, &sregs) < 0)
		return;
	trap->reason = VIREO_TRAP_FAULT;
	trap->vector = vector;
	trap->error_code = has_error_code(vector) ? le64_get(frame[0]) : 0;
	trap->rip = le64_get(frame[1]);
	trap->rflags = le64_get(frame[3]);
	trap->rsp = le64_get(frame[4]);
	if (vector != VECTOR_PF)
		snprintf(trap->text, sizeof(trap->text), "%s",
			 vector_name(vector));
	else if (trap->rip == lstar && sregs.cr2 == lstar)
		syscall_trap(trap);
	else
		page_fault(trap, sregs.cr2);
}

static void machine(struct vireo_sandbox_trap *trap, const struct kvm_run *run)
{
	size_t used;

	trap->reason = VIREO_TRAP_MACHINE;
	snprintf(trap->text, sizeof(trap->text), "KVM exit %u (%s)",
		 run->exit_reason, kvm_exit_name(run->exit_reason));
	used = strlen(trap->text);
	if (run->exit_reason == KVM_EXIT_IO)
		snprintf(trap->text + used, sizeof(trap->text) - used,
			 ": port %#x, or not a write of one byte",
			 run->io.port);
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(trap->text + used, sizeof(trap->text) - used,
			 ", suberror %u", run->internal.suberror);
}

void arch_sandbox_trap(struct vireo_sandbox_trap *trap, struct kvm_vcpu *vcpu,
		       const struct mem *mem, enum arch_sandbox_kind kind)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = run->s.regs.regs;
	uint64_t stub = regs.rip - (MAP_HIGH + MAP_STUBS);

	put_regs(trap, &regs);
	if (kind != ARCH_SANDBOX_STOPPED)
		return;
	machine(trap, run);
	/* The guest may use the port, too, but from elsewhere. */
	if (!plain_out(run) || run->io.port != PORT_STUB ||
	    stub >= (MAP_VECTORS + 1) * MAP_STUB_SIZE)
		return;
	if (stub / MAP_STUB_SIZE < MAP_VECTORS)
		fault(trap, vcpu, mem, (unsigned int)(stub / MAP_STUB_SIZE));
	else
		syscall_trap(trap);
}
