// SPDX-License-Identifier: BSD-3-Clause
/* Virtqueues of the driver: split (virtio 1.2, 2.7) and packed (2.8). See
 * guest_virtio.h. */
#include "guest_virtio.h"

#define POOL 0x400000u /* pages from here on; the image lies below */

#define DESC_SIZE  16u
#define RING_IDX   2u
#define RING_ELEM  4u
#define EVENT_SIZE 4u

#define WAIT_US 2000000u

static uint64_t pool = POOL;

uint64_t guest_pages(unsigned int count)
{
	uint64_t at = pool;

	/* RAM is zero when the VM starts */
	pool += (uint64_t)count * GUEST_PAGE;
	return at;
}

uint64_t guest_ram_end(void)
{
	struct guest_range map[16];
	unsigned int count = guest_memory_map(map, 16);
	uint64_t end = 0;

	for (unsigned int i = 0; i < count; i++)
		if (map[i].type == 1 && map[i].base < LAYOUT_HOLE_START &&
		    map[i].base + map[i].size > end)
			end = map[i].base + map[i].size;
	return end;
}

/* ---- making one ---- */

static void clear_rings(const struct vq *q)
{
	uint32_t ring = RING_ELEM + 2u * q->size;

	if (q->packed) {
		for (uint32_t i = 0; i < q->size; i++)
			mmio_write64(q->desc + DESC_SIZE * i + 8, 0);
		mmio_write32(q->avail, 0);
		mmio_write32(q->used, 0);
		return;
	}
	mmio_write32(q->avail, 0);
	mmio_write16(q->avail + ring, 0);
	mmio_write32(q->used, 0);
	mmio_write16(q->used + RING_ELEM + 8u * q->size, 0);
}

void vq_place(struct vq *q, const struct vio *d, uint16_t n, uint16_t size)
{
	if (!q->desc) {
		q->desc = guest_pages(3);
		q->avail = q->desc + GUEST_PAGE;
		q->used = q->avail + GUEST_PAGE;
	}
	q->dev = d;
	q->number = n;
	q->size = size;
	q->packed = d->features & VIO_F_PACKED;
	q->next = q->seen = 0;
	q->wrap = q->seen_wrap = true;
	clear_rings(q);
}

bool vq_enable(const struct vq *q)
{
	const uint64_t at[] = { q->desc, q->avail, q->used };

	vio_write(q->dev, VIO_QUEUE_SEL, q->number);
	vio_write(q->dev, VIO_QUEUE_SIZE, q->size);
	for (unsigned int i = 0; i < 3; i++) {
		vio_write(q->dev, VIO_DESC_LO + 2 * i, (uint32_t)at[i]);
		vio_write(q->dev, VIO_DESC_HI + 2 * i,
			  (uint32_t)(at[i] >> 32));
	}
	vio_write(q->dev, VIO_QUEUE_ENABLE, 1);
	return vio_read(q->dev, VIO_QUEUE_ENABLE) == 1;
}

void vq_init(struct vq *q, const struct vio *d, uint16_t n, uint16_t size)
{
	vq_place(q, d, n, size);
	if (!vq_enable(q))
		guest_fail("queue %u of %u entries is not taken", n, size);
}

/* ---- giving ---- */

void vq_write_desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t flags,
		   uint16_t next, bool packed)
{
	uint64_t high = packed ? (uint64_t)flags << 16 | next :
				 (uint64_t)next << 16 | flags;

	mmio_write64(at, addr);
	mmio_write64(at + 8, high << 32 | len);
}

void vq_write_at(const struct vq *q, uint16_t i, uint64_t addr, uint32_t len,
		 uint16_t flags, uint16_t next)
{
	vq_write_desc(q->desc + DESC_SIZE * (uint64_t)i, addr, len, flags, next,
		      q->packed);
}

void vq_offer(struct vq *q, uint16_t head)
{
	mmio_write16(q->avail + RING_ELEM + 2u * (q->next % q->size), head);
	guest_barrier();
	mmio_write16(q->avail + RING_IDX, ++q->next);
}

