// SPDX-License-Identifier: BSD-3-Clause
/*
 * Descriptor tables of the CPU: IDT, TSS, and the C end of the interrupt
 * entries (Intel SDM volume 3A, chapters 6 and 7). See guest.h.
 */
#include "guest.h"

#define STUB_SIZE 16
#define GATE_INTERRUPT 0x8e00u /* present, DPL 0, interrupt gate */
#define TSS_SELECTOR 0x40
#define TSS_DWORDS 26
#define TSS_RSP0 1 /* in dwords */

extern uint8_t irq_stubs[];
extern uint8_t stack_top[];
extern uint64_t gdt[];

void guest_dispatch(struct guest_frame *f);

static guest_handler *handlers[GUEST_VECTORS];
static uint32_t idt[GUEST_VECTORS * 4] __attribute__((aligned(16)));
static uint32_t tss[TSS_DWORDS] __attribute__((aligned(16)));
static uint8_t entry_stack[4096]
	__attribute__((aligned(16), section(".stack.entry")));

struct table_pointer {
	uint16_t pad[3];
	uint16_t limit;
	uint64_t base;
};

static void set_gate(unsigned int vector)
{
	uint64_t at = (uintptr_t)irq_stubs + (uint64_t)vector * STUB_SIZE;
	uint32_t *gate = &idt[(size_t)vector * 4];

	gate[0] = (uint32_t)GUEST_CS << 16 | (uint32_t)(at & 0xffff);
	gate[1] = (uint32_t)(at & 0xffff0000) | GATE_INTERRUPT;
	gate[2] = (uint32_t)(at >> 32);
	gate[3] = 0;
}

static void load_tss(void)
{
	uint64_t base = (uintptr_t)tss;
	uint64_t stack = (uintptr_t)entry_stack + sizeof(entry_stack);

	tss[TSS_RSP0] = (uint32_t)stack;
	tss[TSS_RSP0 + 1] = (uint32_t)(stack >> 32);
	tss[TSS_DWORDS - 1] = (uint32_t)sizeof(tss) << 16; /* no port bitmap */
	gdt[TSS_SELECTOR / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
				0x89ULL << 40 | (base >> 24 & 0xff) << 56;
	gdt[TSS_SELECTOR / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR) : "memory");
}

void guest_irq_init(void)
{
	struct table_pointer p = { .limit = sizeof(idt) - 1,
				   .base = (uintptr_t)idt };

	for (unsigned int i = 0; i < GUEST_VECTORS; i++)
		set_gate(i);
	__asm__ volatile("lidt %0" : : "m"(p.limit) : "memory");
	load_tss();
}

void guest_handle(unsigned int vector, guest_handler *handler)
{
	handlers[vector] = handler;
}

void guest_dispatch(struct guest_frame *f)
{
	uint64_t cr2;

	if (handlers[f->vector]) {
		handlers[f->vector](f);
		return;
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	guest_fail("vector %lu error %lx at %lx, cr2 %lx", f->vector, f->error,
		   f->rip, cr2);
}
