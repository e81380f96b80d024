// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net.h. A frame per datagram, over a unix or UDP socket that has its peer.
 * A peer that is not there loses frames, like a cable that is not plugged in;
 * nobody is told.
 *
 * A socket that sends to an address, without a peer, is always writable, even
 * while the queue at that address is full: polling it would spin. It tries
 * again by a timer instead, soon at first, then ever later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/fd.h"
#include "base/num.h"

#define RETRY_MIN_NS UINT64_C(50000)
#define RETRY_MAX_NS UINT64_C(10000000)

struct dgram {
	struct net net;
	int fd; /* owned */
	struct sockaddr_storage peer; /* of a socket without one */
	socklen_t peer_len;
	char *unlink_path;
	struct loop_source *source; /* from start to stop */
	bool receive;
	bool wait_room; /* writable() is owed */
	struct loop_source *retry; /* timer, owned */
	uint64_t retry_ns;         /* its last time; 0: the last send went */
	struct net_hold hold;
};

static struct dgram *dgram_of(struct net *net)
{
	return (struct dgram *)net;
}

static void update_events(struct dgram *d)
{
	if (d->source)
		loop_set_events(d->source, (d->receive ? EPOLLIN : 0u) |
				(d->wait_room && !d->peer_len ? EPOLLOUT :
								0u));
}

static void on_event(void *ctx, uint32_t events)
{
	struct dgram *d = ctx;
	socklen_t len = sizeof(int);
	int code;

	if (!net_enter(&d->net))
		return;
	/* An ICMP error of an earlier frame waits to be fetched. */
	if (events & EPOLLERR)
		(void)getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &code, &len);
	if (events & EPOLLOUT && d->wait_room) {
		d->wait_room = false;
		update_events(d);
		d->net.listener.writable(d->net.listener.ctx, 0);
	}
	if (events & EPOLLIN && d->receive)
		d->net.listener.readable(d->net.listener.ctx, 0);
	net_leave(&d->net);
}

static void on_retry(void *ctx, uint32_t events)
{
	struct dgram *d = ctx;

	if (!net_enter(&d->net))
		return;
	if (d->wait_room) {
		d->wait_room = false;
		d->net.listener.writable(d->net.listener.ctx, 0);
	}
	net_leave(&d->net);
}

/* writable() comes when sending may be worth a try. */
static void wait_for_room(struct dgram *d)
{
	d->wait_room = true;
	if (!d->peer_len) {
		update_events(d);
		return;
	}
	d->retry_ns = d->retry_ns ? min_u64(2 * d->retry_ns, RETRY_MAX_NS) :
				    RETRY_MIN_NS;
	loop_arm(d->retry, d->retry_ns);
}

static int dgram_send(struct net *net, unsigned int queue,
		      const struct iovec *iov, int count)
{
	struct dgram *d = dgram_of(net);
	struct iovec pieces[NET_IOV_MAX];
	struct msghdr msg = { .msg_iov = pieces,
			      .msg_iovlen = (size_t)count };
	ssize_t n;

	if (d->peer_len) {
		msg.msg_name = &d->peer;
		msg.msg_namelen = d->peer_len;
	}
	if (count)
		memcpy(pieces, iov, (size_t)count * sizeof(*iov));
	do
		n = sendmsg(d->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		wait_for_room(d);
		return -EAGAIN;
	}
	d->retry_ns = 0;
	return n < 0 ? -errno : 0;
}

static ssize_t dgram_recv(struct net *net, unsigned int queue,
			  const struct iovec *iov, int count)
{
	struct dgram *d = dgram_of(net);
	ssize_t n = net_hold_recv(&d->hold, d->fd, iov, count);

	return n > 0 || n == -ENOBUFS ? n : -EAGAIN;
}

static void dgram_discard(struct net *net, unsigned int queue)
{
	dgram_of(net)->hold.len = 0;
}

static void dgram_set_receive(struct net *net, unsigned int queue, bool on)
{
	struct dgram *d = dgram_of(net);

	if (d->receive == on)
		return;
	d->receive = on;
	update_events(d);
}

static int dgram_start(struct net *net, const struct net_setup *setup)
{
	struct dgram *d = dgram_of(net);

	d->receive = true;
	return loop_add(&d->source, net->loop, d->fd, EPOLLIN, on_event, d);
}

static void dgram_stop(struct net *net)
{
	struct dgram *d = dgram_of(net);

	loop_remove(d->source);
	d->source = NULL;
	if (d->retry)
		loop_arm(d->retry, 0);
	d->retry_ns = 0;
	d->receive = false;
	d->wait_room = false;
	d->hold.len = 0;
}

static void dgram_destroy(struct net *net)
{
	struct dgram *d = dgram_of(net);

	dgram_stop(net);
	loop_remove(d->retry);
	fd_close(&d->fd);
	if (d->unlink_path)
		unlink(d->unlink_path);
	free(d->unlink_path);
	net_hold_finish(&d->hold);
	net_finish(net);
	free(d);
}

static const struct net_ops dgram_ops = {
	.start = dgram_start,
	.stop = dgram_stop,
	.send = dgram_send,
	.recv = dgram_recv,
	.discard = dgram_discard,
	.set_receive = dgram_set_receive,
	.destroy = dgram_destroy,
};

int net_dgram_create(struct net **out, const struct net_sockets *sockets,
		     struct loop *loop, const struct log *log,
		     struct err *err)
{
	const char *path = sockets->unlink_path;
	struct dgram *d = calloc(1, sizeof(*d));
	int fd = sockets->fd;
	int r = 0;

	*out = NULL;
	if (!d) {
		fd_close(&fd);
		return err_set(err, -ENOMEM, "%s: out of memory",
			       sockets->name);
	}
	net_init(&d->net, &dgram_ops, sockets->name, loop, log);
	atomic_store(&d->net.link, true);
	d->fd = fd;
	d->peer = sockets->peer;
	d->peer_len = sockets->peer_len;
	d->unlink_path = path ? strdup(path) : NULL;
	if (net_hold_init(&d->hold) < 0 || (path && !d->unlink_path))
		r = -ENOMEM;
	else if (d->peer_len)
		r = loop_add_timer(&d->retry, loop, on_retry, d);
	if (r < 0) {
		dgram_destroy(&d->net);
		return err_set(err, r, "%s: %s", sockets->name, strerror(-r));
	}
	*out = &d->net;
	return 0;
}