uint16_t vq_turn(const struct vq *q)
{
	return q->wrap ? VQ_AVAIL : VQ_USED;
}

static void advance(uint16_t *slot, bool *wrap, uint16_t count, uint16_t size)
{
	*slot = (uint16_t)(*slot + count);
	if (*slot >= size) {
		*slot = (uint16_t)(*slot - size);
		*wrap = !*wrap;
	}
}

void vq_skip(struct vq *q, uint16_t count)
{
	advance(&q->next, &q->wrap, count, q->size);
}

void vq_kick(const struct vq *q)
{
	guest_barrier();
	vio_notify(q->dev, q->number);
}

/* Only one chain at a time starts at entry 0; callers wait for it. */
static uint16_t add_split(struct vq *q, const struct vq_buf *b,
			  unsigned int count)
{
	for (uint16_t i = 0; i < count; i++) {
		uint16_t more = i + 1u < count ? VQ_NEXT : 0;

		vq_write_at(q, i, b[i].addr, b[i].len, b[i].flags | more,
			    (uint16_t)(i + 1));
	}
	vq_offer(q, 0);
	return 0;
}

/* The first slot last: it makes the chain available. */
static uint16_t add_packed(struct vq *q, const struct vq_buf *b,
			   unsigned int count)
{
	uint16_t first = q->next, first_turn = vq_turn(q);

	vq_skip(q, 1);
	for (unsigned int i = 1; i < count; i++) {
		uint16_t more = i + 1 < count ? VQ_NEXT : 0;

		vq_write_at(q, q->next, b[i].addr, b[i].len,
			    b[i].flags | more | vq_turn(q), first);
		vq_skip(q, 1);
	}
	guest_barrier();
	vq_write_at(q, first, b[0].addr, b[0].len,
		    b[0].flags | first_turn | (count > 1 ? VQ_NEXT : 0), first);
	return first;
}

uint16_t vq_add(struct vq *q, const struct vq_buf *bufs, unsigned int count)
{
	return q->packed ? add_packed(q, bufs, count) :
			   add_split(q, bufs, count);
}

/* ---- taking ---- */

static bool take_packed(struct vq *q, struct vq_done *done, uint16_t slots)
{
	uint64_t rest = mmio_read64(q->desc + DESC_SIZE * (uint64_t)q->seen +
				    8);
	uint64_t both = q->seen_wrap ? VQ_AVAIL | VQ_USED : 0;

	if ((rest >> 48 & (VQ_AVAIL | VQ_USED)) != both)
		return false;
	done->len = (uint32_t)rest;
	done->id = rest >> 32 & 0xffff;
	advance(&q->seen, &q->seen_wrap, slots, q->size);
	return true;
}

bool vq_take(struct vq *q, struct vq_done *done, uint16_t slots)
{
	uint64_t at = q->used + RING_ELEM + 8u * (q->seen % q->size);

	if (q->packed)
		return take_packed(q, done, slots);
	if (mmio_read16(q->used + RING_IDX) == q->seen)
		return false;
	done->id = mmio_read32(at);
	done->len = mmio_read32(at + 4);
	q->seen++;
	return true;
}

static bool wait_us(struct vq *q, struct vq_done *done, uint16_t slots,
		    uint32_t us)
{
	uint32_t ticks = (uint32_t)((uint64_t)us * PM_TIMER_HZ / 1000000);
	uint32_t start = pm_timer();

	do {
		if (vq_take(q, done, slots))
			return true;
	} while (pm_timer() - start < ticks);
	return false;
}

bool vq_wait(struct vq *q, struct vq_done *done, uint16_t slots)
{
	return wait_us(q, done, slots, WAIT_US);
}

bool vq_quiet(struct vq *q, uint32_t us)
{
	struct vq_done done;

	return !wait_us(q, &done, 1, us);
}
