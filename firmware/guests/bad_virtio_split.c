// SPDX-License-Identifier: BSD-3-Clause
/*
 * Chains that no driver should build, in a disk's split ring: each is given
 * back, most of them empty, and the ring goes on. The entries Q01 to Q19.
 */
#include "guest_attack.h"

const char guest_name[] = "bad_virtio_split";

#define SIZE 8
#define LONG 256
#define FAR  0x1000000000ULL /* no RAM there */

#define N  VQ_NEXT
#define W  VQ_WRITE
#define IN VQ_INDIRECT

static uint64_t table; /* of indirect descriptors, VQ_MAX + 1 of them */

static void put(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		uint16_t next)
{
	vq_write_at(&target.q, i, addr, len, flags, next);
}

static void entry(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		  uint16_t next)
{
	vq_write_desc(table + 16u * i, addr, len, flags, next, false);
}

/* The chain at @head comes back; its length. */
static uint32_t send(uint16_t head)
{
	struct vq_done done;

	vq_offer(&target.q, head);
	if (!disk_finish(&target, &done, 1))
		guest_fail("%s: the chain is lost, device status %x",
			   attack_now->id, vio_status(&target.dev));
	if (done.id != head)
		guest_fail("%s: chain %u came back as %u", attack_now->id,
			   head, done.id);
	return done.len;
}

static void dropped(uint16_t head)
{
	uint32_t len = send(head);

	if (len)
		guest_fail("%s: a bad chain has length %u", attack_now->id,
			   len);
}

/* Empty, or with an error as its status. */
static void refused(uint16_t head)
{
	if (send(head) && (disk_status(&target) == BLK_OK ||
			   disk_status(&target) == BLK_NOTHING))
		guest_fail("%s: a bad chain was carried out", attack_now->id);
}

static void works(uint16_t head, uint32_t len)
{
	uint32_t got = send(head);

	if (got != len || disk_status(&target) != BLK_OK)
		guest_fail("%s: length %u and status %u, not %u and 0",
			   attack_now->id, got, disk_status(&target), len);
}

/* Descriptor 0: the header of a read; the data is the attack's. */
static void header(void)
{
	disk_header(&target, BLK_IN, 1);
	put(0, target.header, BLK_HEADER, N, 1);
}

static void data_at(uint64_t addr, uint32_t len)
{
	header();
	put(1, addr, len, N | W, 2);
	put(2, target.status, 1, W, 0);
}

static void q01_loops(void)
{
	header();
	put(1, target.data, 512, N | W, 1);
	dropped(0);
	put(1, target.data, 512, N, 0);
	dropped(0);
	put(3, target.data, 0, N, 3);
	dropped(3);
}

/* Seven direct ones and @more in the table. */
static void long_chain(uint16_t more)
{
	header();
	for (uint16_t i = 1; i < SIZE - 1; i++)
		put(i, target.data + 64u * i, 64, N | W, (uint16_t)(i + 1));
	put(SIZE - 1, table, 16u * more, IN, 0);
	entry(0, target.data + 64u * (SIZE - 1), 128, N | W, 1);
	entry(more - 1u, target.status, 1, W, 0);
}

static void q02_too_long(void)
{
	long_chain(2);
	dropped(0);
}

static void q03_full_ring(void)
{
	header();
	for (uint16_t i = 1; i < LONG - 1; i++)
		put(i, target.data + 2u * i, i == 1 ? 6 : 2, N | W,
		    (uint16_t)(i + 1));
	put(LONG - 1, target.status, 1, W, 0);
	works(0, 513);
}

static void q04_next_beyond(void)
{
	static const uint16_t next[] = { SIZE, SIZE + 1, 0x7fff, 0xffff };

	for (unsigned int i = 0; i < 4; i++) {
		data_at(target.data, 512);
		put(0, target.header, BLK_HEADER, N, next[i]);
		dropped(0);
	}
}

