// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the tests of bare sandboxes call: a function for each thing that may
 * happen in one. Built as a user builds his own.
 */
#include <sandbox.h>

#define KERNEL 0xffff800000000000u /* where the tables are; see sandbox_map.h */
#define GATE   0xc0000000u

#define PROBE(name)                                                       \
	long name(const void *in, size_t in_len, void *out, size_t out_cap); \
	long name(const void *in, size_t in_len, void *out, size_t out_cap)

static uint64_t counter = 7;
static uint8_t zeros[3 * 4096 + 100];
static const uint64_t constant = 0x1122334455667788;

/* ---- that go well ---- */

PROBE(echo)
{
	if (in_len > out_cap)
		in_len = out_cap;
	memcpy(out, in, in_len);
	return (long)in_len;
}

PROBE(nothing)
{
	return 0;
}

/* How often it has been called since the beginning; writes to all there is. */
PROBE(count)
{
	uint8_t *heap = sandbox_alloc(100);

	counter++;
	zeros[0]++;
	zeros[sizeof(zeros) - 1]++;
	heap[0]++;
	((uint64_t *)out)[0] = counter;
	((uint64_t *)out)[1] = zeros[0] + zeros[sizeof(zeros) - 1];
	((uint64_t *)out)[2] = (uintptr_t)heap;
	return 24;
}

/* Writes a byte of in[0] to every 4096th of the whole heap. */
PROBE(dirty)
{
	const struct sandbox_info *info = SANDBOX_INFO;
	size_t pages = ((const uint64_t *)in)[0];

	for (size_t i = 0; i < pages && i * 4096 < info->heap_size; i++)
		((volatile uint8_t *)info->heap)[i * 4096 + i % 4096] = 0xa5;
	return 0;
}

/* Bytes of stack, buffers and heap that are not zero, but for what this call
 * itself puts there. */
PROBE(remains)
{
	const struct sandbox_info *info = SANDBOX_INFO;
	const uint8_t *heap = (const uint8_t *)info->heap;
	const uint8_t *old = in;
	uint64_t found = 0;

	for (size_t i = 0; i < info->heap_size; i += 8)
		found += *(const uint64_t *)(heap + i) != 0;
	for (size_t i = in_len; i < info->buffer_size; i++)
		found += old[i] != 0;
	for (size_t i = 0; i < info->buffer_size; i++)
		found += ((uint8_t *)out)[i] != 0;
	for (size_t i = 0; i < sizeof(zeros); i++)
		found += zeros[i] != 0;
	old = (const uint8_t *)__builtin_frame_address(0) - 16384;
	for (size_t i = 0; i < 8192; i++)
		found += old[i] != 0;
	((uint64_t *)out)[0] = found;
	return 8;
}

/* Leaves a secret in all registers that a call leaves alone. */
PROBE(secret)
{
	static const uint64_t word[2] = { 0x5ec2e75ec2e75ec2, ~0ul };

	__asm__ volatile("movups %0, %%xmm1; movups %0, %%xmm15\n\t"
			 "movq %0, %%mm3\n\t"
			 "mov %1, %%ds; mov %1, %%gs"
			 : : "m"(word[0]), "r"(0) : "memory");
	return 0;
}

/* ... and the registers, as a call finds them: selectors, vectors, x87. */
__attribute__((naked)) PROBE(registers)
{
	__asm__("mov %ds, %eax; mov %rax, (%rdx)\n\t"
		"mov %gs, %eax; mov %rax, 8(%rdx)\n\t"
		"movups %xmm1, 16(%rdx); movups %xmm15, 32(%rdx)\n\t"
		"fxsave64 512(%rdx)\n\t"
		"mov %rbx, 48(%rdx); mov %r11, 56(%rdx); mov %r15, 64(%rdx)\n\t"
		"mov $1024, %eax; ret");
}

PROBE(vector_of_256_bits)
{
	__asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\t"
			 "vmovups %%ymm0, (%0)\n\tvzeroupper"
			 : : "r"(out) : "memory");
	return 32;
}

PROBE(all_of_the_heap)
{
	uint64_t *counts = out;

	counts[0] = counts[1] = 0;
	for (void *p; (p = sandbox_alloc(1000)); counts[0]++) {
		memset(p, 1, 1000);
		counts[1] += (uintptr_t)p % 16 != 0;
	}
	counts[2] = sandbox_alloc(~0ul) || sandbox_alloc(SIZE_MAX / 2);
	return 24;
}

PROBE(library)
{
	char *text = out;

	memcpy(text, "abcdefgh", 9);
	memmove(text + 2, text, 6);
	memmove(text, text + 1, 3);
	text[8] = '\0';
	if (strlen(text) != 8 || strlen("") || memcmp("ab", "ab", 2) ||
	    memcmp("a", "b", 0) || memcmp("aa", "ab", 2) >= 0 ||
	    memcmp("\xff", "a", 1) <= 0)
		return -1;
	memset(text + 8, 'x', 4);
	return 12;
}

