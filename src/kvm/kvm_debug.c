// SPDX-License-Identifier: BSD-3-Clause
/* See kvm_debug.h. */
#include "kvm/kvm_debug.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static int vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	return ioctl(vcpu->fd, request, arg) < 0 ? -errno : 0;
}

int kvm_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_fpu *fpu)
{
	memset(fpu, 0, sizeof(*fpu));
	return vcpu_ioctl(vcpu, KVM_GET_FPU, fpu);
}

int kvm_vcpu_get_msr(struct kvm_vcpu *vcpu, uint32_t index, uint64_t *value)
{
	union {
		struct kvm_msrs head;
		uint8_t bytes[sizeof(struct kvm_msrs) +
			      sizeof(struct kvm_msr_entry)];
	} arg;
	int n;

	memset(&arg, 0, sizeof(arg));
	arg.head.nmsrs = 1;
	arg.head.entries[0].index = index;
	n = ioctl(vcpu->fd, KVM_GET_MSRS, &arg);
	if (n < 0)
		return -errno;
	*value = arg.head.entries[0].data;
	return n == 1 ? 0 : -EINVAL;
}

int kvm_vcpu_translate(struct kvm_vcpu *vcpu, uint64_t va, uint64_t *gpa)
{
	struct kvm_translation t = { .linear_address = va };
	int r = vcpu_ioctl(vcpu, KVM_TRANSLATE, &t);

	*gpa = t.physical_address;
	if (!r && !t.valid)
		r = -EFAULT;
	return r;
}

int kvm_vcpu_get_dr6(struct kvm_vcpu *vcpu, uint64_t *dr6)
{
	struct kvm_debugregs regs = { 0 };
	int r = vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &regs);

	*dr6 = regs.dr6;
	return r;
}

int kvm_vcpu_set_dr6(struct kvm_vcpu *vcpu, uint64_t dr6)
{
	struct kvm_debugregs regs = { 0 };
	int r = vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &regs);

	regs.dr6 = dr6;
	return r ? r : vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &regs);
}

int kvm_vcpu_set_debug(struct kvm_vcpu *vcpu,
		       const struct kvm_guest_debug *debug)
{
	struct kvm_guest_debug copy = *debug;

	return vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &copy);
}
