// SPDX-License-Identifier: BSD-3-Clause
/* What a driver and host programs can ask of the socket device. The host's
 * sockets are pairs; the input is a program of steps. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "base/fd.h"
#include "base/num.h"
#include "devices/virtio/vsock_parts.h"
#include "driver_ring.h"
#include "fuzz_loop.h"

#define CID       3
#define SIZE      16
#define PEERS     8
#define MAX_STEPS 256
#define DATA      (DRIVER_RAM_GPA + DRIVER_RAM_SIZE - 262144)
#define ROOM      (DATA + 131072) /* SIZE buffers for what comes */
#define ROOM_LEN  8192u
#define HEADER    ((uint32_t)sizeof(struct vsock_header))

struct stage {
	struct fuzz_input in;
	struct driver_ram ram;
	struct driver_ring ring[VSOCK_QUEUES];
	struct virtio *v;
	uint64_t room[SIZE]; /* by head: where it is */
	unsigned int rooms;  /* so far; they are used in order */
	uint32_t got[8][8];  /* bytes, by guest port and host port */
};

/* ---- the host: backends/unix_sock.h ---- */

static int peer[PEERS]; /* the programs' ends; -1: none */
static unsigned int next_peer;
static int waiting; /* to be accepted; -1: nobody */
static bool refuses;
static int accept_error; /* 0: none */
static int bell; /* the listening socket: readable while one waits */

static void host_reset(void)
{
	for (unsigned int i = 0; i < PEERS; i++)
		peer[i] = -1;
	next_peer = 0;
	waiting = -1;
	refuses = false;
	accept_error = 0;
}

/* Our end of a new pair, which takes little at once. */
static int make_pair(void)
{
	unsigned int at = next_peer++ % PEERS;
	const int little = 4096;
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			fd) == 0);
	must(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &little,
			sizeof(little)) == 0);
	fd_close(&peer[at]);
	peer[at] = fd[0];
	return fd[1];
}

int unix_listen(int *out, const char *path, int backlog, struct err *err)
{
	*out = -1;
	if (refuses)
		return err_set(err, -EADDRINUSE, "%s is in use", path);
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

	if (accept_error)
		return accept_error;
	waiting = -1;
	fd_event_drain(bell);
	return fd < 0 ? -EAGAIN : fd;
}

bool unix_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void say(unsigned int at, uint32_t what)
{
	static const char lines[][44] = {
		"CONNECT 1\n", "CONNECT 2\nmore", "CONN", "ECT 3\n", "\n", "",
		"CONNECT 1, and on and on, and no end of it", "CONNECT x\n",
		"CONNECT 4294967295\n", "CONNECT 0\n", "CONNECT 5\r\n",
	};
	const char *line = lines[what % ARRAY_SIZE(lines)];

	if (what == UINT8_MAX)
		send(peer[at], "CONNECT\0001\n", 10, MSG_NOSIGNAL);
	else
		send(peer[at], line, strlen(line), MSG_NOSIGNAL);
}

static void host(struct stage *t, unsigned int at)
{
	static char buf[65536];

	switch (take(&t->in, 1) % 8) {
	case 0:
		if (waiting >= 0)
			break;
		waiting = make_pair();
		say((next_peer - 1) % PEERS, take(&t->in, 1));
		fd_event_signal(bell);
		break;
	case 1:
		say(at, take(&t->in, 1));
		break;
	case 2:
		send(peer[at], buf, take(&t->in, 2), MSG_NOSIGNAL);
		break;
	case 3:
		recv(peer[at], buf, take(&t->in, 2), 0);
		break;
	case 4:
		shutdown(peer[at], (int)take(&t->in, 1) % 3);
		break;
	case 5:
		fd_close(&peer[at]);
		break;
	case 6:
		accept_error = take(&t->in, 1) % 2 ? -EMFILE : 0;
		break;
	default:
		refuses = take(&t->in, 1) % 2;
		break;
	}
}

/* ---- the driver ---- */

static void run(struct stage *t, uint32_t wanted)
{
	uint64_t features = wanted & 1;

	features |= wanted & 8 ? VIRTIO_F_RING_PACKED : 0;
	features |= wanted & 16 ? VIRTIO_F_EVENT_IDX : 0;
	features |= wanted & 32 ? VIRTIO_F_INDIRECT_DESC : 0;
	features |= wanted & 64 ? VIRTIO_F_RING_RESET : 0;
	fuzz_run(t->v, t->ring, SIZE, features, &t->ram, 0);
}

/* A header, and as much as it says behind it. */
static void transmit(struct stage *t, const struct vsock_header *h,
		     uint32_t head, uint32_t len, bool writable)
{
	const struct driver_buf bufs[] = {
		{ DATA, head, false },
		{ DATA + HEADER, len, writable },
	};
	struct driver_ring *ring = &t->ring[VSOCK_TX];

	memcpy(driver_ram_at(&t->ram, DATA, HEADER), h, HEADER);
	if (ring->features.indirect)
		driver_post_indirect(ring, bufs, len ? 2 : 1);
	else
		driver_post(ring, bufs, len ? 2 : 1);
	virtio_notify(t->v, VSOCK_TX);
}

