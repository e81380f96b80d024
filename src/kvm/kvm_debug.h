/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a debugger asks of a vCPU that does not run; as kvm.h, from any thread
 * then.
 */
#ifndef VIREO_KVM_KVM_DEBUG_H
#define VIREO_KVM_KVM_DEBUG_H

#include "kvm/kvm.h"

int kvm_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_fpu *fpu);
/* -EINVAL: KVM, or this vCPU, has no such MSR. */
int kvm_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value);

/* Where the guest's own page tables say that @va is, whatever their form.
 * -EFAULT: nowhere. */
int kvm_vcpu_translate(struct kvm_vcpu *vcpu, uint64_t va, uint64_t *gpa);

/* The guest's own DR6: what its next debug exception will find there. */
int kvm_vcpu_get_dr6(struct kvm_vcpu *vcpu, uint64_t *dr6);
int kvm_vcpu_set_dr6(struct kvm_vcpu *vcpu, uint64_t dr6);

/* KVM_SET_GUEST_DEBUG. */
int kvm_vcpu_set_debug(struct kvm_vcpu *vcpu,
		       const struct kvm_guest_debug *debug);

#endif
