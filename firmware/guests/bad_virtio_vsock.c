// SPDX-License-Identifier: BSD-3-Clause
/*
 * Packets that a socket device has to drop or to answer with a reset: the
 * entries DV01 to DV06, DV08, DV09, DV11, DV14, DV15, and a small DV07. An echo
 * is at the host's port 1234.
 */
#include "guest_attack.h"
#include "guest_vsock.h"

const char guest_name[] = "bad_virtio_vsock";

#define SIZE 8
#define ECHO 1234u
#define PORT 7000u /* ours, unless it matters */

#define QUIET_US 2000
#define NAP_MS   2500

static struct vsock vsock;
static uint32_t port = 20000; /* ours of the next good connection */

static void silence(const char *what)
{
	struct vsock_packet p;

	if (vsock_receive(&vsock, &p, QUIET_US))
		guest_fail("%s: %s is answered by %u", attack_now->id, what,
			   p.op);
}

static void answer(enum vsock_op op)
{
	vsock_expect(&vsock, op, PORT, attack_now->id);
}

static void connect(void)
{
	vsock_send(&vsock, VSOCK_REQUEST, PORT, ECHO);
	answer(VSOCK_RESPONSE);
}

/* Data of @bytes, said to be @len. */
static void data(uint32_t len, uint32_t bytes)
{
	struct vsock_packet p = vsock_make(&vsock, VSOCK_RW, PORT, ECHO);

	p.len = len;
	vsock_send_raw(&vsock, &p, bytes);
}

static void chain(const struct vq_buf *bufs, unsigned int count)
{
	struct vq_done done;

	vq_add(&vsock.tx, bufs, count);
	vq_kick(&vsock.tx);
	if (!vq_wait(&vsock.tx, &done, (uint16_t)count) || done.len)
		guest_fail("%s: a chain is not given back", attack_now->id);
}

static void dv01_lengths(void)
{
	static const uint32_t lens[] = { 0, 1, 8, 16, 43 };
	static const uint32_t lies[] = { 9, 65536, 65537, 0x7fffffff,
					 0x80000000, UINT32_MAX,
					 UINT32_MAX - VSOCK_HEADER + 1 };

	vsock_send(&vsock, VSOCK_RST, PORT, ECHO); /* a good header */
	for (unsigned int i = 0; i < 5; i++)
		chain(&(struct vq_buf){ vsock.out, lens[i], 0 }, 1);
	chain(&(struct vq_buf){ vsock.out, VSOCK_HEADER, VQ_WRITE }, 1);
	chain((const struct vq_buf[]){ { vsock.out, VSOCK_HEADER, 0 },
				       { vsock.in, 64, VQ_WRITE } }, 2);
	silence("a short header");
	for (unsigned int i = 0; i < 7; i++) {
		data(lies[i], 8); /* of no connection */
		answer(VSOCK_RST);
		connect();
		data(lies[i], 8);
		answer(VSOCK_RST);
	}
	connect();
	data(4, 8); /* the rest is not looked at */
	answer(VSOCK_RW);
	data(0, 8);
	vsock_send(&vsock, VSOCK_SHUTDOWN, PORT, ECHO);
	answer(VSOCK_RST);
}

static void dv02_types(void)
{
	static const uint16_t types[] = { 0, 2, 3, 0x100, 0xffff };

	for (unsigned int i = 0; i < 5; i++) {
		struct vsock_packet p = vsock_make(&vsock, VSOCK_REQUEST, PORT,
						   ECHO);

		p.type = types[i];
		vsock_send_raw(&vsock, &p, 0);
		answer(VSOCK_RST);
		p.op = VSOCK_RST;
		vsock_send_raw(&vsock, &p, 0);
		silence("a reset");
	}
}

static void dv03_operations(void)
{
	static const uint16_t ops[] = { 0, VSOCK_RESPONSE, VSOCK_SHUTDOWN,
					VSOCK_RW, VSOCK_CREDIT_UPDATE,
					VSOCK_CREDIT_REQUEST, 8, 255, 0xffff };

	for (unsigned int i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		vsock_send(&vsock, ops[i], PORT, ECHO);
		answer(VSOCK_RST);
	}
	vsock_send(&vsock, VSOCK_RST, PORT, ECHO);
	silence("a reset");
	for (unsigned int i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (ops[i] >= VSOCK_SHUTDOWN && ops[i] < 8)
			continue;
		connect();
		vsock_send(&vsock, ops[i], PORT, ECHO);
		answer(VSOCK_RST);
	}
}

