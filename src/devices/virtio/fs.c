// SPDX-License-Identifier: BSD-3-Clause
/*
 * See fs.h. A request's way: header copied and checked, the function for its
 * opcode called, which puts the answer into the chain, header written, chain
 * given back. Requests that want no answer are completed with length 0. What
 * waits for a lock is kept by fs_locks.c, what waits for the disk by fs_sync.c.
 */
#include "devices/virtio/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/virtio/fs_call.h"
#include "devices/virtio/fs_locks.h"
#include "devices/virtio/fs_sync.h"

#define CONFIG_SIZE 44 /* tag, number of request queues, notify buffer size */
#define QUEUES      2
#define BUDGET      32
#define WAITERS     64
#define SYNCERS     16
#define PAGE        4096u
#define FORGET_MAX  65536u /* of one request; what is more was not meant */
#define NO_REPLY    INT64_MAX
#define ERRNO_MAX   4095

struct fs {
	struct virtio v;
	char tag[FS_TAG_MAX];
	enum fs_cache cache;
	bool may_write_back;
	bool whole;
	struct files *files; /* owned */
	struct fs_locks *locks; /* owned; NULL: it has none */
	struct fs_sync *sync; /* owned */

	/* loop thread */
	bool ready; /* INIT was answered */
	bool writeback;
	char text[FS_TEXT_MAX];
};

static struct fs *to_fs(struct virtio *v)
{
	return container_of(v, struct fs, v);
}

/* ---- a request's bytes ---- */

bool fs_arg(const struct fs_call *call, void *arg, size_t len)
{
	return call->in_len >= sizeof(struct fuse_in) + len &&
	       chain_read(call->chain, sizeof(struct fuse_in), arg, len);
}

int64_t fs_text(struct fs_call *call, size_t skip)
{
	uint64_t from = sizeof(struct fuse_in) + skip;

	if (call->in_len < from)
		return -EINVAL;
	if (call->in_len - from > FS_TEXT_MAX - 1)
		return -ENAMETOOLONG;
	if (!chain_read(call->chain, from, call->text,
			(size_t)(call->in_len - from)))
		return -EINVAL;
	call->text[call->in_len - from] = '\0';
	return (int64_t)(call->in_len - from);
}

const char *fs_name(struct fs_call *call, size_t skip)
{
	int64_t len = fs_text(call, skip);

	return len > 0 && strlen(call->text) == (size_t)len - 1 ? call->text :
								  NULL;
}

bool fs_two_names(struct fs_call *call, size_t skip, const char **first,
		  const char **second)
{
	int64_t len = fs_text(call, skip);
	size_t n = len > 0 ? strlen(call->text) + 1 : 0;

	if (!n || n >= (size_t)len)
		return false;
	*first = call->text;
	*second = call->text + n;
	return strlen(*second) + 1 == (size_t)len - n;
}

bool fs_put(const struct fs_call *call, size_t off, const void *src, size_t len)
{
	return chain_write(call->chain, sizeof(struct fuse_out) + off, src,
			   len);
}

int64_t fs_answer(const struct fs_call *call, const void *src, size_t len)
{
	return fs_put(call, 0, src, len) ? (int64_t)len : -EIO;
}

void fs_answer_late(struct virtio *v, unsigned int queue,
		    const struct chain *chain, uint64_t unique, int r)
{
	const struct fuse_out out = {
		.len = le32_put(sizeof(out)),
		.error = le32_put((uint32_t)r),
		.unique = le64_put(unique),
	};

	if (virtio_broken(v))
		return;
	chain_write(chain, 0, &out, sizeof(out));
	queue_push(&v->queue[queue].ring, chain, sizeof(out));
	virtio_queue_done(v, queue);
}

uint64_t fs_valid_s(const struct fs_call *call)
{
	switch (call->cache) {
	case FS_CACHE_NONE:
		return 0;
	case FS_CACHE_ALWAYS:
		return 86400;
	case FS_CACHE_AUTO:
		break;
	}
	return 1;
}

uint64_t fs_room(const struct fs_call *call)
{
	return call->chain->in_len - sizeof(struct fuse_out);
}

struct fuse_attr fs_attr(const struct share_attr *a)
{
	const struct statx *s = &a->stx;

