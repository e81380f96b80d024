/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux KVM, one thin function per thing we ask of it (kernel documentation,
 * virt/kvm/api.rst). This folder is the only place with KVM ioctls. It knows
 * neither devices nor guest memory regions: vm.c introduces them.
 *
 * Order matters for speed: add RAM before the irqchip, the PIT and the vCPUs;
 * every slot added later waits for a grace period of the kernel (7 ms against
 * 1.4 ms to the first exit, measured).
 *
 * Functions return 0 or -errno; those with a `struct err *` also say why.
 * Threads: VM functions from any thread, vCPU functions from the vCPU's own.
 */
#ifndef VIREO_KVM_KVM_H
#define VIREO_KVM_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ---- /dev/kvm ---- */

struct kvm {
	int fd;              /* owned */
	size_t run_size;     /* of struct kvm_run with its data pages */
	unsigned int max_vcpus;
	bool signal_msi;
};

/* One row of the capability table. */
struct kvm_cap {
	int number;       /* KVM_CAP_... */
	const char *name; /* "in-kernel irqchip" */
	const char *why;  /* what vireo uses it for */
	bool required;
};

/* The table; NULL past its end. */
const struct kvm_cap *kvm_cap_at(size_t index);

/* Opens /dev/kvm, or duplicates @fd when it is >= 0; checks the API version
 * and the required capabilities and names the first that is missing. */
int kvm_open(struct kvm *kvm, int fd, struct err *err);
void kvm_close(struct kvm *kvm);

/* KVM_CHECK_EXTENSION: 0 when absent, else the capability's value. */
int kvm_has(const struct kvm *kvm, int cap);

/* KVM_GET_SUPPORTED_CPUID; malloc'd, the caller frees it. There is room for
 * KVM_CPUID_SPARE more entries. */
#define KVM_CPUID_SPARE 8
int kvm_supported_cpuid(const struct kvm *kvm, struct kvm_cpuid2 **out);

/* ---- a VM ---- */

enum kvm_irq_mode {
	KVM_IRQ_AUTO,  /* split where it can be had and no PIT is wanted */
	KVM_IRQ_FULL,  /* PIC, IOAPIC and LAPIC in the kernel */
	KVM_IRQ_SPLIT, /* LAPIC only; the IOAPIC is ours */
};

#define KVM_MAX_ROUTES 1024
#define KVM_MAX_SLOTS  32
#define KVM_MSI_FIRST  32 /* first GSI that may carry an MSI route */

struct kvm_vm {
	const struct kvm *kvm; /* not owned; outlives the VM */
	int fd;                /* owned */
	unsigned int slots;    /* memory slots in use */
	struct kvm_userspace_memory_region slot[KVM_MAX_SLOTS];
	enum kvm_irq_mode irqchip;
	/* the routing table as the kernel has it; guarded by the caller */
	unsigned int routes;
	struct kvm_irq_routing_entry route[KVM_MAX_ROUTES];
};

int kvm_vm_create(struct kvm_vm *vm, const struct kvm *kvm, struct err *err);
void kvm_vm_destroy(struct kvm_vm *vm);

/* Registers [hva, hva+size) as RAM at @gpa. */
int kvm_vm_add_ram(struct kvm_vm *vm, uint64_t gpa, uint64_t size, void *hva,
		   bool readonly, struct err *err);

/* Notes which pages the guest writes, in all slots that it may write to. */
int kvm_vm_log_dirty(struct kvm_vm *vm);
/* The notes of the slot at @gpa since the last call, a bit for each page of 4
 * KiB: @bits has room for them, in whole words of 64. -ENOENT. */
int kvm_vm_get_dirty(struct kvm_vm *vm, uint64_t gpa, uint64_t *bits);

/* The interrupt controllers; call it once, after RAM, before vCPUs; afterwards
 * vm->irqchip tells which, never AUTO. @pit: the i8254 too (full irqchip only).
 * @tss, @identity: where KVM may put its TSS (3 pages) and identity map (1
 * page), outside RAM. */
int kvm_vm_create_irqchip(struct kvm_vm *vm, enum kvm_irq_mode irqchip,
			  bool pit, uint64_t tss, uint64_t identity,
			  struct err *err);

/* KVM_ENABLE_CAP with one argument. */
int kvm_vm_enable(struct kvm_vm *vm, int cap, uint64_t arg);

