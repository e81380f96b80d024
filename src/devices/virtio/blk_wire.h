/* SPDX-License-Identifier: BSD-3-Clause */
/* The block device as it looks from the driver's side (virtio 1.2, 5.2). */
#ifndef VIREO_DEVICES_VIRTIO_BLK_WIRE_H
#define VIREO_DEVICES_VIRTIO_BLK_WIRE_H

#include <stdint.h>

#include "backends/block.h"
#include "base/endian.h"

/* Feature bits (5.2.3). */
#define BLK_F_SIZE_MAX     (UINT64_C(1) << 1)
#define BLK_F_SEG_MAX      (UINT64_C(1) << 2)
#define BLK_F_RO           (UINT64_C(1) << 5)
#define BLK_F_BLK_SIZE     (UINT64_C(1) << 6)
#define BLK_F_FLUSH        (UINT64_C(1) << 9)
#define BLK_F_TOPOLOGY     (UINT64_C(1) << 10)
#define BLK_F_CONFIG_WCE   (UINT64_C(1) << 11)
#define BLK_F_MQ           (UINT64_C(1) << 12)
#define BLK_F_DISCARD      (UINT64_C(1) << 13)
#define BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)

/* Configuration space (5.2.4): offsets. */
enum blk_field {
	BLK_CAPACITY = 0, /* le64, sectors */
	BLK_SIZE_MAX = 8,
	BLK_SEG_MAX = 12,
	BLK_BLK_SIZE = 20,
	BLK_PHYSICAL_EXP = 24, /* u8 */
	BLK_MIN_IO = 26,       /* le16 */
	BLK_OPT_IO = 28,
	BLK_WRITEBACK = 32,  /* u8 */
	BLK_NUM_QUEUES = 34, /* le16 */
	BLK_MAX_DISCARD_SECTORS = 36,
	BLK_MAX_DISCARD_SEG = 40,
	BLK_DISCARD_ALIGNMENT = 44,
	BLK_MAX_ZEROES_SECTORS = 48,
	BLK_MAX_ZEROES_SEG = 52,
	BLK_ZEROES_MAY_UNMAP = 56, /* u8 */
	BLK_CONFIG_SIZE = 60,
};

/* Requests (5.2.6). */
enum blk_type {
	BLK_T_IN = 0,
	BLK_T_OUT = 1,
	BLK_T_FLUSH = 4,
	BLK_T_GET_ID = 8,
	BLK_T_DISCARD = 11,
	BLK_T_WRITE_ZEROES = 13,
};

#define BLK_S_OK     0
#define BLK_S_IOERR  1
#define BLK_S_UNSUPP 2

struct blk_header {
	le32 type;
	le32 reserved;
	le64 sector;
};

struct blk_range {
	le64 sector;
	le32 sectors;
	le32 flags;
};

#define BLK_RANGE_UNMAP 1u
#define BLK_RANGE_MAX   (UINT32_C(1) << 21) /* sectors: 1 GiB */

/* What of the configuration space does not change (all but the capacity and
 * the cache mode), into zeroed @config; returns the features to offer. */
uint64_t blk_fill_config(uint8_t config[BLK_CONFIG_SIZE],
			 const struct block_info *info, unsigned int queues);

#endif
