// SPDX-License-Identifier: BSD-3-Clause
/* The block device's configuration space and the features that go with it; see
 * blk_wire.h. Pure computation. */
#include <string.h>

#include "base/num.h"
#include "devices/virtio/blk_wire.h"

/* 1 MiB of pages; with header and status it is below QUEUE_IOV_MAX and the
 * queue's size. */
#define SEG_MAX  256
#define SEG_SIZE (1024 * 1024)

static void put32(uint8_t *config, enum blk_field at, uint32_t value)
{
	le32 v = le32_put(value);

	memcpy(&config[at], v.b, sizeof(v.b));
}

static void put16(uint8_t *config, enum blk_field at, uint32_t value)
{
	le16 v = le16_put((uint16_t)min_u64(value, UINT16_MAX));

	memcpy(&config[at], v.b, sizeof(v.b));
}

uint64_t blk_fill_config(uint8_t config[BLK_CONFIG_SIZE],
			 const struct block_info *info, unsigned int queues)
{
	uint32_t per_physical = info->physical_block / info->logical_block;
	uint64_t features = BLK_F_SIZE_MAX | BLK_F_SEG_MAX | BLK_F_BLK_SIZE |
			    BLK_F_TOPOLOGY | BLK_F_FLUSH | BLK_F_CONFIG_WCE;

	put32(config, BLK_SIZE_MAX, SEG_SIZE);
	put32(config, BLK_SEG_MAX, SEG_MAX);
	put32(config, BLK_BLK_SIZE, info->logical_block);
	config[BLK_PHYSICAL_EXP] =
		(uint8_t)__builtin_ctz(per_physical ? per_physical : 1);
	put16(config, BLK_MIN_IO, per_physical);
	put16(config, BLK_NUM_QUEUES, queues);
	if (queues > 1)
		features |= BLK_F_MQ;
	if (info->read_only)
		return features | BLK_F_RO;
	features |= BLK_F_WRITE_ZEROES;
	put32(config, BLK_MAX_ZEROES_SECTORS, BLK_RANGE_MAX);
	put32(config, BLK_MAX_ZEROES_SEG, 1);
	if (!info->discard_granularity)
		return features;
	config[BLK_ZEROES_MAY_UNMAP] = 1;
	put32(config, BLK_MAX_DISCARD_SECTORS, BLK_RANGE_MAX);
	put32(config, BLK_MAX_DISCARD_SEG, 1);
	put32(config, BLK_DISCARD_ALIGNMENT,
	      info->discard_granularity / BLOCK_SECTOR);
	return features | BLK_F_DISCARD;
}
