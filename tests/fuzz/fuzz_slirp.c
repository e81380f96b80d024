// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a guest can do to the user network, and programs on the host with it;
 * the input is a program of steps. In a network namespace of its own, where
 * nothing but loopback is; without one, the guest is restricted, and reaches
 * forwards only.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/param.h>

#include "base/num.h"
#include "fuzz.h"
#include "fuzz_frame.h"
#include "fuzz_host.h"
#include "netd/netd_slirp.h"

#define MAX_STEPS  128
#define MAX_FLOOD  300
#define PEERS      4
#define CONNS      8
#define GUEST_PORT 80
#define GUEST      15 /* its address' number */
#define ISS        0x10000000u

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A connection as the guest sees it. */
struct conn {
	bool v6;
	uint8_t host[16];
	uint16_t host_port;
	uint16_t port;
	uint32_t seq; /* what the other side waits for */
	uint32_t ack; /* what it has sent */
};

struct stage {
	struct fuzz_input in;
	struct netd_slirp *n;
	size_t mtu;
	struct conn conn[CONNS];
	unsigned int incoming; /* connections so far */
	unsigned int flooded;
	unsigned int frames; /* that came for the guest */
	size_t sent;         /* bytes, by the guest */
	size_t got;          /* by programs of the host */
	int peer[PEERS]; /* host programs' sockets; -1: none */
	struct sockaddr_storage asked; /* who sent us a datagram last */
	socklen_t asked_len;
};

static struct frame frame;
static uint8_t bytes[65536];

/* GLib's, for libslirp: what it says of a guest's nonsense is not read here. */
__attribute__((visibility("default")))
void g_log(const char *domain, int level, const char *format, ...);
void g_log(const char *domain, int level, const char *format, ...)
{
}

/* ---- what comes out ---- */

static void check_ip(const uint8_t *f, size_t len)
{
	const uint8_t *ip = f + ETH;
	size_t hl = (size_t)(ip[0] & 15) * 4;

	must(len >= ETH + 20 && ip[0] >> 4 == 4);
	must(hl >= 20 && hl <= len - ETH);
	must(get16(ip + 2) >= hl && get16(ip + 2) <= len - ETH);
	must(add16(ip, hl, 0) == 0xffff);
}

static void check_frame(const struct stage *t, const uint8_t *f, size_t len)
{
	must(len >= ETH && len <= t->mtu + ETH);
	must(f[6] == 0x52 && (f[7] == 0x55 || f[7] == 0x56));
	switch (get16(f + 12)) {
	case 0x0806:
		must(len >= ETH + 28);
		break;
	case 0x0800:
		check_ip(f, len);
		break;
	case 0x86dd:
		must(len >= ETH + 40 && f[ETH] >> 4 == 6);
		must(get16(f + ETH + 4) <= len - ETH - 40);
		break;
	default:
		must(!"a frame of another kind");
	}
}

/* Whose segment it is; a new one for one that the host begins. */
static struct conn *find_conn(struct stage *t, const uint8_t *host, bool v6,
			      const uint8_t *tcp)
{
	struct conn *c;

	for (unsigned int i = 0; i < CONNS; i++) {
		c = &t->conn[i];
		if (c->v6 == v6 && c->host_port == get16(tcp) &&
		    c->port == get16(tcp + 2) &&
		    memcmp(c->host, host, v6 ? 16 : 4) == 0)
			return c;
	}
	if (tcp[13] != 2)
		return NULL;
	c = &t->conn[t->incoming++ % 2];
	*c = (struct conn){ .v6 = v6, .host_port = (uint16_t)get16(tcp),
			    .port = (uint16_t)get16(tcp + 2), .seq = ISS };
	memcpy(c->host, host, v6 ? 16 : 4);
	return c;
}

