// SPDX-License-Identifier: BSD-3-Clause
/*
 * For a debugger: one CPU works, and a second one, when there is one, beats; so
 * they go on until somebody sets "finish".
 */
#include "guest.h"

const char guest_name[] = "debug";

struct point {
	uint32_t number;
	char name[8];
	uint64_t square;
};

static struct point point = { 6, "six", 36 };
static volatile uint64_t total;
static volatile uint64_t beats;
static volatile uint32_t finish;

static void __attribute__((noinline)) work(struct point *p)
{
	p->number++;
	p->square = (uint64_t)p->number * p->number;
	total += p->square;
}

static void __attribute__((noinline)) beat(unsigned int cpu)
{
	beats += cpu;
}

static void other(unsigned int cpu)
{
	while (!finish)
		beat(cpu);
}

void guest_main(void)
{
	uint32_t ids[GUEST_MAX_CPUS];
	unsigned int count = acpi_cpus(ids, GUEST_MAX_CPUS);

	lapic_init();
	guest_puts("debug: begins\n");
	if (count > 1)
		guest_start_cpus(ids + 1, count - 1, other);
	while (!finish) {
		work(&point);
		guest_delay_us(100);
	}
	if (count > 1 && !beats)
		guest_fail("the other CPU has not come");
	guest_pass();
}
