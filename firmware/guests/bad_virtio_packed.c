// SPDX-License-Identifier: BSD-3-Clause
/* A disk's packed ring, wrong in every way that the format has: the entries P01
 * to P14. */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_packed";

#define SIZE 8
#define FAR  0x1000000000ULL /* no RAM there */

#define PACKED VIO_F_PACKED

#define EVENT_DISABLE 1u
#define EVENT_DESC    2u
#define EVENT_WRONG   3u
#define EVENT_WRAP    0x8000u

static uint64_t table; /* of indirect descriptors */

/* The first slot that was filled since the last kick becomes available at the
 * next one: the device may look at any time. */
static bool held;
static uint16_t held_slot;
static uint16_t held_flags;

/* One descriptor in the next slot. */
static void slot(uint64_t addr, uint32_t len, uint16_t flags, uint16_t id)
{
	uint16_t all = flags | vq_turn(&target.q);

	vq_write_at(&target.q, target.q.next, addr, len, held ? all : 0, id);
	if (!held) {
		held_slot = target.q.next;
		held_flags = all;
	}
	held = true;
	vq_skip(&target.q, 1);
}

static void kick(void)
{
	guest_barrier();
	if (held)
		mmio_write16(target.q.desc + 16u * held_slot + 14, held_flags);
	held = false;
	vq_kick(&target.q);
}

/* A read of one sector in three slots. */
static void read_slots(uint16_t id)
{
	disk_header(&target, BLK_IN, 1);
	slot(target.header, BLK_HEADER, VQ_NEXT, id);
	slot(target.data, 512, VQ_NEXT | VQ_WRITE, id);
	slot(target.status, 1, VQ_WRITE, id);
}

static void entry(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags)
{
	vq_write_desc(table + 16u * i, addr, len, flags, 0, true);
}

static void good_table(uint16_t flags)
{
	disk_header(&target, BLK_IN, 1);
	entry(0, target.header, BLK_HEADER, flags);
	entry(1, target.data, 512, flags | VQ_WRITE);
	entry(2, target.status, 1, flags | VQ_WRITE);
}

/* The chain of @slots slots comes back as @id; its length. */
static uint32_t returns(uint16_t id, uint16_t slots)
{
	struct vq_done done;

	kick();
	if (!vq_wait(&target.q, &done, slots))
		guest_fail("%s: the chain is lost, device status %x",
			   attack_now->id, vio_status(&target.dev));
	if (done.id != id)
		guest_fail("%s: chain %u came back as %u", attack_now->id, id,
			   done.id);
	return done.len;
}

static void dropped(uint16_t id, uint16_t slots)
{
	uint32_t len = returns(id, slots);

	if (len)
		guest_fail("%s: a bad chain has length %u", attack_now->id,
			   len);
}

static void works(uint16_t id, uint16_t slots)
{
	if (returns(id, slots) != 513 || disk_status(&target) != BLK_OK)
		guest_fail("%s: a good chain has status %u", attack_now->id,
			   disk_status(&target));
}

static void p01_not_available(void)
{
	struct vq *q = &target.q;

	for (unsigned int round = 0; round < 4; round++) {
		const uint16_t wrong[] = { 0, VQ_AVAIL | VQ_USED,
					   vq_turn(q) ^ (VQ_AVAIL | VQ_USED) };

		for (unsigned int i = 0; i < 3; i++) {
			disk_header(&target, BLK_IN, 1);
			vq_write_at(q, q->next, target.header, BLK_HEADER,
				    wrong[i], 0);
			vq_kick(q);
			guest_delay_us(500);
			if (disk_status(&target) != BLK_NOTHING ||
			    vio_status(&target.dev) != VIO_RUNNING)
				guest_fail("P01: flags %x are available",
					   wrong[i]);
		}
		disk_check(&target, "P01");
	}
}

