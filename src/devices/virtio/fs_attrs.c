// SPDX-License-Identifier: BSD-3-Clause
/* See fs_call.h: requests about attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/virtio/fs_call.h"

#define LINK_MAX_LEN 4096u
#define LIST_MAX     65536u

static int64_t put_attr(const struct fs_call *call, int r,
			const struct share_attr *a)
{
	struct fuse_attr_out out = {
		.valid_s = le64_put(fs_valid_s(call)),
	};

	if (r < 0)
		return r;
	out.attr = fs_attr(a);
	return fs_answer(call, &out, sizeof(out));
}

int64_t fs_getattr(struct fs_call *call)
{
	struct share_attr a;

	return put_attr(call,
			call->ops->getattr(call->files, call->node, &a), &a);
}

/* Both sides number these alike; times are never set in the past of 1970. */
static void decode(struct share_change *c, const struct fuse_setattr_in *in)
{
	*c = (struct share_change){
		.set = 0,
		.mode = le32_get(in->mode),
		.uid = le32_get(in->uid),
		.gid = le32_get(in->gid),
		.size = le64_get(in->size),
		.atime = { .tv_sec = (time_t)le64_get(in->atime),
			   .tv_nsec = le32_get(in->atime_ns) },
		.mtime = { .tv_sec = (time_t)le64_get(in->mtime),
			   .tv_nsec = le32_get(in->mtime_ns) },
	};
}

/* FATTR_*: as SHARE_SET_*, but for 64 (a handle) and the two NOWs. */
static unsigned int decode_set(uint32_t valid)
{
	unsigned int set = valid & 63u;

	if (valid & 128u)
		set |= SHARE_SET_ATIME_NOW;
	if (valid & 256u)
		set |= SHARE_SET_MTIME_NOW;
	if (valid & FUSE_SET_DROP)
		set |= FILES_SET_DROP;
	return set;
}

int64_t fs_setattr(struct fs_call *call)
{
	struct fuse_setattr_in in;
	struct share_change change;
	struct share_attr a;
	uint32_t valid;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	valid = le32_get(in.valid);
	decode(&change, &in);
	change.set = decode_set(valid);
	if (change.atime.tv_nsec >= 1000000000 ||
	    change.mtime.tv_nsec >= 1000000000)
		return -EINVAL;
	return put_attr(call,
			call->ops->setattr(call->files, call->node,
					   valid & FUSE_SET_FH ?
						   le64_get(in.fh) : 0,
					   &change, &a),
			&a);
}

int64_t fs_readlink(struct fs_call *call)
{
	char target[LINK_MAX_LEN];
	int len = call->ops->readlink(call->files, call->node, target,
				      sizeof(target));

	if (len < 0)
		return len;
	return fs_answer(call, target, (size_t)len);
}

int64_t fs_statfs(struct fs_call *call)
{
	struct statvfs v;
	struct fuse_statfs_out out = { 0 };
	int r = call->ops->statfs(call->files, call->node, &v);

	if (r < 0)
		return r;
	out.blocks = le64_put(v.f_blocks);
	out.bfree = le64_put(v.f_bfree);
	out.bavail = le64_put(v.f_bavail);
	out.files = le64_put(v.f_files);
	out.ffree = le64_put(v.f_ffree);
	out.bsize = le32_put((uint32_t)v.f_bsize);
	out.namelen = le32_put(SHARE_NAME_MAX);
	out.frsize = le32_put((uint32_t)v.f_frsize);
	return fs_answer(call, &out, sizeof(out));
}

/* ---- extended attributes ---- */

int64_t fs_setxattr(struct fs_call *call)
{
	struct fuse_setxattr_in in;
	int64_t len = fs_text(call, sizeof(in));
	size_t name_len, size;

	if (len < 0 || !fs_arg(call, &in, sizeof(in)))
		return len < 0 ? len : -EINVAL;
	name_len = strnlen(call->text, (size_t)len);
	size = le32_get(in.size);
	if (name_len == (size_t)len || (size_t)len - name_len - 1 != size)
		return -EINVAL;
	return call->ops->setxattr(call->files, call->node, call->text,
				   call->text + name_len + 1, size,
				   (int)le32_get(in.flags));
}

/* With @size 0 the answer is a number, else the bytes. */
static int64_t put_value(const struct fs_call *call, int r, const void *value,
			 uint32_t size)
{
	const struct fuse_getxattr_in out = { .size = le32_put((uint32_t)r) };

	if (r < 0)
		return r;
	if (!size)
		return fs_answer(call, &out, sizeof(out));
	return fs_put(call, 0, value, (size_t)r) ? r : -ERANGE;
}

int64_t fs_getxattr(struct fs_call *call)
{
	const char *name = fs_name(call, sizeof(struct fuse_getxattr_in));
	struct fuse_getxattr_in in;
	uint32_t size;
	int64_t r;
	void *value;

	if (!name || !fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	size = (uint32_t)min_u64(le32_get(in.size), LIST_MAX);
	value = malloc(size + 1u);
	if (!value)
		return -ENOMEM;
	r = put_value(call,
		      call->ops->getxattr(call->files, call->node, name, value,
					  size),
		      value, size);
	free(value);
	return r;
}

int64_t fs_listxattr(struct fs_call *call)
{
	struct fuse_getxattr_in in;
	uint32_t size;

	if (!fs_arg(call, &in, sizeof(in)))
		return -EINVAL;
	size = (uint32_t)min_u64(le32_get(in.size), LIST_MAX);
	return put_value(call,
			 call->ops->listxattr(call->files, call->node,
					      call->text, size),
			 call->text, size);
}

int64_t fs_removexattr(struct fs_call *call)
{
	const char *name = fs_name(call, 0);

	if (!name)
		return -EINVAL;
	return call->ops->removexattr(call->files, call->node, name);
}