static void q05_no_ram(void)
{
	const uint64_t at[] = {
		guest_ram_end(), FAR, target.dev.base, witness.dev.common,
		witness.dev.notify, LAYOUT_LAPIC, LAYOUT_IOAPIC,
		LAYOUT_PCI_ECAM, LAYOUT_TSS, LAYOUT_HOLE_START,
		LAYOUT_HOLE_END - 512, UINT64_MAX - 511,
	};

	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		data_at(at[i], 512);
		refused(0);
		put(0, at[i], BLK_HEADER, N, 1);
		refused(0);
		header();
		data_at(target.data, 512);
		put(2, at[i], 1, W, 0);
		dropped(0);
	}
}

static void q06_over_the_end(void)
{
	uint64_t end = guest_ram_end();

	data_at(end - 256, 512);
	refused(0);
	data_at(end - 1, 512);
	refused(0);
	put(0, end - 8, BLK_HEADER, N, 1);
	refused(0);
	data_at(end - 512, 512);
	works(0, 513);
}

static void q07_wraps(void)
{
	data_at(UINT64_MAX - 255, 512);
	refused(0);
	data_at(UINT64_MAX, 512);
	refused(0);
	data_at(UINT64_MAX - 255, 0xffffffff);
	refused(0);
}

static void q08_huge(void)
{
	uint32_t part = 128u << 20;

	data_at(0, 0xffffffff);
	refused(0);
	data_at(target.data, 0xfffffe00);
	refused(0);
	header();
	for (uint16_t i = 1; i < 40; i++)
		put(i, 0, part, N | W, (uint16_t)(i + 1));
	put(40, target.status, 1, W, 0);
	refused(0);
	for (uint16_t i = 1; i < 40; i++)
		put(i, FAR, part, N, (uint16_t)(i + 1));
	refused(0);
}

static void q09_nothing(void)
{
	disk_header(&target, BLK_IN, 1);
	put(0, target.header, 0, N, 1);
	put(1, target.header, BLK_HEADER, N, 2);
	put(2, target.data, 0, N | W, 3);
	put(3, target.data, 512, N | W, 4);
	put(4, 0, 0, N | W, 5);
	put(5, target.status, 1, N | W, 6);
	put(6, FAR, 0, W, 0);
	works(0, 513);
	put(0, target.header, 0, 0, 0);
	dropped(0);
	put(0, target.header, 0, W, 0);
	dropped(0);
	put(0, target.header, BLK_HEADER, N, 1);
	put(1, target.status, 0, W, 0);
	dropped(0);
}

static void q10_order(void)
{
	data_at(target.data, 512);
	put(0, target.status, 1, N | W, 1);
	put(1, target.header, BLK_HEADER, N, 2);
	dropped(0);
	if (mmio_read64(target.header) != BLK_IN ||
	    mmio_read64(target.header + 8) != 1)
		guest_fail("Q10: a readable buffer is written");
	header();
	put(1, target.data, 512, N | W, 2);
	put(2, target.data, 512, N, 3);
	put(3, target.status, 1, W, 0);
	refused(0);
}

static void q11_directions(void)
{
	data_at(target.data, 512);
	put(1, target.data, 512, N, 2);
	put(2, target.status, 1, 0, 0);
	dropped(0);
	data_at(target.data, 512);
	put(0, target.header, BLK_HEADER, N | W, 1);
	dropped(0);
}

static void q12_parts(void)
{
	header();
	put(0, target.header, BLK_HEADER, 0, 0);
	dropped(0);
	disk_header(&target, BLK_OUT, 1);
	put(0, target.header, BLK_HEADER, N, 1);
	put(1, target.data, 512, 0, 0);
	dropped(0);
}

static void q13_single_bytes(void)
{
	disk_header(&target, BLK_IN, 1);
	for (uint16_t i = 0; i < BLK_HEADER; i++)
		put(i, target.header + i, 1, N, (uint16_t)(i + 1));
	for (uint16_t i = 0; i < 32; i++)
		put((uint16_t)(16 + i), target.data + 16u * i, 16, N | W,
		    (uint16_t)(17 + i));
	put(48, target.status, 1, W, 0);
	works(0, 513);
}

/* A good table of a read. */
static void good_table(void)
{
	disk_header(&target, BLK_IN, 1);
	entry(0, target.header, BLK_HEADER, N, 1);
	entry(1, target.data, 512, N | W, 2);
	entry(2, target.status, 1, W, 0);
}

static void q14_no_indirect(void)
{
	good_table();
	put(0, table, 48, IN, 0);
	refused(0);
}

