// SPDX-License-Identifier: BSD-3-Clause
/*
 * Split rings whose indices lie, overlap, change under the device's eyes, or
 * are notified at the wrong time. The entries Q20 to Q30 but for Q28, which
 * needs a balloon. "small": Q23 with rings of one and two entries, too: minutes
 * where an exit is slow.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_ring";

#define SIZE 8

#define RING_IDX  2u
#define RING_ELEM 4u

static uint64_t ring_idx(void)
{
	return target.q.avail + RING_IDX;
}

/* A good read in the descriptors 0 to 2. */
static void good_read(void)
{
	disk_header(&target, BLK_IN, 1);
	vq_write_at(&target.q, 0, target.header, BLK_HEADER, VQ_NEXT, 1);
	vq_write_at(&target.q, 1, target.data, 512, VQ_NEXT | VQ_WRITE, 2);
	vq_write_at(&target.q, 2, target.status, 1, VQ_WRITE, 0);
}

/* Given back twice, or the device breaks. */
static void q20_same_head(void)
{
	good_read();
	vq_offer(&target.q, 0);
	vq_offer(&target.q, 0);
	vq_kick(&target.q);
	for (unsigned int i = 0; i < 2000; i++) {
		if (mmio_read16(target.q.used + RING_IDX) == 2)
			return;
		if (vio_status(&target.dev) & VIO_NEEDS_RESET) {
			attack_broken(&target_victim);
			return;
		}
		guest_delay_us(1000);
	}
	guest_fail("Q20: neither broken nor done twice");
}

static void q20_in_flight(void)
{
	good_read();
	vq_offer(&target.q, 0);
	vq_kick(&target.q);
	for (unsigned int i = 0; i < 7; i++)
		vq_offer(&target.q, 0);
	vq_kick(&target.q);
	guest_delay_us(2000);
}

static void q21_head_beyond(void)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000 };

	for (unsigned int i = 0; i < 4; i++) {
		vq_offer(&target.q, heads[i]);
		vq_kick(&target.q);
		attack_broken(&target_victim);
	}
	vq_offer(&target.q, 0xffff);
	vq_kick(&target.q);
}

/* Too far ahead; and back, which is the same by 65,536. Each entry is a chain
 * that would come back at once, if it were looked at. */
static void jump(uint16_t by)
{
	uint16_t used = target.q.seen;

	for (uint16_t i = 0; i < SIZE; i++) {
		vq_write_at(&target.q, i, target.data, 0, 0, 0);
		mmio_write16(target.q.avail + RING_ELEM + 2u * i, i);
	}
	mmio_write16(ring_idx(), (uint16_t)(target.q.next + by));
	vq_kick(&target.q);
	guest_delay_us(1000);
	if (mmio_read16(target.q.used + RING_IDX) != used)
		guest_fail("Q22: chains are taken after a jump by %x", by);
}

static void q22_index_jumps(void)
{
	static const uint16_t by[] = { SIZE + 1, 0x7fff, 0x8000, 0xffff };

	for (unsigned int i = 0; i < 4; i++) {
		disk_check(&target, "Q22");
		jump(by[i]);
		attack_broken(&target_victim);
	}
	jump(SIZE + 1);
}

/* As many requests as it takes to come round, a full ring at a time. */
static void come_round(uint16_t size)
{
	struct vq *q = &witness.q;
	uint16_t idx = 0;

	entropy_start(&witness, 0, size);
	for (uint16_t i = 0; i < size; i++) {
		vq_write_at(q, i, witness.data, 1, VQ_WRITE, 0);
		mmio_write16(q->avail + RING_ELEM + 2u * i, i);
	}
	for (uint32_t n = 0; n < 65536 + 3u * size; n += size) {
		struct vq_done done;

		idx = (uint16_t)(idx + size);
		q->next = idx;
		q->seen = (uint16_t)(idx - 1);
		mmio_write16(q->avail + RING_IDX, idx);
		vq_kick(q);
		while (mmio_read16(q->used + RING_IDX) != idx)
			if (vio_status(&witness.dev) != VIO_RUNNING)
				guest_fail("Q23: size %u, index %u, status %x",
					   size, idx,
					   vio_status(&witness.dev));
		if (!vq_take(q, &done, 1) || done.id != size - 1u ||
		    done.len != 1)
			guest_fail("Q23: size %u, index %u", size, idx);
	}
	entropy_check(&witness, "Q23");
	entropy_start(&witness, 0, SIZE);
}

