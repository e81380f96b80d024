/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second half of the seam: what a debugger needs to know about a CPU. All
 * of it for a vCPU that does not run, and from any thread then; but
 * arch_vcpu_stop(), which its own thread calls.
 */
#ifndef VIREO_ARCH_ARCH_DEBUG_H
#define VIREO_ARCH_ARCH_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vireo.h"

struct kvm;
struct kvm_vcpu;
struct mem;

/* ---- registers ---- */

/* As the public functions of these names; the sizes have been checked. */
int arch_vcpu_get_regs(struct kvm_vcpu *vcpu, struct vireo_regs *regs);
int arch_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct vireo_regs *regs);
int arch_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct vireo_fpu *fpu);
int arch_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct vireo_fpu *fpu);
int arch_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value);
int arch_vcpu_set_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t value);

/* Where the vCPU sees @va, and how many bytes from there on lie together; that
 * there is RAM is not said. -EFAULT. */
int arch_vcpu_translate(struct kvm_vcpu *vcpu, const struct mem *mem,
			uint64_t va, uint64_t *gpa, uint64_t *len);

/* "running", "halted", "waiting to be started". */
const char *arch_vcpu_activity(struct kvm_vcpu *vcpu);

/* ---- breakpoints ---- */

#define ARCH_BREAK_MAX 4 /* that the CPU has */

/* The instruction that stands in for the first byte of the guest's, where KVM
 * tells of it. */
#define ARCH_BREAK_INSN 0xcc

struct arch_break {
	enum vireo_break kind; /* none in software */
	uint64_t va;
	unsigned int len; /* 1, 2, 4, 8; @va is a multiple */
};

struct arch_debug {
	bool step; /* one instruction */
	bool soft; /* there are breakpoints in software */
	unsigned int count;
	struct arch_break hw[ARCH_BREAK_MAX];
};

/* From the next time on that it runs. */
int arch_vcpu_set_debug(struct kvm_vcpu *vcpu, const struct arch_debug *debug);

enum arch_stop {
	ARCH_STOP_NONE, /* nothing of a debugger's */
	ARCH_STOP_SOFT, /* a breakpoint in software, or the guest's own */
	ARCH_STOP_HARD, /* hw[index] */
	ARCH_STOP_STEP, /* one instruction has been done */
	ARCH_STOP_GUEST, /* the guest's own debugging */
};

/* Why KVM_RUN came back: an exit, or an instruction that KVM could not emulate
 * (hosts that emulate a guest's kernel do not know the one above). For SOFT and
 * HARD *pc is the address of the instruction. */
enum arch_stop arch_vcpu_stop(struct kvm_vcpu *vcpu, uint64_t *pc,
			      unsigned int *index);

/* Is this exit one that arch_probe_break_insn()'s instruction makes? */
bool arch_vcpu_may_stop(const struct kvm_vcpu *vcpu);
/* The vCPU stands in front of the instruction that made the last exit, as if
 * it had not been there. Its own thread. */
void arch_vcpu_undo(struct kvm_vcpu *vcpu);

/* The guest has the exception that was its own (SOFT, GUEST), with what
 * arch_vcpu_set_debug() set last. */
int arch_vcpu_reflect(struct kvm_vcpu *vcpu, const struct arch_debug *debug,
		      enum arch_stop stop);

/* Do breakpoints of this kind work for a guest's kernel here? Runs a tiny
 * guest. They do not where KVM emulates the guest's kernel (watchpoints), or
 * where KVM's own processor is emulated (any). 1, 0; -errno: it does not run,
 * which says nothing. The same below. */
int arch_probe_break(const struct kvm *kvm, enum vireo_break kind);
/* An instruction of one byte that can stand in for ARCH_BREAK_INSN in a guest's
 * kernel where that does not work; 0: none. It is a port's, and misses what KVM
 * answers itself: an interrupt controller's ports. */
int arch_probe_break_insn(const struct kvm *kvm);

/* ---- as gdb numbers the registers ---- */

/* Writes the description (target.xml) that gdb reads, always the same; its
 * length. It is whole when that is below @cap. */
size_t arch_gdb_describe(char *to, size_t cap);
/* How many there are, and how many bytes number @n has; 0: no such. */
unsigned int arch_gdb_count(void);
unsigned int arch_gdb_size(unsigned int n);

struct arch_gdb_regs {
	struct vireo_regs regs;
	struct vireo_fpu fpu;
};

/* Register @n as bytes, as gdb has them; arch_gdb_size() of them. */
void arch_gdb_get(const struct arch_gdb_regs *r, unsigned int n, uint8_t *to);
void arch_gdb_set(struct arch_gdb_regs *r, unsigned int n, const uint8_t *from);

#endif
