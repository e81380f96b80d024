// SPDX-License-Identifier: BSD-3-Clause
/* See share.h: finding names and listing folders. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/share_own.h"
#include "backends/share_tree.h"
#include "base/num.h"

#define CONFIGFS_MAGIC 0x62656570 /* no header has it */

bool share_is_kernels(int fd)
{
	static const uint32_t magic[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		SECURITYFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC, AAFS_MAGIC,
		CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC,
		BPF_FS_MAGIC, NSFS_MAGIC, PSTOREFS_MAGIC, EFIVARFS_MAGIC,
		BINFMTFS_MAGIC, BINDERFS_SUPER_MAGIC, XENFS_SUPER_MAGIC,
		CONFIGFS_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(magic); i++)
		if ((uint32_t)fs.f_type == magic[i])
			return true;
	return false;
}

int share_lookup(struct share *s, uint64_t parent, const char *name,
		 struct share_entry *out)
{
	int r = share_own_lookup(s, parent, name, out);
	int fd;

	if (r <= 0)
		return r;
	fd = share_folder_fd(s, parent);
	if (fd < 0)
		return fd;
	return share_node_find(s, share_node(s, parent), fd, name, out);
}

int share_lookup_in(struct share *s, uint64_t handle, const char *name,
		    struct share_entry *out)
{
	struct share_handle *h = share_handle(s, handle);

	if (!h || !h->dir)
		return -EBADF;
	return share_node_find(s, h->node, h->fd, name, out);
}

int share_open_folder(struct share *s, uint64_t node, uint64_t *handle)
{
	struct share_node *n = share_node(s, node);
	int fd = share_folder_fd(s, node);
	DIR *dir;

	if (fd < 0)
		return fd;
	fd = share_reopen(s, fd, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;

		close(fd);
		return r;
	}
	return share_handle_add(s, n, fd, dir, handle);
}

int share_open_to_sync(struct share *s, uint64_t node)
{
	int fd = share_folder_fd(s, node);

	return fd < 0 ? fd : share_reopen(s, fd, O_RDONLY | O_DIRECTORY);
}

/* The next one of the host's; NULL: the end, or an error in errno. One that was
 * read may not have fitted, and is asked for again; but who begins again wants
 * to see what is new. */
static struct dirent *next_entry(struct share_handle *h, uint64_t at)
{
	if (at && h->last && h->last_at == at)
		return h->last;
	if (at != h->next)
		seekdir(h->dir, (long)at);
	errno = 0;
	h->last = readdir(h->dir);
	h->last_at = at;
	if (h->last)
		h->next = (uint64_t)h->last->d_off;
	return h->last;
}

int share_read_folder(struct share *s, uint64_t handle, uint64_t at,
		      struct share_dirent *out)
{
	struct share_handle *h = share_handle(s, handle);
	struct dirent *d;

	if (!h || !h->dir)
		return -EBADF;
	if (at > INT64_MAX)
		return -EINVAL;
	do {
		d = next_entry(h, at);
		if (!d)
			return -errno;
		at = (uint64_t)d->d_off;
	} while (share_is_hidden(s, h->node, h->fd, d->d_name));
	*out = (struct share_dirent){ .ino = d->d_ino, .next = at,
				      .type = d->d_type, .name = d->d_name };
	return 1;
}
