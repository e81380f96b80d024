// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupts as fast as they can be asked for: the local APIC's timer at its
 * shortest period, and one to itself from each handler. Must stay stoppable.
 */
#include "guest.h"

const char guest_name[] = "bad_storm";

#define VECTOR_TIMER 32
#define VECTOR_SELF  33
#define ICR_SELF     0x44000u /* fixed, asserted, shorthand self */
#define DIVIDE_BY_1  0x0b

static void on_interrupt(struct guest_frame *f)
{
	lapic_write(LAPIC_ICR_LOW, ICR_SELF | VECTOR_SELF);
	lapic_eoi();
}

void guest_main(void)
{
	guest_irq_init();
	lapic_init();
	guest_handle(VECTOR_TIMER, on_interrupt);
	guest_handle(VECTOR_SELF, on_interrupt);
	guest_puts("bad_storm\n");
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_TIMER, VECTOR_TIMER | LAPIC_TIMER_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, 1);
	for (;;)
		guest_irq_wait();
}
