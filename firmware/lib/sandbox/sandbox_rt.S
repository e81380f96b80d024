/* SPDX-License-Identifier: BSD-3-Clause */
/* What compilers expect of every program, and the heap. See sandbox.h. */
	.text

	.globl	memcpy
	.type	memcpy, @function
memcpy:
	mov	%rdi, %rax
	mov	%rdx, %rcx
	rep movsb
	ret
	.size	memcpy, . - memcpy

/* Backwards when the target lies inside of the source. */
	.globl	memmove
	.type	memmove, @function
memmove:
	mov	%rdi, %rax
	sub	%rsi, %rax
	cmp	%rdx, %rax
	jae	memcpy
	mov	%rdi, %rax
	mov	%rdx, %rcx
	lea	-1(%rdi, %rdx), %rdi
	lea	-1(%rsi, %rdx), %rsi
	std
	rep movsb
	cld
	ret
	.size	memmove, . - memmove

	.globl	memset
	.type	memset, @function
memset:
	mov	%rdi, %r8
	mov	%esi, %eax
	mov	%rdx, %rcx
	rep stosb
	mov	%r8, %rax
	ret
	.size	memset, . - memset

	.globl	memcmp
	.type	memcmp, @function
memcmp:
	xor	%eax, %eax
	mov	%rdx, %rcx
	cmp	%rcx, %rcx	/* equal, if there is nothing to compare */
	repe cmpsb
	je	1f
	movzbl	-1(%rdi), %eax
	movzbl	-1(%rsi), %ecx
	sub	%ecx, %eax
	ret
1:	ret
	.size	memcmp, . - memcmp

	.globl	strlen
	.type	strlen, @function
strlen:
	xor	%eax, %eax
	mov	$-1, %rcx
	repne scasb
	not	%rcx
	lea	-1(%rcx), %rax
	ret
	.size	strlen, . - strlen

/* Used is how much of the heap is taken; see struct sandbox_info. */
	.globl	sandbox_alloc
	.type	sandbox_alloc, @function
sandbox_alloc:
	mov	$0xc0000040, %edx
	mov	16(%rdx), %rcx
	mov	used(%rip), %rax
	sub	%rax, %rcx		/* what is left: a multiple of 16 */
	cmp	%rcx, %rdi
	ja	1f
	add	$15, %rdi
	and	$-16, %rdi
	add	%rax, %rdi
	mov	%rdi, used(%rip)
	add	8(%rdx), %rax
	ret
1:	xor	%eax, %eax
	ret
	.size	sandbox_alloc, . - sandbox_alloc

	.local	used
	.comm	used, 8, 8

	.section .note.GNU-stack, "", @progbits
