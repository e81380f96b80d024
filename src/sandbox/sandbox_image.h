/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The program of a bare sandbox: a static, freestanding ELF file, or plain
 * code. Its bytes are outside input: everything is checked here, and bounded
 * before it is walked. Pure functions; any thread.
 */
#ifndef VIREO_SANDBOX_SANDBOX_IMAGE_H
#define VIREO_SANDBOX_SANDBOX_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch_sandbox.h"
#include "base/err.h"

#define SANDBOX_IMAGE_MAX    (64u << 20)
#define SANDBOX_SEGMENTS     16
#define SANDBOX_SYMBOLS_MAX  65536u
#define SANDBOX_SECTIONS_MAX 4096u

/* Bytes [offset, offset+file_size) of the image, then zeros. */
struct sandbox_segment {
	uint64_t address;
	uint64_t size;
	uint64_t offset;
	uint64_t file_size; /* at most size */
	bool write;         /* never both */
	bool exec;
};

struct sandbox_symbol {
	const char *name;
	uint64_t address; /* in a segment that is executable */
	bool local;
};

struct sandbox_image {
	unsigned int count; /* 1..SANDBOX_SEGMENTS */
	/* by address; no page belongs to two of them */
	struct sandbox_segment segment[SANDBOX_SEGMENTS];
	uint64_t entry; /* 0: nothing executable is there */
	uint64_t end;   /* of the last segment, a multiple of the page */
	size_t symbols;
	struct sandbox_symbol *symbol; /* owned; by name, global ones first */
	char *names;                   /* owned */
};

/*
 * -ENOEXEC with a sentence; segments lie in [ARCH_SANDBOX_LOWEST, @memory). On
 * failure there is nothing to finish.
 */
int sandbox_image_parse(struct sandbox_image *out, const uint8_t *bytes,
			size_t len, uint64_t memory, struct err *err);
/* The same of plain code: one segment, which begins at its first byte. */
int sandbox_image_flat(struct sandbox_image *out, size_t len, uint64_t memory,
		       struct err *err);
void sandbox_image_finish(struct sandbox_image *image);

/* The address of a function, 0 when there is none; NULL: where it begins. */
uint64_t sandbox_image_function(const struct sandbox_image *image,
				const char *name);
/* The function that holds @address, and how far in; NULL: none is before it in
 * its segment. */
const char *sandbox_image_name(const struct sandbox_image *image,
			       uint64_t address, uint64_t *offset);

#endif
