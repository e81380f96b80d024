// SPDX-License-Identifier: BSD-3-Clause
/*
 * See block.h. What all disks and engines have in common: putting the two
 * together, checking requests, counting what is in flight, calling back. Must
 * not know: files, formats.
 */
#include "backends/block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "backends/block_engine.h"
#include "backends/file_io.h"
#include "base/fd.h"
#include "base/num.h"

/* An engine and what it has to do. */
struct lane {
	struct block_engine *engine; /* owned; NULL: nothing is sent this way */
	struct loop_source *source;  /* owned; watches engine->ready_fd */
	unsigned int in_flight;
	struct block *block;
};

struct block {
	struct block_disk *disk; /* owned */
	struct lane main;
	struct lane blocking; /* for what io_uring would give to a worker */
	void (*ready)(void *ctx);
	void *ready_ctx;
	struct block_list refused; /* done already, with their results */
	unsigned int in_flight;    /* these included */
};

void block_disk_destroy(struct block_disk *d)
{
	if (d)
		d->ops->destroy(d);
}

int block_disk_fd(const struct block_disk *d, const struct block_req *req)
{
	uint64_t mask = d->direct_align - 1;

	if (d->buffered_fd < 0)
		return d->plain_fd;
	if (req->off & mask)
		return d->buffered_fd;
	for (int i = 0; i < req->iovcnt; i++)
		if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) &
		    mask)
			return d->buffered_fd;
	return d->plain_fd;
}

static void on_ready(void *ctx, uint32_t events)
{
	struct lane *l = ctx;

	if (l->engine->ready_event)
		fd_event_drain(l->engine->ready_fd);
	l->block->ready(l->block->ready_ctx);
}

static int open_disk(struct block *b, const struct block_config *cfg,
		     const struct log *log, struct err *err)
{
	struct block_config below = *cfg;
	struct block_disk *base;
	int r;

	if (!cfg->overlay && !cfg->overlay_tmp)
		return block_raw_open(&b->disk, cfg, log, err);
	if (cfg->read_only || cfg->direct)
		return err_set_key(err, -EINVAL, "disk",
				   "disk %s: an overlay is for changes and has its own file; leave %s out",
				   cfg->id, cfg->direct ? "direct" : "ro");
	below.read_only = true;
	r = block_raw_open(&base, &below, log, err);
	return r < 0 ? r : block_overlay_open(&b->disk, base, cfg, log, err);
}

/* Reads of some file systems (9p) cannot be done without one that waits. */
static bool reads_block(const struct block_disk *d)
{
	uint8_t sector[BLOCK_SECTOR];
	const struct iovec iov = { sector, sizeof(sector) };

	return d->buffered_fd < 0 &&
	       file_try_readv(d->plain_fd, &iov, 1, 0, sizeof(sector)) ==
		       -EOPNOTSUPP;
}

/* A worker of io_uring stays when it has no work, and the kernel wakes it every
 * few seconds: by itself, a disk gives it nothing to do. */
static int open_engines(struct block *b, const struct block_config *cfg,
			const struct log *log)
{
	const bool automatic = cfg->engine == BLOCK_ENGINE_AUTO;
	int r = -EOPNOTSUPP;

	if (cfg->engine != BLOCK_ENGINE_THREADS && b->disk->plain_fd >= 0 &&
	    !(automatic && reads_block(b->disk))) {
		r = block_uring_create(&b->main.engine, b->disk);
		if (r < 0)
			log_line(log,
				 automatic ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
				 "%s: no io_uring (%s), using threads", cfg->id,
				 strerror(-r));
	}
	if (r < 0)
		return block_threads_create(&b->main.engine, b->disk,
					    cfg->threads);
	if (!automatic)
		return 0;
	return block_threads_create(&b->blocking.engine, b->disk, cfg->threads);
}

/* Quiet until there is a listener. */
static int watch(struct block *b, struct lane *l, struct loop *loop)
{
	l->block = b;
	if (!l->engine)
		return 0;
	return loop_add(&l->source, loop, l->engine->ready_fd, 0, on_ready, l);
}

int block_create(struct block **out, const struct block_config *cfg,
		 struct loop *loop, const struct log *log, struct err *err)
{
	struct block *b = calloc(1, sizeof(*b));
	int r;

