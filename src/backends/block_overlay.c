// SPDX-License-Identifier: BSD-3-Clause
/*
 * Disks that are a base, never written, and an overlay file with what has
 * changed. The disk's byte N lies at data_off + N of the overlay, so a write is
 * one transfer however many clusters it meets.
 *
 * Order of things, so that a crash at any point leaves the old or the new
 * contents: a cluster's bytes are in the file before its state says so; the map
 * goes to the file only in a flush, between two syncs, from a copy of the
 * states made before the first one.
 *
 * Threads: workers, several at a time. Reads, and writes to clusters that are
 * in the file already, take no lock; what changes a state holds `change`.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block_engine.h"
#include "backends/file_io.h"
#include "backends/overlay_file.h"
#include "base/crc32c.h"
#include "base/num.h"

#define PIECES    64    /* of memory, in one transfer of part of a request */
#define MARK_SIZE 65536 /* bytes at either end of the base */

struct overlay {
	struct block_disk disk;
	struct block_disk *base; /* owned */
	struct overlay_file file;
	const struct log *log;
	pthread_mutex_t change; /* guards changes of file.map, and fill */
	uint8_t *fill;          /* owned; one cluster */
	pthread_mutex_t flush;  /* one at a time; guards the copies below */
	uint8_t *states;        /* owned; of the sectors that are written */
	uint8_t *writing;       /* owned; a byte per sector */
};

static struct overlay *to_overlay(struct block_disk *d)
{
	return container_of(d, struct overlay, disk);
}

static uint64_t cluster_of(const struct overlay *o, uint64_t off)
{
	return off >> o->file.map.bits;
}

static uint64_t start_of(const struct overlay *o, uint64_t cluster)
{
	return cluster << o->file.map.bits;
}

/* The state at @off, and in *len (at first what is wanted) how far it goes. */
static enum overlay_state run_at(const struct overlay *o, uint64_t off,
				 uint64_t *len)
{
	const struct overlay_map *m = &o->file.map;
	uint64_t c = cluster_of(o, off);
	uint64_t last = cluster_of(o, off + *len - 1);
	enum overlay_state state = overlay_map_get(m, c);

	while (c < last && overlay_map_get(m, c + 1) == state)
		c++;
	*len = min_u64(*len, start_of(o, c + 1) - off);
	return state;
}

/* ---- reading ---- */

/* The first *len bytes of @from, as pieces of their own; fewer bytes when there
 * are too many pieces. */
static int first_pieces(struct iovec *to, const struct iovec *from, int count,
			uint64_t *len)
{
	uint64_t left = *len;
	int n = 0;

	for (; n < count && n < PIECES && left; n++) {
		to[n] = from[n];
		to[n].iov_len = min_u64(left, from[n].iov_len);
		left -= to[n].iov_len;
	}
	*len -= left;
	return n;
}

