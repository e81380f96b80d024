/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the files of the network device; for nobody else.
 *
 * Lock: everything that the loop's thread does with the device holds
 * nic->lock, so that stopping can wait for it. Nothing is in flight when it is
 * released: receive buffers that were taken and not filled go back to the ring.
 */
#ifndef VIREO_DEVICES_VIRTIO_NIC_PARTS_H
#define VIREO_DEVICES_VIRTIO_NIC_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/virtio/nic.h"
#include "devices/virtio/nic_frame.h"
#include "devices/virtio/queue_batch.h"

#define NIC_BUDGET   64  /* frames per wake-up */
#define NIC_RX_BUFS  256 /* for one frame */
#define NIC_RX_IOV   (NET_IOV_MAX - 1)

/* Receive buffers in hand, of one queue, while it is served. */
struct nic_buffers {
	struct queue *q;
	bool mergeable;
	bool dry;           /* the ring had no more */
	unsigned int first; /* used[first, end) are free */
	unsigned int end;
	unsigned int fence; /* those before it cannot be given back */
	unsigned int iov_first;
	unsigned int iov_end;
	uint64_t room; /* bytes */
	struct queue_used used[NIC_RX_BUFS]; /* len: room */
	uint16_t pieces[NIC_RX_BUFS];        /* of iov */
	struct iovec iov[NIC_RX_IOV];
	struct chain chain; /* scratch */
};

struct nic_pair {
	bool send_waits;   /* for room or for the rate: we come back */
	bool send_paid;    /* the next frame has been counted already */
	bool receive_waits; /* for the rate */
	uint64_t receive_owed; /* bytes of the last frame, to be paid */
	unsigned int large; /* frames to expect a large one for */
};

struct nic {
	struct virtio v;
	struct nic_config cfg;
	struct net *net; /* owned */
	struct net_info info;
	struct loop_source *timer;

	/* what the driver has told; kept over a pause */
	_Atomic uint64_t mac;
	uint16_t pairs; /* in use */
	struct nic_filter filter;

	pthread_mutex_t lock; /* guards everything below */
	bool running;
	uint16_t max_pairs;      /* negotiated */
	unsigned int ctrl_queue; /* its number */
	uint64_t features;
	struct nic_pair pair[NET_MAX_QUEUES];
	struct rate send_rate;
	struct rate receive_rate;
	struct nic_counts counts;
	struct nic_buffers rx;
};

static inline struct nic *nic_of(struct virtio *v)
{
	return (struct nic *)v;
}

static inline unsigned int nic_rx_queue(unsigned int pair)
{
	return 2 * pair;
}

static inline unsigned int nic_tx_queue(unsigned int pair)
{
	return 2 * pair + 1;
}

/* All with the lock held, on the loop's thread. */
void nic_send(struct nic *nic, unsigned int pair);
void nic_receive(struct nic *nic, unsigned int pair);
void nic_control(struct nic *nic);
/* nic_buffers.c: takes buffers until there is room for @need bytes or no
 * more; -EPROTO. */
int nic_buffers_take(struct nic_buffers *b, uint64_t need);
/* The pieces after the first @skip bytes; their number. */
int nic_buffers_iov(const struct nic_buffers *b, size_t skip,
		    struct iovec *iov);
/* How many buffers @len <= room bytes need. */
unsigned int nic_buffers_count(const struct nic_buffers *b, uint64_t len);
/* Writes @head into the first bytes and completes @len bytes in @count. */
void nic_buffers_fill(struct nic_buffers *b, const uint8_t *head,
		      size_t head_len, uint64_t len, unsigned int count);
/* Completes one buffer empty: it is too small for anything. */
void nic_buffers_refuse(struct nic_buffers *b);
/* Gives the rest back to the ring. */
void nic_buffers_return(struct nic_buffers *b);

#endif
