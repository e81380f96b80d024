// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which pages of a guest were written: what KVM and we have noted of each, put
 * together. See board.h; called with the VM's board lock held, but for telling.
 */
#include "board/board.h"

#include <errno.h>
#include <stdlib.h>

int board_track(struct board *board, bool all)
{
	int r = mem_track(&board->writable);

	if (r < 0)
		return r;
	mem_track_in(&board->mem, &board->writable);
	if (all)
		mem_mark_all(&board->writable);
	return kvm_vm_log_dirty(&board->kvm);
}

static int take_region(struct board *board, const struct mem_region *r,
		       uint64_t *bits)
{
	struct dirty *ours = atomic_load(&r->dirty);
	int e = !ours ? -EBUSY :
		kvm_vm_get_dirty(&board->kvm, r->gpa, bits);

	for (uint64_t i = 0; !e && i < dirty_words(ours->pages); i++)
		bits[i] |= dirty_take(ours, i);
	return e;
}

int board_take_dirty(struct board *board, struct board_dirty *out)
{
	const struct mem *m = &board->writable;
	uint64_t *bits;
	int r = 0;

	*out = (struct board_dirty){ 0 };
	if (!mem_is_tracked(m))
		return -EBUSY;
	bits = calloc(m->count + mem_total(m) / DIRTY_PAGE / 64, sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	out->bits = bits;
	for (unsigned int i = 0; i < m->count && !r; i++) {
		const uint64_t pages = m->region[i].size / DIRTY_PAGE;

		r = take_region(board, &m->region[i], bits);
		out->region[out->regions].gpa = m->region[i].gpa;
		out->region[out->regions++].pages = pages;
		bits += dirty_words(pages);
	}
	if (r < 0) { /* what was taken is not told */
		mem_mark_all(m);
		free(out->bits);
	}
	return r;
}

void board_tell_dirty(struct board_dirty *dirty,
		      void (*fn)(void *ctx, uint64_t gpa, uint64_t length),
		      void *ctx)
{
	const uint64_t *bits = dirty->bits;
	uint64_t start = 0, end = 0; /* of the run so far */

	for (unsigned int i = 0; i < dirty->regions; i++) {
		for (uint64_t n = 0; n < dirty->region[i].pages; n++) {
			uint64_t gpa = dirty->region[i].gpa + n * DIRTY_PAGE;
			uint64_t word = bits[n / 64] >> n % 64;

			if (!word)
				n |= 63; /* nor do those behind it count */
			if (!(word & 1))
				continue;
			if (gpa != end && end)
				fn(ctx, start, end - start);
			if (gpa != end)
				start = gpa;
			end = gpa + DIRTY_PAGE;
		}
		bits += dirty_words(dirty->region[i].pages);
	}
	if (end)
		fn(ctx, start, end - start);
	free(dirty->bits);
}
