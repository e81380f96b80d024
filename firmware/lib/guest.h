/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime of the test guests: freestanding code for one x86-64 machine in
 * long mode, addresses one to one. It may know layout.h and the standards, and
 * nothing of the host. Functions run on the boot CPU unless they say otherwise.
 */
#ifndef FIRMWARE_GUEST_H
#define FIRMWARE_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/layout.h"

/* What each guest defines. */
extern const char guest_name[];
void guest_main(void);

/* ---- how it was started (start_x86_64.S) ---- */

enum { GUEST_BOOT_PVH, GUEST_BOOT_MULTIBOOT };

extern uint32_t boot_how; /* GUEST_BOOT_... */
extern uint32_t boot_eax;
extern uint32_t boot_ebx; /* hvm_start_info or multiboot_info */

struct guest_range {
	uint64_t base;
	uint64_t size;
	uint32_t type; /* 1: RAM, as in E820 */
};

const char *guest_cmdline(void); /* "" when there is none */
bool guest_has_word(const char *word);
/* The number after "key=" on the command line, else @otherwise. */
uint64_t guest_number(const char *key, uint64_t otherwise);
/* The memory map as the loader gave it; returns how many entries. */
unsigned int guest_memory_map(struct guest_range *map, unsigned int max);
/* From hvm_start_info; 0 when the loader did not say. */
uint64_t guest_rsdp_hint(void);

/* ---- ports, registers, memory ---- */

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
			 : "a"(leaf), "c"(sub));
	return c;
}

static inline volatile void *guest_at(uint64_t address)
{
	return (volatile void *)(uintptr_t)address;
}

static inline uint8_t mmio_read8(uint64_t a)
{
	return *(volatile uint8_t *)guest_at(a);
}

static inline uint16_t mmio_read16(uint64_t a)
{
	return *(volatile uint16_t *)guest_at(a);
}

static inline uint32_t mmio_read32(uint64_t a)
{
	return *(volatile uint32_t *)guest_at(a);
}

static inline uint64_t mmio_read64(uint64_t a)
{
	return *(volatile uint64_t *)guest_at(a);
}

static inline void mmio_write8(uint64_t a, uint8_t v)
{
	*(volatile uint8_t *)guest_at(a) = v;
}

static inline void mmio_write16(uint64_t a, uint16_t v)
{
	*(volatile uint16_t *)guest_at(a) = v;
}

static inline void mmio_write32(uint64_t a, uint32_t v)
{
	*(volatile uint32_t *)guest_at(a) = v;
}

static inline void mmio_write64(uint64_t a, uint64_t v)
{
	*(volatile uint64_t *)guest_at(a) = v;
}

/* Shows the 2 MiB page around a physical address from 4 GiB up; returns the
 * address to use. The window moves at the next call. */
uint64_t guest_map(uint64_t gpa);

void *memcpy(void *dst, const void *src, size_t len);
void *memset(void *dst, int value, size_t len);

/* ---- text and verdict ---- */

void guest_puts(const char *s); /* to the serial port; "\n" as it is */
/* %s %c %d %u %x %lu %lx %%. */
void guest_printf(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
void guest_debug(const char *s); /* to the debug console */

/* Ends the VM by the debug-exit port; where there is none, halts. */
_Noreturn void guest_exit(uint32_t value);
_Noreturn void guest_power_off(void); /* ACPI S5 */
_Noreturn void guest_halt(void);      /* for ever, interrupts off */
_Noreturn void guest_pass(void);      /* "PASS name", debug exit 0 */
_Noreturn void guest_fail(const char *format, ...) /* "FAIL name: why", 1 */
	__attribute__((format(printf, 1, 2)));

/* ---- interrupts and exceptions (guest_cpu.c, irq_x86_64.S) ---- */

#define GUEST_VECTORS    64
#define GUEST_VECTOR_IRQ 32 /* first one free for devices */

/* irq_x86_64.S knows the order. */
struct guest_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

#define GUEST_CS      0x18
#define GUEST_DS      0x20
#define GUEST_USER_CS 0x3b
#define GUEST_USER_DS 0x33

typedef void guest_handler(struct guest_frame *f);

/* IDT, TSS (stack for entries from CPL 3); interrupts stay off. An exception
 * without a handler is a failure verdict. */
void guest_irq_init(void);
void guest_handle(unsigned int vector, guest_handler *handler);

static inline void guest_irq_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void guest_irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Sleeps until one interrupt has been handled; off before and after. */
static inline void guest_irq_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* ---- interrupt controllers and time (guest_apic.c) ---- */

#define LAPIC_ID        0x20
#define LAPIC_VERSION   0x30
#define LAPIC_TPR       0x80
#define LAPIC_EOI       0xb0
#define LAPIC_SPURIOUS  0xf0
#define LAPIC_ICR_LOW   0x300
#define LAPIC_ICR_HIGH  0x310
#define LAPIC_TIMER     0x320
#define LAPIC_LINT0     0x350
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE  0x3e0

#define LAPIC_TIMER_PERIODIC 0x20000
#define LAPIC_MASKED         0x10000

#define IOAPIC_LEVEL  0x8000
#define IOAPIC_MASKED 0x10000

#define PM_TIMER_HZ 3579545u

uint32_t lapic_read(uint32_t reg);
void lapic_write(uint32_t reg, uint32_t value);
/* Masks the 8259s, enables the local APIC. Each CPU for itself. */
void lapic_init(void);
void lapic_eoi(void);

uint32_t ioapic_read(uint32_t reg);
void ioapic_write(uint32_t reg, uint32_t value);
/* Pin to vector, fixed delivery, to APIC id 0; @flags: IOAPIC_... */
void ioapic_route(unsigned int pin, unsigned int vector, uint32_t flags);

uint32_t pm_timer(void);
/* Busy; by the ACPI PM timer. */
void guest_delay_us(uint32_t us);
/* TSC ticks per millisecond, measured against the PM timer in 20 ms. */
uint64_t guest_tsc_khz(void);

/* ---- ACPI tables (guest_acpi.c) ---- */

#define ACPI_HEADER_SIZE 36

/* Physical address of the RSDP; 0 when there is none. */
uint64_t acpi_rsdp(void);
/* Sum of @len bytes is 0? */
bool acpi_sum_ok(uint64_t table, uint32_t len);
/* The first table with this signature in the XSDT; 0. */
uint64_t acpi_find(const char *signature);
uint32_t acpi_length(uint64_t table);
/* Enabled processors in the MADT, their APIC ids in @ids (at most @max). */
unsigned int acpi_cpus(uint32_t *ids, unsigned int max);

/* ---- other CPUs (guest_smp.c, ap_x86_64.S) ---- */

#define GUEST_MAX_CPUS 16

typedef void guest_cpu_main(unsigned int cpu);

/* INIT, SIPI to each id; each runs main(1), main(2)... in the order of arrival
 * with a stack of its own and interrupts off, and then halts. */
void guest_start_cpus(const uint32_t *ids, unsigned int count,
		      guest_cpu_main *main);

#endif
