/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names that a Linux kernel has of its own code, for its own reports
 * (kernel/kallsyms.c): read from a guest's RAM, where VMCOREINFO says, which it
 * does since Linux 6.0. So the frames of a stock kernel have names without a
 * file from a debug package. The guest is hostile: every table is copied, with
 * a bound, and indices into it are checked. Any thread.
 */
#ifndef VIREO_KALLSYMS_H
#define VIREO_KALLSYMS_H

#include "arch/arch.h"
#include "mem/mem.h"
#include "symbols.h"
#include "vmcoreinfo.h"

/* -ENODATA: the kernel does not say, or what it says makes no sense. On failure
 * @s is empty; else the addresses are those at which the kernel runs. */
int kallsyms_load(struct symbols *s, const struct vmcoreinfo *info,
		  const struct arch_kernel_map *map, const struct mem *mem);

#endif
