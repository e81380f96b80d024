// SPDX-License-Identifier: BSD-3-Clause
/*
 * See nic_parts.h. Frames from the backend into the driver's buffers.
 *
 * The backend reads straight into guest memory, only the virtio header and the
 * Ethernet header come into a place of ours: what is checked is what the driver
 * gets. While there is no buffer the backend is not polled, and the driver's
 * kick wakes us.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "devices/virtio/nic_parts.h"

#define LARGE_FOR   64 /* frames after a large one */
#define SMALL_FRAME 2048

enum outcome {
	GOT_FRAME,  /* or dropped one: go on */
	NO_FRAME,
	NO_BUFFERS,
	NO_RATE,
	BAD_RING,
};

/* The length with header, as net_recv(); more buffers when they are needed. */
static ssize_t read_frame(struct nic *nic, unsigned int pair, uint8_t *head)
{
	struct nic_buffers *b = &nic->rx;
	struct iovec iov[NET_IOV_MAX];
	size_t skip = nic->info.vnet ? 0 : NET_HEADER_SIZE;

	for (unsigned int tries = 2;; tries--) {
		ssize_t n;
		int count;

		iov[0] = (struct iovec){ head + skip, NIC_HEAD_SIZE - skip };
		count = nic_buffers_iov(b, NIC_HEAD_SIZE, iov + 1) + 1;
		n = net_recv(nic->net, pair, iov, count);
		if (n >= 0)
			return n + (ssize_t)skip;
		if (n != -ENOBUFS || tries == 1)
			return n;
		nic->pair[pair].large = LARGE_FOR;
		if (nic_buffers_take(b, NET_HEADER_SIZE + NET_FRAME_MAX) < 0)
			return -EPROTO;
	}
}

static void deliver(struct nic *nic, uint8_t *head, uint64_t len)
{
	unsigned int count = nic_buffers_count(&nic->rx, len);

	/* 1 without MRG_RXBUF, too: virtio 1.2, 5.1.6.4.1 */
	head[10] = (uint8_t)count;
	head[11] = (uint8_t)(count >> 8);
	nic_buffers_fill(&nic->rx, head, NIC_HEAD_SIZE, len, count);
	nic->counts.received++;
}

/* Is it a frame, and for us? */
static bool wanted(struct nic *nic, const uint8_t *head, uint64_t len)
{
	uint8_t mac[NIC_MAC_SIZE];

	if (len < NIC_HEAD_SIZE ||
	    !nic_header_received(head, len - NET_HEADER_SIZE, nic->features)) {
		nic->counts.receive_dropped++;
		return false;
	}
	nic_mac_unpack(mac, atomic_load(&nic->mac));
	if (nic_filter_pass(&nic->filter, mac, head + NET_HEADER_SIZE))
		return true;
	nic->counts.filtered++;
	return false;
}

/* The frame that was too large for all we could take. A driver that is only
 * slow gets it later; one whose buffers are too small, never. */
static enum outcome too_large(struct nic *nic, unsigned int pair)
{
	struct nic_buffers *b = &nic->rx;

	if (b->mergeable && b->dry)
		return NO_BUFFERS;
	net_discard(nic->net, pair);
	nic->counts.receive_dropped++;
	return GOT_FRAME;
}

/* The last frame is paid for before the next one is read. */
static bool paid(struct nic *nic, struct nic_pair *p)
{
	uint64_t wait;

	if (!p->receive_owed)
		return true;
	wait = rate_take(&nic->receive_rate, p->receive_owed, clock_mono_ns());
	if (wait) {
		p->receive_waits = true;
		loop_arm(nic->timer, wait);
		return false;
	}
	p->receive_owed = 0;
	return true;
}

static enum outcome receive_one(struct nic *nic, unsigned int pair)
{
	struct nic_pair *p = &nic->pair[pair];
	uint8_t head[NIC_HEAD_SIZE] = { 0 };
	ssize_t n;

	if (!paid(nic, p))
		return NO_RATE;
	if (nic_buffers_take(&nic->rx, p->large ? NET_HEADER_SIZE +
			     NET_FRAME_MAX : SMALL_FRAME) < 0)
		return BAD_RING;
	if (nic->rx.room < NIC_HEAD_SIZE)
		return NO_BUFFERS;
	n = read_frame(nic, pair, head);
	if (n == -ENOBUFS)
		return too_large(nic, pair);
	if (n == -EPROTO)
		return BAD_RING;
	if (n < 0)
		return NO_FRAME;
	if (rate_limited(&nic->receive_rate))
		p->receive_owed = (uint64_t)n;
	if (n > SMALL_FRAME)
		p->large = LARGE_FOR;
	else if (p->large)
		p->large--;
	if (wanted(nic, head, (uint64_t)n))
		deliver(nic, head, (uint64_t)n);
	return GOT_FRAME;
}

/* The kick that is asked for is one for buffers behind those in hand, which
 * are too few and go back afterwards. */
static bool wait_for_buffers(struct nic *nic, unsigned int pair)
{
	net_set_receive(nic->net, pair, false);
	return queue_set_kicks(nic->rx.q, true);
}

/* True: look again soon. */
static bool finish(struct nic *nic, unsigned int pair, enum outcome why)
{
	switch (why) {
	case BAD_RING:
		net_set_receive(nic->net, pair, false);
		virtio_fail(&nic->v, "the driver broke a ring");
		return false;
	case NO_RATE:
		net_set_receive(nic->net, pair, false);
		return false;
	case NO_BUFFERS:
		return wait_for_buffers(nic, pair);
	case NO_FRAME:
		return false;
	default:
		return true; /* others get their turn first */
	}
}

void nic_receive(struct nic *nic, unsigned int pair)
{
	unsigned int n = nic_rx_queue(pair);
	enum outcome why = GOT_FRAME;
	bool more;

	if (pair >= nic->pairs || !virtio_queue_live(&nic->v, n)) {
		net_set_receive(nic->net, pair, false);
		return;
	}
	if (nic->pair[pair].receive_waits)
		return;
	net_set_receive(nic->net, pair, true);
	nic->rx.q = &nic->v.queue[n].ring;
	queue_set_kicks(nic->rx.q, false);
	for (unsigned int i = NIC_BUDGET; i && why == GOT_FRAME; i--)
		why = receive_one(nic, pair);
	more = finish(nic, pair, why);
	nic_buffers_return(&nic->rx);
	virtio_queue_done(&nic->v, n);
	if (more)
		virtio_notify(&nic->v, n);
}
