// SPDX-License-Identifier: BSD-3-Clause
/*
 * See layer_ops.h: extended attributes. A file's are the share's until one of
 * them changes; then all of them are ours. Those of security modules and the
 * guest's root may be set as well: they mean nothing to anybody else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "backends/layer_ops.h"
#include "backends/layer_tree.h"
#include "backends/share_xattr.h"

#define NAME_MOST 255u
#define SIZE_MOST 65536u /* the kernel's own bounds, of a value and a list */
#define COUNT_MOST 256u
#define COST      64u /* of one, beside its bytes */

/* ---- the list ---- */

static struct layer_xattr **find(struct layer_node *n, const char *name)
{
	struct layer_xattr **at = &n->xattr;

	while (*at && strcmp((*at)->name, name))
		at = &(*at)->next;
	return at;
}

static uint64_t cost_of(const struct layer_xattr *x)
{
	return COST + strlen(x->name) + x->size;
}

static void drop(struct layer *l, struct layer_xattr **at)
{
	struct layer_xattr *x = *at;

	*at = x->next;
	layer_credit(l, cost_of(x));
	free(x);
}

void layer_xattrs_drop(struct layer *l, struct layer_node *n)
{
	while (n->xattr)
		drop(l, &n->xattr);
}

void layer_drop_setid(struct layer *l, struct layer_node *n)
{
	struct layer_xattr **capability = find(n, "security.capability");

	if (S_ISDIR(n->mode))
		return;
	n->mode &= ~(uint32_t)S_ISUID;
	if (n->mode & S_IXGRP)
		n->mode &= ~(uint32_t)S_ISGID;
	if (*capability)
		drop(l, capability);
}

/* In place of one of that name. */
static int put(struct layer *l, struct layer_node *n, const char *name,
	       const void *value, size_t size)
{
	size_t len = strlen(name) + 1;
	struct layer_xattr *x, **old;
	unsigned int count = 0;
	int r;

	for (x = n->xattr; x; x = x->next)
		count++;
	if (count >= COUNT_MOST && !*find(n, name))
		return -ENOSPC;
	r = layer_charge(l, COST + len - 1 + size);
	if (r < 0)
		return r;
	x = malloc(sizeof(*x) + len + size);
	if (!x) {
		layer_credit(l, COST + len - 1 + size);
		return -ENOMEM;
	}
	x->size = size;
	x->value = x->name + len;
	memcpy(x->name, name, len);
	if (size)
		memcpy(x->value, value, size);
	old = find(n, name);
	if (*old)
		drop(l, old);
	x->next = n->xattr;
	n->xattr = x;
	return 0;
}

/* ---- from below ---- */

static int take_one(struct layer *l, struct layer_node *n, const char *name,
		    char *value)
{
	int r = share_getxattr(l->share, n->id, name, value, SIZE_MOST);

	return r == -ENODATA ? 0 : r < 0 ? r :
	       put(l, n, name, value, (size_t)r);
}

/* What has none there has none. */
static int take_over(struct layer *l, struct layer_node *n)
{
	char *list, *value;
	int len, r = 0;

	if (n->own_xattrs)
		return 0;
	list = malloc(2u * SIZE_MOST);
	if (!list)
		return -ENOMEM;
	value = list + SIZE_MOST;
	len = share_listxattr(l->share, n->id, list, SIZE_MOST);
	if (len == -EOPNOTSUPP || len == -EACCES)
		len = 0;
	for (int at = 0; at < len && r == 0; at += (int)strlen(list + at) + 1)
		r = take_one(l, n, list + at, value);
	free(list);
	if (len < 0 || r < 0) {
		layer_xattrs_drop(l, n);
		return len < 0 ? len : r;
	}
	n->own_xattrs = true;
	return 0;
}

/* ---- requests ---- */

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with)) && name[strlen(with)];
}

static int check_name(const char *name, uint32_t mode)
{
	if (strnlen(name, NAME_MOST + 1) > NAME_MOST)
		return -ERANGE;
	if (starts(name, "security.") || starts(name, "trusted."))
		return 0;
	if (!starts(name, "user."))
		return -EOPNOTSUPP;
	return S_ISREG(mode) || S_ISDIR(mode) ? 0 : -EPERM;
}

int layer_getxattr(struct files *f, uint64_t node, const char *name, void *buf,
		   size_t size)
{
	struct layer *l = to_layer(f);
	struct layer_node *n = layer_node(l, node);
	const struct layer_xattr *x;
	int r;

	if (!n || !n->own_xattrs)
		return share_getxattr(l->share, node, name, buf, size);
	r = check_name(name, n->mode);
	x = r < 0 ? NULL : *find(n, name);
	if (!x)
		return r < 0 ? r : -ENODATA;
	if (size && size < x->size)
		return -ERANGE;
	if (size)
		memcpy(buf, x->value, x->size);
	return (int)x->size;
}

int layer_listxattr(struct files *f, uint64_t node, char *buf, size_t size)
{
	struct layer *l = to_layer(f);
	const struct layer_node *n = layer_node(l, node);
	size_t len = 0;

	if (!n || !n->own_xattrs)
		return share_listxattr(l->share, node, buf, size);
	for (const struct layer_xattr *x = n->xattr; x; x = x->next) {
		size_t here = strlen(x->name) + 1;

		if (size && here > size - len)
			return -ERANGE;
		if (size)
			memcpy(buf + len, x->name, here);
		len += here;
	}
	return (int)len;
}

static int to_change(struct layer *l, uint64_t node, const char *name,
		     struct layer_node **n)
{
	int r = layer_node_change(l, node, n);

	if (r == 0)
		r = check_name(name, (*n)->mode);
	return r < 0 ? r : take_over(l, *n);
}

int layer_setxattr(struct files *f, uint64_t node, const char *name,
		   const void *value, size_t size, int flags)
{
	struct layer *l = to_layer(f);
	struct layer_node *n;
	bool there;
	int r = size > SIZE_MOST ? -E2BIG : to_change(l, node, name, &n);

	if (r < 0)
		return r;
	there = *find(n, name);
	if (there && flags & XATTR_CREATE)
		return -EEXIST;
	if (!there && flags & XATTR_REPLACE)
		return -ENODATA;
	r = put(l, n, name, value, size);
	if (r == 0)
		n->ctime = layer_now();
	return r;
}

int layer_removexattr(struct files *f, uint64_t node, const char *name)
{
	struct layer *l = to_layer(f);
	struct layer_xattr **at;
	struct layer_node *n;
	int r = to_change(l, node, name, &n);

	if (r < 0)
		return r;
	at = find(n, name);
	if (!*at)
		return -ENODATA;
	drop(l, at);
	n->ctime = layer_now();
	return 0;
}
