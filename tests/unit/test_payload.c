// SPDX-License-Identifier: BSD-3-Clause
/* src/boot/payload.c: packed here by the libraries the way Linux packs its
 * kernels, unpacked there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/num.h"
#include "images.h"

#define BLOCK	  (8u << 20)
#define PLAIN_LEN (BLOCK + 12345) /* two LZ4 blocks */
#define PACKED_MAX (PLAIN_LEN + PLAIN_LEN / 8)

struct payload {
	uint8_t *plain;
	uint8_t *packed;
	size_t len;
	uint8_t *room; /* PLAIN_LEN bytes to unpack to */
};

/* Words that compress, but not to nothing. */
static void fill(uint8_t *p, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		if (i % 16 == 0)
			x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> (i % 4 * 8)) & 0x3f;
	}
}

static size_t pack_gzip(uint8_t *dst, const uint8_t *src, size_t len)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = src;
	z.avail_in = (uInt)len;
	z.next_out = dst;
	z.avail_out = PACKED_MAX;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* As scripts/xz_wrap.sh: x86 BCJ, LZMA2, CRC32. */
static size_t pack_xz(uint8_t *dst, const uint8_t *src, size_t len)
{
	lzma_options_lzma lzma;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
				  { LZMA_FILTER_LZMA2, &lzma },
				  { LZMA_VLI_UNKNOWN, NULL } };
	size_t done = 0;

	assert_false(lzma_lzma_preset(&lzma, 0));
	assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32,
						   NULL, src, len, dst, &done,
						   PACKED_MAX),
			 LZMA_OK);
	return done;
}

/* Streamed, so that the frame does not say its size. */
static size_t pack_zstd(uint8_t *dst, const uint8_t *src, size_t len)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_inBuffer in = { src, len, 0 };
	ZSTD_outBuffer out = { dst, PACKED_MAX, 0 };

	assert_non_null(z);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 27);
	ZSTD_compressStream2(z, &out, &in, ZSTD_e_continue);
	assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(z);
	return out.pos;
}

/* As lz4 -l. */
static size_t pack_lz4(uint8_t *dst, const uint8_t *src, size_t len)
{
	size_t done = 4;

	put32(dst, 0x184c2102);
	while (len) {
		size_t part = min_u64(len, BLOCK);
		int r = LZ4_compress_default((const char *)src,
					     (char *)dst + done + 4, (int)part,
					     (int)(PACKED_MAX - done - 4));

		assert_true(r > 0);
		put32(dst + done, (uint32_t)r);
		done += 4 + (size_t)r;
		src += part;
		len -= part;
	}
	return done;
}

static size_t pack_none(uint8_t *dst, const uint8_t *src, size_t len)
{
	memcpy(dst, src, len);
	return len;
}

static const struct {
	enum payload_kind kind;
	const char *name;
	size_t (*pack)(uint8_t *dst, const uint8_t *src, size_t len);
} packers[] = {
	{ PAYLOAD_GZIP, "gzip", pack_gzip }, { PAYLOAD_XZ, "xz", pack_xz },
	{ PAYLOAD_ZSTD, "zstd", pack_zstd }, { PAYLOAD_LZ4, "lz4", pack_lz4 },
	{ PAYLOAD_NONE, "none", pack_none },
};

static int setup(void **state)
{
	struct payload *p = test_malloc(sizeof(*p));

	p->plain = test_malloc(PLAIN_LEN);
	p->packed = test_malloc(PACKED_MAX);
	p->room = test_malloc(PLAIN_LEN);
	fill(p->plain, PLAIN_LEN);
	memcpy(p->plain, "\177ELF", 4);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct payload *p = *state;

	test_free(p->plain);
	test_free(p->packed);
	test_free(p->room);
	test_free(p);
	return 0;
}

static void pack(struct payload *p, size_t kind, size_t plain_len)
{
	p->len = packers[kind].pack(p->packed, p->plain, plain_len);
	memset(p->room, 0xee, PLAIN_LEN);
}

/* payload_unpack() of an exact copy of the packed bytes. */
static int unpack(struct payload *p, size_t cap, size_t *out_len,
		  struct err *err)
{
	uint8_t *copy = malloc(p->len ? p->len : 1);
	uint8_t *room = malloc(cap ? cap : 1);
	int r;

