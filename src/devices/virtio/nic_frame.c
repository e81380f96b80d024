// SPDX-License-Identifier: BSD-3-Clause
/* See nic_frame.h. Pure. */
#include "devices/virtio/nic_frame.h"

#include <string.h>

#include "base/endian.h"

/* The header's fields, virtio 1.2, 5.1.6 */
#define H_FLAGS       0
#define H_GSO_TYPE    1
#define H_HDR_LEN     2
#define H_GSO_SIZE    4
#define H_CSUM_START  6
#define H_CSUM_OFFSET 8
#define H_NUM_BUFFERS 10

#define FLAG_NEEDS_CSUM 1u
#define FLAG_DATA_VALID 2u
#define GSO_NONE        0u
#define GSO_TCPV4       1u
#define GSO_UDP         3u
#define GSO_TCPV6       4u
#define GSO_UDP_L4      5u
#define GSO_ECN         0x80u

/* What the two ends may hand over, by backend's word and by the driver's. */
struct offload {
	enum net_offload offload;
	uint64_t host;  /* driver to backend */
	uint64_t guest; /* backend to driver */
};

static const struct offload offloads[] = {
	{ NET_CSUM, NIC_F_CSUM, NIC_F_GUEST_CSUM },
	{ NET_TSO4, NIC_F_HOST_TSO4, NIC_F_GUEST_TSO4 },
	{ NET_TSO6, NIC_F_HOST_TSO6, NIC_F_GUEST_TSO6 },
	{ NET_ECN, NIC_F_HOST_ECN, NIC_F_GUEST_ECN },
	{ NET_UFO, NIC_F_HOST_UFO, NIC_F_GUEST_UFO },
	{ NET_USO, NIC_F_HOST_USO, NIC_F_GUEST_USO4 | NIC_F_GUEST_USO6 },
};

#define OFFLOADS (sizeof(offloads) / sizeof(offloads[0]))

uint64_t nic_offload_features(uint32_t set)
{
	uint64_t features = 0;

	for (size_t i = 0; i < OFFLOADS; i++)
		if (set & offloads[i].offload)
			features |= offloads[i].host | offloads[i].guest;
	return features;
}

uint32_t nic_receive_offloads(uint64_t features)
{
	uint32_t set = 0;

	for (size_t i = 0; i < OFFLOADS; i++)
		if ((features & offloads[i].guest) == offloads[i].guest)
			set |= offloads[i].offload;
	return set;
}

/* One of @any, when one of @these is there. */
static bool needs(uint64_t features, uint64_t these, uint64_t any)
{
	return !(features & these) || features & any;
}

bool nic_features_complete(uint64_t features)
{
	return needs(features, NIC_F_GUEST_TSO4 | NIC_F_GUEST_TSO6 |
		     NIC_F_GUEST_UFO | NIC_F_GUEST_USO4 | NIC_F_GUEST_USO6,
		     NIC_F_GUEST_CSUM) &&
	       needs(features, NIC_F_GUEST_ECN,
		     NIC_F_GUEST_TSO4 | NIC_F_GUEST_TSO6) &&
	       needs(features, NIC_F_HOST_TSO4 | NIC_F_HOST_TSO6 |
		     NIC_F_HOST_UFO | NIC_F_HOST_USO, NIC_F_CSUM) &&
	       needs(features, NIC_F_HOST_ECN,
		     NIC_F_HOST_TSO4 | NIC_F_HOST_TSO6) &&
	       needs(features, NIC_F_CTRL_RX | NIC_F_CTRL_RX_EXTRA | NIC_F_MQ |
		     NIC_F_CTRL_MAC_ADDR, NIC_F_CTRL_VQ);
}

/* ---- headers ---- */