static void on_frame(const void *buf, size_t len, void *ctx)
{
	struct stage *t = ctx;
	const uint8_t *f = buf, *tcp;
	bool v6 = get16(f + 12) == 0x86dd;
	size_t l4 = ETH + (v6 ? 40 : 20);
	struct conn *c;

	t->frames++;
	check_frame(t, f, len);
	if (len < l4 + 20 || f[v6 ? ETH + 6 : ETH + 9] != PROTO_TCP ||
	    (!v6 && get16(f + 12) != 0x0800))
		return;
	tcp = f + l4;
	c = find_conn(t, f + (v6 ? ETH + 8 : ETH + 12), v6, tcp);
	if (!c)
		return;
	len = MIN(len, ETH + (v6 ? 40 + get16(f + 18) : get16(f + 16)));
	if (tcp[13] & 16)
		c->seq = get32(tcp + 8);
	if (len >= l4 + (size_t)(tcp[12] >> 4) * 4)
		c->ack = get32(tcp + 4) + !!(tcp[13] & 3) +
			 (uint32_t)(len - l4 - (size_t)(tcp[12] >> 4) * 4);
}

/* ---- the guest ---- */

/* In memory of exactly its size. */
static void send_frame(struct stage *t, const uint8_t *b, size_t len)
{
	uint8_t *copy = malloc(len);

	must(copy != NULL);
	memcpy(copy, b, len);
	netd_slirp_input(t->n, copy, len);
	free(copy);
	t->sent += len;
}

static void arp(struct stage *t)
{
	uint8_t op = (uint8_t)take(&t->in, 1);
	uint32_t who = take(&t->in, 1);
	uint8_t *a = frame.b + ETH;

	frame_eth(&frame, 0x0806);
	frame_add(&frame, 28);
	memcpy(a, (uint8_t[]){ 0, 1, 8, 0, 6, 4, 0, op & 15 }, 8);
	memcpy(a + 8, guest_mac, 6);
	address(a + 14, false, who & 15);
	address(a + 24, false, who >> 4);
	if (op & 128)
		frame_patch(&frame, &t->in);
	if (op & 64)
		frame.len -= take(&t->in, 1) % frame.len;
	send_frame(t, frame.b, frame.len);
}

/* Segments that are put in order up to number 0 exactly make libslirp 4.7 go on
 * with one that is none: known, and not to be seen in a segment alone. */
static bool wraps(void)
{
	return frame.len >= frame.l4 + 8 &&
	       get32(frame.b + frame.l4 + 4) > UINT32_MAX - 0x20000;
}

/* The low bits of @which say which connection, the others what follows. */
static void tcp(struct stage *t, uint32_t which)
{
	const struct conn *c = &t->conn[which % CONNS];
	uint32_t flags = take(&t->in, 1);
	unsigned int shape = which & 128 ? take(&t->in, 1) : 0;
	uint32_t options, data;
	uint8_t *p;

	frame_ip(&frame, &t->in, c->v6, PROTO_TCP, c->host, shape);
	p = frame_add(&frame, 20);
	put16(p, c->port);
	put16(p + 2, c->host_port);
	put32(p + 4, c->seq);
	put32(p + 8, flags & 16 ? c->ack : 0);
	p[13] = flags & 63;
	put16(p + 14, 0xffff);
	options = which & 8 ? take(&t->in, 1) % 41 : 0;
	frame_raw(&frame, &t->in, options);
	frame_add(&frame, (size_t)-(int)options & 3);
	p[12] = (uint8_t)((20 + options + 3) / 4 << 4);
	if (which & 16)
		put16(p + 18, take(&t->in, 2));
	if (which & 32)
		p[12] = (uint8_t)take(&t->in, 1);
	if (which & 64) {
		put32(p + 4, c->seq + (uint32_t)(int16_t)take(&t->in, 2));
		put32(p + 8, c->ack + (uint32_t)(int16_t)take(&t->in, 2));
		put16(p + 14, take(&t->in, 2));
	}
	data = flags >> 6 == 3 ? (uint32_t)t->mtu - 60 :
	       take(&t->in, flags >> 6);
	frame_add(&frame, MIN(data, 9000));
	frame_finish(&frame, &t->in, shape);
	if (!wraps())
		send_frame(t, frame.b, frame.len);
}

