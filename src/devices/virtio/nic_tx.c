// SPDX-License-Identifier: BSD-3-Clause
/*
 * See nic_parts.h. Frames from the driver to the backend. The header and the
 * Ethernet header are copied, checked, and sent from the copy; the rest goes
 * out of guest memory as it is.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "devices/virtio/nic_parts.h"

/* False: the frame is not to be sent. */
static bool acceptable(const struct nic *nic, const struct chain *c,
		       uint8_t *head)
{
	uint64_t len;

	if (c->out_len < NIC_HEAD_SIZE ||
	    !chain_read(c, 0, head, NIC_HEAD_SIZE))
		return false;
	len = c->out_len - NET_HEADER_SIZE;
	if (len > NET_FRAME_MAX || !nic_header_sent(head, len, nic->features))
		return false;
	return !nic->cfg.lock_mac ||
	       memcmp(head + NET_HEADER_SIZE + NIC_MAC_SIZE, nic->cfg.mac,
		      NIC_MAC_SIZE) == 0;
}

/* 0; -EAGAIN: later; else dropped. */
static int send_frame(struct nic *nic, unsigned int pair,
		      const struct chain *c, uint8_t *head)
{
	size_t skip = nic->info.vnet ? 0 : NET_HEADER_SIZE;
	struct iovec iov[QUEUE_IOV_MAX + 1];
	int n;

	iov[0] = (struct iovec){ head + skip, NIC_HEAD_SIZE - skip };
	n = chain_out(c, NIC_HEAD_SIZE, c->out_len - NIC_HEAD_SIZE, iov + 1,
		      QUEUE_IOV_MAX);
	if (n < 0)
		return -EINVAL;
	return net_send(nic->net, pair, iov, n + 1);
}

static bool paid(struct nic *nic, struct nic_pair *p, uint64_t len)
{
	uint64_t wait;

	if (p->send_paid || !rate_limited(&nic->send_rate))
		return true;
	wait = rate_take(&nic->send_rate, len, clock_mono_ns());
	if (wait)
		loop_arm(nic->timer, wait);
	return !wait;
}

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct nic *nic = nic_of(v);
	unsigned int pair = n / 2;
	struct nic_pair *p = &nic->pair[pair];
	uint8_t head[NIC_HEAD_SIZE];
	int r = -EINVAL;

	if (acceptable(nic, c, head)) {
		p->send_waits = !paid(nic, p, c->out_len);
		if (p->send_waits)
			return false;
		r = send_frame(nic, pair, c, head);
	}
	if (r == -EAGAIN) {
		p->send_waits = true;
		p->send_paid = true;
		return false;
	}
	p->send_paid = false;
	if (r < 0)
		nic->counts.send_dropped++;
	else
		nic->counts.sent++;
	queue_push(&v->queue[n].ring, c, 0);
	return true;
}

void nic_send(struct nic *nic, unsigned int pair)
{
	nic->pair[pair].send_waits = false;
	virtio_service(&nic->v, nic_tx_queue(pair), NIC_BUDGET, handle);
	net_flush(nic->net, pair);
}
