/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arithmetic that cannot wrap unnoticed, and words that are numbers.
 * Pure functions; any thread.
 */
#ifndef VIREO_BASE_NUM_H
#define VIREO_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* *r = a + b, a * b; false (and *r undefined) when the result would wrap. */
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *r)
{
	return !__builtin_add_overflow(a, b, r);
}

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *r)
{
	return !__builtin_mul_overflow(a, b, r);
}

/* True when [off, off+len) lies inside [0, size). */
static inline bool range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* True when [a, a+alen) and [b, b+blen) share a byte; neither may wrap. */
static inline bool ranges_meet(uint64_t a, uint64_t alen, uint64_t b,
			       uint64_t blen)
{
	return alen && blen && (a < b ? b - a < alen : a - b < blen);
}

/* @align is a power of two. align_up() saturates at the top of the type's
 * last aligned value instead of wrapping to 0. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return v > UINT64_MAX - (align - 1) ? align_down(UINT64_MAX, align)
					    : align_down(v + align - 1, align);
}

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Decimal or 0x-hexadecimal, digits only, the whole word; leading zeros,
 * signs and blanks are refused. 0 or -EINVAL / -ERANGE. */
int num_parse_u64(uint64_t *out, const char *word);

/* A size in bytes: "512M", "2G", "4096", suffixes K M G T (powers of two),
 * upper or lower case. A bare number is bytes. 0, -EINVAL or -ERANGE. */
int num_parse_size(uint64_t *out, const char *word);

/* A duration in milliseconds: "250ms", "30s", "5m", "2h". The unit is
 * required. 0, -EINVAL or -ERANGE. */
int num_parse_ms(uint64_t *out, const char *word);

#endif
