// SPDX-License-Identifier: BSD-3-Clause
/* See fs_call.h: listing folders. An answer is as many entries as fit. */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "devices/virtio/fs_call.h"

int64_t fs_opendir(struct fs_call *call)
{
	struct fuse_open_out out = {
		.open_flags = le32_put(call->cache == FS_CACHE_ALWAYS ?
					       FUSE_OPEN_CACHE_DIR |
						       FUSE_OPEN_KEEP_CACHE :
					       0),
	};
	uint64_t handle;
	int r = call->ops->open_folder(call->files, call->node, &handle);

	if (r < 0)
		return r;
	out.fh = le64_put(handle);
	if (fs_put(call, 0, &out, sizeof(out)))
		return sizeof(out);
	call->ops->close(call->files, handle);
	return -EIO;
}

static bool put_dirent(const struct fs_call *call, size_t at,
		       const struct share_dirent *d, size_t len)
{
	uint8_t bytes[sizeof(struct fuse_dirent) + SHARE_NAME_MAX + 8] = { 0 };
	const struct fuse_dirent head = {
		.ino = le64_put(d->ino),
		.off = le64_put(d->next),
		.namelen = le32_put((uint32_t)len),
		.type = le32_put(d->type),
	};

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), d->name, len);
	return fs_put(call, at, bytes, align_up(sizeof(head) + len, 8));
}

/* What is looked up counts as a reference. "." and ".." are not, and neither
 * is what is gone meanwhile: a node 0. */
static bool put_plus(const struct fs_call *call, size_t at, uint64_t handle,
		     const char *name)
{
	struct fuse_entry_out out = { 0 };
	struct share_entry e;

	if (strcmp(name, ".") && strcmp(name, "..") &&
	    call->ops->lookup_in(call->files, handle, name, &e) == 0)
		out = fs_entry(call, &e);
	return fs_put(call, at, &out, sizeof(out));
}

static int64_t list(struct fs_call *call, bool plus)
{
	const size_t extra = plus ? sizeof(struct fuse_entry_out) : 0;
	struct share_dirent d;
	struct fuse_read_in in;
	uint64_t room, at, handle;
	size_t done = 0;
	int r;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	room = min_u64(le32_get(in.size), fs_room(call));
	handle = le64_get(in.fh);
	at = le64_get(in.off);
	while ((r = call->ops->read_folder(call->files, handle, at, &d)) > 0) {
		size_t len = strnlen(d.name, SHARE_NAME_MAX);
		size_t need = extra + align_up(sizeof(struct fuse_dirent) + len,
					       8);

		if (need > room - done)
			break;
		if ((plus && !put_plus(call, done, handle, d.name)) ||
		    !put_dirent(call, done + extra, &d, len))
			return -EIO;
		done += need;
		at = d.next;
	}
	if (r > 0 && !done)
		return -EINVAL; /* not even one */
	return done || r >= 0 ? (int64_t)done : r;
}

int64_t fs_readdir(struct fs_call *call)
{
	return list(call, false);
}

int64_t fs_readdirplus(struct fs_call *call)
{
	return list(call, true);
}
