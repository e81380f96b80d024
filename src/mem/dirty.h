/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which pages of guest memory we have written ourselves, for devices and on
 * request; what the guest writes KVM notes. Marking is a bit, by any thread,
 * with no lock; a page is marked when its bytes are there.
 */
#ifndef VIREO_MEM_DIRTY_H
#define VIREO_MEM_DIRTY_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define DIRTY_PAGE 4096u

/* Of one region; a bit for each page. */
struct dirty {
	uint64_t pages;
	_Atomic uint64_t word[];
};

static inline uint64_t dirty_words(uint64_t pages)
{
	return (pages + 63) / 64;
}

/* For a region of so many bytes; malloc'd. NULL: out of memory. */
static inline struct dirty *dirty_create(uint64_t bytes)
{
	uint64_t pages = bytes / DIRTY_PAGE;
	struct dirty *d = calloc(1, sizeof(*d) + dirty_words(pages) *
						 sizeof(d->word[0]));

	if (d)
		d->pages = pages;
	return d;
}

/* [off, off+len), which lies inside. */
static inline void dirty_mark(struct dirty *d, uint64_t off, uint64_t len)
{
	uint64_t last = len ? (off + len - 1) / DIRTY_PAGE : 0;

	for (uint64_t n = off / DIRTY_PAGE; len && n <= last; n++) {
		uint64_t bit = UINT64_C(1) << n % 64;

		/* Most pages that are written are so again and again. */
		if (!(atomic_load_explicit(&d->word[n / 64],
					   memory_order_relaxed) & bit))
			atomic_fetch_or(&d->word[n / 64], bit);
	}
}

static inline void dirty_mark_all(struct dirty *d)
{
	for (uint64_t i = 0; i < dirty_words(d->pages); i++)
		atomic_store(&d->word[i], UINT64_MAX);
}

/* Takes 64 pages' bits, the first of which is page 64 * @index; those past
 * the last page mean nothing. */
static inline uint64_t dirty_take(struct dirty *d, uint64_t index)
{
	return atomic_exchange(&d->word[index], 0);
}

#endif
