/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio device of the embedder's: its type, features and configuration space
 * are given, its requests go to a function and come back whenever they are
 * done, from any thread. Requests that are out when the device stops become
 * void: they can be neither read nor written any more, and are to be given back
 * all the same. After a pause they are handed out again.
 *
 * Machines come and go at a guest's resets, each with a device of its own: what
 * stays is the desk.
 */
#ifndef VIREO_DEVICES_VIRTIO_CUSTOM_H
#define VIREO_DEVICES_VIRTIO_CUSTOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "devices/virtio/virtio.h"

/* What belongs to the core or the transport, and is not a type's to offer. */
#define CUSTOM_VIRTIO_FEATURES (~(UINT64_C(0x3ffffff) << 24))
#define CUSTOM_VIRTIO_CONFIG_MAX 1024u /* bytes */

struct custom_desk;
struct vireo_request;

struct custom_virtio_ops {
	/* Under the transport's lock; may be NULL. */
	void (*config_write)(void *ctx, uint32_t off, unsigned int len,
			     uint64_t value);
	/* The driver is there, with these features. As above. */
	void (*ready)(void *ctx, uint64_t features);
	/* The loop's thread. It is given back by custom_request_done(). */
	void (*request)(void *ctx, struct vireo_request *request);
	/* The driver has reset it; and once when it is made. As above. */
	void (*reset)(void *ctx);
	void *ctx;
};

struct custom_virtio_config {
	unsigned int type; /* 1 and up: virtio 1.2, 5 */
	uint64_t features;
	unsigned int queues;     /* 1 to VIRTIO_MAX_QUEUES */
	unsigned int queue_size; /* a power of two, at most QUEUE_SIZE_MAX */
	struct custom_virtio_ops ops;
	struct custom_desk *desk; /* not owned; has one device at a time */
};

/* A desk with this configuration space, of CUSTOM_VIRTIO_CONFIG_MAX bytes at
 * most; copied. NULL: out of memory. */
struct custom_desk *custom_desk_create(const void *space, uint32_t size);
/* After its device's end; requests that are still out keep what they need. NULL
 * is accepted. */
void custom_desk_destroy(struct custom_desk *desk);
/* Changes the configuration space, and tells nobody: for when there is no
 * device. -EINVAL: there is no such part. Any thread. */
int custom_desk_set_space(struct custom_desk *desk, uint32_t off,
			  const void *bytes, uint32_t len);

int custom_virtio_create(struct virtio **out,
			 const struct custom_virtio_config *cfg,
			 const struct virtio_host *host, struct err *err);

/* The same of a device that is there, and tells its driver. */
int custom_virtio_set_space(struct virtio *v, uint32_t off, const void *bytes,
			    uint32_t len);

/* ---- requests; any thread, and after the device's end ---- */

unsigned int custom_request_queue(const struct vireo_request *rq);
uint64_t custom_request_readable(const struct vireo_request *rq);
uint64_t custom_request_writable(const struct vireo_request *rq);
/* 0; -EINVAL: these bytes are not there; -ECANCELED: it is void. */
int custom_request_read(struct vireo_request *rq, uint64_t off, void *dst,
			size_t len);
int custom_request_write(struct vireo_request *rq, uint64_t off,
			 const void *src, size_t len);
/* The first @written bytes of its writable part are the answer. @rq is gone. */
void custom_request_done(struct vireo_request *rq, uint64_t written);

#endif
