/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket device's driver (virtio 1.2, 5.10): packets one at a time, each
 * field as one likes. */
#ifndef FIRMWARE_GUEST_VSOCK_H
#define FIRMWARE_GUEST_VSOCK_H

#include "guest_virtio.h"

#define VSOCK_HOST   2u
#define VSOCK_HEADER 44u
#define VSOCK_STREAM 1u
#define VSOCK_BUFFER 4096u
#define VSOCK_ALLOC  65536u /* what we say that we have room for */

enum vsock_op {
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE = 2,
	VSOCK_RST = 3,
	VSOCK_SHUTDOWN = 4,
	VSOCK_RW = 5,
	VSOCK_CREDIT_UPDATE = 6,
	VSOCK_CREDIT_REQUEST = 7,
};

struct vsock_packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len;
	uint16_t type, op;
	uint32_t flags;
	uint32_t alloc, forwarded;
};

struct vsock {
	struct vio dev;
	struct vq rx, tx, event;
	uint64_t cid;
	uint64_t out; /* header and data to send: two pages */
	uint64_t in;  /* VSOCK_BUFFER bytes, posted or not: */
	bool posted;
};

void vsock_open(struct vsock *v);
void vsock_start(struct vsock *v, uint64_t features, uint16_t size);
/* A packet of this operation from one of our ports to one of the host's. */
struct vsock_packet vsock_make(const struct vsock *v, enum vsock_op op,
			       uint32_t from, uint32_t to);
/* Sends the header and @bytes that follow it in v->out, whatever it says. */
void vsock_send_raw(struct vsock *v, const struct vsock_packet *p,
		    uint32_t bytes);
void vsock_send(struct vsock *v, enum vsock_op op, uint32_t from, uint32_t to);
/* The next packet to us; false when none comes within @us. */
bool vsock_receive(struct vsock *v, struct vsock_packet *p, uint32_t us);
/* The next one is @op for our @port, or the test has failed. */
void vsock_expect(struct vsock *v, enum vsock_op op, uint32_t port,
		  const char *when);
/* A connection to the host's @port, which has an echo, from our @from; some
 * bytes there and back, and its end. */
void vsock_check(struct vsock *v, uint32_t from, uint32_t port,
		 const char *when);

#endif
