// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a program that embeds the library may add to a machine, as
 * tests/guest/embed.c does: registers with an interrupt, a doorbell that comes
 * back as one, hypercalls, memory that is lent.
 */
#include "guest.h"

const char guest_name[] = "embedded";

#define COUNTER 0xe0200000ULL /* +0: counts reads; +8: the line's level */
#define DOORBELL 0xe0300000ULL
#define LENT	 0xe0400000ULL
#define LENT_RO	 0xe0500000ULL
#define CHANNEL	 0x510

#define LINE_LEVEL 10
#define LINE_EDGE  11
#define VECTOR_LEVEL 40
#define VECTOR_EDGE  41
#define BELLS	   100

static volatile unsigned int levels;
static volatile unsigned int edges;

static void on_level(struct guest_frame *f)
{
	levels++;
	mmio_write32(COUNTER + 8, 0);
	lapic_eoi();
}

static void on_edge(struct guest_frame *f)
{
	edges++;
	lapic_eoi();
}

static void check_registers(void)
{
	for (uint32_t i = 1; i <= 5; i++)
		if (mmio_read32(COUNTER) != i)
			guest_fail("read %u of the counter is another", i);
	if (mmio_read32(COUNTER + 0x1000) != UINT32_MAX)
		guest_fail("behind the window there is something");
}

static void check_lines(void)
{
	guest_handle(VECTOR_LEVEL, on_level);
	ioapic_route(LINE_LEVEL, VECTOR_LEVEL, IOAPIC_LEVEL);
	for (unsigned int i = 1; i <= 5; i++) {
		mmio_write32(COUNTER + 8, 1);
		while (levels < i)
			guest_irq_wait();
		if (levels != i)
			guest_fail("%u interrupts of %u", levels, i);
	}
	guest_handle(VECTOR_EDGE, on_edge);
	ioapic_route(LINE_EDGE, VECTOR_EDGE, 0);
	for (unsigned int i = 1; i <= BELLS; i++) {
		mmio_write32(DOORBELL, i);
		while (edges < i)
			guest_irq_wait();
	}
	ioapic_route(LINE_EDGE, VECTOR_EDGE, IOAPIC_MASKED);
	mmio_write32(DOORBELL, 0);
	guest_irq_on();
	guest_delay_us(2000);
	guest_irq_off();
	if (edges != BELLS)
		guest_fail("a masked line has interrupted");
}

struct call {
	uint64_t number;
	uint64_t arg[6];
	uint64_t result;
} __attribute__((aligned(8)));

static void check_calls(void)
{
	static const char text[] = "from the guest";
	struct call call = { 1, { (uintptr_t)text, sizeof(text) - 1 }, 0 };

	if (inl(CHANNEL) != 0x6f726976)
		guest_fail("no channel: %x", inl(CHANNEL));
	outl(CHANNEL, (uint32_t)(uintptr_t)&call);
	if (call.result != sizeof(text) - 1)
		guest_fail("the call's result is %lu", call.result);
	outl(CHANNEL, 0xfffffff8); /* no RAM: no call, and no harm */
	call = (struct call){ 2, { 1, 2, 3, 4, 5, 6 }, 0 };
	outl(CHANNEL, (uint32_t)(uintptr_t)&call);
	if (call.result != 21)
		guest_fail("1 to 6 are %lu together", call.result);
}

static void check_lent(void)
{
	if (mmio_read32(LENT) != 0x746e656c)
		guest_fail("lent memory reads %x", mmio_read32(LENT));
	mmio_write32(LENT + 0xffc, 0x12345678);
	if (mmio_read32(LENT + 0xffc) != 0x12345678)
		guest_fail("lent memory does not keep what is written");
	mmio_write32(LENT_RO, 0);
	if (mmio_read32(LENT_RO) != 0x746e656c)
		guest_fail("read-only memory reads %x", mmio_read32(LENT_RO));
}

void guest_main(void)
{
	guest_irq_init();
	lapic_init();
	check_registers();
	check_calls();
	check_lent();
	check_lines();
	guest_pass();
}
