/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules about frames and their virtio headers (virtio 1.2, 5.1.6), as pure
 * functions: which header is acceptable, which frame is for this device.
 */
#ifndef VIREO_DEVICES_VIRTIO_NIC_FRAME_H
#define VIREO_DEVICES_VIRTIO_NIC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/net.h"

/* Feature bits, virtio 1.2, 5.1.3. */
#define NIC_F_CSUM          (UINT64_C(1) << 0)
#define NIC_F_GUEST_CSUM    (UINT64_C(1) << 1)
#define NIC_F_MTU           (UINT64_C(1) << 3)
#define NIC_F_MAC           (UINT64_C(1) << 5)
#define NIC_F_GUEST_TSO4    (UINT64_C(1) << 7)
#define NIC_F_GUEST_TSO6    (UINT64_C(1) << 8)
#define NIC_F_GUEST_ECN     (UINT64_C(1) << 9)
#define NIC_F_GUEST_UFO     (UINT64_C(1) << 10)
#define NIC_F_HOST_TSO4     (UINT64_C(1) << 11)
#define NIC_F_HOST_TSO6     (UINT64_C(1) << 12)
#define NIC_F_HOST_ECN      (UINT64_C(1) << 13)
#define NIC_F_HOST_UFO      (UINT64_C(1) << 14)
#define NIC_F_MRG_RXBUF     (UINT64_C(1) << 15)
#define NIC_F_STATUS        (UINT64_C(1) << 16)
#define NIC_F_CTRL_VQ       (UINT64_C(1) << 17)
#define NIC_F_CTRL_RX       (UINT64_C(1) << 18)
#define NIC_F_CTRL_RX_EXTRA (UINT64_C(1) << 20)
#define NIC_F_MQ            (UINT64_C(1) << 22)
#define NIC_F_CTRL_MAC_ADDR (UINT64_C(1) << 23)
#define NIC_F_GUEST_USO4    (UINT64_C(1) << 54)
#define NIC_F_GUEST_USO6    (UINT64_C(1) << 55)
#define NIC_F_HOST_USO      (UINT64_C(1) << 56)

/* Header and Ethernet addresses: what is looked at is copied once. */
#define NIC_HEAD_SIZE (NET_HEADER_SIZE + NET_ETHER_SIZE)

/* The features that a backend with @offloads makes possible. */
uint64_t nic_offload_features(uint32_t offloads);
/* What the driver that negotiated @features takes from the backend. */
uint32_t nic_receive_offloads(uint64_t features);
/* Has every feature those that it depends on? 5.1.3.1 */
bool nic_features_complete(uint64_t features);

/* A header from the driver, before a frame of @len bytes. Clears the fields
 * that do not concern the backend. */
bool nic_header_sent(uint8_t header[NET_HEADER_SIZE], uint64_t len,
		     uint64_t features);
/* A header from the backend. */
bool nic_header_received(const uint8_t header[NET_HEADER_SIZE], uint64_t len,
			 uint64_t features);

/* ---- addresses ---- */

#define NIC_TABLE_MAX 64

struct nic_filter {
	bool promiscuous;
	bool all_multicast;
	bool all_unicast;
	bool no_multicast;
	bool no_unicast;
	bool no_broadcast;
	bool table_overflow[2]; /* too many addresses: all pass */
	uint16_t count[2];      /* unicast, multicast */
	uint8_t table[2][NIC_TABLE_MAX][6];
};

/* Everything passes, as after a reset. */
void nic_filter_reset(struct nic_filter *f);
/* May a frame to @to come in, for the device @mac? */
bool nic_filter_pass(const struct nic_filter *f, const uint8_t mac[6],
		     const uint8_t to[6]);

/* An address as a number, for atomic access. */
uint64_t nic_mac_pack(const uint8_t mac[6]);
void nic_mac_unpack(uint8_t mac[6], uint64_t packed);
bool nic_mac_usable(const uint8_t mac[6]); /* unicast, not 0 */

#endif
