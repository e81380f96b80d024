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

#include "backends/share_owner.h"
#include "backends/share_tree.h"
#include "base/fd.h"

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
	int fd = share_check_name(name);

	if (fd == 0 && s->cfg.read_only)
		fd = -EROFS;
	if (fd == 0)
		fd = share_folder_fd(s, parent);
	if (fd >= 0 && share_is_hidden(s, share_node(s, parent), fd, name))
		fd = -EACCES;
	if (fd >= 0 && s->stored &&
	    faccessat(fd, "", W_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH) < 0)
		(void)share_owner_loosen(s, fd);
	return fd;
}

/* ---- making ---- */

/* Something that is being made. What it needs of us is there before: it would
 * stay when it cannot be told of. */
struct making {
	struct share_node *parent;
	int folder; /* its descriptor */
	int spare; /* one of ours to open what has no descriptor yet; -1 */
	const char *name;
	uint32_t mode;
	const struct share_user *user;
};

static int begin(struct share *s, struct making *m, uint64_t parent,
		 const char *name, uint32_t mode, const struct share_user *user)
{
	int fd = folder_for(s, parent, name);

	*m = (struct making){ share_node(s, parent), fd, -1, name,
			      mode & 07777u, user };
	return fd < 0 ? fd : share_node_room(s);
}

/* The same, of what making does not open. */
static int begin_name(struct share *s, struct making *m, uint64_t parent,
		      const char *name, uint32_t mode,
		      const struct share_user *user)
{
	int r = begin(s, m, parent, name, mode, user);

	if (r < 0)
		return r;
	m->spare = fd_copy(m->folder);
	return m->spare < 0 ? -errno : 0;
}

/* The group comes from a folder with the set-group-id bit. A file system may
 * have no owners. */
static void give(const struct making *m, int fd)
{
	struct statx folder;
	gid_t gid = m->user->gid;

	if (share_stat(m->folder, "", &folder) == 0 &&
	    folder.stx_mode & S_ISGID)
		gid = (gid_t)-1;
	if (fchownat(fd, "", m->user->uid, gid, AT_EMPTY_PATH) < 0)
		return;
}

static int settle(struct share *s, const struct making *m, int fd,
		  const struct statx *stx)
{
	struct share_magic magic = share_magic(fd);

	if (s->root)
		give(m, fd);
	if (!S_ISLNK(stx->stx_mode) && (stx->stx_mode ^ m->mode) & 0777u &&
	    fchmodat(s->proc_fd, magic.name,
		     share_safe_mode(m->mode, S_ISDIR(stx->stx_mode)) |
			     (stx->stx_mode & S_ISGID), 0) < 0)
		return -errno;
	return 0;
}

/* The same where owners are stored; a file system that is mounted there may
 * not be able to. */
static int store(struct share *s, const struct making *m, int fd,
		 const struct statx *stx)
{
	struct share_owner o = { m->user->uid, m->user->gid, m->mode };
	struct statx folder;
	int r;

	if (S_ISLNK(stx->stx_mode))
		return 0;
	if (share_look(s, m->folder, "", &folder) == 0 &&
	    folder.stx_mode & S_ISGID) {
		o.gid = folder.stx_gid;
		o.mode |= S_ISDIR(stx->stx_mode) ? S_ISGID : 0;
	}
	r = share_owner_set(s, fd, &o);
	return r == -EPERM ? 0 : r;
}

/* What was made, at @fd: given away, with the mode that was asked for whatever
 * the process's umask is, known. Its name may be another's by now, so it is
 * not asked for again; and what is not ours is left as it is. */
static int adopt(struct share *s, const struct making *m, int fd, mode_t type,
		 struct share_entry *out)
{
	struct statx stx;
	int r = share_stat(fd, "", &stx);

	if (r == 0 && stx.stx_uid == s->uid && (stx.stx_mode & S_IFMT) == type)
		r = s->stored ? store(s, m, fd, &stx) : settle(s, m, fd, &stx);
	if (r == 0)
		r = share_look(s, fd, "", &stx);
	return r < 0 ? r : share_node_of(s, m->parent, m->name, &stx, out);
}

/* The same for what is not open; @r: whether it was made. */
static int adopt_name(struct share *s, struct making *m, int r, mode_t type,
		      struct share_entry *out)
{
	int fd = -1;

	fd_close(&m->spare);
	if (r < 0)
		return r;
	fd = fd_above(openat(m->folder, m->name,
			     O_PATH | O_NOFOLLOW | O_CLOEXEC));
	r = fd < 0 ? -errno : adopt(s, m, fd, type, out);
	if (fd >= 0)
		close(fd);
	return r;
}

int share_mkdir(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	struct making m;
	int r = begin_name(s, &m, parent, name, mode, user);

	if (r == 0 && mkdirat(m.folder, name, share_safe_mode(mode, true)) < 0)
		r = -errno;
	return adopt_name(s, &m, r, S_IFDIR, out);
}

int share_make_file(struct share *s, uint64_t parent, const char *name,
		    const struct share_how *how, struct share_entry *out)
{
	struct making m;
	int r = begin(s, &m, parent, name, how->mode, &how->user);
	int fd;

	if (r < 0)
		return r;
	fd = fd_above(openat(m.folder, name,
			     how->flags | O_CREAT | O_EXCL | O_NOFOLLOW |
				     O_CLOEXEC | O_NOCTTY,
			     share_safe_mode(m.mode, false)));
	if (fd < 0)
		return -errno;
	r = adopt(s, &m, fd, S_IFREG, out);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int share_mknod(struct share *s, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	const struct share_how how = { *user, O_WRONLY, mode };
	int fd = S_ISREG(mode) ? share_make_file(s, parent, name, &how, out) :
				 -EPERM;

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int share_symlink(struct share *s, uint64_t parent, const char *name,
		  const char *target, const struct share_user *user,
		  struct share_entry *out)
{
	struct making m;
	int r = begin_name(s, &m, parent, name, 0777, user);

	if (r == 0 && symlinkat(target, m.folder, name) < 0)
		r = -errno;
	return adopt_name(s, &m, r, S_IFLNK, out);
}

/* ---- links, moving, removing ---- */

int share_link(struct share *s, uint64_t node, uint64_t parent,
	       const char *name, struct share_entry *out)
{
	int folder = folder_for(s, parent, name);
	struct share_node *n;
	int fd = share_node_open(s, node, &n);
	struct share_magic magic;

	if (folder < 0 || fd < 0)
		return folder < 0 ? folder : fd;
	if (n->key.type == S_IFDIR)
		return -EPERM;
	magic = share_magic(fd);
	if (linkat(s->proc_fd, magic.name, folder, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	share_node_refresh(s, n);
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

/* It was moved there. Without memory its place is wrong, and it is looked up
 * again. */
static void settle_at(struct share *s, struct share_node *n,
		      struct share_node *parent, const char *name)
{
	share_node_refresh(s, n);
	(void)share_node_move(s, n, parent, name);
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
	/* For what it is afterwards. */
	if (moved)
		(void)share_node_fd(s, moved);
	if (there && !kept)
		(void)share_node_fd(s, there);
	if (renameat2(old_fd, name, new_fd, new_name, flags) < 0) {
		int r = -errno;

		if (kept)
			share_node_named(s, there);
		return r;
	}
	if (moved)
		settle_at(s, moved, share_node(s, to), new_name);
	if (there && flags & RENAME_EXCHANGE)
		settle_at(s, there, share_node(s, from), name);
	return 0;
}