/* Right, but for one thing at most. */
static void packet(struct stage *t)
{
	enum { RIGHT = 8, FROM = RIGHT, TO, LEN, TYPE, WRITABLE, FORWARDED,
	       SHORT, CREDIT };
	uint32_t odd = take(&t->in, 1) % 16;
	uint32_t from = take(&t->in, 1);
	uint32_t to = take(&t->in, 1);
	uint32_t len = take(&t->in, 2);
	uint32_t op = take(&t->in, 1);
	uint32_t flags = take(&t->in, 1);
	uint32_t room = take(&t->in, 1) * 1000;
	uint32_t other = odd >= RIGHT ? take(&t->in, 4) : 0;
	uint32_t *got = &t->got[from % 8][to % 8];
	struct vsock_header h = {
		.src_cid = le64_put(odd == FROM ? other : CID),
		.dst_cid = le64_put(odd == TO ? other : VSOCK_HOST_CID),
		.src_port = le32_put(from),
		.dst_port = le32_put(to & 128 ? VSOCK_PORT_FIRST + (to & 127) :
						to),
		.len = le32_put(odd == LEN ? other : len),
		.type = le16_put(odd == TYPE ? (uint16_t)other : VSOCK_STREAM),
		.op = le16_put((uint16_t)op),
		.flags = le32_put(flags),
		.buf_alloc = le32_put(odd == CREDIT ? other : room),
	};

	if (op == VSOCK_OP_REQUEST)
		*got = 0;
	h.fwd_cnt = le32_put(odd == FORWARDED ? other : *got);
	transmit(t, &h, odd == SHORT ? HEADER - 4 : HEADER, len,
		 odd == WRITABLE);
}

/* One after the other: to nobody; or connections that are reset at once. */
static void flood(struct stage *t, uint32_t count)
{
	uint32_t kind = take(&t->in, 1);
	struct driver_done done;

	for (uint32_t i = 0; i < count; i++) {
		struct vsock_header h = {
			.src_cid = le64_put(CID),
			.dst_cid = le64_put(VSOCK_HOST_CID),
			.src_port = le32_put(1000 * kind + i / 2),
			.dst_port = le32_put(1000),
			.type = le16_put(VSOCK_STREAM),
			.op = le16_put(kind % 2 ? VSOCK_OP_REQUEST :
						 VSOCK_OP_RW),
		};

		transmit(t, &h, HEADER, 0, false);
		loop_round();
		while (driver_collect(&t->ring[VSOCK_TX], &done))
			;
	}
}

/* Buffers for what comes, of several shapes. */
static void give_room(struct stage *t)
{
	uint32_t count = take(&t->in, 1) % (SIZE + 1);
	uint32_t len = take(&t->in, 1) * 32 + 1;
	uint32_t shape = take(&t->in, 1) % 4;

	for (; count; count--) {
		uint64_t at = ROOM + t->rooms % SIZE * ROOM_LEN;
		const struct driver_buf bufs[] = {
			{ at, shape ? 20 : len, shape < 2 },
			{ at + 20, len, true },
		};
		int head = driver_post(&t->ring[VSOCK_RX], bufs,
				       shape == 0 || shape == 3 ? 1 : 2);

		if (head < 0)
			break;
		t->room[head] = at;
		t->rooms++;
	}
	virtio_notify(t->v, VSOCK_RX);
}

static void give_event(struct stage *t)
{
	uint32_t shape = take(&t->in, 1);
	const struct driver_buf buf = { ROOM - 64, 1 + shape % 8, shape < 8 };

	driver_post(&t->ring[VSOCK_EVENT], &buf, 1);
	virtio_notify(t->v, VSOCK_EVENT);
}

/* What the device sends is whole, from the host, and means something. */
static void check_packet(struct stage *t, const struct driver_done *done)
{
	struct vsock_header h;
	uint32_t *got;
	uint16_t op;

	if (!done->len)
		return;
	must(done->len >= HEADER);
	memcpy(&h, driver_ram_at(&t->ram, t->room[done->head], HEADER), HEADER);
	op = le16_get(h.op);
	must(le64_get(h.src_cid) == VSOCK_HOST_CID);
	must(le64_get(h.dst_cid) == CID);
	must(le32_get(h.len) == done->len - HEADER);
	must(op >= VSOCK_OP_REQUEST && op <= VSOCK_OP_CREDIT_REQUEST);
	must(op == VSOCK_OP_RW || !le32_get(h.len));
	must(op != VSOCK_OP_SHUTDOWN || le32_get(h.flags));
	must(op == VSOCK_OP_RST || le32_get(h.buf_alloc) == VSOCK_HELD);
	got = &t->got[le32_get(h.dst_port) % 8][le32_get(h.src_port) % 8];
	*got = op == VSOCK_OP_REQUEST ? 0 : *got + le32_get(h.len);
}

