// SPDX-License-Identifier: BSD-3-Clause
#include "command/guest_net.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What --net user gives its guest: see netd_slirp.c. It answers DHCP too, but
 * asking takes time. */
#define USER_NET "10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.3"

static const char *or_none(const char *address)
{
	return *address ? address : "0.0.0.0";
}

/* "192.0.2.7/24": checked when the configuration was set. */
static void put_static(char *line, const struct config_net *net,
		       unsigned int index)
{
	size_t len = strcspn(net->ip.address, "/");
	unsigned long bits = strtoul(net->ip.address + len + 1, NULL, 10);
	struct in_addr mask = {
		htonl(bits ? UINT32_MAX << (32 - bits) : 0),
	};
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &mask, text, sizeof(text));
	snprintf(line, GUEST_NET_LINE, "eth%u %.*s %s %s %s", index, (int)len,
		 net->ip.address, text, or_none(net->ip.gateway),
		 or_none(net->ip.dns));
}

bool guest_net_line(char line[GUEST_NET_LINE], const struct config_net *net,
		    unsigned int index)
{
	const char *ip = net->ip.address;

	if (!*ip && net->kind == CONFIG_NET_USER)
		snprintf(line, GUEST_NET_LINE, "eth%u " USER_NET, index);
	else if (!strcmp(ip, "dhcp") ||
		 (!*ip && net->kind == CONFIG_NET_PASST))
		snprintf(line, GUEST_NET_LINE, "eth%u dhcp", index);
	else if (*ip && strcmp(ip, "none"))
		put_static(line, net, index);
	else
		return false;
	return true;
}