static void dv04_addresses(void)
{
	const uint64_t cids[] = { 0, 1, VSOCK_HOST, vsock.cid + 1, UINT32_MAX,
				  UINT64_MAX, vsock.cid | 1ULL << 32 };
	const uint64_t others[] = { 0, 1, vsock.cid, UINT32_MAX, UINT64_MAX,
				    VSOCK_HOST | 1ULL << 32 };

	for (unsigned int op = VSOCK_REQUEST; op <= VSOCK_RW; op += 4) {
		struct vsock_packet p = vsock_make(&vsock, op, PORT, ECHO);

		for (unsigned int i = 0; i < 7; i++) {
			p.src_cid = cids[i];
			vsock_send_raw(&vsock, &p, 0);
		}
		p.src_cid = vsock.cid;
		for (unsigned int i = 0; i < 6; i++) {
			p.dst_cid = others[i];
			vsock_send_raw(&vsock, &p, 0);
		}
	}
	silence("a wrong address");
}

/* More than there is room for: a reset, sooner or later. */
static void overrun(void)
{
	struct vsock_packet p = vsock_make(&vsock, VSOCK_REQUEST, PORT, ECHO);
	struct vsock_packet got;

	p.alloc = 0; /* the echo cannot give anything back */
	vsock_send_raw(&vsock, &p, 0);
	answer(VSOCK_RESPONSE);
	p.op = VSOCK_RW;
	p.len = VSOCK_BUFFER;
	for (unsigned int i = 0; i < 2000; i++) {
		vsock_send_raw(&vsock, &p, VSOCK_BUFFER);
		if (!vsock_receive(&vsock, &got, 0))
			continue;
		if (got.op == VSOCK_RST)
			return;
		if (got.op == VSOCK_RW)
			guest_fail("DV05: data without credit");
	}
	guest_fail("DV05: 8 MiB without a reader are taken");
}

static void dv05_credit(void)
{
	static const uint32_t jumps[] = { 1, 1000, 0x7fffffff };

	overrun();
	for (unsigned int i = 0; i < 3; i++) {
		struct vsock_packet p = vsock_make(&vsock, VSOCK_CREDIT_UPDATE,
						   PORT, ECHO);

		connect();
		p.forwarded = jumps[i];
		vsock_send_raw(&vsock, &p, 0);
		answer(VSOCK_RST);
	}
}

static void dv06_request_twice(void)
{
	connect();
	vsock_send(&vsock, VSOCK_REQUEST, PORT, ECHO);
	answer(VSOCK_RST);
	connect(); /* the ports are free again */
	vsock_send(&vsock, VSOCK_RST, PORT, ECHO);
}

/* Each is answered: accepted or refused. The ports are used again at once. */
static void dv07_many(void)
{
	for (uint32_t i = 0; i < 300; i++) {
		struct vsock_packet p;
		uint32_t from = 10000 + i % 100;

		vsock_send(&vsock, VSOCK_REQUEST, from, ECHO);
		if (!vsock_receive(&vsock, &p, 2000000) ||
		    (p.op != VSOCK_RESPONSE && p.op != VSOCK_RST))
			guest_fail("DV07: request %u has no answer", i);
		if (i >= 100 && p.op == VSOCK_RESPONSE)
			vsock_send(&vsock, VSOCK_RST, from, ECHO);
	}
	for (uint32_t i = 0; i < 100; i++)
		vsock_send(&vsock, VSOCK_RST, 10000 + i, ECHO);
}

static void shut(uint32_t flags)
{
	struct vsock_packet p = vsock_make(&vsock, VSOCK_SHUTDOWN, PORT, ECHO);

	p.flags = flags;
	vsock_send_raw(&vsock, &p, 0);
}

static void dv08_ends(void)
{
	connect();
	shut(0);
	shut(0xfffffffc); /* no end that is known */
	data(8, 8);
	answer(VSOCK_RW);
	shut(2); /* we will not send */
	answer(VSOCK_SHUTDOWN); /* nor does the echo, then */
	data(8, 8);
	answer(VSOCK_RST);
	connect();
	shut(1); /* we will not receive */
	data(8, 8);
	silence("an end");
	shut(UINT32_MAX);
	answer(VSOCK_RST);
	vsock_send(&vsock, VSOCK_SHUTDOWN, PORT, ECHO);
	answer(VSOCK_RST); /* of nothing */
}

/* Resets that nobody takes; the driver's packets wait in the end, and go on. */
static void dv09_no_buffers(void)
{
	struct vsock_packet p = vsock_make(&vsock, VSOCK_RW, PORT, ECHO + 1);
	struct vq_done done;
	unsigned int sent = 0, resets = 0;
	bool stuck = false;

	if (vsock.posted)
		guest_fail("DV09: the test is wrong");
	vsock_send_raw(&vsock, &p, 0);
	for (sent = 1; sent < 1000 && !stuck; sent++) {
		vq_add(&vsock.tx, &(struct vq_buf){ vsock.out, VSOCK_HEADER,
						    0 }, 1);
		vq_kick(&vsock.tx);
		stuck = true;
		for (uint32_t start = pm_timer();
		     stuck && pm_timer() - start < PM_TIMER_HZ / 4;)
			stuck = !vq_take(&vsock.tx, &done, 1);
	}
	if (sent < 100)
		guest_fail("DV09: only %u packets are taken", sent);
	attack_nap(NAP_MS);
	while (resets < sent && vsock_receive(&vsock, &p, 3000000))
		resets += p.op == VSOCK_RST;
	if (stuck && !vq_wait(&vsock.tx, &done, 1))
		guest_fail("DV09: the packet that waited is lost");
	if (resets != sent)
		guest_fail("DV09: %u resets for %u packets", resets, sent);
}

