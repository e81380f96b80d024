// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/sandbox_vcpu.c: what KVM is told of the vCPU, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "arch/arch_sandbox.h"
#include "kvm/kvm_bare.h"

#define SYNC_ALL \
	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)
#define XSAVE_SIZE 4096
#define ENTRY      0x10000u
#define ELSEWHERE  0x12345u
#define IF_FLAG    0x200u

/* KVM, as far as it is asked. */
static struct {
	struct kvm_sregs sregs;
	uint8_t xsave[XSAVE_SIZE];
	unsigned int settled;
	uint64_t settled_at; /* RIP */
} fake;

int kvm_has(const struct kvm *kvm, int cap)
{
	return SYNC_ALL;
}

int kvm_supported_cpuid(const struct kvm *kvm, struct kvm_cpuid2 **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -1;
}

int kvm_vcpu_set_cpuid(struct kvm_vcpu *vcpu, const struct kvm_cpuid2 *cpuid)
{
	return 0;
}

int kvm_vcpu_set_msrs(struct kvm_vcpu *vcpu, const struct kvm_msr_entry *msrs,
		      unsigned int count, unsigned int *bad)
{
	return 0;
}

int kvm_vcpu_set_xcr0(struct kvm_vcpu *vcpu, uint64_t value)
{
	return 0;
}

/* Whatever there was. */
int kvm_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	memset(sregs, 0x5a, sizeof(*sregs));
	return 0;
}

int kvm_vcpu_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	fake.sregs = *sregs;
	return 0;
}

size_t kvm_xsave_size(const struct kvm *kvm)
{
	return XSAVE_SIZE;
}

int kvm_vcpu_set_xsave(struct kvm_vcpu *vcpu, const void *area)
{
	memcpy(fake.xsave, area, XSAVE_SIZE);
	return 0;
}

void kvm_vcpu_settle(struct kvm_vcpu *vcpu)
{
	fake.settled++;
	fake.settled_at = vcpu->run->s.regs.regs.rip;
	vcpu->run->kvm_dirty_regs = 0;
}

const char *kvm_exit_name(uint32_t reason)
{
	return "fake";
}

