/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory and registers as an ELF core file, in the form of Linux's
 * /proc/vmcore: for gdb, and for tools that read kernels' dumps. Pages of zeros
 * are holes in the file. The guest's vCPUs do not run. Any thread.
 */
#ifndef VIREO_CORE_DUMP_H
#define VIREO_CORE_DUMP_H

#include "arch/arch.h"
#include "base/err.h"
#include "mem/mem.h"
#include "mem/ram.h"
#include "vmcoreinfo.h"

/* What goes into one; nothing of it is owned. */
struct core_dump {
	const struct mem *mem;
	const struct ram *ram;
	const struct arch_state *state; /* of each vCPU, in order */
	unsigned int cpus;
	const struct arch_kernel_map *map;
	const struct vmcoreinfo *info; /* len 0: the guest has none */
};

/* Can there be a file at @path, by what is there now? */
int core_dump_check(const char *path, struct err *err);

/* Writes it beside @path and moves it there: no half of a file has that name,
 * and a regular file that had it is replaced. Only its owner may read it. */
int core_dump_write(const char *path, const struct core_dump *core,
		    struct err *err);

#endif
