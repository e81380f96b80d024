// SPDX-License-Identifier: BSD-3-Clause
/*
 * See vsock_parts.h. Packets to and from the guest. One packet of the guest
 * leads to at most one packet back that belongs to no connection (a "stray": a
 * reset); when there is no room for it, the guest's next packets wait until it
 * has taken some of ours.
 */
#include <sys/socket.h>

#include "base/num.h"
#include "devices/virtio/vsock_parts.h"

#define HEADER sizeof(struct vsock_header)

/* A header of the guest's, checked as far as it can be without a connection. */
struct packet {
	uint32_t host_port;
	uint32_t guest_port;
	uint32_t len;
	uint32_t flags;
	uint32_t alloc;
	uint32_t forwarded;
	uint16_t type;
	uint16_t op;
};

/* ---- to the guest ---- */

static void put_header(struct vsock *vs, const struct chain *chain,
		       struct packet p)
{
	const struct vsock_header h = {
		.src_cid = le64_put(VSOCK_HOST_CID),
		.dst_cid = le64_put(vs->cid),
		.src_port = le32_put(p.host_port),
		.dst_port = le32_put(p.guest_port),
		.len = le32_put(p.len),
		.type = le16_put(p.type),
		.op = le16_put(p.op),
		.flags = le32_put(p.flags),
		.buf_alloc = le32_put(p.alloc),
		.fwd_cnt = le32_put(p.forwarded),
	};

	vs->counts.resets += p.op == VSOCK_OP_RST;
	chain_write(chain, 0, &h, HEADER);
	queue_push(&vs->v.queue[VSOCK_RX].ring, chain,
		   (uint32_t)HEADER + p.len);
}

static void send_stray(struct vsock *vs, const struct chain *chain)
{
	const struct vsock_stray *s = &vs->stray[vs->stray_first];

	vs->stray_first = (vs->stray_first + 1) % VSOCK_STRAYS;
	vs->strays--;
	put_header(vs, chain,
		   (struct packet){ .host_port = s->host_port,
				    .guest_port = s->guest_port,
				    .type = s->type,
				    .op = VSOCK_OP_RST });
}

/* The operation to send now; 0: nothing after all. */
static uint16_t choose_op(struct vsock_conn *c, const struct chain *chain,
			  uint32_t *len)
{
	static const struct {
		uint32_t owes;
		uint16_t op;
	} first[] = {
		{ OWES_RESET, VSOCK_OP_RST },
		{ OWES_REQUEST, VSOCK_OP_REQUEST },
		{ OWES_RESPONSE, VSOCK_OP_RESPONSE },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(first); i++)
		if (c->owes & first[i].owes) {
			c->owes &= ~first[i].owes;
			return first[i].op;
		}
	if (c->owes & OWES_DATA)
		*len = vsock_conn_fill(c, chain);
	if (*len)
		return VSOCK_OP_RW;
	if (c->owes & OWES_ASK) {
		c->owes &= ~OWES_ASK;
		return VSOCK_OP_CREDIT_REQUEST;
	}
	if (c->owes & OWES_SHUTDOWN) {
		c->owes &= ~OWES_SHUTDOWN;
		return VSOCK_OP_SHUTDOWN;
	}
	return c->owes & OWES_CREDIT ? VSOCK_OP_CREDIT_UPDATE : 0;
}

/* Uses the buffer for the connection; false: it needs none. */
static bool send_packet(struct vsock_conn *c, const struct chain *chain)
{
	struct packet p = {
		.host_port = c->host_port,
		.guest_port = c->guest_port,
		.type = VSOCK_STREAM,
		.alloc = VSOCK_HELD,
		.forwarded = c->forwarded,
	};

	p.op = choose_op(c, chain, &p.len);
	if (p.op) {
		p.flags = p.op == VSOCK_OP_SHUTDOWN ? c->host_shut : 0;
		c->told = c->forwarded;
		c->owes &= ~OWES_CREDIT;
		put_header(c->vs, chain, p);
	}
	if (p.op == VSOCK_OP_RST) {
		vsock_conn_free(c);
		return true;
	}
	vsock_owe(c, 0);
	vsock_conn_poll(c);
	return p.op;
}

static bool on_rx(struct virtio *v, unsigned int n, struct chain *chain)
{
	struct vsock *vs = vsock_of(v);
	struct vsock_conn *c;

	if (chain->in_len <= HEADER || chain->out_len) {
		vs->counts.dropped++;
		queue_push(&v->queue[n].ring, chain, 0);
		return true;
	}
	if (vs->strays) {
		send_stray(vs, chain);
		return true;
	}
	while ((c = vsock_conn_next(vs)))
		if (send_packet(c, chain))
			return true;
	return false;
}

void vsock_pump(struct vsock *vs)
{
	if (vs->reset_event || vs->silent_ms)
		return;
	if (vs->strays || vs->first != VSOCK_NONE)
		virtio_service(&vs->v, VSOCK_RX, VIRTIO_BUDGET, on_rx);
	if (vs->tx_waits && vs->strays < VSOCK_STRAYS / 2) {
		vs->tx_waits = false;
		virtio_notify(&vs->v, VSOCK_TX);
	}
}

