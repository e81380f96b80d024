/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket device as it looks from the driver's side (virtio 1.2, 5.10). */
#ifndef VIREO_DEVICES_VIRTIO_VSOCK_WIRE_H
#define VIREO_DEVICES_VIRTIO_VSOCK_WIRE_H

#include "base/endian.h"

#define VSOCK_HOST_CID 2

/* 5.10.2. */
enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_QUEUES };

#define VSOCK_STREAM 1u

/* 5.10.6. */
enum vsock_op {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE = 2,
	VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4,
	VSOCK_OP_RW = 5,
	VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7,
};

/* 5.10.6.6: the sender will not receive, will not send any more. */
#define VSOCK_NO_RECEIVE 1u
#define VSOCK_NO_SEND    2u
#define VSOCK_CLOSED     3u

struct vsock_header {
	le64 src_cid;
	le64 dst_cid;
	le32 src_port;
	le32 dst_port;
	le32 len;
	le16 type;
	le16 op;
	le32 flags;
	le32 buf_alloc;
	le32 fwd_cnt;
};

_Static_assert(sizeof(struct vsock_header) == 44, "virtio 1.2, 5.10.6");

#endif
