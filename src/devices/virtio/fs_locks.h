/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the file system device: requests that wait for a lock of the host's
 * files. Nobody tells when one is free, so it is tried again, soon after the
 * guest has given one back and ever less often otherwise. Those that wait are
 * few, and none of them holds up the others.
 *
 * Threads: as virtio.h says; a lock of its own keeps the retries apart from
 * stop(). Only files fs*.c include this.
 */
#ifndef VIREO_DEVICES_VIRTIO_FS_LOCKS_H
#define VIREO_DEVICES_VIRTIO_FS_LOCKS_H

#include "devices/virtio/virtio.h"

struct fs_locks;
struct files;

/* @files outlives it. @most: that wait. */
int fs_locks_create(struct fs_locks **out, struct virtio *v,
		    struct files *files, unsigned int most);
/* NULL is accepted, here and below. */
void fs_locks_destroy(struct fs_locks *l);
/* Between the two nothing is tried; those that wait go on waiting. */
void fs_locks_start(struct fs_locks *l);
void fs_locks_stop(struct fs_locks *l);
/* Requests of that queue (-1: of all) are no more, without an answer. */
void fs_locks_forget(struct fs_locks *l, int queue);
/* A lock may have become free. Loop thread, as what follows. */
void fs_locks_try(struct fs_locks *l);
/* The request of that number has been given up: it is answered -EINTR. */
void fs_locks_interrupt(struct fs_locks *l, uint64_t unique);

#endif
