// SPDX-License-Identifier: BSD-3-Clause
/*
 * See netd_check.h. The defects that are kept from a guest, by the release of
 * libslirp that has repaired them:
 *
 *	4.8.0	A fragment of IPv4 that is the last of its datagram, and comes
 *		when there is no other, is merged over the queue's own head:
 *		the payload becomes the address of a write. (The code is right
 *		if aliasing pointers are; compilers think that they are not.)
 *	4.9.2	CVE-2026-9539: the urgent pointer is believed. More is sent to
 *		the host's socket than there is, and from then on the count of
 *		what there is has wrapped.
 *	none	Options of TCP are read past their end, if the last is cut.
 *	none	Frames of NC-SI are answered, from no address.
 */
#include "netd/netd_check.h"

#define ETH 14u

#define TYPE_IPV4 0x0800
#define TYPE_ARP  0x0806
#define TYPE_IPV6 0x86dd

#define PROTO_TCP 6

#define TCP_HEADER 20u
#define TCP_URG    0x20

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A word that the checksum covers gets another value (RFC 1624, equation 3). */
static void change16(uint8_t *sum, uint8_t *word, unsigned int v)
{
	unsigned int s = (~get16(sum) & 0xffff) + (~get16(word) & 0xffff) + v;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	put16(sum, ~s & 0xffff);
	put16(word, v);
}

/* Each option of RFC 9293, 3.1, ends where the header does, or before. */
static bool options_fit(const uint8_t *p, size_t len)
{
	size_t size;

	for (; len; p += size, len -= size) {
		if (p[0] == 0)
			return true;
		size = p[0] == 1 ? 1 : len >= 2 ? p[1] : 0;
		if (!size || size > len || (p[0] != 1 && size < 2))
			return false;
	}
	return true;
}

/* Without the flag, urgent data comes in its place among the other: what RFC
 * 6093 tells programs to ask for anyway. */
static bool check_tcp(uint8_t *tcp, size_t len)
{
	size_t header;

	if (len < TCP_HEADER)
		return false;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP_HEADER || header > len ||
	    !options_fit(tcp + TCP_HEADER, header - TCP_HEADER))
		return false;
	if (tcp[13] & TCP_URG) {
		change16(tcp + 16, tcp + 12, get16(tcp + 12) & ~TCP_URG);
		change16(tcp + 16, tcp + 18, 0);
	}
	return true;
}

static bool check_ipv4(uint8_t *ip, size_t len)
{
	size_t header, total;

	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	header = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (header < 20 || total < header || total > len)
		return false;
	if (get16(ip + 6) & 0x3fff) /* a fragment */
		return false;
	return ip[9] != PROTO_TCP || check_tcp(ip + header, total - header);
}

/* libslirp knows no extension headers: it drops what has one. */
static bool check_ipv6(uint8_t *ip, size_t len)
{
	size_t payload;

	if (len < 40 || ip[0] >> 4 != 6)
		return false;
	payload = get16(ip + 4);
	if (payload > len - 40)
		return false;
	return ip[6] != PROTO_TCP || check_tcp(ip + 40, payload);
}

bool netd_check(uint8_t *frame, size_t len)
{
	if (len < ETH)
		return false;
	switch (get16(frame + 12)) {
	case TYPE_ARP:
		return true;
	case TYPE_IPV4:
		return check_ipv4(frame + ETH, len - ETH);
	case TYPE_IPV6:
		return check_ipv6(frame + ETH, len - ETH);
	default:
		return false;
	}
}