/* The features of which one allows @type; 0: there is no such type. */
static uint64_t gso_features(unsigned int type, bool from_driver)
{
	switch (type) {
	case GSO_TCPV4:
		return from_driver ? NIC_F_HOST_TSO4 : NIC_F_GUEST_TSO4;
	case GSO_TCPV6:
		return from_driver ? NIC_F_HOST_TSO6 : NIC_F_GUEST_TSO6;
	case GSO_UDP:
		return from_driver ? NIC_F_HOST_UFO : NIC_F_GUEST_UFO;
	case GSO_UDP_L4:
		return from_driver ? NIC_F_HOST_USO
				   : NIC_F_GUEST_USO4 | NIC_F_GUEST_USO6;
	default:
		return 0;
	}
}

static bool gso_ok(const uint8_t *h, uint64_t len, uint64_t features,
		   bool from_driver)
{
	unsigned int type = h[H_GSO_TYPE];
	uint64_t ecn = from_driver ? NIC_F_HOST_ECN : NIC_F_GUEST_ECN;
	unsigned int hdr_len = le16_at(h + H_HDR_LEN);

	if (type == GSO_NONE)
		return true;
	if (type & GSO_ECN && !(features & ecn))
		return false;
	type &= ~GSO_ECN;
	if (!(features & gso_features(type, from_driver)))
		return false;
	if (!(h[H_FLAGS] & FLAG_NEEDS_CSUM) || !le16_at(h + H_GSO_SIZE))
		return false;
	return hdr_len && hdr_len <= len;
}

/* The two bytes of the checksum lie inside the frame. */
static bool csum_ok(const uint8_t *h, uint64_t len)
{
	uint32_t at = (uint32_t)le16_at(h + H_CSUM_START) +
		      le16_at(h + H_CSUM_OFFSET);

	return at <= len && len - at >= 2;
}

bool nic_header_sent(uint8_t header[NET_HEADER_SIZE], uint64_t len,
		     uint64_t features)
{
	/* 5.1.6.2: others are ignored, DATA_VALID too */
	header[H_FLAGS] &= FLAG_NEEDS_CSUM;
	header[H_NUM_BUFFERS] = 0;
	header[H_NUM_BUFFERS + 1] = 0;
	if (header[H_FLAGS] & FLAG_NEEDS_CSUM &&
	    (!(features & NIC_F_CSUM) || !csum_ok(header, len)))
		return false;
	return gso_ok(header, len, features, true);
}

bool nic_header_received(const uint8_t header[NET_HEADER_SIZE], uint64_t len,
			 uint64_t features)
{
	unsigned int flags = header[H_FLAGS];

	if (flags & ~(FLAG_NEEDS_CSUM | FLAG_DATA_VALID))
		return false;
	if (flags && !(features & NIC_F_GUEST_CSUM))
		return false;
	if (flags & FLAG_NEEDS_CSUM && !csum_ok(header, len))
		return false;
	return gso_ok(header, len, features, false);
}

/* ---- addresses ---- */

void nic_filter_reset(struct nic_filter *f)
{
	memset(f, 0, sizeof(*f));
	f->promiscuous = true;
}

static bool in_table(const struct nic_filter *f, unsigned int which,
		     const uint8_t to[6])
{
	for (unsigned int i = 0; i < f->count[which]; i++)
		if (memcmp(f->table[which][i], to, 6) == 0)
			return true;
	return f->table_overflow[which];
}

bool nic_filter_pass(const struct nic_filter *f, const uint8_t mac[6],
		     const uint8_t to[6])
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

	if (f->promiscuous)
		return true;
	if (memcmp(to, everybody, 6) == 0)
		return !f->no_broadcast;
	if (to[0] & 1)
		return !f->no_multicast &&
		       (f->all_multicast || in_table(f, 1, to));
	return !f->no_unicast && (f->all_unicast || in_table(f, 0, to) ||
				  memcmp(to, mac, 6) == 0);
}

uint64_t nic_mac_pack(const uint8_t mac[6])
{
	uint64_t packed = 0;

	for (int i = 5; i >= 0; i--)
		packed = packed << 8 | mac[i];
	return packed;
}

void nic_mac_unpack(uint8_t mac[6], uint64_t packed)
{
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(packed >> (8 * i));
}

bool nic_mac_usable(const uint8_t mac[6])
{
	return nic_mac_pack(mac) && !(mac[0] & 1);
}
