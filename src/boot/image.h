/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the loaders share: the only doors through which a struct boot_image is
 * filled, so that its promises (boot.h) are checked once. Private to boot/.
 * Pure functions; any thread.
 */
#ifndef VIREO_BOOT_IMAGE_H
#define VIREO_BOOT_IMAGE_H

#include "boot/boot.h"

/* Empties *out and says what it is going to be. */
void image_init(struct boot_image *out, enum boot_format format,
		enum boot_entry entry);

/* Adds a segment that comes from an image of @len bytes. -ENOEXEC with a
 * sentence when it breaks one of the promises. */
int image_add(struct boot_image *out, const struct boot_segment *segment,
	      size_t len, struct err *err);

/* Sets the entry; all segments must be there. -ENOEXEC when it lies outside
 * them, or above 4 GiB for a 32-bit entry. */
int image_enter(struct boot_image *out, uint64_t gpa, struct err *err);

/* True when a segment holds @gpa. */
bool image_holds(const struct boot_image *image, uint64_t gpa);

/* The magics alone. */
bool bzimage_probe(const uint8_t *image, size_t len);
bool elf_probe(const uint8_t *image, size_t len);
bool multiboot_probe(const uint8_t *image, size_t len);

#endif
