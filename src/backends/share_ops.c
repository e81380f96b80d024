// SPDX-License-Identifier: BSD-3-Clause
/* See files.h: a share as a tree of files. */
#include "backends/files.h"

#include "backends/share_lock.h"
#include "backends/share_tree.h"
#include "backends/share_xattr.h"
#include "base/num.h"

static struct share *to_share(struct files *f)
{
	return container_of(f, struct share, files);
}

static void on_destroy(struct files *f)
{
	share_destroy(to_share(f));
}

static void on_reset(struct files *f)
{
	share_reset(to_share(f));
}

static int on_lookup(struct files *f, uint64_t parent, const char *name,
		     struct share_entry *out)
{
	return share_lookup(to_share(f), parent, name, out);
}

static void on_forget(struct files *f, uint64_t node, uint64_t count)
{
	share_forget(to_share(f), node, count);
}

static int on_getattr(struct files *f, uint64_t node, struct share_attr *out)
{
	return share_getattr(to_share(f), node, out);
}

static int on_setattr(struct files *f, uint64_t node, uint64_t handle,
		      const struct share_change *change, struct share_attr *out)
{
	return share_setattr(to_share(f), node, handle, change, out);
}

static int on_readlink(struct files *f, uint64_t node, char *buf, size_t size)
{
	return share_readlink(to_share(f), node, buf, size);
}

static int on_statfs(struct files *f, uint64_t node, struct statvfs *out)
{
	return share_statfs(to_share(f), node, out);
}

static int on_mkdir(struct files *f, uint64_t parent, const char *name,
		    uint32_t mode, const struct share_user *user,
		    struct share_entry *out)
{
	return share_mkdir(to_share(f), parent, name, mode, user, out);
}

static int on_mknod(struct files *f, uint64_t parent, const char *name,
		    uint32_t mode, const struct share_user *user,
		    struct share_entry *out)
{
	return share_mknod(to_share(f), parent, name, mode, user, out);
}

static int on_symlink(struct files *f, uint64_t parent, const char *name,
		      const char *target, const struct share_user *user,
		      struct share_entry *out)
{
	return share_symlink(to_share(f), parent, name, target, user, out);
}

static int on_link(struct files *f, uint64_t node, uint64_t parent,
		   const char *name, struct share_entry *out)
{
	return share_link(to_share(f), node, parent, name, out);
}

static int on_remove(struct files *f, uint64_t parent, const char *name,
		     bool folder)
{
	return share_remove(to_share(f), parent, name, folder);
}

static int on_rename(struct files *f, uint64_t from, const char *name,
		     uint64_t to, const char *new_name, unsigned int flags)
{
	return share_rename(to_share(f), from, name, to, new_name, flags);
}

static int on_open(struct files *f, uint64_t node, int flags, uint64_t *handle)
{
	return share_open(to_share(f), node, flags, handle);
}

static int on_open_new(struct files *f, uint64_t parent, const char *name,
		       struct share_how how, struct share_entry *out,
		       uint64_t *handle)
{
	return share_open_new(to_share(f), parent, name, how, out, handle);
}

static int on_close(struct files *f, uint64_t handle)
{
	return share_close(to_share(f), handle);
}

static int64_t on_read(struct files *f, uint64_t handle,
		       const struct iovec *iov, int count, uint64_t off)
{
	return share_read(to_share(f), handle, iov, count, off);
}

static int64_t on_write(struct files *f, uint64_t handle,
			const struct iovec *iov, int count, uint64_t off)
{
	return share_write(to_share(f), handle, iov, count, off);
}

static int on_drop_privilege(struct files *f, uint64_t handle)
{
	return share_drop_privilege(to_share(f), handle);
}

static int on_flush(struct files *f, uint64_t handle)
{
	return share_flush(to_share(f), handle);
}

static int on_sync(struct files *f, uint64_t handle, bool data_only)
{
	return share_sync(to_share(f), handle, data_only);
}

