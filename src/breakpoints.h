/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The breakpoints of a VM: those of the CPU as a list, those in software as
 * bytes in its RAM, with what was there. The RAM is the guest's, and may change
 * under us: a byte that is not ours any more is left alone.
 *
 * Threads: changed while no vCPU runs, by one thread at a time; read by any.
 */
#ifndef VIREO_BREAKPOINTS_H
#define VIREO_BREAKPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/arch_debug.h"
#include "mem/mem.h"

#define BREAKPOINTS_MAX 1024 /* bytes in RAM; beside those of the CPU */

struct breakpoint {
	enum vireo_break kind;
	uint64_t va;
	unsigned int len;
	uint64_t gpa; /* in software: where the byte is ... */
	uint8_t was;  /* ... and what it was */
	bool there;   /* in RAM now */
};

/* Zero-initialised. */
struct breakpoints {
	unsigned int count;
	struct breakpoint *list; /* owned */
	uint8_t insn; /* of those in software; 0: ARCH_BREAK_INSN */
	bool planted; /* those of the CPU, too: it does not heed them */
	bool lifted;  /* for a step: those at ... */
	uint64_t lifted_gpa;
};

void breakpoints_finish(struct breakpoints *b);

/* @gpa: where @va is, for a byte in RAM; else it does not count. Adding one
 * that is there is no error. -EINVAL: @len or @va; -EFAULT: no RAM is there;
 * -ENOSPC, -ENOMEM. */
int breakpoints_add(struct breakpoints *b, const struct mem *mem,
		    enum vireo_break kind, uint64_t va, unsigned int len,
		    uint64_t gpa);
/* -ENOENT: there is no such one. */
int breakpoints_remove(struct breakpoints *b, const struct mem *mem,
		       enum vireo_break kind, uint64_t va, unsigned int len);
void breakpoints_remove_all(struct breakpoints *b, const struct mem *mem);
/* The guest's RAM is a new one. */
void breakpoints_forget_ram(struct breakpoints *b);

/* The one whose byte is in RAM at @gpa; NULL: there is none, or it is
 * lifted. */
const struct breakpoint *breakpoints_at(const struct breakpoints *b,
					uint64_t gpa);

/* Takes those at @gpa away until breakpoints_put_back(). False: there are
 * none. */
bool breakpoints_lift(struct breakpoints *b, const struct mem *mem,
		      uint64_t gpa);
void breakpoints_put_back(struct breakpoints *b, const struct mem *mem);

/* What the guest has in RAM, for bytes that were read from there; and writing
 * it: -EFAULT as mem_write(). */
void breakpoints_hide(const struct breakpoints *b, uint64_t gpa, uint8_t *bytes,
		      uint64_t len);
int breakpoints_write(struct breakpoints *b, const struct mem *mem,
		      uint64_t gpa, const uint8_t *bytes, uint64_t len);

/* What a vCPU has to know of them. */
void breakpoints_describe(const struct breakpoints *b, struct arch_debug *out);

#endif
