/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An initramfs that is made in memory: a cpio archive of the "newc" kind
 * (Linux, initramfs buffer format). One thread.
 */
#ifndef VIREO_COMMAND_ARCHIVE_H
#define VIREO_COMMAND_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct archive {
	uint8_t *bytes; /* owned */
	size_t len;
	size_t cap;
	uint32_t entries;
	int error; /* sticky: 0, -ENOMEM or -E2BIG; then nothing is added */
};

/* All zero is an empty archive. */
void archive_finish(struct archive *a);
/* Parents come before what is in them. Names have no leading slash. */
void archive_dir(struct archive *a, const char *name, uint32_t mode);
void archive_file(struct archive *a, const char *name, uint32_t mode,
		  const void *bytes, size_t len);
/* A character device. */
void archive_device(struct archive *a, const char *name, uint32_t mode,
		    unsigned int major, unsigned int minor);
/* The mark of the end. 0 or the sticky error. */
int archive_end(struct archive *a);

#endif
