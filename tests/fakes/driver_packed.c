// SPDX-License-Identifier: BSD-3-Clause
/* See driver_ring.h: the packed format (virtio 1.2, 2.8). */
#include <assert.h>
#include <string.h>

#include "driver_ring.h"
#include "driver_ring_priv.h"

#define EVENT_ENABLE  0u
#define EVENT_DISABLE 1u
#define EVENT_DESC    2u

static uint8_t *slot_at(const struct driver_ring *r, uint16_t slot)
{
	return driver_ram_at(r->ram, r->params.desc + 16 * (uint64_t)slot, 16);
}

/* Length, id and flags are one word: TSan wants both sides to agree on the
 * size of what publishes a descriptor. */
static uint64_t *word_at(const struct driver_ring *r, uint16_t slot)
{
	return (uint64_t *)(void *)(slot_at(r, slot) + 8);
}

/* The address first, then the rest: that publishes it. */
void driver_packed_desc(struct driver_ring *r, uint16_t i,
			struct driver_desc d)
{
	memcpy(slot_at(r, i), &d.addr, 8);
	__atomic_store_n(word_at(r, i), (uint64_t)d.flags << 48 |
			 (uint64_t)d.next << 32 | d.len, __ATOMIC_RELEASE);
}

static uint16_t flags_for(bool wrap)
{
	return wrap ? DRIVER_F_AVAIL : DRIVER_F_USED;
}

uint16_t driver_raw_flags(const struct driver_ring *r)
{
	return flags_for(r->avail_wrap);
}

static void advance(uint16_t *at, bool *wrap, uint16_t size, unsigned int n)
{
	unsigned int next = *at + n;

	if (next >= size) {
		next -= size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

/* The first descriptor is published last. */
int driver_packed_post(struct driver_ring *r, const struct driver_buf *bufs,
		       unsigned int count)
{
	struct driver_desc first = { 0 };
	uint16_t id, head = r->avail;

	if (!count || count > r->free_descs)
		return -1;
	id = driver_take_free(r);
	driver_note(r, id, (uint16_t)count, bufs, count);
	for (unsigned int k = 0; k < count; k++) {
		bool more = k + 1 < count;
		struct driver_desc d = {
			.addr = bufs[k].gpa, .len = bufs[k].len,
			.flags = (uint16_t)(flags_for(r->avail_wrap) |
				(more ? DRIVER_F_NEXT : 0) |
				(bufs[k].writable ? DRIVER_F_WRITE : 0)),
			.next = id,
		};

		if (k)
			driver_packed_desc(r, r->avail, d);
		else
			first = d;
		advance(&r->avail, &r->avail_wrap, r->size, 1);
	}
	driver_packed_desc(r, head, first);
	r->free_descs = (uint16_t)(r->free_descs - count);
	return id;
}

int driver_packed_indirect(struct driver_ring *r,
			   const struct driver_buf *bufs, unsigned int count)
{
	uint16_t id;

	if (!r->free_descs)
		return -1;
	id = driver_take_free(r);
	driver_note(r, id, 1, bufs, count);
	driver_packed_desc(r, r->avail, (struct driver_desc){
		.addr = driver_fill_table(r, id, bufs, count),
		.len = 16 * count, .next = id,
		.flags = (uint16_t)(DRIVER_F_INDIRECT |
				    flags_for(r->avail_wrap)) });
	advance(&r->avail, &r->avail_wrap, r->size, 1);
	r->free_descs--;
	return id;
}

static bool is_used(const struct driver_ring *r, uint64_t word)
{
	uint64_t both = DRIVER_F_AVAIL | DRIVER_F_USED;

	return (word >> 48 & both) == (r->used_wrap ? both : 0);
}

static uint64_t used_word(const struct driver_ring *r)
{
	return __atomic_load_n(word_at(r, r->used), __ATOMIC_ACQUIRE);
}

bool driver_packed_collect(struct driver_ring *r, struct driver_done *done)
{
	uint64_t word = used_word(r);
	uint16_t slots;

	/* a ring of zeros is not used when the counter starts at 1 */
	if (r->free_descs == r->size || !is_used(r, word))
		return false;
	done->len = (uint32_t)word;
	done->head = (uint16_t)(word >> 32);
	/* the length has a meaning only where something was written */
	if (!(word >> 48 & DRIVER_F_WRITE))
		assert(done->len == 0);
	assert(done->head < r->size);
	slots = r->posted[done->head].descs;
	driver_finished(r, done);
	advance(&r->used, &r->used_wrap, r->size, slots);
	r->free_descs = (uint16_t)(r->free_descs + slots);
	return true;
}

static uint16_t *event_at(const struct driver_ring *r, uint64_t gpa)
{
	return driver_ram_at(r->ram, gpa, 4);
}

/* Positions count through two rounds: one with each wrap counter. */
static unsigned int position(uint16_t slot, bool wrap, uint16_t size)
{
	return wrap ? slot : (unsigned int)slot + size;
}

bool driver_packed_wants_kick(struct driver_ring *r)
{
	unsigned int old = position(r->kicked, r->kicked_wrap, r->size);
	unsigned int new = position(r->avail, r->avail_wrap, r->size);
	unsigned int round = 2u * r->size, event;
	uint16_t off_wrap, flags;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->kicked = r->avail;
	r->kicked_wrap = r->avail_wrap;
	driver_raw_device_event(r, &off_wrap, &flags);
	if (flags != EVENT_DESC)
		return flags != EVENT_DISABLE;
	assert(r->features.event_idx);
	event = position(off_wrap & 0x7fff, off_wrap >> 15, r->size);
	assert((off_wrap & 0x7fff) < r->size);
	return (event + round - old) % round < (new + round - old) % round;
}

bool driver_packed_interrupts(struct driver_ring *r, bool on)
{
	if (!on)
		driver_raw_event(r, 0, EVENT_DISABLE);
	else if (r->features.event_idx)
		driver_raw_event(r, (uint16_t)(r->used | r->used_wrap << 15),
				 EVENT_DESC);
	else
		driver_raw_event(r, 0, EVENT_ENABLE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return on && r->free_descs < r->size &&
	       is_used(r, used_word(r));
}

void driver_raw_event(struct driver_ring *r, uint16_t off_wrap,
		      uint16_t flags)
{
	uint16_t *p = event_at(r, r->params.driver);

	__atomic_store_n(&p[0], off_wrap, __ATOMIC_RELAXED);
	__atomic_store_n(&p[1], flags, __ATOMIC_RELEASE);
}

void driver_raw_device_event(const struct driver_ring *r, uint16_t *off_wrap,
			     uint16_t *flags)
{
	const uint16_t *p = event_at(r, r->params.device);

	*flags = __atomic_load_n(&p[1], __ATOMIC_ACQUIRE);
	*off_wrap = __atomic_load_n(&p[0], __ATOMIC_RELAXED);
}
