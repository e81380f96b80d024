/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking at an overlay file from outside, for "vireo disk check" and "vireo
 * disk info". Reads only; nothing is repaired. Any thread.
 */
#ifndef VIREO_BACKENDS_DISK_CHECK_H
#define VIREO_BACKENDS_DISK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct disk_report {
	uint64_t size;         /* of the disk, bytes */
	uint64_t cluster_size; /* bytes */
	uint64_t clusters;
	uint64_t data;         /* clusters whose contents are in the file */
	uint64_t zero;         /* clusters that are zero */
	uint64_t used;         /* bytes that the file takes on its disk */
	uint64_t leaked;       /* of these, in clusters that are not data */
	uint64_t problems;     /* sectors of the map that cannot be used */
};

/*
 * Reads all of the overlay @path's header and map. 0: it is sound. -EBADMSG
 * and a sentence: it is not an overlay, or is damaged; each bad sector of the
 * map was told to @problem (may be NULL) first. Others: it cannot be read, or
 * (-EBUSY) a VM is using it. *out is filled as far as the header goes.
 */
int disk_check(struct disk_report *out, const char *path,
	       void (*problem)(void *ctx, const char *line), void *ctx,
	       struct err *err);

#endif
