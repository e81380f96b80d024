// SPDX-License-Identifier: BSD-3-Clause
/* See share.h: life, what is hidden, and attributes. */
#include "backends/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/share_own.h"
#include "backends/share_owner.h"
#include "backends/share_tree.h"
#include "base/fd.h"
#include "base/num.h"

#define NODES_MAX  (1u << 20)
#define CACHED_MIN 16u
#define CACHED_MAX 1024u

/* ---- what is hidden ---- */

/* Takes over @fd, of the folder. */
static int hide_name(struct share *s, int fd, const char *name)
{
	struct share_hidden *h = &s->hidden[s->hidden_count];
	struct statx stx;
	int r = share_stat(fd, "", &stx);

	h->name = r < 0 ? NULL : strdup(name);
	if (!h->name) {
		close(fd);
		return r < 0 ? r : -ENOMEM;
	}
	h->parent = share_key(&stx);
	h->fd = fd;
	s->hidden_count++;
	return 0;
}

/* Where there is no such folder, there is nothing to hide. */
static int hide(struct share *s, int root, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);
	int fd, r;

	if (!folder)
		return -ENOMEM;
	fd = fd_above((int)syscall(SYS_openat2, root, *folder ? folder : ".",
				   &how, sizeof(how)));
	r = fd < 0 ? -errno : hide_name(s, fd, slash ? slash + 1 : path);
	free(folder);
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

/* Some folders do not tell "A" from "a", or from stranger letters: so two names
 * of the same file are one. */
static bool same_file(int fd, const char *a, const char *b)
{
	struct statx stx[2];
	struct share_key key[2];

	if (share_stat(fd, a, &stx[0]) < 0 || share_stat(fd, b, &stx[1]) < 0)
		return false;
	key[0] = share_key(&stx[0]);
	key[1] = share_key(&stx[1]);
	return share_key_same(&key[0], &key[1]);
}

bool share_is_hidden(const struct share *s, const struct share_node *parent,
		     int fd, const char *name)
{
	for (unsigned int i = 0; i < s->hidden_count; i++) {
		const struct share_hidden *h = &s->hidden[i];

		if (share_key_like(&h->parent, &parent->key) &&
		    (!strcmp(h->name, name) || same_file(fd, h->name, name)))
			return true;
	}
	return false;
}

/* ---- life ---- */

/* The last is what is in the place of our own folder. */
static int hide_all(struct share *s, const struct share_config *cfg, int root,
		    struct err *err)
{
	unsigned int count = cfg->hidden_count + (cfg->own.folder != NULL);

	s->hidden = calloc(count + 1, sizeof(*s->hidden));
	if (!s->hidden)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < count; i++) {
		const char *path = i < cfg->hidden_count ? cfg->hidden[i] :
							   cfg->own.folder;
		int r = hide(s, root, path);

		if (r < 0)
			return err_set(err, r, "cannot hide %s in %s: %s",
				       path, cfg->path, strerror(-r));
	}
	return 0;
}

static void set_limits(struct share *s)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	uint64_t files;

	getrlimit(RLIMIT_NOFILE, &limit);
	files = min_u64(limit.rlim_cur, 1u << 20);
	files /= s->cfg.servers ? s->cfg.servers : 1;
	s->cached_max = (unsigned int)min_u64(files / 8, CACHED_MAX);
	if (s->cached_max < CACHED_MIN)
		s->cached_max = CACHED_MIN;
	if (!s->cfg.handles)
		s->cfg.handles = (unsigned int)files / 2;
	if (!s->cfg.nodes || s->cfg.nodes > NODES_MAX)
		s->cfg.nodes = NODES_MAX;
}

static int choose_owners(struct share *s, int root, struct err *err)
{
	const bool can = share_owner_works(root);
	const bool may = !s->root && !s->cfg.read_only;

	s->stored = s->cfg.owners == SHARE_OWNERS_STORED ||
		    (s->cfg.owners == SHARE_OWNERS_AUTO && may && can);
	if (s->stored && !can)
		return err_set(err, -EOPNOTSUPP,
			       "%s: owners cannot be stored: no attributes "
			       "(user.*) there",
			       s->cfg.path);
	return 0;
}

int share_create(struct share **out, const struct share_config *cfg,
		 struct err *err)
{
	struct share *s = calloc(1, sizeof(*s));
	int root, r;

