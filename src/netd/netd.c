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
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/forward.h"
#include "netd/netd_link.h"
#include "netd/netd_slirp.h"

#define LINK_FD     3
#define FORWARD_MAX 64
#define MEMORY_MAX  (512ul << 20) /* for all connections of a guest */

struct options {
	unsigned long mtu;
	const char *dns;
	bool loopback;
	bool restricted;
	unsigned int forwards;
	struct forward forward[FORWARD_MAX];
};

struct netd {
	struct netd_slirp *slirp;
	struct link link;
};

/* ---- the loop ---- */

static void on_frame(const void *frame, size_t len, void *ctx)
{
	struct netd *netd = ctx;

	link_send(&netd->link, frame, len);
}

static void take_frames(struct netd *netd)
{
	uint8_t *frame;
	size_t len;

	link_fill(&netd->link);
	while ((frame = link_next(&netd->link, &len)))
		netd_slirp_input(netd->slirp, frame, len);
}

static void serve(struct netd *netd)
{
	while (!netd->link.gone) {
		if (netd_slirp_wait(netd->slirp, LINK_FD, UINT32_MAX))
			take_frames(netd);
		netd_slirp_handle(netd->slirp);
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
				 o->mtu < NETD_MTU_MIN ||
				 o->mtu > NETD_MTU_MAX))
			return err_set(err, -EINVAL, "mtu %s: not between %u "
				       "and %u", optarg, NETD_MTU_MIN,
				       NETD_MTU_MAX);
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

/* libslirp forgets to free, and takes what a guest makes it take: without an
 * end that would be the host's. What there is now is the sanitizers'. */
static int bound_memory(struct err *err)
{
	unsigned long size, data = 0;
	struct rlimit limit;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu %*u %*u %*u %*u %lu", &size, &data) != 2)
		data = 0;
	if (f)
		fclose(f);
	if (getrlimit(RLIMIT_DATA, &limit) < 0)
		return err_set(err, -errno, "getrlimit: %s", strerror(errno));
	data = data * 4096 + MEMORY_MAX;
	if (limit.rlim_cur > data)
		limit.rlim_cur = data;
	if (limit.rlim_max > data)
		limit.rlim_max = data;
	if (setrlimit(RLIMIT_DATA, &limit) < 0)
		return err_set(err, -errno, "setrlimit: %s", strerror(errno));
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
	struct options o = { .mtu = 1500 };
	struct netd_slirp_config cfg;
	int r;

	netd->link.fd = LINK_FD;
	r = parse_options(&o, argc, argv, err);
	if (r == 0)
		r = give_up_rights(err);
	if (r == 0)
		r = bound_memory(err);
	if (r < 0)
		return r;
	cfg = (struct netd_slirp_config){
		.mtu = o.mtu, .dns = o.dns, .loopback = o.loopback,
		.restricted = o.restricted, .send = on_frame, .ctx = netd,
	};
	r = netd_slirp_create(&netd->slirp, &cfg, err);
	for (unsigned int i = 0; r == 0 && i < o.forwards; i++)
		r = netd_slirp_forward(netd->slirp, &o.forward[i], err);
	return r;
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
	if (netd)
		netd_slirp_destroy(netd->slirp);
	free(netd);
	return r < 0;
}
