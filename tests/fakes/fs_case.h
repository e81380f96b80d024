/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage of the tests of the file system device: a driver that speaks FUSE,
 * and the device over a real tree (share_bench.h). Wants cmocka.
 */
#ifndef VIREO_FAKE_FS_CASE_H
#define VIREO_FAKE_FS_CASE_H

#include "share_bench.h"

#include "devices/virtio/fs.h"
#include "devices/virtio/fs_args.h"
#include "devices/virtio/fs_wire.h"
#include "driver_ring.h"
#include "virtio_front.h"

#define FS_HIPRIO   0
#define FS_REQUESTS 1
#define FS_ROOM     (128u * 1024) /* for requests, and for answers */
#define FS_NONE     UINT32_MAX	  /* of room: no answer is wanted */

struct fs_case {
	struct share_bench *host;
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	struct front front;
	uint64_t packed; /* VIRTIO_F_RING_PACKED, or 0 */
	struct driver_ring ring[2];
	bool rings;
	uint64_t in, out; /* guest addresses: request, answer */
	uint64_t small;   /* a request of fs_post() */
	uint64_t unique;
};

/* A request: zeroes are what a driver means. */
struct fs_req {
	uint32_t opcode;
	uint64_t node;
	const void *arg; /* after the header; then text */
	size_t arg_len;
	const void *text;
	size_t text_len;
	uint32_t claim; /* the length in the header, when it lies */
	uint32_t room;	/* for the answer; 0: plenty */
	bool hiprio;	/* on the queue for what is urgent */
};

struct fs_answer {
	uint32_t len; /* bytes the device says it wrote; 0: no answer */
	int error;
	uint32_t size; /* after the header */
	const uint8_t *data;
};

int fs_case_split(void **state);
int fs_case_packed(void **state);
int fs_case_end(void **state);
/* A device of its own kind in place of the usual one; and a driver. */
void fs_case_replace(struct fs_case *t, const struct share_config *back,
		     const struct fs_config *cfg);
/* The same above a layer. */
void fs_case_layer(struct fs_case *t, const struct fs_config *cfg);
/* From reset to DRIVER_OK, with fresh rings; the session has not begun. */
void fs_case_run(struct fs_case *t);
/* Begins the session, with @flags; what was agreed on. */
uint32_t fs_case_init(struct fs_case *t, uint32_t flags);

/* Sends it, and waits for the device. Asserts
 * that header, length and number of the answer agree. */
struct fs_answer fs_send(struct fs_case *t, const struct fs_req *req);
/* Only posts it and rings; takes one back, whatever came of it. Of FORGET's
 * kind: its bytes lie apart from those of fs_send(). */
void fs_post(struct fs_case *t, const struct fs_req *req);
/* The request is at t->small; what is posted is @bufs. */
void fs_post_bufs(struct fs_case *t, const struct fs_req *req,
		  const struct driver_buf *bufs, unsigned int count);
void fs_reap(struct fs_case *t, unsigned int queue);
/* One whose answer, without bytes of its own, comes later, to place @i. Its
 * number. */
uint64_t fs_ask_later(struct fs_case *t, const struct fs_req *req,
		      unsigned int i);
/* Waits for an answer, in whichever place. */
void fs_collect(struct fs_case *t);
/* The error in place @i, where the answer to @unique is. */
int fs_told(struct fs_case *t, unsigned int i, uint64_t unique);
/* No answer comes, as far as one can tell. */
bool fs_is_silent(struct fs_case *t);
/* The usual ones: with fixed bytes only; with a name behind them. */
struct fs_answer fs_ask(struct fs_case *t, uint32_t opcode, uint64_t node,
			const void *arg, size_t len);
struct fs_answer fs_name_op(struct fs_case *t, uint32_t opcode, uint64_t node,
			    const void *arg, size_t len, const char *name);
/* Two names, of which @text has both terminators. */
struct fs_answer fs_names_op(struct fs_case *t, uint32_t opcode, uint64_t node,
			     const void *arg, size_t len, const char *first,
			     const char *second);

/* Looked up; asserts that it is there. */
uint64_t fs_find(struct fs_case *t, uint64_t parent, const char *name);
/* A handle from OPEN or OPENDIR. */
uint64_t fs_opened(struct fs_case *t, uint32_t opcode, uint64_t node,
		   uint32_t flags);
/* The node of an answer with an entry; asserts that it is one. */
uint64_t fs_entry_of(const struct fs_answer *a);
struct fuse_read_in fs_extent(uint64_t fh, uint64_t off, uint32_t size);

#endif
