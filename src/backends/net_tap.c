// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net.h. A tap device of the host: one descriptor per queue, a frame per
 * readv() and writev(), with the virtio header when the device has one.
 *
 * A device that is down refuses frames (EIO) and says EPOLLOUT once it is up
 * again: the link follows that. One that was deleted (EBADFD, EPOLLERR) is left
 * alone from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/fd.h"

/* Linux 6.2; the headers may be older than the kernel. */
#define OFFLOAD_USO4 0x20u
#define OFFLOAD_USO6 0x40u

struct tap_queue {
	struct tap *tap;
	unsigned int number;
	int fd; /* owned */
	struct loop_source *source; /* from start to stop */
	struct net_hold hold;
	bool attached; /* the kernel gives it frames */
	bool receive;
	bool wait_room; /* writable() is owed */
};

struct tap {
	struct net net;
	bool multi; /* the queues can be attached and detached */
	bool gone;
	struct tap_queue queue[NET_MAX_QUEUES];
};

static struct tap *tap_of(struct net *net)
{
	return (struct tap *)net;
}

static void update_events(struct tap_queue *q)
{
	uint32_t events = 0;

	if (q->source && !q->tap->gone) {
		events |= q->receive ? EPOLLIN : 0u;
		events |= q->wait_room ? EPOLLOUT : 0u;
	}
	if (q->source)
		loop_set_events(q->source, events);
}

static void give_up(struct tap *tap, const char *why)
{
	if (tap->gone)
		return;
	tap->gone = true;
	log_warn(tap->net.log, "%s: the device is gone: %s", tap->net.name,
		 why);
	for (unsigned int i = 0; i < tap->net.info.queues; i++)
		update_events(&tap->queue[i]);
	net_link_set(&tap->net, false);
}

static void on_event(void *ctx, uint32_t events)
{
	struct tap_queue *q = ctx;
	struct net *net = &q->tap->net;

	if (!net_enter(net))
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		give_up(q->tap, "the kernel reports an error");
		events = 0;
	}
	if (events & EPOLLOUT) {
		q->wait_room = false;
		update_events(q);
		net_link_set(net, true);
		net->listener.writable(net->listener.ctx, q->number);
	}
	if (events & EPOLLIN && q->receive)
		net->listener.readable(net->listener.ctx, q->number);
	net_leave(net);
}

/* What a failed transfer means. Returns what net_send() answers. */
static int trouble(struct tap_queue *q, int code)
{
	switch (code) {
	case -EAGAIN:
		q->wait_room = true;
		update_events(q);
		return -EAGAIN;
	case -EIO:
	case -ENETDOWN:
		q->wait_room = true;
		update_events(q);
		net_link_set(&q->tap->net, false);
		return -EIO;
	case -EBADFD:
	case -EBADF:
	case -ENODEV:
	case -ENXIO:
		give_up(q->tap, strerror(-code));
		return -EIO;
	default:
		return code; /* this frame only: EINVAL, ENOMEM, ... */
	}
}

static int tap_send(struct net *net, unsigned int queue,
		    const struct iovec *iov, int count)
{
	struct tap_queue *q = &tap_of(net)->queue[queue];
	ssize_t n;

	if (q->tap->gone)
		return -EIO;
	do
		n = writev(q->fd, iov, count);
	while (n < 0 && errno == EINTR);
	return n < 0 ? trouble(q, -errno) : 0;
}

static ssize_t tap_recv(struct net *net, unsigned int queue,
			const struct iovec *iov, int count)
{
	struct tap_queue *q = &tap_of(net)->queue[queue];
	ssize_t n;

	if (q->tap->gone)
		return -EAGAIN;
	n = net_hold_recv(&q->hold, q->fd, iov, count);
	if (n >= 0 || n == -EAGAIN || n == -ENOBUFS)
		return n;
	trouble(q, (int)n);
	return -EAGAIN;
}

