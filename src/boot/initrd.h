/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several initrds as one: the kernel unpacks archives that follow each other,
 * if each starts on a 4-byte boundary (Linux, initramfs buffer format). Pure
 * functions over lengths; the bytes are the caller's. Any thread.
 */
#ifndef VIREO_BOOT_INITRD_H
#define VIREO_BOOT_INITRD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define INITRD_ALIGN 4

struct initrd_part {
	const uint8_t *bytes; /* the caller's */
	size_t len;
	uint64_t offset; /* in the joined image; set by initrd_layout() */
};

/*
 * Sets the offset of each part and *size, the length of all of it: from 0 to
 * the end of the last part, which is not padded. No parts: 0. -EINVAL with a
 * sentence when a part is empty, -EOVERFLOW when the sum wraps.
 */
int initrd_layout(uint64_t *size, struct initrd_part *part, unsigned int count,
		  struct err *err);

/* Takes [offset, offset+len) of the joined image; 0, or -errno to stop. */
typedef int (*initrd_write_fn)(void *ctx, uint64_t offset, const void *bytes,
			       size_t len);

/* Hands all bytes to @write, in order and without holes: the parts after
 * initrd_layout(), and the zeros between them. What @write said last. */
int initrd_write(const struct initrd_part *part, unsigned int count,
		 initrd_write_fn write, void *ctx);

#endif