static void p02_over_the_end(void)
{
	struct vq *q = &target.q;

	for (unsigned int i = 0; i < 2; i++) {
		read_slots(0);
		works(0, 3);
	}
	if (q->next != SIZE - 2)
		guest_fail("P02: at slot %u", q->next);
	read_slots(5);
	works(5, 3);
	if (q->next != 1 || q->wrap || q->seen_wrap)
		guest_fail("P02: the chain did not cross the end");
}

static void p03_no_end(void)
{
	for (unsigned int i = 0; i < SIZE; i++)
		slot(target.data, 8, VQ_NEXT | VQ_WRITE, 0);
	kick();
}

static void p03_long_table(void)
{
	good_table(0);
	for (uint16_t i = 2; i < 3 * SIZE; i++)
		entry(i, target.data, 16, VQ_WRITE);
	slot(table, 16 * (SIZE + 1), VQ_INDIRECT, 0);
	dropped(0, 1);
	slot(table, 16 * 3 * SIZE, VQ_INDIRECT, 1);
	dropped(1, 1);
}

static void p04_torn(void)
{
	slot(target.header, BLK_HEADER, VQ_NEXT, 0);
	kick();
}

static void p05_id_beyond(void)
{
	static const uint16_t ids[] = { SIZE, 0x7fff, 0x8000 };

	for (unsigned int i = 0; i < 3; i++) {
		read_slots(ids[i]);
		kick();
		attack_broken(&target_victim);
	}
	read_slots(0xffff);
	kick();
}

/* Given back twice, or the device breaks. */
static void p05_same_id(void)
{
	struct vq_done done;
	unsigned int count = 0;

	read_slots(3);
	read_slots(3);
	kick();
	for (unsigned int i = 0; i < 2000 && count < 2; i++) {
		if (vio_status(&target.dev) & VIO_NEEDS_RESET) {
			attack_broken(&target_victim);
			return;
		}
		count += vq_take(&target.q, &done, 3);
		guest_delay_us(1000);
	}
	if (count != 2)
		guest_fail("P05: neither broken nor done twice");
}

static void p06_sizes(void)
{
	static const uint16_t odd[] = { 3, 5, 7, 100, 255 };

	vio_begin(&target.dev, PACKED);
	vq_place(&target.q, &target.dev, 0, 0);
	if (vq_enable(&target.q))
		guest_fail("P06: a ring of no entries");
	for (unsigned int i = 0; i < 5; i++) {
		disk_start(&target, PACKED, odd[i]);
		for (unsigned int n = 0; n < 5; n++)
			disk_check(&target, "P06");
	}
	entropy_start(&witness, PACKED, 1);
	for (unsigned int n = 0; n < 5; n++)
		entropy_check(&witness, "P06");
	entropy_start(&witness, 0, SIZE);
	disk_start(&target, PACKED, SIZE);
}

static void p07_tables(void)
{
	static const uint32_t lens[] = { 0, 1, 15, 17, 47, 49, 0xfffffff0 };

	good_table(0);
	slot(target.header, 0, VQ_NEXT, 1);
	slot(table, 48, VQ_INDIRECT, 1);
	dropped(1, 2);
	slot(table, 48, VQ_INDIRECT | VQ_NEXT, 2);
	slot(target.status, 1, VQ_WRITE, 2);
	dropped(2, 2);
	slot(table, 32, VQ_INDIRECT | VQ_NEXT, 2); /* a read, if it were one */
	slot(target.status, 1, VQ_WRITE, 2);
	dropped(2, 2);
	for (unsigned int i = 0; i < 7; i++) {
		slot(table, lens[i], VQ_INDIRECT, 0);
		dropped(0, 1);
	}
	slot(FAR, 48, VQ_INDIRECT, 0);
	dropped(0, 1);
	slot(guest_ram_end() - 32, 48, VQ_INDIRECT, 0);
	dropped(0, 1);
	slot(table, 48, VQ_INDIRECT, 0);
	works(0, 1);
	/* all flags but WRITE are to be ignored in a table, INDIRECT too */
	good_table((uint16_t)~VQ_WRITE);
	slot(table, 48, VQ_INDIRECT | VQ_WRITE, 7);
	works(7, 1);
}

