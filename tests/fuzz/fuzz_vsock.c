// SPDX-License-Identifier: BSD-3-Clause
/* What a driver and host programs can ask of the socket device. The host's
 * sockets are pairs; the input is a program of steps. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "base/fd.h"
#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_wire.h"
#include "driver_ring.h"
#include "fuzz_loop.h"

#define CID   3
#define SIZE  16
#define PEERS 8
#define DATA  (DRIVER_RAM_GPA + DRIVER_RAM_SIZE - 262144)

struct stage {
	struct fuzz_input in;
	struct driver_ram ram;
	struct driver_ring ring[VSOCK_QUEUES];
	struct virtio *v;
};

/* ---- the host: backends/unix_sock.h ---- */

static int peer[PEERS]; /* the programs' ends; -1: none */
static unsigned int next_peer;
static int waiting; /* to be accepted; -1: nobody */
static bool refuses;
static int bell; /* the listening socket: readable while one waits */

/* Our end of a new pair. */
static int make_pair(void)
{
	unsigned int at = next_peer++ % PEERS;
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			fd) == 0);
	fd_close(&peer[at]);
	peer[at] = fd[0];
	return fd[1];
}

int unix_listen(int *out, const char *path, int backlog, struct err *err)
{
	bell = fd_event_create();
	must(bell >= 0);
	*out = bell;
	return 0;
}

int unix_connect(int *out, const char *path)
{
	*out = refuses ? -1 : make_pair();
	return refuses ? -ECONNREFUSED : 0;
}

int unix_accept(int listen_fd)
{
	int fd = waiting;

	waiting = -1;
	fd_event_drain(bell);
	return fd < 0 ? -EAGAIN : fd;
}

bool unix_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void host(struct stage *t)
{
	static const char *const lines[] = { "CONNECT 1\n", "CONNECT 2\nmore",
					     "CONN", "\n", "" };
	unsigned int at = take(&t->in, 1) % PEERS;
	static char buf[65536];

	switch (take(&t->in, 1) % 6) {
	case 0:
		if (waiting >= 0)
			break;
		waiting = make_pair();
		at = take(&t->in, 1) % 5;
		send(peer[(next_peer - 1) % PEERS], lines[at],
		     strlen(lines[at]), MSG_NOSIGNAL);
		fd_event_signal(bell);
		break;
	case 1:
		send(peer[at], buf, take(&t->in, 2), MSG_NOSIGNAL);
		break;
	case 2:
		recv(peer[at], buf, take(&t->in, 2), 0);
		break;
	case 3:
		shutdown(peer[at], (int)take(&t->in, 1) % 3);
		break;
	case 4:
		fd_close(&peer[at]);
		break;
	default:
		refuses = take(&t->in, 1) % 2;
		break;
	}
}

/* ---- the driver ---- */

static void set(struct stage *t, enum vreg reg, uint32_t value)
{
	virtio_write(t->v, reg, value);
}

