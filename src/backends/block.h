/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block backend: where a disk's sectors are. Raw files, block devices and
 * descriptors, or a copy-on-write overlay above one of them. The format is
 * what the operator says; contents are never probed.
 *
 * Threads: whoever uses a backend makes its calls one at a time (a lock of his
 * own). Completions are called inside block_kick(), block_reap(), block_wait()
 * and block_drain(), on the thread that makes that call: in a running VM the
 * loop's. They never come from inside block_submit(), and they may submit. The
 * listener is called on the loop's thread, with no lock held.
 */
#ifndef VIREO_BACKENDS_BLOCK_H
#define VIREO_BACKENDS_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

#define BLOCK_SECTOR 512

struct block;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,   /* completed writes are on the medium */
	BLOCK_DISCARD, /* contents are no longer wanted; may do nothing */
	BLOCK_WRITE_ZEROES,
};

#define BLOCK_STABLE 1u /* write, write-zeroes: on the medium when done */
#define BLOCK_UNMAP  2u /* write-zeroes: may give the space back */

/* One request; the caller's memory, the backend's between block_submit() and
 * done(). */
struct block_req {
	enum block_op op;
	unsigned int flags;
	uint64_t off; /* bytes, a multiple of BLOCK_SECTOR */
	uint64_t len; /* bytes, likewise; flush: 0 */
	/* Read, write: pieces of memory, @len bytes together. The backend
	 * advances them, @off and (not of a read) @len in place. */
	struct iovec *iov;
	int iovcnt;
	/* @result: 0 or -errno. -ENOSPC: nothing is lost, and it may be tried
	 * again when there is space; any other failure of a flush means that
	 * completed writes may be lost. */
	void (*done)(struct block_req *req, int result);
	void *ctx;

	/* the backend's own */
	struct block_req *next;
	int result;
	bool zeroing; /* write-zeroes that the host can only write */
};

struct block_info {
	uint64_t size; /* bytes, a multiple of BLOCK_SECTOR, never 0 */
	bool read_only;
	uint32_t logical_block;       /* bytes; requests should be multiples */
	uint32_t physical_block;      /* bytes */
	uint32_t discard_granularity; /* bytes; 0: no discard */
};

enum block_engine_kind {
	BLOCK_ENGINE_AUTO, /* io_uring, or threads when it is not to be had */
	BLOCK_ENGINE_THREADS,
	BLOCK_ENGINE_URING, /* as AUTO, and falling back is a warning */
};

struct block_config {
	const char *id;   /* "disk0", for messages; copied */
	const char *path; /* NULL: fd */
	int fd;           /* with path NULL; duplicated */
	bool read_only;
	bool direct; /* O_DIRECT: past the page cache */
	bool unlocked; /* takes no lock: somebody else sees to it */
	enum block_engine_kind engine;
	unsigned int threads; /* 0: the default */
	const char *overlay;  /* NULL: none; made when it does not exist */
	const char *overlay_tmp; /* a directory for an overlay without a name */
};

/* Opens, locks and checks. Failures name the disk, the cause and the remedy:
 * -ENOENT, -EACCES, -EISDIR, -EINVAL (not a disk, size 0), -EBUSY (in use),
 * -EROFS, -EBADMSG (an overlay that is damaged or not one), ... */
int block_create(struct block **out, const struct block_config *cfg,
		 struct loop *loop, const struct log *log, struct err *err);
/* Nothing is in flight. Persists an overlay's map. NULL is accepted. */
void block_destroy(struct block *b);

/* The host has finished something: call block_reap(). At most once, before the
 * first request. */
void block_listen(struct block *b, void (*ready)(void *ctx), void *ctx);

const struct block_info *block_info(const struct block *b);
/* Asks the host for the size again; true when it has changed. Nothing else of
 * the backend may be used meanwhile. */
bool block_refresh(struct block *b);

/* Takes a request; it may start at once or at the next block_kick(). Ranges
 * outside the disk and changes to a read-only one fail with -EINVAL, -EROFS. */
void block_submit(struct block *b, struct block_req *req);
/* Starts what was submitted; what the host has at hand is completed here. */
void block_kick(struct block *b);
/* Calls done() for what has finished. */
void block_reap(struct block *b);
/* Waits until at least one request has finished; nothing in flight: returns. */
void block_wait(struct block *b);
/* Until nothing is in flight. */
void block_drain(struct block *b);
/* Submitted and not yet done. */
unsigned int block_in_flight(const struct block *b);

/* "uring", "threads"; for messages and statistics. */
const char *block_engine_name(const struct block *b);

#endif
