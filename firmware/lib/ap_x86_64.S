/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the other CPUs start: guest_smp.c copies ap_start..ap_start_end to a
 * page below 1 MiB, SIPI enters it in real mode with IP 0. Each CPU takes the
 * next number and the stack of that number.
 */

#define AP_STACK_SHIFT 12

	.text
	.globl ap_start, ap_start_end
	.code16
ap_start:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl ap_gdt - ap_start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x08, $ap_start32
	.balign 4
ap_gdt:
	.word 0x4f		/* as large as gdt_pointer says */
	.long gdt
ap_start_end:

	.code32
ap_start32:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $1, %edi
	lock xaddl %edi, ap_next
	movl %edi, %esp
	shll $AP_STACK_SHIFT, %esp
	addl $ap_stacks, %esp	/* CPU n grows down from n pages */
	call enter_long_mode_setup
	ljmp $0x18, $ap_start64

	.code64
ap_start64:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	call guest_ap_main
1:	cli
	hlt
	jmp 1b

	.data
	.balign 4
	.globl ap_next
ap_next:
	.long 1

	.section .stack.ap, "aw", @nobits
	.balign 16
ap_stacks:
	.skip 15 << AP_STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