/* ---- from the guest ---- */

/* A reset is never answered by one. There is room: on_tx() has looked. */
static void refuse(struct vsock *vs, const struct packet *p)
{
	unsigned int at = (vs->stray_first + vs->strays) % VSOCK_STRAYS;

	if (p->op == VSOCK_OP_RST)
		return;
	vs->stray[at] = (struct vsock_stray){
		.host_port = p->host_port,
		.guest_port = p->guest_port,
		.type = p->type,
	};
	vs->strays++;
}

static void guest_connects(struct vsock *vs, const struct packet *p)
{
	struct vsock_conn *c = vsock_connect(vs, p->host_port, p->guest_port);

	if (!c) {
		refuse(vs, p);
		return;
	}
	c->guest_alloc = p->alloc;
	c->guest_forwarded = p->forwarded;
	c->sent = p->forwarded; /* 0, unless the guest counts otherwise */
	vsock_owe(c, OWES_RESPONSE);
	vsock_conn_poll(c);
}

/* Both ends closed: the guest gets its answer now, the host all bytes. */
static void guest_shuts(struct vsock_conn *c, const struct packet *p)
{
	c->guest_shut |= p->flags & VSOCK_CLOSED;
	if (c->guest_shut == VSOCK_CLOSED) {
		refuse(c->vs, p);
		vsock_conn_settle(c);
		vsock_conn_linger(c);
		return;
	}
	if (c->guest_shut & VSOCK_NO_RECEIVE) {
		c->owes &= ~OWES_DATA;
		shutdown(c->fd, SHUT_RD);
	}
	vsock_conn_settle(c);
}

static void on_open(struct vsock_conn *c, const struct packet *p,
		    const struct chain *chain)
{
	if (!vsock_conn_credited(c, p->alloc, p->forwarded)) {
		vsock_conn_reset(c);
		return;
	}
	switch (p->op) {
	case VSOCK_OP_RW:
		if (c->guest_shut & VSOCK_NO_SEND ||
		    !vsock_conn_take(c, chain, p->len))
			vsock_conn_reset(c);
		break;
	case VSOCK_OP_SHUTDOWN:
		guest_shuts(c, p);
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		vsock_owe(c, OWES_CREDIT);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	default: /* a second REQUEST or RESPONSE, or unknown */
		vsock_conn_reset(c);
		break;
	}
	vsock_conn_poll(c);
}

static void on_conn(struct vsock_conn *c, const struct packet *p,
		    const struct chain *chain)
{
	if (p->op == VSOCK_OP_RST) {
		if (c->state == VSOCK_REQUESTED)
			c->vs->counts.refused++;
		vsock_conn_linger(c);
	} else if (c->state == VSOCK_OPEN) {
		on_open(c, p, chain);
	} else if (c->state == VSOCK_REQUESTED) {
		if (p->op != VSOCK_OP_RESPONSE ||
		    !vsock_conn_credited(c, p->alloc, p->forwarded))
			vsock_conn_reset(c);
		else
			vsock_accepted(c);
	} /* else its reset is on the way */
}

/* False: not from our guest to us, or not whole. */
static bool parse(const struct vsock *vs, const struct chain *chain,
		  struct packet *p)
{
	struct vsock_header h;

	if (chain->in_len || !chain_read(chain, 0, &h, HEADER))
		return false;
	*p = (struct packet){
		.host_port = le32_get(h.dst_port),
		.guest_port = le32_get(h.src_port),
		.len = le32_get(h.len),
		.flags = le32_get(h.flags),
		.alloc = le32_get(h.buf_alloc),
		.forwarded = le32_get(h.fwd_cnt),
		.type = le16_get(h.type),
		.op = le16_get(h.op),
	};
	return le64_get(h.src_cid) == vs->cid &&
	       le64_get(h.dst_cid) == VSOCK_HOST_CID;
}

static void receive(struct vsock *vs, const struct chain *chain)
{
	struct vsock_conn *c;
	struct packet p;

	if (!parse(vs, chain, &p)) {
		vs->counts.dropped++;
		return;
	}
	if (p.type != VSOCK_STREAM) {
		refuse(vs, &p);
		return;
	}
	c = vsock_conn_find(vs, p.host_port, p.guest_port);
	if (c && p.len > chain->out_len - HEADER)
		vsock_conn_reset(c);
	else if (c)
		on_conn(c, &p, chain);
	else if (p.op == VSOCK_OP_REQUEST)
		guest_connects(vs, &p);
	else
		refuse(vs, &p);
}

static bool on_tx(struct virtio *v, unsigned int n, struct chain *chain)
{
	struct vsock *vs = vsock_of(v);

	if (vs->strays == VSOCK_STRAYS) {
		vs->tx_waits = true;
		return false;
	}
	receive(vs, chain);
	queue_push(&v->queue[n].ring, chain, 0);
	return true;
}

void vsock_receive(struct vsock *vs)
{
	virtio_service(&vs->v, VSOCK_TX, VIRTIO_BUDGET, on_tx);
}
