// SPDX-License-Identifier: BSD-3-Clause
/* An x86-64 vCPU's registers, from KVM's form to the public one and back. */
#include "arch/arch_debug.h"

#include <errno.h>
#include <string.h>

#include "arch/arch.h"
#include "kvm/kvm_debug.h"
#include "mem/mem.h"

#define PAGE_SIZE 4096u

/* Intel SDM, volume 3, 3.4.5: bits of the upper half of a descriptor, from
 * bit 8 on. */
static struct vireo_segment from_kvm(const struct kvm_segment *s)
{
	return (struct vireo_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.access = (uint16_t)((s->type & 15) | (s->s & 1) << 4 |
				     (s->dpl & 3) << 5 | (s->present & 1) << 7 |
				     (s->avl & 1) << 12 | (s->l & 1) << 13 |
				     (s->db & 1) << 14 | (s->g & 1) << 15),
	};
}

/* What is as it was stays as KVM has it. */
static void to_kvm(struct kvm_segment *to, const struct vireo_segment *s)
{
	const struct vireo_segment was = from_kvm(to);

	if (was.base == s->base && was.limit == s->limit &&
	    was.selector == s->selector && was.access == s->access)
		return;
	memset(to, 0, sizeof(*to));
	to->base = s->base;
	to->limit = s->limit;
	to->selector = s->selector;
	to->type = s->access & 15;
	to->s = s->access >> 4 & 1;
	to->dpl = s->access >> 5 & 3;
	to->present = s->access >> 7 & 1;
	to->unusable = !to->present;
	to->avl = s->access >> 12 & 1;
	to->l = s->access >> 13 & 1;
	to->db = s->access >> 14 & 1;
	to->g = s->access >> 15 & 1;
}

static void get_general(struct vireo_regs *r, const struct kvm_regs *k)
{
	r->rax = k->rax;
	r->rbx = k->rbx;
	r->rcx = k->rcx;
	r->rdx = k->rdx;
	r->rsi = k->rsi;
	r->rdi = k->rdi;
	r->rbp = k->rbp;
	r->rsp = k->rsp;
	r->r8 = k->r8;
	r->r9 = k->r9;
	r->r10 = k->r10;
	r->r11 = k->r11;
	r->r12 = k->r12;
	r->r13 = k->r13;
	r->r14 = k->r14;
	r->r15 = k->r15;
	r->rip = k->rip;
	r->rflags = k->rflags;
}

static void set_general(struct kvm_regs *k, const struct vireo_regs *r)
{
	k->rax = r->rax;
	k->rbx = r->rbx;
	k->rcx = r->rcx;
	k->rdx = r->rdx;
	k->rsi = r->rsi;
	k->rdi = r->rdi;
	k->rbp = r->rbp;
	k->rsp = r->rsp;
	k->r8 = r->r8;
	k->r9 = r->r9;
	k->r10 = r->r10;
	k->r11 = r->r11;
	k->r12 = r->r12;
	k->r13 = r->r13;
	k->r14 = r->r14;
	k->r15 = r->r15;
	k->rip = r->rip;
	k->rflags = r->rflags;
}

int arch_vcpu_get_regs(struct kvm_vcpu *vcpu, struct vireo_regs *r)
{
	struct kvm_sregs s;
	struct kvm_regs k;
	int error = kvm_vcpu_get_regs(vcpu, &k);

	if (!error)
		error = kvm_vcpu_get_sregs(vcpu, &s);
	if (error < 0)
		return error;
	get_general(r, &k);
	r->cs = from_kvm(&s.cs);
	r->ds = from_kvm(&s.ds);
	r->es = from_kvm(&s.es);
	r->fs = from_kvm(&s.fs);
	r->gs = from_kvm(&s.gs);
	r->ss = from_kvm(&s.ss);
	r->tr = from_kvm(&s.tr);
	r->ldt = from_kvm(&s.ldt);
	r->gdt_base = s.gdt.base;
	r->gdt_limit = s.gdt.limit;
	r->idt_base = s.idt.base;
	r->idt_limit = s.idt.limit;
	r->cr0 = s.cr0;
	r->cr2 = s.cr2;
	r->cr3 = s.cr3;
	r->cr4 = s.cr4;
	r->cr8 = s.cr8;
	r->efer = s.efer;
	r->apic_base = s.apic_base;
	return 0;
}

