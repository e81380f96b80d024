/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian wire types: byte arrays with alignment 1, so that a wire
 * struct needs no packing, no casts, and cannot be used in arithmetic by
 * mistake. le*_get() and le*_put() are the only doors.
 */
#ifndef VIREO_BASE_ENDIAN_H
#define VIREO_BASE_ENDIAN_H

#include <stdint.h>

typedef struct {
	uint8_t b[2];
} le16;

typedef struct {
	uint8_t b[4];
} le32;

typedef struct {
	uint8_t b[8];
} le64;

static inline uint16_t le16_get(le16 v)
{
	return (uint16_t)(v.b[0] | v.b[1] << 8);
}

static inline uint32_t le32_get(le32 v)
{
	return (uint32_t)v.b[0] | (uint32_t)v.b[1] << 8 |
	       (uint32_t)v.b[2] << 16 | (uint32_t)v.b[3] << 24;
}

static inline uint64_t le64_get(le64 v)
{
	uint64_t r = 0;

	for (int i = 7; i >= 0; i--)
		r = r << 8 | v.b[i];
	return r;
}

static inline le16 le16_put(uint16_t v)
{
	return (le16){ { (uint8_t)v, (uint8_t)(v >> 8) } };
}

static inline le32 le32_put(uint32_t v)
{
	return (le32){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 24) } };
}

static inline le64 le64_put(uint64_t v)
{
	le64 r;

	for (int i = 0; i < 8; i++)
		r.b[i] = (uint8_t)(v >> (8 * i));
	return r;
}

/* The same over plain bytes, for parsers that walk a buffer. */
static inline uint16_t le16_at(const uint8_t *p)
{
	return le16_get((le16){ { p[0], p[1] } });
}

static inline uint32_t le32_at(const uint8_t *p)
{
	return le32_get((le32){ { p[0], p[1], p[2], p[3] } });
}

static inline uint64_t le64_at(const uint8_t *p)
{
	return (uint64_t)le32_at(p + 4) << 32 | le32_at(p);
}

#endif