	return (struct fuse_attr){
		.ino = le64_put(s->stx_ino),
		.size = le64_put(s->stx_size),
		.blocks = le64_put(s->stx_blocks),
		.atime = le64_put((uint64_t)s->stx_atime.tv_sec),
		.mtime = le64_put((uint64_t)s->stx_mtime.tv_sec),
		.ctime = le64_put((uint64_t)s->stx_ctime.tv_sec),
		.atime_ns = le32_put(s->stx_atime.tv_nsec),
		.mtime_ns = le32_put(s->stx_mtime.tv_nsec),
		.ctime_ns = le32_put(s->stx_ctime.tv_nsec),
		.mode = le32_put(s->stx_mode),
		.nlink = le32_put(s->stx_nlink),
		.uid = le32_put(s->stx_uid),
		.gid = le32_put(s->stx_gid),
		.rdev = le32_put((s->stx_rdev_minor & 0xffu) |
				 s->stx_rdev_major << 8 |
				 (s->stx_rdev_minor & ~0xffu) << 12),
		.blksize = le32_put(s->stx_blksize),
		.flags = le32_put(a->mount ? FUSE_ATTR_IS_SUBMOUNT : 0),
	};
}

struct fuse_entry_out fs_entry(const struct fs_call *call,
			       const struct share_entry *e)
{
	const le64 valid = le64_put(fs_valid_s(call));

	return (struct fuse_entry_out){
		.node = le64_put(e->node),
		.entry_valid_s = valid,
		.attr_valid_s = valid,
		.attr = fs_attr(&e->attr),
	};
}

int64_t fs_put_entry(const struct fs_call *call, int r,
		     const struct share_entry *e)
{
	struct fuse_entry_out out;

	if (r < 0)
		return r;
	out = fs_entry(call, e);
	if (fs_put(call, 0, &out, sizeof(out)))
		return sizeof(out);
	call->ops->forget(call->files, e->node, 1);
	return -EIO;
}

/* ---- the session ---- */

#define WANTED                                                           \
	(FUSE_F_ASYNC_READ | FUSE_F_ATOMIC_O_TRUNC | FUSE_F_BIG_WRITES |  \
	 FUSE_F_READDIRPLUS | FUSE_F_READDIRPLUS_AUTO | FUSE_F_ASYNC_DIO | \
	 FUSE_F_PARALLEL_DIROPS | FUSE_F_MAX_PAGES)

static uint32_t wanted(const struct fs *fs)
{
	uint32_t flags = WANTED;

	if (fs->cache == FS_CACHE_AUTO)
		flags |= FUSE_F_AUTO_INVAL_DATA;
	if (fs->cache == FS_CACHE_ALWAYS)
		flags |= FUSE_F_CACHE_SYMLINKS;
	if (!fs->whole)
		flags |= FUSE_F_SUBMOUNTS;
	if (fs->files->ops->drops_privilege)
		flags |= FUSE_F_KILL_PRIVILEGE;
	if (fs->may_write_back)
		flags |= FUSE_F_WRITEBACK_CACHE;
	if (fs->locks)
		flags |= FUSE_F_POSIX_LOCKS | FUSE_F_FLOCK_LOCKS;
	return flags;
}

/* A newer driver is told our version and asks again. Asked twice, everything
 * it knew is forgotten. */
static int64_t init(struct fs *fs, struct fs_call *call)
{
	struct fuse_init_out out = {
		.major = le32_put(FUSE_MAJOR), .minor = le32_put(FUSE_MINOR),
	};
	struct fuse_init_in in;
	uint32_t flags;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	if (le32_get(in.major) < FUSE_MAJOR ||
	    (le32_get(in.major) == FUSE_MAJOR &&
	     le32_get(in.minor) < FUSE_MINOR_MIN))
		return -EPROTO;
	if (le32_get(in.major) == FUSE_MAJOR) {
		flags = le32_get(in.flags) & wanted(fs);
		fs->files->ops->reset(fs->files);
		fs->ready = true;
		fs->writeback = flags & FUSE_F_WRITEBACK_CACHE;
		out.max_readahead = in.max_readahead;
		out.flags = le32_put(flags);
		out.max_background = le16_put(64);
		out.congestion = le16_put(48);
		out.max_write = le32_put(FS_WRITE_MAX);
		out.time_gran_ns = le32_put(1);
		out.max_pages = le16_put(FS_WRITE_MAX / PAGE);
	}
	return fs_answer(call, &out, sizeof(out));
}

static void forget_many(struct fs_call *call)
{
	const size_t head = sizeof(struct fuse_in) +
			    sizeof(struct fuse_batch_forget_in);
	struct fuse_batch_forget_in in;
	struct fuse_forget_one one;
	uint64_t count;

	if (!fs_arg(call, &in, sizeof(in)))
		return;
	count = min_u64(le32_get(in.count),
			(call->in_len - head) / sizeof(one));
	count = min_u64(count, FORGET_MAX);
	for (uint64_t i = 0; i < count; i++) {
		if (!chain_read(call->chain, head + i * sizeof(one), &one,
				sizeof(one)))
			return;
		call->ops->forget(call->files, le64_get(one.node),
			     le64_get(one.count));
	}
}

