/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the file system device: one request. Only files fs*.c include this.
 */
#ifndef VIREO_DEVICES_VIRTIO_FS_CALL_H
#define VIREO_DEVICES_VIRTIO_FS_CALL_H

#include "devices/virtio/fs.h"
#include "devices/virtio/fs_args.h"
#include "devices/virtio/fs_wire.h"

/* Names and values of a request: two names or a link's target, or an extended
 * attribute's name and its value. */
#define FS_TEXT_MAX (65536u + 512u)

struct fs_locks;
struct fs_sync;

struct fs_call {
	struct files *files;
	const struct files_ops *ops; /* its */
	struct fs_locks *locks; /* NULL: they are the guest's own business */
	struct fs_sync *sync;
	unsigned int queue;
	uint64_t unique;
	enum fs_cache cache;
	bool writeback;
	const struct chain *chain;
	uint32_t opcode;
	uint64_t node;
	struct share_user user;
	uint64_t in_len; /* of the whole request, as it was sent */
	char *text;      /* FS_TEXT_MAX bytes, the device's */
};

/*
 * Carries out a request: bytes of the answer after its header, which are in the
 * chain already, or -errno, or FS_LATER: the answer comes another time.
 * Everything of the request that is used was copied before it was checked.
 */
#define FS_LATER (INT64_MAX - 1)
typedef int64_t (*fs_fn)(struct fs_call *call);

/* Copies the fixed part that follows the header; false: it is not there. */
bool fs_arg(const struct fs_call *call, void *arg, size_t len);
/* Copies what follows @skip bytes of it into call->text, to the request's end:
 * its length, or -errno. */
int64_t fs_text(struct fs_call *call, size_t skip);
/* The same, one string; NULL: none, or more than one. */
const char *fs_name(struct fs_call *call, size_t skip);
/* The same, two of them. */
bool fs_two_names(struct fs_call *call, size_t skip, const char **first,
		  const char **second);
/* Puts @len bytes of an answer at @off after its header. */
bool fs_put(const struct fs_call *call, size_t off, const void *src,
	    size_t len);
/* The whole answer: its length, or -EIO when there is no room for it. */
int64_t fs_answer(const struct fs_call *call, const void *src, size_t len);
/* The answer to one that was FS_LATER: 0 or -errno. Loop thread. */
void fs_answer_late(struct virtio *v, unsigned int queue,
		    const struct chain *chain, uint64_t unique, int r);
/* For how many seconds the guest may believe an answer. */
uint64_t fs_valid_s(const struct fs_call *call);
/* Bytes that an answer may have after its header. */
uint64_t fs_room(const struct fs_call *call);

struct fuse_attr fs_attr(const struct share_attr *a);
struct fuse_entry_out fs_entry(const struct fs_call *call,
			       const struct share_entry *e);
/* Answers with an entry, or with @r when that is an error. */
int64_t fs_put_entry(const struct fs_call *call, int r,
		     const struct share_entry *e);

/* An owner's locks on a file are no more, see share_lock.h. */
void fs_unlock(struct fs_call *call, uint64_t handle, uint64_t owner,
	       bool whole);

/* What there is (fs_names.c, fs_attrs.c, fs_files.c, fs_folders.c,
 * fs_locks.c, fs_sync.c). */
int64_t fs_lookup(struct fs_call *call);
int64_t fs_symlink(struct fs_call *call);
int64_t fs_mknod(struct fs_call *call);
int64_t fs_mkdir(struct fs_call *call);
int64_t fs_unlink(struct fs_call *call);
int64_t fs_rmdir(struct fs_call *call);
int64_t fs_rename(struct fs_call *call);
int64_t fs_rename2(struct fs_call *call);
int64_t fs_link(struct fs_call *call);

int64_t fs_getattr(struct fs_call *call);
int64_t fs_setattr(struct fs_call *call);
int64_t fs_readlink(struct fs_call *call);
int64_t fs_statfs(struct fs_call *call);
int64_t fs_setxattr(struct fs_call *call);
int64_t fs_getxattr(struct fs_call *call);
int64_t fs_listxattr(struct fs_call *call);
int64_t fs_removexattr(struct fs_call *call);

int64_t fs_open(struct fs_call *call);
int64_t fs_make(struct fs_call *call);
int64_t fs_read(struct fs_call *call);
int64_t fs_write(struct fs_call *call);
int64_t fs_flush(struct fs_call *call);
int64_t fs_release(struct fs_call *call);
int64_t fs_fsync(struct fs_call *call);
int64_t fs_fallocate(struct fs_call *call);
int64_t fs_lseek(struct fs_call *call);
int64_t fs_copy(struct fs_call *call);

int64_t fs_opendir(struct fs_call *call);
int64_t fs_readdir(struct fs_call *call);
int64_t fs_readdirplus(struct fs_call *call);

int64_t fs_getlk(struct fs_call *call);
int64_t fs_setlk(struct fs_call *call);

int64_t fs_syncfs(struct fs_call *call);

#endif
