// SPDX-License-Identifier: BSD-3-Clause
/* src/vcpu.c and arch/x86_64/vcpu_exit.c: the thread, the counters, and the
 * vCPU's first state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "one_vcpu.h"

static void X01_kick_stops_a_vcpu_that_waits_in_the_guest(void **state)
{
	struct one_vcpu *f = *state;
	sigset_t pending;
	struct err err;

	for (int i = 0; i < 50; i++) {
		uint64_t start = clock_mono_ms();

		assert_int_equal(vcpu_start(&f->vcpu, &err), 0);
		if (i % 2)
			usleep(500);
		vcpu_kick(&f->vcpu);
		vcpu_kick(&f->vcpu);
		vcpu_join(&f->vcpu);
		assert_true(clock_mono_ms() - start < 10000);
		assert_int_equal(f->vcpu.kvm.run->immediate_exit, 0);
	}
	sigpending(&pending);
	assert_false(sigismember(&pending, kvm_kick_signal()));
	assert_int_equal(f->ends, 0);
	vcpu_kick(&f->vcpu); /* no thread: without effect */
	vcpu_join(&f->vcpu);
}

static void vcpu_counts_its_exits_by_reason_port_and_page(void **state)
{
	struct one_vcpu *f = *state;
	uint8_t in[8];

	fake_out(0, PORT, 1, 0);
	fake_out(0, PORT, 1, 0);
	fake_in(0, 0x1234, 1, in);
	fake_mmio(0, PAGE + 8, 4, NULL, in);
	fake_exit(0, KVM_EXIT_INTR);
	one_vcpu_play(f);
	assert_int_equal(f->vcpu.stats.exits[KVM_EXIT_IO], 3);
	assert_int_equal(f->vcpu.stats.exits[KVM_EXIT_MMIO], 1);
	assert_int_equal(f->vcpu.stats.exits[KVM_EXIT_INTR], 1);
	assert_int_equal(f->vcpu.stats.port[PORT], 2);
	assert_int_equal(f->vcpu.stats.port[0x1234], 1);
	assert_int_equal(f->vcpu.stats.page[0].page, PAGE >> 12);
	assert_true(f->vcpu.stats.first_exit_ns > 0);
}

/* ---- building ---- */

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void R03_vcpu_that_kvm_refuses_leaves_nothing_open(void **state)
{
	static const unsigned long requests[] = {
		KVM_CREATE_VCPU, KVM_SET_CPUID2, KVM_GET_LAPIC,
		KVM_SET_LAPIC,	 KVM_GET_SREGS,	 KVM_SET_SREGS,
		KVM_SET_REGS,	 KVM_SET_SIGNAL_MASK,
	};
	const struct arch_entry entry = { .kind = BOOT_ENTRY_PVH };
	struct one_vcpu *f = *state;

	vcpu_finish(&f->vcpu);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		unsigned int before = open_fds();
		struct err err = { 0 };

		fake.fail_request = requests[i];
		fake.fail_times = 1;
		fake.fail_error = ENOMEM;
		assert_int_equal(vcpu_init(&f->vcpu, &f->host, 0, &entry, &err),
				 -ENOMEM);
		assert_int_equal(open_fds(), before);
		assert_null(f->vcpu.host);
		vcpu_finish(&f->vcpu);
		fake.fail_times = 0;
		if (requests[i] != KVM_SET_SIGNAL_MASK)
			assert_true(strlen(err.text) > 10);
	}
}

static void vcpu_msrs_that_kvm_refuses_are_done_without(void **state)
{
	struct one_vcpu *f = *state;
	struct err err;

	vcpu_finish(&f->vcpu);
	fake.fail_request = KVM_SET_MSRS;
	fake.fail_times = 2;
	fake.fail_error = EINVAL;
	assert_int_equal(vcpu_init(&f->vcpu, &f->host, 0, NULL, &err), 0);
	assert_int_equal(fake.fail_times, 0);
}

static void vcpu_first_state_is_what_a_pc_has(void **state)
{
	const struct arch_entry entry = { BOOT_ENTRY_PVH, 0x100020, 0x6000 };
	struct one_vcpu *f = *state;
	struct vcpu second;
	struct err err;

	vcpu_finish(&f->vcpu);
	f->cfg.cpus = 2;
	assert_int_equal(vcpu_init(&f->vcpu, &f->host, 0, &entry, &err), 0);
	assert_int_equal(vcpu_init(&second, &f->host, 1, NULL, &err), 0);
	assert_int_equal(fake.vcpu[0].regs.rip, 0x100020);
	assert_int_equal(fake.vcpu[0].regs.rbx, 0x6000);
	assert_int_equal(fake.vcpu[1].regs.rip, 0);
	/* LINT0 takes the PIC's interrupts on the first, LINT1 NMIs on all. */
	assert_memory_equal(&fake.vcpu[0].lapic.regs[0x350], "\0\7\0\0", 4);
	assert_memory_equal(&fake.vcpu[1].lapic.regs[0x350], "\0\0\0\0", 4);
	assert_memory_equal(&fake.vcpu[1].lapic.regs[0x360], "\0\4\0\0", 4);
	/* Each has its own APIC id in its CPUID. */
	for (unsigned int i = 0; i < 2; i++)
		for (uint32_t k = 0; k < fake.vcpu[i].nent; k++)
			if (fake.vcpu[i].cpuid[k].function == 1)
				assert_int_equal(fake.vcpu[i].cpuid[k].ebx >>
							 24,
						 i);
	/* Everything stays blocked in the guest but the kick. */
	assert_true(fake.vcpu[0].signal_mask ==
		    ~(UINT64_C(1) << (kvm_kick_signal() - 1)));
	vcpu_finish(&second);
}

struct guest_thread {
	struct seat seat;
	atomic_bool there, leave;
};

static void stay(void *arg)
{
	struct guest_thread *g = arg;

	atomic_store(&g->there, true);
	while (!atomic_load(&g->leave))
		usleep(200);
}

static void *sit(void *arg)
{
	struct guest_thread *g = arg;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < 1000000)
		;
	seat_sit(&g->seat);
	return NULL;
}

/* A thread of the embedder's has sat down; vcpu_main() has not looked at the
 * clock yet. */
static void vcpu_is_not_charged_for_what_its_thread_did_before(void **state)
{
	struct one_vcpu *f = *state;
	struct guest_thread g = { .there = false };
	pthread_t thread;

	seat_init(&g.seat);
	f->host.seat = &g.seat;
	assert_int_equal(pthread_create(&thread, NULL, sit, &g), 0);
	seat_give(&g.seat, stay, &g);
	while (!atomic_load(&g.there))
		usleep(200);
	f->vcpu.running = true;
	assert_int_equal(vcpu_cpu_ns(&f->vcpu), 0);
	atomic_store(&f->vcpu.cpu_before_ns, 1);
	assert_true(vcpu_cpu_ns(&f->vcpu) >= 1000000 - 1);
	atomic_store(&g.leave, true);
	vcpu_join(&f->vcpu);
	seat_close(&g.seat);
	pthread_join(thread, NULL);
	seat_finish(&g.seat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VCPU_TEST(X01_kick_stops_a_vcpu_that_waits_in_the_guest),
		VCPU_TEST(vcpu_counts_its_exits_by_reason_port_and_page),
		VCPU_TEST(R03_vcpu_that_kvm_refuses_leaves_nothing_open),
		VCPU_TEST(vcpu_msrs_that_kvm_refuses_are_done_without),
		VCPU_TEST(vcpu_first_state_is_what_a_pc_has),
		VCPU_TEST(vcpu_is_not_charged_for_what_its_thread_did_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
