// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share_tree.h: owners and modes that the host's files cannot have, because
 * vireo may not give files away. They are kept in an attribute of the file,
 * "UID:GID:MODE", the last in octal.
 *
 * Who may write a file may write its attribute. So it counts only in a file of
 * this process's user that no group and nobody else may write, and the host's
 * mode of such a file is the guest's without those bits (and with the owner's,
 * which the guest's own kernel keeps an eye on). Everything else is as the host
 * says: so are links, FIFOs and sockets, which cannot have such attributes.
 *
 * A tree may come with attributes of a stranger's, as an image may come with
 * set-user-id programs. Nothing here can tell them from our own: they are to
 * travel with copies. So their set-id bits are for the guest to refuse: its
 * init mounts what is not the root with nosuid.
 */
#include "backends/share_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

#define OTHERS_WRITE 0022u
#define VALUE_LEN    40 /* three numbers, the longest of ten digits */

/* A descriptor that was opened with O_PATH has no attributes of its own. */
struct place {
	char path[40];
};

static struct place place_of(int fd)
{
	struct place p;

	snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d", fd);
	return p;
}

/* ---- the attribute ---- */

/* Digits only, up to @end. */
static bool parse(const char **at, char end, unsigned int base, uint32_t *out)
{
	const char *s = *at;
	uint64_t n = 0;

	for (; *s >= '0' && *s < (char)('0' + base); s++) {
		n = n * base + (uint64_t)(*s - '0');
		if (n >= UINT32_MAX)
			return false;
	}
	if (s == *at || *s != end)
		return false;
	*at = s + 1;
	*out = (uint32_t)n;
	return true;
}

static bool read_value(int fd, struct share_owner *out)
{
	const struct place p = place_of(fd);
	char value[VALUE_LEN];
	const char *at = value;
	ssize_t n = getxattr(p.path, SHARE_OWNER_ATTR, value, VALUE_LEN - 1);

	if (n < 0 || memchr(value, '\0', (size_t)n))
		return false;
	value[n] = '\0';
	return parse(&at, ':', 10, &out->uid) &&
	       parse(&at, ':', 10, &out->gid) &&
	       parse(&at, '\0', 8, &out->mode) && out->mode <= 07777;
}

bool share_owner_works(int fd)
{
	const struct place p = place_of(fd);

	return getxattr(p.path, SHARE_OWNER_ATTR, NULL, 0) >= 0 ||
	       errno == ENODATA;
}

/* ---- what the guest sees ---- */

static bool is_ours(const struct share *s, const struct statx *stx)
{
	const mode_t type = stx->stx_mode & S_IFMT;

	return s->stored && stx->stx_uid == s->uid &&
	       (type == S_IFREG || type == S_IFDIR);
}

static void show(const struct share *s, int fd, struct statx *stx)
{
	struct share_owner o;

	if (!is_ours(s, stx) || stx->stx_mode & OTHERS_WRITE ||
	    !read_value(fd, &o))
		return;
	stx->stx_uid = o.uid;
	stx->stx_gid = o.gid;
	stx->stx_mode = (uint16_t)((stx->stx_mode & S_IFMT) | o.mode);
}

/* Both are asked of one descriptor: a name may change its file between. */
int share_look(const struct share *s, int fd, const char *name,
	       struct statx *out)
{
	int found = fd, r;

	if (*name && s->stored)
		found = fd_above(openat(fd, name,
					O_PATH | O_NOFOLLOW | O_CLOEXEC));
	else if (*name)
		return share_stat(fd, name, out);
	if (found < 0)
		return -errno;
	r = share_stat(found, "", out);
	if (r == 0)
		show(s, found, out);
	if (found != fd)
		close(found);
	return r;
}

/* ---- what the guest changes ---- */

/* What the host's mode has at least. */
static uint32_t needed(const struct statx *stx)
{
	return S_ISDIR(stx->stx_mode) ? 0700 : 0600;
}

static int set_mode(const struct share *s, int fd, struct statx *stx,
		    uint32_t mode)
{
	const struct share_magic magic = share_magic(fd);

	if (!((stx->stx_mode ^ mode) & 07777u))
		return 0;
	if (fchmodat(s->proc_fd, magic.name, mode, 0) < 0)
		return -errno;
	stx->stx_mode = (uint16_t)((stx->stx_mode & S_IFMT) | mode);
	return 0;
}

