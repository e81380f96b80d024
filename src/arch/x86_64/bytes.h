/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian bytes appended to a buffer of the caller's, never past its
 * end. The error is sticky: after the first thing that does not fit nothing
 * more is written, so that a builder asks once, at its end. Pure; any thread.
 */
#ifndef VIREO_ARCH_X86_64_BYTES_H
#define VIREO_ARCH_X86_64_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *buf; /* the caller's, @cap bytes */
	size_t cap;
	size_t len; /* what has been written, <= cap */
	int err;    /* 0 or -ENOSPC */
};

void bytes_init(struct bytes *b, uint8_t *buf, size_t cap);

/* Appends. */
void bytes_put(struct bytes *b, const void *src, size_t n);
void bytes_zero(struct bytes *b, size_t n);
void bytes_u8(struct bytes *b, uint8_t v);
void bytes_u16(struct bytes *b, uint16_t v);
void bytes_u32(struct bytes *b, uint32_t v);
void bytes_u64(struct bytes *b, uint64_t v);

/* Writes over bytes that are already there. Without an error, a range that
 * was never written is the caller's bug. */
void bytes_set(struct bytes *b, size_t off, const void *src, size_t n);
void bytes_set_u8(struct bytes *b, size_t off, uint8_t v);
void bytes_set_u16(struct bytes *b, size_t off, uint16_t v);
void bytes_set_u32(struct bytes *b, size_t off, uint32_t v);
void bytes_set_u64(struct bytes *b, size_t off, uint64_t v);

/* Moves [off, len) up and puts @n bytes into the gap. */
void bytes_insert(struct bytes *b, size_t off, const void *src, size_t n);

/* Sets the byte at @at so that [off, off+n), which holds it, sums to 0. */
void bytes_checksum(struct bytes *b, size_t off, size_t n, size_t at);

#endif