struct fixture {
	struct arch_sandbox a;
	struct kvm_vcpu vcpu;
	struct kvm_run run;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	memset(&fake, 0, sizeof(fake));
	f->vcpu.run = &f->run;
	return arch_sandbox_init(&f->a, &f->vcpu, NULL, &err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arch_sandbox_finish(&f->a);
	free(f);
	return 0;
}

static void enter(struct fixture *f, uint64_t pc)
{
	const uint64_t arg[4] = { 0 };

	arch_sandbox_enter(&f->a, &f->vcpu, pc, 0, arg);
	assert_true(f->run.s.regs.regs.rip == pc);
	assert_true(f->run.kvm_dirty_regs & KVM_SYNC_X86_REGS);
}

/* A call has returned, by the port write at @rip. */
static void leave(struct fixture *f, uint64_t rip, uint64_t rflags)
{
	f->run.exit_reason = KVM_EXIT_IO;
	f->run.kvm_dirty_regs = 0;
	f->run.s.regs.regs.rip = rip;
	f->run.s.regs.regs.rflags = rflags;
	memset(&f->run.s.regs.events, 0xff, sizeof(f->run.s.regs.events));
}

static bool is_none(const struct kvm_segment *s)
{
	const struct kvm_segment none = { .unusable = 1 };

	return !memcmp(s, &none, sizeof(none));
}

static void all_special_registers_are_ours(void **state)
{
	const struct kvm_sregs *s = &fake.sregs;

	assert_true(is_none(&s->ldt));
	assert_true(is_none(&s->ds) && is_none(&s->es));
	assert_true(is_none(&s->fs) && is_none(&s->gs));
	assert_int_equal(s->cs.dpl, 3);
	assert_int_equal(s->ss.dpl, 3);
	assert_true(s->cr2 == 0 && s->cr8 == 0);
	for (size_t i = 0; i < sizeof(s->interrupt_bitmap) / 8; i++)
		assert_true(s->interrupt_bitmap[i] == 0);
	assert_true(s->apic_base == 0x5a5a5a5a5a5a5a5a); /* but this one */
}

/* FCW, MXCSR, and that x87 and SSE are there: else a CPU without XSAVES would
 * not load MXCSR. */
static void a_reset_tells_the_floating_point_state(void **state)
{
	struct fixture *f = *state;

	memset(fake.xsave, 0xff, sizeof(fake.xsave));
	assert_int_equal(arch_sandbox_reset(&f->a, &f->vcpu), 0);
	for (size_t i = 0; i < XSAVE_SIZE; i++) {
		uint8_t want = i == 0	? 0x7f :
			       i == 1	? 0x03 :
			       i == 24	? 0x80 :
			       i == 25	? 0x1f :
			       i == 512 ? 0x03 :
					  0;

		assert_int_equal(fake.xsave[i], want);
	}
}

static void the_first_call_sets_everything(void **state)
{
	struct fixture *f = *state;
	const struct kvm_vcpu_events *e = &f->run.s.regs.events;

	for (int i = 0; i < 2; i++) {
		enter(f, ENTRY);
		assert_int_equal(f->run.kvm_dirty_regs, SYNC_ALL);
		assert_memory_equal(&f->run.s.regs.sregs, &fake.sregs,
				    sizeof(fake.sregs));
		assert_int_equal(e->flags, KVM_VCPUEVENT_VALID_NMI_PENDING |
						   KVM_VCPUEVENT_VALID_SHADOW);
		assert_int_equal(e->exception.injected, 0);
		assert_int_equal(e->interrupt.shadow, 0);
		leave(f, ELSEWHERE, 0x2);
		arch_sandbox_reset(&f->a, &f->vcpu);
	}
	assert_int_equal(fake.settled, 0);
}

static void a_later_call_sets_registers_only(void **state)
{
	struct fixture *f = *state;

	enter(f, ENTRY);
	leave(f, ELSEWHERE, 0x2);
	enter(f, ENTRY);
	assert_int_equal(f->run.kvm_dirty_regs, KVM_SYNC_X86_REGS);
	assert_int_equal(fake.settled, 0);
}

/* VMX does not enter with the shadow of STI and interrupts off. */
static void the_shadow_of_sti_ends_with_its_call(void **state)
{
	struct fixture *f = *state;

	enter(f, ENTRY);
	leave(f, ELSEWHERE, IF_FLAG | 0x2);
	enter(f, ENTRY);
	assert_int_equal(f->run.kvm_dirty_regs,
			 KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS);
	assert_int_equal(f->run.s.regs.events.interrupt.shadow, 0);
	assert_true(f->run.s.regs.events.flags & KVM_VCPUEVENT_VALID_SHADOW);
}

/* KVM would go past the instruction. */
static void a_call_to_where_the_last_one_ended_is_settled(void **state)
{
	struct fixture *f = *state;

	enter(f, ENTRY);
	leave(f, ENTRY, 0x2);
	enter(f, ENTRY);
	assert_int_equal(fake.settled, 1);
	assert_true(fake.settled_at == ENTRY);
	f->run.exit_reason = KVM_EXIT_INTR; /* nothing is half done */
	f->run.kvm_dirty_regs = 0;
	enter(f, ENTRY);
	assert_int_equal(fake.settled, 1);
}

/* One that came to nothing has left its own registers there. */
static void a_call_after_one_that_did_not_begin_is_settled(void **state)
{
	struct fixture *f = *state;

	enter(f, ENTRY);
	leave(f, ENTRY, 0x2);
	arch_sandbox_reset(&f->a, &f->vcpu);
	enter(f, ELSEWHERE);
	assert_int_equal(fake.settled, 0);
	enter(f, ENTRY);
	assert_int_equal(fake.settled, 1);
	assert_int_equal(f->run.kvm_dirty_regs, SYNC_ALL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_special_registers_are_ours),
		T(a_reset_tells_the_floating_point_state),
		T(the_first_call_sets_everything),
		T(a_later_call_sets_registers_only),
		T(the_shadow_of_sti_ends_with_its_call),
		T(a_call_to_where_the_last_one_ended_is_settled),
		T(a_call_after_one_that_did_not_begin_is_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
