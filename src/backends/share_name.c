// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share.h: making, moving and removing names. What is made belongs to who
 * asked for it, as far as the host lets us.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/share_tree.h"

int share_check_name(const char *name)
{
	size_t len = strnlen(name, SHARE_NAME_MAX + 1);

	if (len > SHARE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len || strchr(name, '/') || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}

/* A folder in which @name may be changed: its descriptor. */
static int folder_for(struct share *s, uint64_t parent, const char *name)
{
	struct share_node *n = share_node(s, parent);
	int r = share_check_name(name);

	if (r == 0 && s->cfg.read_only)
		r = -EROFS;
	if (r == 0 && n && share_is_hidden(s, n, name))
		r = -EACCES;
	return r < 0 ? r : share_folder_fd(s, parent);
}

/* The group comes from a folder with the set-group-id bit. */
static void give(struct share *s, int folder, const char *name,
		 const struct share_user *user)
{
	struct statx stx;
	gid_t gid = user->gid;

	if (!s->root)
		return;
	if (share_stat(folder, "", &stx) == 0 && stx.stx_mode & S_ISGID)
		gid = (gid_t)-1;
	if (fchownat(folder, name, user->uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* a file system without owners */
}

/* What was just made: given away, found, and with the mode that was asked for,
 * whatever the process's umask is. */
static int adopt(struct share *s, uint64_t parent, int folder, const char *name,
		 uint32_t mode, const struct share_user *user,
		 struct share_entry *out)
{
	struct share_node *p = share_node(s, parent);
	struct share_change change = { .set = SHARE_SET_MODE, .mode = mode };
	uint32_t now;
	int r;

	give(s, folder, name, user);
	r = share_node_find(s, p, folder, name, out);
	if (r < 0)
		return r;
	now = out->attr.stx.stx_mode;
	if (S_ISLNK(now) || (now & 0777u) == (mode & 0777u))
		return 0;
	change.mode |= now & S_ISGID;
	r = share_setattr(s, out->node, 0, &change, &out->attr);
	if (r < 0)
		share_forget(s, out->node, 1);
	return r;
}

int share_mkdir(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	int fd = folder_for(s, parent, name);

	if (fd < 0)
		return fd;
	mode = share_safe_mode(mode, true);
	if (mkdirat(fd, name, mode) < 0)
		return -errno;
	return adopt(s, parent, fd, name, mode, user, out);
}

int share_mknod(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	int fd = folder_for(s, parent, name);

	if (fd < 0)
		return fd;
	if (!S_ISREG(mode))
		return -EPERM;
	mode = share_safe_mode(mode, false);
	if (mknodat(fd, name, S_IFREG | mode, 0) < 0)
		return -errno;
	return adopt(s, parent, fd, name, mode, user, out);
}

int share_symlink(struct share *s, uint64_t parent, const char *name,
		  const char *target, const struct share_user *user,
		  struct share_entry *out)
{
	int fd = folder_for(s, parent, name);

	if (fd < 0)
		return fd;
	if (symlinkat(target, fd, name) < 0)
		return -errno;
	return adopt(s, parent, fd, name, 0777, user, out);
}

int share_link(struct share *s, uint64_t node, uint64_t parent,
	       const char *name, struct share_entry *out)
{
	struct share_node *n = share_node(s, node);
	int folder = folder_for(s, parent, name);
	int fd = n ? share_node_fd(s, n) : -ESTALE;
	struct share_magic magic;

	if (folder < 0 || fd < 0)
		return folder < 0 ? folder : fd;
	if (n->key.type == S_IFDIR)
		return -EPERM;
	magic = share_magic(fd);
	if (linkat(s->proc_fd, magic.name, folder, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return share_node_find(s, share_node(s, parent), folder, name, out);
}

int share_remove(struct share *s, uint64_t parent, const char *name,
		 bool folder)
{
	int fd = folder_for(s, parent, name);
	struct share_node *n;
	bool kept;

	if (fd < 0)
		return fd;
	n = share_node_at(s, fd, name);
	kept = n && share_node_keep(s, n);
	if (unlinkat(fd, name, folder ? AT_REMOVEDIR : 0) < 0) {
		int r = -errno;

		if (kept)
			share_node_named(s, n);
		return r;
	}
	return 0;
}

int share_rename(struct share *s, uint64_t from, const char *name, uint64_t to,
		 const char *new_name, unsigned int flags)
{
	int old_fd = folder_for(s, from, name);
	int new_fd = folder_for(s, to, new_name);
	struct share_node *moved, *there;
	bool kept;

	if (old_fd < 0 || new_fd < 0)
		return old_fd < 0 ? old_fd : new_fd;
	if (flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	moved = share_node_at(s, old_fd, name);
	there = share_node_at(s, new_fd, new_name);
	kept = there && !flags && there != moved && share_node_keep(s, there);
	if (renameat2(old_fd, name, new_fd, new_name, flags) < 0) {
		int r = -errno;

		if (kept)
			share_node_named(s, there);
		return r;
	}
	/* Without memory its place is wrong, and it is looked up again. */
	if (moved)
		(void)share_node_move(s, moved, share_node(s, to), new_name);
	if (there && flags & RENAME_EXCHANGE)
		(void)share_node_move(s, there, share_node(s, from), name);
	return 0;
}
