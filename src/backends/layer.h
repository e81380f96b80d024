/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A throwaway layer above a share that nobody changes: the guest sees the
 * share's files, and may change all of them, but nothing of that gets to the
 * host. What is kept lives as long as the layer, whatever the guest forgets.
 *
 * Names, owners, modes, times and attributes of what has changed are in memory;
 * they are exact, whoever runs it, and there are FIFOs and sockets too, but no
 * devices. Contents are in a temporary file without a name, by chunks: so
 * changing a byte of a large file is cheap, and moving a folder is whatever is
 * in it. What has not changed is the share's: its rules hold (share.h), and
 * what it hides may be made anew.
 *
 * A file that has changed is the same file as before: the same node, of the
 * same inode. When the host replaces one below, its changes are lost to sight.
 *
 * Answers are share.h's. -ENOSPC: contents or memory are at their limit.
 * Threads: one at a time. Must not know: FUSE, virtio.
 */
#ifndef VIREO_BACKENDS_LAYER_H
#define VIREO_BACKENDS_LAYER_H

#include "backends/files.h"

struct layer_config {
	const char *dir; /* of the temporary file */
	uint64_t size;   /* of contents, at most; 0: half of what is free */
	uint64_t memory; /* for everything else, at most; 0: 512 MiB */
	unsigned int handles; /* at most; 0: 65536 */
};

/* Takes over @share, after a failure too. */
int layer_create(struct files **out, const struct layer_config *cfg,
		 struct share *share, struct err *err);

#endif
