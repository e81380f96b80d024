// SPDX-License-Identifier: BSD-3-Clause
/*
 * See layer_ops.h: listing folders. One that has not changed when a listing
 * begins is the share's, without the names that have gone meanwhile. In one
 * that has, entries of the share's are known by their place in its listing,
 * and ours, which come after them, by their numbers: the share may know its by
 * any number at all. A name that covers one of the share's is at the share's
 * place, so that a listing that goes on meanwhile has it once.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "backends/layer_handle.h"
#include "backends/layer_ops.h"
#include "backends/share_hold.h"

#define OURS (UINT64_C(1) << 62)

static struct layer_handle *folder_handle(struct layer *l, uint64_t id)
{
	struct layer_handle *h = layer_handle(l, id);

	return h && h->is_folder ? h : NULL;
}

int layer_open_folder(struct files *f, uint64_t node, uint64_t *handle)
{
	struct layer *l = to_layer(f);
	const struct layer_node *n = layer_node(l, node);
	struct layer_handle *h;
	uint64_t below = 0;
	int r = n && !S_ISDIR(n->mode) ? -ENOTDIR : 0;

	if (r == 0 && (!n || n->is_below))
		r = share_open_folder(l->share, node, &below);
	if (r == 0)
		r = layer_handle_add(l, node, below, &h, handle);
	if (r == 0)
		h->is_folder = true;
	return r;
}

static void describe(struct share_dirent *out, const struct layer_node *n)
{
	out->ino = n->ino;
	out->type = (unsigned char)IFTODT(n->mode);
}

/* Is that entry of the share's one of the folder's? As what is there now. */
static bool stays(struct layer *l, const struct layer_node *folder,
		  struct share_dirent *out)
{
	const struct layer_name *name =
		folder ? layer_name(l, folder, out->name) : NULL;

	if (!name)
		return true;
	if (!name->covers || !name->node)
		return false; /* it came later, or is gone */
	describe(out, name->node);
	return true;
}

/* Goes on from the share's own place. */
static int read_below(struct layer *l, const struct layer_handle *h,
		      uint64_t at, struct share_dirent *out)
{
	int r;

	do {
		r = share_read_folder(l->share, h->below, at, out);
		at = out->next;
	} while (r > 0 && !stays(l, h->node, out));
	return r;
}

/* ---- a folder that has changed ---- */

/* To the entry at that place, or to the end: 0. */
static int go_to(struct layer *l, struct layer_handle *h, uint64_t place)
{
	struct share_dirent d;
	int r = 1;

	if (place == h->last_at) {
		h->at = h->last_at;
		h->cookie = h->last_cookie;
	} else if (place < h->at) {
		h->at = 0;
		h->cookie = 0;
	}
	while (h->at < place && r > 0) {
		r = share_read_folder(l->share, h->below, h->cookie, &d);
		h->cookie = r > 0 ? d.next : h->cookie;
		h->at += r > 0;
	}
	return r;
}

static int next_below(struct layer *l, struct layer_handle *h, uint64_t place,
		      struct share_dirent *out)
{
	int r = go_to(l, h, place);

	while (r > 0) {
		r = share_read_folder(l->share, h->below, h->cookie, out);
		if (r <= 0)
			break;
		h->last_at = h->at++;
		h->last_cookie = h->cookie;
		h->cookie = out->next;
		out->next = h->at;
		if (stays(l, h->node, out))
			break;
	}
	return r;
}

/* One that was made here has them from us. */
static int next_dot(const struct layer_node *n, uint64_t place,
		    struct share_dirent *out)
{
	if (place > 1)
		return 0;
	*out = (struct share_dirent){ .ino = n->ino, .next = place + 1,
				      .type = DT_DIR,
				      .name = place ? ".." : "." };
	return 1;
}

/* Is it at the place of one that the share lists? */
static bool is_below(struct layer *l, const struct layer_name *name)
{
	return name->covers &&
	       !share_has_own(l->share, name->folder->id, name->text);
}

static int next_ours(struct layer *l, const struct layer_node *n,
		     uint64_t number, struct share_dirent *out)
{
	const struct layer_name *name = layer_name_from(n, number);

	while (name && is_below(l, name))
		name = layer_name_from(n, name->number + 1);
	if (!name)
		return 0;
	*out = (struct share_dirent){ .next = OURS | (name->number + 1),
				      .name = name->text };
	describe(out, name->node);
	return 1;
}

/* Who begins again wants to see what is new. */
static void begin(struct layer_handle *h)
{
	h->merged = h->node != NULL;
	h->at = 0;
	h->cookie = 0;
	h->last_at = 0;
	h->last_cookie = 0;
}

int layer_read_folder(struct files *f, uint64_t handle, uint64_t at,
		      struct share_dirent *out)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h = folder_handle(l, handle);
	int r = 0;

	if (!h)
		return -EBADF;
	if (at > INT64_MAX)
		return -EINVAL;
	if (!at)
		begin(h);
	if (!h->merged)
		return h->below ? read_below(l, h, at, out) : 0;
	if (!(at & OURS))
		r = h->below ? next_below(l, h, at, out) :
			       next_dot(h->node, at, out);
	return r ? r : next_ours(l, h->node, at & OURS ? at & ~OURS : 0, out);
}

int layer_lookup_in(struct files *f, uint64_t handle, const char *name,
		    struct share_entry *out)
{
	struct layer *l = to_layer(f);
	const struct layer_handle *h = folder_handle(l, handle);
	struct layer_found found;
	int r = h ? layer_find(l, h->id, h->below, name, &found) : -EBADF;

	if (r < 0)
		return r;
	if (found.node)
		layer_node_entry(found.node, out);
	else
		*out = found.below;
	return 0;
}

/* ---- is it empty? ---- */

int layer_folder_empty(struct layer *l, struct layer_node *n)
{
	struct share_dirent d = { .next = 0 };
	uint64_t handle;
	int r;

	if (layer_name_from(n, 0))
		return -ENOTEMPTY;
	if (!n->is_below || share_is_own(l->share, n->id))
		return 0; /* what is our own may go as one */
	r = share_open_folder(l->share, n->id, &handle);
	if (r < 0)
		return r;
	while ((r = share_read_folder(l->share, handle, d.next, &d)) > 0)
		if (strcmp(d.name, ".") && strcmp(d.name, "..") &&
		    !layer_name(l, n, d.name))
			break;
	share_close(l->share, handle);
	return r > 0 ? -ENOTEMPTY : r;
}
