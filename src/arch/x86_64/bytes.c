// SPDX-License-Identifier: BSD-3-Clause
/* See bytes.h. */
#include "arch/x86_64/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

void bytes_init(struct bytes *b, uint8_t *buf, size_t cap)
{
	*b = (struct bytes){ .buf = buf, .cap = cap };
}

/* Room for @n more bytes at the end, or NULL and the error. */
static uint8_t *grow(struct bytes *b, size_t n)
{
	uint8_t *at;

	if (!b->err && n > b->cap - b->len)
		b->err = -ENOSPC;
	if (b->err)
		return NULL;
	at = b->buf + b->len;
	b->len += n;
	return at;
}

void bytes_put(struct bytes *b, const void *src, size_t n)
{
	uint8_t *at = grow(b, n);

	if (at)
		memcpy(at, src, n);
}

void bytes_zero(struct bytes *b, size_t n)
{
	uint8_t *at = grow(b, n);

	if (at)
		memset(at, 0, n);
}

void bytes_u8(struct bytes *b, uint8_t v)
{
	bytes_put(b, &v, 1);
}

void bytes_u16(struct bytes *b, uint16_t v)
{
	bytes_put(b, le16_put(v).b, 2);
}

void bytes_u32(struct bytes *b, uint32_t v)
{
	bytes_put(b, le32_put(v).b, 4);
}

void bytes_u64(struct bytes *b, uint64_t v)
{
	bytes_put(b, le64_put(v).b, 8);
}

void bytes_set(struct bytes *b, size_t off, const void *src, size_t n)
{
	if (b->err)
		return;
	assert(range_ok(off, n, b->len));
	memcpy(b->buf + off, src, n);
}

void bytes_set_u8(struct bytes *b, size_t off, uint8_t v)
{
	bytes_set(b, off, &v, 1);
}

void bytes_set_u16(struct bytes *b, size_t off, uint16_t v)
{
	bytes_set(b, off, le16_put(v).b, 2);
}

void bytes_set_u32(struct bytes *b, size_t off, uint32_t v)
{
	bytes_set(b, off, le32_put(v).b, 4);
}

void bytes_set_u64(struct bytes *b, size_t off, uint64_t v)
{
	bytes_set(b, off, le64_put(v).b, 8);
}

void bytes_insert(struct bytes *b, size_t off, const void *src, size_t n)
{
	size_t tail = b->len - off;

	if (b->err)
		return;
	assert(off <= b->len);
	if (!grow(b, n))
		return;
	memmove(b->buf + off + n, b->buf + off, tail);
	memcpy(b->buf + off, src, n);
}

void bytes_checksum(struct bytes *b, size_t off, size_t n, size_t at)
{
	uint8_t sum = 0;

	bytes_set_u8(b, at, 0);
	if (b->err)
		return;
	assert(range_ok(off, n, b->len));
	for (size_t i = 0; i < n; i++)
		sum += b->buf[off + i];
	bytes_set_u8(b, at, (uint8_t)-sum);
}