static int store(const struct share *s, int fd, struct statx *stx,
		 const struct share_owner *o)
{
	const struct place p = place_of(fd);
	char value[VALUE_LEN];
	int len = snprintf(value, sizeof(value), "%u:%u:%o", o->uid, o->gid,
			   o->mode);
	int r = set_mode(s, fd, stx,
			 needed(stx) | (o->mode & 0777u & ~OTHERS_WRITE));

	if (r == 0 &&
	    setxattr(p.path, SHARE_OWNER_ATTR, value, (size_t)len, 0) < 0)
		r = errno == EOPNOTSUPP ? -EPERM : -errno;
	return r;
}

/* The host can have it as it is. One that we could not read would hide its
 * attribute, had it any. */
static bool is_plain(const struct statx *stx, const struct share_owner *o)
{
	const bool folder = S_ISDIR(stx->stx_mode);
	const uint32_t readable = folder ? 0500 : 0400;

	return o->uid == stx->stx_uid && o->gid == stx->stx_gid &&
	       o->mode == share_safe_mode(o->mode, folder) &&
	       (o->mode & readable) == readable;
}

static int set_plain(const struct share *s, int fd, struct statx *stx,
		     const struct share_owner *o)
{
	const struct place p = place_of(fd);
	int r = 0;

	if (getxattr(p.path, SHARE_OWNER_ATTR, NULL, 0) >= 0 ||
	    errno == EACCES) {
		r = set_mode(s, fd, stx,
			     (stx->stx_mode & 07777u) | needed(stx));
		if (r == 0 && removexattr(p.path, SHARE_OWNER_ATTR) < 0 &&
		    errno != ENODATA)
			r = -errno;
	}
	return r < 0 ? r : set_mode(s, fd, stx, o->mode);
}

int share_owner_set(const struct share *s, int fd, const struct share_owner *o)
{
	struct statx stx;
	int r = share_stat(fd, "", &stx);

	if (r < 0)
		return r;
	if (!is_ours(s, &stx) || o->uid == UINT32_MAX || o->gid == UINT32_MAX)
		return -EPERM;
	return is_plain(&stx, o) ? set_plain(s, fd, &stx, o) :
				   store(s, fd, &stx, o);
}

int share_owner_change(const struct share *s, int fd,
		       const struct share_change *c, const struct statx *now)
{
	const mode_t type = now->stx_mode & S_IFMT;
	struct statx stx = *now;
	struct share_owner o = {
		c->set & SHARE_SET_UID ? c->uid : now->stx_uid,
		c->set & SHARE_SET_GID ? c->gid : now->stx_gid,
		(c->set & SHARE_SET_MODE ? c->mode : now->stx_mode) & 07777u,
	};

	if (type != S_IFREG && type != S_IFDIR)
		return c->set & SHARE_SET_MODE ?
			       set_mode(s, fd, &stx,
					share_safe_mode(o.mode, false)) : 0;
	if (o.uid == now->stx_uid && o.gid == now->stx_gid &&
	    o.mode == (now->stx_mode & 07777u))
		return 0;
	return share_owner_set(s, fd, &o);
}

int share_owner_loosen(const struct share *s, int fd)
{
	struct share_owner o;
	struct statx stx, seen;
	int r = share_stat(fd, "", &stx);

	if (r < 0 || s->cfg.read_only || !is_ours(s, &stx) ||
	    (stx.stx_mode & needed(&stx)) == needed(&stx))
		return -EACCES;
	seen = stx;
	show(s, fd, &seen);
	o = (struct share_owner){ seen.stx_uid, seen.stx_gid,
				  seen.stx_mode & 07777u };
	return store(s, fd, &stx, &o);
}

int share_owner_drop_setid(const struct share *s, int fd)
{
	struct share_owner o;
	struct statx stx;
	int r = s->stored ? share_look(s, fd, "", &stx) : -ENODATA;

	if (r < 0 || !(stx.stx_mode & (S_ISUID | S_ISGID)))
		return r == -ENODATA ? 0 : r;
	o = (struct share_owner){ stx.stx_uid, stx.stx_gid,
				  stx.stx_mode & 01777u };
	return share_owner_set(s, fd, &o);
}
