// SPDX-License-Identifier: BSD-3-Clause
/* See layer_ops.h: what is done with open files. One that has not changed is
 * the share's; it changes when it is written. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer_handle.h"
#include "backends/layer_ops.h"
#include "base/num.h"

#define COPY_MOST (4u * 1024u * 1024u) /* in one request */

/* ---- opening ---- */

static int check_type(uint32_t mode)
{
	return S_ISREG(mode) ? 0 :
	       S_ISDIR(mode) ? -EISDIR :
	       S_ISLNK(mode) ? -ELOOP : -EPERM;
}

static int truncate_now(struct layer *l, uint64_t node)
{
	struct layer_node *n;
	int r = layer_node_change(l, node, &n);

	if (r == 0)
		r = check_type(n->mode);
	if (r == 0)
		r = layer_data_resize(l, n, 0);
	if (r == 0)
		layer_drop_setid(l, n);
	return r;
}

/* Where the share has nothing of it any more, it need not let us in. */
int layer_open(struct files *f, uint64_t node, int flags, uint64_t *handle)
{
	struct layer *l = to_layer(f);
	int r = flags & O_TRUNC ? truncate_now(l, node) : 0;
	const struct layer_node *n = layer_node(l, node);
	struct layer_handle *h;
	uint64_t below = 0;

	if (r == 0 && n)
		r = check_type(n->mode);
	if (r == 0 && (!n || n->data.below))
		r = share_open(l->share, node, O_RDONLY, &below);
	if (r == 0)
		r = layer_handle_add(l, node, below, &h, handle);
	if (r == 0)
		h->flags = flags;
	return r;
}

/* A file that is there already. */
static int open_old(struct layer *l, const struct layer_found *found, int flags,
		    struct share_entry *out, uint64_t *handle)
{
	int r;

	if (found->node)
		layer_node_entry(found->node, out);
	else
		*out = found->below;
	r = layer_open(&l->files, out->node, flags, handle);
	if (r < 0)
		l->files.ops->forget(&l->files, out->node, 1);
	else if (flags & O_TRUNC)
		r = l->files.ops->getattr(&l->files, out->node, &out->attr);
	return r;
}

int layer_open_new(struct files *f, uint64_t parent, const char *name,
		   struct share_how how, struct share_entry *out,
		   uint64_t *handle)
{
	struct layer *l = to_layer(f);
	struct layer_found found;
	struct layer_handle *h;
	struct layer_node *n;
	int r = layer_find(l, parent, 0, name, &found);

	if (r == 0 && !(how.flags & O_EXCL))
		return open_old(l, &found, how.flags, out, handle);
	if (r == 0 && !found.node)
		share_forget(l->share, found.below.node, 1);
	if (r != -ENOENT)
		return r < 0 ? r : -EEXIST;
	r = layer_make(l, parent, name, S_IFREG | (how.mode & 07777u),
		       &how.user, &n);
	if (r < 0)
		return r;
	out->node = n->id;
	layer_node_attr(n, &out->attr);
	r = layer_handle_add(l, n->id, 0, &h, handle);
	if (r == 0) {
		h->flags = how.flags;
		return 0;
	}
	n->refs--;
	(void)layer_remove(f, parent, name, false);
	return r;
}

/* ---- reading and writing ---- */

static struct layer_handle *file_handle(struct layer *l, uint64_t id)
{
	struct layer_handle *h = layer_handle(l, id);

	return h && !h->is_folder ? h : NULL;
}

