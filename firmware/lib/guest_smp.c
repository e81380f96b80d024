// SPDX-License-Identifier: BSD-3-Clause
/* Starting the other CPUs (Intel SDM 3A, 8.4.4). See guest.h. */
#include "guest.h"

#define TRAMPOLINE 0x8000 /* below 1 MiB, page aligned; its page is the SIPI */

#define ICR_INIT   0x4500u /* assert */
#define ICR_STARTUP 0x4600u
#define ICR_BUSY   0x1000u

extern uint8_t ap_start[];
extern uint8_t ap_start_end[];

void guest_ap_main(unsigned int cpu);

static guest_cpu_main *ap_function;

void guest_ap_main(unsigned int cpu)
{
	ap_function(cpu);
}

static void send(uint32_t id, uint32_t command)
{
	lapic_write(LAPIC_ICR_HIGH, id << 24);
	lapic_write(LAPIC_ICR_LOW, command);
	while (lapic_read(LAPIC_ICR_LOW) & ICR_BUSY)
		;
}

void guest_start_cpus(const uint32_t *ids, unsigned int count,
		      guest_cpu_main *main)
{
	if (count >= GUEST_MAX_CPUS)
		guest_fail("%u CPUs, room for %d", count + 1,
			   GUEST_MAX_CPUS);
	ap_function = main;
	for (uint8_t *from = ap_start, *to = (uint8_t *)TRAMPOLINE;
	     from < ap_start_end; from++)
		*(volatile uint8_t *)to++ = *from;
	for (unsigned int i = 0; i < count; i++) {
		send(ids[i], ICR_INIT);
		guest_delay_us(200);
		send(ids[i], ICR_STARTUP | TRAMPOLINE >> 12);
	}
}
