/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entry of every guest: by the PVH note (EBX = hvm_start_info) or by the
 * Multiboot 1 header (EAX = magic, EBX = multiboot_info). Both enter in 32-bit
 * protected mode with paging off; guest_main() runs in 64-bit mode with the
 * first 4 GiB mapped one to one.
 *
 * The page tables and the GDT are data of the image: where CPL 0 code is
 * emulated, building 2,048 entries would cost more than most guests.
 */

#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x00010003 /* page aligned modules, memory map, addresses */

#define CR0_PE_PG   0x80000001
#define CR4_PAE     0x20
#define EFER        0xc0000080
#define EFER_SCE_LME 0x101

#define PTE_TABLE   0x07 /* present, writable, user */
#define PTE_LARGE   0x87 /* the same, 2 MiB */
#define PTE_DEVICE  0x9f /* the same, not cached */

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_start

	.section .text.start, "ax"
	.balign 4
multiboot_header:
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	.long multiboot_header, image_start, image_data_end, image_end
	.long multiboot_start

	.code32
	.globl pvh_start
pvh_start:
	xorl %esi, %esi		/* GUEST_BOOT_PVH */
	jmp start32

multiboot_start:
	movl $1, %esi		/* GUEST_BOOT_MULTIBOOT */

start32:
	cld
	movl %eax, %ebp
	lgdt gdt_pointer
	ljmp $0x08, $1f
1:	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $stack_top, %esp
	movl $bss_start, %edi
	movl $bss_dwords, %ecx
	xorl %eax, %eax
	rep stosl
	movl %esi, boot_how
	movl %ebp, boot_eax
	movl %ebx, boot_ebx
	call enter_long_mode_setup
	ljmp $0x18, $start64

	.globl enter_long_mode_setup
enter_long_mode_setup:
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $EFER, %ecx
	rdmsr
	orl $EFER_SCE_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PE_PG, %eax
	movl %eax, %cr0
	ret

	.code64
start64:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	call guest_main
	/* A guest that returns has no verdict of its own. */
	movl $2, %edi
	call guest_exit

	.section .data.tables, "aw"
	.balign 4096
	.globl pml4
pml4:
	.quad pdpt + PTE_TABLE
	.fill 511, 8, 0
	.globl pdpt
pdpt:
	.quad pd + PTE_TABLE
	.quad pd + 0x1000 + PTE_TABLE
	.quad pd + 0x2000 + PTE_TABLE
	.quad pd + 0x3000 + PTE_TABLE
	.quad pd_window + PTE_TABLE
	.fill 507, 8, 0
pd:
	.set at, 0
	.rept 1536
	.quad at + PTE_LARGE
	.set at, at + 0x200000
	.endr
	.rept 512
	.quad at + PTE_DEVICE
	.set at, at + 0x200000
	.endr
	/* Virtual 4 GiB: what guest_map() shows. */
	.globl pd_window
pd_window:
	.fill 512, 8, 0

	/* guest_cpu.c knows the order of the selectors. */
	.balign 16
	.globl gdt
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00cf93000000ffff	/* 0x10: data */
	.quad 0x00af9b000000ffff	/* 0x18: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x20: data; SYSCALL's SS */
	.quad 0x00cffb000000ffff	/* 0x28: user 32-bit code */
	.quad 0x00cff3000000ffff	/* 0x30: user data */
	.quad 0x00affb000000ffff	/* 0x38: user 64-bit code */
	.quad 0, 0			/* 0x40: TSS */
gdt_end:
	.globl gdt_pointer
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.section .bss
	.balign 8
	.globl boot_how, boot_eax, boot_ebx
boot_how:
	.skip 4
boot_eax:
	.skip 4
boot_ebx:
	.skip 4

	/* Not cleared: nothing reads a stack before it is written. */
	.section .stack.boot, "aw", @nobits
	.balign 16
	.skip 8192
	.globl stack_top
stack_top:

	.section .note.GNU-stack, "", @progbits