/* One that is open to be written: its node has changed then. */
static int to_write(struct layer *l, uint64_t id, struct layer_handle **out)
{
	struct layer_handle *h = file_handle(l, id);
	struct layer_node *n;
	int r;

	if (!h || (h->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	r = h->node ? 0 : layer_node_change(l, h->id, &n);
	*out = layer_handle(l, id);
	return r;
}

int64_t layer_read(struct files *f, uint64_t handle, const struct iovec *iov,
		   int count, uint64_t off)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h = file_handle(l, handle);

	if (!h || (h->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!h->node)
		return share_read(l->share, h->below, iov, count, off);
	return layer_data_read(l, h->node, h->below, iov, count, off);
}

int64_t layer_write(struct files *f, uint64_t handle, const struct iovec *iov,
		    int count, uint64_t off)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h;
	int r = to_write(l, handle, &h);

	if (r < 0)
		return r;
	if (h->flags & O_APPEND)
		off = h->node->data.size;
	return layer_data_write(l, h->node, h->below, iov, count, off);
}

int layer_drop_privilege(struct files *f, uint64_t handle)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h;
	int r = to_write(l, handle, &h);

	if (r == 0)
		layer_drop_setid(l, h->node);
	return r;
}

/* ---- room, holes, copies ---- */

/* Room is not kept, but what cannot be had is told. */
static bool has_room(const struct layer *l, const struct layer_data *d,
		     uint64_t end)
{
	const struct layer_store *st = &l->store;
	uint64_t blocks = end / LAYER_BLOCK;

	return blocks <= d->blocks + d->below / LAYER_BLOCK ||
	       blocks - d->blocks - d->below / LAYER_BLOCK <=
		       st->blocks_max - min_u64(st->blocks, st->blocks_max);
}

int layer_allocate(struct files *f, uint64_t handle, int mode, uint64_t off,
		   uint64_t len)
{
	const int clear = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	struct layer *l = to_layer(f);
	struct layer_handle *h;
	uint64_t end;
	int r = to_write(l, handle, &h);

	if (r < 0)
		return r;
	if (mode & ~(clear | FALLOC_FL_KEEP_SIZE) || (mode & clear) == clear)
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!add_u64(off, len, &end) || end > INT64_MAX)
		return -EFBIG;
	if (!len)
		return -EINVAL;
	if (!(mode & clear) && !has_room(l, &h->node->data, end))
		return -ENOSPC;
	if (mode & clear)
		r = layer_data_clear(l, h->node, h->below, off, len);
	if (r == 0 && !(mode & FALLOC_FL_KEEP_SIZE) &&
	    end > h->node->data.size)
		r = layer_data_resize(l, h->node, end);
	return r;
}

int64_t layer_seek(struct files *f, uint64_t handle, int64_t off, int whence)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h = file_handle(l, handle);

	if (!h)
		return -EBADF;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (!h->node)
		return share_seek(l->share, h->below, off, whence);
	if (off < 0)
		return -ENXIO;
	return layer_data_seek(l, h->node, h->below, (uint64_t)off, whence);
}

/* A part is read before any of it is written. */
static int64_t copy_part(struct layer *l, const uint64_t handle[2],
			 const uint64_t at[2], uint64_t len)
{
	struct iovec iov = { l->copy, (size_t)min_u64(len, LAYER_CHUNK) };
	int64_t n = layer_read(&l->files, handle[0], &iov, 1, at[0]);

	if (n <= 0)
		return n;
	iov.iov_len = (size_t)n;
	return layer_write(&l->files, handle[1], &iov, 1, at[1]);
}

int64_t layer_copy(struct files *f, uint64_t from, uint64_t from_off,
		   uint64_t to, uint64_t to_off, uint64_t len)
{
	struct layer *l = to_layer(f);
	const struct layer_handle *source = file_handle(l, from);
	const struct layer_handle *target = file_handle(l, to);
	const uint64_t handle[2] = { from, to };
	uint64_t done = 0;
	int64_t n = 1;

	if (!source || !target || target->flags & O_APPEND)
		return -EBADF;
	if (from_off > INT64_MAX || to_off > INT64_MAX)
		return -EINVAL;
	len = min_u64(len, COPY_MOST);
	if (source->id == target->id &&
	    ranges_meet(from_off, len, to_off, len))
		return -EINVAL;
	while (done < len && n > 0) {
		const uint64_t at[2] = { from_off + done, to_off + done };

		n = copy_part(l, handle, at, len - done);
		done += n > 0 ? (uint64_t)n : 0;
	}
	return done ? (int64_t)done : n;
}
