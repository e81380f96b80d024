// SPDX-License-Identifier: BSD-3-Clause
/*
 * Requests that a disk has to refuse, and some that only look so: the entries
 * DB01 to DB08, DB11, DB12, DB14 to DB16. The first disk has two queues, the
 * second one is read-only.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_blk";

#define SIZE 16
#define LONG 256
#define MIB  (1u << 20)

#define WRITEBACK 32 /* in the configuration space */
#define ID_LEN    20

#define UNMAP 1u

#define RANGES (BLK_F_DISCARD | BLK_F_ZEROES)

static struct disk fixed;  /* read-only */
static uint64_t large; /* a MiB */

static void expect(struct disk *d, int wanted, uint32_t type, uint64_t sector,
		   uint32_t len)
{
	int status = disk_request(d, type, sector, len);

	if (status != wanted)
		guest_fail("%s: type %x, %u bytes at sector %lx: %d, not %d",
			   attack_now->id, type, len, sector, status, wanted);
}

/* Any parts; what came back. */
static struct vq_done parts(const struct vq_buf *bufs, unsigned int count)
{
	struct vq_done done;

	mmio_write8(target.status, BLK_NOTHING);
	vq_add(&target.q, bufs, count);
	if (!disk_finish(&target, &done, (uint16_t)count))
		guest_fail("%s: a request is lost", attack_now->id);
	return done;
}

static void db01_places(void)
{
	uint64_t end = target.sectors;
	const uint64_t bad[] = {
		end, end + 1, UINT64_MAX, UINT64_MAX / 512,
		UINT64_MAX / 512 + 1, UINT64_MAX / 512 + 2, INT64_MAX,
		1ULL << 55, (1ULL << 55) - 1, 1ULL << 63,
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect(&target, BLK_IOERR, BLK_IN, bad[i], 512);
		expect(&target, BLK_IOERR, BLK_OUT, bad[i], 512);
	}
	expect(&target, BLK_IOERR, BLK_IN, end - 1, 1024);
	expect(&target, BLK_IOERR, BLK_OUT, end - 1, 1024);
	expect(&target, BLK_OK, BLK_OUT, end - 1, 512);
	expect(&target, BLK_OK, BLK_IN, end - 2, 1024);
	expect(&target, BLK_OK, BLK_IN, 0, 512);
}

static void db02_lengths(void)
{
	static const uint32_t lens[] = { 0, 1, 2, 511, 513, 1023, 4095 };

	for (unsigned int i = 0; i < 7; i++) {
		expect(&target, BLK_IOERR, BLK_IN, 1, lens[i]);
		expect(&target, BLK_IOERR, BLK_OUT, 1, lens[i]);
	}
}

static void range(uint64_t sector, uint32_t sectors, uint32_t flags)
{
	mmio_write64(target.data, sector);
	mmio_write32(target.data + 8, sectors);
	mmio_write32(target.data + 12, flags);
}

static void db03_read_only(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		disk_start(&fixed, i ? 0 : BLK_F_RO | RANGES, SIZE);
		mmio_write64(fixed.data, 1);
		mmio_write64(fixed.data + 8, 1);
		expect(&fixed, BLK_IOERR, BLK_OUT, 0, 512);
		expect(&fixed, BLK_IOERR, BLK_DISCARD, 0, 16);
		expect(&fixed, BLK_IOERR, BLK_WRITE_ZEROES, 0, 16);
		for (uint64_t sector = 0; sector < 4; sector++) {
			expect(&fixed, BLK_OK, BLK_IN, sector, 512);
			if (mmio_read64(fixed.data) ||
			    mmio_read64(fixed.data + 504))
				guest_fail("DB03: sector %lu is written",
					   sector);
		}
	}
	vio_reset(&fixed.dev);
}

static void db04_types(void)
{
	static const uint32_t types[] = {
		2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 16, 18, 20, 22, 24, 26, 99,
		0x80000000, 0x80000001, 0x01000000, UINT32_MAX,
	};

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		expect(&target, BLK_UNSUPP, types[i], 0, 0);
		expect(&target, BLK_UNSUPP, types[i], 0, 512);
	}
	/* known ones, but not negotiated */
	range(0, 1, 0);
	expect(&target, BLK_UNSUPP, BLK_DISCARD, 0, 16);
	expect(&target, BLK_UNSUPP, BLK_WRITE_ZEROES, 0, 16);
}

