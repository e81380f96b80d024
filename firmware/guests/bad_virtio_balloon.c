// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pages that a balloon must not take, or may, to the guest's own harm: the
 * entries DL01 to DL08, and Q28, for which a disk's rings go into it, and G17,
 * for which all does that is not needed.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_balloon";

#define SIZE 8

#define F_STATS     (1ULL << 1)
#define F_REPORTING (1ULL << 5)
#define ALL         (F_STATS | F_REPORTING)

#define QUEUES  4
#define INFLATE 0
#define DEFLATE 1
#define STATS   2
#define REPORT  3

#define ACTUAL 4 /* in the configuration space */

#define PATTERN 0x123456789abcdef0ULL
#define FREE    (64u << 20) /* RAM that nobody uses */

static struct vio balloon;
static struct vq queue[QUEUES];
static uint64_t list;   /* of page numbers: four pages */
static uint64_t victim; /* four pages */

static void start(uint64_t features, uint16_t size)
{
	vio_begin(&balloon, features);
	for (uint16_t i = 0; i < (features & F_STATS ? QUEUES : 2); i++)
		vq_init(&queue[i], &balloon, i, size);
	vio_go(&balloon);
	vio_take_isr(&balloon);
}

static void lost(unsigned int n)
{
	guest_fail("%s: a buffer of queue %u is lost, status %x",
		   attack_now->id, n, vio_status(&balloon));
}

static void give(unsigned int n, uint64_t at, uint32_t len, uint16_t flags)
{
	struct vq_done done;

	vq_add(&queue[n], &(struct vq_buf){ at, len, flags }, 1);
	vq_kick(&queue[n]);
	if (!vq_wait(&queue[n], &done, 1))
		lost(n);
	if (done.len)
		guest_fail("%s: %u bytes are used", attack_now->id, done.len);
}

static void pages(unsigned int n, const uint32_t *numbers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		mmio_write32(list + 4 * i, numbers[i]);
	give(n, list, 4 * count, 0);
}

static uint32_t page_of(uint64_t at)
{
	return (uint32_t)(at / GUEST_PAGE);
}

static void mark(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		mmio_write64(victim + GUEST_PAGE * i, PATTERN);
		mmio_write64(victim + GUEST_PAGE * i + 4088, PATTERN);
	}
}

/* Is page @i as it was marked? Is it gone? */
static bool kept(unsigned int i)
{
	return mmio_read64(victim + GUEST_PAGE * i) == PATTERN &&
	       mmio_read64(victim + GUEST_PAGE * i + 4088) == PATTERN;
}

static bool gone(unsigned int i)
{
	return !mmio_read64(victim + GUEST_PAGE * i) &&
	       !mmio_read64(victim + GUEST_PAGE * i + 4088);
}

static void works(const char *id)
{
	uint32_t page = page_of(victim) + 1;

	mark();
	pages(INFLATE, &page, 1);
	if (!kept(0) || !gone(1) || !kept(2))
		guest_fail("%s: not the page that was meant is gone", id);
	pages(DEFLATE, &page, 1);
}

static void other(const char *id)
{
	disk_check(&target, id);
}

static void dl01_no_ram(void)
{
	const uint32_t bad[] = {
		page_of(guest_ram_end()), page_of(LAYOUT_HOLE_START),
		page_of(balloon.base), page_of(LAYOUT_LAPIC), 0xfffff,
		0x100000 + page_of(victim), 0x40000000 + page_of(victim),
		0x80000000, 0x80000000 + page_of(victim), UINT32_MAX,
		UINT32_MAX - 1,
	};
	unsigned int count = sizeof(bad) / sizeof(bad[0]);

	mark();
	pages(INFLATE, bad, count);
	pages(DEFLATE, bad, count);
	for (unsigned int i = 0; i < count; i++)
		pages(INFLATE, &bad[i], 1);
	if (!kept(0))
		guest_fail("DL01: a page is taken by its low bits");
}

