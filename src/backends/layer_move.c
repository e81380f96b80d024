// SPDX-License-Identifier: BSD-3-Clause
/* See layer_ops.h: renaming. What needs memory is done before anything is
 * changed. */
#include <errno.h>
#include <linux/fs.h>

#include "backends/layer_ops.h"
#include "backends/layer_tree.h"
#include "backends/share_hold.h"

#define DEPTH_MAX 65536u /* more is no tree */

/* One of the two places. */
struct place {
	struct layer_node *folder;
	const char *text;
	struct layer_node *node; /* with a reference; NULL: nothing there */
	bool covers;
	struct layer_name *name;
};

/* Is the folder @n above @of, or the same? */
static bool is_above(struct layer *l, const struct layer_node *n, uint64_t of)
{
	for (unsigned int i = 0; of && of != n->id; i++) {
		const struct layer_node *at = layer_node(l, of);
		uint64_t up = at && S_ISDIR(at->mode) ? at->folder.parent : 0;

		if (i == DEPTH_MAX)
			return true;
		of = up ? up : share_parent(l->share, of);
	}
	return of == n->id;
}

static int may_replace(struct layer *l, const struct layer_node *n,
		       struct layer_node *there)
{
	if (S_ISDIR(n->mode) != S_ISDIR(there->mode))
		return S_ISDIR(n->mode) ? -ENOTDIR : -EISDIR;
	return S_ISDIR(there->mode) ? layer_folder_empty(l, there) : 0;
}

static int check(struct layer *l, const struct place *from,
		 const struct place *to, unsigned int flags)
{
	if (from->node == to->node)
		return flags & RENAME_NOREPLACE ? -EEXIST : 0;
	if (S_ISDIR(from->node->mode) &&
	    is_above(l, from->node, to->folder->id))
		return -EINVAL;
	if (!to->node)
		return flags & RENAME_EXCHANGE ? -ENOENT : 0;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!(flags & RENAME_EXCHANGE))
		return may_replace(l, from->node, to->node);
	return S_ISDIR(to->node->mode) &&
			       is_above(l, to->node, from->folder->id) ?
		       -EINVAL : 0;
}

static int find(struct layer *l, struct place *p, uint64_t parent)
{
	int r = layer_folder_for(l, parent, p->text, &p->folder);

	return r < 0 ? r : layer_find_node(l, p->folder, p->text, &p->node,
					   &p->covers);
}

/* Both have their names then. A new one says what was there before, so that it
 * may stay. */
static int make_names(struct layer *l, struct place *from, struct place *to)
{
	struct place *const both[] = { from, to };
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		struct place *p = both[i];

		r = layer_name_make(l, p->folder, p->text, &p->name);
		if (r < 0)
			break;
		p->name->covers = p->covers;
		layer_name_set(p->name, p->node);
	}
	return r;
}

/* @n is there now. */
static void put(struct place *p, struct layer_node *n)
{
	layer_name_set(p->name, n);
	n->ctime = layer_now();
	if (!S_ISDIR(n->mode))
		return;
	n->folder.parent = p->folder->id;
	layer_count_folder(p->folder, 1);
}

static void take(struct place *p)
{
	layer_name_set(p->name, NULL);
	if (S_ISDIR(p->node->mode))
		layer_count_folder(p->folder, -1);
}

static int move(struct layer *l, struct place *from, struct place *to,
		unsigned int flags)
{
	int r = check(l, from, to, flags);

	if (r < 0 || from->node == to->node)
		return r; /* two names of one file stay both */
	r = make_names(l, from, to);
	if (r < 0)
		return r;
	take(from);
	if (flags & RENAME_EXCHANGE) {
		take(to);
		put(from, to->node);
	} else if (to->node) {
		layer_name_set(to->name, NULL);
		layer_lose_name(to->folder, to->node);
	}
	put(to, from->node);
	layer_node_touch(from->folder);
	layer_node_touch(to->folder);
	layer_name_settle(l, from->name);
	return 0;
}

static void give_back(struct layer *l, struct layer_node *n)
{
	if (!n)
		return;
	n->refs--;
	layer_node_settle(l, n);
}

int layer_rename(struct files *f, uint64_t from, const char *name, uint64_t to,
		 const char *new_name, unsigned int flags)
{
	struct layer *l = to_layer(f);
	struct place a = { .text = name }, b = { .text = new_name };
	int r;

	if (flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	r = find(l, &a, from);
	if (r < 0)
		return r;
	r = find(l, &b, to);
	if (r == 0 || (r == -ENOENT && b.folder && !b.folder->gone))
		r = move(l, &a, &b, flags);
	if (b.node != a.node)
		give_back(l, b.node);
	else if (b.node)
		b.node->refs--;
	give_back(l, a.node);
	return r;
}
