// SPDX-License-Identifier: BSD-3-Clause
/* See nic.h. Here: creation, features, configuration space, starting and
 * stopping, and who is woken when; nic_rx.c, nic_tx.c and nic_ctrl.c serve the
 * queues. */
#include "devices/virtio/nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/nic_parts.h"

/* Configuration space, virtio 1.2, 5.1.4 */
#define CONFIG_STATUS  6
#define CONFIG_PAIRS   8
#define CONFIG_MTU     10
#define CONFIG_SIZE    12
#define STATUS_LINK_UP 1u

static uint64_t config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	struct nic *nic = nic_of(v);
	uint8_t bytes[CONFIG_SIZE] = { 0 };
	uint64_t value = 0;

	nic_mac_unpack(bytes, atomic_load(&nic->mac));
	bytes[CONFIG_STATUS] = net_link(nic->net) ? STATUS_LINK_UP : 0;
	bytes[CONFIG_PAIRS] = (uint8_t)nic->info.queues;
	bytes[CONFIG_MTU] = (uint8_t)nic->cfg.mtu;
	bytes[CONFIG_MTU + 1] = (uint8_t)(nic->cfg.mtu >> 8);
	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)bytes[off + i] << (8 * i);
	return value;
}

static bool accepts(const struct virtio *v, uint64_t features)
{
	return nic_features_complete(features);
}

/* ---- wake-ups, on the loop's thread ---- */

static bool enter(struct nic *nic)
{
	pthread_mutex_lock(&nic->lock);
	if (nic->running)
		return true;
	pthread_mutex_unlock(&nic->lock);
	return false;
}

static void leave(struct nic *nic)
{
	pthread_mutex_unlock(&nic->lock);
}

static void kick(struct virtio *v, unsigned int n)
{
	struct nic *nic = nic_of(v);

	if (!enter(nic))
		return;
	if (n == nic->ctrl_queue)
		nic_control(nic);
	else if (n / 2 < nic->max_pairs && n % 2)
		nic_send(nic, n / 2);
	else if (n / 2 < nic->max_pairs)
		nic_receive(nic, n / 2);
	leave(nic);
}

static void on_readable(void *ctx, unsigned int pair)
{
	struct nic *nic = ctx;

	if (!enter(nic))
		return;
	nic_receive(nic, pair);
	leave(nic);
}

static void on_writable(void *ctx, unsigned int pair)
{
	struct nic *nic = ctx;

	if (!enter(nic))
		return;
	if (pair < nic->max_pairs && nic->pair[pair].send_waits)
		nic_send(nic, pair);
	leave(nic);
}

/* Maybe from inside a call of ours, so no lock: the timer does the rest. */
static void on_link(void *ctx)
{
	struct nic *nic = ctx;

	virtio_config_changed(&nic->v);
	loop_arm(nic->timer, 1);
}

/* The rate allows more, or the link has changed. */
static void on_timer(void *ctx, uint32_t events)
{
	struct nic *nic = ctx;

	if (!enter(nic))
		return;
	for (unsigned int i = 0; i < nic->max_pairs; i++) {
		if (nic->pair[i].send_waits)
			nic_send(nic, i);
		if (nic->pair[i].receive_waits) {
			nic->pair[i].receive_waits = false;
			nic_receive(nic, i);
		}
	}
	leave(nic);
}

/* ---- life ---- */

static void set_running(struct nic *nic, bool on)
{
	pthread_mutex_lock(&nic->lock);
	nic->running = on;
	pthread_mutex_unlock(&nic->lock);
}

static int start(struct virtio *v)
{
	struct nic *nic = nic_of(v);
	const struct net_listener listener = {
		.readable = on_readable, .writable = on_writable,
		.link = on_link, .ctx = nic,
	};
	struct net_setup setup = { .header = nic->info.vnet };
	int r;

	nic->features = v->features;
	nic->max_pairs = virtio_has(v, NIC_F_MQ) ?
			 (uint16_t)nic->info.queues : 1;
	nic->ctrl_queue = virtio_has(v, NIC_F_CTRL_VQ) ?
			  2u * nic->max_pairs : v->queues;
	if (nic->pairs > nic->max_pairs)
		nic->pairs = 1;
	nic->rx.mergeable = virtio_has(v, NIC_F_MRG_RXBUF);
	memset(nic->pair, 0, sizeof(nic->pair));
	setup.receive = nic_receive_offloads(v->features);
	setup.queues = nic->pairs;
	set_running(nic, true);
	r = net_start(nic->net, &setup, &listener);
	if (r < 0) {
		set_running(nic, false);
		log_warn(v->log, "%s: the backend does not start: %s", v->id,
			 strerror(-r));
	}
	return r;
}

static void stop(struct virtio *v)
{
	struct nic *nic = nic_of(v);

	if (!enter(nic))
		return;
	nic->running = false;
	leave(nic);
	net_stop(nic->net);
}

/* The queue is not live any more: whoever comes next leaves it alone. */
static void stop_queue(struct virtio *v, unsigned int n)
{
	struct nic *nic = nic_of(v);

	pthread_mutex_lock(&nic->lock);
	if (n / 2 < NET_MAX_QUEUES)
		nic->pair[n / 2].send_paid = false;
	pthread_mutex_unlock(&nic->lock);
}