/* What is as it was is not set again: KVM is asked for what has to be. */
static int set_special(struct kvm_vcpu *vcpu, const struct vireo_regs *r)
{
	struct kvm_sregs s, before;
	int error = kvm_vcpu_get_sregs(vcpu, &s);

	if (error < 0)
		return error;
	before = s;
	to_kvm(&s.cs, &r->cs);
	to_kvm(&s.ds, &r->ds);
	to_kvm(&s.es, &r->es);
	to_kvm(&s.fs, &r->fs);
	to_kvm(&s.gs, &r->gs);
	to_kvm(&s.ss, &r->ss);
	to_kvm(&s.tr, &r->tr);
	to_kvm(&s.ldt, &r->ldt);
	s.gdt.base = r->gdt_base;
	s.gdt.limit = r->gdt_limit;
	s.idt.base = r->idt_base;
	s.idt.limit = r->idt_limit;
	s.cr0 = r->cr0;
	s.cr2 = r->cr2;
	s.cr3 = r->cr3;
	s.cr4 = r->cr4;
	s.cr8 = r->cr8;
	s.efer = r->efer;
	s.apic_base = r->apic_base;
	return memcmp(&s, &before, sizeof(s)) ? kvm_vcpu_set_sregs(vcpu, &s)
					      : 0;
}

int arch_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct vireo_regs *r)
{
	struct kvm_regs k;
	int error = set_special(vcpu, r);

	set_general(&k, r);
	return error ? error : kvm_vcpu_set_regs(vcpu, &k);
}

int arch_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct vireo_fpu *f)
{
	struct kvm_fpu k;
	int error = kvm_vcpu_get_fpu(vcpu, &k);

	if (error < 0)
		return error;
	memcpy(f->st, k.fpr, sizeof(f->st));
	memcpy(f->xmm, k.xmm, sizeof(f->xmm));
	f->fcw = k.fcw;
	f->fsw = k.fsw;
	f->fop = k.last_opcode;
	f->ftw = k.ftwx;
	f->fip = k.last_ip;
	f->fdp = k.last_dp;
	f->mxcsr = k.mxcsr;
	return 0;
}

int arch_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct vireo_fpu *f)
{
	struct kvm_fpu k = {
		.fcw = f->fcw, .fsw = f->fsw, .ftwx = f->ftw,
		.last_opcode = f->fop, .last_ip = f->fip, .last_dp = f->fdp,
		.mxcsr = f->mxcsr,
	};

	memcpy(k.fpr, f->st, sizeof(k.fpr));
	memcpy(k.xmm, f->xmm, sizeof(k.xmm));
	return kvm_vcpu_set_fpu(vcpu, &k);
}

int arch_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value)
{
	return kvm_vcpu_get_msr(vcpu, index, value);
}

int arch_vcpu_set_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t value)
{
	const struct kvm_msr_entry msr = { .index = index, .data = value };
	unsigned int bad;

	return kvm_vcpu_set_msrs(vcpu, &msr, 1, &bad);
}

/* Our own walk where it can be; paging of 32 bits is KVM's to know. */
int arch_vcpu_translate(struct kvm_vcpu *vcpu, const struct mem *mem,
			uint64_t va, uint64_t *gpa, uint64_t *len)
{
	struct arch_state state;
	int r = arch_vcpu_state(&state, vcpu);

	if (r < 0)
		return r;
	*len = PAGE_SIZE - va % PAGE_SIZE;
	if (!state.levels) {
		*gpa = va;
		return 0;
	}
	r = arch_state_translate(&state, mem, va, gpa, len);
	return r == -ENOTSUP ? kvm_vcpu_translate(vcpu, va, gpa) : r;
}

const char *arch_vcpu_activity(struct kvm_vcpu *vcpu)
{
	uint32_t state;

	if (kvm_vcpu_get_mp_state(vcpu, &state) < 0)
		return "unknown";
	switch (state) {
	case KVM_MP_STATE_RUNNABLE:
		return "running";
	case KVM_MP_STATE_HALTED:
		return "halted";
	default:
		return "waiting to be started";
	}
}
