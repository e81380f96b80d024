// SPDX-License-Identifier: BSD-3-Clause
/* See share_tree.h: which file it is, whatever its name. */
#include "backends/share_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

int share_stat(int fd, const char *name, struct statx *out)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (!*name)
		flags |= AT_EMPTY_PATH;
	if (statx(fd, name, flags,
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, out) < 0)
		return -errno;
	return 0;
}

struct share_key share_key(const struct statx *stx)
{
	return (struct share_key){
		.dev = (uint64_t)stx->stx_dev_major << 32 | stx->stx_dev_minor,
		.ino = stx->stx_ino,
		.type = stx->stx_mode & S_IFMT,
		.born_s = stx->stx_mask & STATX_BTIME ? stx->stx_btime.tv_sec
						      : 0,
		.born_ns = stx->stx_mask & STATX_BTIME ?
				   stx->stx_btime.tv_nsec : 0,
	};
}

bool share_key_same(const struct share_key *a, const struct share_key *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->type == b->type &&
	       a->born_s == b->born_s && a->born_ns == b->born_ns;
}

bool share_key_like(const struct share_key *a, const struct share_key *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->type == b->type;
}

static bool born_later(const struct share_key *a, const struct share_key *b)
{
	return a->born_s > b->born_s ||
	       (a->born_s == b->born_s && a->born_ns > b->born_ns);
}

bool share_key_is_copied_up(int fd, const struct share_key *now,
			    const struct share_key *was)
{
	struct statfs fs;

	return now->type == S_IFDIR && share_key_like(now, was) &&
	       born_later(now, was) && fstatfs(fd, &fs) == 0 &&
	       fs.f_type == OVERLAYFS_SUPER_MAGIC;
}
