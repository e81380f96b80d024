// SPDX-License-Identifier: BSD-3-Clause
/* See fs_call.h: requests about names. */
#include <errno.h>
#include <string.h>

#include "devices/virtio/fs_call.h"

/* A negative answer is remembered too, so it is no error when the guest may
 * cache: a node 0. */
int64_t fs_lookup(struct fs_call *call)
{
	const char *name = fs_name(call, 0);
	struct share_entry e;
	int r;

	if (!name)
		return -EINVAL;
	r = call->ops->lookup(call->files, call->node, name, &e);
	if (r == -ENOENT && call->cache != FS_CACHE_NONE) {
		memset(&e, 0, sizeof(e));
		r = 0;
	}
	return fs_put_entry(call, r, &e);
}

int64_t fs_symlink(struct fs_call *call)
{
	const char *name, *target;
	struct share_entry e;

	if (!fs_two_names(call, 0, &name, &target))
		return -EINVAL;
	return fs_put_entry(call,
			    call->ops->symlink(call->files, call->node, name,
					       target, &call->user, &e),
			    &e);
}

int64_t fs_mknod(struct fs_call *call)
{
	const char *name = fs_name(call, sizeof(struct fuse_mknod_in));
	struct fuse_mknod_in in;
	struct share_entry e;

	if (!name || !fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return fs_put_entry(call,
			    call->ops->mknod(call->files, call->node, name,
					     le32_get(in.mode), &call->user,
					     &e),
			    &e);
}

int64_t fs_mkdir(struct fs_call *call)
{
	const char *name = fs_name(call, sizeof(struct fuse_mkdir_in));
	struct fuse_mkdir_in in;
	struct share_entry e;

	if (!name || !fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return fs_put_entry(call,
			    call->ops->mkdir(call->files, call->node, name,
					     le32_get(in.mode), &call->user,
					     &e),
			    &e);
}

static int64_t remove_name(struct fs_call *call, bool folder)
{
	const char *name = fs_name(call, 0);

	if (!name)
		return -EINVAL;
	return call->ops->remove(call->files, call->node, name, folder);
}

int64_t fs_unlink(struct fs_call *call)
{
	return remove_name(call, false);
}

int64_t fs_rmdir(struct fs_call *call)
{
	return remove_name(call, true);
}

static int64_t rename_to(struct fs_call *call, size_t skip, uint64_t folder,
			 unsigned int flags)
{
	const char *from, *to;

	if (!fs_two_names(call, skip, &from, &to))
		return -EINVAL;
	return call->ops->rename(call->files, call->node, from, folder, to,
				 flags);
}

int64_t fs_rename(struct fs_call *call)
{
	struct fuse_rename_in in;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return rename_to(call, sizeof(in), le64_get(in.new_folder), 0);
}

int64_t fs_rename2(struct fs_call *call)
{
	struct fuse_rename2_in in;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return rename_to(call, sizeof(in), le64_get(in.new_folder),
			 le32_get(in.flags));
}

int64_t fs_link(struct fs_call *call)
{
	const char *name = fs_name(call, sizeof(struct fuse_link_in));
	struct fuse_link_in in;
	struct share_entry e;

	if (!name || !fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	return fs_put_entry(call,
			    call->ops->link(call->files, le64_get(in.node),
					    call->node, name, &e),
			    &e);
}