/* The host ends a connection, or has data for it, and there is no buffer to
 * tell it in. */
static void dv09_host_waits(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		connect();
		if (i < 2)
			data(8, 8);
		if (i)
			shut(2);
		attack_nap(NAP_MS);
		if (i < 2)
			answer(VSOCK_RW);
		vsock_send(&vsock, VSOCK_RST, PORT, ECHO);
	}
}

static void dv11_nobody_listens(void)
{
	static const uint32_t ports[] = { 0, 1, ECHO + 1, 0x7fffffff,
					  UINT32_MAX };

	for (unsigned int i = 0; i < 5; i++) {
		vsock_send(&vsock, VSOCK_REQUEST, PORT, ports[i]);
		answer(VSOCK_RST);
	}
}

static void dv14_other_sockets(void)
{
	for (uint16_t type = 2; type < 4; type++) {
		struct vsock_packet p = vsock_make(&vsock, VSOCK_REQUEST, PORT,
						   ECHO);

		if (vio_offered(&vsock.dev) & 7 & ~1ULL)
			guest_fail("DV14: more than streams are offered");
		p.type = type;
		vsock_send_raw(&vsock, &p, 0);
		answer(VSOCK_RST);
	}
}

/* Header fields become wrong, and right again. */
static void flip(void)
{
	static unsigned int n;
	bool bad = !(n & 1);

	switch (n++ / 2 % 5) {
	case 0:
		mmio_write64(vsock.out, bad ? 77 : vsock.cid);
		break;
	case 1:
		mmio_write32(vsock.out + 24, bad ? UINT32_MAX : 8);
		break;
	case 2:
		mmio_write32(vsock.out + 28,
			     bad ? 0xffffffff : VSOCK_RW << 16 | VSOCK_STREAM);
		break;
	case 3:
		mmio_write32(vsock.out + 40, bad ? 0x1000 : 0);
		break;
	default:
		mmio_write32(vsock.out + 16, bad ? PORT + 1 : PORT);
		break;
	}
}

static void dv15_racing(void)
{
	struct vsock_packet p;

	racer_start(flip);
	for (unsigned int i = 0; i < 150; i++) {
		vsock_send(&vsock, VSOCK_REQUEST, PORT, ECHO);
		for (unsigned int k = 0; k < 3; k++)
			data(8, 8);
		while (vsock_receive(&vsock, &p, 0))
			;
	}
	racer_stop();
}

static void start(uint64_t features, uint16_t size)
{
	vsock_start(&vsock, features, size);
}

static void works(const char *id)
{
	struct vsock_packet p;

	while (vsock_receive(&vsock, &p, 1000))
		;
	vsock_check(&vsock, port++, ECHO, id);
}

static void other(const char *id)
{
	entropy_check(&witness, id);
}

static const struct attack attacks[] = {
	{ "DV01", dv01_lengths, LIVES, SIZE, 0 },
	{ "DV02", dv02_types, LIVES, SIZE, 0 },
	{ "DV03", dv03_operations, LIVES, SIZE, 0 },
	{ "DV04", dv04_addresses, LIVES, SIZE, 0 },
	{ "DV05", dv05_credit, LIVES, SIZE, 0 },
	{ "DV06", dv06_request_twice, LIVES, SIZE, 0 },
	{ "DV07", dv07_many, LIVES, SIZE, 0 },
	{ "DV08", dv08_ends, LIVES, SIZE, 0 },
	{ "DV09", dv09_no_buffers, LIVES, SIZE, 0 },
	{ "DV09", dv09_host_waits, LIVES, SIZE, 0 },
	{ "DV11", dv11_nobody_listens, LIVES, SIZE, 0 },
	{ "DV14", dv14_other_sockets, LIVES, SIZE, VIO_F_PACKED },
	{ "DV15", dv15_racing, ENDS, SIZE, 0 },
};

void guest_main(void)
{
	const struct victim victim = { &vsock.dev, start, works, other };

	vsock_open(&vsock);
	entropy_open(&witness);
	entropy_start(&witness, 0, SIZE);
	attack_all(&victim, ATTACKS(attacks));
	guest_pass();
}
