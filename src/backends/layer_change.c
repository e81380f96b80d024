// SPDX-License-Identifier: BSD-3-Clause
/* See layer_ops.h: making and removing names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/layer_ops.h"
#include "backends/layer_tree.h"

#define TARGET_MAX 4095u

/* ---- making ---- */

/* A folder of the host's may not count those in it (btrfs). */
void layer_count_folder(struct layer_node *parent, int more)
{
	if (parent->nlink > 1)
		parent->nlink += (uint32_t)more;
}

/* The group comes from a folder with the set-group-id bit, and so does that. */
static void inherit(const struct layer_node *parent, struct layer_node *n)
{
	if (!(parent->mode & S_ISGID))
		return;
	n->gid = parent->gid;
	if (S_ISDIR(n->mode))
		n->mode |= S_ISGID;
}

/* A name of nothing, for something that has none there. */
static int new_name(struct layer *l, uint64_t parent, const char *text,
		    struct layer_name **out)
{
	struct layer_node *folder;
	struct layer_found found;
	int r = layer_folder_for(l, parent, text, &folder);

	if (r < 0)
		return r;
	r = layer_find(l, parent, 0, text, &found);
	if (r == 0 && !found.node)
		share_forget(l->share, found.below.node, 1);
	if (r != -ENOENT)
		return r < 0 ? r : -EEXIST;
	r = layer_name_make(l, folder, text, out);
	if (r == 0)
		(*out)->covers = found.covered;
	return r;
}

int layer_make(struct layer *l, uint64_t parent, const char *name,
	       uint32_t mode, const struct share_user *user,
	       struct layer_node **out)
{
	struct layer_name *place;
	int r = new_name(l, parent, name, &place);

	if (r < 0)
		return r;
	r = layer_node_make(l, mode, user, out);
	if (r < 0) {
		layer_name_settle(l, place);
		return r;
	}
	layer_name_set(place, *out);
	(*out)->refs = 1;
	inherit(place->folder, *out);
	layer_node_touch(place->folder);
	if (S_ISDIR(mode)) {
		(*out)->folder.parent = parent;
		layer_count_folder(place->folder, 1);
	}
	return 0;
}

static int make_entry(struct layer *l, uint64_t parent, const char *name,
		      uint32_t mode, const struct share_user *user,
		      struct share_entry *out)
{
	struct layer_node *n;
	int r = layer_make(l, parent, name, mode, user, &n);

	if (r < 0)
		return r;
	out->node = n->id;
	layer_node_attr(n, &out->attr);
	return 0;
}

int layer_mkdir(struct files *f, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	return make_entry(to_layer(f), parent, name, S_IFDIR | (mode & 07777u),
			  user, out);
}

int layer_mknod(struct files *f, uint64_t parent, const char *name,
		uint32_t mode, const struct share_user *user,
		struct share_entry *out)
{
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return -EPERM;
	return make_entry(to_layer(f), parent, name,
			  mode & (S_IFMT | 07777u), user, out);
}

int layer_symlink(struct files *f, uint64_t parent, const char *name,
		  const char *target, const struct share_user *user,
		  struct share_entry *out)
{
	struct layer *l = to_layer(f);
	size_t len = strnlen(target, TARGET_MAX + 1);
	int r = len > TARGET_MAX ? -ENAMETOOLONG : !len ? -ENOENT :
			layer_charge(l, len);
	char *copy = r < 0 ? NULL : strdup(target);
	struct layer_node *n;

	if (r < 0)
		return r;
	r = copy ? layer_make(l, parent, name, S_IFLNK | 0777u, user, &n) :
		   -ENOMEM;
	if (r < 0) {
		free(copy);
		layer_credit(l, len);
		return r;
	}
	n->target = (struct layer_target){ copy, len };
	out->node = n->id;
	layer_node_attr(n, &out->attr);
	return 0;
}

int layer_link(struct files *f, uint64_t node, uint64_t parent,
	       const char *name, struct share_entry *out)
{
	struct layer *l = to_layer(f);
	struct layer_name *place;
	struct layer_node *n;
	int r = layer_node_change(l, node, &n);

	if (r < 0)
		return r;
	if (S_ISDIR(n->mode))
		return -EPERM;
	if (n->gone)
		return -ENOENT;
	r = new_name(l, parent, name, &place);
	if (r < 0)
		return r;
	layer_name_set(place, n);
	n->nlink++;
	n->ctime = layer_now();
	layer_node_touch(place->folder);
	layer_node_entry(n, out);
	return 0;
}

/* ---- removing ---- */

/* What the host counted when the node changed is not all: it may have made
 * names since, and have one folder at two places. */
void layer_lose_name(struct layer_node *folder, struct layer_node *n)
{
	n->ctime = layer_now();
	if (S_ISDIR(n->mode)) {
		n->nlink = n->names ? n->nlink : 0;
		layer_count_folder(folder, -1);
	} else {
		n->nlink -= n->nlink > n->names;
	}
	n->gone = !n->nlink && !n->names;
}

static int remove_node(struct layer *l, struct layer_node *folder,
		       const char *text, struct layer_node *n, bool covers)
{
	struct layer_name *name;
	int r = S_ISDIR(n->mode) ? layer_folder_empty(l, n) : 0;

	if (r == 0)
		r = layer_name_make(l, folder, text, &name);
	if (r < 0)
		return r;
	layer_name_set(name, NULL);
	name->covers = covers;
	layer_name_settle(l, name);
	layer_lose_name(folder, n);
	layer_node_touch(folder);
	return 0;
}

int layer_remove(struct files *f, uint64_t parent, const char *name,
		 bool folder)
{
	struct layer *l = to_layer(f);
	struct layer_node *from, *n;
	bool covers;
	int r = layer_folder_for(l, parent, name, &from);

	if (r == 0)
		r = layer_find_node(l, from, name, &n, &covers);
	if (r < 0)
		return r;
	if (folder != S_ISDIR(n->mode))
		r = folder ? -ENOTDIR : -EISDIR;
	if (r == 0)
		r = remove_node(l, from, name, n, covers);
	n->refs--;
	layer_node_settle(l, n);
	return r;
}
