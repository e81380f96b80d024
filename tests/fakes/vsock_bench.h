/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest with a virtio socket device, and host programs around it. The guest
 * writes its packets itself, right or wrong. What does not come in time ends
 * the test (assert).
 */
#ifndef VIREO_FAKE_VSOCK_BENCH_H
#define VIREO_FAKE_VSOCK_BENCH_H

#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_wire.h"
#include "driver_ring.h"
#include "virtio_front.h"

#define BENCH_CID     42
#define BENCH_SIZE    64   /* of each ring */
#define BENCH_PAYLOAD 4096 /* of a receive buffer */

struct vsock_packet {
	uint64_t src_cid; /* 0 as sent: BENCH_CID */
	uint64_t dst_cid; /* 0 as sent: the host */
	uint32_t host_port;
	uint32_t guest_port;
	uint32_t len;
	uint16_t type; /* 0 as sent: stream */
	uint16_t op;
	uint32_t flags;
	uint32_t alloc;
	uint32_t forwarded;
	uint8_t data[BENCH_PAYLOAD]; /* as received */
};

struct vsock_bench {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	unsigned int lines;
	char dir[40];
	char path[64];
	struct virtio *v;
	struct front front;
	struct driver_ring ring[VSOCK_QUEUES];
	bool rings;
	uint64_t rx[BENCH_SIZE]; /* buffers by head */
	uint64_t tx;		 /* a packet of up to 64 KiB and more */
	uint64_t event;
	uint32_t dialed, dialed_from; /* ports the program was asked for last */
};

/* A device at b->path, and no driver yet. @request_ms as in the config. */
void vsock_bench_init(struct vsock_bench *b, uint32_t request_ms);
void vsock_bench_finish(struct vsock_bench *b);
/* Fresh rings and DRIVER_OK. @rx: how many receive buffers are posted. */
void vsock_bench_run(struct vsock_bench *b, unsigned int rx,
		     uint64_t features);
void vsock_bench_post_rx(struct vsock_bench *b, unsigned int count);
void vsock_bench_post_event(struct vsock_bench *b, uint32_t len);

/* Sends; @data are p->len bytes, or NULL: zeroes. On return the device has
 * taken it. */
void guest_send(struct vsock_bench *b, const struct vsock_packet *p,
		const void *data);
/* Shorter: an operation of a connection, with 64 KiB of credit. */
void guest_op(struct vsock_bench *b, uint16_t op, uint32_t host_port,
	      uint32_t guest_port);
void guest_data(struct vsock_bench *b, uint32_t host_port, uint32_t guest_port,
		const void *data, uint32_t len);
/* The next packet; false: none now. The buffer is posted again. */
bool guest_poll(struct vsock_bench *b, struct vsock_packet *p);
/* The next packet, which must be @op. */
void guest_expect(struct vsock_bench *b, struct vsock_packet *p, uint16_t op);
/* Nothing comes. */
bool guest_quiet(struct vsock_bench *b);

/* ---- host programs; descriptors block, with a timeout ---- */

/* Listens at PATH_@port; accepts. */
int host_listen(const struct vsock_bench *b, uint32_t port);
int host_accept(int fd);
/* Connects to PATH and sends @line. */
int host_connect(const struct vsock_bench *b, const char *line);
void host_write(int fd, const void *data, size_t len);
/* Exactly @len bytes. */
void host_read(int fd, void *data, size_t len);
/* The other side has ended: no bytes and the end. */
bool host_at_end(int fd);

/* Both ends of an open connection: the host's descriptor; the guest's ports
 * are given (from the guest) or returned (from the host). */
int open_from_guest(struct vsock_bench *b, uint32_t host_port,
		    uint32_t guest_port);
int open_from_host(struct vsock_bench *b, uint32_t guest_port,
		   uint32_t *host_port);

#endif
