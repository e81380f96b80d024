/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage of the network device's tests: a driver with two pairs of queues
 * and a control queue on one side, a scripted backend on the other.
 */
#ifndef VIREO_FAKE_NIC_CASE_H
#define VIREO_FAKE_NIC_CASE_H

#include "devices/virtio/nic.h"
#include "devices/virtio/nic_frame.h"
#include "driver_ring.h"
#include "fake_net.h"
#include "virtio_front.h"

#define NIC_PAIRS 2
#define RX(pair) (2u * (pair))
#define TX(pair) (2u * (pair) + 1)
#define CTRL     (2u * NIC_PAIRS) /* with MQ */
#define NO_ACK   0x100

struct nic_case {
	struct driver_ram ram;
	struct loop *loop;
	struct virtio_host host;
	struct nic_config cfg;
	struct fake_net *net; /* the device's */
	struct virtio *v;
	struct front front;
	struct driver_ring ring[2 * NIC_PAIRS + 1];
	uint16_t ring_size;
	bool rings;
	uint64_t gpa[2 * NIC_PAIRS + 1][256]; /* of the buffer, by head */
};

extern const uint8_t nic_case_mac[6];

/* With headers and offloads, or without; nothing negotiated yet. */
int nic_setup(void **state);
int nic_setup_plain(void **state);
int nic_teardown(void **state);
/* The device anew with c->cfg. */
void nic_case_again(struct nic_case *c, bool vnet);

/* From reset to DRIVER_OK, with fresh rings on all queues. */
void nic_run(struct nic_case *c, uint64_t features);
/* Everything that was begun is done. */
void nic_sync(struct nic_case *c);

/* A receive buffer of @len bytes in @pieces descriptors; its head. */
int nic_post_rx(struct nic_case *c, unsigned int pair, uint32_t len,
		unsigned int pieces);
/* A frame with this header (NULL: zeroes), in descriptors of @piece bytes. */
int nic_post_tx(struct nic_case *c, unsigned int pair, const uint8_t *header,
		const uint8_t *frame, size_t len, uint32_t piece);
/* What has come back on queue @n: false for nothing. */
bool nic_collect(struct nic_case *c, unsigned int n, struct driver_done *done);
/* The bytes of the buffer that came back on queue @n. */
const uint8_t *nic_bytes(struct nic_case *c, unsigned int n, uint16_t head,
			 uint32_t len);
/* A command on queue @n: the device's answer, NO_ACK: there was none. */
int nic_command_on(struct nic_case *c, unsigned int n, const void *bytes,
		   uint32_t len);
int nic_command(struct nic_case *c, uint8_t class, uint8_t number,
		const void *data, uint32_t len);

/* An Ethernet frame to @to (NULL: the device). */
void nic_frame_to(uint8_t *frame, size_t len, const uint8_t *to);
void nic_deliver(struct nic_case *c, unsigned int pair, const uint8_t *frame,
		 size_t len);

#endif
