// SPDX-License-Identifier: BSD-3-Clause
/*
 * Starts every CPU the MADT names. "cpus=N" on the command line: how many there
 * must be.
 */
#include "guest.h"

const char guest_name[] = "smp";

#define WAIT_MS 3000

static uint32_t arrived = 1; /* the boot CPU */
static uint32_t seen[8];     /* by LAPIC id, a bit each */
static uint32_t wrong;

static void note(unsigned int cpu)
{
	uint32_t id = lapic_read(LAPIC_ID) >> 24;

	if (cpuid(1, 0).ebx >> 24 != id)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&seen[id / 32], 1u << id % 32, __ATOMIC_SEQ_CST);
	if (cpu)
		__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

void guest_main(void)
{
	uint32_t ids[GUEST_MAX_CPUS];
	unsigned int count = acpi_cpus(ids, GUEST_MAX_CPUS);
	uint64_t expected = guest_number("cpus", 1);

	if (count != expected)
		guest_fail("%u CPUs in the MADT, not %lu", count, expected);
	if (ids[0] != 0)
		guest_fail("the first CPU's APIC id is %u", ids[0]);
	lapic_init();
	note(0);
	guest_start_cpus(ids + 1, count - 1, note);
	for (unsigned int ms = 0; ms < WAIT_MS; ms++) {
		if (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == count)
			break;
		guest_delay_us(1000);
	}
	if (arrived != count)
		guest_fail("%u of %u CPUs came", arrived, count);
	if (wrong)
		guest_fail("CPUID and LAPIC give different ids");
	for (unsigned int i = 0; i < count; i++)
		if (!(seen[ids[i] / 32] & 1u << ids[i] % 32))
			guest_fail("no CPU has the id %u", ids[i]);
	guest_printf("smp: %u CPUs\n", count);
	guest_pass();
}