static void q23_index_wraps(void)
{
	come_round(64);
	come_round(16);
	if (guest_has_word("small")) {
		come_round(2);
		come_round(1);
	}
}

/* Is there an interrupt for a request, with this much in the event index (from
 * where we are) and in the flags? */
static void interrupt(bool wanted, uint16_t event, uint16_t flags)
{
	const struct vq *q = &target.q;
	uint32_t isr = 0;

	mmio_write16(q->avail + RING_ELEM + 2u * SIZE,
		     (uint16_t)(q->seen + event));
	mmio_write16(q->avail, flags);
	vio_take_isr(&target.dev);
	if (disk_request(&target, BLK_IN, 1, 512) != BLK_OK)
		guest_fail("Q24: a request fails");
	for (unsigned int i = 0; i < (wanted ? 20000 : 10) && !isr; i++) {
		guest_delay_us(100);
		isr = vio_take_isr(&target.dev);
	}
	if (wanted != (isr == VIO_ISR_QUEUE))
		guest_fail("Q24: event %x, flags %x: ISR %x", event, flags,
			   isr);
	mmio_write16(q->avail, 0);
}

static void q24_event_index(void)
{
	interrupt(true, 0, 0);
	interrupt(false, 1, 0);
	interrupt(false, SIZE, 0);
	interrupt(false, 0x7fff, 0);
	interrupt(false, 0x8000, 0);
	interrupt(false, 0xffff, 0);
	interrupt(true, 0, 1); /* the flag counts for nothing now */
	interrupt(true, 0, 0xffff);
	interrupt(false, 1, 0xfffe);
	for (unsigned int i = 0; i < 100; i++)
		interrupt(true, 0, 0);
}

static void q24_flags(void)
{
	interrupt(true, 0, 0);
	interrupt(true, 1, 0); /* the index counts for nothing now */
	interrupt(true, 0x8000, 0xfffe);
	interrupt(false, 0, 1);
	interrupt(false, 1, 0xffff);
}

static void q25_used_overwritten(void)
{
	struct vq *q = &target.q;
	uint16_t idx;

	for (unsigned int round = 0; round < 3; round++) {
		idx = (uint16_t)(q->seen + 1);
		good_read();
		vq_offer(q, 0);
		for (uint32_t i = 0; i < RING_ELEM + 8 * SIZE + 2; i++)
			mmio_write8(q->used + i, 0xa5);
		vq_kick(q);
		for (unsigned int ms = 0;
		     mmio_read16(q->used + RING_IDX) != idx; ms++) {
			if (ms == 2000)
				guest_fail("Q25: the index is %x, not %x",
					   mmio_read16(q->used + RING_IDX),
					   idx);
			guest_delay_us(1000);
		}
		q->seen = idx;
	}
}

/* One field becomes bad, and good again. */
static void flip(void)
{
	static unsigned int n;
	const uint64_t desc = target.q.desc;
	bool bad = !(n & 1);

	switch (n++ / 2 % 6) {
	case 0:
		mmio_write64(desc + 16, bad ? UINT64_MAX - 255 : target.data);
		break;
	case 1:
		mmio_write32(desc + 24, bad ? 0xffffffff : 512);
		break;
	case 2:
		mmio_write16(desc + 14, bad ? 0xffff : 1);
		break;
	case 3:
		mmio_write16(desc + 28, bad ? VQ_INDIRECT : VQ_NEXT | VQ_WRITE);
		break;
	case 4:
		mmio_write64(target.header + 8, bad ? UINT64_MAX >> 9 : 1);
		break;
	default:
		mmio_write32(target.header, bad ? 77 : BLK_IN);
		break;
	}
}

static void q26_racing(void)
{
	struct vq_done done;
	unsigned int good = 0, bad = 0;

	good_read();
	racer_start(flip);
	/* On a busy machine the two CPUs may take turns for a while. */
	while (good + bad < 400 ||
	       ((good < 10 || bad < 10) && good + bad < 8000)) {
		mmio_write8(target.status, BLK_NOTHING);
		vq_offer(&target.q, 0);
		if (!disk_finish(&target, &done, 1) || done.id)
			guest_fail("Q26: a request is lost, status %x",
				   vio_status(&target.dev));
		if (disk_status(&target) == BLK_OK)
			good++;
		else
			bad++;
	}
	racer_stop();
	if (good < 10 || bad < 10)
		guest_fail("Q26: %u good, %u bad: no race", good, bad);
}

