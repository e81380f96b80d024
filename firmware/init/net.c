// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest's network: loopback, and what /vireo.conf says of each interface:
 * "net=INTERFACE dhcp", or "net=INTERFACE ADDRESS MASK GATEWAY NAMESERVER" with
 * 0.0.0.0 for what there is none of.
 */
#include "dhcp.h"
#include "init.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/route.h>
#include <linux/sockios.h>

#define DGRAM_CLOEXEC (2 | 02000000)

/* "10.0.2.15" as the network has it; *at goes behind the blank. */
static uint32_t address(const char **at)
{
	uint8_t byte[4] = { 0 };
	uint32_t value;

	for (int i = 0; i < 4; i++) {
		byte[i] = (uint8_t)number(*at);
		while (**at >= '0' && **at <= '9')
			++*at;
		if (**at == '.' || **at == ' ')
			++*at;
	}
	memcpy(&value, byte, sizeof(value));
	return value;
}

static void put_address(struct sockaddr *to, uint32_t value)
{
	struct sockaddr_in in;

	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_addr.s_addr = value;
	memcpy(to, &in, sizeof(*to));
}

static int set_up(int fd, const char *name)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	put_text(r.ifr_name, sizeof(r.ifr_name), name);
	SYS3(ioctl, fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	return (int)SYS3(ioctl, fd, SIOCSIFFLAGS, &r);
}

static int set_address(int fd, const char *name, unsigned long what,
		       uint32_t value)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	put_text(r.ifr_name, sizeof(r.ifr_name), name);
	put_address(&r.ifr_addr, value);
	return (int)SYS3(ioctl, fd, what, &r);
}

static int add_gateway(int fd, uint32_t gateway)
{
	struct rtentry r;

	memset(&r, 0, sizeof(r));
	put_address(&r.rt_dst, 0);
	put_address(&r.rt_genmask, 0);
	put_address(&r.rt_gateway, gateway);
	r.rt_flags = RTF_UP | RTF_GATEWAY;
	return (int)SYS3(ioctl, fd, SIOCADDRT, &r);
}

/* In place of what the host's points to. */
static void name_server(uint32_t value)
{
	char line[64] = "nameserver ";
	uint8_t byte[4];
	int fd;

	memcpy(byte, &value, sizeof(byte));
	for (int i = 0; i < 4; i++) {
		put_number(line, sizeof(line), byte[i]);
		put_text(line, sizeof(line), i < 3 ? "." : "\n");
	}
	SYS3(unlinkat, AT_CWD, "/etc/resolv.conf", 0);
	fd = open_file("/etc/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC,
		       0644);
	if (fd >= 0)
		write_all(fd, line, strlen(line));
	close_fd(&fd);
}

static int use(int fd, const char *name, const struct lease *lease)
{
	int r = set_address(fd, name, SIOCSIFADDR, lease->address);

	if (!r && lease->mask)
		r = set_address(fd, name, SIOCSIFNETMASK, lease->mask);
	if (!r && lease->gateway)
		r = add_gateway(fd, lease->gateway);
	if (!r && lease->nameserver)
		name_server(lease->nameserver);
	return r;
}

/* "INTERFACE dhcp" or "INTERFACE ADDRESS MASK GATEWAY NAMESERVER" */
static int start_interface(int fd, const char *line)
{
	char name[IFNAMSIZ] = "";
	struct lease lease;
	size_t n = 0;
	int r;

	while (line[n] && line[n] != ' ' && n + 1 < sizeof(name)) {
		name[n] = line[n];
		n++;
	}
	line += n + (line[n] == ' ');
	r = set_up(fd, name);
	if (r)
		return r;
	if (same(line, "dhcp")) {
		r = dhcp_ask(name, &lease);
	} else {
		lease.address = address(&line);
		lease.mask = address(&line);
		lease.gateway = address(&line);
		lease.nameserver = address(&line);
	}
	return r ? r : use(fd, name, &lease);
}

int start_network(const struct conf *conf, const char **what)
{
	const char *line = NULL;
	int fd = (int)SYS3(socket, AF_INET, DGRAM_CLOEXEC, 0);
	int r = 0;

	*what = "the network";
	if (fd < 0)
		return 0; /* a kernel without */
	set_up(fd, "lo");
	while (!r && (line = conf_next(conf, "net", line))) {
		*what = line;
		r = start_interface(fd, line);
	}
	close_fd(&fd);
	return r;
}
