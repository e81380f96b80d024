// SPDX-License-Identifier: BSD-3-Clause
/* See netd_slirp.h. */
#include "netd/netd_slirp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "netd/netd_check.h"

#define ETHERNET 14u /* a header */

struct timer {
	SlirpTimerId id;
	void *cb_opaque;
	int64_t expire_ms; /* negative: not armed */
	struct timer *next;
};

struct netd_slirp {
	Slirp *slirp;
	struct timer *timers;
	struct pollfd *polls; /* owned; the first is the caller's */
	int poll_count;
	int poll_room;
	bool poll_failed;
	size_t frame_max; /* for the guest */
	void (*send)(const void *frame, size_t len, void *ctx);
	void *ctx;
};

/* ---- what libslirp asks for ---- */

/* A datagram of IPv6 from the host can be too large: libslirp does not divide
 * those. */
static ssize_t on_packet(const void *buf, size_t len, void *opaque)
{
	struct netd_slirp *n = opaque;

	if (len <= n->frame_max)
		n->send(buf, len, n->ctx);
	return (ssize_t)len;
}

static void on_guest_error(const char *msg, void *opaque)
{
	/* a guest's nonsense is not worth a line */
}

static int64_t on_clock(void *opaque)
{
	return (int64_t)clock_mono_ns();
}

static void *on_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct netd_slirp *n = opaque;
	struct timer *t = calloc(1, sizeof(*t));

	if (t) {
		*t = (struct timer){ .id = id, .cb_opaque = cb_opaque,
				     .expire_ms = -1, .next = n->timers };
		n->timers = t;
	}
	return t;
}

static void on_timer_free(void *timer, void *opaque)
{
	struct netd_slirp *n = opaque;
	struct timer **at = &n->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
	free(timer);
}

static void on_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	struct timer *t = timer;

	if (t)
		t->expire_ms = expire_ms;
}

static void on_poll_fd(int fd, void *opaque)
{
	/* the set is built anew for each poll */
}

static void on_notify(void *opaque)
{
	/* there is one thread, and it is awake */
}

static const SlirpCb callbacks = {
	.send_packet = on_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_poll_fd,
	.unregister_poll_fd = on_poll_fd,
	.notify = on_notify,
	.timer_new_opaque = on_timer_new,
};

/* ---- a round ---- */

static void run_timers(struct netd_slirp *n)
{
	int64_t now = (int64_t)clock_mono_ms();
	struct timer *next;

	for (struct timer *t = n->timers; t; t = next) {
		next = t->next;
		if (t->expire_ms < 0 || t->expire_ms > now)
			continue;
		t->expire_ms = -1;
		slirp_handle_timer(n->slirp, t->id, t->cb_opaque);
	}
}

static uint32_t until_timer(const struct netd_slirp *n, uint32_t timeout)
{
	int64_t now = (int64_t)clock_mono_ms();

	for (const struct timer *t = n->timers; t; t = t->next) {
		if (t->expire_ms < 0)
			continue;
		if (t->expire_ms <= now)
			return 0;
		if (t->expire_ms - now < timeout)
			timeout = (uint32_t)(t->expire_ms - now);
	}
	return timeout;
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct netd_slirp *n = opaque;
	short wanted = 0;

	if (n->poll_count == n->poll_room) {
		int room = n->poll_room * 2;
		struct pollfd *more = realloc(n->polls, (size_t)room *
					      sizeof(*more));

		if (!more)
			return -1;
		n->polls = more;
		n->poll_room = room;
	}
	wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
	wanted |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
	wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
	n->polls[n->poll_count] = (struct pollfd){ fd, wanted, 0 };
	return n->poll_count++;
}

/* An error makes libslirp read, and assert that it has room. Where it waits to
 * write only, because it has none, it is told to write: that fails too. */
static int on_get_revents(int index, void *opaque)
{
	struct netd_slirp *n = opaque;
	int got, events = 0;

	if (index < 1 || index >= n->poll_count)
		return 0;
	got = n->polls[index].revents;
	if (n->polls[index].events == POLLOUT && got)
		return SLIRP_POLL_OUT;
	events |= got & POLLIN ? SLIRP_POLL_IN : 0;
	events |= got & POLLOUT ? SLIRP_POLL_OUT : 0;
	events |= got & POLLPRI ? SLIRP_POLL_PRI : 0;
	events |= got & POLLERR ? SLIRP_POLL_ERR : 0;
	events |= got & POLLHUP ? SLIRP_POLL_HUP : 0;
	return events;
}

