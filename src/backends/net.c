// SPDX-License-Identifier: BSD-3-Clause
/* See net.h and net_ops.h. Hands calls to the kind; knows no kind. */
#include "backends/net.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net_ops.h"

void net_info(const struct net *net, struct net_info *info)
{
	*info = net->info;
}

int net_start(struct net *net, const struct net_setup *setup,
	      const struct net_listener *listener)
{
	int r;

	assert(setup->queues >= 1 && setup->queues <= net->info.queues);
	assert(net->info.vnet || !setup->header);
	pthread_mutex_lock(&net->lock);
	net->listener = *listener;
	r = net->ops->start(net, setup);
	net->running = r == 0;
	pthread_mutex_unlock(&net->lock);
	return r;
}

void net_stop(struct net *net)
{
	pthread_mutex_lock(&net->lock);
	net->running = false;
	pthread_mutex_unlock(&net->lock);
	net->ops->stop(net);
	net->listener = (struct net_listener){ 0 };
}

int net_set_queues(struct net *net, unsigned int queues)
{
	assert(queues >= 1 && queues <= net->info.queues);
	return net->ops->set_queues ? net->ops->set_queues(net, queues) : 0;
}

int net_send(struct net *net, unsigned int queue, const struct iovec *iov,
	     int count)
{
	assert(queue < net->info.queues && count <= NET_IOV_MAX);
	return net->ops->send(net, queue, iov, count);
}

void net_flush(struct net *net, unsigned int queue)
{
	if (net->ops->flush)
		net->ops->flush(net, queue);
}

ssize_t net_recv(struct net *net, unsigned int queue, const struct iovec *iov,
		 int count)
{
	assert(queue < net->info.queues && count <= NET_IOV_MAX);
	return net->ops->recv(net, queue, iov, count);
}

void net_discard(struct net *net, unsigned int queue)
{
	net->ops->discard(net, queue);
}

void net_set_receive(struct net *net, unsigned int queue, bool on)
{
	assert(queue < net->info.queues);
	net->ops->set_receive(net, queue, on);
}

bool net_link(const struct net *net)
{
	return atomic_load(&net->link);
}

void net_destroy(struct net *net)
{
	if (net)
		net->ops->destroy(net);
}

void net_init(struct net *net, const struct net_ops *ops, const char *name,
	      struct loop *loop, const struct log *log)
{
	net->ops = ops;
	net->loop = loop;
	net->log = log;
	net->info.queues = 1;
	atomic_init(&net->link, false);
	pthread_mutex_init(&net->lock, NULL);
	snprintf(net->name, sizeof(net->name), "%s", name);
}

void net_finish(struct net *net)
{
	pthread_mutex_destroy(&net->lock);
}

bool net_enter(struct net *net)
{
	pthread_mutex_lock(&net->lock);
	if (net->running)
		return true;
	pthread_mutex_unlock(&net->lock);
	return false;
}

void net_leave(struct net *net)
{
	pthread_mutex_unlock(&net->lock);
}

void net_link_set(struct net *net, bool up)
{
	if (atomic_exchange(&net->link, up) == up)
		return;
	log_info(net->log, "%s: link %s", net->name, up ? "up" : "down");
	if (net->listener.link)
		net->listener.link(net->listener.ctx);
}

size_t net_iov_size(const struct iovec *iov, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	return size;
}

void net_iov_fill(const struct iovec *iov, int count, const uint8_t *src,
		  size_t len)
{
	for (int i = 0; i < count && len; i++) {
		size_t n = iov[i].iov_len < len ? iov[i].iov_len : len;

		if (n)
			memcpy(iov[i].iov_base, src, n);
		src += n;
		len -= n;
	}
	assert(len == 0);
}

int net_hold_init(struct net_hold *hold)
{
	hold->len = 0;
	hold->frame = malloc(NET_HOLD_SIZE);
	return hold->frame ? 0 : -ENOMEM;
}

void net_hold_finish(struct net_hold *hold)
{
	free(hold->frame);
	hold->frame = NULL;
	hold->len = 0;
}

static ssize_t take_held(struct net_hold *hold, const struct iovec *iov,
			 int count)
{
	size_t len = hold->len;

	if (len > net_iov_size(iov, count))
		return -ENOBUFS;
	net_iov_fill(iov, count, hold->frame, len);
	hold->len = 0;
	return (ssize_t)len;
}

/* The first part is in the caller's pieces, the rest at the start of the held
 * frame: makes it whole. */
static void keep(struct net_hold *hold, const struct iovec *iov, int count,
		 size_t room, size_t len)
{
	size_t at = 0;

	if (len > NET_HOLD_SIZE) {
		hold->len = 0;
		return;
	}
	memmove(hold->frame + room, hold->frame, len - room);
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(hold->frame + at, iov[i].iov_base,
			       iov[i].iov_len);
		at += iov[i].iov_len;
	}
	hold->len = len;
}

ssize_t net_hold_recv(struct net_hold *hold, int fd, const struct iovec *iov,
		      int count)
{
	struct iovec all[NET_IOV_MAX + 1];
	size_t room = net_iov_size(iov, count);
	ssize_t n;

	if (hold->len)
		return take_held(hold, iov, count);
	if (count)
		memcpy(all, iov, (size_t)count * sizeof(*iov));
	all[count] = (struct iovec){ hold->frame, NET_HOLD_SIZE };
	do
		n = readv(fd, all, count + 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if ((size_t)n <= room)
		return n;
	keep(hold, iov, count, room, (size_t)n);
	return hold->len ? -ENOBUFS : -EAGAIN;
}
