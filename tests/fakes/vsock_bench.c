// SPDX-License-Identifier: BSD-3-Clause
/* See vsock_bench.h. */
#include "vsock_bench.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define HEADER	 ((uint32_t)sizeof(struct vsock_header))
#define PATIENCE 20000 /* ms */

static void note(void *ctx, int level, const char *line)
{
	((struct vsock_bench *)ctx)->lines++;
}

/* The program's own ports: there are none. */
static int dial(void *ctx, uint32_t port, uint32_t guest_port)
{
	struct vsock_bench *b = ctx;

	b->dialed = port;
	b->dialed_from = guest_port;
	return -ENOENT;
}

void vsock_bench_init(struct vsock_bench *b, uint32_t request_ms)
{
	struct vsock_config cfg = { .cid = BENCH_CID, .dial = { dial, b },
				    .request_ms = request_ms };
	struct virtio_host host;
	int r;

	memset(b, 0, sizeof(*b));
	driver_ram_init(&b->ram);
	strcpy(b->dir, "/tmp/vireo-vsock-XXXXXX");
	if (!mkdtemp(b->dir))
		assert(!"no folder for the sockets");
	snprintf(b->path, sizeof(b->path), "%s/v", b->dir);
	r = loop_create(&b->loop, NULL);
	assert(r == 0);
	b->log = (struct log){ LOG_LEVEL_WARN, note, b };
	host = (struct virtio_host){ "vsock0", &b->ram.mem, b->loop, &b->log };
	cfg.path = b->path;
	r = vsock_create(&b->v, &cfg, &host, NULL);
	assert(r == 0);
	front_init(&b->front, b->v, false);
	(void)r;
}

static void rings_finish(struct vsock_bench *b)
{
	for (unsigned int i = 0; i < VSOCK_QUEUES && b->rings; i++)
		driver_ring_finish(&b->ring[i]);
	b->rings = false;
}

