// SPDX-License-Identifier: BSD-3-Clause
/*
 * Sends NMIs to a CPU that it never starts: there they wait, for as long as
 * nobody starts it, and nothing else happens. Wants two CPUs.
 */
#include "guest.h"

#define ICR_NMI 0x4400u /* assert */

const char guest_name[] = "bad_nmi";

void guest_main(void)
{
	lapic_init();
	for (unsigned int i = 0; i < 10; i++) {
		lapic_write(LAPIC_ICR_HIGH, 1u << 24);
		lapic_write(LAPIC_ICR_LOW, ICR_NMI);
		guest_delay_us(20000);
	}
	guest_pass();
}