static int on_allocate(struct files *f, uint64_t handle, int mode, uint64_t off,
		       uint64_t len)
{
	return share_allocate(to_share(f), handle, mode, off, len);
}

static int64_t on_seek(struct files *f, uint64_t handle, int64_t off,
		       int whence)
{
	return share_seek(to_share(f), handle, off, whence);
}

static int64_t on_copy(struct files *f, uint64_t from, uint64_t from_off,
		       uint64_t to, uint64_t to_off, uint64_t len)
{
	return share_copy(to_share(f), from, from_off, to, to_off, len);
}

static int on_open_folder(struct files *f, uint64_t node, uint64_t *handle)
{
	return share_open_folder(to_share(f), node, handle);
}

static int on_read_folder(struct files *f, uint64_t handle, uint64_t at,
			  struct share_dirent *out)
{
	return share_read_folder(to_share(f), handle, at, out);
}

static int on_lookup_in(struct files *f, uint64_t handle, const char *name,
			struct share_entry *out)
{
	return share_lookup_in(to_share(f), handle, name, out);
}

static int on_getxattr(struct files *f, uint64_t node, const char *name,
		       void *buf, size_t size)
{
	return share_getxattr(to_share(f), node, name, buf, size);
}

static int on_listxattr(struct files *f, uint64_t node, char *buf, size_t size)
{
	return share_listxattr(to_share(f), node, buf, size);
}

static int on_setxattr(struct files *f, uint64_t node, const char *name,
		       const void *value, size_t size, int flags)
{
	return share_setxattr(to_share(f), node, name, value, size, flags);
}

static int on_removexattr(struct files *f, uint64_t node, const char *name)
{
	return share_removexattr(to_share(f), node, name);
}

static int on_lock(struct files *f, const struct share_lock *l)
{
	return share_lock(to_share(f), l);
}

static int on_lock_test(struct files *f, struct share_lock *l)
{
	return share_lock_test(to_share(f), l);
}

static void on_lock_drop(struct files *f, uint64_t handle, uint64_t owner,
			 bool whole)
{
	share_lock_drop(to_share(f), handle, owner, whole);
}

static int on_open_to_sync(struct files *f, uint64_t node)
{
	return share_open_to_sync(to_share(f), node);
}

static void on_lock_give_up(struct files *f, const struct share_lock *l)
{
	share_lock_give_up(to_share(f), l);
}

static bool on_read_only(struct files *f)
{
	return share_read_only(to_share(f));
}

static const struct files_ops ops = {
	.read_only = on_read_only,
	.destroy = on_destroy,
	.reset = on_reset,
	.lookup = on_lookup,
	.forget = on_forget,
	.getattr = on_getattr,
	.setattr = on_setattr,
	.readlink = on_readlink,
	.statfs = on_statfs,
	.mkdir = on_mkdir,
	.mknod = on_mknod,
	.symlink = on_symlink,
	.link = on_link,
	.remove = on_remove,
	.rename = on_rename,
	.open = on_open,
	.open_new = on_open_new,
	.close = on_close,
	.read = on_read,
	.write = on_write,
	.drop_privilege = on_drop_privilege,
	.flush = on_flush,
	.sync = on_sync,
	.allocate = on_allocate,
	.seek = on_seek,
	.copy = on_copy,
	.open_folder = on_open_folder,
	.open_to_sync = on_open_to_sync,
	.read_folder = on_read_folder,
	.lookup_in = on_lookup_in,
	.getxattr = on_getxattr,
	.listxattr = on_listxattr,
	.setxattr = on_setxattr,
	.removexattr = on_removexattr,
	.lock = on_lock,
	.lock_give_up = on_lock_give_up,
	.lock_test = on_lock_test,
	.lock_drop = on_lock_drop,
};

struct files *share_files(struct share *s)
{
	if (!s)
		return NULL;
	s->files.ops = &ops;
	return &s->files;
}
