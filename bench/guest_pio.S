/* SPDX-License-Identifier: BSD-3-Clause */
/* A flat 16-bit guest: 100,000 writes to a port where nobody is. */
	.code16
	movl	$100000, %ecx
1:	outb	%al, $0x80
	decl	%ecx
	jnz	1b
	movb	$0, %al
	outb	%al, $0xf4
2:	hlt
	jmp	2b
