// SPDX-License-Identifier: BSD-3-Clause
/*
 * The parsers of the keys that describe devices: disks, networks, sockets. As
 * config.c: form and range are checked, nothing is opened. Any thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/forward.h"
#include "base/num.h"
#include "board/keys.h"
#include "board/parse.h"
#include "devices/virtio/nic.h"

#define QUEUES_MAX 16
#define MTU_MIN    1280
#define MTU_MAX    65521
#define CID_FIRST  3 /* 0 to 2 are reserved (virtio 1.2, 5.10.4) */
#define CID_LAST   0xfffffffe

int config_parse_transport(struct config *c, const char *v, struct err *e)
{
	static const char *const words[] = { "pci", "mmio" };
	int choice = 0;
	int r = parse_choice(&choice, v, words, 2, e);

	if (!r)
		c->transport = (enum config_transport)choice;
	return r;
}

int config_parse_rng(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->rng, v, e);
}

int config_parse_balloon(struct config *c, const char *v, struct err *e)
{
	return parse_bool(&c->balloon, v, e);
}

static int unknown_item(const char *key, const char *known, struct err *e)
{
	return err_set(e, -EINVAL, "unknown item \"%s\" (%s)", key, known);
}

static int parse_queues(unsigned int *out, const char *v, struct err *e)
{
	uint64_t n = 1;
	int r = parse_number(&n, v, 1, QUEUES_MAX, e);

	if (!r)
		*out = (unsigned int)n;
	return r;
}

/* ---- disks ---- */

static int disk_item(struct config *c, const char *key, const char *value,
		     struct err *e)
{
	static const char *const engines[] = { "auto", "threads" };
	struct config_disk *d = &c->disk[c->disks];
	int choice = 0;
	int r;

	if (!strcmp(key, "ro"))
		return parse_flag(&d->read_only, value, e);
	if (!strcmp(key, "direct"))
		return parse_flag(&d->direct, value, e);
	if (!strcmp(key, "overlay"))
		return parse_text(d->overlay, sizeof(d->overlay), value,
				  "overlay", e);
	if (!strcmp(key, "serial"))
		return parse_text(d->serial, 21, value, "serial", e);
	if (!strcmp(key, "queues"))
		return parse_queues(&d->queues, value, e);
	if (!strcmp(key, "bps"))
		return parse_size(&d->bytes_per_s, value, e);
	if (!strcmp(key, "iops"))
		return parse_number(&d->ops_per_s, value, 1, UINT32_MAX, e);
	if (strcmp(key, "engine"))
		return unknown_item(key, "ro, overlay, serial, queues, direct, "
					 "engine, bps, iops",
				    e);
	r = parse_choice(&choice, value, engines, 2, e);
	if (!r)
		d->threads = choice == 1;
	return r;
}

int config_parse_disk(struct config *c, const char *v, struct err *e)
{
	struct config_disk *d = &c->disk[c->disks];
	int r;

	if (c->disks == CONFIG_MAX_DISKS)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_DISKS);
	*d = (struct config_disk){ .queues = 1 };
	r = parse_list(c, v, d->path, sizeof(d->path), disk_item, e);
	if (!r && !d->path[0])
		return err_set(e, -EINVAL, "names no file");
	if (!r && d->overlay[0] && d->read_only)
		return err_set(e, -EINVAL, "ro and overlay exclude each other");
	if (!r)
		c->disks++;
	return r;
}

/* ---- networks ---- */

static int parse_mac(struct config_net *n, const char *v, struct err *e)
{
	uint8_t mac[NIC_MAC_SIZE];

	if (nic_parse_mac(mac, v) < 0)
		return err_set(e, -EINVAL,
			       "mac is not a unicast address of the form "
			       "52:54:00:12:34:56");
	memcpy(n->mac, mac, sizeof(mac));
	n->mac_given = true;
	return 0;
}

static int add_forward(struct config_net *n, const char *v, struct err *e)
{
	struct forward parsed;
	int r;

	if (n->forwards == CONFIG_MAX_FORWARDS)
		return err_set(e, -EINVAL, "more than %d forwards",
			       CONFIG_MAX_FORWARDS);
	r = parse_text(n->forward[n->forwards], sizeof(n->forward[0]), v,
		       "forward", e);
	if (!r)
		r = forward_parse(&parsed, v, e);
	if (!r)
		n->forwards++;
	return r;
}

static int parse_address(char *out, size_t cap, const char *v,
			 const char *what, struct err *e)
{
	struct in_addr in;

	if (inet_pton(AF_INET, v, &in) != 1)
		return err_set(e, -EINVAL,
			       "%s=%s is not an IPv4 address (192.0.2.1)",
			       what, v);
	return parse_text(out, cap, v, what, e);
}

