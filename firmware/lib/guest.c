// SPDX-License-Identifier: BSD-3-Clause
/*
 * Console, verdict, and what the loader handed over (PVH: the start info of
 * Xen's pvh.h; Multiboot 1: section 3.3). See guest.h.
 */
#include "guest.h"

#define SERIAL_LSR  (PORT_SERIAL0 + 5)
#define SERIAL_FCR  (PORT_SERIAL0 + 2)
#define LSR_THRE    0x20
#define SERIAL_FIFO 16

/* hvm_start_info, byte offsets */
#define PVH_VERSION 4
#define PVH_CMDLINE 24
#define PVH_RSDP    32
#define PVH_MAP     40
#define PVH_ENTRIES 48
#define PVH_ENTRY_SIZE 24

/* multiboot_info, byte offsets and flags */
#define MB_FLAGS      0
#define MB_CMDLINE    16
#define MB_MAP_LENGTH 44
#define MB_MAP        48
#define MB_HAS_CMDLINE 0x04u
#define MB_HAS_MAP     0x40u

extern uint64_t pd_window[];

static bool fifo_on;

static void put_block(const char *s, unsigned int len)
{
	if (!fifo_on) {
		outb(SERIAL_FCR, 1);
		fifo_on = true;
	}
	while (!(inb(SERIAL_LSR) & LSR_THRE))
		;
	for (unsigned int i = 0; i < len; i++)
		outb(PORT_SERIAL0, (uint8_t)s[i]);
}

void guest_puts(const char *s)
{
	while (*s) {
		unsigned int len = 0;

		while (len < SERIAL_FIFO && s[len])
			len++;
		put_block(s, len);
		s += len;
	}
}

void guest_debug(const char *s)
{
	for (; *s; s++)
		outb(PORT_DEBUG_CON, (uint8_t)*s);
}

static void put_number(uint64_t v, unsigned int base)
{
	char text[24];
	unsigned int at = sizeof(text) - 1;

	text[at] = '\0';
	do {
		text[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	guest_puts(&text[at]);
}

static void put_signed(int64_t v)
{
	if (v < 0)
		guest_puts("-");
	put_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

/* @f points behind the '%'; returns where the text goes on. */
static const char *put_field(const char *f, va_list *args)
{
	bool is_long = *f == 'l';
	char one[2] = { 0, 0 };

	f += is_long;
	switch (*f) {
	case 's':
		guest_puts(va_arg(*args, const char *));
		break;
	case 'd':
		put_signed(is_long ? va_arg(*args, long) : va_arg(*args, int));
		break;
	case 'u':
	case 'x':
		put_number(is_long ? va_arg(*args, unsigned long) :
				     va_arg(*args, unsigned int),
			   *f == 'x' ? 16 : 10);
		break;
	case 'c':
		one[0] = (char)va_arg(*args, int);
		guest_puts(one);
		break;
	default:
		one[0] = *f;
		guest_puts(one);
		break;
	}
	return f + 1;
}

static void print(const char *format, va_list *args)
{
	while (*format) {
		char block[SERIAL_FIFO + 1];
		unsigned int len = 0;

		while (len < SERIAL_FIFO && *format && *format != '%')
			block[len++] = *format++;
		block[len] = '\0';
		guest_puts(block);
		if (*format == '%')
			format = put_field(format + 1, args);
	}
}

void guest_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, &args);
	va_end(args);
}

void guest_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

void guest_exit(uint32_t value)
{
	outl(PORT_DEBUG_EXIT, value);
	guest_halt();
}

void guest_power_off(void)
{
	outw(PORT_PM_CONTROL, 5 << 10 | 1 << 13); /* ACPI 6.4, 4.8.3.2.1 */
	guest_halt();
}

void guest_pass(void)
{
	guest_printf("PASS %s\n", guest_name);
	guest_exit(0);
}

void guest_fail(const char *format, ...)
{
	va_list args;

	guest_printf("FAIL %s: ", guest_name);
	va_start(args, format);
	print(format, &args);
	va_end(args);
	guest_puts("\n");
	guest_exit(1);
}

void *memcpy(void *dst, const void *src, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(src), "+c"(len)
			 :
			 : "memory");
	return dst;
}

