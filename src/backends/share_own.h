/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of our own in a share: a folder at its root that is not the host's.
 * They are looked up by name, read, and nothing else: no listing has them, and
 * nothing changes them, whether the share is read-only or not. A file of the
 * host's with the folder's name does not exist for the guest. Only files
 * share*.c include this.
 */
#ifndef VIREO_BACKENDS_SHARE_OWN_H
#define VIREO_BACKENDS_SHARE_OWN_H

#include "backends/share_tree.h"

/* A file, or the folder, which is the first of them. */
struct share_own {
	struct statx stx;
	struct share_node *node;
};

/* The root's node is there. -EINVAL, -ENOMEM, ... with a sentence. */
int share_own_create(struct share *s, const struct share_config *cfg,
		     struct err *err);
/* As share_lookup(), for what is ours; 1: it is not. */
int share_own_lookup(struct share *s, uint64_t parent, const char *name,
		     struct share_entry *out);
/* Before the nodes go. */
void share_own_finish(struct share *s);

#endif
