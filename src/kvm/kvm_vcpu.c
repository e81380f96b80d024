// SPDX-License-Identifier: BSD-3-Clause
/* A vCPU: its descriptor, its shared page, its registers. See kvm.h. */
#include "kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/fd.h"

#define AGAINS_MAX 20
#define ASLEEP_NS  1000000 /* between two looks */

static int vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned long request, void *arg)
{
	return ioctl(vcpu->fd, request, arg) < 0 ? -errno : 0;
}

/* For the requests that only read their argument. */
static int vcpu_set(struct kvm_vcpu *vcpu, unsigned long request,
		    const void *arg)
{
	return ioctl(vcpu->fd, request, arg) < 0 ? -errno : 0;
}

int kvm_vcpu_create(struct kvm_vcpu *vcpu, const struct kvm_vm *vm,
		    unsigned int id, struct err *err)
{
	int error;

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->id = id;
	vcpu->run_size = vm->kvm->run_size;
	vcpu->fd = fd_above(ioctl(vm->fd, KVM_CREATE_VCPU,
				  (unsigned long)id));
	if (vcpu->fd < 0)
		return err_set(err, -errno, "KVM cannot create vCPU %u: %s", id,
			       strerror(errno));
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		error = errno;
		vcpu->run = NULL;
		kvm_vcpu_destroy(vcpu);
		return err_set(err, -error, "KVM cannot map vCPU %u: %s", id,
			       strerror(error));
	}
	return 0;
}

void kvm_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_size);
	vcpu->run = NULL;
	fd_close(&vcpu->fd);
}

int kvm_kick_signal(void)
{
	return SIGRTMAX - 1;
}

/* api.rst, 4.17: while the guest runs the mask is "all but the kick". The
 * kernel wants its own sigset of 8 bytes, not the C library's. */
int kvm_vcpu_set_signal_mask(struct kvm_vcpu *vcpu)
{
	union {
		struct kvm_signal_mask mask;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + 8];
	} arg;
	uint64_t set = ~(UINT64_C(1) << (kvm_kick_signal() - 1));

	memset(&arg, 0, sizeof(arg));
	arg.mask.len = sizeof(set);
	memcpy(arg.mask.sigset, &set, sizeof(set));
	return vcpu_set(vcpu, KVM_SET_SIGNAL_MASK, &arg);
}

void kvm_consume_kick(void)
{
	const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, kvm_kick_signal());
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
}

bool kvm_wait_kick(uint64_t ns)
{
	const struct timespec time = { (time_t)(ns / 1000000000),
				       (long)(ns % 1000000000) };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, kvm_kick_signal());
	return sigtimedwait(&set, NULL, &time) > 0;
}

/* It has not been started, and is woken for something that it cannot take, such
 * as another vCPU's NMI: KVM says EAGAIN until it is started. */
static bool is_asleep(struct kvm_vcpu *vcpu)
{
	uint32_t state;

	return kvm_vcpu_get_mp_state(vcpu, &state) == 0 &&
	       state == KVM_MP_STATE_UNINITIALIZED;
}

/* A vCPU that was woken by another one says EAGAIN, once. A KVM that starts a
 * thread at the first run of a VM's says it as long as the host refuses that
 * thread, for RLIMIT_NPROC. */
int kvm_vcpu_run(struct kvm_vcpu *vcpu)
{
	int r = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;

	if (r != -EAGAIN) {
		vcpu->agains = 0;
		return r;
	}
	if (vcpu->agains < AGAINS_MAX) {
		vcpu->agains++;
		return r;
	}
	if (!is_asleep(vcpu))
		return -EUSERS;
	kvm_wait_kick(ASLEEP_NS);
	return r;
}

const char *kvm_run_error(int error)
{
	return error == -EUSERS ? "KVM cannot start a thread of its own (raise "
				  "the limit of processes, ulimit -u)"
				: strerror(-error);
}

int kvm_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *regs)
{
	return vcpu_ioctl(vcpu, KVM_GET_REGS, regs);
}

int kvm_vcpu_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *regs)
{
	return vcpu_set(vcpu, KVM_SET_REGS, regs);
}

int kvm_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	return vcpu_ioctl(vcpu, KVM_GET_SREGS, sregs);
}

int kvm_vcpu_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	return vcpu_set(vcpu, KVM_SET_SREGS, sregs);
}

int kvm_vcpu_set_fpu(struct kvm_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	return vcpu_set(vcpu, KVM_SET_FPU, fpu);
}

int kvm_vcpu_set_cpuid(struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid)
{
	return vcpu_set(vcpu, KVM_SET_CPUID2, cpuid);
}

int kvm_vcpu_get_lapic(struct kvm_vcpu *vcpu, struct kvm_lapic_state *lapic)
{
	return vcpu_ioctl(vcpu, KVM_GET_LAPIC, lapic);
}

int kvm_vcpu_set_lapic(struct kvm_vcpu *vcpu,
		       const struct kvm_lapic_state *lapic)
{
	return vcpu_set(vcpu, KVM_SET_LAPIC, lapic);
}

int kvm_vcpu_get_mp_state(struct kvm_vcpu *vcpu, uint32_t *state)
{
	struct kvm_mp_state mp = { 0 };
	int r = vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &mp);

	*state = mp.mp_state;
	return r;
}

int kvm_vcpu_set_mp_state(struct kvm_vcpu *vcpu, uint32_t state)
{
	const struct kvm_mp_state mp = { .mp_state = state };

	return vcpu_set(vcpu, KVM_SET_MP_STATE, &mp);
}

void kvm_vcpu_tell_pause(struct kvm_vcpu *vcpu)
{
	ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
}

int kvm_vcpu_set_msrs(struct kvm_vcpu *vcpu, const struct kvm_msr_entry *msrs,
		      unsigned int count, unsigned int *bad)
{
	struct kvm_msrs *arg =
		calloc(1, sizeof(*arg) + count * sizeof(msrs[0]));
	int n;
	int r = 0;

	if (!arg)
		return -ENOMEM;
	arg->nmsrs = count;
	memcpy(arg->entries, msrs, count * sizeof(msrs[0]));
	n = ioctl(vcpu->fd, KVM_SET_MSRS, arg);
	if (n < 0) {
		r = -errno;
	} else if ((unsigned int)n < count) {
		*bad = (unsigned int)n; /* the kernel stops at the first */
		r = -EINVAL;
	}
	free(arg);
	return r;
}
