// SPDX-License-Identifier: BSD-3-Clause
/* Sends back what it receives, by interrupts; 'q' ends it. */
#include "guest.h"

const char guest_name[] = "serial_echo";

#define VECTOR_SERIAL 32

#define SERIAL_IER (PORT_SERIAL0 + 1)
#define SERIAL_IIR (PORT_SERIAL0 + 2)
#define SERIAL_MCR (PORT_SERIAL0 + 4)
#define SERIAL_LSR (PORT_SERIAL0 + 5)
#define IER_DATA   1
#define LSR_DATA   1
#define LSR_THRE   0x20
#define MCR_DTR_RTS_OUT2 0x0b

static volatile bool quit;

static void on_serial(struct guest_frame *f)
{
	(void)inb(SERIAL_IIR);
	while (inb(SERIAL_LSR) & LSR_DATA) {
		uint8_t c = inb(PORT_SERIAL0);

		while (!(inb(SERIAL_LSR) & LSR_THRE))
			;
		outb(PORT_SERIAL0, c);
		if (c == 'q')
			quit = true;
	}
	lapic_eoi();
}

void guest_main(void)
{
	guest_irq_init();
	lapic_init();
	guest_handle(VECTOR_SERIAL, on_serial);
	ioapic_route(IRQ_SERIAL0, VECTOR_SERIAL, 0);
	guest_puts("ready\n");
	outb(SERIAL_MCR, MCR_DTR_RTS_OUT2);
	outb(SERIAL_IER, IER_DATA);
	while (!quit)
		guest_irq_wait();
	guest_puts("\n");
	guest_pass();
}
