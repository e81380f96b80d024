/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between a bare sandbox and a CPU architecture: what stands around
 * the guest's code instead of a kernel.
 *
 * The guest runs unprivileged; its addresses are guest addresses, one to one,
 * below ARCH_SANDBOX_SYSTEM. There and above lies what is ours: the gate, which
 * the guest sees, and tables, which it does not. It leaves by a port: when its
 * function returns, and for a hypercall. A fault leads to a stub of one
 * instruction, again to a port. Nothing else of ours is ever executed.
 *
 * The thread that runs the vCPU.
 */
#ifndef VIREO_ARCH_ARCH_SANDBOX_H
#define VIREO_ARCH_ARCH_SANDBOX_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/mem.h"
#include "vireo.h"

struct kvm;
struct kvm_vcpu;

#define ARCH_SANDBOX_PAGE   4096u
#define ARCH_SANDBOX_LOWEST 0x10000u    /* nothing below: NULL is a fault */
#define ARCH_SANDBOX_SYSTEM 0xc0000000u /* the gate; tables behind it */
#define ARCH_SANDBOX_MOST   0x40000000u /* bytes of guest memory */
/* Where KVM may put its own pages. */
#define ARCH_SANDBOX_TSS    0xfeffd000u
#define ARCH_SANDBOX_MAP    0xfeffc000u

/* A part of the guest's memory, in whole pages; all of it can be read. */
struct arch_sandbox_area {
	uint64_t start;
	uint64_t size;
	bool write; /* never both */
	bool exec;
};

/* Told to the guest in the gate: struct sandbox_info of its header. */
struct arch_sandbox_info {
	uint64_t heap;
	uint64_t heap_size;
	uint64_t buffer_size;
};

/* Bytes of the system area for so much guest memory. */
uint64_t arch_sandbox_system_size(uint64_t memory);

/* Writes the system area: gate, page tables, descriptors, stubs. -EFAULT: it
 * lies outside of @mem. */
int arch_sandbox_write(const struct mem *mem,
		       const struct arch_sandbox_area *area, unsigned int count,
		       const struct arch_sandbox_info *info);

struct arch_sandbox {
	struct kvm_sregs sregs; /* in which every call begins */
	void *xsave;            /* owned: the floating-point state likewise */
	bool fresh;             /* the next call sets all of them */
};

int arch_sandbox_init(struct arch_sandbox *a, struct kvm_vcpu *vcpu,
		      const struct kvm *kvm, struct err *err);
void arch_sandbox_finish(struct arch_sandbox *a);

/* All registers as after arch_sandbox_init(), when the guest has stopped
 * anywhere. */
int arch_sandbox_reset(struct arch_sandbox *a, struct kvm_vcpu *vcpu);

/* Where a function has to return to. */
uint64_t arch_sandbox_gate(void);

/* The next KVM_RUN enters @pc with four arguments. */
void arch_sandbox_enter(struct arch_sandbox *a, struct kvm_vcpu *vcpu,
			uint64_t pc, uint64_t sp, const uint64_t arg[4]);
/* The next KVM_RUN goes on behind a hypercall, with its result. */
void arch_sandbox_resume(struct kvm_vcpu *vcpu, uint64_t result);

enum arch_sandbox_kind {
	ARCH_SANDBOX_AGAIN,    /* nothing of interest: run it again */
	ARCH_SANDBOX_RETURNED, /* arg[0]: the value */
	ARCH_SANDBOX_CALLED,   /* a hypercall: its number, four arguments */
	ARCH_SANDBOX_STOPPED,  /* by a fault or worse: ask for the trap */
};

struct arch_sandbox_event {
	enum arch_sandbox_kind kind;
	uint64_t number;
	uint64_t arg[4];
};

/* What the last exit was about. */
void arch_sandbox_event(struct arch_sandbox_event *out,
			const struct kvm_vcpu *vcpu);

/* Fills in the registers of a guest that goes no further; for STOPPED also what
 * stopped it: reason, vector, error code, address, and a sentence. */
void arch_sandbox_trap(struct vireo_sandbox_trap *trap, struct kvm_vcpu *vcpu,
		       const struct mem *mem, enum arch_sandbox_kind kind);

#endif