static void collect(struct stage *t)
{
	struct driver_done done;

	for (unsigned int i = 0; i < VSOCK_QUEUES; i++)
		while (driver_collect(&t->ring[i], &done))
			if (i == VSOCK_RX)
				check_packet(t, &done);
}

/* ---- the rest ---- */

static void snapshot(struct stage *t)
{
	struct vsock *vs = vsock_of(t->v);
	uint32_t how = take(&t->in, 1) % 4;
	const void *blob;
	struct snap *s;
	size_t len;

	if (how < 2) {
		fuzz_snapshot_step(t->v, &t->in, how);
		if (how == 1)
			run(t, take(&t->in, 1));
		return;
	}
	vs->next_port = how == 2 ? VSOCK_PORT_LAST : VSOCK_PORT_FIRST - 1;
	s = fuzz_save(t->v, &blob, &len);
	vs->next_port = VSOCK_PORT_FIRST;
	must(fuzz_load(t->v, blob, len) == (how == 2));
	must(vs->next_port >= VSOCK_PORT_FIRST);
	snap_destroy(s);
	if (how == 3)
		run(t, take(&t->in, 1));
}

/* A device that cannot be. */
static void bad_config(struct stage *t)
{
	char path[VSOCK_PATH_MAX + 2] = "/dev/null/bad";
	struct vsock_config cfg = { .path = path, .cid = CID };
	const struct virtio_host where = { "b", &t->ram.mem, NULL, NULL };
	uint32_t how = take(&t->in, 1) % 7;
	const int kept = bell;
	struct virtio *v;
	struct err err;
	int r;

	if (how == 0)
		path[0] = '\0';
	if (how == 1)
		memset(path, 'p', VSOCK_PATH_MAX + 1);
	if (how == 2)
		cfg.cid = VSOCK_HOST_CID;
	if (how == 3)
		cfg.cid = UINT32_MAX;
	refuses = how == 4;
	loop_fails = how > 4 ? how - 4 : 0;
	r = vsock_create(&v, &cfg, &where, &err);
	must(r < 0 && r == err.code && v == NULL);
	must(r == (how < 4 ? -EINVAL : how == 4 ? -EADDRINUSE : -ENOMEM));
	bell = kept;
	refuses = false;
	loop_fails = 0;
}

static void ask(struct stage *t)
{
	uint32_t off = take(&t->in, 1) % 16;
	struct vsock_counts counts;

	virtio_config_read(t->v, off, 1u << take(&t->in, 1) % 4);
	vsock_counts(t->v, &counts);
}

/* A connection begins, and cannot be watched. */
static void out_of_memory(struct stage *t, uint32_t who)
{
	loop_fails = 1;
	if (who % 2)
		host(t, 0);
	else
		packet(t);
	loop_round();
	loop_fails = 0;
}

/* Until it goes on, doorbells and sockets find it stopped. */
static void take_break(struct stage *t)
{
	if (t->v->paused) {
		virtio_resume(t->v);
		return;
	}
	virtio_pause(t->v);
	t->v->ops->kick(t->v, VSOCK_TX); /* it was on its way */
}

static void step(struct stage *t)
{
	uint32_t kind = take(&t->in, 1) % 16;
	uint32_t which = take(&t->in, 1);

	switch (kind) {
	case 0:
	case 1:
	case 2:
		packet(t);
		break;
	case 3:
		give_room(t);
		break;
	case 4:
		give_event(t);
		break;
	case 5:
	case 6:
		host(t, which % PEERS);
		break;
	case 7:
		collect(t);
		break;
	case 8:
		flood(t, which == UINT8_MAX ? VSOCK_MAX_CONNS : which);
		break;
	case 9:
		loop_wait_ms(which * 500);
		break;
	case 10:
		run(t, which);
		break;
	case 11:
		snapshot(t);
		break;
	case 12:
		take_break(t);
		break;
	case 13:
		which %= VSOCK_QUEUES;
		fuzz_queue_reset(t->v, which, &t->ring[which]);
		break;
	case 14:
		out_of_memory(t, which);
		break;
	default:
		ask(t);
		bad_config(t);
		break;
	}
	loop_round();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };
	struct virtio_host where = { "v", &t.ram.mem, NULL, NULL };
	struct vsock_config cfg = { .path = "/dev/null/v" };

	loop_reset();
	host_reset();
	t.ram = *fuzz_ram();
	must(vsock_create(&t.v, &cfg, &where, NULL) == 0);
	virtio_attach(t.v, &no_transport, NULL);
	run(&t, take(&t.in, 1));
	for (unsigned int i = 0; t.in.left && i < MAX_STEPS; i++)
		step(&t);
	must(!virtio_broken(t.v));
	virtio_destroy(t.v);
	loop_end();
	for (unsigned int i = 0; i < PEERS; i++)
		fd_close(&peer[i]);
	fd_close(&waiting);
	for (unsigned int i = 0; i < VSOCK_QUEUES; i++)
		driver_ring_finish(&t.ring[i]);
	return 0;
}
