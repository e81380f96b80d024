/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The network device (virtio 1.2, 5.1): queue pairs, a control queue, and as
 * many offloads as the backend has. Knows frames only as far as its filter of
 * addresses goes; everything else is between driver and backend.
 *
 * Threads: the data path on the loop's thread; registers on a vCPU's.
 */
#ifndef VIREO_DEVICES_VIRTIO_NIC_H
#define VIREO_DEVICES_VIRTIO_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/net.h"
#include "backends/rate.h"
#include "devices/virtio/virtio.h"

#define NIC_MAC_SIZE 6

struct nic_config {
	uint8_t mac[NIC_MAC_SIZE]; /* unicast, not zero */
	unsigned int mtu; /* told to the driver; 0: nothing is told */
	bool lock_mac;    /* frames from other addresses are dropped, and the
			     driver cannot change its own */
	struct rate_config send; /* by the guest */
	struct rate_config receive;
};

struct nic_counts {
	uint64_t sent;
	uint64_t received;
	uint64_t send_dropped;
	uint64_t receive_dropped; /* no room, or not a frame */
	uint64_t filtered;        /* not for this address */
};

/* @net: has as many queue pairs as the device gets; owned from here on, after
 * a failure too. */
int nic_create(struct virtio **out, const struct nic_config *cfg,
	       const struct virtio_host *host, struct net *net,
	       struct err *err);

/* Any thread. */
void nic_counts(struct virtio *v, struct nic_counts *counts);

/* "aa:bb:cc:dd:ee:ff", a unicast address other than 0. 0 or -EINVAL. */
int nic_parse_mac(uint8_t mac[NIC_MAC_SIZE], const char *text);
/* A locally administered address that @seed (a VM's name and the device's id)
 * decides. */
void nic_make_mac(uint8_t mac[NIC_MAC_SIZE], const char *seed);

#endif
