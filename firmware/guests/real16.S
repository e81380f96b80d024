/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flat image for 16-bit real mode, loaded and entered at 0x7c00: prints a
 * line on the serial port and passes by the debug-exit port.
 */

	.code16
	.section .text.start, "ax"
	.globl pvh_start
pvh_start:
	cld
	xor %ax, %ax
	mov %ax, %ds
	mov $text, %si
	mov $0x3f8, %dx
1:	lodsb
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	out %al, $0xf4
3:	hlt
	jmp 3b

text:	.asciz "PASS real16\n"

	.section .note.GNU-stack, "", @progbits
