// SPDX-License-Identifier: BSD-3-Clause
/* See layer_handle.h. */
#include "backends/layer_handle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

#define FIRST 64u

/* Room for one more. */
static int grow(struct layer *l)
{
	uint32_t count = l->handles ? 2 * l->handles : FIRST;
	struct layer_handle *more;

	if (l->handles_open < l->handles)
		return 0;
	count = (uint32_t)min_u64(count, l->handles_max);
	if (count <= l->handles)
		return -ENFILE;
	more = realloc(l->handle, count * sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (uint32_t i = l->handles; i < count; i++)
		more[i] = (struct layer_handle){ .used = false };
	l->handle = more;
	l->handles = count;
	return 0;
}

/* The next that is free, beginning where the last one was found; there is. */
static struct layer_handle *free_handle(struct layer *l)
{
	struct layer_handle *h;

	do
		h = &l->handle[l->handle_next++ % l->handles];
	while (h->used);
	return h;
}

static void bind(struct layer *l, struct layer_handle *h)
{
	if (h->node)
		return;
	h->node = layer_node(l, h->id);
	if (h->node)
		h->node->opens++;
}

int layer_handle_add(struct layer *l, uint64_t id, uint64_t below,
		     struct layer_handle **h, uint64_t *number)
{
	int r = grow(l);

	if (r < 0) {
		if (below)
			share_close(l->share, below);
		return r;
	}
	*h = free_handle(l);
	**h = (struct layer_handle){ .used = true, .id = id, .below = below,
				     .generation = (*h)->generation };
	l->handles_open++;
	bind(l, *h);
	*number = (uint64_t)(*h)->generation << 32 |
		  (uint64_t)(*h - l->handle + 1);
	return 0;
}

struct layer_handle *layer_handle(struct layer *l, uint64_t id)
{
	uint32_t i = (uint32_t)id - 1;
	struct layer_handle *h = i < l->handles ? &l->handle[i] : NULL;

	if (!h || !h->used || h->generation != id >> 32)
		return NULL;
	bind(l, h);
	return h;
}

static void close_one(struct layer *l, struct layer_handle *h)
{
	struct layer_node *n = h->node;

	if (h->below)
		share_close(l->share, h->below);
	h->used = false;
	h->generation++;
	l->handles_open--;
	if (!n)
		return;
	n->opens--;
	layer_node_settle(l, n);
}

int layer_close(struct files *f, uint64_t handle)
{
	struct layer *l = to_layer(f);
	struct layer_handle *h = layer_handle(l, handle);

	if (!h)
		return -EBADF;
	close_one(l, h);
	return 0;
}

void layer_handles_drop(struct layer *l)
{
	for (uint32_t i = 0; i < l->handles; i++)
		if (l->handle[i].used)
			close_one(l, &l->handle[i]);
}