static void clear(const struct iovec *iov, int count)
{
	for (int i = 0; i < count; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
}

static int read_base(struct overlay *o, struct iovec *iov, int count,
		     uint64_t off, uint64_t len)
{
	struct block_req req = {
		.op = BLOCK_READ, .off = off, .len = len, .iov = iov,
		.iovcnt = count,
	};

	return o->base->ops->run(o->base, &req);
}

static int read_part(struct overlay *o, enum overlay_state state,
		     struct iovec *iov, int count, uint64_t off, uint64_t len)
{
	switch (state) {
	case OVERLAY_BASE:
		return read_base(o, iov, count, off, len);
	case OVERLAY_DATA:
		return file_readv(o->file.fd, iov, count,
				  o->file.map.data_off + off);
	case OVERLAY_ZERO:
		clear(iov, count);
		return 0;
	}
	return -EIO;
}

static int overlay_read(struct overlay *o, struct block_req *req)
{
	uint64_t off = req->off;
	uint64_t left = req->len;
	struct iovec iov[PIECES];

	while (left) {
		uint64_t len = left;
		enum overlay_state state = run_at(o, off, &len);
		int n = first_pieces(iov, req->iov, req->iovcnt, &len);
		int r = read_part(o, state, iov, n, off, len);

		if (r < 0)
			return r;
		file_iov_advance(&req->iov, &req->iovcnt, len);
		off += len;
		left -= len;
	}
	return 0;
}

/* Only what lies in one place as a whole. */
static int overlay_try(struct block_disk *d, const struct block_req *req)
{
	struct overlay *o = to_overlay(d);
	uint64_t len = req->len;
	enum overlay_state state;

	if (req->op != BLOCK_READ)
		return -EAGAIN;
	state = run_at(o, req->off, &len);
	if (len < req->len)
		return -EAGAIN;
	if (state == OVERLAY_BASE)
		return o->base->ops->try(o->base, req);
	if (state == OVERLAY_DATA)
		return file_try_readv(o->file.fd, req->iov, req->iovcnt,
				      o->file.map.data_off + req->off, len);
	clear(req->iov, req->iovcnt);
	return 0;
}

/* ---- changing; o->change is held ---- */

/* Puts the present contents of [from, to), inside one cluster that is not in
 * the file, into the file. */
static int fill(struct overlay *o, uint64_t from, uint64_t to)
{
	uint64_t at = o->file.map.data_off + from;
	struct iovec iov = { .iov_base = o->fill, .iov_len = to - from };
	int r;

	if (from == to)
		return 0;
	if (overlay_map_get(&o->file.map, cluster_of(o, from)) == OVERLAY_ZERO)
		return file_zero(o->file.fd, at, to - from, true);
	r = read_base(o, &iov, 1, from, to - from);
	return r < 0 ? r : file_write(o->file.fd, o->fill, to - from, at);
}

static bool in_file(const struct overlay *o, uint64_t off)
{
	return overlay_map_get(&o->file.map, cluster_of(o, off)) ==
	       OVERLAY_DATA;
}

static uint64_t end_of(const struct overlay *o, uint64_t cluster)
{
	return start_of(o, cluster) + overlay_map_len(&o->file.map, cluster);
}

/* What [off, end) leaves of its first and its last cluster. */
static int fill_edges(struct overlay *o, uint64_t off, uint64_t end)
{
	uint64_t last = cluster_of(o, end - 1);
	int r = 0;

	if (!in_file(o, off))
		r = fill(o, start_of(o, cluster_of(o, off)), off);
	if (r == 0 && !in_file(o, end - 1))
		r = fill(o, end, end_of(o, last));
	return r;
}

static void set_states(struct overlay *o, uint64_t off, uint64_t end,
		       enum overlay_state state)
{
	for (uint64_t c = cluster_of(o, off); c <= cluster_of(o, end - 1); c++)
		overlay_map_set(&o->file.map, c, state);
}

static int write_new(struct overlay *o, struct block_req *req)
{
	uint64_t end = req->off + req->len;
	int r = fill_edges(o, req->off, end);

	if (r == 0)
		r = file_writev(o->file.fd, req->iov, req->iovcnt,
				o->file.map.data_off + req->off, false);
	if (r == 0)
		set_states(o, req->off, end, OVERLAY_DATA);
	return r;
}

/* Zeroes for a part of one cluster. */
static int zero_part(struct overlay *o, uint64_t off, uint64_t end)
{
	uint64_t at = o->file.map.data_off + off;
	int r;

	if (off == end ||
	    overlay_map_get(&o->file.map, cluster_of(o, off)) == OVERLAY_ZERO)
		return 0;
	r = fill_edges(o, off, end);
	if (r == 0)
		r = file_zero(o->file.fd, at, end - off, true);
	if (r == 0)
		set_states(o, off, end, OVERLAY_DATA);
	return r;
}

/* Whole clusters: the state says it all, the space is given back. */
static int zero_whole(struct overlay *o, uint64_t off, uint64_t end)
{
	int r;

	set_states(o, off, end, OVERLAY_ZERO);
	r = file_punch(o->file.fd, o->file.map.data_off + off, end - off);
	return r == -EOPNOTSUPP ? 0 : r;
}

/* Discards only what is whole, which the driver knows by the granularity. */
static int zero(struct overlay *o, const struct block_req *req)
{
	uint64_t end = req->off + req->len;
	uint64_t cluster = UINT64_C(1) << o->file.map.bits;
	uint64_t first = align_up(req->off, cluster);
	uint64_t last = end == o->file.map.size ? end :
						  align_down(end, cluster);
	bool edges = req->op == BLOCK_WRITE_ZEROES;
	int r = 0;

	if (first >= last && edges && cluster_of(o, req->off) ==
					      cluster_of(o, end - 1))
		return zero_part(o, req->off, end);
	if (edges)
		r = zero_part(o, req->off, first);
	if (r == 0 && edges)
		r = zero_part(o, last, end);
	if (r == 0 && first < last)
		r = zero_whole(o, first, last);
	return r;
}

/* ---- flushing; o->flush is held ---- */

/* Copies what is to be written; returns whether there is anything. */
static bool copy_states(struct overlay *o)
{
	struct overlay_map *m = &o->file.map;
	bool any = false;

	pthread_mutex_lock(&o->change);
	for (uint32_t i = 0; i < m->sectors; i++) {
		size_t at = (size_t)i * OVERLAY_STATE_BYTES;

		o->writing[i] = m->dirty[i];
		if (!m->dirty[i])
			continue;
		memcpy(o->states + at, m->states + at, OVERLAY_STATE_BYTES);
		m->dirty[i] = 0;
		any = true;
	}
	pthread_mutex_unlock(&o->change);
	return any;
}

static void mark_dirty_again(struct overlay *o)
{
	pthread_mutex_lock(&o->change);
	for (uint32_t i = 0; i < o->file.map.sectors; i++)
		o->file.map.dirty[i] |= o->writing[i];
	pthread_mutex_unlock(&o->change);
}

static int write_map(struct overlay *o)
{
	uint32_t sectors = o->file.map.sectors;
	int r = 0;

	for (uint32_t i = 0; i < sectors && r == 0; i++) {
		uint32_t n = 0;

		while (i + n < sectors && o->writing[i + n])
			n++;
		if (n)
			r = overlay_file_store(&o->file, o->states, i, n);
		i += n;
	}
	return r;
}

/* A failed sync has lost data, a failed write has not. */
static int flush(struct overlay *o)
{
	bool map;
	int r;

	if (o->file.temporary)
		return 0;
	pthread_mutex_lock(&o->flush);
	map = copy_states(o);
	r = file_sync(o->file.fd) < 0 ? -EIO : 0;
	if (r == 0 && map)
		r = write_map(o);
	if (r == 0 && map)
		r = file_sync(o->file.fd) < 0 ? -EIO : 0;
	if (r < 0)
		mark_dirty_again(o);
	pthread_mutex_unlock(&o->flush);
	return r == -EDQUOT ? -ENOSPC : r;
}

/* ---- requests ---- */

static int overlay_change(struct overlay *o, struct block_req *req)
{
	uint64_t len = req->len;
	int r;

	if (req->op == BLOCK_WRITE &&
	    run_at(o, req->off, &len) == OVERLAY_DATA && len == req->len)
		return file_writev(o->file.fd, req->iov, req->iovcnt,
				   o->file.map.data_off + req->off, false);
	pthread_mutex_lock(&o->change);
	r = req->op == BLOCK_WRITE ? write_new(o, req) : zero(o, req);
	pthread_mutex_unlock(&o->change);
	return r;
}

static int overlay_run(struct block_disk *d, struct block_req *req)
{
	struct overlay *o = to_overlay(d);
	int r;

	if (req->op == BLOCK_READ)
		return overlay_read(o, req);
	if (req->op == BLOCK_FLUSH)
		return flush(o);
	r = overlay_change(o, req);
	return r == 0 && req->flags & BLOCK_STABLE ? flush(o) : r;
}

static uint64_t overlay_size(struct block_disk *d)
{
	return d->info.size;
}

static void overlay_destroy(struct block_disk *d)
{
	struct overlay *o = to_overlay(d);

	if (o->states && flush(o) < 0)
		log_error(o->log,
			  "a disk overlay could not be written at the end; what was not flushed is lost");
	overlay_file_close(&o->file);
	block_disk_destroy(o->base);
	pthread_mutex_destroy(&o->change);
	pthread_mutex_destroy(&o->flush);
	free(o->fill);
	free(o->states);
	free(o->writing);
	free(o);
}

static const struct block_disk_ops overlay_ops = {
	.run = overlay_run,
	.try = overlay_try,
	.size = overlay_size,
	.destroy = overlay_destroy,
};

/* What tells a base from others of its size: its first and last bytes. */
static int mark_base(struct overlay *o, uint32_t *mark)
{
	uint64_t size = o->base->info.size;
	uint64_t len = min_u64(size, MARK_SIZE);
	uint8_t *buf = malloc(MARK_SIZE);
	int r = buf ? 0 : -ENOMEM;

	*mark = 0;
	for (int end = 0; end < 2 && r == 0; end++) {
		struct iovec iov = { .iov_base = buf, .iov_len = len };

		r = read_base(o, &iov, 1, end ? size - len : 0, len);
		if (r == 0)
			*mark = crc32c(*mark, buf, len);
	}
	free(buf);
	return r;
}

static int open_file(struct overlay *o, const struct block_config *cfg,
		     struct err *err)
{
	uint64_t size = o->base->info.size;
	uint32_t mark;
	int r;

	if (!cfg->overlay)
		return overlay_file_temporary(&o->file, cfg->overlay_tmp, size,
					      err);
	r = mark_base(o, &mark);
	if (r < 0)
		return err_set_key(err, r, "disk",
				   "disk %s: reading the overlay's base: %s; check the disk it is on",
				   cfg->id, strerror(-r));
	return overlay_file_open(&o->file, cfg->overlay, size, mark,
				 cfg->unlocked, err);
}

static void fill_info(struct overlay *o)
{
	struct block_info *info = &o->disk.info;
	uint32_t cluster = UINT32_C(1) << o->file.map.bits;

	*info = o->base->info;
	info->read_only = false;
	info->discard_granularity = cluster;
	if (info->physical_block < cluster)
		info->physical_block = cluster;
}

int block_overlay_open(struct block_disk **out, struct block_disk *base,
		       const struct block_config *cfg, const struct log *log,
		       struct err *err)
{
	struct overlay *o = calloc(1, sizeof(*o));
	int r;

	*out = NULL;
	if (!o) {
		block_disk_destroy(base);
		return err_set(err, -ENOMEM, "disk %s: out of memory", cfg->id);
	}
	o->disk.ops = &overlay_ops;
	o->disk.plain_fd = -1;
	o->disk.buffered_fd = -1;
	o->base = base;
	o->log = log;
	o->file.fd = -1;
	pthread_mutex_init(&o->change, NULL);
	pthread_mutex_init(&o->flush, NULL);
	r = open_file(o, cfg, err);
	if (r == 0) {
		o->fill = malloc((size_t)1 << o->file.map.bits);
		o->states = calloc(o->file.map.sectors, OVERLAY_STATE_BYTES);
		o->writing = calloc(o->file.map.sectors, 1);
		if (!o->fill || !o->states || !o->writing)
			r = err_set(err, -ENOMEM, "disk %s: out of memory",
				    cfg->id);
	}
	if (r < 0) {
		free(o->states);
		o->states = NULL; /* there is nothing to flush */
		overlay_destroy(&o->disk);
		return r;
	}
	fill_info(o);
	*out = &o->disk;
	return 0;
}
