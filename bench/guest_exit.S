/* SPDX-License-Identifier: BSD-3-Clause */
/* A flat 16-bit guest that ends at once: one exit. */
	.code16
	movb	$0, %al
	outb	%al, $0xf4
1:	hlt
	jmp	1b
