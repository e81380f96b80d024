// SPDX-License-Identifier: BSD-3-Clause
/* src/vcpu_exits.c: every exit but those of devices is answered, or ends the VM
 * with a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "one_vcpu.h"

static int raw_exit(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = step->reason;
	return 0;
}

static bool is_quiet(uint32_t reason)
{
	static const uint32_t quiet[] = {
		KVM_EXIT_IO,	  KVM_EXIT_MMIO,
		KVM_EXIT_INTR,	  KVM_EXIT_IRQ_WINDOW_OPEN,
		KVM_EXIT_SET_TPR, KVM_EXIT_HLT,
		KVM_EXIT_NOTIFY,  KVM_EXIT_X86_BUS_LOCK,
		KVM_EXIT_HYPERCALL, KVM_EXIT_X86_RDMSR,
		KVM_EXIT_X86_WRMSR,
	};

	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++)
		if (quiet[i] == reason)
			return true;
	return false;
}

static void G02_every_exit_reason_is_answered_or_ends_the_vm(void **state)
{
	struct one_vcpu *f = *state;

	for (uint32_t reason = 0; reason < 64; reason++) {
		struct fake_step step = { .play = raw_exit, .reason = reason };

		one_vcpu_play_step(f, &step);
		if (f->ends != !is_quiet(reason))
			fail_msg("exit reason %u: %u ends", reason, f->ends);
		if (!f->ends)
			continue;
		assert_int_equal(f->reason, reason == KVM_EXIT_SHUTDOWN
						    ? VIREO_TRIPLE_FAULT
						    : VIREO_KVM_ERROR);
		assert_non_null(strstr(f->detail, "rip"));
	}
}

static void G02_unknown_exit_is_reported_with_its_number(void **state)
{
	struct fake_step step = { .play = raw_exit, .reason = 0xdeadbeef };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step);
	assert_int_equal(f->reason, VIREO_KVM_ERROR);
	assert_non_null(strstr(f->detail, "unexpected KVM exit 3735928559"));
	step.reason = KVM_EXIT_DEBUG;
	one_vcpu_play_step(f, &step);
	assert_non_null(strstr(f->detail, "exit 4 (debug)"));
}

static void G01_triple_fault_ends_with_rip_and_cr2(void **state)
{
	struct fake_step step = { .play = raw_exit,
				  .reason = KVM_EXIT_SHUTDOWN };
	struct one_vcpu *f = *state;

	fake.vcpu[0].regs.rip = 0x1234;
	fake.vcpu[0].sregs.cr2 = 0xfeed000;
	f->board.ram.hva[0x1234] = 0xf4;
	one_vcpu_play_step(f, &step);
	assert_int_equal(f->reason, VIREO_TRIPLE_FAULT);
	assert_non_null(strstr(f->detail, "vcpu0 rip 0x1234 "));
	assert_non_null(strstr(f->detail, "cr2 0xfeed000 "));
	assert_non_null(strstr(f->detail, "code  f4 00"));
	assert_string_equal(f->thread, "vcpu0");
}

static void G01_program_counter_outside_ram_is_not_followed(void **state)
{
	static const uint64_t places[] = { MIB, MIB - 15, 0xfee00000,
					   UINT64_MAX, UINT64_MAX - 15 };
	struct fake_step step = { .play = raw_exit,
				  .reason = KVM_EXIT_SHUTDOWN };
	struct one_vcpu *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		fake.vcpu[0].regs.rip = places[i];
		one_vcpu_play_step(f, &step);
		assert_int_equal(f->ends, 1);
		assert_null(strstr(f->detail, "code"));
	}
}

/* ---- KVM's own errors ---- */

static int emulation_failure(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = step->count;
	run->emulation_failure.flags = step->addr;
	run->emulation_failure.insn_size = (uint8_t)step->size;
	memset(run->emulation_failure.insn_bytes, 0xcc,
	       sizeof(run->emulation_failure.insn_bytes));
	return 0;
}

static void G02_emulation_failure_shows_the_instruction(void **state)
{
	struct fake_step step = { .play = emulation_failure, .count = 4,
				  .addr = 1, .size = 3 };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step);
	assert_int_equal(f->reason, VIREO_KVM_ERROR);
	assert_non_null(strstr(f->detail, "KVM internal error, suberror 1 "
					  "(emulation failure), instruction cc "
					  "cc cc\n"));
	step.size = 15;
	one_vcpu_play_step(f, &step);
	assert_non_null(strstr(f->detail, " cc\nvcpu0"));
}

static void G02_emulation_failure_without_good_bytes_shows_none(void **state)
{
	struct fake_step step = { .play = emulation_failure, .count = 4,
				  .addr = 1, .size = 16 };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step); /* more than there is room for */
	assert_null(strstr(f->detail, "instruction"));
	step.size = 255;
	one_vcpu_play_step(f, &step);
	assert_null(strstr(f->detail, "instruction"));
	step.size = 3;
	step.addr = 0; /* the flag says there are none */
	one_vcpu_play_step(f, &step);
	assert_null(strstr(f->detail, "instruction"));
	step.addr = 1;
	step.count = 0; /* an old kernel */
	one_vcpu_play_step(f, &step);
	assert_null(strstr(f->detail, "instruction"));
	assert_int_equal(f->ends, 1);
}

static int internal_error(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = step->size;
	run->internal.ndata = step->count;
	for (int i = 0; i < 16; i++)
		run->internal.data[i] = UINT64_MAX;
	return 0;
}