static void p07_not_negotiated(void)
{
	good_table(0);
	slot(table, 48, VQ_INDIRECT, 0);
	dropped(0, 1);
}

/* Is there an interrupt, with this in the driver's event area? */
static void interrupt(bool wanted, uint16_t where, uint16_t flags)
{
	uint32_t isr = 0;

	mmio_write32(target.q.avail, (uint32_t)flags << 16 | where);
	vio_take_isr(&target.dev);
	if (disk_request(&target, BLK_IN, 1, 512) != BLK_OK)
		guest_fail("P08: a request fails");
	for (unsigned int i = 0; i < (wanted ? 20000 : 10) && !isr; i++) {
		guest_delay_us(100);
		isr = vio_take_isr(&target.dev);
	}
	if (wanted != (isr == VIO_ISR_QUEUE))
		guest_fail("P08: event %x, flags %x: ISR %x", where, flags,
			   isr);
	mmio_write32(target.q.avail, 0);
}

static uint16_t here(void)
{
	return target.q.next | (target.q.wrap ? EVENT_WRAP : 0);
}

static void p08_events(void)
{
	for (unsigned int i = 0; i < 2 * SIZE; i++) {
		interrupt(true, 0, EVENT_WRONG);
		interrupt(true, 0x7fff, EVENT_DESC);
		interrupt(true, EVENT_WRAP | SIZE, EVENT_DESC);
		interrupt(true, here(), EVENT_DESC);
		interrupt(false, here() ^ EVENT_WRAP, EVENT_DESC);
		interrupt(false, 0, EVENT_DISABLE);
	}
}

/* Without the feature nothing but "disable" has a meaning. */
static void p08_no_events(void)
{
	interrupt(true, here() ^ EVENT_WRAP, EVENT_DESC);
	interrupt(true, 0, EVENT_WRONG);
	interrupt(false, here(), EVENT_DISABLE);
}

/* Addresses and lengths of the whole ring; the flags are left alone. */
static void scribble(void)
{
	static unsigned int n;
	uint64_t at = target.q.desc + 16u * (n++ / 2 % SIZE);
	uint64_t old = mmio_read64(at);

	mmio_write64(at, FAR + n);
	mmio_write64(at, old);
}

static void p09_rewritten(void)
{
	racer_start(scribble);
	for (unsigned int i = 0; i < 300; i++) {
		struct vq_done done;

		disk_header(&target, BLK_IN, 1);
		read_slots(0);
		kick();
		if (!vq_wait(&target.q, &done, 3) || done.id)
			guest_fail("P09: a request is lost, status %x",
				   vio_status(&target.dev));
	}
	racer_stop();
}

/* One completion, however often it is kicked. */
static void p10_at_the_head(void)
{
	slot(table, 17, VQ_INDIRECT, 4);
	for (unsigned int i = 0; i < 100; i++)
		kick();
	dropped(4, 1);
	if (!vq_quiet(&target.q, 2000))
		guest_fail("P10: more than one completion");
	entropy_check(&witness, "P10");
	slot(target.header, BLK_HEADER, VQ_NEXT, 0);
	for (unsigned int i = 0; i < 100; i++)
		kick();
}

static void p11_notification_data(void)
{
	struct vq *q = &target.q;

	for (uint32_t i = 0; i < 16; i++)
		mmio_write32(target.dev.notify, i * 0x12340000u | 1u << 31);
	disk_check(&target, "P11");
	read_slots(2);
	mmio_write32(target.dev.notify, (uint32_t)(q->next ^ 5) << 16);
	works(2, 3);
}