static void add_udp(struct stage *t)
{
	static const uint16_t ports[8] = { 67, 69, 53, 547, 7, PORT, 546, 9 };
	uint32_t what = take(&t->in, 1);
	uint8_t *p = frame_add(&frame, 8);

	put16(p, what & 8 ? 68 : 1024 + (what >> 4));
	put16(p + 2, ports[what % 8] == PORT ? port : ports[what % 8]);
}

/* What a client of that protocol says, up to what it is free to choose. */
static void add_message(struct stage *t)
{
	uint32_t what = take(&t->in, 1) % 6;
	uint8_t *p = NULL;

	if (what == 0 && (p = frame_add(&frame, 240))) {
		memcpy(p, (uint8_t[]){ 1, 1, 6 }, 3);
		memcpy(p + 28, guest_mac, 6);
		p[33] = (uint8_t)take(&t->in, 1);
		memcpy(p + 236, (uint8_t[]){ 99, 130, 83, 99 }, 4);
	}
	if (what == 1 && (p = frame_add(&frame, 12)))
		p[5] = 1;
	if (what == 2 && (p = frame_add(&frame, 13))) {
		p[1] = (uint8_t)take(&t->in, 1);
		memcpy(p + 2, "file\0octet", 11);
	}
	if (what == 3 && (p = frame_add(&frame, 4)))
		p[0] = (uint8_t)take(&t->in, 1);
	if (what == 4)
		frame_add(&frame, take(&t->in, 2));
	else
		frame_raw(&frame, &t->in, take(&t->in, 1));
}

/* @which: to whom, by which IP, and is there a shape? */
static void udp(struct stage *t, uint32_t which)
{
	unsigned int shape = which & 16 ? take(&t->in, 1) : 0;
	uint8_t to[16];

	address(to, which & 8, which % 8);
	frame_ip(&frame, &t->in, which & 8, PROTO_UDP, to, shape);
	add_udp(t);
	add_message(t);
	frame_finish(&frame, &t->in, shape);
	send_frame(t, frame.b, frame.len);
}

static void add_icmp(struct stage *t, bool v6)
{
	uint8_t *p = frame_add(&frame, 8);

	p[0] = (uint8_t)take(&t->in, 1);
	p[1] = (uint8_t)take(&t->in, 1);
	if (v6 && p[0] > 134) {
		address(frame_add(&frame, 16), true, take(&t->in, 1));
		frame_raw(&frame, &t->in, take(&t->in, 1));
	} else {
		frame_add(&frame, take(&t->in, 2));
	}
}

static void icmp(struct stage *t, uint32_t which)
{
	unsigned int shape = which & 16 ? take(&t->in, 1) : 0;
	bool v6 = which & 8;
	uint8_t to[16];

	address(to, v6, which % 8);
	frame_ip(&frame, &t->in, v6, v6 ? PROTO_ICMP6 : PROTO_ICMP, to, shape);
	add_icmp(t, v6);
	frame_finish(&frame, &t->in, shape);
	send_frame(t, frame.b, frame.len);
}

/* A datagram in pieces: they overlap, come twice, or have other options. */
static void fragments(struct stage *t, uint32_t which)
{
	static struct frame piece;
	uint8_t proto = which & 16 ? PROTO_ICMP : PROTO_UDP;
	uint8_t to[16];

	address(to, false, which % 8);
	frame_ip(&frame, &t->in, false, proto, to, 0);
	if (proto == PROTO_UDP) {
		add_udp(t);
		add_message(t);
	} else {
		add_icmp(t, false);
	}
	frame_finish(&frame, &t->in, 0);
	for (uint32_t n = 1 + take(&t->in, 1) % 16; n; n--) {
		uint32_t at = take(&t->in, 2), len = take(&t->in, 2) & ~7u;
		size_t have = frame.len - frame.l4;
		size_t off = MIN((size_t)(at & 0x1fff) * 8, have);

		frame_ip(&piece, &t->in, false, proto, to,
			 at & 0x8000 ? SHAPE_OPTIONS : 0);
		len = (uint32_t)MIN(len ? len : 65535, have - off);
		if (piece.len + len > FRAME_MAX)
			continue;
		memcpy(frame_add(&piece, len), frame.b + frame.l4 + off, len);
		put16(piece.b + ETH + 6, at & 0x3fff);
		put16(piece.b + ETH + 2, (uint32_t)(piece.len - ETH));
		put16(piece.b + ETH + 10, 0);
		put16(piece.b + ETH + 10, 0xffff - add16(piece.b + ETH,
		      (size_t)(piece.b[ETH] & 15) * 4, 0));
		send_frame(t, piece.b, piece.len);
	}
}