static void db05_identity(void)
{
	static const uint32_t lens[] = { 1, 19, 20, 21, 512, 4096 };

	for (unsigned int i = 0; i < 6; i++) {
		uint32_t len = lens[i];
		struct vq_done done;

		disk_header(&target, BLK_GET_ID, 0);
		mmio_write64(target.data + ID_LEN, 0x5a5a5a5a);
		done = parts((const struct vq_buf[]){
			{ target.header, BLK_HEADER, 0 },
			{ target.data, len, VQ_WRITE },
			{ target.status, 1, VQ_WRITE } }, 3);
		if (disk_status(&target) != BLK_OK || done.len > ID_LEN + 1 ||
		    mmio_read64(target.data + ID_LEN) != 0x5a5a5a5a)
			guest_fail("DB05: %u bytes: status %u, length %u", len,
				   disk_status(&target), done.len);
	}
	disk_header(&target, BLK_GET_ID, 0);
	parts((const struct vq_buf[]){ { target.header, BLK_HEADER, 0 },
				       { target.data, ID_LEN, 0 },
				       { target.status, 1, VQ_WRITE } }, 3);
	if (disk_status(&target) == BLK_OK)
		guest_fail("DB05: an identity without a place for it");
}

static void db06_ranges(void)
{
	static const uint32_t types[] = { BLK_DISCARD, BLK_WRITE_ZEROES };
	uint64_t end = target.sectors;

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t type = types[i];
		bool zeroes = type == BLK_WRITE_ZEROES;

		if (!(vio_offered(&target.dev) &
		      (zeroes ? BLK_F_ZEROES : BLK_F_DISCARD)))
			continue;
		range(2, 1, 0);
		expect(&target, BLK_IOERR, type, 0, 0);
		expect(&target, BLK_IOERR, type, 0, 15);
		expect(&target, BLK_IOERR, type, 0, 17);
		expect(&target, BLK_IOERR, type, 0, 32);
		expect(&target, BLK_IOERR, type, 0, 4096);
		expect(&target, BLK_OK, type, 0, 16);
		range(2, 1, 2);
		expect(&target, BLK_UNSUPP, type, 0, 16);
		range(2, 1, UINT32_MAX);
		expect(&target, BLK_UNSUPP, type, 0, 16);
		range(2, 1, UNMAP);
		expect(&target, zeroes ? BLK_OK : BLK_UNSUPP, type, 0, 16);
		range(end, 1, 0);
		expect(&target, BLK_IOERR, type, 0, 16);
		range(end - 1, 2, 0);
		expect(&target, BLK_IOERR, type, 0, 16);
		range(UINT64_MAX, 2, 0);
		expect(&target, BLK_IOERR, type, 0, 16);
		range(UINT64_MAX / 512, 2, 0);
		expect(&target, BLK_IOERR, type, 0, 16);
		range(0, UINT32_MAX, 0);
		expect(&target, BLK_IOERR, type, 0, 16);
		range(2, 0, 0); /* nothing: either is good */
		if (disk_request(&target, type, 0, 16) < 0)
			guest_fail("DB06: an empty range is lost");
	}
}

static void dropped(const struct vq_buf *bufs, unsigned int count)
{
	if (parts(bufs, count).len || disk_status(&target) != BLK_NOTHING)
		guest_fail("DB07: not dropped, status %u",
			   disk_status(&target));
}

static void db07_framing(void)
{
	struct vq_buf b[] = { { target.header, 15, 0 },
			      { target.data, 512, VQ_WRITE },
			      { target.status, 1, VQ_WRITE } };
	struct vq_done done;

	disk_header(&target, BLK_IN, 1);
	dropped(b, 3);
	b[0].len = 1;
	dropped(b, 3);
	b[0].len = 17;
	parts(b, 3);
	if (disk_status(&target) != BLK_IOERR)
		guest_fail("DB07: a long header: %u", disk_status(&target));
	b[0].len = BLK_HEADER;
	b[2].len = 0;
	parts(b, 3); /* the data's last byte is the status; 511 are left */
	if (mmio_read8(target.data + 511) != BLK_IOERR)
		guest_fail("DB07: status %u in the data",
			   mmio_read8(target.data + 511));
	b[1].len = 0;
	dropped(b, 3);
	b[1].len = 512;
	b[2].len = 513;
	done = parts(b, 3); /* two sectors, then the status */
	if (mmio_read8(target.status + 512) != BLK_OK || done.len != 1025)
		guest_fail("DB07: a long status: %u, length %u",
			   mmio_read8(target.status + 512), done.len);
}

static void db08_flush(void)
{
	expect(&target, BLK_OK, BLK_FLUSH, 0, 0);
	for (unsigned int i = 0; i < 4; i++) {
		int status = disk_request(&target, BLK_FLUSH,
					  i & 1 ? UINT64_MAX : 1,
					  i & 2 ? 512 : 0);

		if (status != BLK_OK && status != BLK_IOERR)
			guest_fail("DB08: a flush has status %d", status);
	}
}

