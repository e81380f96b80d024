// SPDX-License-Identifier: BSD-3-Clause
/*
 * Unprivileged code: enters CPL 3 by SYSRET and by IRET, counts there, goes on
 * after an invalid instruction, and comes back by a forbidden one. (Not by
 * SYSCALL: see docs/bed2-notes.md.) "loops=N": how far it counts.
 */
#include "guest.h"

const char guest_name[] = "cpl3";

#define MSR_STAR  0xc0000081
#define VECTOR_UD 6
#define VECTOR_GP 13

uint64_t enter_by_sysret(uint64_t loops, void *stack);
uint64_t enter_by_iret(uint64_t loops, void *stack);
void leave(void);
extern uint64_t saved_rsp;

/*
 * Both run user_code with RDI = loops and return what it has in RAX at the
 * CLI, which CPL 3 may not execute: on_protection() sends it to leave().
 */
__asm__(".pushsection .text\n"
	"enter_by_sysret:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
	"	push %r15\n"
	"	mov %rsp, saved_rsp\n"
	"	mov %rsi, %rsp\n"
	"	mov $user_code, %rcx\n"
	"	mov $2, %r11\n"
	"	sysretq\n"
	"enter_by_iret:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
	"	push %r15\n"
	"	mov %rsp, saved_rsp\n"
	"	push $0x33; push %rsi; push $2; push $0x3b; push $user_code\n"
	"	iretq\n"
	"user_code:\n"
	"	xor %eax, %eax\n"
	"1:	inc %rax\n"
	"	cmp %rdi, %rax\n"
	"	jb 1b\n"
	"	ud2\n"
	"	inc %rax\n"
	"	cli\n"
	"leave:\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".popsection\n"
	".pushsection .bss\n"
	".balign 8\n"
	"saved_rsp: .skip 8\n"
	".popsection\n");

static uint8_t user_stack[1024]
	__attribute__((aligned(16), section(".stack.user")));
static unsigned int invalid;
static unsigned int refused;

static void check_origin(const struct guest_frame *f)
{
	if (f->cs != GUEST_USER_CS || f->ss != GUEST_USER_DS)
		guest_fail("vector %lu at %lx from CS %lx, SS %lx", f->vector,
			   f->rip, f->cs, f->ss);
}

static void on_invalid(struct guest_frame *f)
{
	check_origin(f);
	invalid++;
	f->rip += 2;
}

static void on_protection(struct guest_frame *f)
{
	check_origin(f);
	refused++;
	f->rip = (uintptr_t)leave;
	f->rsp = saved_rsp;
	f->cs = GUEST_CS;
	f->ss = GUEST_DS;
}

static void check(const char *how,
		  uint64_t (*enter)(uint64_t loops, void *stack))
{
	uint64_t loops = guest_number("loops", 3000000);
	uint64_t got = enter(loops, user_stack + sizeof(user_stack));

	if (got != loops + 1)
		guest_fail("%s: counted to %lu, not %lu", how, got, loops + 1);
	if (invalid != 1 || refused != 1)
		guest_fail("%s: %u invalid, %u refused instructions", how,
			   invalid, refused);
	invalid = refused = 0;
	guest_printf("cpl3: by %s\n", how);
}

void guest_main(void)
{
	guest_irq_init();
	guest_handle(VECTOR_UD, on_invalid);
	guest_handle(VECTOR_GP, on_protection);
	/* SYSRET's CS is base + 16, its SS base + 8 (SDM 2B, SYSRET). */
	wrmsr(MSR_STAR, (uint64_t)(GUEST_USER_CS - 16) << 48);
	check("sysret", enter_by_sysret);
	check("iret", enter_by_iret);
	guest_pass();
}