	*out = NULL;
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->cfg = *cfg;
	s->uid = geteuid();
	s->root = s->uid == 0;
	set_limits(s);
	s->proc_fd = fd_above(open("/proc/self/fd",
				   O_PATH | O_DIRECTORY | O_CLOEXEC));
	root = fd_above(open(cfg->path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (root < 0) {
		r = err_set_path(err, -errno, cfg->path);
		goto fail;
	}
	r = s->proc_fd < 0 ? -errno : share_tree_create(s, root);
	if (r < 0) {
		err_set(err, r, "%s: %s", s->proc_fd < 0 ? "/proc/self/fd"
							  : cfg->path,
			strerror(-r));
		close(root);
		goto fail;
	}
	r = choose_owners(s, root, err);
	if (r == 0)
		r = hide_all(s, cfg, root, err);
	if (r == 0)
		r = share_own_create(s, cfg, err);
	if (r < 0)
		goto fail;
	s->cfg.path = NULL; /* the caller's */
	s->cfg.hidden = NULL;
	s->cfg.own = (struct own_files){ 0 };
	*out = s;
	return 0;
fail:
	share_destroy(s);
	return r;
}

void share_reset(struct share *s)
{
	share_locks_end(s, NULL);
	for (uint32_t i = 0; i < s->handles; i++)
		if (s->handle[i].fd >= 0)
			share_close(s, (uint64_t)s->handle[i].generation << 32 |
					       (i + 1));
	share_tree_reset(s);
}

void share_destroy(struct share *s)
{
	if (!s)
		return;
	share_reset(s);
	share_own_finish(s);
	share_tree_finish(s);
	for (unsigned int i = 0; i < s->hidden_count; i++) {
		close(s->hidden[i].fd);
		free(s->hidden[i].name);
	}
	free(s->own);
	free(s->hidden);
	free(s->handle);
	fd_close(&s->proc_fd);
	free(s);
}

bool share_read_only(const struct share *s)
{
	return s->cfg.read_only;
}

/* ---- attributes ---- */

struct share_magic share_magic(int fd)
{
	struct share_magic m;

	snprintf(m.name, sizeof(m.name), "%d", fd);
	return m;
}

uint32_t share_safe_mode(uint32_t mode, bool folder)
{
	return mode & (folder ? 03777u : 01777u);
}

int share_reopen(struct share *s, int fd, int flags)
{
	struct share_magic magic = share_magic(fd);
	int r;

	flags |= O_CLOEXEC | O_NOCTTY;
	r = fd_above(openat(s->proc_fd, magic.name, flags));
	if (r < 0 && errno == EACCES) {
		r = share_owner_loosen(s, fd);
		if (r < 0)
			return r;
		r = fd_above(openat(s->proc_fd, magic.name, flags));
	}
	return r < 0 ? -errno : r;
}

int share_getattr(struct share *s, uint64_t node, struct share_attr *out)
{
	struct share_node *n = share_node(s, node);
	int fd, r;

	if (n && n->own) {
		*out = (struct share_attr){ .stx = *n->own };
		return 0;
	}
	fd = share_node_open(s, node, &n);
	r = fd < 0 ? fd : share_look(s, fd, "", &out->stx);
	if (r == 0)
		out->mount = n->parent && n->key.dev != n->parent->key.dev;
	return r;
}

static int set_access(struct share *s, int fd, const struct share_change *c,
		      const struct statx *now)
{
	const struct share_magic magic = share_magic(fd);
	uid_t uid = c->set & SHARE_SET_UID ? c->uid : (uid_t)-1;
	gid_t gid = c->set & SHARE_SET_GID ? c->gid : (gid_t)-1;

	if (c->set & SHARE_SET_MODE &&
	    fchmodat(s->proc_fd, magic.name,
		     share_safe_mode(c->mode, S_ISDIR(now->stx_mode)), 0) < 0)
		return -errno;
	if ((uid == (uid_t)-1 || uid == now->stx_uid) &&
	    (gid == (gid_t)-1 || gid == now->stx_gid))
		return 0;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) <
			       0 ?
		       -errno : 0;
}

static int set_size(struct share *s, const struct share_node *n, int fd,
		    uint64_t handle, uint64_t size)
{
	const struct share_handle *h = share_handle(s, handle);
	int open_fd, r;

	if (size > INT64_MAX)
		return -EFBIG;
	if (handle && (!h || h->node != n))
		return -EBADF;
	if (h)
		return ftruncate(h->fd, (off_t)size) < 0 ? -errno : 0;
	r = share_drop_setid(s, fd);
	open_fd = r < 0 ? r : share_reopen(s, fd, O_WRONLY);
	if (open_fd < 0)
		return open_fd;
	r = ftruncate(open_fd, (off_t)size) < 0 ? -errno : 0;
	close(open_fd);
	return r;
}

static struct timespec time_of(unsigned int set, unsigned int value,
			       unsigned int now, const struct timespec *ts)
{
	if (set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (set & value)
		return *ts;
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(struct share *s, const char *magic,
		     const struct share_change *c)
{
	const struct timespec ts[2] = {
		time_of(c->set, SHARE_SET_ATIME, SHARE_SET_ATIME_NOW,
			&c->atime),
		time_of(c->set, SHARE_SET_MTIME, SHARE_SET_MTIME_NOW,
			&c->mtime),
	};

	if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
		return 0;
	return utimensat(s->proc_fd, magic, ts, 0) < 0 ? -errno : 0;
}

int share_setattr(struct share *s, uint64_t node, uint64_t handle,
		  const struct share_change *c, struct share_attr *out)
{
	struct share_node *n;
	int fd = share_node_open(s, node, &n);
	struct share_magic magic;
	int r = fd < 0 ? fd : share_getattr(s, node, out);

	if (r == 0 && s->cfg.read_only)
		r = -EROFS;
	if (r == 0 && n->kernels)
		r = -EPERM;
	if (r < 0)
		return r;
	magic = share_magic(fd);
	if (s->stored)
		r = share_owner_change(s, fd, c, &out->stx);
	else
		r = set_access(s, fd, c, &out->stx);
	if (r == 0 && c->set & SHARE_SET_SIZE)
		r = n->key.type == S_IFREG ?
			    set_size(s, n, fd, handle, c->size) :
		    n->key.type == S_IFDIR ? -EISDIR : -EINVAL;
	if (r == 0)
		r = set_times(s, magic.name, c);
	share_node_refresh(s, n);
	return r < 0 ? r : share_look(s, fd, "", &out->stx);
}

int share_readlink(struct share *s, uint64_t node, char *buf, size_t size)
{
	struct share_node *n;
	int fd = share_node_open(s, node, &n);
	ssize_t len;

	if (fd < 0)
		return fd;
	if (n->key.type != S_IFLNK)
		return -EINVAL;
	len = readlinkat(fd, "", buf, size);
	return len < 0 ? -errno : (int)len;
}

int share_statfs(struct share *s, uint64_t node, struct statvfs *out)
{
	struct share_node *n;
	int fd = share_node_open(s, node, &n);

	if (fd < 0)
		return fd;
	return fstatvfs(fd, out) < 0 ? -errno : 0;
}