/* The length of a read that fails, and of a write. */
static void db11_lengths(void)
{
	struct vq_buf b[] = { { target.header, BLK_HEADER, 0 },
			      { target.data, 512, VQ_WRITE },
			      { target.status, 1, VQ_WRITE } };

	disk_header(&target, BLK_IN, target.sectors);
	if (parts(b, 3).len > 1)
		guest_fail("DB11: a failed read has a length");
	disk_header(&target, 77, 0);
	if (parts(b, 3).len > 1)
		guest_fail("DB11: an unknown request has a length");
	b[1].flags = 0;
	disk_header(&target, BLK_OUT, 1);
	if (parts(b, 3).len != 1)
		guest_fail("DB11: a write has another length than 1");
}

static void db12_writeback(void)
{
	uint64_t at = target.dev.config;

	for (unsigned int i = 0; i < 40; i++) {
		static const uint8_t values[] = { 0, 1, 2, 255 };

		mmio_write8(at + WRITEBACK, values[i % 4]);
		if (mmio_read8(at + WRITEBACK) > 1)
			guest_fail("DB12: writeback is %u",
				   mmio_read8(at + WRITEBACK));
		mmio_write64(at, UINT64_MAX);
		mmio_write32(at + WRITEBACK - 1, UINT32_MAX);
		disk_check(&target, "DB12");
	}
	if (mmio_read64(at) != target.sectors)
		guest_fail("DB12: the capacity was written");
}

/* @count requests share their data and status. */
static void batch(uint16_t count, const uint32_t *types, unsigned int kinds,
		  uint32_t len)
{
	struct vq *q = &target.q;
	struct vq_done done;

	vq_write_at(q, LONG - 2, large, len, VQ_NEXT, LONG - 1);
	vq_write_at(q, LONG - 3, large, len, VQ_NEXT | VQ_WRITE, LONG - 1);
	vq_write_at(q, LONG - 1, target.status, 1, VQ_WRITE, 0);
	for (unsigned int i = 0; i < kinds; i++) {
		mmio_write32(target.header + 16 * i, types[i]);
		mmio_write64(target.header + 16 * i + 8, 0);
	}
	for (uint16_t i = 0; i < count; i++) {
		bool in = types[i % kinds] == BLK_IN;

		vq_write_at(q, i, target.header + 16u * (i % kinds), BLK_HEADER,
			    VQ_NEXT, in ? LONG - 3 : LONG - 2);
		vq_offer(q, i);
	}
	vq_kick(q);
	for (uint16_t i = 0; i < count; i++)
		if (!vq_wait(q, &done, 1) || !done.len)
			guest_fail("%s: request %u of %u is lost",
				   attack_now->id, i, count);
}

static void db14_full_ring(void)
{
	static const uint32_t types[] = { BLK_IN };

	batch(150, types, 1, MIB);
}

static void db15_overlapping(void)
{
	static const uint32_t types[] = { BLK_OUT, BLK_WRITE_ZEROES, BLK_IN,
					  BLK_OUT, BLK_FLUSH };

	mmio_write64(large, 0);
	mmio_write64(large + 8, 64);
	batch(100, types, 5, 8192);
}

static void db16_silent_queue(void)
{
	struct vq second = { .desc = 0 };
	struct vq_done done;

	for (unsigned int i = 0; i < 100; i++)
		vio_notify(&target.dev, 1);
	vq_place(&second, &target.dev, 1, SIZE);
	vq_add(&second, &(struct vq_buf){ target.data, 16, 0 }, 1);
	vq_kick(&second);
	guest_delay_us(2000);
	if (vq_take(&second, &done, 1))
		guest_fail("DB16: a queue that is not enabled is used");
}

static const struct attack attacks[] = {
	{ "DB01", db01_places, LIVES, SIZE, 0 },
	{ "DB02", db02_lengths, LIVES, SIZE, 0 },
	{ "DB03", db03_read_only, LIVES, SIZE, 0 },
	{ "DB04", db04_types, LIVES, SIZE, 0 },
	{ "DB05", db05_identity, LIVES, SIZE, 0 },
	{ "DB06", db06_ranges, LIVES, SIZE, RANGES },
	{ "DB07", db07_framing, LIVES, SIZE, 0 },
	{ "DB08", db08_flush, LIVES, SIZE, BLK_F_FLUSH },
	{ "DB11", db11_lengths, LIVES, SIZE, VIO_F_PACKED },
	{ "DB12", db12_writeback, LIVES, SIZE, BLK_F_FLUSH | BLK_F_WCE },
	{ "DB14", db14_full_ring, LIVES, LONG, 0 },
	{ "DB15", db15_overlapping, LIVES, LONG, RANGES },
	{ "DB16", db16_silent_queue, LIVES, SIZE, BLK_F_MQ },
};

void guest_main(void)
{
	large = guest_pages(MIB / GUEST_PAGE);
	disk_open(&fixed, 1);
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
