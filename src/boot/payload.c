// SPDX-License-Identifier: BSD-3-Clause
/*
 * Unpacking what a bzImage carries. The one file that knows the compression
 * libraries; it knows nothing of kernels but the four bytes that Linux puts
 * behind a payload. No state is kept; any thread.
 */
#include "boot/boot.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/endian.h"
#include "base/num.h"

#define XZ_MEMORY (96 * MIB) /* Linux uses dictionaries of 32 MiB */

#define LZ4_MAGIC 0x184c2102
#define LZ4_BLOCK (8 << 20) /* what a block of the legacy frame unpacks to */

struct kind {
	enum payload_kind kind;
	const char *name;
	const char *magic;
	size_t len;
};

static const struct kind kinds[] = {
	{ PAYLOAD_GZIP, "gzip", "\x1f\x8b", 2 },
	{ PAYLOAD_XZ, "xz", "\xfd" "7zXZ\0", 6 },
	{ PAYLOAD_ZSTD, "zstd", "\x28\xb5\x2f\xfd", 4 },
	{ PAYLOAD_LZ4, "lz4", "\x02\x21\x4c\x18", 4 },
	{ PAYLOAD_NONE, "none", "\177ELF", 4 },
	{ PAYLOAD_UNKNOWN, "bzip2", "BZh", 3 },
	{ PAYLOAD_UNKNOWN, "lzma", "\x5d\0\0", 3 },
	{ PAYLOAD_UNKNOWN, "lzo", "\x89LZO", 4 },
};

static const struct kind *find(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (len >= kinds[i].len &&
		    !memcmp(bytes, kinds[i].magic, kinds[i].len))
			return &kinds[i];
	return NULL;
}

static int damaged(struct err *err, const char *name)
{
	return err_set(err, -EBADMSG, "the %s payload is damaged", name);
}

static int too_big(struct err *err, const char *name, size_t cap)
{
	return err_set(err, -E2BIG,
		       "the %s payload unpacks to more than %zu bytes", name,
		       cap);
}

static int no_memory(struct err *err, const char *name)
{
	return err_set(err, -ENOMEM,
		       "the %s payload: no memory to unpack it", name);
}

/* When the output is full, the stream may yet be at its very end, or not:
 * one more byte of room tells. */
static int inflate_all(z_stream *z, int *last)
{
	uint8_t more;

	*last = inflate(z, Z_FINISH);
	if (*last == Z_STREAM_END || z->avail_out)
		return 0;
	z->next_out = &more;
	z->avail_out = 1;
	*last = inflate(z, Z_FINISH);
	return z->avail_out ? 0 : -E2BIG;
}

static int unpack_gzip(uint8_t *dst, size_t cap, size_t *out_len,
		       const uint8_t *bytes, size_t len, struct err *err)
{
	z_stream z = { .next_in = bytes,
		       .avail_in = (uInt)min_u64(len, UINT_MAX),
		       .next_out = dst,
		       .avail_out = (uInt)min_u64(cap, UINT_MAX) };
	int r, last;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return no_memory(err, "gzip");
	r = inflate_all(&z, &last);
	*out_len = z.total_out;
	inflateEnd(&z);
	if (r < 0)
		return too_big(err, "gzip", cap);
	if (last == Z_MEM_ERROR)
		return no_memory(err, "gzip");
	return last == Z_STREAM_END ? 0 : damaged(err, "gzip");
}

/* As inflate_all(). */
static int xz_all(lzma_stream *s, lzma_ret *last)
{
	uint8_t more;

	do
		*last = lzma_code(s, LZMA_FINISH);
	while (*last == LZMA_OK && s->avail_out);
	if (*last != LZMA_OK)
		return 0;
	s->next_out = &more;
	s->avail_out = 1;
	do
		*last = lzma_code(s, LZMA_FINISH);
	while (*last == LZMA_OK && s->avail_out);
	return s->avail_out ? 0 : -E2BIG;
}

static int unpack_xz(uint8_t *dst, size_t cap, size_t *out_len,
		     const uint8_t *bytes, size_t len, struct err *err)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret last;
	int r;

	if (lzma_stream_decoder(&s, XZ_MEMORY, 0) != LZMA_OK)
		return no_memory(err, "xz");
	s.next_in = bytes;
	s.avail_in = len;
	s.next_out = dst;
	s.avail_out = cap;
	r = xz_all(&s, &last);
	*out_len = s.total_out;
	lzma_end(&s);
	if (r < 0)
		return too_big(err, "xz", cap);
	switch (last) {
	case LZMA_STREAM_END:
		return 0;
	case LZMA_MEM_ERROR:
		return no_memory(err, "xz");
	case LZMA_MEMLIMIT_ERROR:
	case LZMA_OPTIONS_ERROR:
		return err_set(err, -ENOTSUP,
			       "the xz payload uses a filter that is not "
			       "supported, or a dictionary over %u MiB",
			       (unsigned int)(XZ_MEMORY / MIB));
	default:
		return damaged(err, "xz");
	}
}

/* In one go, not by streaming: the output itself is the window then, which
 * Linux makes 128 MiB wide, and the frame need not say its size. */