static void tap_discard(struct net *net, unsigned int queue)
{
	tap_of(net)->queue[queue].hold.len = 0;
}

static void tap_set_receive(struct net *net, unsigned int queue, bool on)
{
	struct tap_queue *q = &tap_of(net)->queue[queue];

	if (q->receive == on)
		return;
	q->receive = on;
	update_events(q);
}

/* ---- starting and stopping ---- */

static unsigned int offload_flags(uint32_t offloads)
{
	unsigned int flags = 0;

	if (!(offloads & NET_CSUM))
		return 0;
	flags |= TUN_F_CSUM;
	flags |= offloads & NET_TSO4 ? TUN_F_TSO4 : 0u;
	flags |= offloads & NET_TSO6 ? TUN_F_TSO6 : 0u;
	if (offloads & (NET_TSO4 | NET_TSO6))
		flags |= offloads & NET_ECN ? TUN_F_TSO_ECN : 0u;
	flags |= offloads & NET_UFO ? TUN_F_UFO : 0u;
	flags |= offloads & NET_USO ? OFFLOAD_USO4 | OFFLOAD_USO6 : 0u;
	return flags;
}

static int set_offloads(const struct tap *tap, uint32_t offloads)
{
	unsigned long flags = offload_flags(offloads);

	if (ioctl(tap->queue[0].fd, TUNSETOFFLOAD, flags) < 0)
		return -errno;
	return 0;
}

static int attach(struct tap_queue *q, bool on)
{
	struct ifreq ifr = { 0 };

	if (!q->tap->multi || q->attached == on)
		return 0;
	ifr.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
	if (ioctl(q->fd, TUNSETQUEUE, &ifr) < 0)
		return -errno;
	q->attached = on;
	return 0;
}

static int tap_set_queues(struct net *net, unsigned int queues)
{
	struct tap *tap = tap_of(net);
	int r = 0;

	for (unsigned int i = 0; i < net->info.queues && r == 0; i++)
		r = attach(&tap->queue[i], i < queues);
	return r;
}

static void drop_sources(struct tap *tap)
{
	for (unsigned int i = 0; i < tap->net.info.queues; i++) {
		struct tap_queue *q = &tap->queue[i];

		loop_remove(q->source);
		q->source = NULL;
		q->receive = false;
		q->wait_room = false;
		q->hold.len = 0;
	}
}

/* What came while nobody listened is old: a reader would get it in a burst
 * that began long ago. Bounded by the device's own queue. */
static void drain(struct tap_queue *q)
{
	for (int i = 0; i < 4096; i++)
		if (fd_read(q->fd, q->hold.frame, NET_HOLD_SIZE) <= 0)
			return;
}

static void look_at_link(struct tap *tap)
{
	struct pollfd p = { .fd = tap->queue[0].fd, .events = POLLOUT };
	bool up = poll(&p, 1, 0) == 1 && p.revents & POLLOUT;

	atomic_store(&tap->net.link, up && !tap->gone);
	tap->queue[0].wait_room = !up;
}

static int configure(struct tap *tap, const struct net_setup *setup)
{
	int size = NET_HEADER_SIZE;
	int r = 0;

	if (tap->net.info.vnet) {
		if (!setup->header)
			return -EINVAL; /* the descriptors always have one */
		if (ioctl(tap->queue[0].fd, TUNSETVNETHDRSZ, &size) < 0)
			return -errno;
		r = set_offloads(tap, setup->receive);
	}
	return r < 0 ? r : tap_set_queues(&tap->net, setup->queues);
}

/* Without its device, the backend starts all the same: the link is down. */
static int tap_start(struct net *net, const struct net_setup *setup)
{
	struct tap *tap = tap_of(net);
	int r = tap->gone ? 0 : configure(tap, setup);

	if (r == -EBADFD) {
		tap->gone = true;
		r = 0;
	}
	look_at_link(tap);
	if (tap->gone)
		return 0;
	for (unsigned int i = 0; i < net->info.queues && r == 0; i++) {
		struct tap_queue *q = &tap->queue[i];

		drain(q);
		q->receive = true;
		r = loop_add(&q->source, net->loop, q->fd, 0, on_event, q);
		update_events(q);
	}
	if (r < 0)
		drop_sources(tap);
	return r;
}

