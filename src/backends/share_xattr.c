// SPDX-License-Identifier: BSD-3-Clause
/*
 * See share_xattr.h. Those of the host's security modules and capabilities are
 * none of the guest's, nor are our own.
 */
#include "backends/share_xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backends/share_tree.h"

#define NAME_MAX_LEN 255u
#define VALUE_MAX    65536u /* the kernel's own bounds */

static bool allowed(const char *name)
{
	return !strncmp(name, "user.", 5) && strncmp(name, "user.vireo.", 11);
}

/* A descriptor that attributes can be asked for by. */
static int open_node(struct share *s, uint64_t node)
{
	struct share_node *n;
	int fd = share_node_open(s, node, &n);

	if (fd < 0)
		return fd;
	if (n->kernels ||
	    (n->key.type != S_IFREG && n->key.type != S_IFDIR))
		return -EOPNOTSUPP;
	return share_reopen(s, fd, O_RDONLY | O_NONBLOCK);
}

static int check_name(const char *name)
{
	if (strnlen(name, NAME_MAX_LEN + 1) > NAME_MAX_LEN)
		return -ERANGE;
	return allowed(name) ? 0 : -EOPNOTSUPP;
}

int share_getxattr(struct share *s, uint64_t node, const char *name, void *buf,
		   size_t size)
{
	int r = check_name(name);
	int fd = r < 0 ? r : open_node(s, node);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = fgetxattr(fd, name, buf, size);
	r = n < 0 ? -errno : (int)n;
	close(fd);
	return r;
}

/* Leaves those that are allowed; their bytes. */
static size_t filter(char *list, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strlen(list + at) + 1;

		if (allowed(list + at)) {
			memmove(list + kept, list + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

int share_listxattr(struct share *s, uint64_t node, char *buf, size_t size)
{
	int fd = open_node(s, node);
	char *all;
	ssize_t n;
	size_t kept;

	if (fd < 0)
		return fd;
	all = malloc(VALUE_MAX);
	if (!all) {
		close(fd);
		return -ENOMEM;
	}
	n = flistxattr(fd, all, VALUE_MAX);
	if (n < 0) {
		int r = -errno;

		free(all);
		close(fd);
		return r;
	}
	kept = filter(all, (size_t)n);
	if (size && kept <= size)
		memcpy(buf, all, kept);
	free(all);
	close(fd);
	return size && kept > size ? -ERANGE : (int)kept;
}

static int open_to_change(struct share *s, uint64_t node, const char *name)
{
	int r = check_name(name);

	if (r == 0 && s->cfg.read_only)
		r = -EROFS;
	return r < 0 ? r : open_node(s, node);
}

int share_setxattr(struct share *s, uint64_t node, const char *name,
		   const void *value, size_t size, int flags)
{
	int fd = size > VALUE_MAX ? -E2BIG : open_to_change(s, node, name);
	int r;

	if (fd < 0)
		return fd;
	r = fsetxattr(fd, name, value, size, flags) < 0 ? -errno : 0;
	share_node_refresh(s, share_node(s, node));
	close(fd);
	return r;
}

int share_removexattr(struct share *s, uint64_t node, const char *name)
{
	int fd = open_to_change(s, node, name);
	int r;

	if (fd < 0)
		return fd;
	r = fremovexattr(fd, name) < 0 ? -errno : 0;
	share_node_refresh(s, share_node(s, node));
	close(fd);
	return r;
}
