/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside the file system device: a guest's sync() and syncfs(). The host's file
 * system may have a great deal to write that is none of this guest's, so it is
 * asked on a thread of its own, and other requests go on meanwhile. Who asks
 * while it is being asked waits for the next time; all of them have one answer.
 *
 * Threads: as virtio.h says; a lock of its own keeps answers apart from stop().
 * Only files fs*.c include this.
 */
#ifndef VIREO_DEVICES_VIRTIO_FS_SYNC_H
#define VIREO_DEVICES_VIRTIO_FS_SYNC_H

#include "devices/virtio/virtio.h"

struct fs_sync;

/* @most: that wait; for one more the device does. */
int fs_sync_create(struct fs_sync **out, struct virtio *v,
		   unsigned int most);
/* Waits until the host has written what it was asked for. NULL is accepted. */
void fs_sync_destroy(struct fs_sync *y);
/* Between the two nothing is answered; those that wait go on waiting. */
void fs_sync_start(struct fs_sync *y);
void fs_sync_stop(struct fs_sync *y);
/* Requests of that queue (-1: of all) are no more, without an answer. */
void fs_sync_forget(struct fs_sync *y, int queue);

#endif
