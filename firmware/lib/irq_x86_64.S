/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt and exception entries: one stub per vector, 16 bytes apart; all of
 * them save struct guest_frame and call guest_dispatch().
 */

	.code64
	.text

	.globl irq_stubs
	.balign 16
irq_stubs:
	.set vector, 0
	.rept 64
	.balign 16
	/* These vectors push an error code (Intel SDM 3A, table 6-1). */
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || \
	    vector == 21 || vector == 29 || vector == 30
	.else
	push $0
	.endif
	push $vector
	jmp irq_common
	.set vector, vector + 1
	.endr

irq_common:
	cld
	push %rax
	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	/* The CPU aligned the stack by 16 and pushed 5 words, we pushed 17. */
	call guest_dispatch

	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp		/* vector and error */
	iretq

	.section .note.GNU-stack, "", @progbits
