/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format of overlay files (docs/overlay-format.md): the header, and a map
 * that says of each cluster where its contents are. Every byte of a cluster
 * lies at a fixed place, so a map cannot point anywhere. Here: layout, encoding
 * and checking; no I/O. The file is outside input: sizes follow from the size
 * of the disk, which the base decides.
 *
 * Threads: overlay_map_get() from any; what changes the map is guarded by its
 * owner's lock.
 */
#ifndef VIREO_BACKENDS_OVERLAY_MAP_H
#define VIREO_BACKENDS_OVERLAY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define OVERLAY_SECTOR     512u  /* the unit that a disk writes as a whole */
#define OVERLAY_STATES     2016u /* clusters of one map sector */
#define OVERLAY_BITS_MIN   12u
#define OVERLAY_BITS_MAX   20u
#define OVERLAY_CLUSTERS   (UINT64_C(1) << 24) /* at most: 4 MiB of map */
#define OVERLAY_MAP_OFF    4096u
#define OVERLAY_DATA_ALIGN (UINT64_C(1) << 20)

enum overlay_state {
	OVERLAY_BASE, /* the base's contents; also what was never written */
	OVERLAY_DATA, /* in this file */
	OVERLAY_ZERO, /* nothing but zeroes */
};

struct overlay_map {
	uint64_t size; /* of the disk, bytes */
	unsigned int bits; /* log2 of a cluster's bytes */
	uint64_t clusters;
	uint32_t sectors;  /* of the map */
	uint64_t data_off; /* of the disk's byte 0, in the file */
	uint8_t *states; /* owned; four to a byte, 504 bytes to a sector */
	uint8_t *dirty;  /* owned; a byte per sector: differs from the file */
};

/* The layout for a disk of @size bytes; @bits 0: the usual cluster size. False
 * when there is none. Allocates nothing. */
bool overlay_map_layout(struct overlay_map *m, uint64_t size,
			unsigned int bits);
/* Memory for the states, all OVERLAY_BASE. 0 or -ENOMEM. */
int overlay_map_init(struct overlay_map *m);
void overlay_map_finish(struct overlay_map *m);

enum overlay_state overlay_map_get(const struct overlay_map *m,
				   uint64_t cluster);
/* Marks its sector dirty when that is a change. */
void overlay_map_set(struct overlay_map *m, uint64_t cluster,
		     enum overlay_state state);
/* Bytes of cluster @cluster; the last one may be cut short. */
uint64_t overlay_map_len(const struct overlay_map *m, uint64_t cluster);

/* The header sector. @mark: of the base, see the format. */
void overlay_header_put(const struct overlay_map *m, uint32_t mark,
			uint8_t out[OVERLAY_SECTOR]);
/* Lays *m out as the header says: NULL, or why it cannot be used. */
const char *overlay_header_get(struct overlay_map *m, uint32_t *mark,
			       const uint8_t in[OVERLAY_SECTOR]);

/* Sector @i of the map. @states: those of *m, or a copy. */
void overlay_sector_put(const uint8_t *states, uint32_t i,
			uint8_t out[OVERLAY_SECTOR]);
const char *overlay_sector_get(struct overlay_map *m, uint32_t i,
			       const uint8_t in[OVERLAY_SECTOR]);
#define OVERLAY_STATE_BYTES (OVERLAY_STATES / 4) /* of one sector */

#endif
