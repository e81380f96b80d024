// SPDX-License-Identifier: BSD-3-Clause
/*
 * Do the clocks agree? TSC, kvmclock (KVM cpuid leaf 0x40000001, bit 3) and the
 * local APIC's timer, each against the ACPI PM timer. Whoever runs the guest
 * may be interrupted between two reads: each comparison has some attempts.
 */
#include "guest.h"

const char guest_name[] = "timer";

#define ATTEMPTS 10
#define TOLERANCE 50 /* 1/50 = 2 % */
#define WINDOW_US 20000

#define KVM_LEAF       0x40000000
#define KVM_FEATURES   0x40000001
#define KVM_FREQUENCY  0x40000010
#define KVM_HAS_CLOCK2 (1u << 3)
#define MSR_KVM_CLOCK  0x4b564d01

#define LAPIC_KHZ 1000000 /* KVM's bus clock, where no leaf says */
#define DIVIDE_BY_16 3

/* Linux: Documentation/virt/kvm/x86/msr.rst */
struct kvm_clock {
	uint32_t version;
	uint32_t pad;
	uint64_t tsc;
	uint64_t ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};

static volatile struct kvm_clock shared __attribute__((aligned(64)));

static uint64_t kvm_clock_ns(void)
{
	uint32_t version;
	uint64_t ns;

	do {
		uint64_t delta;

		version = shared.version;
		delta = rdtsc() - shared.tsc;
		if (shared.shift < 0)
			delta >>= -shared.shift;
		else
			delta <<= shared.shift;
		ns = shared.ns + (delta >> 32) * shared.mul +
		     ((delta & UINT32_MAX) * shared.mul >> 32);
	} while (version & 1 || version != shared.version);
	return ns;
}

static uint64_t lapic_ticks(void)
{
	return UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
}

/* Ticks per millisecond of the PM timer's time. */
static uint64_t rate(uint64_t (*clock)(void))
{
	uint32_t pm = pm_timer();
	uint64_t from = clock();
	uint64_t to;

	guest_delay_us(WINDOW_US);
	to = clock();
	pm = pm_timer() - pm;
	return (to - from) * PM_TIMER_HZ / 1000 / pm;
}

static void compare(const char *what, uint64_t (*clock)(void), uint64_t khz)
{
	uint64_t got = 0;

	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		uint64_t off;

		got = rate(clock);
		off = got > khz ? got - khz : khz - got;
		if (off <= khz / TOLERANCE) {
			guest_printf("timer: %s %lu kHz\n", what, got);
			return;
		}
	}
	guest_fail("%s runs at %lu kHz, not %lu", what, got, khz);
}

static bool on_kvm(uint32_t *max_leaf)
{
	struct cpuid c;

	if (!(cpuid(1, 0).ecx & 1u << 31))
		return false;
	c = cpuid(KVM_LEAF, 0);
	*max_leaf = c.eax;
	return c.ebx == 0x4b4d564b && c.ecx == 0x564b4d56 && c.edx == 0x4d;
}

static void check_tsc(uint64_t khz)
{
	uint64_t last = rdtsc();

	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t now = rdtsc();

		if (now < last)
			guest_fail("the TSC went back from %lx to %lx", last,
				   now);
		last = now;
	}
	if (khz)
		compare("TSC", rdtsc, khz);
	else
		guest_printf("timer: TSC %lu kHz, nothing to compare with\n",
			     guest_tsc_khz());
}

static void check_kvm_clock(void)
{
	if (!(cpuid(KVM_FEATURES, 0).eax & KVM_HAS_CLOCK2)) {
		guest_puts("timer: no kvmclock\n");
		return;
	}
	wrmsr(MSR_KVM_CLOCK, (uintptr_t)&shared | 1);
	if (!shared.mul || shared.version & 1)
		guest_fail("kvmclock: version %u, factor %u", shared.version,
			   shared.mul);
	compare("kvmclock", kvm_clock_ns, 1000000);
}

void guest_main(void)
{
	uint32_t max_leaf = 0;
	uint64_t tsc_khz = 0;
	uint64_t lapic_khz = LAPIC_KHZ;
	bool kvm = on_kvm(&max_leaf);

	if (kvm && max_leaf >= KVM_FREQUENCY) {
		tsc_khz = cpuid(KVM_FREQUENCY, 0).eax;
		lapic_khz = cpuid(KVM_FREQUENCY, 0).ebx;
	}
	check_tsc(tsc_khz);
	if (kvm)
		check_kvm_clock();
	lapic_init();
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_TIMER, LAPIC_MASKED | GUEST_VECTOR_IRQ);
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
	compare("LAPIC timer / 16", lapic_ticks, lapic_khz / 16);
	guest_pass();
}
