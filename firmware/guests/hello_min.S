/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The least a guest can do: two instructions in 32-bit mode, no page tables, no
 * stack, debug exit with 0. It measures everything that is not the guest.
 */

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_start

	.section .text.start, "ax"
	.code32
	.globl pvh_start
pvh_start:
	xorl %eax, %eax
	outb %al, $0xf4
1:	hlt
	jmp 1b

	.section .note.GNU-stack, "", @progbits