/* Rings wherever; what the device makes of them is its business. */
static void odd_rings(uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vq old = target.q;

	vio_begin(&target.dev, 0);
	vq_place(&target.q, &target.dev, 0, 2);
	target.q.desc = desc;
	target.q.avail = avail;
	target.q.used = used;
	vq_enable(&target.q);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING);
	mmio_write16(avail + RING_ELEM, 0);
	mmio_write16(avail + RING_IDX, 1);
	vq_kick(&target.q);
	guest_delay_us(1000);
	vio_reset(&target.dev);
	target.q = old;
}

static void q27_overlap(void)
{
	uint64_t page = guest_pages(1);

	odd_rings(page, page, page);
	odd_rings(page, page + 16, page + 16);
	odd_rings(target.q.desc, target.q.avail, target.q.desc);
	odd_rings(target.q.desc, target.q.avail, target.q.avail);
	odd_rings(target.q.desc, target.q.avail, target.data);
	odd_rings(target.data, target.data + 64, target.data + 128);
	odd_rings(LAYOUT_ACPI + 0xf000, LAYOUT_ACPI + 0xf100,
		  LAYOUT_ACPI + 0xf200);
	/* the image's start, which nobody needs any more */
	odd_rings(target.q.desc, target.q.avail, LAYOUT_HIGH_START);
	odd_rings(0x1000, 0x1100, 0x1200);
}

static void storm(void)
{
	vq_kick(&target.q);
}

static void q29_notifications(void)
{
	for (unsigned int i = 0; i < 2000; i++)
		vq_kick(&target.q);
	if (!vq_quiet(&target.q, 1000))
		guest_fail("Q29: something came of nothing");
	racer_start(storm);
	for (unsigned int i = 0; i < 200; i++)
		entropy_check(&witness, "Q29");
	disk_check(&target, "Q29");
	racer_stop();
}

static void untouched(const char *when)
{
	good_read();
	vq_offer(&target.q, 0);
	vq_kick(&target.q);
	if (!vq_quiet(&target.q, 2000))
		guest_fail("Q30: a queue was used %s", when);
}

static void q30_too_early_too_late(void)
{
	struct vq_done done;

	vio_begin(&target.dev, 0);
	vq_init(&target.q, &target.dev, 0, SIZE);
	untouched("before DRIVER_OK");
	vio_go(&target.dev);
	if (!vq_wait(&target.q, &done, 1) || disk_status(&target) != BLK_OK)
		guest_fail("Q30: DRIVER_OK did not look at the ring");
	vio_reset(&target.dev);
	untouched("after a reset");
	disk_start(&target, 0, SIZE);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING | VIO_FAILED);
	untouched("after FAILED");
	disk_start(&target, 0, SIZE);
	vq_offer(&target.q, SIZE);
	vq_kick(&target.q);
	if (!vio_broken(&target.dev))
		guest_fail("Q30: it is not broken");
	untouched("while it was broken");
}

static const struct attack attacks[] = {
	{ "Q20", q20_same_head, LIVES, SIZE, 0 },
	{ "Q20", q20_in_flight, ENDS, SIZE, 0 },
	{ "Q21", q21_head_beyond, BREAKS, SIZE, 0 },
	{ "Q22", q22_index_jumps, BREAKS, SIZE, 0 },
	{ "Q23", q23_index_wraps, LIVES, SIZE, 0 },
	{ "Q24", q24_event_index, LIVES, SIZE, VIO_F_EVENT_IDX },
	{ "Q24", q24_flags, LIVES, SIZE, 0 },
	{ "Q25", q25_used_overwritten, LIVES, SIZE, VIO_F_EVENT_IDX },
	{ "Q26", q26_racing, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q27", q27_overlap, ENDS, SIZE, 0 },
	{ "Q29", q29_notifications, LIVES, SIZE, 0 },
	{ "Q30", q30_too_early_too_late, ENDS, SIZE, 0 },
};

void guest_main(void)
{
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