static void refused_ring(uint64_t desc, uint64_t driver, uint64_t device)
{
	struct vq *q = &target.q;
	const struct vq old = *q;

	vio_begin(&target.dev, PACKED);
	vq_place(q, &target.dev, 0, SIZE);
	q->desc = desc ? desc : q->desc;
	q->avail = driver ? driver : q->avail;
	q->used = device ? device : q->used;
	if (vq_enable(q))
		guest_fail("P12: %lx %lx %lx are taken", q->desc, q->avail,
			   q->used);
	vio_write(&target.dev, VIO_STATUS, VIO_RUNNING);
	vq_kick(q);
	if (!vio_broken(&target.dev))
		guest_fail("P12: started without a ring");
	*q = old;
}

static void p12_event_areas(void)
{
	const uint64_t bad[] = {
		FAR, guest_ram_end(), guest_ram_end() - 2,
		target.dev.base, LAYOUT_LAPIC, UINT64_MAX - 3, 1, 2,
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t at = bad[i] < 4 ? target.data + bad[i] : bad[i];

		refused_ring(0, at, 0);
		refused_ring(0, 0, at);
		refused_ring(at, 0, 0);
	}
}

static void p13_other_format(void)
{
	for (unsigned int i = 0; i < 5; i++) {
		disk_start(&target, 0, SIZE);
		disk_check(&target, "P13");
		disk_start(&target, PACKED | VIO_F_EVENT_IDX, 5);
		disk_check(&target, "P13");
	}
	disk_start(&target, PACKED, SIZE);
}

/* Chains of two to seven slots; the library counts as the device should. */
static void p14_wraps(void)
{
	for (uint32_t i = 0; i < 300; i++) {
		uint16_t parts = (uint16_t)(i * 2654435761u >> 16) % 6;
		uint16_t id = (uint16_t)(i % SIZE);

		disk_header(&target, parts ? BLK_IN : BLK_FLUSH, 1);
		slot(target.header, BLK_HEADER, VQ_NEXT, id);
		for (uint16_t k = 0; k < parts; k++)
			slot(target.data + 64u * k,
			     k + 1 == parts ? 512u - 64u * k : 64,
			     VQ_NEXT | VQ_WRITE, id);
		slot(target.status, 1, VQ_WRITE, id);
		if (returns(id, parts + 2u) != (parts ? 513 : 1) ||
		    disk_status(&target) != BLK_OK)
			guest_fail("P14: chain %u of %u parts fails", i,
				   parts);
	}
}

#define INDIRECT (PACKED | VIO_F_INDIRECT)

static const struct attack attacks[] = {
	{ "P01", p01_not_available, LIVES, SIZE, PACKED },
	{ "P02", p02_over_the_end, LIVES, SIZE, PACKED },
	{ "P03", p03_no_end, BREAKS, SIZE, PACKED },
	{ "P03", p03_long_table, LIVES, SIZE, INDIRECT },
	{ "P04", p04_torn, BREAKS, SIZE, PACKED },
	{ "P05", p05_id_beyond, BREAKS, SIZE, PACKED },
	{ "P05", p05_same_id, LIVES, SIZE, PACKED },
	{ "P06", p06_sizes, LIVES, SIZE, PACKED },
	{ "P07", p07_tables, LIVES, SIZE, INDIRECT },
	{ "P07", p07_not_negotiated, LIVES, SIZE, PACKED },
	{ "P08", p08_events, LIVES, SIZE, PACKED | VIO_F_EVENT_IDX },
	{ "P08", p08_no_events, LIVES, SIZE, PACKED },
	{ "P09", p09_rewritten, LIVES, SIZE, PACKED },
	{ "P10", p10_at_the_head, BREAKS, SIZE, INDIRECT },
	{ "P11", p11_notification_data, LIVES, SIZE, PACKED },
	{ "P12", p12_event_areas, ENDS, SIZE, PACKED },
	{ "P13", p13_other_format, LIVES, SIZE, PACKED },
	{ "P14", p14_wraps, LIVES, SIZE, PACKED },
};

void guest_main(void)
{
	table = guest_pages(1);
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