	assert_non_null(copy);
	assert_non_null(room);
	memcpy(copy, p->packed, p->len);
	*err = (struct err){ 0 };
	r = payload_unpack(room, cap, out_len, copy, p->len, err);
	memcpy(p->room, room, cap);
	free(copy);
	free(room);
	if (r < 0) {
		assert_int_equal(err->code, r);
		assert_true(strlen(err->text) > 0);
		assert_int_equal(*out_len, 0);
	}
	return r;
}

static void payload_of_every_kind_is_unpacked(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		pack(p, i, PLAIN_LEN);
		assert_int_equal(payload_kind(p->packed, p->len),
				 packers[i].kind);
		assert_string_equal(payload_name(packers[i].kind),
				    packers[i].name);
		assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), 0);
		assert_int_equal(len, PLAIN_LEN);
		assert_memory_equal(p->room, p->plain, PLAIN_LEN);
	}
}

static void payload_with_the_size_linux_appends_is_unpacked(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		if (packers[i].kind == PAYLOAD_NONE)
			continue;
		pack(p, i, PLAIN_LEN);
		put32(p->packed + p->len, PLAIN_LEN);
		p->len += 4;
		assert_int_equal(payload_size_hint(p->packed, p->len),
				 PLAIN_LEN);
		assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), 0);
		assert_int_equal(len, PLAIN_LEN);
		assert_memory_equal(p->room, p->plain, PLAIN_LEN);
	}
}

/* One byte more or less than a block is what an off-by-one would meet. */
static void payload_around_the_lz4_block_size_is_unpacked(void **state)
{
	static const size_t sizes[] = { 4, BLOCK - 1, BLOCK, BLOCK + 1 };
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		pack(p, 3, sizes[i]);
		assert_int_equal(unpack(p, sizes[i], &len, &err), 0);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(p->room, p->plain, sizes[i]);
	}
}

static void payload_larger_than_the_room_is_refused(void **state)
{
	static const size_t less[] = { 1, 2, 12345, 12346, PLAIN_LEN - 1,
				       PLAIN_LEN };
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		pack(p, i, PLAIN_LEN);
		for (size_t k = 0; k < ARRAY_SIZE(less); k++) {
			assert_int_equal(unpack(p, PLAIN_LEN - less[k], &len,
						&err),
					 -E2BIG);
			assert_non_null(strstr(err.text, "more than"));
		}
	}
}

static void payload_truncated_is_refused(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; packers[i].kind != PAYLOAD_NONE; i++) {
		size_t full;

		pack(p, i, 3000);
		full = p->len;
		for (p->len = packers[i].kind == PAYLOAD_XZ ? 6 : 4;
		     p->len < full; p->len++) {
			/* a cut between LZ4's blocks cannot be seen: there
			 * is one block here */
			int r = unpack(p, 4000, &len, &err);

			if (r != -EBADMSG)
				fail_msg("%s cut at %zu of %zu: %d",
					 packers[i].name, p->len, full, r);
		}
	}
}

/* All but LZ4 carry a checksum. */
static void payload_with_a_flipped_bit_is_refused(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; packers[i].kind != PAYLOAD_LZ4; i++) {
		pack(p, i, 3000);
		for (size_t k = p->len / 4; k < p->len - 8; k += 7) {
			p->packed[k] ^= 0x10;
			assert_true(unpack(p, 4000, &len, &err) < 0);
			p->packed[k] ^= 0x10;
		}
	}
}

static void payload_lz4_with_the_wrong_size_behind_it_is_refused(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	pack(p, 3, PLAIN_LEN);
	put32(p->packed + p->len, PLAIN_LEN + 1);
	p->len += 4;
	assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), -EBADMSG);
}

static void payload_lz4_of_two_frames_is_unpacked(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t first, len;

	first = pack_lz4(p->packed, p->plain, 100);
	p->len = first + pack_lz4(p->packed + first, p->plain + 100, 200);
	assert_int_equal(unpack(p, 300, &len, &err), 0);
	assert_int_equal(len, 300);
	assert_memory_equal(p->room, p->plain, 300);
}

static void payload_lz4_block_without_bytes_is_skipped(void **state)
{
	struct payload *p = *state;
	struct err err;
	size_t len;

	put32(p->packed, 0x184c2102);
	put32(p->packed + 4, 1);
	p->packed[8] = 0;
	/* the next frame's magic may follow any block */
	p->len = 9 + pack_lz4(p->packed + 9, p->plain, 100);
	assert_int_equal(unpack(p, 100, &len, &err), 0);
	assert_memory_equal(p->room, p->plain, 100);
}