static void q15_nested(void)
{
	good_table();
	entry(8, target.data, 512, N | W, 1);
	entry(9, target.status, 1, W, 0);
	entry(1, table + 128, 32, IN, 0);
	put(0, table, 48, IN, 0);
	refused(0);
	entry(0, table + 128, 32, IN, 0);
	refused(0);
	entry(0, table, 48, IN, 0); /* itself */
	refused(0);
}

static void q16_more_behind(void)
{
	good_table();
	entry(1, target.data, 512, W, 0);
	put(0, table, 32, IN | N, 1);
	put(1, target.status, 1, W, 0);
	refused(0);
	put(1, table + 32, 16, IN, 0);
	refused(0);
	good_table();
	put(0, table, 48, IN | N, 1);
	put(1, target.status, 1, W, 0);
	refused(0);
}

static void q17_bad_tables(void)
{
	const struct vq_buf bad[] = {
		{ table, 0, 0 }, { table, 1, 0 }, { table, 15, 0 },
		{ table, 17, 0 }, { table, 47, 0 }, { table, 16 * 32769, 0 },
		{ table, 0xfffffff0, 0 }, { FAR, 48, 0 },
		{ guest_ram_end() - 32, 48, 0 }, { guest_ram_end(), 48, 0 },
		{ UINT64_MAX - 31, 48, 0 }, { target.dev.base, 48, 0 },
	};

	good_table();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(0, bad[i].addr, bad[i].len, IN, 0);
		refused(0);
	}
}

static void q18_legal_tables(void)
{
	good_table();
	put(0, table, 48, IN, 0);
	works(0, 513);
	put(0, table, 48, IN | W, 0);
	works(0, 513);
	put(0, target.header, 8, N, 1);
	put(1, target.header + 8, 8, N, 2);
	put(2, table + 16, 32, IN, 0);
	entry(1, target.data, 512, N | W, 1);
	entry(2, target.status, 1, W, 0);
	works(0, 513);
	long_chain(1);
	entry(0, target.status, 1, W, 0);
	put(SIZE - 2, target.data + 64u * (SIZE - 2), 192, N | W, SIZE - 1);
	works(0, 513);
}

static void q19_table_loops(void)
{
	good_table();
	put(0, table, 48, IN, 0);
	entry(1, target.data, 512, N | W, 1);
	refused(0);
	entry(1, target.data, 0, N | W, 0);
	refused(0);
	entry(1, target.data, 512, N | W, 0xffff);
	refused(0);
	good_table();
	entry(0, target.header, BLK_HEADER, N, 3); /* behind the last one */
	refused(0);
	entry(0, target.header, BLK_HEADER, N, 4); /* 1, if it went round */
	refused(0);
}

static const struct attack attacks[] = {
	{ "Q01", q01_loops, LIVES, SIZE, 0 },
	{ "Q02", q02_too_long, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q03", q03_full_ring, LIVES, LONG, 0 },
	{ "Q04", q04_next_beyond, LIVES, SIZE, 0 },
	{ "Q05", q05_no_ram, LIVES, SIZE, 0 },
	{ "Q06", q06_over_the_end, LIVES, SIZE, 0 },
	{ "Q07", q07_wraps, LIVES, SIZE, 0 },
	{ "Q08", q08_huge, LIVES, 64, 0 },
	{ "Q09", q09_nothing, LIVES, SIZE, 0 },
	{ "Q10", q10_order, LIVES, SIZE, 0 },
	{ "Q11", q11_directions, LIVES, SIZE, 0 },
	{ "Q12", q12_parts, LIVES, SIZE, 0 },
	{ "Q13", q13_single_bytes, LIVES, 64, 0 },
	{ "Q14", q14_no_indirect, LIVES, SIZE, 0 },
	{ "Q15", q15_nested, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q16", q16_more_behind, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q17", q17_bad_tables, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q18", q18_legal_tables, LIVES, SIZE, VIO_F_INDIRECT },
	{ "Q19", q19_table_loops, LIVES, SIZE, VIO_F_INDIRECT },
};

void guest_main(void)
{
	table = guest_pages(2);
	attack_disk(ATTACKS(attacks));
	guest_pass();
}
