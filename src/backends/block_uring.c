// SPDX-License-Identifier: BSD-3-Clause
/*
 * The engine of io_uring(7): requests are system calls that the kernel carries
 * out in the background, a batch is one system call. Cached reads are done
 * before that call returns. The ring is locked down to the operations below on
 * this disk's descriptors before the first request (seccomp cannot see them).
 *
 * Threads: all of it runs on the user's; see block_engine.h. Must not know:
 * what a disk is made of.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <stdlib.h>

#include "backends/block_engine.h"
#include "backends/file_io.h"
#include "base/num.h"

#define DEPTH       256 /* in the kernel at a time; others wait in a list */
#define TRY_MAX     65536 /* copied by one call */
#define TRY_ALL     (2 * MIB) /* and by one kick */
#define ZERO_PIECES 64  /* 256 KiB of zeroes in one write */

enum { PLAIN, BUFFERED }; /* indices of registered descriptors */

struct uring {
	struct block_engine engine;
	struct block_disk *disk; /* not owned */
	struct io_uring ring;
	unsigned int in_kernel;
	bool no_try;
	struct block_list pending;  /* not given to the kernel yet */
	struct block_list finished; /* and not reaped */
	struct iovec zeroes[ZERO_PIECES]; /* for writes; never changed */
};

static struct uring *to_uring(struct block_engine *e)
{
	return container_of(e, struct uring, engine);
}

static int zero_mode(const struct block_req *req)
{
	return req->flags & BLOCK_UNMAP ?
		       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE :
		       FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
}

/* Zeroes that have to be written: as many as the pieces hold. */
static void prepare_zeroing(struct uring *u, struct io_uring_sqe *sqe,
			    const struct block_req *req, int fd)
{
	uint64_t left = min_u64(req->len, ZERO_PIECES * FILE_ZEROES);
	unsigned int n = (unsigned int)(left / FILE_ZEROES);

	/* What is less than a page comes last, by itself. */
	if (n)
		io_uring_prep_writev(sqe, fd, u->zeroes, n, req->off);
	else
		io_uring_prep_write(sqe, fd, u->zeroes[0].iov_base,
				    (unsigned int)left, req->off);
}

/* Of one piece: the kernel has no vector to copy. */
static void prepare_read(struct io_uring_sqe *sqe, const struct block_req *req,
			 int fd)
{
	if (req->iovcnt == 1 && req->iov->iov_len <= UINT32_MAX)
		io_uring_prep_read(sqe, fd, req->iov->iov_base,
				   (unsigned int)req->iov->iov_len, req->off);
	else
		io_uring_prep_readv(sqe, fd, req->iov,
				    (unsigned int)req->iovcnt, req->off);
}

static void prepare(struct uring *u, struct io_uring_sqe *sqe,
		    struct block_req *req)
{
	bool plain = block_disk_fd(u->disk, req) == u->disk->plain_fd;
	int fd = plain && !req->zeroing ? PLAIN : BUFFERED;

	if (u->disk->buffered_fd < 0)
		fd = PLAIN;
	switch (req->op) {
	case BLOCK_READ:
		prepare_read(sqe, req, fd);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev2(sqe, fd, req->iov,
				      (unsigned int)req->iovcnt, req->off,
				      req->flags & BLOCK_STABLE ? RWF_DSYNC :
								  0);
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case BLOCK_DISCARD:
		io_uring_prep_fallocate(sqe, fd,
					FALLOC_FL_PUNCH_HOLE |
						FALLOC_FL_KEEP_SIZE,
					(off_t)req->off, (off_t)req->len);
		break;
	case BLOCK_WRITE_ZEROES:
		/* with nothing left, it waits for stability */
		if (!req->len)
			io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		else if (req->zeroing)
			prepare_zeroing(u, sqe, req, fd);
		else
			io_uring_prep_fallocate(sqe, fd, zero_mode(req),
						(off_t)req->off,
						(off_t)req->len);
		break;
	}
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, req);
}

static void uring_submit(struct block_engine *e, struct block_req *req)
{
	block_list_add(&to_uring(e)->pending, req);
}

/* Gives the kernel what there is room for. */
static void fill(struct uring *u)
{
	while (u->pending.first && u->in_kernel < DEPTH) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

		if (!sqe)
			return;
		prepare(u, sqe, block_list_take(&u->pending));
		u->in_kernel++;
	}
}

/* @n bytes are transferred; true when those were the last. */
static bool advance(struct block_req *req, uint64_t n)
{
	if (req->op == BLOCK_WRITE_ZEROES) {
		req->off += n;
		req->len -= n;
		return !req->len;
	}
	req->off += n;
	file_iov_advance(&req->iov, &req->iovcnt, n);
	return !req->iovcnt;
}

/* What came of a transfer: true when the request is done, with its result. */
static bool transferred(struct block_req *req, int res)
{
	req->result = 0;
	if (res == 0) {
		req->result = -EIO; /* somebody has cut the file */
		return true;
	}
	return advance(req, (uint64_t)res);
}

static bool zeroed(struct block_req *req, int res)
{
	if (!req->len) { /* that was the sync */
		req->result = res < 0 ? -EIO : 0;
		return true;
	}
	if (!req->zeroing && res == -EOPNOTSUPP) {
		/* a hole may not be possible, zeroes always are */
		req->zeroing = !(req->flags & BLOCK_UNMAP);
		req->flags &= ~BLOCK_UNMAP;
		return false;
	}
	req->result = res < 0 ? res : 0;
	if (res < 0)
		return true;
	if (req->zeroing ? !transferred(req, res) : !advance(req, req->len))
		return false;
	return req->result < 0 || !(req->flags & BLOCK_STABLE);
}

