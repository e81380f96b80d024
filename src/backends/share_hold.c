// SPDX-License-Identifier: BSD-3-Clause
/* See share_hold.h. A node that is held has one child more, as one that is open
 * has. */
#include "backends/share_hold.h"

#include <errno.h>

#include "backends/share_own.h"
#include "backends/share_tree.h"

int share_hold(struct share *s, uint64_t node, uint64_t *refs)
{
	struct share_node *n = share_node(s, node);

	if (!n)
		return -ESTALE;
	*refs = n->own ? 0 : n->refs;
	n->refs -= *refs;
	n->children++;
	return 0;
}

void share_let_go(struct share *s, uint64_t node)
{
	struct share_node *n = share_node(s, node);

	if (n)
		share_node_drop(s, n);
}

bool share_is_own(struct share *s, uint64_t node)
{
	const struct share_node *n = share_node(s, node);

	return n && n->own;
}

bool share_has_own(struct share *s, uint64_t parent, const char *name)
{
	struct share_entry e;

	return share_own_lookup(s, parent, name, &e) == 0;
}

uint64_t share_parent(struct share *s, uint64_t node)
{
	const struct share_node *n = share_node(s, node);

	return n && n->parent ? n->parent->id : 0;
}
