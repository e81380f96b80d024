// SPDX-License-Identifier: BSD-3-Clause
/*
 * vireo-netd: a guest's network in user space (libslirp), in a process of its
 * own. Frames come and go over descriptor 3; the program ends when the other
 * side closes it. One thread, no privileges, no files of its own.
 *
 *	vireo-netd [--mtu N] [--dns ADDRESS] [--forward SPEC]... [--loopback]
 *	           [--restricted]
 *
 * One line on descriptor 2 says "ready", or why it does not work; then that
 * descriptor is given up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/forward.h"
#include "netd/netd_link.h"

#define LINK_FD     3
#define FORWARD_MAX 64

struct options {
	unsigned long mtu;
	const char *dns;
	bool loopback;
	bool restricted;
	unsigned int forwards;
	struct forward forward[FORWARD_MAX];
};

struct timer {
	SlirpTimerId id;
	void *cb_opaque;
	int64_t expire_ms; /* negative: not armed */
	struct timer *next;
};

struct netd {
	Slirp *slirp;
	struct timer *timers;
	struct pollfd *polls; /* owned; the first is the link's */
	int poll_count;
	int poll_room;
	struct link link;
};

/* ---- what libslirp asks for ---- */

static ssize_t on_packet(const void *buf, size_t len, void *opaque)
{
	struct netd *netd = opaque;

	link_send(&netd->link, buf, len);
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
	struct netd *netd = opaque;
	struct timer *t = calloc(1, sizeof(*t));

	if (t) {
		*t = (struct timer){ .id = id, .cb_opaque = cb_opaque,
				     .expire_ms = -1, .next = netd->timers };
		netd->timers = t;
	}
	return t;
}