bool netd_slirp_wait(struct netd_slirp *n, int fd, uint32_t timeout_ms)
{
	uint32_t timeout = timeout_ms;
	int r;

	n->polls[0] = (struct pollfd){ fd, POLLIN, 0 };
	n->poll_count = 1;
	slirp_pollfds_fill(n->slirp, &timeout, on_add_poll, n);
	timeout = until_timer(n, timeout);
	r = poll(n->polls, (nfds_t)n->poll_count,
		 timeout > INT32_MAX ? -1 : (int)timeout);
	n->poll_failed = r < 0;
	return r > 0 && n->polls[0].revents;
}

void netd_slirp_handle(struct netd_slirp *n)
{
	slirp_pollfds_poll(n->slirp, n->poll_failed, on_get_revents, n);
	run_timers(n);
}

void netd_slirp_input(struct netd_slirp *n, uint8_t *frame, size_t len)
{
	if (netd_check(frame, len))
		slirp_input(n->slirp, frame, (int)len);
}

/* ---- beginning and end ---- */

static int configure(SlirpConfig *out, const struct netd_slirp_config *cfg,
		     struct err *err)
{
	*out = (SlirpConfig){
		.version = 4, .in_enabled = true, .in6_enabled = true,
		.vprefix_len = 64, .vhostname = "guest",
		.restricted = cfg->restricted,
		.disable_host_loopback = !cfg->loopback,
		.if_mtu = cfg->mtu, .if_mru = cfg->mtu,
	};
	inet_pton(AF_INET, "10.0.2.0", &out->vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &out->vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &out->vhost);
	inet_pton(AF_INET, "10.0.2.15", &out->vdhcp_start);
	inet_pton(AF_INET, "10.0.2.3", &out->vnameserver);
	inet_pton(AF_INET6, "fd00::", &out->vprefix_addr6);
	inet_pton(AF_INET6, "fd00::2", &out->vhost6);
	inet_pton(AF_INET6, "fd00::3", &out->vnameserver6);
	if (cfg->dns && inet_pton(AF_INET, cfg->dns, &out->vnameserver) != 1)
		return err_set(err, -EINVAL, "dns %s: not an IPv4 address",
			       cfg->dns);
	return 0;
}

int netd_slirp_create(struct netd_slirp **out,
		      const struct netd_slirp_config *cfg, struct err *err)
{
	struct netd_slirp *n = calloc(1, sizeof(*n));
	SlirpConfig slirp;
	int r;

	*out = NULL;
	if (!n)
		return err_set(err, -ENOMEM, "out of memory");
	n->send = cfg->send;
	n->ctx = cfg->ctx;
	n->frame_max = cfg->mtu + ETHERNET;
	n->poll_room = 64;
	n->polls = calloc((size_t)n->poll_room, sizeof(*n->polls));
	r = n->polls ? configure(&slirp, cfg, err) :
		       err_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		n->slirp = slirp_new(&slirp, &callbacks, n);
	if (r == 0 && !n->slirp)
		r = err_set(err, -EINVAL, "libslirp does not start");
	if (r < 0) {
		netd_slirp_destroy(n);
		return r;
	}
	*out = n;
	return 0;
}

int netd_slirp_forward(struct netd_slirp *n, const struct forward *f,
		       struct err *err)
{
	struct in_addr host, guest = { 0 };

	inet_pton(AF_INET, f->address, &host);
	if (slirp_add_hostfwd(n->slirp, f->udp, host, f->host_port, guest,
			      f->guest_port) < 0)
		return err_set(err, -errno, "forward %s:%u: %s: take another "
			       "port", f->address, f->host_port,
			       strerror(errno));
	return 0;
}

void netd_slirp_destroy(struct netd_slirp *n)
{
	if (!n)
		return;
	if (n->slirp)
		slirp_cleanup(n->slirp);
	while (n->timers)
		on_timer_free(n->timers, n);
	free(n->polls);
	free(n);
}
