// SPDX-License-Identifier: BSD-3-Clause
/*
 * Part of the program of sandbox.c: a function that changes everything of its
 * CPU that unprivileged code can change, and then ends in one of many ways, and
 * one that tells what such code can see of a CPU, as a call finds it. But for
 * the clocks, which processor it is, and where the tables are (SGDT and so on):
 * those are nobody's to change.
 */
#include <sandbox.h>

/* The XSAVE area (SDM volume 1, 13.4). */
#define AREA_FCW    0
#define AREA_FSW    2
#define AREA_FTW    4
#define AREA_FOP    6
#define AREA_FIP    8
#define AREA_FDP    16
#define AREA_MXCSR  24
#define AREA_HEADER 512
#define AREA_SIZE   8192

static uint8_t area[AREA_SIZE] __attribute__((aligned(64)));

long state_dirty(const void *in, size_t in_len, void *out, size_t out_cap);
long state_read(const void *in, size_t in_len, void *out, size_t out_cap);

static int has_xsave(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 27 & 1; /* and it is enabled */
}

static void put(unsigned int at, uint64_t value, size_t len)
{
	memcpy(area + at, &value, len);
}

/* Every register of x87, SSE and what else the host has; an exception that the
 * next x87 instruction raises, in a stack that is full; all rounding modes. */
static void dirty_vectors(void)
{
	uint32_t low, high;

	memset(area, 0xa5, sizeof(area));
	memset(area + AREA_HEADER, 0, 64);
	put(AREA_FCW, 0x0b40, 2);
	put(AREA_FSW, 0xdfff, 2);
	put(AREA_FTW, 0xff, 2);
	put(AREA_FOP, 0x05a5, 2);
	put(AREA_FIP, 0x00005ec2e75ec2e7, 8);
	put(AREA_FDP, 0x00005ec2e75ec2e8, 8);
	put(AREA_MXCSR, 0xffff, 4);
	if (!has_xsave()) {
		__asm__ volatile("fxrstor64 %0" : : "m"(area));
		return;
	}
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	put(AREA_HEADER, low, 8);
	__asm__ volatile("xrstor64 %0" : : "m"(area), "a"(~0u), "d"(~0u));
}

/* Selectors that load nothing, but can be read. */
static void dirty_segments(void)
{
	__asm__ volatile("mov %0, %%ds; mov %1, %%es; mov %2, %%fs;"
			 "mov %1, %%gs" : : "r"(1), "r"(2), "r"(3));
}

#define RETURN "outb %%al, $0xe0;"
/* RFLAGS are @bits from the next instruction but one on. */
#define FLAGS(bits) "push $" #bits "; popf;"
#define ALL_REGISTERS                                                     \
	"mov $-1, %%rbx; mov $-1, %%rcx; mov $-1, %%rdx; mov $-1, %%rsi;" \
	"mov $-1, %%rdi; mov $-1, %%rbp; mov $-1, %%r8; mov $-1, %%r9;"   \
	"mov $-1, %%r10; mov $-1, %%r11; mov $-1, %%r12; mov $-1, %%r13;" \
	"mov $-1, %%r14; mov $-1, %%r15; mov $-1, %%rsp;"

/* in[0]: how it ends. The first two return whatever the host; a number behind
 * the last one changes nothing and returns 8. */
long state_dirty(const void *in, size_t in_len, void *out, size_t out_cap)
{
	const uint64_t which = *(const uint64_t *)in;
	static const uint32_t unmasked = 0;

	if (which > 42)
		return 8;
	dirty_vectors();
	dirty_segments();
#define END(number, code)                                     \
	if (which == (number))                                \
		__asm__ volatile(code RETURN                  \
				 : : "a"(0), "c"(0), "d"(0),  \
				     "D"(0xe1), "m"(unmasked) \
				 : "memory")
	END(0, ALL_REGISTERS);
	END(1, "sti;");
	END(2, FLAGS(0x243ed7)); /* all there are, but TF and NT */
	END(3, FLAGS(0x4002)); /* NT: IRET is a fault */
	END(4, FLAGS(0x102));  /* TF */
	END(5, FLAGS(0x102) "nop;");
	END(6, "mov %%ss, %%ecx;" FLAGS(0x102) "mov %%ecx, %%ss;");
	END(7, "mov $0x2b, %%ecx;" FLAGS(0x102) "mov %%ecx, %%ss;");
	END(8, FLAGS(0x102) "sti;");
	END(9, FLAGS(0x102) "syscall;");
	END(10, "mov %%ss, %%ecx;" FLAGS(0x102) "mov %%ecx, %%ss; syscall;");
	END(11, "mov %%cs, %%ecx; mov %%ecx, %%ds; mov %%ecx, %%fs;");
	END(12, "mov $0xf, %%ecx; mov %%ecx, %%es;");
	END(13, "ud2;");
	END(14, "div %%ecx;");
	END(15, "int3;");
	END(16, ".byte 0xf1;"); /* INT1 */
	END(17, "mov 8, %%al;");
	END(18, "fwait;"); /* what dirty_vectors() has left there */
	END(19, "ldmxcsr %4; xorps %%xmm0, %%xmm0; divps %%xmm0, %%xmm0;");
	END(20, "1: jmp 1b;");
	END(21, "sti; 1: jmp 1b;");
	END(22, "syscall;");
	END(23, "sysenter;");
	END(24, "outb %%al, $0xe1;"); /* a hypercall, to nobody */
	END(25, "sti; outb %%al, $0xe1;");
	END(26, "mov %%edi, %%edx; mov $3, %%ecx; mov %%rsp, %%rsi;"
		"rep outsb;");
	END(27, "in $0xe0, %%al;");
	END(28, "outw %%ax, $0xe0;");
	END(29, "mov %%rsp, %%rcx; wrfsbase %%rcx;");
	END(30, "mov %%rsp, %%rcx; wrgsbase %%rcx;");
	END(31, "mov $3, %%eax; xsetbv;");
	END(32, ".byte 0x0f, 0x01, 0xef;"); /* WRPKRU */
	END(33, "swapgs;");
	END(34, "mov %%rax, %%dr7;");
	END(35, "mov $0xc0000101, %%ecx; wrmsr;");
	END(36, ".byte 0x0f, 0x01, 0xc1;"); /* VMCALL */
	END(37, ".byte 0x0f, 0x01, 0xd9;"); /* VMMCALL */
	END(38, ".byte 0xc4, 0xe2, 0x78, 0x49, 0x04, 0x24;"); /* LDTILECFG */
	END(39, ".byte 0xf3, 0x0f, 0x01, 0xef;"); /* STUI */
	END(40, "pushq $0x23; lea 1f(%%rip), %%rcx; push %%rcx; lretq; 1:");
	END(41, "invd;");
	END(42, "mov $0xe0, %%edx; mov $3, %%ecx; mov %%rsp, %%rsi;"
		"rep outsb;"); /* returns three times */
#undef END
	return -1;
}