static void reset(struct virtio *v)
{
	struct nic *nic = nic_of(v);

	atomic_store(&nic->mac, nic_mac_pack(nic->cfg.mac));
	nic->pairs = 1;
	nic_filter_reset(&nic->filter);
}

static void snapshot_filter(struct nic_filter *f, struct snap *s)
{
	snap_bool(s, "promiscuous", &f->promiscuous);
	snap_bool(s, "all-multicast", &f->all_multicast);
	snap_bool(s, "all-unicast", &f->all_unicast);
	snap_bool(s, "no-multicast", &f->no_multicast);
	snap_bool(s, "no-unicast", &f->no_unicast);
	snap_bool(s, "no-broadcast", &f->no_broadcast);
	snap_bool(s, "unicast-overflow", &f->table_overflow[0]);
	snap_bool(s, "multicast-overflow", &f->table_overflow[1]);
	snap_u16(s, "unicast-count", &f->count[0]);
	snap_u16(s, "multicast-count", &f->count[1]);
	snap_bytes(s, "addresses", f->table, sizeof(f->table));
	if (f->count[0] > NIC_TABLE_MAX || f->count[1] > NIC_TABLE_MAX)
		snap_reject(s, "unicast-count", "more than the table has");
}

static int snapshot(struct virtio *v, struct snap *s)
{
	struct nic *nic = nic_of(v);
	struct nic_filter filter = nic->filter;
	uint64_t mac = atomic_load(&nic->mac);
	uint16_t pairs = nic->pairs;
	uint8_t bytes[NIC_MAC_SIZE];

	if (!snap_begin(s, "nic", 1))
		return snap_error(s);
	snap_u64(s, "mac", &mac);
	snap_u16(s, "pairs", &pairs);
	snapshot_filter(&filter, s);
	nic_mac_unpack(bytes, mac);
	if (mac >> 48 || !nic_mac_usable(bytes))
		snap_reject(s, "mac", "no address of a device");
	if (pairs < 1 || pairs > nic->info.queues)
		snap_reject(s, "pairs", "more than the device has");
	snap_end(s);
	if (snap_error(s) || !snap_loading(s))
		return snap_error(s);
	atomic_store(&nic->mac, mac);
	nic->pairs = pairs;
	nic->filter = filter;
	return 0;
}

static void destroy(struct virtio *v)
{
	struct nic *nic = nic_of(v);

	virtio_finish(v);
	loop_remove(nic->timer);
	net_destroy(nic->net);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
}

static const struct virtio_ops nic_ops = {
	.name = "net",
	.type = VIRTIO_NET,
	.queue_size = 256,
	.lingers = true,
	.config_read = config_read,
	.accepts = accepts,
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.stop_queue = stop_queue,
	.snapshot = snapshot,
	.destroy = destroy,
};

static uint64_t features_of(const struct nic *nic)
{
	uint64_t features = NIC_F_MAC | NIC_F_STATUS | NIC_F_MRG_RXBUF |
			    NIC_F_CTRL_VQ | NIC_F_CTRL_RX |
			    NIC_F_CTRL_RX_EXTRA | NIC_F_CTRL_MAC_ADDR;

	if (nic->cfg.mtu)
		features |= NIC_F_MTU;
	if (nic->info.queues > 1)
		features |= NIC_F_MQ;
	if (nic->info.vnet)
		features |= nic_offload_features(nic->info.offloads);
	return features;
}

static int check_config(const struct nic_config *cfg, const char *id,
			struct err *err)
{
	if (!nic_mac_usable(cfg->mac))
		return err_set(err, -EINVAL, "%s: the MAC address must be a "
			       "single device's, not 0 and not a group's", id);
	if (cfg->mtu && (cfg->mtu < NET_MTU_MIN || cfg->mtu > NET_MTU_MAX))
		return err_set(err, -EINVAL, "%s: the MTU is %u, not between "
			       "%d and %d", id, cfg->mtu, NET_MTU_MIN,
			       NET_MTU_MAX);
	return 0;
}

int nic_create(struct virtio **out, const struct nic_config *cfg,
	       const struct virtio_host *host, struct net *net,
	       struct err *err)
{
	struct nic *nic = calloc(1, sizeof(*nic));
	int r = check_config(cfg, host->id, err);

	*out = NULL;
	if (!nic)
		r = err_set(err, -ENOMEM, "%s: out of memory", host->id);
	if (r < 0) {
		free(nic);
		net_destroy(net);
		return r;
	}
	nic->cfg = *cfg;
	nic->net = net;
	net_info(net, &nic->info);
	pthread_mutex_init(&nic->lock, NULL);
	rate_init(&nic->send_rate, &cfg->send);
	rate_init(&nic->receive_rate, &cfg->receive);
	virtio_init(&nic->v, &nic_ops, host, 2 * nic->info.queues + 1,
		    CONFIG_SIZE, features_of(nic));
	reset(&nic->v);
	r = loop_add_timer(&nic->timer, host->loop, on_timer, nic);
	if (r < 0) {
		destroy(&nic->v);
		return err_set(err, r, "%s: %s", host->id, strerror(-r));
	}
	*out = &nic->v;
	return 0;
}

void nic_counts(struct virtio *v, struct nic_counts *counts)
{
	struct nic *nic = nic_of(v);

	pthread_mutex_lock(&nic->lock);
	*counts = nic->counts;
	pthread_mutex_unlock(&nic->lock);
}
