/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine for gdb's stub: four CPUs with a few registers, 4 KiB of memory,
 * and notes of what it was told to do.
 */
#ifndef VIREO_FAKE_TARGET_H
#define VIREO_FAKE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "debug/gdb_stub.h"

#define TARGET_CPUS  4
#define TARGET_BASE  0xffffffff81000000 /* of its memory */
#define TARGET_SIZE  4096
#define TARGET_REGS  (8 + 4 + 10 + 16) /* bytes, of four registers */

struct fake_target {
	unsigned int cpus;
	uint8_t regs[TARGET_CPUS][TARGET_REGS];
	uint8_t memory[TARGET_SIZE];
	int fail; /* what changes fail with; 0: nothing does */
	bool stopped;
	bool ended;
	unsigned int detached;
	unsigned int breaks; /* that are there */
	int run_cpu; /* how it was let go last ... */
	bool step;
	bool others;
	unsigned int runs; /* ... and how often */
	bool has_stop;
	struct gdb_stop stop; /* to be taken */
};

extern const struct gdb_target_ops fake_target_ops;

void fake_target_init(struct fake_target *t);

#endif
