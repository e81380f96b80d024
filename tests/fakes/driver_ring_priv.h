/* SPDX-License-Identifier: BSD-3-Clause */
/* Between driver_ring.c and driver_packed.c; for nobody else. */
#ifndef VIREO_FAKE_DRIVER_RING_PRIV_H
#define VIREO_FAKE_DRIVER_RING_PRIV_H

#include "driver_ring.h"

struct driver_posted {
	uint16_t descs; /* descriptors (packed: slots) it takes; 0: free */
	uint16_t next;	/* split: the descriptor after this one */
	uint64_t writable; /* bytes */
};

uint16_t driver_take_free(struct driver_ring *r);
/* Notes a chain as posted, and that the device has finished with one. */
void driver_note(struct driver_ring *r, uint16_t head, uint16_t descs,
		 const struct driver_buf *bufs, unsigned int count);
void driver_finished(struct driver_ring *r, const struct driver_done *done);
/* The indirect table of @head: filled, its address. */
uint64_t driver_fill_table(struct driver_ring *r, uint16_t head,
			   const struct driver_buf *bufs, unsigned int count);

int driver_packed_post(struct driver_ring *r, const struct driver_buf *bufs,
		       unsigned int count);
int driver_packed_indirect(struct driver_ring *r,
			   const struct driver_buf *bufs, unsigned int count);
/* The id is not yet back in the list of free ones. */
bool driver_packed_collect(struct driver_ring *r, struct driver_done *done);
bool driver_packed_wants_kick(struct driver_ring *r);
bool driver_packed_interrupts(struct driver_ring *r, bool on);
void driver_packed_desc(struct driver_ring *r, uint16_t i,
			struct driver_desc d);

#endif
