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
#include "base/fd.h"
#include "base/num.h"

struct block {
	struct block_disk *disk;     /* owned */
	struct block_engine *engine; /* owned */
	struct loop_source *source;  /* owned; watches engine->ready_fd */
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
	struct block *b = ctx;

	if (b->engine->ready_event)
		fd_event_drain(b->engine->ready_fd);
	b->ready(b->ready_ctx);
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

static int open_engine(struct block *b, const struct block_config *cfg,
		       const struct log *log, struct err *err)
{
	int r = -EOPNOTSUPP;

	if (cfg->engine != BLOCK_ENGINE_THREADS && b->disk->plain_fd >= 0) {
		r = block_uring_create(&b->engine, b->disk);
		if (r == 0)
			return 0;
		log_line(log,
			 cfg->engine == BLOCK_ENGINE_AUTO ? LOG_LEVEL_INFO :
							    LOG_LEVEL_WARN,
			 "%s: no io_uring (%s), using threads", cfg->id,
			 strerror(-r));
	}
	r = block_threads_create(&b->engine, b->disk, cfg->threads);
	if (r < 0)
		return err_set_key(err, r, "disk",
				   "disk %s: starting its threads: %s; raise the limit of processes (ulimit -u) or memory",
				   cfg->id, strerror(-r));
	return 0;
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
	if (r == 0)
		r = open_engine(b, cfg, log, err);
	if (r < 0)
		goto fail;
	/* quiet until there is a listener */
	r = loop_add(&b->source, loop, b->engine->ready_fd, 0, on_ready, b);
	if (r < 0) {
		err_set(err, r, "disk %s: event loop: %s", cfg->id,
			strerror(-r));
		goto fail;
	}
	*out = b;
	return 0;
fail:
	block_destroy(b);
	return r;
}

void block_destroy(struct block *b)
{
	if (!b)
		return;
	assert(b->in_flight == 0);
	loop_remove(b->source);
	if (b->engine)
		b->engine->ops->destroy(b->engine);
	block_disk_destroy(b->disk);
	free(b);
}

void block_listen(struct block *b, void (*ready)(void *ctx), void *ctx)
{
	b->ready_ctx = ctx;
	b->ready = ready;
	loop_set_events(b->source, EPOLLIN);
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

void block_submit(struct block *b, struct block_req *req)
{
	req->result = check(&b->disk->info, req);
	req->zeroing = false;
	b->in_flight++;
	if (req->result < 0)
		block_list_add(&b->refused, req);
	else
		b->engine->ops->submit(b->engine, req);
}

/* Each is done() once; what that submits waits for the next kick. */
static void deliver(struct block *b, struct block_req *list)
{
	while (list) {
		struct block_req *req = list;

		list = req->next;
		b->in_flight--;
		req->done(req, req->result);
	}
}

static void reap(struct block *b, bool wait)
{
	struct block_req *refused = b->refused.first;

	b->refused.first = NULL;
	if (refused) {
		wait = false;
		deliver(b, refused);
	}
	deliver(b, b->engine->ops->reap(b->engine, wait));
}

void block_kick(struct block *b)
{
	b->engine->ops->kick(b->engine);
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
	b->engine->ops->kick(b->engine);
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
	return b->engine->ops->name;
}