static void payload_lz4_block_that_lies_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 0x7fffffff, 0x80000000,
					  0xffffffff };
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		pack(p, 3, 3000);
		put32(p->packed + 4, sizes[i]);
		assert_int_equal(unpack(p, 3000, &len, &err), -EBADMSG);
		assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), -EBADMSG);
	}
}

/* A block over what 8 MiB can ever take, all of it there. */
static void payload_lz4_block_that_is_too_long_is_refused(void **state)
{
	size_t size = (size_t)LZ4_compressBound(BLOCK) + 1;
	struct payload *p = *state;
	struct err err;
	size_t len;

	assert_true(size + 8 <= PACKED_MAX);
	memset(p->packed, 0, size + 8);
	put32(p->packed, 0x184c2102);
	put32(p->packed + 4, (uint32_t)size);
	p->len = size + 8;
	assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), -EBADMSG);
}

static void payload_xz_with_a_dictionary_over_96_mib_is_refused(void **state)
{
	struct payload *p = *state;
	lzma_options_lzma lzma;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &lzma },
				  { LZMA_VLI_UNKNOWN, NULL } };
	struct err err;
	size_t len;

	assert_false(lzma_lzma_preset(&lzma, 0));
	lzma.dict_size = 192u << 20;
	p->len = 0;
	assert_int_equal(lzma_stream_buffer_encode(
				 filters, LZMA_CHECK_CRC32, NULL, p->plain,
				 3000, p->packed, &p->len, PACKED_MAX),
			 LZMA_OK);
	assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "96 MiB"));
}

static void B08_unsupported_compression_is_refused_by_name(void **state)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *word;
	} others[] = {
		{ "BZh9", 4, "bzip2" },	  { "\x5d\0\0\0", 4, "lzma" },
		{ "\x89LZO", 4, "lzo" },  { "\0\0\0\0", 4, "unknown" },
		{ "\x1f", 1, "unknown" }, { "", 0, "unknown" },
	};
	struct payload *p = *state;
	struct err err;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		memcpy(p->packed, others[i].magic, others[i].len);
		p->len = others[i].len;
		assert_int_equal(payload_kind(p->packed, p->len),
				 PAYLOAD_UNKNOWN);
		assert_int_equal(unpack(p, PLAIN_LEN, &len, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, others[i].word));
		assert_non_null(strstr(err.text, "zstd"));
		assert_int_equal(payload_size_hint(p->packed, p->len), 0);
	}
	assert_string_equal(payload_name(PAYLOAD_UNKNOWN), "unknown");
}

static void payload_size_hint_comes_from_the_frame_when_it_says(void **state)
{
	struct payload *p = *state;

	p->len = ZSTD_compress(p->packed, PACKED_MAX, p->plain, 3000, 1);
	assert_int_equal(payload_size_hint(p->packed, p->len), 3000);
	pack(p, 0, 3000);
	assert_int_equal(payload_size_hint(p->packed, p->len), 3000);
	pack(p, 4, 3000);
	assert_int_equal(payload_size_hint(p->packed, p->len), 3000);
}

static void payload_size_hint_is_0_when_nothing_says(void **state)
{
	struct payload *p = *state;

	pack(p, 1, 3000);
	assert_int_equal(payload_size_hint(p->packed, p->len), 0);
	for (size_t i = 0; i < 4; i++) {
		pack(p, i, 3000);
		if (packers[i].kind != PAYLOAD_XZ)
			assert_int_equal(payload_size_hint(p->packed, 7), 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(payload_of_every_kind_is_unpacked),
		T(payload_with_the_size_linux_appends_is_unpacked),
		T(payload_around_the_lz4_block_size_is_unpacked),
		T(payload_larger_than_the_room_is_refused),
		T(payload_truncated_is_refused),
		T(payload_with_a_flipped_bit_is_refused),
		T(payload_lz4_with_the_wrong_size_behind_it_is_refused),
		T(payload_lz4_of_two_frames_is_unpacked),
		T(payload_lz4_block_without_bytes_is_skipped),
		T(payload_lz4_block_that_lies_is_refused),
		T(payload_lz4_block_that_is_too_long_is_refused),
		T(payload_xz_with_a_dictionary_over_96_mib_is_refused),
		T(B08_unsupported_compression_is_refused_by_name),
		T(payload_size_hint_comes_from_the_frame_when_it_says),
		T(payload_size_hint_is_0_when_nothing_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
