// SPDX-License-Identifier: BSD-3-Clause
/* See dhcp.h. Discover, offer, request, acknowledge; what is not for us, or not
 * well formed, is passed over. */
#include "dhcp.h"

#include <asm/socket.h>
#include <linux/errno.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include "sys.h"

#define DGRAM_CLOEXEC (2 | 02000000)
#define PORT_SERVER   67
#define PORT_CLIENT   68
#define TRIES         4 /* of 1, 2, 3 and 4 seconds */

enum { REQUEST = 1, REPLY = 2 };
enum { DISCOVER = 1, OFFER = 2, ASK = 3, ACK = 5, NAK = 6 };
enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_GATEWAY = 3,
	OPT_NAMESERVER = 6,
	OPT_ADDRESS = 50,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_WANTED = 55,
	OPT_END = 255,
};

/* RFC 2131, 2; numbers as the network has them. */
struct packet {
	uint8_t op, hardware, hardware_len, hops;
	uint32_t id;
	uint16_t seconds, flags;
	uint32_t own, given, server, relay;
	uint8_t mac[16];
	uint8_t names[64 + 128];
	uint8_t magic[4];
	uint8_t options[308];
};

struct dhcp {
	int fd;
	uint32_t id;
	uint8_t mac[6];
	uint32_t server; /* whose offer was taken */
	struct lease lease;
};

static const uint8_t magic[4] = { 99, 130, 83, 99 };

static uint16_t network16(uint16_t n)
{
	return (uint16_t)(n << 8 | n >> 8);
}

static uint8_t *put_option(uint8_t *at, uint8_t code, const void *value,
			   uint8_t len)
{
	at[0] = code;
	at[1] = len;
	memcpy(at + 2, value, len);
	return at + 2 + len;
}

static int send_packet(const struct dhcp *d, uint8_t type)
{
	static const uint8_t wanted[] = { OPT_MASK, OPT_GATEWAY,
					  OPT_NAMESERVER };
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = network16(PORT_SERVER),
		.sin_addr = { INADDR_BROADCAST },
	};
	struct packet p;
	uint8_t *at = p.options;
	long n;

	memset(&p, 0, sizeof(p));
	p.op = REQUEST;
	p.hardware = 1; /* Ethernet */
	p.hardware_len = sizeof(d->mac);
	p.id = d->id;
	p.flags = network16(0x8000); /* answers by broadcast: no address yet */
	memcpy(p.mac, d->mac, sizeof(d->mac));
	memcpy(p.magic, magic, sizeof(magic));
	at = put_option(at, OPT_TYPE, &type, 1);
	if (type == ASK) {
		at = put_option(at, OPT_ADDRESS, &d->lease.address, 4);
		at = put_option(at, OPT_SERVER, &d->server, 4);
	}
	at = put_option(at, OPT_WANTED, wanted, sizeof(wanted));
	*at = OPT_END;
	n = SYS(sendto, d->fd, &p, sizeof(p), 0, &to, sizeof(to));
	return n < 0 ? (int)n : 0;
}

static void take_option(struct dhcp *d, uint8_t code, const uint8_t *value,
			uint8_t len, uint8_t *type)
{
	if (code == OPT_TYPE && len == 1)
		*type = *value;
	if (len < 4)
		return;
	if (code == OPT_MASK)
		memcpy(&d->lease.mask, value, 4);
	else if (code == OPT_GATEWAY)
		memcpy(&d->lease.gateway, value, 4);
	else if (code == OPT_NAMESERVER)
		memcpy(&d->lease.nameserver, value, 4);
	else if (code == OPT_SERVER)
		memcpy(&d->server, value, 4);
}

/* The type of an answer to us, or 0; the lease and the server are then what it
 * says. */
