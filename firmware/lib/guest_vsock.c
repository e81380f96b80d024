// SPDX-License-Identifier: BSD-3-Clause
/* See guest_vsock.h. */
#include "guest_vsock.h"

#define RX    0
#define TX    1
#define EVENT 2

#define PATIENCE_US 2000000u
#define BOTH_ENDS   3u /* of SHUTDOWN */

void vsock_open(struct vsock *v)
{
	memset(v, 0, sizeof(*v));
	vio_open(&v->dev, VIO_VSOCK, 0);
	v->cid = mmio_read64(v->dev.config);
	v->out = guest_pages(2);
	v->in = guest_pages(VSOCK_BUFFER / GUEST_PAGE);
}

void vsock_start(struct vsock *v, uint64_t features, uint16_t size)
{
	vio_begin(&v->dev, features);
	vq_init(&v->rx, &v->dev, RX, size);
	vq_init(&v->tx, &v->dev, TX, size);
	vq_init(&v->event, &v->dev, EVENT, size);
	vio_go(&v->dev);
	vio_take_isr(&v->dev);
	v->posted = false;
}

struct vsock_packet vsock_make(const struct vsock *v, enum vsock_op op,
			       uint32_t from, uint32_t to)
{
	return (struct vsock_packet){
		.src_cid = v->cid,
		.dst_cid = VSOCK_HOST,
		.src_port = from,
		.dst_port = to,
		.type = VSOCK_STREAM,
		.op = (uint16_t)op,
		.flags = op == VSOCK_SHUTDOWN ? BOTH_ENDS : 0,
		.alloc = VSOCK_ALLOC,
	};
}

void vsock_send_raw(struct vsock *v, const struct vsock_packet *p,
		    uint32_t bytes)
{
	struct vq_done done;

	mmio_write64(v->out, p->src_cid);
	mmio_write64(v->out + 8, p->dst_cid);
	mmio_write32(v->out + 16, p->src_port);
	mmio_write32(v->out + 20, p->dst_port);
	mmio_write32(v->out + 24, p->len);
	mmio_write32(v->out + 28, (uint32_t)p->op << 16 | p->type);
	mmio_write32(v->out + 32, p->flags);
	mmio_write32(v->out + 36, p->alloc);
	mmio_write32(v->out + 40, p->forwarded);
	vq_add(&v->tx, &(struct vq_buf){ v->out, VSOCK_HEADER + bytes, 0 }, 1);
	vq_kick(&v->tx);
	if (!vq_wait(&v->tx, &done, 1))
		guest_fail("a packet is not taken, status %x",
			   vio_status(&v->dev));
}

void vsock_send(struct vsock *v, enum vsock_op op, uint32_t from, uint32_t to)
{
	struct vsock_packet p = vsock_make(v, op, from, to);

	vsock_send_raw(v, &p, 0);
}

static void read_packet(const struct vsock *v, struct vsock_packet *p)
{
	p->src_cid = mmio_read64(v->in);
	p->dst_cid = mmio_read64(v->in + 8);
	p->src_port = mmio_read32(v->in + 16);
	p->dst_port = mmio_read32(v->in + 20);
	p->len = mmio_read32(v->in + 24);
	p->type = mmio_read16(v->in + 28);
	p->op = mmio_read16(v->in + 30);
	p->flags = mmio_read32(v->in + 32);
	p->alloc = mmio_read32(v->in + 36);
	p->forwarded = mmio_read32(v->in + 40);
}

bool vsock_receive(struct vsock *v, struct vsock_packet *p, uint32_t us)
{
	uint32_t start = pm_timer();
	struct vq_done done;

	if (!v->posted) {
		vq_add(&v->rx,
		       &(struct vq_buf){ v->in, VSOCK_BUFFER, VQ_WRITE }, 1);
		vq_kick(&v->rx);
		v->posted = true;
	}
	while (!vq_take(&v->rx, &done, 1))
		if (pm_timer() - start > (uint64_t)us * PM_TIMER_HZ / 1000000)
			return false;
	v->posted = false;
	read_packet(v, p);
	if (done.len != VSOCK_HEADER + p->len || p->dst_cid != v->cid ||
	    p->src_cid != VSOCK_HOST)
		guest_fail("a packet of %u bytes, in it %u, from %lx to %lx",
			   done.len, p->len, p->src_cid, p->dst_cid);
	return true;
}

void vsock_expect(struct vsock *v, enum vsock_op op, uint32_t port,
		  const char *when)
{
	struct vsock_packet p = { .op = 0 };

	do {
		if (!vsock_receive(v, &p, PATIENCE_US))
			guest_fail("%s: no packet %u, device status %x", when,
				   op, vio_status(&v->dev));
	} while (p.op == VSOCK_CREDIT_UPDATE && op != VSOCK_CREDIT_UPDATE);
	if (p.op != op || p.dst_port != port)
		guest_fail("%s: packet %u for port %u, not %u for %u", when,
			   p.op, p.dst_port, op, port);
}

void vsock_check(struct vsock *v, uint32_t from, uint32_t port,
		 const char *when)
{
	struct vsock_packet p = vsock_make(v, VSOCK_RW, from, port);
	uint64_t stamp = rdtsc();

	vsock_send(v, VSOCK_REQUEST, from, port);
	vsock_expect(v, VSOCK_RESPONSE, from, when);
	mmio_write64(v->out + VSOCK_HEADER, stamp);
	p.len = 8;
	vsock_send_raw(v, &p, 8);
	vsock_expect(v, VSOCK_RW, from, when);
	if (mmio_read64(v->in + VSOCK_HEADER) != stamp)
		guest_fail("%s: the echo is %lx", when,
			   mmio_read64(v->in + VSOCK_HEADER));
	vsock_send(v, VSOCK_SHUTDOWN, from, port);
	vsock_expect(v, VSOCK_RST, from, when);
}
