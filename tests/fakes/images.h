/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small hand-made kernel images, valid as they come; a test breaks the field
 * it is about. Little-endian like the files themselves.
 */
#ifndef VIREO_FAKES_IMAGES_H
#define VIREO_FAKES_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "boot/boot.h"

#define IMAGE_CAP 16384

/* An image in memory of exactly its size, so that a reader past its end is
 * caught by a sanitizer. */
struct image {
	uint8_t *bytes;
	size_t len;
};

void put16(uint8_t *p, uint16_t v);
void put32(uint8_t *p, uint32_t v);
void put64(uint8_t *p, uint64_t v);

/* Kernel of BZ_KERNEL bytes for 0x1000000 behind a setup of two sectors; the
 * last 16 bytes are the payload. */
#define BZ_SETUP  0x400
#define BZ_KERNEL 0x400
struct image image_bzimage(void);

/* ELF, 32 or 64 bits, for 0x100000 with the entry 0x100010. Three program
 * headers: PT_LOAD, PT_LOAD (without bytes in the file, 0x300000), PT_NOTE
 * with a PVH note (entry 0x100020). */
#define ELF_NOTE 0x100 /* offset of the notes, 0x40 bytes */
#define ELF_TEXT 0x140 /* offset of the first segment, 0x100 bytes */
struct image image_elf(int bits);
/* Where field @offset64 (as counted in ELF64) of program header @i is. */
uint8_t *elf_phdr(struct image *image, unsigned int i);

/* A file of load addresses: header at 0x10, all of it goes to 0x100000. */
#define MB_HEADER 0x10
struct image image_multiboot(void);

void image_free(struct image *image);

/* boot_parse() on an exact copy of the first @len bytes; checks the promises
 * of boot.h after success, and that there is one sentence after failure. */
int parse_exact(struct boot_image *out, const struct image *image, size_t len,
		enum boot_format format, struct err *err);

/* Parsing @image as @format is refused, and the sentence has @word in it. */
void assert_refused(const struct image *image, enum boot_format format,
		    const char *word);

/* The promises, as cmocka assertions. */
void assert_promises(const struct boot_image *image, size_t len);

#endif