static int parse_ip(struct config_ip *ip, const char *v, struct err *e)
{
	char address[INET_ADDRSTRLEN] = "";
	size_t len = strcspn(v, "/");
	struct in_addr in;
	uint64_t bits;

	if (strcmp(v, "dhcp") && strcmp(v, "none")) {
		if (len < sizeof(address))
			memcpy(address, v, len);
		if (!v[len] || inet_pton(AF_INET, address, &in) != 1 ||
		    parse_number(&bits, v + len + 1, 0, 32, NULL) < 0)
			return err_set(e, -EINVAL,
				       "ip=%s is not dhcp, none or an address "
				       "with its network's bits "
				       "(192.0.2.7/24)", v);
	}
	return parse_text(ip->address, sizeof(ip->address), v, "ip", e);
}

/* "tap=NAME" and the like say the kind as well as where. */
static int net_kind(struct config_net *n, const char *key, const char *value,
		    struct err *e)
{
	static const struct {
		const char *key;
		enum config_net_kind kind;
	} kinds[] = {
		{ "tap", CONFIG_NET_TAP },
		{ "connect", CONFIG_NET_CONNECT },
		{ "listen", CONFIG_NET_LISTEN },
		{ "dgram", CONFIG_NET_DGRAM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(key, kinds[i].key))
			continue;
		n->kind = kinds[i].kind;
		return parse_text(n->where, sizeof(n->where), value, key, e);
	}
	return unknown_item(key, "user, passt, tap, fd, connect, listen, "
				 "dgram, local, mac, mtu, queues, forward, "
				 "restricted, host-loopback, ip, gateway, "
				 "dns, bps, pps",
			    e);
}

static int net_item(struct config *c, const char *key, const char *value,
		    struct err *e)
{
	struct config_net *n = &c->net[c->nets];
	uint64_t number = 0;
	int r;

	if (!strcmp(key, "mac"))
		return parse_mac(n, value, e);
	if (!strcmp(key, "forward"))
		return add_forward(n, value, e);
	if (!strcmp(key, "ip"))
		return parse_ip(&n->ip, value, e);
	if (!strcmp(key, "gateway"))
		return parse_address(n->ip.gateway, sizeof(n->ip.gateway),
				     value, key, e);
	if (!strcmp(key, "dns"))
		return parse_address(n->ip.dns, sizeof(n->ip.dns), value, key,
				     e);
	if (!strcmp(key, "restricted"))
		return parse_flag(&n->restricted, value, e);
	if (!strcmp(key, "host-loopback"))
		return parse_flag(&n->host_loopback, value, e);
	if (!strcmp(key, "queues"))
		return parse_queues(&n->queues, value, e);
	if (!strcmp(key, "local"))
		return parse_text(n->local, sizeof(n->local), value, key, e);
	if (!strcmp(key, "bps"))
		return parse_size(&n->bytes_per_s, value, e);
	if (!strcmp(key, "pps"))
		return parse_number(&n->ops_per_s, value, 1, UINT32_MAX, e);
	if (!strcmp(key, "mtu")) {
		r = parse_number(&number, value, MTU_MIN, MTU_MAX, e);
		n->mtu = (unsigned int)number;
		return r;
	}
	if (strcmp(key, "fd"))
		return net_kind(n, key, value, e);
	r = parse_number(&number, value, 0, 1 << 20, e);
	n->kind = CONFIG_NET_TAP;
	n->fd = (int)number;
	return r;
}

int config_parse_net(struct config *c, const char *v, struct err *e)
{
	struct config_net *n = &c->net[c->nets];
	char kind[16] = "";
	int r;

	if (!strcmp(v, "none"))
		return 0;
	if (c->nets == CONFIG_MAX_NETS)
		return err_set(e, -EINVAL, "more than %d", CONFIG_MAX_NETS);
	*n = (struct config_net){ .queues = 1, .fd = -1 };
	r = parse_list(c, v, kind, sizeof(kind), net_item, e);
	if (r < 0)
		return r;
	if (!strcmp(kind, "passt"))
		n->kind = CONFIG_NET_PASST;
	else if (*kind && strcmp(kind, "user"))
		return err_set(e, -EINVAL,
			       "\"%s\" is not one of none, user, passt, "
			       "tap=NAME, fd=N, connect=ADDRESS, "
			       "listen=ADDRESS, dgram=ADDRESS",
			       kind);
	else if (!*kind && !n->where[0] && n->fd < 0)
		return err_set(e, -EINVAL,
			       "says no kind (user, tap=NAME, ...)");
	c->nets++;
	return 0;
}

/* ---- vsock ---- */

static int vsock_item(struct config *c, const char *key, const char *value,
		      struct err *e)
{
	if (strcmp(key, "cid"))
		return unknown_item(key, "cid=N", e);
	return parse_number(&c->cid, value, CID_FIRST, CID_LAST, e);
}

int config_parse_vsock(struct config *c, const char *v, struct err *e)
{
	int r;

	c->cid = CID_FIRST;
	/* the guest's ports are appended: "_4294967295" */
	r = parse_list(c, v, c->vsock, sizeof(c->vsock) - 11, vsock_item, e);
	return !r && !c->vsock[0] ? err_set(e, -EINVAL, "names no socket") : r;
}
