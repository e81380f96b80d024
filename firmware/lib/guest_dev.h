/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers of two devices that every test of virtio has at hand: a disk (virtio
 * 1.2, 5.2) and a source of entropy (5.4). */
#ifndef FIRMWARE_GUEST_DEV_H
#define FIRMWARE_GUEST_DEV_H

#include "guest_virtio.h"

#define BLK_SECTOR 512u

#define BLK_IN           0u
#define BLK_OUT          1u
#define BLK_FLUSH        4u
#define BLK_GET_ID       8u
#define BLK_DISCARD      11u
#define BLK_WRITE_ZEROES 13u

#define BLK_OK      0
#define BLK_IOERR   1
#define BLK_UNSUPP  2
#define BLK_NOTHING 0xee /* status byte before the device writes it */
#define BLK_SILENT  (-1) /* the request did not come back */

#define BLK_HEADER 16u

#define BLK_F_RO    (1ULL << 5)
#define BLK_F_FLUSH (1ULL << 9)
#define BLK_F_WCE   (1ULL << 11)
#define BLK_F_MQ    (1ULL << 12)
#define BLK_F_DISCARD (1ULL << 13)
#define BLK_F_ZEROES  (1ULL << 14)

struct disk {
	struct vio dev;
	struct vq q;
	uint64_t sectors;
	uint64_t header; /* a page each: of one request at a time */
	uint64_t data;
	uint64_t status;
};

void disk_open(struct disk *d, unsigned int nth);
/* Resets it and starts it with one queue. */
void disk_start(struct disk *d, uint64_t features, uint16_t size);
/* The header, and BLK_NOTHING as status. */
void disk_header(struct disk *d, uint32_t type, uint64_t sector);
/* One request with @len bytes of d->data; its status, or BLK_SILENT. */
int disk_request(struct disk *d, uint32_t type, uint64_t sector, uint32_t len);
/* Chains made by hand: the kick, and what came back. False: nothing. */
bool disk_finish(struct disk *d, struct vq_done *done, uint16_t slots);
uint8_t disk_status(const struct disk *d);
/* Sector 1 is written and read back, or the test has failed. */
void disk_check(struct disk *d, const char *when);

struct entropy {
	struct vio dev;
	struct vq q;
	uint64_t data;
	uint64_t last;
};

void entropy_open(struct entropy *e);
void entropy_start(struct entropy *e, uint64_t features, uint16_t size);
/* Eight bytes, other ones than before, or the test has failed. */
void entropy_check(struct entropy *e, const char *when);

#endif
