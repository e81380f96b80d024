/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the block backends: a block device is a disk (what a request means)
 * and an engine (who carries it out). Only files block*.c include this.
 */
#ifndef VIREO_BACKENDS_BLOCK_ENGINE_H
#define VIREO_BACKENDS_BLOCK_ENGINE_H

#include <errno.h>
#include <stddef.h>

#include "backends/block.h"

struct block_disk;

struct block_disk_ops {
	/* Carries out a request that was checked, and may block. Worker
	 * threads, several at a time. 0 or -errno. */
	int (*run)(struct block_disk *d, struct block_req *req);
	/* The same without blocking and without changing the request; -EAGAIN:
	 * leave it to run(). NULL: never. */
	int (*try)(struct block_disk *d, const struct block_req *req);
	/* The size now, in bytes. */
	uint64_t (*size)(struct block_disk *d);
	/* Frees; no request is in flight. */
	void (*destroy)(struct block_disk *d);
};

/* The first member of each kind of disk. */
struct block_disk {
	const struct block_disk_ops *ops;
	struct block_info info;
	/* For engines that need no run(): everything is at the same place of
	 * this one descriptor. -1: there is none. */
	int plain_fd;
	/* With O_DIRECT: what is not aligned goes to buffered_fd, the same file
	 * through the page cache. -1 and 0 without. */
	int buffered_fd;
	uint32_t direct_align;
};

/* The descriptor of @d that @req may use. */
int block_disk_fd(const struct block_disk *d, const struct block_req *req);

/* Tries @req without blocking: true when it is done, with its result. *no_try
 * is the engine's memory that this disk cannot; false at first. */
static inline bool block_disk_try(struct block_disk *d, struct block_req *req,
				  bool *no_try)
{
	int r = d->ops->try && !*no_try ? d->ops->try(d, req) : -EOPNOTSUPP;

	*no_try = r == -EOPNOTSUPP;
	if (r == -EOPNOTSUPP || r == -EAGAIN)
		return false;
	req->result = r;
	return true;
}

int block_raw_open(struct block_disk **out, const struct block_config *cfg,
		   const struct log *log, struct err *err);
/* Takes over @base, after a failure too. */
int block_overlay_open(struct block_disk **out, struct block_disk *base,
		       const struct block_config *cfg, const struct log *log,
		       struct err *err);
void block_disk_destroy(struct block_disk *d);

struct block_engine;

/* All calls one at a time, as in block.h. */
struct block_engine_ops {
	const char *name;
	void (*submit)(struct block_engine *e, struct block_req *req);
	void (*kick)(struct block_engine *e);
	/* Finished requests, linked by next, with their results. @wait: at
	 * least one; something is in flight then. */
	struct block_req *(*reap)(struct block_engine *e, bool wait);
	void (*destroy)(struct block_engine *e);
};

/* The first member of each engine. */
struct block_engine {
	const struct block_engine_ops *ops;
	int ready_fd;  /* readable when reap() may have something; owned */
	bool ready_event; /* it is an eventfd, to be emptied */
};

int block_threads_create(struct block_engine **out, struct block_disk *d,
			 unsigned int threads);
int block_uring_create(struct block_engine **out, struct block_disk *d);

/* A list of requests, oldest first. */
struct block_list {
	struct block_req *first;
	struct block_req **end; /* NULL: the list is empty */
};

static inline void block_list_add(struct block_list *l, struct block_req *req)
{
	req->next = NULL;
	if (!l->first)
		l->end = &l->first;
	*l->end = req;
	l->end = &req->next;
}

static inline struct block_req *block_list_take(struct block_list *l)
{
	struct block_req *req = l->first;

	if (req)
		l->first = req->next;
	return req;
}

#endif
