// SPDX-License-Identifier: BSD-3-Clause
/* See nic_case.h. */
#include "nic_case.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define QUEUES (2 * NIC_PAIRS + 1)

const uint8_t nic_case_mac[6] = { 0x52, 0x54, 0, 0xaa, 0xbb, 0xcc };

static void create(struct nic_case *c, bool vnet)
{
	struct err err = { 0 };
	int r;

	c->net = fake_net_create(c->loop, NIC_PAIRS, vnet);
	r = nic_create(&c->v, &c->cfg, &c->host, &c->net->net, &err);
	assert(r == 0);
	(void)r;
	front_init(&c->front, c->v, false);
}

static int setup(void **state, bool vnet)
{
	struct nic_case *c = calloc(1, sizeof(*c));

	driver_ram_init(&c->ram);
	if (loop_create(&c->loop, NULL) < 0)
		return -1;
	c->host = (struct virtio_host){ "net0", &c->ram.mem, c->loop, NULL };
	memcpy(c->cfg.mac, nic_case_mac, 6);
	c->cfg.mtu = 1400;
	c->ring_size = 64;
	create(c, vnet);
	*state = c;
	return 0;
}

int nic_setup(void **state)
{
	return setup(state, true);
}

int nic_setup_plain(void **state)
{
	return setup(state, false);
}

static void drop_rings(struct nic_case *c)
{
	for (unsigned int i = 0; i < QUEUES && c->rings; i++)
		driver_ring_finish(&c->ring[i]);
	c->rings = false;
}

int nic_teardown(void **state)
{
	struct nic_case *c = *state;

	front_finish(&c->front);
	loop_destroy(c->loop);
	drop_rings(c);
	driver_ram_finish(&c->ram);
	free(c);
	return 0;
}

void nic_case_again(struct nic_case *c, bool vnet)
{
	front_finish(&c->front);
	create(c, vnet);
}

void nic_run(struct nic_case *c, uint64_t features)
{
	struct queue_features f;
	bool ok = front_negotiate(&c->front, features);

	assert(ok);
	drop_rings(c);
	driver_ram_clear(&c->ram);
	f = front_ring_features(&c->front);
	for (unsigned int i = 0; i < QUEUES; i++) {
		driver_ring_init(&c->ring[i], &c->ram, c->ring_size, &f);
		ok = front_queue(&c->front, i, &c->ring[i].params);
		assert(ok);
	}
	c->rings = true;
	front_driver_ok(&c->front);
	ok = !(front_get(&c->front, VREG_STATUS) & VIRTIO_S_NEEDS_RESET);
	assert(ok);
	(void)ok;
	nic_sync(c);
}

/* A wake-up may lead to others: the doorbell again, the backend again. */
void nic_sync(struct nic_case *c)
{
	for (int i = 0; i < 8; i++)
		front_sync(&c->front);
}

/* ---- the driver ---- */

/* In descriptors of @piece bytes, the last one shorter. */
static int post(struct nic_case *c, unsigned int n, uint64_t gpa, uint32_t len,
		uint32_t piece, bool writable)
{
	struct driver_buf bufs[64];
	unsigned int count = 0;
	uint64_t at = gpa;
	int head;

	do {
		uint32_t part = len < piece ? len : piece;

		assert(count < 64);
		bufs[count++] = (struct driver_buf){ at, part, writable };
		at += part;
		len -= part;
	} while (len);
	head = driver_post(&c->ring[n], bufs, count);
	if (head >= 0)
		c->gpa[n][head] = gpa;
	return head;
}

int nic_post_rx(struct nic_case *c, unsigned int pair, uint32_t len,
		unsigned int pieces)
{
	uint64_t gpa = driver_ram_alloc(&c->ram, len, 16);

	return post(c, RX(pair), gpa, len, (len + pieces - 1) / pieces, true);
}

int nic_post_tx(struct nic_case *c, unsigned int pair, const uint8_t *header,
		const uint8_t *frame, size_t len, uint32_t piece)
{
	uint32_t size = NET_HEADER_SIZE + (uint32_t)len;
	uint64_t gpa = driver_ram_alloc(&c->ram, size, 16);
	uint8_t *p = driver_ram_at(&c->ram, gpa, size);

	memset(p, 0, NET_HEADER_SIZE);
	if (header)
		memcpy(p, header, NET_HEADER_SIZE);
	memcpy(p + NET_HEADER_SIZE, frame, len);
	return post(c, TX(pair), gpa, size, piece, false);
}

bool nic_collect(struct nic_case *c, unsigned int n, struct driver_done *done)
{
	return driver_collect(&c->ring[n], done);
}

const uint8_t *nic_bytes(struct nic_case *c, unsigned int n, uint16_t head,
			 uint32_t len)
{
	return driver_ram_at(&c->ram, c->gpa[n][head], len);
}

int nic_command_on(struct nic_case *c, unsigned int n, const void *bytes,
		   uint32_t len)
{
	uint64_t gpa = driver_ram_alloc(&c->ram, len + 1, 16);
	uint8_t *p = driver_ram_at(&c->ram, gpa, len + 1);
	struct driver_buf bufs[2] = { { gpa, len, false },
				      { gpa + len, 1, true } };
	struct driver_done done;
	int head;

	memcpy(p, bytes, len);
	p[len] = 0xee;
	head = driver_post(&c->ring[n], len ? bufs : bufs + 1, len ? 2 : 1);
	assert(head >= 0);
	front_kick(&c->front, n);
	nic_sync(c);
	if (!nic_collect(c, n, &done) || done.head != head)
		return -1;
	return done.len == 1 ? p[len] : NO_ACK;
}

int nic_command(struct nic_case *c, uint8_t class, uint8_t number,
		const void *data, uint32_t len)
{
	uint8_t bytes[4096] = { class, number };

	assert(len <= sizeof(bytes) - 2);
	if (len)
		memcpy(bytes + 2, data, len);
	return nic_command_on(c, CTRL, bytes, 2 + len);
}

/* ---- frames ---- */

void nic_frame_to(uint8_t *frame, size_t len, const uint8_t *to)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 13 + len + (i >> 8));
	if (len >= 12) {
		memcpy(frame, to ? to : nic_case_mac, 6);
		memcpy(frame + 6, nic_case_mac, 6);
	}
}

void nic_deliver(struct nic_case *c, unsigned int pair, const uint8_t *frame,
		 size_t len)
{
	uint8_t *bytes = calloc(1, NET_HEADER_SIZE + len);
	size_t skip = c->net->net.info.vnet ? NET_HEADER_SIZE : 0;

	memcpy(bytes + skip, frame, len);
	fake_net_deliver(c->net, pair, bytes, skip + len);
	free(bytes);
}