/* ---- interrupts and doorbells (kvm_irq.c) ---- */

/* Full irqchip: the level of a GSI. */
int kvm_vm_irq_line(struct kvm_vm *vm, uint32_t gsi, int level);

/* Binds an eventfd to a GSI. @resample: -1, or an eventfd that tells the end
 * of interrupt of a level-triggered line. */
int kvm_vm_irqfd(struct kvm_vm *vm, int fd, uint32_t gsi, int resample);
int kvm_vm_irqfd_remove(struct kvm_vm *vm, int fd, uint32_t gsi);

/* Turns writes to @addr (a port when @pio) into signals of @fd. @len 0: any
 * width; else 1, 2, 4 or 8. @match: only this value; NULL: any. */
int kvm_vm_ioeventfd(struct kvm_vm *vm, int fd, uint64_t addr, uint32_t len,
		     bool pio, const uint64_t *match);
int kvm_vm_ioeventfd_remove(struct kvm_vm *vm, int fd, uint64_t addr,
			    uint32_t len, bool pio, const uint64_t *match);

/* Delivers one message-signalled interrupt now. -EAGAIN when no local APIC took
 * it: it is switched off, say. */
int kvm_vm_signal_msi(struct kvm_vm *vm, uint64_t addr, uint32_t data);

/* Routes @gsi (KVM_MSI_FIRST and up) to an MSI; replaces what was there. */
int kvm_vm_route_msi(struct kvm_vm *vm, uint32_t gsi, uint64_t addr,
		     uint32_t data);
int kvm_vm_unroute(struct kvm_vm *vm, uint32_t gsi);

/* ---- a vCPU ---- */

struct kvm_vcpu {
	int fd;              /* owned */
	unsigned int id;     /* also the local APIC id */
	size_t run_size;
	struct kvm_run *run; /* owned mapping, shared with the kernel */
	unsigned int agains; /* that KVM_RUN has said, one after the other */
};

int kvm_vcpu_create(struct kvm_vcpu *vcpu, const struct kvm_vm *vm,
		    unsigned int id, struct err *err);
void kvm_vcpu_destroy(struct kvm_vcpu *vcpu);

/* The signal that leaves KVM_RUN; blocked in every thread, let through by KVM
 * while the guest runs (KVM_SET_SIGNAL_MASK). */
int kvm_kick_signal(void);
int kvm_vcpu_set_signal_mask(struct kvm_vcpu *vcpu);
/* Takes a pending kick signal off the calling thread. */
void kvm_consume_kick(void);
/* Waits for one, at most @ns: has it come? */
bool kvm_wait_kick(uint64_t ns);

/* KVM_RUN: 0 with an exit in vcpu->run, -EINTR after a kick, -EAGAIN: call it
 * again, or -errno; -EUSERS: KVM cannot start a thread that it needs. */
int kvm_vcpu_run(struct kvm_vcpu *vcpu);
/* Such an error in words. */
const char *kvm_run_error(int error);

int kvm_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *regs);
int kvm_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *regs);
int kvm_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs);
int kvm_vcpu_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs);
int kvm_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu);
int kvm_vcpu_set_cpuid(struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid);
int kvm_vcpu_get_lapic(struct kvm_vcpu *vcpu, struct kvm_lapic_state *lapic);
int kvm_vcpu_set_lapic(struct kvm_vcpu *vcpu,
		       const struct kvm_lapic_state *lapic);
int kvm_vcpu_get_mp_state(struct kvm_vcpu *vcpu, uint32_t *state);
int kvm_vcpu_set_mp_state(struct kvm_vcpu *vcpu, uint32_t state);
/* Its guest did not run for a while: a kernel that has kvmclock does not take
 * that for a lockup. Others do not care: no failure. */
void kvm_vcpu_tell_pause(struct kvm_vcpu *vcpu);
/* All @count MSRs, or -EINVAL and the index of the refused one in *bad. */
int kvm_vcpu_set_msrs(struct kvm_vcpu *vcpu, const struct kvm_msr_entry *msrs,
		      unsigned int count, unsigned int *bad);

/* The name of a KVM_EXIT_... reason ("io", "mmio", ...). */
const char *kvm_exit_name(uint32_t reason);

#endif
