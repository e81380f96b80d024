/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory: regions of guest-physical addresses backed by host memory, and
 * the only way to touch them. "RAM" is what a table holds; who gets which is
 * said in board.h.
 *
 * There is no function that takes a guest address without a length, and none
 * that hands out a pointer beyond one region. The regions are fixed between
 * mem_add() at build time and mem_finish(): readers need no lock.
 */
#ifndef VIREO_MEM_MEM_H
#define VIREO_MEM_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/dirty.h"

#define MEM_MAX_REGIONS 32 /* above what a machine has and can be lent */

struct mem_region {
	uint64_t gpa;  /* page aligned */
	uint64_t size; /* bytes, page aligned, never 0 */
	uint8_t *hva;  /* owned by the backing, see ram.h */
	/* NULL: nobody asks what we write; owned, but see mem_track_in() */
	struct dirty *_Atomic dirty;
};

struct mem {
	unsigned int count;
	struct mem_region region[MEM_MAX_REGIONS]; /* sorted by gpa, disjoint */
};

/* Adds a region. -EINVAL when unaligned, empty or wrapping, -EEXIST when it
 * meets another, -ENOSPC when there are MEM_MAX_REGIONS already. */
int mem_add(struct mem *m, uint64_t gpa, uint64_t size, uint8_t *hva);

/* The host address of [gpa, gpa+len) when it lies inside ONE region, else
 * NULL. @len 0 is allowed inside a region and at its end. */
void *mem_ptr(const struct mem *m, uint64_t gpa, uint64_t len);

/* The same when it lies inside the region @r, else NULL: for callers that
 * remember the region of the last address. */
static inline void *mem_region_ptr(const struct mem_region *r, uint64_t gpa,
				   uint64_t len)
{
	uint64_t off = gpa - r->gpa; /* huge when gpa lies before it */

	return off < r->size && len <= r->size - off ? r->hva + off : NULL;
}

/* True when every byte of [gpa, gpa+len) is RAM (touching regions count). */
bool mem_is_ram(const struct mem *m, uint64_t gpa, uint64_t len);

/* Copy between guest and host; the range may cross touching regions. Returns
 * 0, or -EFAULT with nothing copied when some byte is not RAM. A compiler
 * barrier at the end keeps the copy the only look at the guest's bytes. */
int mem_read(const struct mem *m, void *dst, uint64_t gpa, uint64_t len);
int mem_write(const struct mem *m, uint64_t gpa, const void *src, uint64_t len);
int mem_fill(const struct mem *m, uint64_t gpa, uint8_t byte, uint64_t len);

/* Notes that we have written these bytes by their host address; mem_write() and
 * mem_fill() do it themselves. What is no RAM is left out. */
void mem_mark(const struct mem *m, const void *hva, uint64_t len);
static inline bool mem_is_tracked(const struct mem *m)
{
	return m->count && atomic_load_explicit(&m->region[0].dirty,
						memory_order_relaxed);
}
/* Notes are taken from here on. -ENOMEM. */
int mem_track(struct mem *m);
/* What is written through @m is noted in @whole, which has its regions, too,
 * and is tracked. It keeps the notes: mem_finish() is not for @m then. */
void mem_track_in(struct mem *m, const struct mem *whole);
/* As if all had been written, where notes are taken. */
void mem_mark_all(const struct mem *m);
/* Accepts a zeroed object. */
void mem_finish(struct mem *m);

/* Bytes of all regions together. */
uint64_t mem_total(const struct mem *m);

#endif
