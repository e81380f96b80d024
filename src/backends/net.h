/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network backend: where a network device's frames go and come from.
 *
 * Frames are Ethernet frames without checksum at the end. A backend that can
 * do offloads (info.vnet) has a 12-byte virtio network header (virtio 1.2,
 * 5.1.6) before each frame, in both directions, when it was started so; others
 * have none. Nothing here knows guests: the bytes are checked by who sends
 * them and by who takes them.
 *
 * Threads: net_start() and net_stop() from one thread at a time; everything
 * between them, and the listener, on the loop's thread, and nothing during
 * net_stop(). net_link() from any thread.
 */
#ifndef VIREO_BACKENDS_NET_H
#define VIREO_BACKENDS_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

#define NET_MAX_QUEUES  8
#define NET_HEADER_SIZE 12
#define NET_ETHER_SIZE  14
#define NET_MTU_MIN     1280 /* what IPv6 asks for */
#define NET_MTU_MAX     65521
#define NET_FRAME_MAX   (65535 + NET_ETHER_SIZE + 4) /* one VLAN tag */
#define NET_IOV_MAX     512

/* What the other side may be given instead of finished frames. */
enum net_offload {
	NET_CSUM = 1, /* checksums that are not filled in */
	NET_TSO4 = 2, /* TCP over IPv4 that is not cut into segments */
	NET_TSO6 = 4,
	NET_ECN = 8, /* the same with ECN bits */
	NET_UFO = 16,
	NET_USO = 32,
};

struct net;

struct net_info {
	unsigned int queues; /* pairs, 1 to NET_MAX_QUEUES */
	bool vnet;           /* can have headers */
	uint32_t offloads;   /* enum net_offload, both directions */
};

/* On the loop's thread; the one lock that is held is net_stop()'s, which may
 * not be called from them. */
struct net_listener {
	/* Frames wait (only while net_set_receive() is on): take them with
	 * net_recv(). Comes again when some are left in the kernel. */
	void (*readable)(void *ctx, unsigned int queue);
	/* net_send() had no room; now it may have. */
	void (*writable)(void *ctx, unsigned int queue);
	/* net_link() has changed; writable() may not come any more. Also from
	 * inside net_send(), net_recv() and net_flush(). */
	void (*link)(void *ctx);
	void *ctx;
};

struct net_setup {
	bool header;       /* frames have headers; needs info.vnet */
	uint32_t receive;  /* enum net_offload that net_recv() may bring */
	unsigned int queues; /* pairs in use, at most info.queues */
};

void net_info(const struct net *net, struct net_info *info);

/* Starts with reception on. 0 or -errno. */
int net_start(struct net *net, const struct net_setup *setup,
	      const struct net_listener *listener);
/* On return no callback runs. Frames on the way may be lost. */
void net_stop(struct net *net);
/* How many pairs get frames from now on. */
int net_set_queues(struct net *net, unsigned int queues);

/* Sends one frame. 0; -EAGAIN: no room, nothing was taken, wait for writable();
 * anything else: the frame is dropped (-EIO when the link is down). What was
 * sent may wait for net_flush(). At most NET_IOV_MAX pieces. */
int net_send(struct net *net, unsigned int queue, const struct iovec *iov,
	     int count);
/* After a batch of net_send(). */
void net_flush(struct net *net, unsigned int queue);

/* Takes one frame: its length with header. -EAGAIN: there is none. -ENOBUFS:
 * it is larger than @iov; it is kept, to be taken with more room or dropped
 * with net_discard(); what @iov holds then is undefined. */
ssize_t net_recv(struct net *net, unsigned int queue, const struct iovec *iov,
		 int count);
void net_discard(struct net *net, unsigned int queue);
/* Off: nothing is polled or read, so the sender meets back-pressure. After
 * turning it on, call net_recv() until -EAGAIN. */
void net_set_receive(struct net *net, unsigned int queue, bool on);

/* Is there somebody at the other end? */
bool net_link(const struct net *net);

/* The device must have stopped. NULL is accepted. */
void net_destroy(struct net *net);

/* ---- kinds; each fails with one sentence, and *out is NULL then ---- */

/* A tap device that exists already, by name or by descriptors of it. */
struct net_tap_config {
	const char *name;      /* or NULL: then descriptors */
	const int *fds;        /* one per queue; duplicated */
	unsigned int fd_count;
	unsigned int queues;   /* by name: pairs wanted; 0 means 1 */
};

int net_tap_create(struct net **out, const struct net_tap_config *cfg,
		   struct loop *loop, const struct log *log, struct err *err);

/*
 * A socket. Stream: each frame after its length in 4 bytes, big endian (the
 * framing of QEMU's sockets and passt). Datagram: a frame each. Addresses:
 * "unix:PATH", or "HOST:PORT" with a numeric host ("[::1]:5555").
 */
struct net_socket_config {
	int fd;              /* connected already (duplicated), or -1 */
	const char *connect; /* stream: the peer; datagram: where to send */
	const char *listen;  /* stream: waits for one peer at a time;
				datagram: our own address */
	bool datagram;
};

int net_socket_create(struct net **out, const struct net_socket_config *cfg,
		      struct loop *loop, const struct log *log,
		      struct err *err);

/* A network in user space that needs no privileges: vireo-netd, a process of
 * its own that ends with the backend. Guest 10.0.2.15, host 10.0.2.2. */
struct net_user_config {
	const char *program;        /* vireo-netd's path; NULL: found */
	const char *const *forward; /* [tcp:|udp:][ADDRESS:]HOST:GUEST ports */
	unsigned int forward_count;
	unsigned int mtu;   /* 0: 1500 */
	const char *dns;    /* address of a name server; NULL: the host's */
	bool host_loopback; /* 10.0.2.2 is the host's 127.0.0.1 */
	bool restricted;    /* nothing but DHCP and the forwards */
};

int net_user_create(struct net **out, const struct net_user_config *cfg,
		    struct loop *loop, const struct log *log, struct err *err);

/* The distribution's passt, the same way. */
struct net_passt_config {
	const char *program;        /* NULL: "passt" in the usual places */
	const char *const *forward; /* as above */
	unsigned int forward_count;
	unsigned int mtu; /* 0: passt's own choice */
};

int net_passt_create(struct net **out, const struct net_passt_config *cfg,
		     struct loop *loop, const struct log *log,
		     struct err *err);

#endif
