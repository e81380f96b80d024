// SPDX-License-Identifier: BSD-3-Clause
/* See layer_tree.h: names in folders that have changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/layer_tree.h"
#include "backends/share_hold.h"
#include "backends/share_tree.h"
#include "base/num.h"

#define LIST_MIN 4u

static struct layer_name *of_link(struct layer_link *link)
{
	return link ? container_of(link, struct layer_name, link) : NULL;
}

/* With its place in the list. */
static uint64_t cost_of(const char *text)
{
	return sizeof(struct layer_name) + strlen(text) + 48;
}

struct layer_name *layer_name(struct layer *l, const struct layer_node *folder,
			      const char *text)
{
	struct layer_link *link = layer_table_first(
		&l->names, layer_hash_text(folder->id, text));

	while (link && (of_link(link)->folder != folder ||
			strcmp(of_link(link)->text, text)))
		link = layer_table_next(link);
	return of_link(link);
}

/* ---- a folder's list ---- */

/* Memory that was needed once: names are charged for what they need now. */
static void shrink(struct layer_folder *f)
{
	uint32_t room = (uint32_t)max_u64(2 * (uint64_t)f->len, LIST_MIN);
	struct layer_listed *list;

	if (f->room <= LIST_MIN || f->len >= f->room / 4)
		return;
	list = realloc(f->list, room * sizeof(*list));
	if (!list)
		return;
	f->list = list;
	f->room = room;
}

/* Those that were dropped leave it when they are the most. */
static void compact(struct layer_folder *f)
{
	uint32_t n = 0;

	if (f->dropped <= f->len / 2)
		return;
	for (uint32_t i = 0; i < f->len; i++)
		if (f->list[i].name)
			f->list[n++] = f->list[i];
	f->len = n;
	f->dropped = 0;
	shrink(f);
}

static int list_room(struct layer_folder *f)
{
	struct layer_listed *list;
	uint32_t room;

	compact(f);
	if (f->len < f->room)
		return 0;
	room = f->room ? 2 * f->room : LIST_MIN;
	list = realloc(f->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	f->list = list;
	f->room = room;
	return 0;
}

/* The place of the first of that number or a later one. */
static uint32_t place_of(const struct layer_folder *f, uint64_t number)
{
	uint32_t low = 0, high = f->len;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (f->list[mid].number >= number)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct layer_name *layer_name_from(const struct layer_node *folder,
				   uint64_t number)
{
	const struct layer_folder *f = &folder->folder;

	for (uint32_t i = place_of(f, number); i < f->len; i++)
		if (f->list[i].name && f->list[i].name->node)
			return f->list[i].name;
	return NULL;
}

/* ---- making and dropping ---- */

int layer_name_make(struct layer *l, struct layer_node *folder,
		    const char *text, struct layer_name **out)
{
	struct layer_name *name = layer_name(l, folder, text);
	struct layer_folder *f = &folder->folder;
	size_t len = strlen(text) + 1;
	int r;

	*out = name;
	if (name)
		return 0;
	r = layer_charge(l, cost_of(text));
	if (r < 0)
		return r;
	name = list_room(f) < 0 ? NULL : malloc(sizeof(*name) + len);
	if (!name) {
		layer_credit(l, cost_of(text));
		return -ENOMEM;
	}
	*name = (struct layer_name){ .folder = folder, .number = ++f->next };
	memcpy(name->text, text, len);
	f->list[f->len++] = (struct layer_listed){ name->number, name };
	layer_table_add(&l->names, &name->link,
			layer_hash_text(folder->id, text));
	*out = name;
	return 0;
}

void layer_name_set(struct layer_name *name, struct layer_node *node)
{
	if (name->node)
		name->node->names--;
	name->node = node;
	if (node)
		node->names++;
}

static void destroy(struct layer *l, struct layer_name *name)
{
	layer_name_set(name, NULL);
	layer_table_remove(&l->names, &name->link);
	layer_credit(l, cost_of(name->text));
	free(name);
}

void layer_name_settle(struct layer *l, struct layer_name *name)
{
	struct layer_folder *f = &name->folder->folder;

	if (name->node || name->covers)
		return;
	f->list[place_of(f, name->number)].name = NULL;
	f->dropped++;
	destroy(l, name);
	compact(f);
}

void layer_names_drop(struct layer *l, struct layer_node *folder)
{
	struct layer_folder *f = &folder->folder;

	for (uint32_t i = 0; i < f->len; i++)
		if (f->list[i].name)
			destroy(l, f->list[i].name);
	free(f->list);
	*f = (struct layer_folder){ 0 };
}

/* ---- finding ---- */

/* What the share says: of a node that has changed, or has lost its names while
 * somebody still has it, we know better. */
static int find_below(struct layer *l, uint64_t parent, uint64_t handle,
		      const char *name, struct layer_found *out)
{
	struct share_entry *e = &out->below;
	int r = handle ? share_lookup_in(l->share, handle, name, e) :
			 share_lookup(l->share, parent, name, e);

	if (r < 0)
		return r;
	out->covered = true;
	out->node = layer_node(l, e->node);
	if (!out->node)
		return 0;
	share_forget(l->share, e->node, 1);
	return out->node->gone ? -ENOENT : 0;
}

int layer_find(struct layer *l, uint64_t parent, uint64_t handle,
	       const char *name, struct layer_found *out)
{
	const struct layer_node *folder = layer_node(l, parent);
	const struct layer_name *known;
	int r = share_check_name(name);

	*out = (struct layer_found){ .covered = false };
	if (r < 0)
		return r;
	if (folder && !S_ISDIR(folder->mode))
		return -ENOTDIR;
	known = folder ? layer_name(l, folder, name) : NULL;
	if (known) {
		out->covered = known->covers;
		out->node = known->node;
		return known->node ? 0 : -ENOENT;
	}
	if (folder && !folder->is_below)
		return -ENOENT;
	return find_below(l, parent, handle, name, out);
}

int layer_find_node(struct layer *l, struct layer_node *parent,
		    const char *name, struct layer_node **out, bool *covers)
{
	struct layer_found found;
	int r = layer_find(l, parent->id, 0, name, &found);

	*out = NULL;
	*covers = found.covered;
	if (r < 0)
		return r;
	if (found.node) {
		found.node->refs++;
		*out = found.node;
		return 0;
	}
	r = layer_node_change(l, found.below.node, out);
	if (r < 0) {
		*out = NULL;
		share_forget(l->share, found.below.node, 1);
	} else if (share_is_own(l->share, (*out)->id)) {
		(*out)->refs++; /* the share counts none */
	}
	return r;
}

int layer_folder_for(struct layer *l, uint64_t id, const char *name,
		     struct layer_node **out)
{
	int r = share_check_name(name);

	if (r == 0)
		r = layer_node_change(l, id, out);
	if (r < 0)
		return r;
	if (!S_ISDIR((*out)->mode))
		return -ENOTDIR;
	return (*out)->gone ? -ENOENT : 0;
}