/* True when @req is done; else it goes to the kernel again. */
static bool conclude(struct block_req *req, int res)
{
	if (res == -EINTR)
		return false;
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		if (res >= 0)
			return transferred(req, res);
		break;
	case BLOCK_FLUSH:
		res = res < 0 ? -EIO : 0; /* see block_raw.c */
		break;
	case BLOCK_DISCARD:
		if (res == -EOPNOTSUPP)
			res = 0;
		break;
	case BLOCK_WRITE_ZEROES:
		return zeroed(req, res);
	}
	req->result = res;
	return true;
}

/* Takes what the kernel has finished; true when there was something. */
static bool collect(struct uring *u)
{
	struct io_uring_cqe *cqe;
	bool any = false;

	while (io_uring_peek_cqe(&u->ring, &cqe) == 0) {
		struct block_req *req = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		u->in_kernel--;
		any = true;
		if (conclude(req, res))
			block_list_add(&u->finished, req);
		else
			block_list_add(&u->pending, req);
	}
	return any;
}

/* Small reads of what the host has in memory: a plain system call does each
 * with less ado than the ring. The first that has to wait ends it. */
static void try_reads(struct uring *u)
{
	uint64_t budget = TRY_ALL;
	struct block_req *req;

	while ((req = u->pending.first) && req->op == BLOCK_READ &&
	       req->len <= TRY_MAX && req->len <= budget &&
	       block_disk_try(u->disk, req, &u->no_try)) {
		budget -= req->len;
		block_list_add(&u->finished, block_list_take(&u->pending));
	}
}

/* The kernel may be short of memory for a moment: what it did not take stays
 * in the ring for the next call. */
static void uring_kick(struct block_engine *e)
{
	struct uring *u = to_uring(e);

	try_reads(u);
	do {
		fill(u);
		if (io_uring_sq_ready(&u->ring))
			io_uring_submit(&u->ring);
	} while (collect(u) && u->pending.first);
}

static struct block_req *uring_reap(struct block_engine *e, bool wait)
{
	struct uring *u = to_uring(e);
	struct block_req *list;

	uring_kick(e);
	while (wait && !u->finished.first) {
		io_uring_submit_and_wait(&u->ring, 1);
		uring_kick(e);
	}
	list = u->finished.first;
	u->finished.first = NULL;
	return list;
}

static void uring_destroy(struct block_engine *e)
{
	struct uring *u = to_uring(e);

	io_uring_queue_exit(&u->ring); /* closes ready_fd */
	free(u);
}

static const struct block_engine_ops uring_ops = {
	.name = "uring",
	.submit = uring_submit,
	.kick = uring_kick,
	.reap = uring_reap,
	.destroy = uring_destroy,
};

static const uint8_t allowed[] = {
	IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITE, IORING_OP_WRITEV,
	IORING_OP_FSYNC, IORING_OP_FALLOCATE,
};

static int probe(struct uring *u)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(&u->ring);
	bool ok = p != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && ok; i++)
		ok = io_uring_opcode_supported(p, allowed[i]);
	if (p)
		io_uring_free_probe(p);
	return ok ? 0 : -EOPNOTSUPP;
}

/* Only these operations, only on registered files, no more registering. (The
 * shared liburing 2.3 does not export its wrappers for this and for enabling
 * the rings.) */
static int lock_down(struct uring *u)
{
	struct io_uring_restriction rules[ARRAY_SIZE(allowed) + 1] = { 0 };
	unsigned int n = 0;

	for (; n < ARRAY_SIZE(allowed); n++) {
		rules[n].opcode = IORING_RESTRICTION_SQE_OP;
		rules[n].sqe_op = allowed[n];
	}
	rules[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	rules[n++].sqe_flags = IOSQE_FIXED_FILE;
	return io_uring_register((unsigned int)u->ring.ring_fd,
				 IORING_REGISTER_RESTRICTIONS, rules, n);
}

static int set_up(struct uring *u)
{
	const int fds[] = { u->disk->plain_fd, u->disk->buffered_fd };
	int r = probe(u);

	if (r == 0)
		r = io_uring_register_files(&u->ring, fds,
					    fds[BUFFERED] < 0 ? 1 : 2);
	if (r == 0)
		r = lock_down(u);
	if (r == 0)
		r = io_uring_register((unsigned int)u->ring.ring_fd,
				      IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return r;
}

int block_uring_create(struct block_engine **out, struct block_disk *d)
{
	struct uring *u = calloc(1, sizeof(*u));
	uint64_t bytes;
	int r;

	*out = NULL;
	if (!u)
		return -ENOMEM;
	u->engine.ops = &uring_ops;
	u->disk = d;
	r = io_uring_queue_init(DEPTH, &u->ring, IORING_SETUP_R_DISABLED);
	if (r < 0) {
		free(u);
		return r;
	}
	r = set_up(u);
	if (r < 0) {
		uring_destroy(&u->engine);
		return r;
	}
	file_zero_iov(u->zeroes, ZERO_PIECES, ZERO_PIECES * FILE_ZEROES,
		      &bytes);
	u->engine.ready_fd = u->ring.ring_fd;
	*out = &u->engine;
	return 0;
}
