/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel gives a stack that is aligned; nobody is returned to. */
	.section .text.start, "ax"
	.globl _start
_start:
	xorl %ebp, %ebp
	call init_main
	ud2

	.section .note.GNU-stack, "", @progbits
