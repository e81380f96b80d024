/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies where in a sandbox's system area, for the two files that need to
 * agree: sandbox_tables.c writes it, sandbox_vcpu.c runs above it. Constants.
 */
#ifndef VIREO_ARCH_X86_64_SANDBOX_MAP_H
#define VIREO_ARCH_X86_64_SANDBOX_MAP_H

/* Offsets into the system area; a page each. The gate is all that the guest
 * sees of it; page tables are not mapped at all. */
#define MAP_GATE   0x0000
#define MAP_GDT    0x1000
#define MAP_TSS    0x2000
#define MAP_IDT    0x3000
#define MAP_STUBS  0x4000
#define MAP_STACK  0x5000
#define MAP_MAPPED 0x6000 /* the end of those */
#define MAP_TABLES 0x6000 /* the first page table is the root */

/* Where the CPU sees the system area when it is privileged. */
#define MAP_HIGH 0xffff800000000000u

/* In the gate: code that a function returns to, and struct sandbox_info. */
#define MAP_GATE_INFO 64

/* Faults push their frame here: there is never more than one. */
#define MAP_STACK_TOP 0x6000

/* Of each stub; the one behind the last vector is for the SYSCALL instruction.
 */
#define MAP_STUB_SIZE 16
#define MAP_VECTORS   32

/* The ports that mean something. */
#define PORT_RETURN 0xe0
#define PORT_CALL   0xe1
#define PORT_STUB   0xe2 /* when the stubs write to it */
#define PORT_MOST   0xff /* the I/O bitmap ends there: above, all are closed */

/* Selectors: in this order SYSCALL and SYSRET agree (SDM 5.8.8). The guest's
 * are loaded from outside. */
#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_USER_DATA   0x1b
#define SEL_USER_CODE   0x23
#define SEL_TASK        0x28
#define GDT_LIMIT       (7 * 8 - 1)

#define TSS_SIZE  104 /* then the I/O bitmap, and a byte of ones */
#define TSS_LIMIT (TSS_SIZE + PORT_MOST / 8 + 1)

#endif
