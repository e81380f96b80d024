/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside the layer: open files and folders. Only files layer*.c include it. */
#ifndef VIREO_BACKENDS_LAYER_HANDLE_H
#define VIREO_BACKENDS_LAYER_HANDLE_H

#include "backends/layer_tree.h"

struct layer_handle {
	bool used, is_folder, merged;
	uint32_t generation;
	int flags;
	uint64_t id;             /* of its node */
	struct layer_node *node; /* NULL: it had not changed */
	uint64_t below;          /* the share's handle; 0: none */
	/* A folder's: an entry of the share's, by its place in the listing, and
	 * how the share is asked for it; and the one before. */
	uint64_t at, cookie;
	uint64_t last_at, last_cookie;
};

/* NULL: no such one. What has changed since is known by it. */
struct layer_handle *layer_handle(struct layer *l, uint64_t id);
/* A new one of the node @id, all of the rest of *h is the caller's to fill;
 * takes over @below, after a failure too. */
int layer_handle_add(struct layer *l, uint64_t id, uint64_t below,
		     struct layer_handle **h, uint64_t *number);
int layer_close(struct files *f, uint64_t handle);
void layer_handles_drop(struct layer *l);

#endif