static uint8_t take_packet(struct dhcp *d, const struct packet *p, size_t len)
{
	size_t end = len - offsetof(struct packet, options);
	uint8_t type = 0;
	size_t at = 0;

	if (p->op != REPLY || p->id != d->id ||
	    memcmp(p->mac, d->mac, sizeof(d->mac)) ||
	    memcmp(p->magic, magic, sizeof(magic)))
		return 0;
	memset(&d->lease, 0, sizeof(d->lease));
	d->lease.address = p->given;
	while (at < end && p->options[at] != OPT_END) {
		uint8_t n;

		if (p->options[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (end - at < 2)
			return 0;
		n = p->options[at + 1];
		if (end - at - 2 < n)
			return 0;
		take_option(d, p->options[at], p->options + at + 2, n, &type);
		at += 2u + n;
	}
	return type;
}

/* Is it what is waited for: an offer, or the word of the server that was asked?
 * Other servers' answers come at any time. */
static bool is_wanted(const struct dhcp *d, const struct dhcp *said,
		      uint8_t type, bool asked)
{
	if (!asked)
		return type == OFFER && said->lease.address;
	return (type == ACK || type == NAK) && said->server == d->server;
}

/* The type of the first that is wanted, 0 after @ms without one, or -errno. */
static int answer(struct dhcp *d, uint64_t ms, bool asked)
{
	uint64_t end = now_us() + ms * 1000;
	struct packet p;

	for (;;) {
		uint64_t now = now_us();
		struct pollfd wait = { d->fd, POLLIN, 0 };
		long n;

		if (now >= end)
			return 0;
		n = SYS3(poll, &wait, 1, (end - now) / 1000 + 1);
		if (n < 0 && n != -EINTR)
			return (int)n;
		if (n <= 0)
			continue;
		n = SYS3(read, d->fd, &p, sizeof(p));
		if (n >= (long)offsetof(struct packet, options)) {
			struct dhcp said = *d;
			uint8_t type = take_packet(&said, &p, (size_t)n);

			if (!is_wanted(d, &said, type, asked))
				continue;
			*d = said;
			return type;
		}
	}
}

/* One round; 0, -EAGAIN for another, or -errno. */
static int ask_once(struct dhcp *d, uint64_t ms)
{
	int r = send_packet(d, DISCOVER);

	if (r == 0)
		r = answer(d, ms, false);
	if (r <= 0)
		return r < 0 ? r : -EAGAIN;
	r = send_packet(d, ASK);
	if (r == 0)
		r = answer(d, ms, true);
	if (r < 0)
		return r;
	return r == ACK && d->lease.address ? 0 : -EAGAIN;
}

static int open_socket(struct dhcp *d, const char *interface)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_port = network16(PORT_CLIENT) };
	struct ifreq r;
	int on = 1;
	long e;

	d->fd = (int)SYS3(socket, AF_INET, DGRAM_CLOEXEC, 0);
	if (d->fd < 0)
		return d->fd;
	memset(&r, 0, sizeof(r));
	put_text(r.ifr_name, sizeof(r.ifr_name), interface);
	e = SYS3(ioctl, d->fd, SIOCGIFHWADDR, &r);
	memcpy(d->mac, r.ifr_hwaddr.sa_data, sizeof(d->mac));
	if (!e)
		e = SYS5(setsockopt, d->fd, SOL_SOCKET, SO_BROADCAST, &on,
			 sizeof(on));
	if (!e)
		e = SYS5(setsockopt, d->fd, SOL_SOCKET, SO_BINDTODEVICE,
			 interface, strlen(interface) + 1);
	if (!e)
		e = SYS3(bind, d->fd, &own, sizeof(own));
	return (int)e;
}

int dhcp_ask(const char *interface, struct lease *lease)
{
	struct dhcp d;
	int r;

	memset(&d, 0, sizeof(d));
	r = open_socket(&d, interface);
	memcpy(&d.id, d.mac + 2, sizeof(d.id));
	d.id ^= (uint32_t)now_us();
	for (uint64_t i = 1; !r && i <= TRIES; i++) {
		r = ask_once(&d, i * 1000);
		if (r == -EAGAIN)
			r = i < TRIES ? 0 : -ETIMEDOUT;
		else if (!r)
			break;
	}
	close_fd(&d.fd);
	if (!r)
		*lease = d.lease;
	return r;
}