static void run(struct stage *t, uint64_t features)
{
	const struct queue_features f = {
		.packed = features & VIRTIO_F_RING_PACKED,
	};

	features |= VIRTIO_F_VERSION_1;
	driver_ram_clear(&t->ram);
	set(t, VREG_STATUS, 0);
	set(t, VREG_STATUS, 1);
	set(t, VREG_STATUS, 3);
	for (uint32_t i = 0; i < 2; i++) {
		set(t, VREG_DRIVER_FEATURES_SEL, i);
		set(t, VREG_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	set(t, VREG_STATUS, 11);
	for (unsigned int i = 0; i < VSOCK_QUEUES; i++) {
		driver_ring_finish(&t->ring[i]);
		driver_ring_init(&t->ring[i], &t->ram, SIZE, &f);
		set(t, VREG_QUEUE_SEL, i);
		set(t, VREG_QUEUE_SIZE, SIZE);
		set(t, VREG_QUEUE_DESC_LO, (uint32_t)t->ring[i].params.desc);
		set(t, VREG_QUEUE_DRIVER_LO,
		    (uint32_t)t->ring[i].params.driver);
		set(t, VREG_QUEUE_DEVICE_LO,
		    (uint32_t)t->ring[i].params.device);
		set(t, VREG_QUEUE_ENABLE, 1);
	}
	set(t, VREG_STATUS, 15);
}

/* Mostly right: what differs comes from the program. */
static void packet(struct stage *t)
{
	uint32_t odd = take(&t->in, 1);
	uint32_t port = take(&t->in, 1);
	uint32_t len = take(&t->in, 1) * 300;
	const struct vsock_header h = {
		.src_cid = le64_put(odd & 1 && odd & 2 ? port : CID),
		.dst_cid = le64_put(VSOCK_HOST_CID),
		.src_port = le32_put(port & 3),
		.dst_port = le32_put(port & 64 ? (1u << 30) + (port >> 2 & 7)
					       : port >> 2 & 3),
		.len = le32_put(odd & 4 && odd & 8 ? take(&t->in, 4) : len),
		.type = le16_put(odd & 16 && odd & 32 ? 2 : VSOCK_STREAM),
		.op = le16_put((uint16_t)(take(&t->in, 1) % 9)),
		.flags = le32_put(take(&t->in, 1)),
		.buf_alloc = le32_put(take(&t->in, 1) * 1000),
		.fwd_cnt = le32_put(odd & 64 ? take(&t->in, 4) : 0),
	};
	const struct driver_buf bufs[] = {
		{ DATA, sizeof(h), false },
		{ DATA + sizeof(h), len, odd & 128 && odd & 1 },
	};

	memcpy(driver_ram_at(&t->ram, DATA, sizeof(h)), &h, sizeof(h));
	driver_post(&t->ring[VSOCK_TX], bufs, len ? 2 : 1);
	virtio_notify(t->v, VSOCK_TX);
}

static void buffer(struct stage *t)
{
	unsigned int n = take(&t->in, 1) % VSOCK_QUEUES;
	const struct driver_buf buf = { DATA + 131072,
					1 + take(&t->in, 1) * 40,
					n != VSOCK_TX };

	driver_post(&t->ring[n], &buf, 1);
	virtio_notify(t->v, n);
}

static void snapshot(struct stage *t)
{
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;

	must(s && virtio_snapshot(t->v, s) == 0);
	must(snap_finish(s, &blob, &len) == 0);
	must(snap_open(&load, blob, len, NULL) == 0);
	must(virtio_snapshot(t->v, load) == 0);
	must(snap_finish(load, NULL, NULL) == 0);
	snap_destroy(load);
	snap_destroy(s);
}

static void step(struct stage *t)
{
	struct driver_done done;

	switch (take(&t->in, 1) % 10) {
	case 0:
	case 1:
	case 2:
		packet(t);
		break;
	case 3:
	case 4:
		buffer(t);
		break;
	case 5:
	case 6:
		host(t);
		break;
	case 7:
		for (unsigned int i = 0; i < VSOCK_QUEUES; i++)
			while (driver_collect(&t->ring[i], &done))
				;
		break;
	case 8:
		virtio_pause(t->v);
		loop_round(true);
		virtio_resume(t->v);
		break;
	default:
		if (take(&t->in, 1) % 2)
			snapshot(t);
		else
			run(t, (uint64_t)(take(&t->in, 1) % 2) << 34);
		break;
	}
	loop_round(take(&t->in, 1) % 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };
	struct virtio_host where = { "v", &t.ram.mem, NULL, NULL };
	const struct vsock_config cfg = { .path = "v", .cid = CID };

	for (unsigned int i = 0; i < PEERS; i++)
		peer[i] = -1;
	waiting = -1;
	refuses = false;
	t.ram = *fuzz_ram();
	must(vsock_create(&t.v, &cfg, &where, NULL) == 0);
	virtio_attach(t.v, &no_transport, NULL);
	run(&t, 0);
	for (unsigned int i = 0; t.in.left && i < 200; i++)
		step(&t);
	must(!virtio_broken(t.v));
	virtio_destroy(t.v);
	loop_sweep();
	for (unsigned int i = 0; i < PEERS; i++)
		fd_close(&peer[i]);
	fd_close(&waiting);
	for (unsigned int i = 0; i < VSOCK_QUEUES; i++)
		driver_ring_finish(&t.ring[i]);
	return 0;
}
