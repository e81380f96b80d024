// SPDX-License-Identifier: BSD-3-Clause
/*
 * Debugging an x86-64 vCPU through KVM_SET_GUEST_DEBUG (api.rst, 4.87): DR7 is
 * made here, DR6 is read here (Intel SDM, volume 3, 17.2).
 */
#include "arch/arch_debug.h"

#include "arch/arch.h"
#include "base/num.h"
#include "kvm/kvm_debug.h"

#define VECTOR_DB 1
#define VECTOR_BP 3

#define DR7_FIXED     0x400u
#define DR7_ENABLE(i) (2u << 2 * (i))
#define DR7_KIND(i)   (16 + 4 * (i))
#define DR6_HIT(i)    (1u << (i))
#define DR6_HITS      15u
#define DR6_STEP      (1u << 14)

/* Bits 0-1: what is done there; bits 2-3: the length. */
static uint32_t dr7_of(const struct arch_break *b)
{
	static const uint8_t lengths[] = { [1] = 0, [2] = 1, [4] = 3,
					   [8] = 2 };
	uint32_t kind = 0;

	if (b->kind == VIREO_BREAK_HARDWARE)
		return 0;
	kind = b->kind == VIREO_WATCH_WRITE ? 1 : 3;
	return kind | (uint32_t)lengths[b->len & 15] << 2;
}

static void fill(struct kvm_guest_debug *k, const struct arch_debug *d)
{
	*k = (struct kvm_guest_debug){ 0 };
	if (d->step)
		k->control |= KVM_GUESTDBG_SINGLESTEP;
	if (d->soft)
		k->control |= KVM_GUESTDBG_USE_SW_BP;
	if (d->count)
		k->control |= KVM_GUESTDBG_USE_HW_BP;
	if (k->control)
		k->control |= KVM_GUESTDBG_ENABLE;
	k->arch.debugreg[7] = DR7_FIXED;
	for (unsigned int i = 0; i < d->count; i++) {
		k->arch.debugreg[i] = d->hw[i].va;
		k->arch.debugreg[7] |= DR7_ENABLE(i) |
				       (uint64_t)dr7_of(&d->hw[i])
					       << DR7_KIND(i);
	}
}

/* A step that ends in the handler of an interrupt is of no use; KVM before
 * 5.16 cannot hold them back. */
int arch_vcpu_set_debug(struct kvm_vcpu *vcpu, const struct arch_debug *debug)
{
	struct kvm_guest_debug k;

	fill(&k, debug);
	if (debug->step) {
		k.control |= KVM_GUESTDBG_BLOCKIRQ;
		if (kvm_vcpu_set_debug(vcpu, &k) == 0)
			return 0;
		k.control &= ~(uint32_t)KVM_GUESTDBG_BLOCKIRQ;
	}
	return kvm_vcpu_set_debug(vcpu, &k);
}

static enum arch_stop exception(const struct kvm_debug_exit_arch *d,
				uint64_t *pc, unsigned int *index)
{
	*pc = d->pc;
	if (d->exception == VECTOR_BP)
		return ARCH_STOP_SOFT;
	if (d->exception != VECTOR_DB)
		return ARCH_STOP_NONE;
	for (unsigned int i = 0; i < ARCH_BREAK_MAX; i++) {
		if (!(d->dr6 & DR6_HIT(i)))
			continue;
		*index = i;
		return ARCH_STOP_HARD;
	}
	return d->dr6 & DR6_STEP ? ARCH_STOP_STEP : ARCH_STOP_GUEST;
}

bool arch_vcpu_may_stop(const struct kvm_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return run->exit_reason == KVM_EXIT_IO &&
	       run->io.direction == KVM_EXIT_IO_IN && run->io.size == 1 &&
	       run->io.count == 1;
}

/* KVM completes a read of a port when it is called again, and moves on then:
 * that has to be over before the registers are put back. The flag stays up:
 * the next time it is called it looks at what else there is. */
void arch_vcpu_undo(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	if (!arch_vcpu_may_stop(vcpu) || kvm_vcpu_get_regs(vcpu, &regs) < 0)
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	kvm_vcpu_run(vcpu);
	kvm_vcpu_set_regs(vcpu, &regs);
}

enum arch_stop arch_vcpu_stop(struct kvm_vcpu *vcpu, uint64_t *pc,
			      unsigned int *index)
{
	const struct kvm_run *run = vcpu->run;
	struct arch_state state;

	*index = 0;
	if (run->exit_reason == KVM_EXIT_DEBUG)
		return exception(&run->debug.arch, pc, index);
	if (!arch_vcpu_may_stop(vcpu) &&
	    (run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	     run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION))
		return ARCH_STOP_NONE;
	if (arch_vcpu_state(&state, vcpu) < 0)
		return ARCH_STOP_NONE;
	*pc = state.pc;
	return ARCH_STOP_SOFT;
}

/* What KVM tells of a debug exception has not come to the guest's DR6: a
 * handler that finds nothing there does nothing. The four bits are of this one,
 * the others stay until the guest clears them. KVM that cannot is no worse off.
 */
static void tell_why(struct kvm_vcpu *vcpu)
{
	uint64_t told = vcpu->run->debug.arch.dr6;
	uint64_t dr6;

	if (kvm_vcpu_get_dr6(vcpu, &dr6) == 0)
		kvm_vcpu_set_dr6(vcpu, (dr6 & ~(uint64_t)DR6_HITS) | told);
}

int arch_vcpu_reflect(struct kvm_vcpu *vcpu, const struct arch_debug *debug,
		      enum arch_stop stop)
{
	struct kvm_guest_debug k;

	fill(&k, debug);
	k.control |= KVM_GUESTDBG_ENABLE;
	if (stop == ARCH_STOP_SOFT) {
		k.control |= KVM_GUESTDBG_INJECT_BP;
	} else {
		k.control |= KVM_GUESTDBG_INJECT_DB;
		tell_why(vcpu);
	}
	return kvm_vcpu_set_debug(vcpu, &k);
}