static void G02_internal_error_data_is_bounded(void **state)
{
	static const uint32_t counts[] = { 0, 1, 4, 16, 17, UINT32_MAX };
	static const uint32_t subs[] = { 0, 2, 3, 4, 5, UINT32_MAX };
	struct one_vcpu *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct fake_step step = { .play = internal_error,
					  .size = subs[i],
					  .count = counts[i] };

		one_vcpu_play_step(f, &step);
		assert_int_equal(f->reason, VIREO_KVM_ERROR);
		assert_non_null(strstr(f->detail, "suberror"));
		assert_non_null(strstr(f->detail, "rip"));
	}
}

static int fail_entry(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = 0x80000021;
	return 0;
}

static void G02_entry_failure_shows_the_hardware_reason(void **state)
{
	struct fake_step step = { .play = fail_entry };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step);
	assert_int_equal(f->reason, VIREO_KVM_ERROR);
	assert_non_null(strstr(f->detail, "0x80000021"));
}

static int system_event(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = step->size;
	return 0;
}

static void vcpu_system_events_end_as_they_say(void **state)
{
	static const struct {
		uint32_t type;
		enum vireo_reason reason;
	} rows[] = {
		{ KVM_SYSTEM_EVENT_SHUTDOWN, VIREO_POWER_OFF },
		{ KVM_SYSTEM_EVENT_RESET, VIREO_RESET },
		{ KVM_SYSTEM_EVENT_CRASH, VIREO_PANIC },
		{ 99, VIREO_KVM_ERROR },
	};
	struct one_vcpu *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_step step = { .play = system_event,
					  .size = rows[i].type };

		one_vcpu_play_step(f, &step);
		assert_int_equal(f->ends, 1);
		assert_int_equal(f->reason, rows[i].reason);
	}
}

static void vcpu_kvm_run_that_fails_ends_the_vm(void **state)
{
	struct one_vcpu *f = *state;

	fake_error(0, EINTR); /* these two only mean "again" */
	fake_error(0, EAGAIN);
	fake_error(0, EFAULT);
	one_vcpu_play(f);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->reason, VIREO_KVM_ERROR);
	assert_non_null(strstr(f->detail, "vcpu0: KVM_RUN: Bad address"));
	fake_error(0, ENOMEM);
	one_vcpu_play(f);
	assert_int_equal(f->reason, VIREO_HOST_ERROR);
}

static void L07_kvm_without_a_thread_of_its_own_ends_the_vm(void **state)
{
	struct one_vcpu *f = *state;

	for (int i = 0; i < 30; i++)
		fake_error(0, EAGAIN);
	one_vcpu_play(f);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->reason, VIREO_HOST_ERROR);
	assert_non_null(strstr(f->detail, "ulimit -u"));
}

/* One that was never started is woken by NMIs that it cannot take. */
static void a_vcpu_that_sleeps_is_not_the_hosts_trouble(void **state)
{
	struct one_vcpu *f = *state;

	fake.vcpu[0].mp_state = KVM_MP_STATE_UNINITIALIZED;
	for (int i = 0; i < 30; i++)
		fake_error(0, EAGAIN);
	fake_exit(0, KVM_EXIT_SHUTDOWN);
	one_vcpu_play(f);
	assert_int_equal(f->ends, 1);
	assert_int_equal(f->reason, VIREO_TRIPLE_FAULT);
}

/* ---- exits with an answer ---- */

static struct kvm_run after;

static int keep(struct kvm_run *run, const struct fake_step *step)
{
	after = *run;
	run->exit_reason = KVM_EXIT_INTR;
	return 0;
}

static void vcpu_unknown_hypercalls_and_msrs_fail_inside_the_guest(void **state)
{
	const struct fake_step look = { .play = keep };
	struct one_vcpu *f = *state;

	fake_exit(0, KVM_EXIT_HYPERCALL);
	fake_step(0, &look);
	one_vcpu_play(f);
	assert_true(after.hypercall.ret == (uint64_t)-1000);
	fake_exit(0, KVM_EXIT_X86_WRMSR);
	fake_step(0, &look);
	one_vcpu_play(f);
	assert_int_equal(after.msr.error, 1);
	assert_int_equal(f->ends, 0);
}

static int bad_notify(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_NOTIFY;
	run->notify.flags = KVM_NOTIFY_CONTEXT_INVALID;
	return 0;
}

static void G02_notify_with_a_lost_context_ends_the_vm(void **state)
{
	struct fake_step step = { .play = bad_notify };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step);
	assert_int_equal(f->reason, VIREO_KVM_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VCPU_TEST(G02_every_exit_reason_is_answered_or_ends_the_vm),
		VCPU_TEST(G02_unknown_exit_is_reported_with_its_number),
		VCPU_TEST(G01_triple_fault_ends_with_rip_and_cr2),
		VCPU_TEST(G01_program_counter_outside_ram_is_not_followed),
		VCPU_TEST(G02_emulation_failure_shows_the_instruction),
		VCPU_TEST(G02_emulation_failure_without_good_bytes_shows_none),
		VCPU_TEST(G02_internal_error_data_is_bounded),
		VCPU_TEST(G02_entry_failure_shows_the_hardware_reason),
		VCPU_TEST(vcpu_system_events_end_as_they_say),
		VCPU_TEST(vcpu_kvm_run_that_fails_ends_the_vm),
		VCPU_TEST(L07_kvm_without_a_thread_of_its_own_ends_the_vm),
		VCPU_TEST(a_vcpu_that_sleeps_is_not_the_hosts_trouble),
		VCPU_TEST(
			vcpu_unknown_hypercalls_and_msrs_fail_inside_the_guest),
		VCPU_TEST(G02_notify_with_a_lost_context_ends_the_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
