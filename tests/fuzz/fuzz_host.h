/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host of the user network's target, for the whole process: a network
 * namespace where nothing but loopback is, programs that the guest may call,
 * and programs that call the guest.
 */
#ifndef VIREO_FUZZ_FUZZ_HOST_H
#define VIREO_FUZZ_FUZZ_HOST_H

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuzz.h"

#define PORT 7000 /* of the forwards, and of what the guest calls */

/* What the guest may call. */
static int listening[2] = { -1, -1 };
static int datagrams[2] = { -1, -1 };
static uint16_t port = PORT;
static bool alone; /* nothing leaves the namespace */

/* No connection outlives its program. */
static void no_linger(int fd)
{
	const struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static struct sockaddr_in here(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(alone ? 0x7f000002 : INADDR_LOOPBACK),
	};
}

static int call(void)
{
	const struct sockaddr_in in = here();
	const int little = 4096;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	no_linger(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	(void)connect(fd, (const struct sockaddr *)&in, sizeof(in));
	return fd;
}

static int answer(void)
{
	int fd = -1;

	for (int i = 0; i < 2 && fd < 0; i++)
		fd = accept4(listening[i], NULL, NULL, SOCK_NONBLOCK |
			     SOCK_CLOEXEC);
	if (fd >= 0)
		no_linger(fd);
	return fd;
}

static bool enter_namespace(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;
	bool up;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	ifr.ifr_mtu = 1500; /* so the kernel's buffers are small */
	up = up && ioctl(fd, SIOCSIFMTU, &ifr) == 0;
	fd_close(&fd);
	return up;
}

static int bound(int family, int type)
{
	const in_port_t at = htons(alone ? port : 0);
	struct sockaddr_in6 six = {
		.sin6_family = AF_INET6, .sin6_port = at,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	struct sockaddr_in four = {
		.sin_family = AF_INET, .sin_port = at,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (family == AF_INET6)
		(void)bind(fd, (struct sockaddr *)&six, sizeof(six));
	else
		(void)bind(fd, (struct sockaddr *)&four, sizeof(four));
	if (type == SOCK_STREAM)
		listen(fd, 16);
	return fd;
}

/* A port that nobody has, when the host's are not all ours. */
static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (struct sockaddr *)&in, len) == 0);
	must(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
	close(fd);
	return ntohs(in.sin_port);
}

/* Once, and before there is another thread. */
static void host_begin(void)
{
	sigset_t set;

	if (datagrams[0] >= 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	alone = enter_namespace();
	if (!alone)
		port = free_port();
	for (int i = 0; i < 2; i++) {
		if (alone)
			listening[i] = bound(i ? AF_INET6 : AF_INET,
					     SOCK_STREAM);
		datagrams[i] = bound(i ? AF_INET6 : AF_INET, SOCK_DGRAM);
	}
}

#endif