void *memset(void *dst, int value, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep stosb"
			 : "+D"(to), "+c"(len)
			 : "a"(value)
			 : "memory");
	return dst;
}

const char *guest_cmdline(void)
{
	uint64_t at = 0;

	if (boot_how == GUEST_BOOT_PVH)
		at = mmio_read64(boot_ebx + PVH_CMDLINE);
	else if (mmio_read32(boot_ebx + MB_FLAGS) & MB_HAS_CMDLINE)
		at = mmio_read32(boot_ebx + MB_CMDLINE);
	return at ? (const char *)(uintptr_t)at : "";
}

/* The place behind @word where it starts a word of the command line. */
static const char *find_word(const char *word)
{
	const char *s = guest_cmdline();

	while (*s) {
		unsigned int n = 0;

		while (*s == ' ')
			s++;
		while (word[n] && s[n] == word[n])
			n++;
		if (!word[n])
			return s + n;
		while (*s && *s != ' ')
			s++;
	}
	return NULL;
}

bool guest_has_word(const char *word)
{
	const char *end = find_word(word);

	return end && (*end == ' ' || *end == '\0');
}

uint64_t guest_number(const char *key, uint64_t otherwise)
{
	const char *s = find_word(key);
	uint64_t v = 0;

	if (!s || *s++ != '=')
		return otherwise;
	while (*s >= '0' && *s <= '9')
		v = v * 10 + (uint64_t)(*s++ - '0');
	return v;
}

uint64_t guest_rsdp_hint(void)
{
	if (boot_how != GUEST_BOOT_PVH)
		return 0;
	return mmio_read64(boot_ebx + PVH_RSDP);
}

static unsigned int pvh_map(struct guest_range *map, unsigned int max)
{
	uint64_t at = mmio_read64(boot_ebx + PVH_MAP);
	unsigned int count = mmio_read32(boot_ebx + PVH_ENTRIES);

	if (mmio_read32(boot_ebx + PVH_VERSION) < 1 || !at)
		return 0;
	for (unsigned int i = 0; i < count && i < max; i++) {
		map[i].base = mmio_read64(at + i * PVH_ENTRY_SIZE);
		map[i].size = mmio_read64(at + i * PVH_ENTRY_SIZE + 8);
		map[i].type = mmio_read32(at + i * PVH_ENTRY_SIZE + 16);
	}
	return count < max ? count : max;
}

static unsigned int multiboot_map(struct guest_range *map, unsigned int max)
{
	uint32_t at = mmio_read32(boot_ebx + MB_MAP);
	uint32_t left = mmio_read32(boot_ebx + MB_MAP_LENGTH);
	unsigned int count = 0;

	if (!(mmio_read32(boot_ebx + MB_FLAGS) & MB_HAS_MAP))
		return 0;
	while (count < max && left >= 24) {
		uint32_t step = mmio_read32(at) + 4; /* size, without itself */

		map[count].base = mmio_read64(at + 4);
		map[count].size = mmio_read64(at + 12);
		map[count].type = mmio_read32(at + 20);
		count++;
		if (step > left)
			break;
		at += step;
		left -= step;
	}
	return count;
}

unsigned int guest_memory_map(struct guest_range *map, unsigned int max)
{
	return boot_how == GUEST_BOOT_PVH ? pvh_map(map, max) :
					    multiboot_map(map, max);
}

uint64_t guest_map(uint64_t gpa)
{
	const uint64_t window = 1ULL << 32;
	const uint64_t page = 2ULL << 20;

	pd_window[0] = (gpa & -page) | 0x87;
	__asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3"
			 :
			 :
			 : "rax", "memory");
	return window + (gpa & (page - 1));
}
