/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory and port map of the x86-64 machine: every address and interrupt
 * number that more than one file needs to agree on. Constants only.
 *
 *   0          +-----------------------------+
 *              | low memory: boot structures |
 *   0x9fc00    +-----------------------------+ end of usable low memory
 *              | (RAM, but reserved)         |
 *   0xe0000    | ACPI tables, RSDP first     |
 *   0xf0000    | MP table                    |
 *   0x100000   +-----------------------------+
 *              | RAM: kernel, initrd, free   |
 *   0xc0000000 +-----------------------------+ RAM goes on at 4 GiB
 *              | PCI windows, ECAM           |
 *   0xe0200000 | an embedder's devices       |
 *   0xfec00000 | IOAPIC, HPET, LAPIC, TSS    |
 *   4 GiB      +-----------------------------+
 *              | RAM above the hole          |
 *              +-----------------------------+
 */
#ifndef VIREO_ARCH_X86_64_LAYOUT_H
#define VIREO_ARCH_X86_64_LAYOUT_H

/* Boot structures in low memory */
#define LAYOUT_GDT        0x500
#define LAYOUT_PVH_INFO   0x6000 /* hvm_start_info, module list, memory map */
#define LAYOUT_ZERO_PAGE  0x7000 /* struct boot_params */
#define LAYOUT_BOOT_STACK 0x8ff0
#define LAYOUT_PML4       0x9000
#define LAYOUT_PDPT       0xa000
#define LAYOUT_PD         0xb000 /* four pages: 4 GiB by 2 MiB pages */
#define LAYOUT_MULTIBOOT  0x10000
#define LAYOUT_CMDLINE    0x20000
#define LAYOUT_CMDLINE_MAX 0x10000 /* bytes, the final 0 included */
#define LAYOUT_LOW_END    0x9fc00
#define LAYOUT_ACPI       0xe0000
#define LAYOUT_ACPI_MAX   0x10000
#define LAYOUT_MPTABLE    0xf0000 /* the BIOS area: kernels look here */
#define LAYOUT_MPTABLE_MAX 0x10000
#define LAYOUT_HIGH_START 0x100000
#define LAYOUT_FLAT       0x7c00 /* where a flat real-mode image goes */

/* The hole below 4 GiB */
#define LAYOUT_HOLE_START 0xc0000000ULL
#define LAYOUT_HOLE_END   0x100000000ULL
#define LAYOUT_PCI_MMIO   0xc0000000ULL /* where BARs can be */
#define LAYOUT_PCI_MMIO_SIZE 0x20000000ULL
#define LAYOUT_PCI_ECAM   0xe0000000ULL /* bus 0, 1 MiB */
#define LAYOUT_PCI_ECAM_SIZE 0x100000ULL
#define LAYOUT_FREE       0xe0200000ULL /* for an embedder's */
#define LAYOUT_FREE_END   0xfeb00000ULL
#define LAYOUT_VIRTIO_MMIO 0xfeb00000ULL /* a page per device */
#define LAYOUT_IOAPIC     0xfec00000ULL
#define LAYOUT_LAPIC      0xfee00000ULL
#define LAYOUT_IDENTITY_MAP 0xfeffc000ULL /* KVM's, one page */
#define LAYOUT_TSS        0xfeffd000ULL   /* KVM's, three pages */

/* Ports */
#define PORT_PIC1         0x20 /* KVM's, as the next four */
#define PORT_PIC2         0xa0
#define PORT_ELCR         0x4d0
#define PORT_PIT          0x40
#define PORT_SPEAKER      0x61
#define PORT_I8042_DATA   0x60
#define PORT_I8042_CMD    0x64
#define PORT_CMOS         0x70
#define PORT_MARK         0xf8 /* boot marks for --stats, one byte */
#define PORT_DEBUG_EXIT   0xf4
#define PORT_DEBUG_CON    0xe9
#define PORT_SERIAL0      0x3f8
#define PORT_PVPANIC      0x505
#define PORT_PM_EVENT     0x600
#define PORT_PM_CONTROL   0x604
#define PORT_PM_TIMER     0x608
#define PORT_PM_RESET     0x60c
#define PORT_PCI          0xcf8
#define PORT_PCI_SIZE     8

/* Interrupts (GSI = IOAPIC pin; ISA numbers are the same) */
#define IRQ_SERIAL0       4
#define IRQ_SCI           9
#define IRQ_PCI           16 /* four lines; slot n has IRQ_PCI + n % 4 */
#define IOAPIC_PINS       24

#endif
