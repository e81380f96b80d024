// SPDX-License-Identifier: BSD-3-Clause
/* See layer_store.h. */
#include "backends/layer_store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/file_io.h"
#include "base/fd.h"
#include "base/num.h"

#define CHUNKS_MAX ((16ull << 40) / LAYER_CHUNK) /* a file's size, for ext4 */
#define ALL_BLOCKS 0xffffu
#define ROOM_MIN   64u

static uint64_t place_of(uint32_t chunk, uint32_t off)
{
	return (uint64_t)chunk * LAYER_CHUNK + off;
}

/* ---- life ---- */

static uint64_t half_of_free(int fd)
{
	struct statvfs v;
	uint64_t bytes;

	if (fstatvfs(fd, &v) < 0 || !mul_u64(v.f_bavail, v.f_frsize, &bytes))
		return 0;
	return bytes / 2;
}

int layer_store_open(struct layer_store *st, const char *dir, uint64_t size,
		     struct err *err)
{
	int fd = fd_open_nameless(dir);

	*st = (struct layer_store){ .fd = fd < 0 ? -1 : fd };
	if (fd < 0)
		return err_set(err, fd,
			       "a throwaway layer: making a temporary file in "
			       "%s: %s; use layer=guest",
			       dir, strerror(-fd));
	st->blocks_max = (size ? size : half_of_free(fd)) / LAYER_BLOCK;
	return 0;
}

void layer_store_close(struct layer_store *st)
{
	fd_close(&st->fd);
	free(st->written);
	free(st->spare);
	st->written = NULL;
	st->spare = NULL;
}

/* ---- chunks ---- */

/* Both tables: each chunk that there is can be given back without memory. */
static int grow(struct layer_store *st)
{
	uint32_t room = st->room ? 2 * st->room : ROOM_MIN;
	uint16_t *written;
	uint32_t *spare;

	if (room > CHUNKS_MAX)
		return -ENOSPC;
	written = realloc(st->written, room * sizeof(*written));
	st->written = written ? written : st->written;
	spare = realloc(st->spare, room * sizeof(*spare));
	st->spare = spare ? spare : st->spare;
	if (!written || !spare)
		return -ENOMEM;
	st->room = room;
	return 0;
}

int layer_store_take(struct layer_store *st, uint32_t *chunk)
{
	int r = 0;

	if (st->spares) {
		*chunk = st->spare[--st->spares];
		return 0;
	}
	if (st->chunks == st->room)
		r = grow(st);
	if (r < 0)
		return r;
	st->written[st->chunks] = 0;
	*chunk = st->chunks++;
	return 0;
}

unsigned int layer_store_blocks(const struct layer_store *st, uint32_t chunk)
{
	return (unsigned int)__builtin_popcount(st->written[chunk]);
}

/* The blocks of [from, to), as bits; those that are only touched too. */
static uint16_t bits_of(uint32_t from, uint32_t to)
{
	uint32_t first = from / LAYER_BLOCK;
	uint32_t end = (to + LAYER_BLOCK - 1) / LAYER_BLOCK;

	return (uint16_t)(ALL_BLOCKS >> (16 - (end - first)) << first);
}

static void forget_bits(struct layer_store *st, uint32_t chunk, uint16_t bits)
{
	bits &= st->written[chunk];
	st->written[chunk] &= (uint16_t)~bits;
	st->blocks -= (unsigned int)__builtin_popcount(bits);
}

/* Those whose contents stay cannot be given to anybody. The first one is the
 * next to be taken: they may follow each other again. */
void layer_store_give(struct layer_store *st, uint32_t chunk, uint32_t count)
{
	bool written = false;

	for (uint32_t i = 0; i < count && !written; i++)
		written = st->written[chunk + i] != 0;
	if (written && file_zero(st->fd, place_of(chunk, 0),
				 (uint64_t)count * LAYER_CHUNK, true) < 0)
		return;
	while (count--) {
		forget_bits(st, chunk + count, ALL_BLOCKS);
		st->spare[st->spares++] = chunk + count;
	}
}

int layer_store_clear(struct layer_store *st, uint32_t chunk, uint32_t from,
		      uint32_t to)
{
	uint32_t whole = (uint32_t)align_up(from, LAYER_BLOCK);
	uint32_t end = to / LAYER_BLOCK * LAYER_BLOCK;
	int r = 0;

	if (from < to && st->written[chunk] & bits_of(from, to))
		r = file_zero(st->fd, place_of(chunk, from), to - from, true);
	if (r == 0 && whole < end)
		forget_bits(st, chunk, bits_of(whole, end));
	return r;
}

/* ---- contents ---- */

static uint64_t length_of(const struct iovec *iov, int count)
{
	uint64_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* What was never written may be past the file's end. */
static void zero_from(const struct iovec *iov, int count, uint64_t from)
{
	for (int i = 0; i < count; i++) {
		uint64_t skip = min_u64(from, iov[i].iov_len);

		memset((char *)iov[i].iov_base + skip, 0,
		       iov[i].iov_len - skip);
		from -= skip;
	}
}

int layer_store_read(struct layer_store *st, uint32_t chunk, uint32_t off,
		     const struct iovec *iov, int count)
{
	const uint64_t len = length_of(iov, count);
	struct iovec rest[LAYER_PIECES];
	uint64_t done = 0;
	ssize_t n = 1;

	while (n != 0 && done < len) {
		int pieces = file_iov_after(rest, iov, count, done);

		n = preadv(st->fd, rest, pieces,
			   (off_t)(place_of(chunk, off) + done));
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (uint64_t)n : 0;
	}
	zero_from(iov, count, done);
	return 0;
}

/* Room for [off, off + len), from @chunk on. */
static int mark(struct layer_store *st, uint32_t chunk, uint32_t off,
		uint64_t len)
{
	for (; len; chunk++, off = 0) {
		uint32_t n = (uint32_t)min_u64(len, LAYER_CHUNK - off);
		uint16_t more = bits_of(off, off + n) &
				(uint16_t)~st->written[chunk];
		unsigned int count = (unsigned int)__builtin_popcount(more);

		if (count > st->blocks_max - min_u64(st->blocks,
						     st->blocks_max))
			return -ENOSPC;
		st->written[chunk] |= more;
		st->blocks += count;
		len -= n;
	}
	return 0;
}

int64_t layer_store_write(struct layer_store *st, uint32_t chunk, uint32_t off,
			  const struct iovec *iov, int count)
{
	int r = mark(st, chunk, off, length_of(iov, count));
	ssize_t n;

	if (r < 0)
		return r;
	do
		n = pwritev(st->fd, iov, count, (off_t)place_of(chunk, off));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
