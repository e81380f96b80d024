// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share_own.h. Their nodes are made with the share and stay as long as it
 * does: what the guest forgets of them is not counted. The folder has no
 * descriptor, so whatever needs one fails there; a file's is of sealed memory,
 * which nobody can write to. What is not denied for want of these, is as for
 * the kernel's files on the host (share_node.kernels).
 */
#include "backends/share_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#define COUNT_MAX 1024u
#define MODE      0555u /* of the folder */
#define BLOCK     512u
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Device 0 is no file system's, so none of the host's files has such a key;
 * and inode numbers are given out from below. */
static struct statx attributes(unsigned int i, uint32_t mode, uint64_t len)
{
	struct timespec now;
	struct statx_timestamp t;

	clock_gettime(CLOCK_REALTIME, &now);
	t = (struct statx_timestamp){ .tv_sec = now.tv_sec,
				      .tv_nsec = (uint32_t)now.tv_nsec };
	return (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = 4096,
		.stx_nlink = S_ISDIR(mode) ? 2 : 1,
		.stx_mode = (uint16_t)mode,
		.stx_ino = UINT64_MAX - i,
		.stx_size = len,
		.stx_blocks = (len + BLOCK - 1) / BLOCK,
		.stx_atime = t, .stx_mtime = t, .stx_ctime = t,
	};
}

/* A descriptor, or -errno. */
static int store(const struct own_file *f)
{
	int fd = fd_above(memfd_create(f->name,
				       MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_full(fd, f->bytes, f->len);
	if (r == 0 && (fchmod(fd, 0400) < 0 ||
		       fcntl(fd, F_ADD_SEALS, SEALS) < 0))
		r = -errno;
	if (r < 0)
		fd_close(&fd);
	return r < 0 ? r : fd;
}

/* Takes over @fd, after a failure too. */
static int add(struct share *s, uint64_t parent, const char *name, int fd,
	       uint32_t mode, uint64_t len)
{
	struct share_own *o = &s->own[s->own_count];
	struct share_entry e;
	int r = share_check_name(name);

	o->stx = attributes(s->own_count, mode, len);
	if (r == 0)
		r = share_node_of(s, share_node(s, parent), name, &o->stx, &e);
	if (r < 0) {
		fd_close(&fd);
		return r;
	}
	o->node = share_node(s, e.node);
	o->node->fd = fd;
	o->node->own = &o->stx;
	o->node->kernels = true;
	s->own_count++;
	return 0;
}

static int add_file(struct share *s, const struct own_file *f)
{
	int fd = store(f);

	return fd < 0 ? fd :
			add(s, s->own[0].node->id, f->name, fd,
			    S_IFREG | (f->mode & 0777u), f->len);
}

int share_own_create(struct share *s, const struct share_config *cfg,
		     struct err *err)
{
	const char *what = cfg->own.folder;
	int r = cfg->own.count > COUNT_MAX ? -EINVAL : 0;

	if (!what)
		return 0;
	if (r == 0)
		s->own = calloc(cfg->own.count + 1, sizeof(*s->own));
	if (r == 0 && !s->own)
		r = -ENOMEM;
	if (r == 0)
		r = add(s, SHARE_ROOT, what, -1, S_IFDIR | MODE, 0);
	for (unsigned int i = 0; i < cfg->own.count && r == 0; i++) {
		what = cfg->own.file[i].name;
		r = add_file(s, &cfg->own.file[i]);
	}
	return r < 0 ? err_set(err, r, "%s in %s: %s", what, cfg->path,
			       strerror(-r)) : 0;
}

int share_own_lookup(struct share *s, uint64_t parent, const char *name,
		     struct share_entry *out)
{
	const struct share_node *in = share_node(s, parent);

	if (!s->own_count || !in || (in->parent && !in->own))
		return 1;
	for (unsigned int i = 0; i < s->own_count; i++) {
		const struct share_own *o = &s->own[i];

		if (o->node->parent == in && !strcmp(o->node->name, name)) {
			*out = (struct share_entry){ .node = o->node->id,
						     .attr.stx = o->stx };
			return 0;
		}
	}
	if (!in->own)
		return 1;
	return in->key.type == S_IFDIR ? -ENOENT : -ENOTDIR;
}

void share_own_finish(struct share *s)
{
	for (unsigned int i = 0; i < s->own_count; i++) {
		s->own[i].node->own = NULL;
		fd_close(&s->own[i].node->fd);
	}
	s->own_count = 0;
}