static void on_timer_free(void *timer, void *opaque)
{
	struct netd *netd = opaque;
	struct timer **at = &netd->timers;

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

/* ---- the loop ---- */

static void run_timers(struct netd *netd)
{
	int64_t now = (int64_t)clock_mono_ms();
	struct timer *next;

	for (struct timer *t = netd->timers; t; t = next) {
		next = t->next;
		if (t->expire_ms < 0 || t->expire_ms > now)
			continue;
		t->expire_ms = -1;
		slirp_handle_timer(netd->slirp, t->id, t->cb_opaque);
	}
}

static uint32_t until_timer(const struct netd *netd, uint32_t timeout)
{
	int64_t now = (int64_t)clock_mono_ms();

	for (const struct timer *t = netd->timers; t; t = t->next) {
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
	struct netd *netd = opaque;
	short wanted = 0;

	if (netd->poll_count == netd->poll_room) {
		int room = netd->poll_room * 2;
		struct pollfd *more = realloc(netd->polls, (size_t)room *
					      sizeof(*more));

		if (!more)
			return -1;
		netd->polls = more;
		netd->poll_room = room;
	}
	wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
	wanted |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
	wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
	netd->polls[netd->poll_count] = (struct pollfd){ fd, wanted, 0 };
	return netd->poll_count++;
}

static int on_get_revents(int index, void *opaque)
{
	struct netd *netd = opaque;
	int got, events = 0;

	if (index < 1 || index >= netd->poll_count)
		return 0;
	got = netd->polls[index].revents;
	events |= got & POLLIN ? SLIRP_POLL_IN : 0;
	events |= got & POLLOUT ? SLIRP_POLL_OUT : 0;
	events |= got & POLLPRI ? SLIRP_POLL_PRI : 0;
	events |= got & POLLERR ? SLIRP_POLL_ERR : 0;
	events |= got & POLLHUP ? SLIRP_POLL_HUP : 0;
	return events;
}

static void take_frames(struct netd *netd)
{
	const uint8_t *frame;
	size_t len;

	link_fill(&netd->link);
	while ((frame = link_next(&netd->link, &len)))
		slirp_input(netd->slirp, frame, (int)len);
}

static void serve(struct netd *netd)
{
	while (!netd->link.gone) {
		uint32_t timeout = UINT32_MAX;
		int n;

		netd->polls[0] = (struct pollfd){ LINK_FD, POLLIN, 0 };
		netd->poll_count = 1;
		slirp_pollfds_fill(netd->slirp, &timeout, on_add_poll, netd);
		timeout = until_timer(netd, timeout);
		n = poll(netd->polls, (nfds_t)netd->poll_count,
			 timeout > INT32_MAX ? -1 : (int)timeout);
		if (n > 0 && netd->polls[0].revents)
			take_frames(netd);
		slirp_pollfds_poll(netd->slirp, n < 0, on_get_revents, netd);
		run_timers(netd);
		link_flush(&netd->link);
	}
}

/* ---- starting ---- */

static int parse_number(unsigned long *out, const char *text)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno || end == text || *end ? -EINVAL : 0;
}

static int parse_options(struct options *o, int argc, char **argv,
			 struct err *err)
{
	static const struct option names[] = {
		{ "mtu", required_argument, NULL, 'm' },
		{ "dns", required_argument, NULL, 'd' },
		{ "forward", required_argument, NULL, 'f' },
		{ "loopback", no_argument, NULL, 'l' },
		{ "restricted", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (c == 'm' && (parse_number(&o->mtu, optarg) < 0 ||
				 o->mtu < 1280 || o->mtu > 65521))
			return err_set(err, -EINVAL, "mtu %s: not between 1280 "
				       "and 65521", optarg);
		if (c == 'd')
			o->dns = optarg;
		if (c == 'l')
			o->loopback = true;
		if (c == 'r')
			o->restricted = true;
		if (c == '?')
			return err_set(err, -EINVAL, "an option is unknown");
		if (c != 'f')
			continue;
		if (o->forwards == FORWARD_MAX)
			return err_set(err, -E2BIG, "more than %d forwards",
				       FORWARD_MAX);
		if (forward_parse(&o->forward[o->forwards++], optarg, err) < 0)
			return -EINVAL;
	}
	return 0;
}

static int configure(SlirpConfig *cfg, const struct options *o,
		     struct err *err)
{
	*cfg = (SlirpConfig){
		.version = 4, .in_enabled = true, .in6_enabled = true,
		.vprefix_len = 64, .vhostname = "guest",
		.restricted = o->restricted,
		.disable_host_loopback = !o->loopback,
		.if_mtu = o->mtu, .if_mru = o->mtu,
	};
	inet_pton(AF_INET, "10.0.2.0", &cfg->vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &cfg->vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &cfg->vhost);
	inet_pton(AF_INET, "10.0.2.15", &cfg->vdhcp_start);
	inet_pton(AF_INET, "10.0.2.3", &cfg->vnameserver);
	inet_pton(AF_INET6, "fd00::", &cfg->vprefix_addr6);
	inet_pton(AF_INET6, "fd00::2", &cfg->vhost6);
	inet_pton(AF_INET6, "fd00::3", &cfg->vnameserver6);
	if (o->dns && inet_pton(AF_INET, o->dns, &cfg->vnameserver) != 1)
		return err_set(err, -EINVAL, "dns %s: not an IPv4 address",
			       o->dns);
	return 0;
}

static int add_forwards(Slirp *slirp, const struct options *o,
			struct err *err)
{
	for (unsigned int i = 0; i < o->forwards; i++) {
		const struct forward *f = &o->forward[i];
		struct in_addr host, guest = { 0 };

		inet_pton(AF_INET, f->address, &host);
		if (slirp_add_hostfwd(slirp, f->udp, host, f->host_port, guest,
				      f->guest_port) < 0)
			return err_set(err, -errno, "forward %s:%u: %s: take "
				       "another port", f->address,
				       f->host_port, strerror(errno));
	}
	return 0;
}

/* SIGPIPE would come from a peer of libslirp's sockets. */
static int give_up_rights(struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "no_new_privs: %s",
			       strerror(errno));
	return 0;
}

/* Whoever started us reads descriptor 2 to its end. */
static void say_ready(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	dprintf(STDERR_FILENO, "ready\n");
	if (fd >= 0 && fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

static int start(struct netd *netd, int argc, char **argv, struct err *err)
{
	struct options options = { .mtu = 1500 };
	SlirpConfig cfg;
	int r;

	netd->link.fd = LINK_FD;
	netd->poll_room = 64;
	netd->polls = calloc((size_t)netd->poll_room, sizeof(*netd->polls));
	if (!netd->polls)
		return err_set(err, -ENOMEM, "out of memory");
	r = parse_options(&options, argc, argv, err);
	if (r == 0)
		r = configure(&cfg, &options, err);
	if (r == 0)
		r = give_up_rights(err);
	if (r < 0)
		return r;
	netd->slirp = slirp_new(&cfg, &callbacks, netd);
	if (!netd->slirp)
		return err_set(err, -EINVAL, "libslirp does not start");
	return add_forwards(netd->slirp, &options, err);
}

int main(int argc, char **argv)
{
	struct netd *netd = calloc(1, sizeof(*netd));
	struct err err = { 0 };
	int r = netd ? start(netd, argc, argv, &err) : -ENOMEM;

	if (r == 0) {
		say_ready();
		serve(netd);
	} else {
		dprintf(STDERR_FILENO, "%s\n", err.text);
	}
	if (netd && netd->slirp)
		slirp_cleanup(netd->slirp);
	if (netd)
		free(netd->polls);
	free(netd);
	return r < 0;
}
