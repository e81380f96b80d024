// SPDX-License-Identifier: BSD-3-Clause
/* See kvm_bare.h. */
#include "kvm/kvm_bare.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define XSAVE_SIZE   4096 /* of struct kvm_xsave */
#define SETTLE_TRIES 64   /* an access in 8-byte pieces has at most two */

int kvm_vm_set_tss(struct kvm_vm *vm, uint64_t tss, uint64_t identity)
{
	uint64_t map = identity;

	return ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map) < 0 ||
			       ioctl(vm->fd, KVM_SET_TSS_ADDR,
				     (unsigned long)tss) < 0
		       ? -errno
		       : 0;
}

int kvm_vm_add_logged_ram(struct kvm_vm *vm, uint64_t gpa, uint64_t size,
			  void *hva, unsigned int *slot, struct err *err)
{
	const struct kvm_userspace_memory_region region = {
		.slot = vm->slots,
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)hva,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return err_set(err, -errno,
			       "KVM refuses %llu KiB of logged RAM at %#llx: "
			       "%s",
			       (unsigned long long)size >> 10,
			       (unsigned long long)gpa, strerror(errno));
	*slot = vm->slots++;
	return 0;
}

int kvm_vm_dirty_log(const struct kvm_vm *vm, unsigned int slot,
		     uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) < 0 ? -errno : 0;
}

/* The kernel wants its own sigset of 8 bytes, which the C library's begins
 * with. */
int kvm_vcpu_set_run_mask(struct kvm_vcpu *vcpu, const sigset_t *mask)
{
	union {
		struct kvm_signal_mask mask;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + 8];
	} arg;
	uint64_t set;

	memset(&arg, 0, sizeof(arg));
	memcpy(&set, mask, sizeof(set));
	set &= ~(UINT64_C(1) << (kvm_kick_signal() - 1));
	arg.mask.len = sizeof(set);
	memcpy(arg.mask.sigset, &set, sizeof(set));
	return ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &arg) < 0 ? -errno : 0;
}

int kvm_vcpu_set_xcr0(struct kvm_vcpu *vcpu, uint64_t value)
{
	const struct kvm_xcrs xcrs = {
		.nr_xcrs = 1,
		.xcrs = { { .xcr = 0, .value = value } },
	};

	return ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs) < 0 ? -errno : 0;
}

size_t kvm_xsave_size(const struct kvm *kvm)
{
	int size = kvm_has(kvm, KVM_CAP_XSAVE2);

	return size > XSAVE_SIZE ? (size_t)size : XSAVE_SIZE;
}

int kvm_vcpu_set_xsave(struct kvm_vcpu *vcpu, const void *area)
{
	return ioctl(vcpu->fd, KVM_SET_XSAVE, area) < 0 ? -errno : 0;
}

void kvm_vcpu_settle(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->kvm_dirty_regs = 0;
	for (int i = 0; i < SETTLE_TRIES; i++) {
		__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		if (kvm_vcpu_run(vcpu) < 0)
			break;
	}
	__atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}