	*out = NULL;
	if (!b)
		return err_set(err, -ENOMEM, "disk %s: out of memory", cfg->id);
	r = open_disk(b, cfg, log, err);
	if (r < 0)
		goto fail;
	r = open_engines(b, cfg, log);
	if (r == 0)
		r = watch(b, &b->main, loop);
	if (r == 0)
		r = watch(b, &b->blocking, loop);
	if (r < 0) {
		err_set_key(err, r, "disk",
			    "disk %s: %s while it was opened; raise the limit of descriptors (ulimit -n) or memory",
			    cfg->id, strerror(-r));
		goto fail;
	}
	*out = b;
	return 0;
fail:
	block_destroy(b);
	return r;
}

static void close_lane(struct lane *l)
{
	loop_remove(l->source);
	if (l->engine)
		l->engine->ops->destroy(l->engine);
}

void block_destroy(struct block *b)
{
	if (!b)
		return;
	assert(b->in_flight == 0);
	close_lane(&b->main);
	close_lane(&b->blocking);
	block_disk_destroy(b->disk);
	free(b);
}

void block_listen(struct block *b, void (*ready)(void *ctx), void *ctx)
{
	b->ready_ctx = ctx;
	b->ready = ready;
	loop_set_events(b->main.source, EPOLLIN);
	if (b->blocking.source)
		loop_set_events(b->blocking.source, EPOLLIN);
}

const struct block_info *block_info(const struct block *b)
{
	return &b->disk->info;
}

bool block_refresh(struct block *b)
{
	uint64_t size = align_down(b->disk->ops->size(b->disk), BLOCK_SECTOR);

	if (!size || size == b->disk->info.size)
		return false;
	b->disk->info.size = size;
	return true;
}

static bool changes(const struct block_req *req)
{
	return req->op == BLOCK_WRITE || req->op == BLOCK_DISCARD ||
	       req->op == BLOCK_WRITE_ZEROES;
}

/* 0, or why the request cannot be carried out. */
static int check(const struct block_info *info, const struct block_req *req)
{
	if (changes(req) && info->read_only)
		return -EROFS;
	if (req->op == BLOCK_FLUSH)
		return 0;
	if ((req->off | req->len) % BLOCK_SECTOR || !req->len ||
	    !range_ok(req->off, req->len, info->size))
		return -EINVAL;
	return 0;
}

/* Reads wait for a page or a device without a worker, and so do writes that go
 * past the page cache. */
static struct lane *lane_for(struct block *b, const struct block_req *req)
{
	bool direct = b->disk->buffered_fd >= 0 &&
		      block_disk_fd(b->disk, req) == b->disk->plain_fd;

	if (!b->blocking.engine || req->op == BLOCK_READ ||
	    (req->op == BLOCK_WRITE && direct))
		return &b->main;
	return &b->blocking;
}

void block_submit(struct block *b, struct block_req *req)
{
	struct lane *l = lane_for(b, req);

	req->result = check(&b->disk->info, req);
	req->zeroing = false;
	b->in_flight++;
	if (req->result < 0) {
		block_list_add(&b->refused, req);
		return;
	}
	l->in_flight++;
	l->engine->ops->submit(l->engine, req);
}

/* Each is done() once; what that submits waits for the next kick. */
static unsigned int deliver(struct block *b, struct block_req *list)
{
	unsigned int count = 0;

	while (list) {
		struct block_req *req = list;

		list = req->next;
		count++;
		b->in_flight--;
		req->done(req, req->result);
	}
	return count;
}

static void reap_lane(struct lane *l, bool wait)
{
	unsigned int count;

	if (!l->in_flight)
		return;
	count = deliver(l->block, l->engine->ops->reap(l->engine, wait));
	l->in_flight -= count;
}

/* @wait: until one at least has finished; something is in flight. */
static void reap(struct block *b, bool wait)
{
	struct block_req *refused = b->refused.first;
	struct lane *awaited = b->main.in_flight ? &b->main : &b->blocking;

	b->refused.first = NULL;
	wait = wait && !refused;
	deliver(b, refused);
	reap_lane(&b->main, wait && awaited == &b->main);
	reap_lane(&b->blocking, wait && awaited == &b->blocking);
}

static void kick(struct lane *l)
{
	if (l->in_flight)
		l->engine->ops->kick(l->engine);
}

void block_kick(struct block *b)
{
	kick(&b->main);
	kick(&b->blocking);
	reap(b, false);
}

void block_reap(struct block *b)
{
	reap(b, false);
}

void block_wait(struct block *b)
{
	if (!b->in_flight)
		return;
	kick(&b->main);
	kick(&b->blocking);
	reap(b, true);
}

void block_drain(struct block *b)
{
	while (b->in_flight)
		block_wait(b);
}

unsigned int block_in_flight(const struct block *b)
{
	return b->in_flight;
}

const char *block_engine_name(const struct block *b)
{
	return b->main.engine->ops->name;
}
