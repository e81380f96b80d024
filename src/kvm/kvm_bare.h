/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only a bare sandbox asks of KVM: a log of written pages, registers that
 * travel with KVM_RUN, and a vCPU that can be taken back to its beginning. The
 * thread that runs the vCPU, which is the caller's.
 */
#ifndef VIREO_KVM_KVM_BARE_H
#define VIREO_KVM_KVM_BARE_H

#include <signal.h>

#include "kvm/kvm.h"

/* Where KVM may put its TSS and identity map; before vCPUs. */
int kvm_vm_set_tss(struct kvm_vm *vm, uint64_t tss, uint64_t identity);

/* As kvm_vm_add_ram(); the guest's writes are logged, under the number that
 * goes to *slot. */
int kvm_vm_add_logged_ram(struct kvm_vm *vm, uint64_t gpa, uint64_t size,
			  void *hva, unsigned int *slot, struct err *err);

/* The pages of a slot that the guest has written since the last time: a bit
 * each, in whole 64-bit words. */
int kvm_vm_dirty_log(const struct kvm_vm *vm, unsigned int slot,
		     uint64_t *bitmap);

/* Signals that do not end KVM_RUN: @mask, but never the kick. */
int kvm_vcpu_set_run_mask(struct kvm_vcpu *vcpu, const sigset_t *mask);

/* The one extended control register there is. */
int kvm_vcpu_set_xcr0(struct kvm_vcpu *vcpu, uint64_t value);

/* Bytes of the area that kvm_vcpu_set_xsave() takes. */
size_t kvm_xsave_size(const struct kvm *kvm);
int kvm_vcpu_set_xsave(struct kvm_vcpu *vcpu, const void *area);

/* Finishes the access that the last exit was about, without running the guest:
 * from then on registers may be set (api.rst, KVM_EXIT_IO). */
void kvm_vcpu_settle(struct kvm_vcpu *vcpu);

#endif
