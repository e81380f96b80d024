/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An ELF file as the loaders see it: 32 or 64 bits, little-endian, x86.
 * Private to boot/. System V ABI, chapters 4 and 5. Pure functions; any
 * thread.
 */
#ifndef VIREO_BOOT_ELF_H
#define VIREO_BOOT_ELF_H

#include "boot/image.h"

/* A checked view; the bytes stay the caller's. */
struct elf {
	const uint8_t *image;
	size_t len;
	bool wide;          /* ELF64 */
	uint64_t entry;     /* e_entry, not checked */
	size_t phoff;       /* the table lies inside the image */
	unsigned int phnum; /* 1..64 */
};

/* Checks the header and looks for what tells a program from a kernel.
 * -ENOEXEC with a sentence. */
int elf_open(struct elf *elf, const uint8_t *image, size_t len,
	     struct err *err);

/* Adds every PT_LOAD that is not empty. */
int elf_load(struct boot_image *out, const struct elf *elf, struct err *err);

/* Enters at e_entry, which may be a physical address (Linux and most others)
 * or a virtual one of a loaded segment. After elf_load(). */
int elf_enter(struct boot_image *out, const struct elf *elf, struct err *err);

#endif