static void tap_stop(struct net *net)
{
	drop_sources(tap_of(net));
}

static void tap_destroy(struct net *net)
{
	struct tap *tap = tap_of(net);

	for (unsigned int i = 0; i < NET_MAX_QUEUES; i++) {
		loop_remove(tap->queue[i].source);
		fd_close(&tap->queue[i].fd);
		net_hold_finish(&tap->queue[i].hold);
	}
	net_finish(net);
	free(tap);
}

static const struct net_ops tap_ops = {
	.start = tap_start,
	.stop = tap_stop,
	.set_queues = tap_set_queues,
	.send = tap_send,
	.recv = tap_recv,
	.discard = tap_discard,
	.set_receive = tap_set_receive,
	.destroy = tap_destroy,
};

/* ---- opening ---- */

static int open_clone(struct err *err)
{
	int fd = fd_above(open("/dev/net/tun",
			       O_RDWR | O_CLOEXEC | O_NONBLOCK));
	int code = -errno;

	if (fd >= 0)
		return fd;
	if (code == -ENOENT || code == -ENODEV)
		return err_set(err, code, "/dev/net/tun: %s: load the "
			       "kernel's module tun", strerror(-code));
	if (code == -EACCES || code == -EPERM)
		return err_set(err, code, "/dev/net/tun: %s: give this user "
			       "access to it", strerror(-code));
	return err_set(err, code, "/dev/net/tun: %s", strerror(-code));
}

/* TUNSETIFF on an existing device, which has to agree about its queues. */
static int refused(const char *name, bool multi, int code, struct err *err)
{
	if (code == -EBUSY)
		return err_set(err, code, "tap %s is busy: another program "
			       "uses it; end that, or take another device",
			       name);
	if (code == -EPERM || code == -EACCES)
		return err_set(err, code, "tap %s belongs to another user: "
			       "make one of your own with 'ip tuntap add "
			       "NAME mode tap user USER'", name);
	if (code == -EINVAL && multi)
		return err_set(err, code, "tap %s is no tap device with "
			       "several queues: make it with 'ip tuntap add "
			       "%s mode tap multi_queue'", name, name);
	if (code == -EINVAL)
		return err_set(err, code, "%s is no tap device: make one with "
			       "'ip tuntap add NAME mode tap'", name);
	if (code == -E2BIG)
		return err_set(err, code, "tap %s: no queue is left: use "
			       "fewer queues", name);
	return err_set(err, code, "tap %s: %s", name, strerror(-code));
}

static int join(int fd, const char *name, int extra)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | extra);
	return ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : 0;
}

static int open_named(struct tap *tap, const char *name, unsigned int queues,
		      struct err *err)
{
	if (!*name || strlen(name) >= IFNAMSIZ)
		return err_set(err, -EINVAL, "tap '%s': a device's name has 1 "
			       "to %d characters", name, IFNAMSIZ - 1);
	if (!if_nametoindex(name))
		return err_set(err, -ENODEV, "tap %s: there is no such "
			       "device: make it with 'ip tuntap add %s mode "
			       "tap user USER'", name, name);
	tap->multi = queues > 1;
	for (unsigned int i = 0; i < queues; i++) {
		int fd = open_clone(err);
		int r;

		if (fd < 0)
			return fd;
		tap->queue[i].fd = fd;
		r = join(fd, name, tap->multi ? IFF_MULTI_QUEUE : 0);
		if (r == -EINVAL && !tap->multi) {
			r = join(fd, name, IFF_MULTI_QUEUE);
			tap->multi = r == 0;
			r = r < 0 ? -EINVAL : 0;
		}
		if (r < 0)
			return refused(name, queues > 1, r, err);
	}
	return 0;
}

