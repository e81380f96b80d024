/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The register state in which a guest is entered, by kind of entry. Pure but
 * for the page tables and the GDT, which go into guest RAM.
 */
#ifndef VIREO_ARCH_X86_64_REGS_H
#define VIREO_ARCH_X86_64_REGS_H

#include <linux/kvm.h>

#include "arch/arch.h"
#include "mem/mem.h"

/* The tables that the entry needs in RAM; nothing for REAL. -EFAULT when the
 * RAM is not there. */
int regs_write_tables(const struct mem *mem, enum boot_entry kind);

/* Changes the reset state in @sregs, and fills @regs, for the entry. */
void regs_for_entry(struct kvm_regs *regs, struct kvm_sregs *sregs,
		    const struct arch_entry *entry);

#endif