static int unpack_zstd(uint8_t *dst, size_t cap, size_t *out_len,
		       const uint8_t *bytes, size_t len, struct err *err)
{
	size_t frame = ZSTD_findFrameCompressedSize(bytes, len);
	size_t r;

	if (ZSTD_isError(frame))
		return damaged(err, "zstd");
	r = ZSTD_decompress(dst, cap, bytes, frame);
	if (!ZSTD_isError(r)) {
		*out_len = r;
		return 0;
	}
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_dstSize_tooSmall:
		return too_big(err, "zstd", cap);
	case ZSTD_error_memory_allocation:
		return no_memory(err, "zstd");
	default:
		return damaged(err, "zstd");
	}
}

/* One block into the @cap bytes that are left: how many it was, -E2BIG or
 * -EBADMSG. The library does not tell these two apart; a second try with
 * room for any block does. */
static int lz4_block(uint8_t *dst, size_t cap, const uint8_t *bytes, size_t len)
{
	int room = (int)min_u64(cap, LZ4_BLOCK);
	const char *from = (const char *)bytes;
	char *whole;
	int r;

	if (len > (size_t)LZ4_compressBound(LZ4_BLOCK))
		return -EBADMSG;
	r = LZ4_decompress_safe(from, (char *)dst, (int)len, room);
	if (r >= 0)
		return r;
	if (room == LZ4_BLOCK)
		return -EBADMSG;
	whole = malloc(LZ4_BLOCK);
	if (!whole)
		return -ENOMEM;
	r = LZ4_decompress_safe(from, whole, (int)len, LZ4_BLOCK);
	free(whole);
	return r < 0 ? -EBADMSG : -E2BIG;
}

static int unpack_lz4(uint8_t *dst, size_t cap, size_t *out_len,
		      const uint8_t *bytes, size_t len, struct err *err)
{
	size_t off = 4, done = 0;

	while (len - off > 4) {
		uint32_t size = le32_at(bytes + off);
		int r = -EBADMSG;

		off += 4;
		if (size == LZ4_MAGIC)
			continue;
		if (size && size <= len - off)
			r = lz4_block(dst + done, cap - done, bytes + off,
				      size);
		if (r == -E2BIG)
			return too_big(err, "lz4", cap);
		if (r == -ENOMEM)
			return no_memory(err, "lz4");
		if (r < 0)
			return damaged(err, "lz4");
		off += size;
		done += (size_t)r;
	}
	if (!done || (len != off && len - off != 4))
		return damaged(err, "lz4");
	if (len != off && le32_at(bytes + off) != (uint32_t)done)
		return damaged(err, "lz4");
	*out_len = done;
	return 0;
}

static int unpack_none(uint8_t *dst, size_t cap, size_t *out_len,
		       const uint8_t *bytes, size_t len, struct err *err)
{
	if (len > cap)
		return too_big(err, "unpacked", cap);
	memcpy(dst, bytes, len);
	*out_len = len;
	return 0;
}

enum payload_kind payload_kind(const uint8_t *bytes, size_t len)
{
	const struct kind *k = find(bytes, len);

	return k ? k->kind : PAYLOAD_UNKNOWN;
}

const char *payload_name(enum payload_kind kind)
{
	for (size_t i = 0; kind != PAYLOAD_UNKNOWN && i < ARRAY_SIZE(kinds);
	     i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "unknown";
}

int payload_unpack(uint8_t *dst, size_t cap, size_t *out_len,
		   const uint8_t *bytes, size_t len, struct err *err)
{
	static int (*const unpack[])(uint8_t *, size_t, size_t *,
				     const uint8_t *, size_t, struct err *) = {
		[PAYLOAD_GZIP] = unpack_gzip, [PAYLOAD_XZ] = unpack_xz,
		[PAYLOAD_ZSTD] = unpack_zstd, [PAYLOAD_LZ4] = unpack_lz4,
		[PAYLOAD_NONE] = unpack_none,
	};
	const struct kind *k = find(bytes, len);
	size_t done = 0;
	int r;

	*out_len = 0;
	if (!k || k->kind == PAYLOAD_UNKNOWN)
		return err_set(err, -ENOTSUP,
			       "the kernel is compressed with %s: gzip, xz, "
			       "zstd, lz4 and none are supported",
			       k ? k->name : "an unknown method");
	if (!cap)
		return too_big(err, k->name, cap);
	r = unpack[k->kind](dst, cap, &done, bytes, len, err);
	if (r == 0)
		*out_len = done;
	return r;
}

uint64_t payload_size_hint(const uint8_t *bytes, size_t len)
{
	enum payload_kind kind = payload_kind(bytes, len);
	unsigned long long size;

	switch (kind) {
	case PAYLOAD_UNKNOWN:
		return 0;
	case PAYLOAD_NONE:
		return len;
	case PAYLOAD_ZSTD:
		size = ZSTD_getFrameContentSize(bytes, len);
		if (size != ZSTD_CONTENTSIZE_UNKNOWN &&
		    size != ZSTD_CONTENTSIZE_ERROR)
			return size;
		break;
	case PAYLOAD_XZ:
		/* a file of xz itself: no size behind the footer */
		if (!memcmp(bytes + len - 2, "YZ", 2))
			return 0;
		break;
	default:
		break;
	}
	return len < 8 ? 0 : le32_at(bytes + len - 4);
}