/* The tables of the firmware, and the rings of the balloon itself. */
static void dl01_its_own_ring(void)
{
	const uint32_t firmware[] = { page_of(LAYOUT_MPTABLE),
				      page_of(LAYOUT_MPTABLE) + 1 };
	const uint32_t own[] = { page_of(queue[INFLATE].desc),
				 page_of(queue[INFLATE].avail),
				 page_of(queue[INFLATE].used), page_of(list) };

	pages(INFLATE, firmware, 2);
	for (unsigned int i = 0; i < 4; i++)
		mmio_write32(list + 4 * i, own[i]);
	vq_add(&queue[INFLATE], &(struct vq_buf){ list, 16, 0 }, 1);
	vq_kick(&queue[INFLATE]);
	vq_kick(&queue[INFLATE]);
	guest_delay_us(2000);
	disk_check(&target, "DL01");
}

static void dl02_lengths(void)
{
	static const uint32_t lens[] = { 0, 1, 3, 5, 6, 7 };

	for (unsigned int i = 0; i < 6; i++) {
		mark();
		mmio_write32(list, page_of(victim) + 1);
		mmio_write32(list + 4, page_of(victim) + 2);
		give(INFLATE, list, lens[i], 0);
		if (!kept(2) || (lens[i] < 4 ? !kept(1) : !gone(1)))
			guest_fail("DL02: %u bytes of page numbers", lens[i]);
		give(INFLATE, list, lens[i] + 1, VQ_WRITE);
		if (!kept(2))
			guest_fail("DL02: numbers in a writable buffer");
		give(DEFLATE, list, lens[i], 0);
	}
}

static void dl03_again_and_again(void)
{
	for (unsigned int i = 0; i < 4096; i++)
		mmio_write32(list + 4 * i, page_of(victim) + 3 * (i & 1));
	for (unsigned int i = 0; i < 20; i++) {
		give(INFLATE, list, 4 * 4096, 0);
		other("DL03");
	}
}

static void dl04_deflate(void)
{
	const uint32_t some[] = { 0, 1, page_of(victim), page_of(victim),
				  UINT32_MAX, page_of(FREE) };

	mark();
	pages(DEFLATE, some, 6);
	if (!kept(0) || !kept(1))
		guest_fail("DL04: deflating takes a page");
	give(DEFLATE, list, 3, 0);
	give(DEFLATE, 0, 128u << 20, 0);
}

/* One is kept, and given back for the next one. */
static void dl05_statistics(void)
{
	struct vq *q = &queue[STATS];
	struct vq_done done;

	vq_write_at(q, 0, list, 10, 0, 0);
	vq_write_at(q, 1, 0, 128u << 20, 0, 0);
	vq_write_at(q, 2, 0, UINT32_MAX, 0, 0);
	vq_write_at(q, 3, list, 7, 0, 0);
	vq_write_at(q, 4, list, 64, VQ_WRITE, 0);
	for (uint16_t i = 0; i < 5; i++) {
		vq_offer(q, i);
		vq_kick(q);
		guest_delay_us(500);
	}
	for (unsigned int i = 0; i < 4; i++)
		if (!vq_wait(q, &done, 1) || done.len)
			lost(STATS);
	if (!vq_quiet(q, 1000))
		guest_fail("DL05: no buffer is kept");
}

static void dl06_actual(void)
{
	static const uint32_t values[] = { 0x7fffffff, 0x80000000, UINT32_MAX,
					   0 };

	for (unsigned int i = 0; i < 4; i++) {
		mmio_write32(balloon.config + ACTUAL, values[i]);
		if (mmio_read32(balloon.config))
			guest_fail("DL06: the target was written");
		mmio_write64(balloon.config, UINT64_MAX);
		mmio_write8(balloon.config + 3, 0xff);
	}
	if (mmio_read32(balloon.config))
		guest_fail("DL06: the target was written");
}

static void dl07_reports(void)
{
	struct vq *q = &queue[REPORT];
	struct vq_done done;

	mark();
	give(REPORT, guest_ram_end() - 4096, 8192, VQ_WRITE);
	give(REPORT, LAYOUT_HOLE_START, 4096, VQ_WRITE);
	give(REPORT, UINT64_MAX - 4095, 4096, VQ_WRITE);
	give(REPORT, 0, UINT32_MAX, VQ_WRITE);
	give(REPORT, victim, GUEST_PAGE, 0); /* not ours to write: no report */
	if (!kept(0))
		guest_fail("DL07: a readable buffer is a free page");
	give(REPORT, victim + 4088, 2 * GUEST_PAGE, VQ_WRITE);
	if (mmio_read64(victim) != PATTERN || !kept(3))
		guest_fail("DL07: more than the range is gone");
	give(REPORT, victim + 8, 16, VQ_WRITE);
	if (!kept(0) && mmio_read64(victim) != PATTERN)
		guest_fail("DL07: a page is gone for 16 bytes");
	give(REPORT, FREE, 128u << 20, VQ_WRITE);
	vq_add(q, (const struct vq_buf[]){ { victim, GUEST_PAGE, VQ_WRITE },
					   { FREE, 0, VQ_WRITE },
					   { list, GUEST_PAGE, VQ_WRITE } }, 3);
	vq_kick(q);
	if (!vq_wait(q, &done, 3))
		lost(REPORT);
}

