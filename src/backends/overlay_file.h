/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening, making and reading overlay files; see docs/overlay-format.md. Any
 * thread, one at a time.
 */
#ifndef VIREO_BACKENDS_OVERLAY_FILE_H
#define VIREO_BACKENDS_OVERLAY_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/overlay_map.h"
#include "base/err.h"

struct overlay_file {
	int fd; /* owned */
	bool temporary; /* has no name and no header; ends with us */
	struct overlay_map map;
};

/*
 * Opens the overlay @path of a disk with @size bytes whose base has the mark
 * @mark, or makes it when there is none (an empty file counts as none), locks
 * and loads it. -EBADMSG: no overlay, damaged, or of another base.
 */
int overlay_file_open(struct overlay_file *f, const char *path, uint64_t size,
		      uint32_t mark, bool unlocked, struct err *err);
/* An overlay in directory @dir that nobody else can open. */
int overlay_file_temporary(struct overlay_file *f, const char *dir,
			   uint64_t size, struct err *err);
void overlay_file_close(struct overlay_file *f);

/* The header of @fd into *map, which is not initialised then. -EBADMSG and
 * *why. */
int overlay_file_header(int fd, struct overlay_map *map, uint32_t *mark,
			const char **why);
/* All of the map; each sector that cannot be used is told to @bad, and its
 * clusters are then the base's. 0 or -errno of reading. */
int overlay_file_load(int fd, struct overlay_map *map,
		      void (*bad)(void *ctx, uint32_t sector, const char *why),
		      void *ctx);

/* Writes sectors [first, first + count) of the map, from @states. */
int overlay_file_store(const struct overlay_file *f, const uint8_t *states,
		       uint32_t first, uint32_t count);

#endif
