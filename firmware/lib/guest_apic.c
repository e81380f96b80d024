// SPDX-License-Identifier: BSD-3-Clause
/*
 * Local APIC in xAPIC mode (Intel SDM 3A, chapter 11), IOAPIC (82093AA
 * datasheet), the 8259s' masks, and time by the ACPI PM timer. See guest.h.
 */
#include "guest.h"

#define PIC1_DATA 0x21
#define PIC2_DATA 0xa1

#define SPURIOUS_ENABLE 0x100
#define SPURIOUS_VECTOR 63

#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_ROUTES 0x10

uint32_t lapic_read(uint32_t reg)
{
	return mmio_read32(LAYOUT_LAPIC + reg);
}

void lapic_write(uint32_t reg, uint32_t value)
{
	mmio_write32(LAYOUT_LAPIC + reg, value);
}

void lapic_init(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | SPURIOUS_VECTOR);
	lapic_write(LAPIC_LINT0, LAPIC_MASKED);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

uint32_t ioapic_read(uint32_t reg)
{
	mmio_write32(LAYOUT_IOAPIC + IOAPIC_SELECT, reg);
	return mmio_read32(LAYOUT_IOAPIC + IOAPIC_WINDOW);
}

void ioapic_write(uint32_t reg, uint32_t value)
{
	mmio_write32(LAYOUT_IOAPIC + IOAPIC_SELECT, reg);
	mmio_write32(LAYOUT_IOAPIC + IOAPIC_WINDOW, value);
}

void ioapic_route(unsigned int pin, unsigned int vector, uint32_t flags)
{
	uint32_t reg = IOAPIC_ROUTES + pin * 2;

	ioapic_write(reg, IOAPIC_MASKED);
	ioapic_write(reg + 1, 0);
	ioapic_write(reg, vector | flags);
}

uint32_t pm_timer(void)
{
	return inl(PORT_PM_TIMER);
}

void guest_delay_us(uint32_t us)
{
	uint32_t ticks = (uint32_t)((uint64_t)us * PM_TIMER_HZ / 1000000);
	uint32_t start = pm_timer();

	while (pm_timer() - start < ticks)
		;
}

uint64_t guest_tsc_khz(void)
{
	uint32_t pm = pm_timer();
	uint64_t tsc = rdtsc();
	uint32_t ticks;

	guest_delay_us(20000);
	tsc = rdtsc() - tsc;
	ticks = pm_timer() - pm;
	return tsc * PM_TIMER_HZ / 1000 / ticks;
}
