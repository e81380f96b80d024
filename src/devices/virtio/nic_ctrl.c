// SPDX-License-Identifier: BSD-3-Clause
/*
 * See nic_parts.h. The control queue (virtio 1.2, 5.1.6.5): a class, a command,
 * its data, and one byte for our answer.
 */
#include <string.h>

#include "base/endian.h"
#include "devices/virtio/nic_parts.h"

#define CLASS_RX  0
#define CLASS_MAC 1
#define CLASS_MQ  4

#define MAC_TABLE_SET 0
#define MAC_ADDR_SET  1
#define MQ_PAIRS_SET  0

#define ANSWER_OK  0
#define ANSWER_ERR 1

/* One command; its data is read where it is needed. */
struct command {
	struct nic *nic;
	const struct chain *c;
	uint8_t class;
	uint8_t number;
	uint64_t len; /* of the data, which starts at offset 2 */
};

static bool data(const struct command *cmd, uint64_t off, void *dst,
		 size_t len)
{
	return chain_read(cmd->c, 2 + off, dst, len);
}

/* 5.1.6.5.1 */
static bool set_rx_mode(const struct command *cmd)
{
	struct nic_filter *f = &cmd->nic->filter;
	bool *const modes[] = {
		&f->promiscuous, &f->all_multicast, &f->all_unicast,
		&f->no_multicast, &f->no_unicast, &f->no_broadcast,
	};
	uint64_t feature = cmd->number < 2 ? NIC_F_CTRL_RX
					   : NIC_F_CTRL_RX_EXTRA;
	uint8_t on;

	if (cmd->number >= sizeof(modes) / sizeof(modes[0]) ||
	    !(cmd->nic->features & feature) || cmd->len != 1 ||
	    !data(cmd, 0, &on, 1))
		return false;
	*modes[cmd->number] = on;
	return true;
}

/* One table at *off: a count, then as many addresses. What does not fit is
 * "all of them". */
static bool read_table(const struct command *cmd, struct nic_filter *f,
		       unsigned int which, uint64_t *off)
{
	uint64_t left = cmd->len - *off;
	uint32_t count;
	le32 wire;

	if (!data(cmd, *off, &wire, sizeof(wire)))
		return false;
	count = le32_get(wire);
	if (count > (left - sizeof(wire)) / NIC_MAC_SIZE)
		return false;
	*off += sizeof(wire);
	f->table_overflow[which] = count > NIC_TABLE_MAX;
	f->count[which] = f->table_overflow[which] ? 0 : (uint16_t)count;
	if (!data(cmd, *off, f->table[which],
		  (size_t)f->count[which] * NIC_MAC_SIZE))
		return false;
	*off += (uint64_t)count * NIC_MAC_SIZE;
	return true;
}

/* 5.1.6.5.2: both tables are replaced, or none. */
static bool set_mac_table(const struct command *cmd)
{
	struct nic_filter fresh = cmd->nic->filter;
	uint64_t off = 0;

	if (!(cmd->nic->features & NIC_F_CTRL_RX) ||
	    !read_table(cmd, &fresh, 0, &off) ||
	    !read_table(cmd, &fresh, 1, &off) || off != cmd->len)
		return false;
	cmd->nic->filter = fresh;
	return true;
}

static bool set_mac(const struct command *cmd)
{
	uint8_t mac[NIC_MAC_SIZE];

	if (!(cmd->nic->features & NIC_F_CTRL_MAC_ADDR) ||
	    cmd->nic->cfg.lock_mac || cmd->len != sizeof(mac) ||
	    !data(cmd, 0, mac, sizeof(mac)) || !nic_mac_usable(mac))
		return false;
	virtio_config_begin(&cmd->nic->v);
	atomic_store(&cmd->nic->mac, nic_mac_pack(mac));
	virtio_config_end(&cmd->nic->v, false);
	return true;
}

/* 5.1.6.5.5 */
static bool set_pairs(const struct command *cmd)
{
	struct nic *nic = cmd->nic;
	unsigned int pairs;
	le16 wire;

	if (!(nic->features & NIC_F_MQ) || cmd->number != MQ_PAIRS_SET ||
	    cmd->len != sizeof(wire) || !data(cmd, 0, &wire, sizeof(wire)))
		return false;
	pairs = le16_get(wire);
	if (pairs < 1 || pairs > nic->max_pairs ||
	    net_set_queues(nic->net, pairs) < 0)
		return false;
	nic->pairs = (uint16_t)pairs;
	for (unsigned int i = 0; i < nic->max_pairs; i++)
		if (virtio_queue_live(&nic->v, nic_rx_queue(i)))
			virtio_notify(&nic->v, nic_rx_queue(i));
	return true;
}

static bool execute(const struct command *cmd)
{
	switch (cmd->class) {
	case CLASS_RX:
		return set_rx_mode(cmd);
	case CLASS_MAC:
		if (cmd->number == MAC_TABLE_SET)
			return set_mac_table(cmd);
		return cmd->number == MAC_ADDR_SET && set_mac(cmd);
	case CLASS_MQ:
		return set_pairs(cmd);
	default:
		return false;
	}
}

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct command cmd = { .nic = nic_of(v), .c = c };
	uint8_t answer = ANSWER_ERR;
	uint8_t head[2];

	if (chain_read(c, 0, head, sizeof(head)) && c->in_len) {
		cmd.class = head[0];
		cmd.number = head[1];
		cmd.len = c->out_len - sizeof(head);
		answer = execute(&cmd) ? ANSWER_OK : ANSWER_ERR;
	}
	queue_push(&v->queue[n].ring, c, chain_write(c, 0, &answer, 1));
	return true;
}

void nic_control(struct nic *nic)
{
	virtio_service(&nic->v, nic->ctrl_queue, NIC_BUDGET, handle);
}
