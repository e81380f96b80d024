// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net.h. Frames over a stream socket, each after its length in 4 bytes,
 * big endian. Both directions go through a buffer, so that many small frames
 * cost one system call.
 *
 * The peer is not trusted: a length that no frame has ends the connection. A
 * backend that listens then waits for the next peer; another one stays down.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/fd.h"

#define PREFIX      4
#define BUFFER_SIZE (256u << 10)

struct buffer {
	uint8_t *bytes; /* owned, BUFFER_SIZE */
	size_t start;   /* [start, end) is in use */
	size_t end;
};

struct stream {
	struct net net;
	int fd;        /* owned; -1: no peer */
	bool given;    /* fd is a copy of somebody else's */
	int listen_fd; /* owned; -1: there will be no other */
	char *unlink_path;
	struct net_helper *helper; /* owned */
	struct loop_source *source;        /* of fd, from start to stop */
	struct loop_source *listen_source; /* the same */
	uint32_t events; /* what source waits for */
	bool receive;
	bool wait_room; /* writable() is owed */
	struct buffer in;
	struct buffer out;
};

static struct stream *stream_of(struct net *net)
{
	return (struct stream *)net;
}

static size_t buffered(const struct buffer *b)
{
	return b->end - b->start;
}

/* Room at the end, after moving what is there to the start. */
static size_t make_room(struct buffer *b)
{
	if (b->start) {
		memmove(b->bytes, b->bytes + b->start, buffered(b));
		b->end -= b->start;
		b->start = 0;
	}
	return BUFFER_SIZE - b->end;
}

static void put_length(uint8_t *p, size_t len)
{
	for (int i = 0; i < PREFIX; i++)
		p[i] = (uint8_t)(len >> (24 - 8 * i));
}

static size_t get_length(const uint8_t *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	       p[3];
}

static void update_events(struct stream *s)
{
	uint32_t events = s->receive ? EPOLLIN : EPOLLRDHUP;

	if (buffered(&s->out) || s->wait_room)
		events |= EPOLLOUT;
	if (s->source && s->events != events)
		loop_set_events(s->source, events);
	s->events = events;
}

/* What was given may be of use to its owner still. */
static void hang_up(struct stream *s)
{
	if (s->given)
		fd_close(&s->fd);
	else
		fd_hang_up(&s->fd);
}

static void disconnect(struct stream *s, const char *why)
{
	if (s->fd < 0)
		return;
	log_info(s->net.log, "%s: the peer is gone: %s", s->net.name, why);
	loop_remove(s->source);
	s->source = NULL;
	hang_up(s);
	s->in.start = s->in.end = 0;
	s->out.start = s->out.end = 0;
	s->wait_room = false;
	if (s->listen_source)
		loop_set_events(s->listen_source, EPOLLIN);
	net_link_set(&s->net, false);
}

/* Writes what waits; false when the peer is gone. */
static bool flush(struct stream *s)
{
	while (s->fd >= 0 && buffered(&s->out)) {
		ssize_t n = send(s->fd, s->out.bytes + s->out.start,
				 buffered(&s->out),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			disconnect(s, strerror(errno));
			return false;
		}
		s->out.start += (size_t)n;
	}
	if (!buffered(&s->out))
		s->out.start = s->out.end = 0;
	return s->fd >= 0;
}

/* Half of the buffer free: then it is worth trying again. */
static void offer_room(struct stream *s)
{
	if (!s->wait_room || buffered(&s->out) > BUFFER_SIZE / 2)
		return;
	s->wait_room = false;
	s->net.listener.writable(s->net.listener.ctx, 0);
}

