// SPDX-License-Identifier: BSD-3-Clause
/* See share.h: handles, and what is done with open files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/share_owner.h"
#include "backends/share_tree.h"
#include "base/fd.h"
#include "base/num.h"

/* What the host hears of a guest's flags. Holes, alignment and who waits are
 * the guest's own business. */
#define FLAGS_KEPT (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC)

/* ---- handles ---- */

/* Room for one more. */
static int grow_handles(struct share *s)
{
	uint32_t count = (uint32_t)min_u64(s->handles ? 2ull * s->handles : 64,
					   s->cfg.handles);
	struct share_handle *more;

	if (s->handles_open < s->handles)
		return 0;
	if (count <= s->handles)
		return -ENFILE;
	more = realloc(s->handle, count * sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (uint32_t i = s->handles; i < count; i++)
		more[i] = (struct share_handle){ .fd = -1 };
	s->handle = more;
	s->handles = count;
	return 0;
}

/* The next that is free, beginning where the last one was found. */
static struct share_handle *free_handle(struct share *s)
{
	for (uint32_t i = 0; i < s->handles; i++) {
		struct share_handle *h =
			&s->handle[(s->handle_next + i) % s->handles];

		if (h->fd < 0)
			return h;
	}
	return NULL;
}

int share_handle_add(struct share *s, struct share_node *n, int fd, DIR *dir,
		     uint64_t *id)
{
	struct share_handle *h;
	int r = grow_handles(s);

	if (r < 0) {
		if (dir)
			closedir(dir);
		else
			close(fd);
		return r;
	}
	h = free_handle(s);
	s->handle_next = (uint32_t)(h - s->handle) + 1;
	s->handles_open++;
	n->children++;
	*h = (struct share_handle){ .fd = fd, .generation = h->generation,
				    .node = n, .dir = dir };
	*id = (uint64_t)h->generation << 32 | s->handle_next;
	return 0;
}

struct share_handle *share_handle(struct share *s, uint64_t id)
{
	uint32_t i = (uint32_t)id - 1;

	if (!id || i >= s->handles || s->handle[i].fd < 0 ||
	    s->handle[i].generation != id >> 32)
		return NULL;
	return &s->handle[i];
}

static struct share_handle *file_handle(struct share *s, uint64_t id)
{
	struct share_handle *h = share_handle(s, id);

	return h && !h->dir ? h : NULL;
}

int share_close(struct share *s, uint64_t handle)
{
	struct share_handle *h = share_handle(s, handle);
	struct share_node *n;

	if (!h)
		return -EBADF;
	n = h->node;
	if (h->dir)
		closedir(h->dir);
	else
		close(h->fd);
	h->fd = -1;
	h->dir = NULL;
	h->generation++;
	s->handles_open--;
	share_locks_end(s, n);
	share_node_drop(s, n);
	return 0;
}

/* ---- opening ---- */

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

int share_drop_setid(struct share *s, int fd)
{
	struct share_magic magic = share_magic(fd);
	struct statx stx;
	int r = share_stat(fd, "", &stx);

	if (r < 0 || !(stx.stx_mode & (S_ISUID | S_ISGID)))
		return r;
	return fchmodat(s->proc_fd, magic.name, stx.stx_mode & 01777u, 0) < 0 ?
		       -errno : 0;
}

int share_open(struct share *s, uint64_t node, int flags, uint64_t *handle)
{
	struct share_node *n;
	int fd = share_node_open(s, node, &n);
	int r = 0;

	if (fd < 0)
		return fd;
	if (n->key.type != S_IFREG)
		return n->key.type == S_IFDIR ? -EISDIR :
		       n->key.type == S_IFLNK ? -ELOOP : -EPERM;
	if (n->kernels && !n->own)
		return -EPERM;
	if (writes(flags))
		r = s->cfg.read_only || n->own ? -EROFS :
						 share_drop_setid(s, fd);
	if (r == 0 && flags & O_TRUNC)
		r = share_owner_drop_setid(s, fd);
	if (r == 0)
		r = share_reopen(s, fd, flags & FLAGS_KEPT);
	if (r >= 0 && writes(flags))
		share_node_refresh(s, n);
	return r < 0 ? r : share_handle_add(s, n, r, NULL, handle);
}

/* A file that is there already, found by its name. */
static int open_old(struct share *s, uint64_t parent, const char *name,
		    int flags, struct share_entry *out, uint64_t *handle)
{
	int r = share_lookup(s, parent, name, out);

	if (r < 0)
		return r;
	r = share_open(s, out->node, flags, handle);
	if (r < 0)
		share_forget(s, out->node, 1);
	return r;
}

int share_open_new(struct share *s, uint64_t parent, const char *name,
		   struct share_how how, struct share_entry *out,
		   uint64_t *handle)
{
	const int flags = how.flags;
	int fd = grow_handles(s), r;

	if (fd < 0)
		return fd;
	how.flags &= FLAGS_KEPT;
	fd = share_make_file(s, parent, name, &how, out);
	if ((fd == -EEXIST || fd == -ENFILE) && !(flags & O_EXCL)) {
		r = open_old(s, parent, name, flags, out, handle);
		return r == -ENOENT && fd == -ENFILE ? fd : r;
	}
	if (fd < 0)
		return fd;
	r = share_handle_add(s, share_node(s, out->node), fd, NULL, handle);
	if (r < 0)
		share_forget(s, out->node, 1);
	return r;
}

/* ---- reading and writing ---- */

int64_t share_read(struct share *s, uint64_t handle, const struct iovec *iov,
		   int count, uint64_t off)
{
	struct share_handle *h = file_handle(s, handle);
	ssize_t n;

	if (!h)
		return -EBADF;
	if (off > INT64_MAX)
		return -EINVAL;
	do
		n = preadv(h->fd, iov, count, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int64_t share_write(struct share *s, uint64_t handle, const struct iovec *iov,
		    int count, uint64_t off)
{
	struct share_handle *h = file_handle(s, handle);
	ssize_t n;

	if (!h)
		return -EBADF;
	if (off > INT64_MAX)
		return -EFBIG;
	do
		n = pwritev(h->fd, iov, count, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int share_drop_privilege(struct share *s, uint64_t handle)
{
	struct share_handle *h = file_handle(s, handle);
	int flags = h ? fcntl(h->fd, F_GETFL) : -1;

	if (s->cfg.read_only)
		return -EROFS;
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	return share_owner_drop_setid(s, h->fd);
}

/* Closing a duplicate tells what closing would: some file systems (NFS) have
 * their errors only then. */
int share_flush(struct share *s, uint64_t handle)
{
	struct share_handle *h = file_handle(s, handle);
	int copy;

	if (!h)
		return -EBADF;
	copy = fd_copy(h->fd);
	if (copy < 0)
		return -errno;
	return close(copy) < 0 && errno != EINTR ? -errno : 0;
}

int share_sync(struct share *s, uint64_t handle, bool data_only)
{
	struct share_handle *h = share_handle(s, handle);
	int r;

	if (!h)
		return -EBADF;
	do
		r = data_only ? fdatasync(h->fd) : fsync(h->fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int share_allocate(struct share *s, uint64_t handle, int mode, uint64_t off,
		   uint64_t len)
{
	const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |
			  FALLOC_FL_ZERO_RANGE;
	struct share_handle *h = file_handle(s, handle);

	if (!h)
		return -EBADF;
	if (mode & ~known)
		return -EOPNOTSUPP;
	if (off > INT64_MAX || len > INT64_MAX)
		return -EFBIG;
	return fallocate(h->fd, mode, (off_t)off, (off_t)len) < 0 ? -errno : 0;
}

/* Data and holes only: where the guest's file stands, the guest knows. */
int64_t share_seek(struct share *s, uint64_t handle, int64_t off, int whence)
{
	struct share_handle *h = file_handle(s, handle);
	off_t r;

	if (!h)
		return -EBADF;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	r = lseek(h->fd, off, whence);
	return r < 0 ? -errno : r;
}

int64_t share_copy(struct share *s, uint64_t from, uint64_t from_off,
		   uint64_t to, uint64_t to_off, uint64_t len)
{
	struct share_handle *source = file_handle(s, from);
	struct share_handle *target = file_handle(s, to);
	off_t in = (off_t)from_off, out = (off_t)to_off;
	ssize_t n;

	if (!source || !target)
		return -EBADF;
	if (from_off > INT64_MAX || to_off > INT64_MAX)
		return -EINVAL;
	n = copy_file_range(source->fd, &in, target->fd, &out,
			    min_u64(len, GIB), 0);
	return n < 0 ? -errno : n;
}
