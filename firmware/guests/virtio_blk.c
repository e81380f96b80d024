// SPDX-License-Identifier: BSD-3-Clause
/*
 * A disk as a driver uses it: identity, reads, writes, flush, by split and by
 * packed rings, with and without indirect tables.
 */
#include "guest_dev.h"

const char guest_name[] = "virtio_blk";

#define PACKED VIO_F_PACKED
#define SIZE   8
#define ROUNDS 20

static struct disk disk;

static void check_identity(void)
{
	uint8_t first;

	mmio_write64(disk.data, 0);
	if (disk_request(&disk, BLK_GET_ID, 0, 20) != BLK_OK)
		guest_fail("no identity");
	first = mmio_read8(disk.data);
	if (!first)
		guest_fail("the identity is empty");
}

/* More requests than the ring has places, so that it wraps. */
static void check_rounds(const char *how)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		disk_check(&disk, how);
	if (disk_request(&disk, BLK_FLUSH, 0, 0) != BLK_OK)
		guest_fail("%s: the flush failed", how);
}

static void check_indirect(bool packed)
{
	uint64_t table = guest_pages(1);
	const struct vq_buf buf = { table, 3 * 16, VQ_INDIRECT };
	struct vq_done done;

	disk_header(&disk, BLK_IN, 1);
	vq_write_desc(table, disk.header, BLK_HEADER, packed ? 0 : VQ_NEXT, 1,
		      packed);
	vq_write_desc(table + 16, disk.data, BLK_SECTOR,
		      packed ? VQ_WRITE : VQ_NEXT | VQ_WRITE, 2, packed);
	vq_write_desc(table + 32, disk.status, 1, VQ_WRITE, 0, packed);
	vq_add(&disk.q, &buf, 1);
	if (!disk_finish(&disk, &done, 1) || disk_status(&disk) != BLK_OK ||
	    done.len != BLK_SECTOR + 1)
		guest_fail("indirect: status %u, %u bytes", disk_status(&disk),
			   done.len);
}

static void run(uint64_t features, const char *how)
{
	disk_start(&disk, features | VIO_F_INDIRECT, SIZE);
	check_identity();
	check_rounds(how);
	check_indirect(features & PACKED);
	guest_printf("virtio_blk: %s\n", how);
}

void guest_main(void)
{
	disk_open(&disk, 0);
	guest_printf("virtio_blk: %s, %lu sectors\n",
		     disk.dev.mmio ? "mmio" : "pci", disk.sectors);
	run(0, "split");
	run(PACKED, "packed");
	run(VIO_F_EVENT_IDX, "split, event index");
	run(PACKED | VIO_F_EVENT_IDX, "packed, event index");
	guest_pass();
}