static int64_t forget(struct fs_call *call)
{
	struct fuse_interrupt_in interrupt;
	struct fuse_forget_in in;

	if (call->opcode == FUSE_BATCH_FORGET)
		forget_many(call);
	else if (call->opcode == FUSE_FORGET && fs_arg(call, &in, sizeof(in)))
		call->ops->forget(call->files, call->node, le64_get(in.count));
	else if (call->opcode == FUSE_INTERRUPT &&
		 fs_arg(call, &interrupt, sizeof(interrupt)))
		fs_locks_interrupt(call->locks, le64_get(interrupt.unique));
	return NO_REPLY;
}

/* ---- requests ---- */

static const fs_fn functions[] = {
	[FUSE_LOOKUP] = fs_lookup,
	[FUSE_GETATTR] = fs_getattr,
	[FUSE_SETATTR] = fs_setattr,
	[FUSE_READLINK] = fs_readlink,
	[FUSE_SYMLINK] = fs_symlink,
	[FUSE_MKNOD] = fs_mknod,
	[FUSE_MKDIR] = fs_mkdir,
	[FUSE_UNLINK] = fs_unlink,
	[FUSE_RMDIR] = fs_rmdir,
	[FUSE_RENAME] = fs_rename,
	[FUSE_LINK] = fs_link,
	[FUSE_OPEN] = fs_open,
	[FUSE_READ] = fs_read,
	[FUSE_WRITE] = fs_write,
	[FUSE_STATFS] = fs_statfs,
	[FUSE_RELEASE] = fs_release,
	[FUSE_FSYNC] = fs_fsync,
	[FUSE_SETXATTR] = fs_setxattr,
	[FUSE_GETXATTR] = fs_getxattr,
	[FUSE_LISTXATTR] = fs_listxattr,
	[FUSE_REMOVEXATTR] = fs_removexattr,
	[FUSE_FLUSH] = fs_flush,
	[FUSE_OPENDIR] = fs_opendir,
	[FUSE_READDIR] = fs_readdir,
	[FUSE_RELEASEDIR] = fs_release,
	[FUSE_FSYNCDIR] = fs_fsync,
	[FUSE_GETLK] = fs_getlk,
	[FUSE_SETLK] = fs_setlk,
	[FUSE_SETLKW] = fs_setlk,
	[FUSE_CREATE] = fs_make,
	[FUSE_FALLOCATE] = fs_fallocate,
	[FUSE_READDIRPLUS] = fs_readdirplus,
	[FUSE_RENAME2] = fs_rename2,
	[FUSE_LSEEK] = fs_lseek,
	[FUSE_COPY_FILE_RANGE] = fs_copy,
	[FUSE_SYNCFS] = fs_syncfs,
};

static int64_t carry_out(struct fs *fs, struct fs_call *call)
{
	fs_fn fn = call->opcode < ARRAY_SIZE(functions) ?
			   functions[call->opcode] : NULL;

	switch (call->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return forget(call);
	case FUSE_INIT:
		return call->chain->in_len >= sizeof(struct fuse_out) ?
			       init(fs, call) : -EIO;
	case FUSE_DESTROY:
		fs->files->ops->reset(fs->files);
		fs->ready = false;
		return 0;
	}
	if (!fn)
		return -ENOSYS;
	return fs->ready ? fn(call) : -EIO;
}

/* Bytes of the answer, or NO_REPLY, or FS_LATER. The length that the request
 * claims must be there. */
