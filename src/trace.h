/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a vCPU was doing, in lines for a person: its program counter, some
 * samples of it, and what looks like return addresses on its stack. Names come
 * from a table of symbols; the stack is the guest's, and may say anything.
 */
#ifndef VIREO_TRACE_H
#define VIREO_TRACE_H

#include <stdint.h>

#include "arch/arch.h"
#include "mem/mem.h"
#include "symbols.h"

/* Nothing of it is owned. */
struct trace {
	const struct mem *mem;
	const struct arch_kernel_map *map;
	const struct symbols *symbols;
	uint64_t slide; /* from the symbols' addresses to the kernel's */
	void (*line)(void *ctx, const char *text);
	void *ctx;
};

/* Lines about vCPU @id, which is in @state; @pc: @count samples of its program
 * counter from before. */
void trace_vcpu(const struct trace *t, unsigned int id,
		const struct arch_state *state, const uint64_t *pc,
		unsigned int count);

#endif
