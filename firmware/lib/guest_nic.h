/* SPDX-License-Identifier: BSD-3-Clause */
/* A network device's driver (virtio 1.2, 5.1) for two devices that are each
 * other's peer. One receive buffer and one frame at a time. */
#ifndef FIRMWARE_GUEST_NIC_H
#define FIRMWARE_GUEST_NIC_H

#include "guest_virtio.h"

#define NIC_F_CSUM     (1ULL << 0)
#define NIC_F_HOST_TSO4 (1ULL << 11)
#define NIC_F_MRG      (1ULL << 15)
#define NIC_F_CTRL     (1ULL << 17)
#define NIC_F_CTRL_RX  (1ULL << 18)
#define NIC_F_CTRL_RX_EXTRA (1ULL << 20)
#define NIC_F_MQ       (1ULL << 22)
#define NIC_F_CTRL_MAC (1ULL << 23)

#define NIC_HEADER 12u
#define NIC_ETHER  14u
#define NIC_BUFFER 2048u

struct nic {
	struct vio dev;
	struct vq rx;
	struct vq tx;
	struct vq ctrl;
	uint64_t out; /* two pages: header and frame to send */
	uint64_t in;  /* NIC_BUFFER bytes, posted or not: */
	bool posted;
};

void nic_open(struct nic *n, unsigned int nth);
void nic_start(struct nic *n, uint64_t features, uint16_t size);
/* Writes an empty header and a frame of @len bytes with @stamp, to everybody,
 * at n->out. */
void nic_frame(struct nic *n, uint32_t len, uint64_t stamp);
/* Sends @len bytes from n->out; false: the device keeps them. */
bool nic_send(struct nic *n, uint32_t len);
/* Makes n->in available for a frame. */
void nic_post(struct nic *n);
/* The stamp of the next frame, 0 when none comes within @us. */
uint64_t nic_receive(struct nic *n, uint32_t us);
/* A frame gets from one to the other, or the test has failed. What has come
 * before is dropped. */
void nic_check(struct nic *from, struct nic *to, const char *when);

#endif