static int take_fd(struct tap *tap, unsigned int i, int given,
		   struct err *err)
{
	struct ifreq ifr = { 0 };
	bool vnet;
	int fd = fd_copy(given);
	int flags;

	if (fd < 0)
		return err_set(err, -errno, "tap descriptor %d: %s", given,
			       strerror(errno));
	tap->queue[i].fd = fd;
	if (ioctl(fd, TUNGETIFF, &ifr) < 0 || !(ifr.ifr_flags & IFF_TAP))
		return err_set(err, -EINVAL, "descriptor %d is no tap device",
			       given);
	if (!(ifr.ifr_flags & IFF_NO_PI))
		return err_set(err, -EINVAL, "tap descriptor %d has packet "
			       "information: open it with IFF_NO_PI", given);
	vnet = ifr.ifr_flags & IFF_VNET_HDR;
	if (i && vnet != tap->net.info.vnet)
		return err_set(err, -EINVAL, "tap descriptor %d: all of them "
			       "or none must have IFF_VNET_HDR", given);
	tap->net.info.vnet = vnet;
	tap->multi = ifr.ifr_flags & IFF_MULTI_QUEUE;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set(err, -errno, "tap descriptor %d: %s", given,
			       strerror(errno));
	return 0;
}

/* What of the offloads this kernel takes: asked once, undone at the start. */
static void find_offloads(struct tap *tap)
{
	const uint32_t tso = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN;
	const uint32_t more[] = { NET_UFO, NET_USO };

	if (!tap->net.info.vnet || set_offloads(tap, tso) < 0)
		return;
	tap->net.info.offloads = tso;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (set_offloads(tap, tap->net.info.offloads | more[i]) == 0)
			tap->net.info.offloads |= more[i];
	set_offloads(tap, 0);
}

static int open_all(struct tap *tap, const struct net_tap_config *cfg,
		    struct err *err)
{
	unsigned int queues = cfg->name ? cfg->queues : cfg->fd_count;
	int r = 0;

	if (!queues && cfg->name)
		queues = 1;
	if (queues < 1 || queues > NET_MAX_QUEUES)
		return err_set(err, -EINVAL, "a tap has 1 to %d queues, not "
			       "%u", NET_MAX_QUEUES, queues);
	tap->net.info.queues = queues;
	tap->net.info.vnet = true;
	if (cfg->name)
		r = open_named(tap, cfg->name, queues, err);
	for (unsigned int i = 0; !cfg->name && i < queues && r == 0; i++)
		r = take_fd(tap, i, cfg->fds[i], err);
	for (unsigned int i = 0; i < queues && r == 0; i++) {
		tap->queue[i].attached = true;
		r = net_hold_init(&tap->queue[i].hold);
		if (r < 0)
			err_set(err, r, "tap: out of memory");
	}
	return r;
}

int net_tap_create(struct net **out, const struct net_tap_config *cfg,
		   struct loop *loop, const struct log *log, struct err *err)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	char name[32];
	int r;

	*out = NULL;
	if (!tap)
		return err_set(err, -ENOMEM, "tap: out of memory");
	snprintf(name, sizeof(name), "tap %.20s",
		 cfg->name ? cfg->name : "(by descriptor)");
	net_init(&tap->net, &tap_ops, name, loop, log);
	for (unsigned int i = 0; i < NET_MAX_QUEUES; i++) {
		tap->queue[i].tap = tap;
		tap->queue[i].number = i;
		tap->queue[i].fd = -1;
	}
	r = open_all(tap, cfg, err);
	if (r < 0) {
		tap_destroy(&tap->net);
		return r;
	}
	find_offloads(tap);
	look_at_link(tap);
	*out = &tap->net;
	return 0;
}