/* Sockets that a test has left. */
static void remove_files(struct vsock_bench *b)
{
	DIR *d = opendir(b->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(b->dir);
}

void vsock_bench_finish(struct vsock_bench *b)
{
	front_finish(&b->front);
	loop_destroy(b->loop);
	rings_finish(b);
	driver_ram_finish(&b->ram);
	remove_files(b);
}

void vsock_bench_run(struct vsock_bench *b, unsigned int rx, uint64_t features)
{
	struct queue_features f;
	bool ok = front_negotiate(&b->front, features);

	assert(ok);
	rings_finish(b);
	driver_ram_clear(&b->ram);
	f = front_ring_features(&b->front);
	for (unsigned int i = 0; i < VSOCK_QUEUES; i++) {
		driver_ring_init(&b->ring[i], &b->ram, BENCH_SIZE, &f);
		ok = front_queue(&b->front, i, &b->ring[i].params);
		assert(ok);
	}
	b->rings = true;
	b->tx = driver_ram_alloc(&b->ram, HEADER + 2 * 65536, 16);
	b->event = driver_ram_alloc(&b->ram, 64, 16);
	for (unsigned int i = 0; i < BENCH_SIZE; i++)
		b->rx[i] = 0;
	front_driver_ok(&b->front);
	vsock_bench_post_rx(b, rx);
	(void)ok;
}

static void post_buffer(struct vsock_bench *b, uint64_t gpa)
{
	const struct driver_buf buf = { gpa, HEADER + BENCH_PAYLOAD, true };
	int head = driver_post(&b->ring[VSOCK_RX], &buf, 1);

	assert(head >= 0 && head < BENCH_SIZE);
	b->rx[head] = gpa;
}

void vsock_bench_post_rx(struct vsock_bench *b, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		post_buffer(b, driver_ram_alloc(&b->ram,
						HEADER + BENCH_PAYLOAD, 16));
	if (count && driver_wants_kick(&b->ring[VSOCK_RX]))
		front_kick(&b->front, VSOCK_RX);
}

void vsock_bench_post_event(struct vsock_bench *b, uint32_t len)
{
	const struct driver_buf buf = { b->event, len, true };

	if (driver_post(&b->ring[VSOCK_EVENT], &buf, 1) < 0)
		assert(!"no room in the event queue");
	if (driver_wants_kick(&b->ring[VSOCK_EVENT]))
		front_kick(&b->front, VSOCK_EVENT);
}

/* ---- the guest ---- */

void guest_send(struct vsock_bench *b, const struct vsock_packet *p,
		const void *data)
{
	const struct vsock_header h = {
		.src_cid = le64_put(p->src_cid ? p->src_cid : BENCH_CID),
		.dst_cid = le64_put(p->dst_cid ? p->dst_cid : VSOCK_HOST_CID),
		.src_port = le32_put(p->guest_port),
		.dst_port = le32_put(p->host_port),
		.len = le32_put(p->len),
		.type = le16_put(p->type ? p->type : VSOCK_STREAM),
		.op = le16_put(p->op),
		.flags = le32_put(p->flags),
		.buf_alloc = le32_put(p->alloc),
		.fwd_cnt = le32_put(p->forwarded),
	};
	const struct driver_buf bufs[] = {
		{ b->tx, HEADER, false },
		{ b->tx + HEADER, p->len, false },
	};
	uint64_t end = clock_mono_ms() + PATIENCE;
	struct driver_done done;
	int head;

	memcpy(driver_ram_at(&b->ram, b->tx, HEADER), &h, HEADER);
	if (data && p->len)
		memcpy(driver_ram_at(&b->ram, b->tx + HEADER, p->len), data,
		       p->len);
	head = driver_post(&b->ring[VSOCK_TX], bufs, p->len ? 2 : 1);
	assert(head >= 0);
	if (driver_wants_kick(&b->ring[VSOCK_TX]))
		front_kick(&b->front, VSOCK_TX);
	while (!driver_collect(&b->ring[VSOCK_TX], &done)) {
		assert(clock_mono_ms() < end);
		poll(NULL, 0, 0);
	}
	assert(done.head == head && done.len == 0);
	(void)head;
	(void)end;
}

void guest_op(struct vsock_bench *b, uint16_t op, uint32_t host_port,
	      uint32_t guest_port)
{
	const struct vsock_packet p = { .host_port = host_port,
					.guest_port = guest_port,
					.op = op,
					.alloc = 65536 };

	guest_send(b, &p, NULL);
}

void guest_data(struct vsock_bench *b, uint32_t host_port, uint32_t guest_port,
		const void *data, uint32_t len)
{
	const struct vsock_packet p = { .host_port = host_port,
					.guest_port = guest_port,
					.op = VSOCK_OP_RW,
					.alloc = 65536,
					.len = len };

	guest_send(b, &p, data);
}

bool guest_poll(struct vsock_bench *b, struct vsock_packet *p)
{
	struct driver_done done;
	struct vsock_header h;
	const uint8_t *at;
	uint64_t gpa;

	if (!driver_collect(&b->ring[VSOCK_RX], &done))
		return false;
	assert(done.len >= HEADER);
	gpa = b->rx[done.head];
	at = driver_ram_at(&b->ram, gpa, HEADER + BENCH_PAYLOAD);
	memcpy(&h, at, HEADER);
	p->src_cid = le64_get(h.src_cid);
	p->dst_cid = le64_get(h.dst_cid);
	p->host_port = le32_get(h.src_port);
	p->guest_port = le32_get(h.dst_port);
	p->len = le32_get(h.len);
	p->type = le16_get(h.type);
	p->op = le16_get(h.op);
	p->flags = le32_get(h.flags);
	p->alloc = le32_get(h.buf_alloc);
	p->forwarded = le32_get(h.fwd_cnt);
	assert(done.len == HEADER + p->len);
	assert(p->src_cid == VSOCK_HOST_CID && p->dst_cid == BENCH_CID);
	memcpy(p->data, at + HEADER, p->len);
	post_buffer(b, gpa);
	if (driver_wants_kick(&b->ring[VSOCK_RX]))
		front_kick(&b->front, VSOCK_RX);
	return true;
}

void guest_expect(struct vsock_bench *b, struct vsock_packet *p, uint16_t op)
{
	uint64_t end = clock_mono_ms() + PATIENCE;

	while (!guest_poll(b, p)) {
		assert(clock_mono_ms() < end);
		poll(NULL, 0, 1);
	}
	if (p->op != op)
		fprintf(stderr, "operation %u where %u was due\n", p->op, op);
	assert(p->op == op);
	(void)end;
}

bool guest_quiet(struct vsock_bench *b)
{
	struct vsock_packet p;

	poll(NULL, 0, 30);
	front_sync(&b->front);
	return !guest_poll(b, &p);
}

/* ---- the host ---- */

static void set_patience(int fd)
{
	const struct timeval t = { .tv_sec = PATIENCE / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static int open_unix(struct sockaddr_un *at, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	set_patience(fd);
	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	snprintf(at->sun_path, sizeof(at->sun_path), "%s", path);
	return fd;
}

int host_listen(const struct vsock_bench *b, uint32_t port)
{
	struct sockaddr_un at;
	char path[96];
	int fd;
	int r;

	snprintf(path, sizeof(path), "%s_%u", b->path, port);
	fd = open_unix(&at, path);
	unlink(path);
	r = bind(fd, (const struct sockaddr *)&at, sizeof(at));
	assert(r == 0);
	r = listen(fd, 128);
	assert(r == 0);
	(void)r;
	return fd;
}

int host_accept(int fd)
{
	int got = accept(fd, NULL, NULL);

	assert(got >= 0);
	set_patience(got);
	return got;
}

int host_connect(const struct vsock_bench *b, const char *line)
{
	struct sockaddr_un at;
	int fd = open_unix(&at, b->path);
	int r = connect(fd, (const struct sockaddr *)&at, sizeof(at));

	assert(r == 0);
	(void)r;
	host_write(fd, line, strlen(line));
	return fd;
}

void host_write(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		assert(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

void host_read(int fd, void *data, size_t len)
{
	ssize_t n = len ? recv(fd, data, len, MSG_WAITALL) : 0;

	assert(n == (ssize_t)len);
	(void)n;
}

bool host_at_end(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) == 0;
}

/* ---- both ---- */

int open_from_guest(struct vsock_bench *b, uint32_t host_port,
		    uint32_t guest_port)
{
	int listener = host_listen(b, host_port);
	struct vsock_packet p;
	char path[96];
	int fd;

	guest_op(b, VSOCK_OP_REQUEST, host_port, guest_port);
	guest_expect(b, &p, VSOCK_OP_RESPONSE);
	assert(p.host_port == host_port && p.guest_port == guest_port);
	fd = host_accept(listener);
	close(listener);
	snprintf(path, sizeof(path), "%s_%u", b->path, host_port);
	unlink(path);
	return fd;
}

int open_from_host(struct vsock_bench *b, uint32_t guest_port,
		   uint32_t *host_port)
{
	struct vsock_packet p;
	char line[64];
	int len;
	int fd;

	snprintf(line, sizeof(line), "CONNECT %u\n", guest_port);
	fd = host_connect(b, line);
	guest_expect(b, &p, VSOCK_OP_REQUEST);
	assert(p.guest_port == guest_port);
	*host_port = p.host_port;
	guest_op(b, VSOCK_OP_RESPONSE, p.host_port, guest_port);
	len = snprintf(line, sizeof(line), "OK %u\n", p.host_port);
	host_read(fd, line + 32, (size_t)len);
	assert(memcmp(line, line + 32, (size_t)len) == 0);
	return fd;
}
