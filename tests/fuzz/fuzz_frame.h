/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of a guest on the user network, with lengths and checksums that are
 * right, unless the program wants one that is not: then a byte, the shape,
 * says where it goes wrong.
 */
#ifndef VIREO_FUZZ_FUZZ_FRAME_H
#define VIREO_FUZZ_FUZZ_FRAME_H

#include <string.h>

#include "fuzz_program.h"

#define ETH       14u
#define FRAME_MAX 65553u

#define PROTO_ICMP  1
#define PROTO_TCP   6
#define PROTO_UDP   17
#define PROTO_ICMP6 58

enum shape {
	SHAPE_OPTIONS = 1,  /* options of IPv4, an extension header of IPv6 */
	SHAPE_FRAGMENT = 2, /* IPv4: any offset and flags */
	SHAPE_EARLY = 4,    /* bytes change before the checksums are made */
	SHAPE_LATE = 8,     /* and after */
	SHAPE_LENGTH = 16,  /* the length in the IP header is another */
	SHAPE_CUT = 32,     /* the frame ends early, or late */
	SHAPE_HOPS = 64,    /* few are left */
	SHAPE_SOURCE = 128, /* another source */
};

struct frame {
	uint8_t b[FRAME_MAX];
	size_t len; /* so far */
	size_t l4;  /* where the IP header ends */
	bool v6;
	uint8_t proto;
};

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* The ones' complement sum of RFC 1071, folded. */
static uint32_t add16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Room for @len bytes at the end, which are zero; NULL: there is none. */
static uint8_t *frame_add(struct frame *f, size_t len)
{
	uint8_t *p = f->b + f->len;

	if (sizeof(f->b) - f->len < len)
		return NULL;
	memset(p, 0, len);
	f->len += len;
	return p;
}

/* Bytes of the program. */
static void frame_raw(struct frame *f, struct fuzz_input *in, size_t len)
{
	uint8_t *p = frame_add(f, len);

	while (p && len--)
		*p++ = (uint8_t)take(in, 1);
}

static void frame_eth(struct frame *f, unsigned int type)
{
	static const uint8_t to[6] = { 0x52, 0x55, 10, 0, 2, 2 };

	f->len = 0;
	frame_add(f, ETH);
	memcpy(f->b, to, 6);
	memcpy(f->b + 6, guest_mac, 6);
	put16(f->b + 12, type);
}

/* An address of IPv4 or IPv6 by number; the guest's is 15. */
static void address(uint8_t *to, bool v6, unsigned int which)
{
	static const uint8_t four[8][4] = {
		{ 10, 0, 2, 2 }, { 10, 0, 2, 3 }, { 255, 255, 255, 255 },
		{ 10, 0, 2, 77 }, { 192, 0, 2, 1 }, { 224, 0, 0, 1 },
		{ 127, 0, 0, 1 }, { 10, 0, 2, 255 },
	};
	static const uint8_t six[8][16] = {
		{ 0xfd, [15] = 2 }, { 0xfd, [15] = 3 },
		{ 0xff, 2, [15] = 1 }, { 0xfd, [15] = 77 },
		{ 0x20, 1, 0x0d, 0xb8, [15] = 1 },
		{ 0xff, 2, [13] = 1, [15] = 2 }, { [15] = 1 },
		{ 0xff, 2, [11] = 1, 0xff, [15] = 2 },
	};

	if (v6)
		memcpy(to, which == 15 ? (uint8_t[16]){ 0xfd, [15] = 15 } :
		       six[which % 8], 16);
	else
		memcpy(to, which == 15 ? (uint8_t[]){ 10, 0, 2, 15 } :
		       four[which % 8], 4);
}

/* The headers up to IP's, from the guest to @to. */
static void frame_ip(struct frame *f, struct fuzz_input *in, bool v6,
		     uint8_t proto, const uint8_t *to, unsigned int shape)
{
	unsigned int from = shape & SHAPE_SOURCE ? take(in, 1) : 15;
	size_t extra = shape & SHAPE_OPTIONS ? take(in, 1) % 11 * 4 : 0;
	uint8_t *ip;

	f->v6 = v6;
	f->proto = proto;
	frame_eth(f, v6 ? 0x86dd : 0x0800);
	ip = frame_add(f, v6 ? 40 : 20);
	ip[v6 ? 7 : 8] = shape & SHAPE_HOPS ? take(in, 1) % 2 : v6 ? 255 : 64;
	address(ip + (v6 ? 8 : 12), v6, from);
	memcpy(ip + (v6 ? 24 : 16), to, v6 ? 16 : 4);
	if (v6) {
		ip[0] = 0x60;
		ip[6] = extra ? (uint8_t)take(in, 1) : proto;
		if (extra) {
			frame_raw(f, in, 8);
			ip[40] = proto;
			ip[41] = 0;
		}
	} else {
		ip[0] = (uint8_t)(0x45 + extra / 4);
		ip[9] = proto;
		frame_raw(f, in, extra);
	}
	if (!v6 && shape & SHAPE_FRAGMENT) {
		put16(ip + 4, take(in, 1));
		put16(ip + 6, take(in, 2));
	}
	f->l4 = f->len;
}

static void frame_patch(struct frame *f, struct fuzz_input *in)
{
	for (uint32_t n = 1 + take(in, 1) % 4; n; n--) {
		size_t at = take(in, 2) % f->len;

		f->b[at] = (uint8_t)take(in, 1);
	}
}

static void frame_l4_sum(struct frame *f)
{
	size_t at = f->l4 + (f->proto == PROTO_TCP ? 16 :
			     f->proto == PROTO_UDP ? 6 : 2);
	const uint8_t *ip = f->b + ETH;
	size_t len = f->len - f->l4;
	uint32_t sum = 0;

	if (at + 2 > f->len)
		return;
	put16(f->b + at, 0);
	if (f->v6)
		sum = add16(ip + 8, 32, (uint32_t)len + f->proto);
	else if (f->proto != PROTO_ICMP)
		sum = add16(ip + 12, 8, (uint32_t)len + f->proto);
	sum = 0xffff - add16(f->b + f->l4, len, sum);
	put16(f->b + at, sum ? sum : 0xffff);
}

/* Lengths and checksums, and what is wrong with them. */
static void frame_finish(struct frame *f, struct fuzz_input *in,
			 unsigned int shape)
{
	uint8_t *ip = f->b + ETH;
	int32_t cut;

	put16(ip + (f->v6 ? 4 : 2), (uint32_t)(f->len - ETH) -
	      (f->v6 ? 40 : 0));
	if (f->proto == PROTO_UDP && f->len - f->l4 >= 8)
		put16(f->b + f->l4 + 4, (uint32_t)(f->len - f->l4));
	if (shape & SHAPE_LENGTH)
		put16(ip + (f->v6 ? 4 : 2), take(in, 2));
	if (shape & SHAPE_EARLY)
		frame_patch(f, in);
	frame_l4_sum(f);
	if (!f->v6) {
		put16(ip + 10, 0);
		put16(ip + 10, 0xffff - add16(ip, f->l4 - ETH, 0));
	}
	if (shape & SHAPE_LATE)
		frame_patch(f, in);
	if (!(shape & SHAPE_CUT))
		return;
	cut = (int32_t)take(in, 1) - 128;
	if (cut > 0)
		frame_add(f, (size_t)cut);
	else if (f->len > (size_t)-cut)
		f->len -= (size_t)-cut;
}

#endif