/*
 * Words: the sixteen registers in the order of their numbers, RFLAGS, six
 * segments, a constant by way of FS and GS, what CPUID says, XCR0, which
 * components are in use, PKRU. From 1024 on the XSAVE area, from 4096 on the
 * gate's page.
 */
__attribute__((naked)) long state_read(const void *in, size_t in_len,
				       void *out, size_t out_cap)
{
	__asm__("mov %rax, (%rdx); mov %rcx, 8(%rdx); mov %rdx, 16(%rdx)\n\t"
		"mov %rbx, 24(%rdx); mov %rsp, 32(%rdx); mov %rbp, 40(%rdx)\n\t"
		"mov %rsi, 48(%rdx); mov %rdi, 56(%rdx); mov %r8, 64(%rdx)\n\t"
		"mov %r9, 72(%rdx); mov %r10, 80(%rdx); mov %r11, 88(%rdx)\n\t"
		"mov %r12, 96(%rdx); mov %r13, 104(%rdx)\n\t"
		"mov %r14, 112(%rdx); mov %r15, 120(%rdx)\n\t"
		"pushf; popq 128(%rdx)\n\t"
		"mov %cs, %eax; mov %rax, 136(%rdx)\n\t"
		"mov %ds, %eax; mov %rax, 144(%rdx)\n\t"
		"mov %es, %eax; mov %rax, 152(%rdx)\n\t"
		"mov %fs, %eax; mov %rax, 160(%rdx)\n\t"
		"mov %gs, %eax; mov %rax, 168(%rdx)\n\t"
		"mov %ss, %eax; mov %rax, 176(%rdx)\n\t"
		"mov %rdx, %r8\n\t"
		"mov $0xc0000040, %eax\n\t" /* SANDBOX_INFO */
		"mov %fs:8(%rax), %rcx; mov %rcx, 184(%r8)\n\t"
		"mov %gs:8(%rax), %rcx; mov %rcx, 192(%r8)\n\t"
		"mov $7, %eax; xor %ecx, %ecx; cpuid\n\t"
		"mov %rbx, 200(%r8); mov %rcx, 208(%r8); mov %rdx, 216(%r8)\n\t"
		"mov %ecx, %r9d\n\t"
		"mov $1, %eax; cpuid\n\t"
		"mov %rcx, 224(%r8); mov %rdx, 232(%r8)\n\t"
		"bt $27, %ecx; jnc 1f\n\t" /* OSXSAVE */
		"mov $-1, %eax; mov $-1, %edx; xsave64 1024(%r8)\n\t"
		"xor %ecx, %ecx; xgetbv; mov %rax, 240(%r8)\n\t"
		"mov %rdx, 248(%r8)\n\t"
		"mov $13, %eax; xor %ecx, %ecx; cpuid\n\t"
		"mov %rax, 256(%r8); mov %rbx, 264(%r8)\n\t"
		"mov %rcx, 272(%r8); mov %rdx, 280(%r8)\n\t"
		"mov $13, %eax; mov $1, %ecx; cpuid\n\t"
		"mov %rax, 288(%r8); mov %rbx, 296(%r8)\n\t"
		"mov %rcx, 304(%r8)\n\t"
		"bt $2, %eax; jnc 2f\n\t" /* XGETBV of 1 */
		"mov $1, %ecx; xgetbv; mov %rax, 312(%r8); jmp 2f\n\t"
		"1: fxsave64 1024(%r8)\n\t"
		"2: bt $4, %r9d; jnc 3f\n\t" /* OSPKE */
		"xor %ecx, %ecx; .byte 0x0f, 0x01, 0xee\n\t" /* RDPKRU */
		"mov %rax, 320(%r8)\n\t"
		"3: lea 4096(%r8), %rdi; mov $0xc0000000, %esi\n\t"
		"mov $4096, %ecx; rep movsb\n\t"
		"mov $8192, %eax; ret");
}
