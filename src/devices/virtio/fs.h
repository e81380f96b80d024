/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio file system device (virtio 1.2, 5.11): a share of the host's files
 * for the guest's virtiofs driver. It has a queue for what is urgent and one
 * for requests; each request is carried out before the next one is looked at.
 *
 * Threads: as virtio.h says. A request blocks as long as the host's file system
 * does, so the device wants a loop of its own.
 */
#ifndef VIREO_DEVICES_VIRTIO_FS_H
#define VIREO_DEVICES_VIRTIO_FS_H

#include "backends/files.h"
#include "devices/virtio/virtio.h"

#define FS_TAG_MAX    36u
#define FS_QUEUE_SIZE 1024
#define FS_WRITE_MAX  (1u << 20) /* bytes of one request */
#define FS_READ_MAX   (16u << 20) /* 256 pages of 64 KiB */

/* How long the guest believes what it has been told. */
enum fs_cache {
	FS_CACHE_AUTO,   /* names and attributes for a second */
	FS_CACHE_NONE,   /* nothing, not even contents */
	FS_CACHE_ALWAYS, /* as long as it likes: nobody else changes the tree */
};

struct fs_config {
	const char *tag; /* what the guest mounts: 1 to FS_TAG_MAX bytes */
	enum fs_cache cache;
	bool writeback; /* writes may wait in the guest */
	bool host_locks; /* locks are against the host's programs too */
	unsigned int waiters; /* for locks, at most; 0: 64. And to sync */
	bool whole; /* file systems below it are not told apart */
};

/* Takes over @files, after a failure too. */
int fs_create(struct virtio **out, const struct fs_config *cfg,
	      struct files *files, const struct virtio_host *host,
	      struct err *err);

#endif