PROBE(ends_early)
{
	memcpy(out, "early", 5);
	sandbox_return(5);
}

/* ---- that do not return ---- */

PROBE(too_much)
{
	return (long)out_cap + 1;
}

PROBE(fails)
{
	return -22;
}

PROBE(spin)
{
	for (;;)
		__asm__ volatile("pause");
}

PROBE(spin_without_interrupts)
{
	__asm__ volatile("cli");
	for (;;)
		__asm__ volatile("");
}

/* in[0]: an address. */
PROBE(read_at)
{
	return **(volatile uint8_t *const *)in & 1;
}

PROBE(write_at)
{
	**(volatile uint8_t *const *)in = 1;
	return 0;
}

PROBE(execute_at)
{
	(*(void (*const *)(void))in)();
	return 0;
}

PROBE(write_code)
{
	*(volatile uint8_t *)(uintptr_t)write_code = 1;
	return 0;
}

PROBE(write_constant)
{
	*(volatile uint64_t *)(uintptr_t)&constant = 1;
	return 0;
}

PROBE(execute_data)
{
	*(uint8_t *)out = 0xc3; /* ret */
	((void (*)(void))out)();
	return 0;
}

static long recurse(uint64_t depth)
{
	volatile uint8_t frame[512];

	frame[0] = (uint8_t)depth;
	return depth ? recurse(depth - 1) + frame[0] : 0;
}

PROBE(overflow)
{
	return recurse(~UINT64_C(0));
}

/* An instruction for each value of in[0]. */
PROBE(instruction)
{
	const uint64_t which = *(const uint64_t *)in;
	long result = 0;

#define CASE(number, code) \
	if (which == (number)) \
		__asm__ volatile(code : "+a"(result) \
				 : "c"(0), "d"(0) \
				 : "memory", "r11", "rsi")
	CASE(0, "ud2");
	CASE(1, "div %%ecx");
	CASE(2, "hlt");
	CASE(3, "clts");
	CASE(4, "mov %%cr3, %%rax");
	CASE(5, "rdmsr");
	CASE(6, "outb %%al, $0x80");
	CASE(7, "mov $0x1234, %%edx; inb %%dx, %%al");
	CASE(8, "outb %%al, $0xe2");
	CASE(9, "int $0x80");
	CASE(10, "int $14");
	CASE(11, "int3");
	CASE(12, "mov $60, %%eax; syscall");
	CASE(13, "sysenter");
	CASE(14, "inb $0xe0, %%al");
	CASE(15, "outw %%ax, $0xe0");
	CASE(16, "mov $0xe1, %%edx; mov $5, %%ecx; mov %%rsp, %%rsi;"
		 "rep outsb");
	CASE(17, "xsetbv");
	CASE(18, "mov $0x101, %%eax; push %%rax; popf; nop");
	CASE(19, "movaps 1(%%rsp), %%xmm0");
	CASE(20, "mov $0x8000, %%eax; shl $33, %%rax; mov (%%rax), %%al");
	CASE(21, "lretq");
	CASE(22, "mov $0x10, %%eax; mov %%eax, %%ss");
	CASE(23, "iretq");
	CASE(24, "invlpg (%%rsp)");
	CASE(25, "wbinvd");
	CASE(26, "lgdt (%%rsp)");
	CASE(27, "swapgs");
#undef CASE
	return result;
}

/* in[0]: for a segment register. */
PROBE(load_selector)
{
	__asm__ volatile("mov %0, %%es" : : "r"(*(const uint32_t *)in));
	return 0;
}

/* ---- hypercalls ---- */

/* in: number, place of the input, its length, place of the output, its room. */
PROBE(hypercall)
{
	const uint64_t *word = in;
	long result = sandbox_hypercall(word[0], (const void *)word[1],
					word[2], (void *)word[3], word[4]);

	memcpy(out, &result, sizeof(result));
	return sizeof(result);
}

/* The input to number 3, its answer out. */
PROBE(pass_on)
{
	return sandbox_hypercall(3, in, in_len, out, out_cap);
}

PROBE(many_hypercalls)
{
	uint64_t times = *(const uint64_t *)in;

	for (uint64_t i = 0; i < times; i++)
		sandbox_hypercall(1, 0, 0, 0, 0);
	return 0;
}

/* Places that the tests ask about. */
PROBE(places)
{
	const uint64_t word[] = {
		(uintptr_t)in, (uintptr_t)out, (uintptr_t)SANDBOX_INFO->heap,
		SANDBOX_INFO->heap_size, SANDBOX_INFO->buffer_size,
		(uintptr_t)__builtin_frame_address(0), (uintptr_t)&constant,
		(uintptr_t)places, KERNEL, GATE,
	};

	memcpy(out, word, sizeof(word));
	return sizeof(word);
}
