/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kinds of network backends share: the head of their structs and two
 * helpers. Nobody outside backends/net*.c includes this.
 */
#ifndef VIREO_BACKENDS_NET_OPS_H
#define VIREO_BACKENDS_NET_OPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "backends/net.h"

/* As the functions of the same names; the arguments have been checked. start()
 * runs with the lock held. */
struct net_ops {
	int (*start)(struct net *net, const struct net_setup *setup);
	void (*stop)(struct net *net);
	int (*set_queues)(struct net *net, unsigned int queues);
	int (*send)(struct net *net, unsigned int queue,
		    const struct iovec *iov, int count);
	void (*flush)(struct net *net, unsigned int queue); /* or NULL */
	ssize_t (*recv)(struct net *net, unsigned int queue,
			const struct iovec *iov, int count);
	void (*discard)(struct net *net, unsigned int queue);
	void (*set_receive)(struct net *net, unsigned int queue, bool on);
	void (*destroy)(struct net *net);
};

/* The first member of every kind's struct. */
struct net {
	const struct net_ops *ops;
	struct loop *loop;      /* not owned */
	const struct log *log;  /* not owned */
	struct net_info info;   /* fixed at creation */
	struct net_listener listener; /* between start and stop */
	_Atomic bool link;
	pthread_mutex_t lock; /* held by the loop's callbacks; guards running */
	bool running;         /* between start and stop */
	char name[64];        /* for log lines: "tap vm0" */
};

void net_init(struct net *net, const struct net_ops *ops, const char *name,
	      struct loop *loop, const struct log *log);
void net_finish(struct net *net);

/* Around each callback of the loop: false when net_stop() has begun, and then
 * nothing may be touched. So the callbacks may change the sources. */
bool net_enter(struct net *net);
void net_leave(struct net *net);

/* Changes the link's state and tells the listener. Loop thread. */
void net_link_set(struct net *net, bool up);

/*
 * Frames from descriptors that give one per read and cut what does not fit:
 * a spare place behind the caller's, and the frame that was too large.
 */
struct net_hold {
	uint8_t *frame; /* owned, NET_HOLD_SIZE */
	size_t len;     /* 0: nothing is held */
};

#define NET_HOLD_SIZE (NET_HEADER_SIZE + NET_FRAME_MAX + 1)

int net_hold_init(struct net_hold *hold); /* 0 or -ENOMEM */
void net_hold_finish(struct net_hold *hold);
/* net_recv() over readv(@fd). 0: the end of the stream. */
ssize_t net_hold_recv(struct net_hold *hold, int fd, const struct iovec *iov,
		      int count);

/* Bytes in all pieces. */
size_t net_iov_size(const struct iovec *iov, int count);
/* Spreads @len bytes over the pieces, which have room for them. */
void net_iov_fill(const struct iovec *iov, int count, const uint8_t *src,
		  size_t len);

/* A program that serves a stream socket, and ends when that closes. */
struct net_helper {
	pid_t pid;  /* 0: ended */
	int pidfd;
};

struct net_helper_config {
	const char *name; /* for messages */
	const char *path;
	const char *const *argv;
	int fd;      /* becomes its descriptor 3 */
	bool leaves; /* goes into the background when it is ready; else it
			says so in its last line */
};

/* Starts it, waits until it gives up its descriptor 2, and makes an error of
 * what it wrote there. */
int net_helper_start(struct net_helper **out,
		     const struct net_helper_config *cfg, struct err *err);
/* Its socket has been closed already. NULL is accepted. */
void net_helper_end(struct net_helper *helper);

/* Sockets that are open; the backend owns both descriptors, which may be -1,
 * also when its creation fails. */
struct net_sockets {
	const char *name; /* for messages */
	int fd;           /* stream: the peer's; datagram: ours */
	bool given;       /* fd is a copy of somebody else's */
	int listen_fd;    /* stream: where peers come from */
	const char *unlink_path; /* removed at the end; NULL: nothing */
	struct sockaddr_storage peer; /* datagram: where to, if not connected */
	socklen_t peer_len;
	struct net_helper *helper; /* stream: ended at the end; NULL: none */
};

int net_stream_create(struct net **out, const struct net_sockets *sockets,
		      struct loop *loop, const struct log *log,
		      struct err *err);
int net_dgram_create(struct net **out, const struct net_sockets *sockets,
		     struct loop *loop, const struct log *log,
		     struct err *err);

#endif
