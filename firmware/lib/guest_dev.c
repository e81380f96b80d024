// SPDX-License-Identifier: BSD-3-Clause
/* See guest_dev.h. */
#include "guest_dev.h"

#define CAPACITY 0 /* in the configuration space */
#define CHECK_SECTOR 1
#define WORDS (BLK_SECTOR / 8)

/* ---- the disk ---- */

void disk_open(struct disk *d, unsigned int nth)
{
	memset(d, 0, sizeof(*d));
	vio_open(&d->dev, VIO_BLK, nth);
	d->sectors = mmio_read64(d->dev.config + CAPACITY);
	d->header = guest_pages(1);
	d->data = guest_pages(1);
	d->status = guest_pages(1);
}

void disk_start(struct disk *d, uint64_t features, uint16_t size)
{
	vio_begin(&d->dev, features);
	vq_init(&d->q, &d->dev, 0, size);
	vio_go(&d->dev);
	vio_take_isr(&d->dev);
}

void disk_header(struct disk *d, uint32_t type, uint64_t sector)
{
	mmio_write32(d->header, type);
	mmio_write32(d->header + 4, 0);
	mmio_write64(d->header + 8, sector);
	mmio_write8(d->status, BLK_NOTHING);
}

uint8_t disk_status(const struct disk *d)
{
	return mmio_read8(d->status);
}

bool disk_finish(struct disk *d, struct vq_done *done, uint16_t slots)
{
	vq_kick(&d->q);
	return vq_wait(&d->q, done, slots);
}

int disk_request(struct disk *d, uint32_t type, uint64_t sector, uint32_t len)
{
	bool in = type == BLK_IN || type == BLK_GET_ID;
	const struct vq_buf bufs[] = {
		{ d->header, BLK_HEADER, 0 },
		{ len ? d->data : d->status, len ? len : 1,
		  len && !in ? 0 : VQ_WRITE },
		{ d->status, 1, VQ_WRITE },
	};
	uint16_t count = len ? 3 : 2;
	struct vq_done done;

	disk_header(d, type, sector);
	vq_add(&d->q, bufs, count);
	return disk_finish(d, &done, count) ? disk_status(d) : BLK_SILENT;
}

static void fill(struct disk *d, uint64_t value)
{
	for (unsigned int i = 0; i < WORDS; i++)
		mmio_write64(d->data + 8u * i, value + i);
}

void disk_check(struct disk *d, const char *when)
{
	uint64_t stamp = rdtsc();
	int status;

	fill(d, stamp);
	status = disk_request(d, BLK_OUT, CHECK_SECTOR, BLK_SECTOR);
	if (status == BLK_OK) {
		fill(d, 0);
		status = disk_request(d, BLK_IN, CHECK_SECTOR, BLK_SECTOR);
	}
	if (status != BLK_OK)
		guest_fail("%s: the disk answers %d, device status %x", when,
			   status, vio_status(&d->dev));
	for (unsigned int i = 0; i < WORDS; i++)
		if (mmio_read64(d->data + 8u * i) != stamp + i)
			guest_fail("%s: word %u of a sector is %lx", when, i,
				   mmio_read64(d->data + 8u * i));
}

/* ---- entropy ---- */

void entropy_open(struct entropy *e)
{
	memset(e, 0, sizeof(*e));
	vio_open(&e->dev, VIO_RNG, 0);
	e->data = guest_pages(1);
}

void entropy_start(struct entropy *e, uint64_t features, uint16_t size)
{
	vio_begin(&e->dev, features);
	vq_init(&e->q, &e->dev, 0, size);
	vio_go(&e->dev);
	vio_take_isr(&e->dev);
}

void entropy_check(struct entropy *e, const char *when)
{
	const struct vq_buf buf = { e->data, 8, VQ_WRITE };
	struct vq_done done = { 0, 0 };
	uint64_t now;

	vq_add(&e->q, &buf, 1);
	vq_kick(&e->q);
	if (!vq_wait(&e->q, &done, 1) || done.len != 8)
		guest_fail("%s: no entropy, %u bytes, device status %x", when,
			   done.len, vio_status(&e->dev));
	now = mmio_read64(e->data);
	if (now == e->last)
		guest_fail("%s: the same random bytes twice", when);
	e->last = now;
}
