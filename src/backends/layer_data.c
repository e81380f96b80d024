// SPDX-License-Identifier: BSD-3-Clause
/*
 * See layer_tree.h: the contents of changed files. They are runs: of chunks
 * that lie in a row in the store, of what is still the share's, and of zeros.
 * Past the file's end there is nothing in a chunk but zeros.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/file_io.h"
#include "backends/layer_map.h"
#include "backends/layer_tree.h"
#include "base/num.h"

#define TAKE_COST 8u  /* of a chunk, in the store's tables */
#define ROW       33u /* chunks that one request changes */

/* ---- pieces of memory ---- */

struct pieces {
	const struct iovec *from;
	int count;
	size_t skip; /* bytes of the first one */
	struct iovec iov[LAYER_PIECES];
};

static uint64_t length_of(const struct iovec *iov, int count)
{
	uint64_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* The next *len bytes, or fewer when there are too many pieces. */
static int next_pieces(struct pieces *p, uint64_t *len)
{
	uint64_t left = *len;
	int n = 0;

	while (left && p->count && n < LAYER_PIECES) {
		size_t here = p->from->iov_len - p->skip;
		size_t size = (size_t)min_u64(left, here);

		p->iov[n].iov_base = (char *)p->from->iov_base + p->skip;
		p->iov[n].iov_len = size;
		n += size > 0;
		left -= size;
		p->skip += size;
		if (p->skip == p->from->iov_len) {
			p->from++;
			p->count--;
			p->skip = 0;
		}
	}
	*len -= left;
	return n;
}

static void zero(const struct iovec *iov, int count, uint64_t from)
{
	for (int i = 0; i < count; i++) {
		uint64_t skip = min_u64(from, iov[i].iov_len);

		memset((char *)iov[i].iov_base + skip, 0,
		       iov[i].iov_len - skip);
		from -= skip;
	}
}

/* ---- reading ---- */

/* What the host has cut off meanwhile is zeros; a file system may also give
 * less than there is, and then it is asked for more. */
static int read_below(struct layer *l, uint64_t handle, const struct iovec *iov,
		      int count, uint64_t off)
{
	struct iovec rest[LAYER_PIECES];
	uint64_t len = length_of(iov, count), done = 0;
	int64_t n = 1;

	while (n > 0 && done < len) {
		int pieces = file_iov_after(rest, iov, count, done);

		n = share_read(l->share, handle, rest, pieces, off + done);
		done += n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0)
		return (int)n;
	zero(iov, count, done);
	return 0;
}

int64_t layer_data_read(struct layer *l, struct layer_node *n, uint64_t below,
			const struct iovec *iov, int count, uint64_t off)
{
	struct layer_data *d = &n->data;
	struct pieces p = { .from = iov, .count = count };
	uint64_t len = length_of(iov, count), done = 0;
	int r = 0;

	if (off > INT64_MAX)
		return -EINVAL;
	len = off < d->size ? min_u64(len, d->size - off) : 0;
	while (done < len && r == 0) {
		struct layer_run run = layer_run(d, off + done, len - done);
		int pieces = next_pieces(&p, &run.len);

		if (run.kind == LAYER_RUN_ZERO)
			zero(p.iov, pieces, 0);
		else if (run.kind == LAYER_RUN_BELOW)
			r = read_below(l, below, p.iov, pieces, off + done);
		else
			r = layer_store_read(&l->store, run.chunk, run.skip,
					     p.iov, pieces);
		if (r == 0)
			done += run.len;
	}
	return done ? (int64_t)done : r;
}

/* ---- writing ---- */

/* The chunks of one request: those that were made for it are the file's once
 * they have been written. */
struct row {
	uint64_t first; /* of the file */
	unsigned int count;
	uint32_t chunk[ROW]; /* of the store */
	bool made[ROW];
};

/* Copies bytes [from, to) of the file from below. */
static int fill_part(struct layer *l, uint64_t below, uint32_t chunk,
		     uint64_t from, uint64_t to)
{
	struct iovec iov = { l->bounce, (size_t)(to - from) };
	int64_t n;

	if (from >= to)
		return 0;
	n = read_below(l, below, &iov, 1, from);
	if (n == 0)
		n = layer_store_write(&l->store, chunk,
				      (uint32_t)(from % LAYER_CHUNK), &iov, 1);
	if (n < 0)
		return (int)n;
	return n == (int64_t)iov.iov_len ? 0 : -ENOSPC;
}

/* What [off, end) leaves of the chunk. */
static int fill(struct layer *l, const struct layer_data *d, uint64_t below,
		uint32_t chunk, const uint64_t range[2])
{
	uint64_t start = range[0] / LAYER_CHUNK * LAYER_CHUNK;
	uint64_t stop = min_u64(d->below, start + LAYER_CHUNK);
	int r = fill_part(l, below, chunk, start, min_u64(range[0], stop));

	return r < 0 ? r : fill_part(l, below, chunk, range[1], stop);
}

static int make_chunk(struct layer *l, uint32_t *chunk)
{
	int r = layer_charge(l, TAKE_COST);

	if (r < 0)
		return r;
	r = layer_store_take(&l->store, chunk);
	if (r < 0)
		layer_credit(l, TAKE_COST);
	return r;
}

static void drop_chunks(struct layer *l, uint32_t chunk, uint32_t count)
{
	layer_store_give(&l->store, chunk, count);
	layer_credit(l, (uint64_t)count * TAKE_COST);
}

/* One chunk more, for bytes [off, end) of the file, which lie in it. */
static int prepare(struct layer *l, struct layer_data *d, uint64_t below,
		   struct row *row, const uint64_t range[2])
{
	uint64_t number = range[0] / LAYER_CHUNK;
	uint32_t value = layer_map_get(d, number);
	uint32_t *chunk = &row->chunk[row->count];
	int r;

	row->made[row->count] = value < CHUNK_FIRST;
	if (value >= CHUNK_FIRST) {
		*chunk = value - CHUNK_FIRST;
		row->count++;
		return 0;
	}
	r = layer_map_room(l, d, number);
	if (r == 0)
		r = make_chunk(l, chunk);
	if (r < 0)
		return r;
	if (value == CHUNK_BELOW)
		r = fill(l, d, below, *chunk, range);
	if (r < 0)
		drop_chunks(l, *chunk, 1);
	else
		row->count++;
	return r;
}

/* For as much of [off, *end) as can be. */
static int prepare_all(struct layer *l, struct layer_data *d, uint64_t below,
		       struct row *row, uint64_t off, uint64_t *end)
{
	uint64_t range[2] = { off, off };
	int r = 0;

	row->first = off / LAYER_CHUNK;
	while (range[0] < *end && row->count < ROW) {
		range[1] = min_u64(*end, layer_chunk_end(range[0] /
							 LAYER_CHUNK));
		r = prepare(l, d, below, row, range);
		if (r < 0)
			break;
		range[0] = range[1];
	}
	*end = range[0];
	return row->count ? 0 : r;
}

/* Those that lie in a row together; how many bytes were written. */
static int64_t write_row(struct layer *l, const struct row *row,
			 struct pieces *p, uint64_t off, uint64_t end)
{
	uint64_t at = off;
	int64_t n = 0;

	while (at < end && n >= 0) {
		unsigned int i = (unsigned int)(at / LAYER_CHUNK - row->first);
		uint64_t next = layer_chunk_end(row->first + i), len;
		uint32_t skip = (uint32_t)(at % LAYER_CHUNK);
		unsigned int more = i + 1;
		int pieces;

		for (; more < row->count &&
		       row->chunk[more] == row->chunk[more - 1] + 1; more++)
			next += LAYER_CHUNK;
		len = min_u64(end, next) - at;
		pieces = next_pieces(p, &len);
		n = layer_store_write(&l->store, row->chunk[i], skip, p->iov,
				      pieces);
		at += n > 0 ? (uint64_t)n : 0;
		if (n < (int64_t)len)
			break;
	}
	return at > off || n >= 0 ? (int64_t)(at - off) : n;
}

/* A chunk that is new becomes the file's when all of its part was written; up
 * to where that was. */
static uint64_t adopt(struct layer *l, struct layer_node *n,
		      const struct row *row, uint64_t done, uint64_t end)
{
	bool whole = true;

	for (unsigned int i = 0; i < row->count; i++) {
		uint64_t number = row->first + i;
		uint64_t stop = min_u64(end, layer_chunk_end(number));

		if (!row->made[i])
			continue;
		whole = whole && done >= stop;
		if (!whole) {
			drop_chunks(l, row->chunk[i], 1);
			done = min_u64(done, number * LAYER_CHUNK);
			continue;
		}
		layer_map_set(&n->data, number, row->chunk[i] + CHUNK_FIRST);
	}
	return done;
}

/* How many blocks of the row's are the file's. */
static uint64_t count_blocks(struct layer *l, const struct layer_data *d,
			     const struct row *row)
{
	uint64_t blocks = 0;

	for (unsigned int i = 0; i < row->count; i++) {
		uint32_t value = layer_map_get(d, row->first + i);

		if (value >= CHUNK_FIRST)
			blocks += layer_store_blocks(&l->store,
						     value - CHUNK_FIRST);
	}
	return blocks;
}

int64_t layer_data_write(struct layer *l, struct layer_node *n, uint64_t below,
			 const struct iovec *iov, int count, uint64_t off)
{
	struct pieces p = { .from = iov, .count = count };
	struct row row = { .count = 0 };
	uint64_t len = length_of(iov, count), end, before;
	int64_t r;

	if (off >= LAYER_SIZE_MOST)
		return len ? -EFBIG : 0;
	end = off + min_u64(len, LAYER_SIZE_MOST - off);
	if (!len)
		return 0;
	r = prepare_all(l, &n->data, below, &row, off, &end);
	if (r < 0)
		return r;
	before = count_blocks(l, &n->data, &row);
	r = write_row(l, &row, &p, off, end);
	end = adopt(l, n, &row, off + (r > 0 ? (uint64_t)r : 0), end);
	n->data.blocks += count_blocks(l, &n->data, &row) - before;
	if (end <= off)
		return r < 0 ? r : -ENOSPC;
	n->data.size = max_u64(n->data.size, end);
	layer_node_touch(n);
	return (int64_t)(end - off);
}

/* ---- less of it ---- */

/* Chunks of the store that are no file's any more: those that follow each
 * other are given back together, which is one request to the host. */
struct dropped {
	uint32_t first, count;
};

static void drop_all(struct layer *l, struct dropped *run)
{
	if (run->count)
		drop_chunks(l, run->first, run->count);
	run->count = 0;
}

/* The chunk is to be @value, which has no contents. */
static void unset(struct layer *l, struct layer_data *d, struct dropped *run,
		  uint64_t number, uint32_t value)
{
	uint32_t old = layer_map_get(d, number);

	if (old >= CHUNK_FIRST) {
		uint32_t chunk = old - CHUNK_FIRST;

		d->blocks -= layer_store_blocks(&l->store, chunk);
		if (chunk != run->first + run->count)
			drop_all(l, run);
		if (!run->count)
			run->first = chunk;
		run->count++;
	}
	if (old != value)
		layer_map_set(d, number, value);
}

static int clear_part(struct layer *l, struct layer_data *d, uint32_t chunk,
		      uint32_t from, uint32_t to)
{
	unsigned int before = layer_store_blocks(&l->store, chunk);
	int r = layer_store_clear(&l->store, chunk, from, to);

	d->blocks -= before - layer_store_blocks(&l->store, chunk);
	return r;
}

/* Chunks from @number on are no more. */
static void cut(struct layer *l, struct layer_data *d, uint64_t number)
{
	struct dropped run = { .count = 0 };
	uint64_t from = number;

	for (; number < layer_map_end(d); number = layer_map_next(d, number))
		unset(l, d, &run, number, CHUNK_BELOW);
	drop_all(l, &run);
	layer_map_cut(l, d, from);
}

int layer_data_resize(struct layer *l, struct layer_node *n, uint64_t size)
{
	struct layer_data *d = &n->data;
	uint32_t value = layer_map_get(d, size / LAYER_CHUNK);
	uint32_t rest = (uint32_t)(size % LAYER_CHUNK);
	int r = 0;

	if (size > LAYER_SIZE_MOST)
		return -EFBIG;
	if (size < d->size) {
		if (rest && value >= CHUNK_FIRST)
			r = clear_part(l, d, value - CHUNK_FIRST, rest,
				       LAYER_CHUNK);
		if (r < 0)
			return r;
		cut(l, d, size / LAYER_CHUNK + (rest > 0));
		d->below = min_u64(d->below, size);
	}
	d->size = size;
	layer_node_touch(n);
	return 0;
}

void layer_data_drop(struct layer *l, struct layer_node *n)
{
	struct layer_data *d = &n->data;

	cut(l, d, 0);
	layer_map_drop(l, d);
	*d = (struct layer_data){ 0 };
}

/* Bytes [range) of one chunk. */
static int clear_in(struct layer *l, struct layer_node *n, uint64_t below,
		    struct dropped *run, const uint64_t range[2])
{
	struct layer_data *d = &n->data;
	uint64_t number = range[0] / LAYER_CHUNK;
	uint64_t start = number * LAYER_CHUNK;
	uint32_t value = layer_map_get(d, number);
	bool whole = range[0] == start &&
		     range[1] == min_u64(start + LAYER_CHUNK, d->size);
	int64_t r;

	if (whole && (value >= CHUNK_FIRST || start < d->below)) {
		r = start < d->below ? layer_map_room(l, d, number) : 0;
		if (r == 0)
			unset(l, d, run, number,
			      start < d->below ? CHUNK_ZERO : CHUNK_BELOW);
		return (int)r;
	}
	if (value >= CHUNK_FIRST)
		return clear_part(l, d, value - CHUNK_FIRST,
				  (uint32_t)(range[0] - start),
				  (uint32_t)(range[1] - start));
	if (value == CHUNK_BELOW && range[0] < d->below) {
		const struct iovec iov = { l->copy,
					   (size_t)(range[1] - range[0]) };

		drop_all(l, run); /* there is room for this one then */
		memset(l->copy, 0, iov.iov_len);
		r = layer_data_write(l, n, below, &iov, 1, range[0]);
		return r < 0 ? (int)r : 0;
	}
	return 0;
}

int layer_data_clear(struct layer *l, struct layer_node *n, uint64_t below,
		     uint64_t off, uint64_t len)
{
	struct layer_data *d = &n->data;
	uint64_t end = off < d->size ? off + min_u64(len, d->size - off) : off;
	uint64_t range[2] = { off, off };
	struct dropped dropped = { .count = 0 };
	int r = 0;

	if (end >= d->below && off < d->below)
		d->below = off;
	if (end > LAYER_SIZE_MOST && off < d->below)
		return -EFBIG; /* a hole in what is the share's */
	while (range[0] < end && r == 0) {
		struct layer_run run = layer_run(d, range[0], end - range[0]);

		range[1] = range[0] + run.len;
		if (run.kind != LAYER_RUN_ZERO)
			range[1] = min_u64(end, layer_chunk_end(range[0] /
								LAYER_CHUNK));
		if (run.kind != LAYER_RUN_ZERO)
			r = clear_in(l, n, below, &dropped, range);
		range[0] = range[1];
	}
	drop_all(l, &dropped);
	layer_node_touch(n);
	return r;
}

/* ---- data and holes ---- */

/* Where in that run is it? Its end: nowhere. */
static uint64_t seek_run(struct layer *l, uint64_t below,
			 const struct layer_run *run, uint64_t off, int whence)
{
	int64_t r = (int64_t)off;

	if (run->kind == LAYER_RUN_ZERO)
		return whence == SEEK_HOLE ? off : off + run->len;
	if (run->kind == LAYER_RUN_BELOW && below)
		r = share_seek(l->share, below, (int64_t)off, whence);
	else if (whence == SEEK_HOLE)
		return off + run->len;
	return r < 0 ? off + run->len : min_u64((uint64_t)r, off + run->len);
}

int64_t layer_data_seek(struct layer *l, struct layer_node *n, uint64_t below,
			uint64_t off, int whence)
{
	struct layer_data *d = &n->data;

	if (off >= d->size)
		return -ENXIO;
	while (off < d->size) {
		struct layer_run run = layer_run(d, off, d->size - off);
		uint64_t at = seek_run(l, below, &run, off, whence);

		if (at < off + run.len)
			return (int64_t)at;
		off += run.len;
	}
	return whence == SEEK_HOLE ? (int64_t)d->size : -ENXIO;
}
