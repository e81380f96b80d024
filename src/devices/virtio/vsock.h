/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio socket device (virtio 1.2, 5.10): stream sockets between guest
 * and host, without the host's kernel knowing. On the host they are unix
 * sockets:
 *
 *   host to guest   connect to PATH, send "CONNECT 1234\n"; "OK 1073741824\n"
 *                   (the host's port) says that the guest has accepted, an
 *                   end without it that it has not
 *   guest to host   what the guest connects to at port 52, CID 2, arrives at
 *                   the socket PATH_52
 *
 * Both sides' ends are half-closed and closed separately, as with TCP.
 */
#ifndef VIREO_DEVICES_VIRTIO_VSOCK_H
#define VIREO_DEVICES_VIRTIO_VSOCK_H

#include "devices/virtio/virtio.h"

#define VSOCK_PATH_MAX 96 /* of PATH: "_4294967295" must fit as well */

/* Who is at the host's port @port for the guest: a connected stream socket that
 * does not block, the device's from here on, or -errno (-ENOENT: look at the
 * paths). Loop thread, with the device's lock held. */
struct vsock_dial {
	int (*dial)(void *ctx, uint32_t port, uint32_t guest_port);
	void *ctx;
};

struct vsock_config {
	const char *path;    /* PATH; NULL: none, and nobody connects to it */
	struct vsock_dial dial; /* for the program's own ports; may be {0} */
	uint64_t cid;        /* the guest's; 0: 3 */
	uint32_t request_ms; /* patience with CONNECT and the guest; 0: 10 s */
};

struct vsock_counts {
	uint64_t opened;  /* connections */
	uint64_t dropped; /* packets and buffers that mean nothing */
	uint64_t resets;  /* sent to the guest */
	uint64_t refused; /* connections that did not come about */
};

/* Listens at PATH from here on; a connection waits there until the guest's
 * driver is ready. -EINVAL, -EADDRINUSE, -ENOMEM, ... */
int vsock_create(struct virtio **out, const struct vsock_config *cfg,
		 const struct virtio_host *host, struct err *err);

/* Any thread. */
void vsock_counts(struct virtio *v, struct vsock_counts *counts);

#endif