static void raw(struct stage *t, uint32_t which)
{
	static const uint16_t types[] = { 0x0800, 0x0806, 0x86dd, 0x88f8,
					  0x8100 };

	frame_eth(&frame, types[which % ARRAY_SIZE(types)]);
	frame_raw(&frame, &t->in, take(&t->in, 1));
	if (which & 128)
		frame.len = 1 + take(&t->in, 1) % frame.len;
	send_frame(t, frame.b, frame.len);
}

/* Many sockets. */
static void flood(struct stage *t, uint32_t count)
{
	uint8_t to[4], *p;

	address(to, false, 0);
	for (; count && t->flooded < MAX_FLOOD; count--, t->flooded++) {
		frame_ip(&frame, &t->in, false, PROTO_UDP, to, 0);
		p = frame_add(&frame, 9);
		put16(p, 2000 + t->flooded);
		put16(p + 2, port);
		frame_finish(&frame, &t->in, 0);
		send_frame(t, frame.b, frame.len);
	}
}

/* ---- the host ---- */

/* To a forward, or back to the guest. */
static void send_datagram(struct stage *t, bool forward, size_t len)
{
	const struct sockaddr_in in = here();

	if (forward)
		sendto(datagrams[0], bytes, len, MSG_DONTWAIT,
		       (const struct sockaddr *)&in, sizeof(in));
	for (int i = 0; i < 2; i++) {
		socklen_t room = sizeof(t->asked);

		if (recvfrom(datagrams[i], bytes, sizeof(bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&t->asked, &room) >= 0)
			t->asked_len = room;
		if (!forward && t->asked_len &&
		    t->asked.ss_family == (i ? AF_INET6 : AF_INET))
			sendto(datagrams[i], bytes, len, MSG_DONTWAIT,
			       (struct sockaddr *)&t->asked, t->asked_len);
	}
}

/* No program hears more than the guest has said. */
static void hear(struct stage *t, int peer, size_t len)
{
	ssize_t n = recv(peer, bytes, len, 0);

	if (n > 0)
		t->got += (size_t)n;
	must(t->got <= t->sent);
}

static void host(struct stage *t, uint32_t which)
{
	int *peer = &t->peer[which % PEERS];

	switch (take(&t->in, 1) % 9) {
	case 0:
		fd_close(peer);
		*peer = call();
		break;
	case 1:
		fd_close(peer);
		*peer = answer();
		break;
	case 2:
		send(*peer, bytes, take(&t->in, 2), MSG_NOSIGNAL);
		break;
	case 3:
		hear(t, *peer, take(&t->in, 2));
		break;
	case 4:
		send(*peer, bytes, take(&t->in, 1), MSG_OOB | MSG_NOSIGNAL);
		break;
	case 5:
		shutdown(*peer, (int)take(&t->in, 1) % 3);
		break;
	case 6:
		fd_close(peer);
		break;
	case 7:
		send_datagram(t, true, take(&t->in, 2));
		break;
	default:
		send_datagram(t, false, take(&t->in, 2));
		break;
	}
}

/* ---- the stage ---- */

static void go_round(struct stage *t)
{
	must(!netd_slirp_wait(t->n, -1, 0));
	netd_slirp_handle(t->n);
}

static void wait_ms(struct stage *t, uint32_t ms)
{
	fuzz_now_ns += (uint64_t)ms * 1000000;
	go_round(t);
}

/* What cannot be. */
static void refused(struct stage *t)
{
	struct netd_slirp_config cfg = { .mtu = 1500, .dns = "10.0.2" };
	struct forward f = { .address = "192.0.2.9", .host_port = port };
	struct netd_slirp *n;
	struct err err = { 0 };

	must(netd_slirp_create(&n, &cfg, &err) == -EINVAL && !n);
	must(err.code == -EINVAL && strstr(err.text, "10.0.2:"));
	must(netd_slirp_forward(t->n, &f, &err) < 0);
	must(strstr(err.text, "take another port"));
	netd_slirp_destroy(NULL);
}

static void step(struct stage *t)
{
	uint32_t kind = take(&t->in, 1) % 16;
	uint32_t which = take(&t->in, 1);

	switch (kind) {
	case 0:
		arp(t);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		tcp(t, which);
		break;
	case 5:
		udp(t, which);
		break;
	case 6:
		icmp(t, which);
		break;
	case 7:
		fragments(t, which);
		break;
	case 8:
		raw(t, which);
		break;
	case 9:
		flood(t, which);
		break;
	case 10:
		wait_ms(t, which * 100);
		break;
	case 11:
		refused(t);
		break;
	case 12:
		go_round(t);
		break;
	default:
		host(t, which);
		break;
	}
	go_round(t);
}

static void begin(struct stage *t)
{
	static const uint16_t mtus[] = { 1500, NETD_MTU_MIN, 9000,
					 NETD_MTU_MAX };
	struct forward f = { .host_port = port, .guest_port = GUEST_PORT };
	uint32_t how = take(&t->in, 1);
	struct netd_slirp_config cfg = {
		.mtu = mtus[how >> 2 & 3], .dns = how & 16 ? "10.0.2.2" : NULL,
		.restricted = how & 1 || !alone, .loopback = how & 2 && alone,
		.send = on_frame, .ctx = t,
	};

	fuzz_now_ns = UINT64_C(1000000000000);
	t->mtu = cfg.mtu;
	must(netd_slirp_create(&t->n, &cfg, NULL) == 0);
	inet_ntop(AF_INET, &(struct in_addr){ here().sin_addr.s_addr },
		  f.address, sizeof(f.address));
	must(netd_slirp_forward(t->n, &f, NULL) == 0);
	f.udp = true;
	must(netd_slirp_forward(t->n, &f, NULL) == 0);
	for (unsigned int i = 0; i < PEERS; i++)
		t->peer[i] = -1;
	for (unsigned int i = 0; i < CONNS; i++) {
		static const uint8_t to[CONNS] = { 3, 3, 0, 0, 1, 4, 0, 4 };
		struct conn *c = &t->conn[i];

		*c = (struct conn){
			.v6 = i == 3 || i == 7, .port = (uint16_t)(40000 + i),
			.host_port = i == 4 ? 53 : i == 6 ? 9 : port,
			.seq = ISS,
		};
		address(c->host, c->v6, to[i]);
	}
}

/* libslirp loses the tails of its queues. What waits for the guest's address
 * is sent, so that little is lost; the rest is not told as a leak. */
static void drain(struct stage *t)
{
	static const uint8_t here_i_am[] = {
		2, GUEST, 136, 0, GUEST, 8, 2, 1, 0x52, 0x54, 0, 1, 2, 3,
	};
	unsigned int before;

	t->in = (struct fuzz_input){ here_i_am, sizeof(here_i_am) };
	arp(t);
	icmp(t, 8);
	for (int i = 0; i < 999; i++) {
		before = t->frames;
		go_round(t);
		if (t->frames == before)
			break;
	}
}

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libglib\n";
}

static void end(struct stage *t)
{
	int fd;

	for (unsigned int i = 0; i < PEERS; i++)
		fd_close(&t->peer[i]);
	drain(t);
	netd_slirp_destroy(t->n);
	while ((fd = answer()) >= 0)
		close(fd);
	send_datagram(t, true, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage t = { .in = { data, size } };

	host_begin();
	begin(&t);
	for (unsigned int i = 0; t.in.left && i < MAX_STEPS; i++)
		step(&t);
	end(&t);
	return 0;
}

/* libFuzzer's later threads are in the way of a namespace. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	host_begin();
	return 0;
}