static int64_t serve(struct fs *fs, unsigned int n, const struct chain *c)
{
	struct fs_call call = { .files = fs->files, .ops = fs->files->ops,
				.cache = fs->cache, .locks = fs->locks,
				.sync = fs->sync, .queue = n,
				.writeback = fs->writeback, .chain = c,
				.text = fs->text };
	struct fuse_out out = { 0 };
	struct fuse_in in;
	int64_t r = -EIO;

	if (!chain_read(c, 0, &in, sizeof(in)))
		return NO_REPLY;
	call.opcode = le32_get(in.opcode);
	call.unique = le64_get(in.unique);
	call.node = le64_get(in.node);
	call.user = (struct share_user){ le32_get(in.uid), le32_get(in.gid) };
	call.in_len = le32_get(in.len);
	if (call.in_len >= sizeof(in) && call.in_len <= c->out_len &&
	    (c->in_len >= sizeof(out) || call.opcode == FUSE_FORGET ||
	     call.opcode == FUSE_BATCH_FORGET ||
	     call.opcode == FUSE_INTERRUPT))
		r = carry_out(fs, &call);
	if (r == FS_LATER || r == NO_REPLY || c->in_len < sizeof(out))
		return r == FS_LATER ? FS_LATER : NO_REPLY;
	if (r < -ERRNO_MAX)
		r = -EIO;
	out.len = le32_put((uint32_t)(sizeof(out) + (r > 0 ? (uint64_t)r : 0)));
	out.error = le32_put(r < 0 ? (uint32_t)(int32_t)r : 0);
	out.unique = in.unique;
	chain_write(c, 0, &out, sizeof(out));
	return le32_get(out.len);
}

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	int64_t len = serve(to_fs(v), n, c);

	if (len != FS_LATER)
		queue_push(&v->queue[n].ring, c,
			   len == NO_REPLY ? 0 : (uint32_t)len);
	return true;
}

static void fs_kick(struct virtio *v, unsigned int n)
{
	virtio_service(v, n, BUDGET, handle);
}

/* ---- life ---- */

static uint64_t fs_config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	const struct fs *fs = to_fs(v);
	uint8_t bytes[CONFIG_SIZE] = { 0 };
	const le32 queues = le32_put(QUEUES - 1);
	uint64_t value = 0;

	memcpy(bytes, fs->tag, FS_TAG_MAX);
	memcpy(bytes + FS_TAG_MAX, queues.b, sizeof(queues.b));
	while (len--)
		value = value << 8 | bytes[off + len];
	return value;
}

static int fs_start(struct virtio *v)
{
	fs_locks_start(to_fs(v)->locks);
	fs_sync_start(to_fs(v)->sync);
	return 0;
}

static void fs_stop(struct virtio *v)
{
	fs_locks_stop(to_fs(v)->locks);
	fs_sync_stop(to_fs(v)->sync);
}

static void fs_stop_queue(struct virtio *v, unsigned int n)
{
	fs_locks_forget(to_fs(v)->locks, (int)n);
	fs_sync_forget(to_fs(v)->sync, (int)n);
}

static void fs_reset(struct virtio *v)
{
	struct fs *fs = to_fs(v);

	fs_locks_forget(fs->locks, -1);
	fs_sync_forget(fs->sync, -1);
	fs->files->ops->reset(fs->files);
	fs->ready = false;
	fs->writeback = false;
}

static void fs_destroy(struct virtio *v)
{
	struct fs *fs = to_fs(v);

	fs_locks_destroy(fs->locks);
	fs_sync_destroy(fs->sync);
	files_destroy(fs->files);
	virtio_finish(v);
	free(fs);
}

static const struct virtio_ops fs_ops = {
	.name = "fs",
	.type = VIRTIO_FS,
	.queue_size = FS_QUEUE_SIZE,
	.config_read = fs_config_read,
	.start = fs_start,
	.stop = fs_stop,
	.reset = fs_reset,
	.kick = fs_kick,
	.stop_queue = fs_stop_queue,
	.destroy = fs_destroy,
};

int fs_create(struct virtio **out, const struct fs_config *cfg,
	      struct files *files, const struct virtio_host *host,
	      struct err *err)
{
	size_t len = strlen(cfg->tag);
	bool fits = len && len <= FS_TAG_MAX;
	struct fs *fs = fits ? calloc(1, sizeof(*fs)) : NULL;

	*out = NULL;
	if (!fs) {
		files_destroy(files);
		return fits ? err_set(err, -ENOMEM, "%s: out of memory",
				      host->id) :
			      err_set(err, -EINVAL,
				      "%s: a tag has 1 to %u bytes", host->id,
				      FS_TAG_MAX);
	}
	memcpy(fs->tag, cfg->tag, len);
	fs->cache = cfg->cache;
	fs->may_write_back = cfg->writeback &&
			     !files->ops->read_only(files);
	fs->whole = cfg->whole;
	fs->files = files;
	virtio_init(&fs->v, &fs_ops, host, QUEUES, CONFIG_SIZE, 0);
	if (fs_sync_create(&fs->sync, &fs->v,
			   cfg->waiters ? cfg->waiters : SYNCERS) < 0 ||
	    (cfg->host_locks && files->ops->lock &&
	     fs_locks_create(&fs->locks, &fs->v, files,
			     cfg->waiters ? cfg->waiters : WAITERS) < 0)) {
		fs_destroy(&fs->v);
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	}
	*out = &fs->v;
	return 0;
}