/* Pages under requests of the disk. */
static void dl08_in_flight(void)
{
	const uint32_t some[] = { page_of(target.data), page_of(target.status),
				  page_of(target.header) };

	for (unsigned int i = 0; i < 60; i++) {
		struct vq_done done;

		disk_header(&target, BLK_IN, 1);
		vq_add(&target.q, (const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, 512, VQ_WRITE },
			{ target.status, 1, VQ_WRITE } }, 3);
		vq_kick(&target.q);
		pages(INFLATE, some, 3);
		if (!vq_wait(&target.q, &done, 3))
			guest_fail("DL08: the disk's request is lost");
	}
}

/* The disk may break, alone; its reset mends it. */
static void q28_rings(uint64_t features)
{
	for (unsigned int i = 0; i < 7; i++) {
		uint32_t some[3];
		unsigned int count = 0;

		disk_start(&target, features, SIZE);
		disk_check(&target, "Q28");
		for (unsigned int k = 0; k < 3; k++)
			if ((i + 1) >> k & 1)
				some[count++] = page_of(
					k == 0 ? target.q.desc :
					k == 1 ? target.q.avail :
						 target.q.used);
		pages(INFLATE, some, count);
		disk_header(&target, BLK_IN, 1);
		vq_add(&target.q, (const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, 512, VQ_WRITE },
			{ target.status, 1, VQ_WRITE } }, 3);
		vq_kick(&target.q);
		guest_delay_us(1000);
	}
	disk_start(&target, 0, SIZE);
}

static void q28_ballooned(void)
{
	q28_rings(0);
	q28_rings(VIO_F_PACKED);
}

/* All RAM behind the image and the pages of the test, by 16 MiB; then it is
 * used again. */
static void g17_everything(void)
{
	uint64_t end = guest_ram_end();

	for (uint64_t at = 16u << 20; at < end; at += GUEST_PAGE * 4096ULL) {
		uint32_t count = 0;

		for (; count < 4096 && at + count * 4096ULL < end; count++)
			mmio_write32(list + 4 * count, page_of(at) + count);
		give(INFLATE, list, 4 * count, 0);
	}
	mmio_write32(balloon.config + ACTUAL, page_of(end));
	for (uint64_t at = 16u << 20; at < end; at += 1u << 20) {
		if (mmio_read64(at))
			guest_fail("G17: a page in the balloon is not empty");
		mmio_write64(at, PATTERN);
		if (mmio_read64(at) != PATTERN)
			guest_fail("G17: a page does not come back");
	}
}

static const struct attack attacks[] = {
	{ "DL01", dl01_no_ram, LIVES, SIZE, 0 },
	{ "DL01", dl01_its_own_ring, ENDS, SIZE, 0 },
	{ "DL02", dl02_lengths, LIVES, SIZE, 0 },
	{ "DL03", dl03_again_and_again, LIVES, SIZE, 0 },
	{ "DL04", dl04_deflate, LIVES, SIZE, 0 },
	{ "DL05", dl05_statistics, LIVES, SIZE, ALL },
	{ "DL06", dl06_actual, LIVES, SIZE, 0 },
	{ "DL07", dl07_reports, LIVES, SIZE, ALL },
	{ "DL08", dl08_in_flight, LIVES, SIZE, 0 },
	{ "Q28", q28_ballooned, LIVES, SIZE, 0 },
	{ "G17", g17_everything, LIVES, SIZE, 0 },
};

void guest_main(void)
{
	const struct victim v = { &balloon, start, works, other };

	vio_open(&balloon, VIO_BALLOON, 0);
	list = guest_pages(4);
	victim = guest_pages(4);
	disk_open(&target, 0);
	disk_start(&target, 0, SIZE);
	attack_all(&v, ATTACKS(attacks));
	guest_pass();
}
