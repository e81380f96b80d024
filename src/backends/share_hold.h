/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of a share that somebody else counts the references of: a layer above
 * it, which has changed them (layer.h). Threads: as share.h.
 */
#ifndef VIREO_BACKENDS_SHARE_HOLD_H
#define VIREO_BACKENDS_SHARE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct share;

/* The node stays until it is let go, whatever is forgotten or reset. *refs: the
 * references it had, which are the caller's to count now. -ESTALE. */
int share_hold(struct share *s, uint64_t node, uint64_t *refs);
/* Once for each time it was held. */
void share_let_go(struct share *s, uint64_t node);
/* Is it one of our own files, or their folder? */
bool share_is_own(struct share *s, uint64_t node);
/* Does that folder have one by that name, which no listing has? */
bool share_has_own(struct share *s, uint64_t parent, const char *name);
/* The folder it was seen in last; 0: it is the root, or no node. */
uint64_t share_parent(struct share *s, uint64_t node);

#endif
