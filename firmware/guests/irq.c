// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupts: the UART's transmitter by the IOAPIC, the local APIC's timer once
 * and periodically, an interrupt to itself. Each wait is a HLT.
 */
#include "guest.h"

const char guest_name[] = "irq";

#define VECTOR_SERIAL 32
#define VECTOR_TIMER  33
#define VECTOR_SELF   34

#define SERIAL_IER (PORT_SERIAL0 + 1)
#define SERIAL_IIR (PORT_SERIAL0 + 2)
#define SERIAL_MCR (PORT_SERIAL0 + 4)
#define IER_THRE   2
#define IIR_NONE   1
#define IIR_THRE   2
#define MCR_OUT2   8

#define DIVIDE_BY_16 3
#define PERIODS 5

static const char text[] = "irq: sent by interrupts\n";
static volatile unsigned int sent;
static volatile unsigned int wrong;
static volatile unsigned int ticks;
static volatile unsigned int self;

static void on_serial(struct guest_frame *f)
{
	uint8_t iir = inb(SERIAL_IIR);

	if ((iir & 0x0f) != IIR_THRE)
		wrong++;
	else if (sent < sizeof(text) - 1)
		outb(PORT_SERIAL0, (uint8_t)text[sent++]);
	else
		outb(SERIAL_IER, 0);
	lapic_eoi();
}

static void on_timer(struct guest_frame *f)
{
	ticks++;
	lapic_eoi();
}

static void on_self(struct guest_frame *f)
{
	self++;
	lapic_eoi();
}

static void check_serial(void)
{
	guest_handle(VECTOR_SERIAL, on_serial);
	ioapic_route(IRQ_SERIAL0, VECTOR_SERIAL, 0);
	outb(SERIAL_MCR, MCR_OUT2);
	outb(SERIAL_IER, IER_THRE);
	while (sent < sizeof(text) - 1)
		guest_irq_wait();
	outb(SERIAL_IER, 0);
	ioapic_route(IRQ_SERIAL0, VECTOR_SERIAL, IOAPIC_MASKED);
	if (wrong)
		guest_fail("%u serial interrupts without a cause", wrong);
	if (!(inb(SERIAL_IIR) & IIR_NONE))
		guest_fail("an interrupt is pending that is not enabled");
}

static void check_timer(void)
{
	guest_handle(VECTOR_TIMER, on_timer);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
	lapic_write(LAPIC_TIMER, VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, 100000);
	while (!ticks)
		guest_irq_wait();
	guest_irq_on();
	guest_delay_us(5000);
	guest_irq_off();
	if (ticks != 1)
		guest_fail("the one-shot timer came %u times", ticks);
	if (lapic_read(LAPIC_TIMER_CURRENT))
		guest_fail("the one-shot timer goes on counting");

	lapic_write(LAPIC_TIMER, VECTOR_TIMER | LAPIC_TIMER_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, 1000000);
	while (ticks < 1 + PERIODS)
		guest_irq_wait();
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}

static void check_self(void)
{
	guest_handle(VECTOR_SELF, on_self);
	lapic_write(LAPIC_ICR_LOW, 0x40000 | VECTOR_SELF);
	while (!self)
		guest_irq_wait();
	if (self != 1)
		guest_fail("one interrupt to itself came %u times", self);
}

void guest_main(void)
{
	guest_irq_init();
	lapic_init();
	check_serial();
	check_timer();
	check_self();
	guest_pass();
}
