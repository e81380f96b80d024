// SPDX-License-Identifier: BSD-3-Clause
/* See fs_call.h: requests about open files. Contents go straight between the
 * host's files and guest memory. */
#include <errno.h>
#include <fcntl.h>

#include "base/num.h"
#include "devices/virtio/fs_call.h"
#include "devices/virtio/fs_locks.h"

/* With a cache of writes the guest must read what surrounds them, and it alone
 * knows the file's end. */
static int flags_for(const struct fs_call *call, uint32_t flags)
{
	int f = (int)(flags & INT32_MAX);

	if (!call->writeback)
		return f;
	if ((f & O_ACCMODE) == O_WRONLY)
		f = (f & ~O_ACCMODE) | O_RDWR;
	return f & ~O_APPEND;
}

static struct fuse_open_out opened(const struct fs_call *call, uint64_t handle)
{
	uint32_t flags = call->cache == FS_CACHE_NONE	? FUSE_OPEN_DIRECT_IO :
			 call->cache == FS_CACHE_ALWAYS ? FUSE_OPEN_KEEP_CACHE :
							  0;

	return (struct fuse_open_out){
		.fh = le64_put(handle), .open_flags = le32_put(flags),
	};
}

int64_t fs_open(struct fs_call *call)
{
	struct fuse_open_in in;
	struct fuse_open_out out;
	uint64_t handle;
	int r;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	r = call->ops->open(call->files, call->node,
			    flags_for(call, le32_get(in.flags)), &handle);
	if (r < 0)
		return r;
	out = opened(call, handle);
	if (fs_put(call, 0, &out, sizeof(out)))
		return sizeof(out);
	call->ops->close(call->files, handle);
	return -EIO;
}

int64_t fs_make(struct fs_call *call)
{
	const char *name = fs_name(call, sizeof(struct fuse_create_in));
	struct fuse_create_in in;
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	struct share_entry e;
	struct share_how how;
	uint64_t handle;
	int r;

	if (!name || !fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	how = (struct share_how){ call->user,
				  flags_for(call, le32_get(in.flags)),
				  le32_get(in.mode) };
	r = call->ops->open_new(call->files, call->node, name, how, &e,
				&handle);
	if (r < 0)
		return r;
	out.entry = fs_entry(call, &e);
	out.open = opened(call, handle);
	if (fs_put(call, 0, &out, sizeof(out)))
		return sizeof(out);
	call->ops->close(call->files, handle);
	call->ops->forget(call->files, e.node, 1);
	return -EIO;
}

int64_t fs_read(struct fs_call *call)
{
	struct iovec iov[QUEUE_IOV_MAX];
	struct fuse_read_in in;
	uint64_t size;
	int n;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	size = min_u64(le32_get(in.size), FS_READ_MAX);
	if (size > fs_room(call))
		return -EINVAL;
	n = chain_in(call->chain, sizeof(struct fuse_out), size, iov,
		     QUEUE_IOV_MAX);
	if (n < 0)
		return -EIO;
	return call->ops->read(call->files, le64_get(in.fh), iov, n,
			       le64_get(in.off));
}

int64_t fs_write(struct fs_call *call)
{
	const size_t head = sizeof(struct fuse_in) +
			    sizeof(struct fuse_read_in);
	struct iovec iov[QUEUE_IOV_MAX];
	struct fuse_write_out out = { 0 };
	struct fuse_read_in in;
	uint64_t size;
	int64_t r;
	int n;

	if (!fs_arg(call, &in, sizeof(in)) || fs_room(call) < sizeof(out))
		return -EINVAL;
	size = le32_get(in.size);
	if (size > FS_WRITE_MAX || size != call->in_len - head)
		return -EINVAL;
	n = chain_out(call->chain, head, size, iov, QUEUE_IOV_MAX);
	if (n < 0)
		return -EIO;
	r = le32_get(in.read_flags) & FUSE_WRITE_KILL_SETID ?
		    call->ops->drop_privilege(call->files,
					      le64_get(in.fh)) : 0;
	if (r == 0)
		r = call->ops->write(call->files, le64_get(in.fh), iov, n,
				     le64_get(in.off));
	if (r < 0)
		return r;
	out.size = le32_put((uint32_t)r);
	return fs_answer(call, &out, sizeof(out));
}

/* A process has closed the file: so its own locks there go. */
int64_t fs_flush(struct fs_call *call)
{
	struct fuse_owner_in in;

	if (!fs_arg(call, &in, sizeof(in.head)))
		return -EINVAL;
	if (fs_arg(call, &in, sizeof(in)))
		fs_unlock(call, le64_get(in.head.fh), le64_get(in.owner),
			  false);
	if (!call->ops->flush ||
	    (!call->locks && call->ops->read_only(call->files)))
		return -ENOSYS; /* which it is told once, and asks no more */
	return call->ops->flush(call->files, le64_get(in.head.fh));
}

int64_t fs_release(struct fs_call *call)
{
	struct fuse_owner_in in;
	int r;

	if (!fs_arg(call, &in, sizeof(in.head)))
		return -EINVAL;
	if (le32_get(in.head.more) & FUSE_RELEASE_FLOCK &&
	    fs_arg(call, &in, sizeof(in)))
		fs_unlock(call, le64_get(in.head.fh), le64_get(in.owner),
			  true);
	r = call->ops->close(call->files, le64_get(in.head.fh));
	fs_locks_try(call->locks);
	return r;
}

int64_t fs_fsync(struct fs_call *call)
{
	struct fuse_handle_in in;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	if (!call->ops->sync)
		return -ENOSYS;
	return call->ops->sync(call->files, le64_get(in.fh),
			       le32_get(in.flags) & FUSE_SYNC_DATA_ONLY);
}

int64_t fs_fallocate(struct fs_call *call)
{
	struct fuse_fallocate_in in;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return call->ops->allocate(call->files, le64_get(in.fh),
				   (int)(le32_get(in.mode) & INT32_MAX),
				   le64_get(in.off), le64_get(in.len));
}

int64_t fs_lseek(struct fs_call *call)
{
	struct fuse_lseek_out out;
	struct fuse_lseek_in in;
	int64_t r;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	r = call->ops->seek(call->files, le64_get(in.fh),
			    (int64_t)le64_get(in.off),
			    (int)(le32_get(in.whence) & INT32_MAX));
	if (r < 0)
		return r;
	out.off = le64_put((uint64_t)r);
	return fs_answer(call, &out, sizeof(out));
}

int64_t fs_copy(struct fs_call *call)
{
	struct fuse_write_out out = { 0 };
	struct fuse_copy_in in;
	int64_t r;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	r = call->ops->copy(call->files, le64_get(in.fh), le64_get(in.off),
			    le64_get(in.to_fh), le64_get(in.to_off),
			    le64_get(in.len));
	if (r < 0)
		return r;
	out.size = le32_put((uint32_t)r);
	return fs_answer(call, &out, sizeof(out));
}