static void on_event(void *ctx, uint32_t events)
{
	struct stream *s = ctx;

	if (!net_enter(&s->net))
		return;
	if (events & EPOLLOUT && flush(s))
		offer_room(s);
	/* A peer that hung up may have left frames; while nobody takes them
	 * only the hang-up can be told. */
	if (s->fd >= 0 && s->receive && events & (EPOLLIN | EPOLLHUP))
		s->net.listener.readable(s->net.listener.ctx, 0);
	else if (s->fd >= 0 && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		disconnect(s, "it hung up");
	update_events(s);
	net_leave(&s->net);
}

/* ---- frames ---- */

static int stream_send(struct net *net, unsigned int queue,
		       const struct iovec *iov, int count)
{
	struct stream *s = stream_of(net);
	size_t len = net_iov_size(iov, count);
	uint8_t *p;

	if (s->fd < 0)
		return -EIO;
	if (len > NET_FRAME_MAX)
		return -EMSGSIZE;
	if (BUFFER_SIZE - s->out.end < PREFIX + len && !flush(s))
		return -EIO;
	if (make_room(&s->out) < PREFIX + len) {
		s->wait_room = true;
		update_events(s);
		return -EAGAIN;
	}
	p = s->out.bytes + s->out.end;
	put_length(p, len);
	p += PREFIX;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	s->out.end += PREFIX + len;
	return 0;
}

static void stream_flush(struct net *net, unsigned int queue)
{
	struct stream *s = stream_of(net);

	if (s->fd >= 0 && buffered(&s->out) && flush(s) && buffered(&s->out))
		update_events(s);
}

/* A whole frame at in.start: its length. 0: not there yet. -EPROTO. */
static ssize_t whole_frame(const struct buffer *in)
{
	size_t len;

	if (buffered(in) < PREFIX)
		return 0;
	len = get_length(in->bytes + in->start);
	if (len == 0 || len > NET_FRAME_MAX)
		return -EPROTO;
	return buffered(in) - PREFIX < len ? 0 : (ssize_t)len;
}

/* One read; -EAGAIN, or -EIO when the peer is gone. */
static int fill(struct stream *s)
{
	size_t room = make_room(&s->in);
	ssize_t n;

	do
		n = recv(s->fd, s->in.bytes + s->in.end, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n <= 0) {
		disconnect(s, n < 0 ? strerror(errno) : "end of stream");
		return -EIO;
	}
	s->in.end += (size_t)n;
	return 0;
}

static ssize_t next_frame(struct stream *s)
{
	ssize_t len = whole_frame(&s->in);

	if (len == 0 && fill(s) == 0)
		len = whole_frame(&s->in);
	if (len == -EPROTO)
		disconnect(s, "it sent a length that no frame has");
	return len > 0 ? len : -EAGAIN;
}

static void drop_frame(struct stream *s, size_t len)
{
	s->in.start += PREFIX + len;
	if (s->in.start == s->in.end)
		s->in.start = s->in.end = 0;
}

static ssize_t stream_recv(struct net *net, unsigned int queue,
			   const struct iovec *iov, int count)
{
	struct stream *s = stream_of(net);
	ssize_t len;

	if (s->fd < 0)
		return -EAGAIN;
	len = next_frame(s);
	if (len < 0)
		return len;
	if ((size_t)len > net_iov_size(iov, count))
		return -ENOBUFS;
	net_iov_fill(iov, count, s->in.bytes + s->in.start + PREFIX,
		     (size_t)len);
	drop_frame(s, (size_t)len);
	return len;
}

static void stream_discard(struct net *net, unsigned int queue)
{
	struct stream *s = stream_of(net);
	ssize_t len = whole_frame(&s->in);

	if (len > 0)
		drop_frame(s, (size_t)len);
}

static void stream_set_receive(struct net *net, unsigned int queue, bool on)
{
	struct stream *s = stream_of(net);

	if (s->receive == on)
		return;
	s->receive = on;
	update_events(s);
}

/* ---- life ---- */

static int watch_peer(struct stream *s)
{
	s->events = 0;
	return loop_add(&s->source, s->net.loop, s->fd, 0, on_event, s);
}

static void take_peer(struct stream *s)
{
	const int one = 1;
	int fd;

	if (s->fd >= 0)
		return;
	fd = fd_above(accept4(s->listen_fd, NULL, NULL,
			      SOCK_CLOEXEC | SOCK_NONBLOCK));
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->fd = fd;
	if (watch_peer(s) < 0) {
		fd_close(&s->fd);
		return;
	}
	loop_set_events(s->listen_source, 0); /* one peer at a time */
	update_events(s);
	net_link_set(&s->net, true);
}

static void on_peer(void *ctx, uint32_t events)
{
	struct stream *s = ctx;

	if (!net_enter(&s->net))
		return;
	take_peer(s);
	net_leave(&s->net);
}

static void stream_stop(struct net *net)
{
	struct stream *s = stream_of(net);

	loop_remove(s->listen_source);
	s->listen_source = NULL;
	loop_remove(s->source);
	s->source = NULL;
	s->receive = false;
	s->wait_room = false;
}

static int stream_start(struct net *net, const struct net_setup *setup)
{
	struct stream *s = stream_of(net);
	int r = 0;

	if (s->listen_fd >= 0)
		r = loop_add(&s->listen_source, net->loop, s->listen_fd, 0,
			     on_peer, s);
	if (r == 0 && s->fd >= 0)
		r = watch_peer(s);
	if (r < 0) {
		stream_stop(net);
		return r;
	}
	if (s->listen_source && s->fd < 0)
		loop_set_events(s->listen_source, EPOLLIN);
	s->receive = true;
	update_events(s);
	return 0;
}

static void stream_destroy(struct net *net)
{
	struct stream *s = stream_of(net);

	stream_stop(net);
	hang_up(s);
	fd_hang_up(&s->listen_fd);
	net_helper_end(s->helper);
	if (s->unlink_path)
		unlink(s->unlink_path);
	free(s->unlink_path);
	free(s->in.bytes);
	free(s->out.bytes);
	net_finish(net);
	free(s);
}

static const struct net_ops stream_ops = {
	.start = stream_start,
	.stop = stream_stop,
	.send = stream_send,
	.flush = stream_flush,
	.recv = stream_recv,
	.discard = stream_discard,
	.set_receive = stream_set_receive,
	.destroy = stream_destroy,
};

int net_stream_create(struct net **out, const struct net_sockets *sockets,
		      struct loop *loop, const struct log *log,
		      struct err *err)
{
	const char *path = sockets->unlink_path;
	struct stream *s = calloc(1, sizeof(*s));
	int listen_fd = sockets->listen_fd;
	int fd = sockets->fd;

	*out = NULL;
	if (!s) {
		fd_close(&fd);
		fd_close(&listen_fd);
		net_helper_end(sockets->helper);
		return err_set(err, -ENOMEM, "%s: out of memory",
			       sockets->name);
	}
	net_init(&s->net, &stream_ops, sockets->name, loop, log);
	atomic_store(&s->net.link, fd >= 0);
	s->fd = fd;
	s->given = sockets->given;
	s->listen_fd = listen_fd;
	s->helper = sockets->helper;
	s->in.bytes = malloc(BUFFER_SIZE);
	s->out.bytes = malloc(BUFFER_SIZE);
	s->unlink_path = path ? strdup(path) : NULL;
	if (!s->in.bytes || !s->out.bytes || (path && !s->unlink_path)) {
		stream_destroy(&s->net);
		return err_set(err, -ENOMEM, "%s: out of memory",
			       sockets->name);
	}
	*out = &s->net;
	return 0;
}
