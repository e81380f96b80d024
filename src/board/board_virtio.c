// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio devices that a config asks for, each with its backend. How one is
 * attached to the machine (PCI, MMIO) is the arch's: it gives a function for
 * it. Runs on the thread that builds the VM.
 */
#include "board/board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/layer.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/nic.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"

#define TMP_DIR "/var/tmp" /* for overlay=tmp and layers: without a name */

/* The name of a device in messages; lives as long as the board. */
static const char *name_device(struct board *board, const char *kind,
			       unsigned int n)
{
	char *id = board->id[board->ids++];

	snprintf(id, sizeof(board->id[0]), "%s%u", kind, n);
	return id;
}

static struct virtio_host host_for(struct board *board, const char *id)
{
	return (struct virtio_host){
		.id = id,
		.mem = &board->mem,
		.loop = board->loop,
		.log = board->log,
	};
}

/* ---- consoles ---- */

/* A terminal has a device of its own: see console_resize(). */
static int add_console(struct board *board, unsigned int i,
		       board_attach_fn attach, struct err *err)
{
	const struct config_console *c = &board->cfg->console[i];
	bool terminal = c->kind == CONSOLE_STDIO;
	const struct console_port_config port = {
		.chr = board->console[i],
		.console = true,
	};
	const struct console_config cfg = {
		.ports = 1,
		.port = &port,
		.cols = terminal ? board->cols : 0,
		.rows = terminal ? board->rows : 0,
	};
	struct virtio_host host;
	struct virtio *v;
	int r;

	if (!c->virtio || c->name[0])
		return 0;
	host = host_for(board, name_device(board, "console", i));
	r = console_create(&v, &cfg, &host, err);
	if (!r)
		r = attach(board, v, err);
	if (!r && terminal)
		board->terminal = v;
	return r;
}

/* The byte streams share one. */
static int add_ports(struct board *board, board_attach_fn attach,
		     struct err *err)
{
	struct console_port_config port[CONFIG_MAX_CONSOLES];
	struct console_config cfg = { .port = port };
	struct virtio_host host;
	struct virtio *v;
	int r;

	for (unsigned int i = 0; i < config_console_count(board->cfg); i++) {
		const char *name = board->cfg->console[i].name;

		if (*name)
			port[cfg.ports++] = (struct console_port_config){
				board->console[i], name, false
			};
	}
	if (!cfg.ports)
		return 0;
	host = host_for(board, name_device(board, "ports", 0));
	r = console_create(&v, &cfg, &host, err);
	return r ? r : attach(board, v, err);
}

static int add_consoles(struct board *board, board_attach_fn attach,
			struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < config_console_count(board->cfg) && !r;
	     i++)
		r = add_console(board, i, attach, err);
	return r ? r : add_ports(board, attach, err);
}

/* ---- disks ---- */

static int add_disk(struct board *board, unsigned int n,
		    board_attach_fn attach, struct err *err)
{
	const struct config_disk *d = &board->cfg->disk[n];
	struct virtio_host host =
		host_for(board, name_device(board, "disk", n));
	const struct block_config backend = {
		.id = host.id,
		.path = d->path,
		.fd = -1,
		.read_only = d->read_only,
		.direct = d->direct,
		.overlay = *d->overlay && strcmp(d->overlay, "tmp")
				   ? d->overlay
				   : NULL,
		.overlay_tmp = strcmp(d->overlay, "tmp") ? NULL : TMP_DIR,
		.engine = d->threads ? BLOCK_ENGINE_THREADS
				     : BLOCK_ENGINE_AUTO,
	};
	const struct blk_config front = {
		.queues = d->queues,
		.serial = *d->serial ? d->serial : NULL,
		.rate = { .bytes_per_s = d->bytes_per_s,
			  .ops_per_s = d->ops_per_s },
	};
	struct block *block;
	struct virtio *v;
	int r = block_create(&block, &backend, board->loop, board->log, err);

	if (!r)
		r = blk_create(&v, &front, block, &host, err);
	if (r < 0) {
		err_blame(err, "disk");
		return r;
	}
	return attach(board, v, err);
}

/* ---- networks ---- */

static int user_net(struct board *board, const struct config_net *n,
		    struct net **net, struct err *err)
{
	const char *forward[CONFIG_MAX_FORWARDS];
	const struct net_user_config user = {
		.forward = forward,
		.forward_count = n->forwards,
		.mtu = n->mtu,
		.host_loopback = n->host_loopback,
		.restricted = n->restricted,
	};
	const struct net_passt_config passt = {
		.forward = forward,
		.forward_count = n->forwards,
		.mtu = n->mtu,
	};

	for (unsigned int i = 0; i < n->forwards; i++)
		forward[i] = n->forward[i];
	return n->kind == CONFIG_NET_USER
		       ? net_user_create(net, &user, board->loop, board->log,
					 err)
		       : net_passt_create(net, &passt, board->loop, board->log,
					  err);
}

static int tap_net(struct board *board, const struct config_net *n,
		   struct net **net, struct err *err)
{
	const struct net_tap_config tap = {
		.name = n->fd < 0 ? n->where : NULL,
		.fds = &n->fd,
		.fd_count = n->fd < 0 ? 0 : 1,
		.queues = n->queues,
	};

	return net_tap_create(net, &tap, board->loop, board->log, err);
}

static int socket_net(struct board *board, const struct config_net *n,
		      struct net **net, struct err *err)
{
	struct net_socket_config cfg = { .fd = -1 };

	cfg.datagram = n->kind == CONFIG_NET_DGRAM;
	if (n->kind == CONFIG_NET_LISTEN)
		cfg.listen = n->where;
	else
		cfg.connect = n->where;
	if (cfg.datagram && n->local[0])
		cfg.listen = n->local;
	return net_socket_create(net, &cfg, board->loop, board->log, err);
}

static int open_net(struct board *board, const struct config_net *n,
		    struct net **net, struct err *err)
{
	switch (n->kind) {
	case CONFIG_NET_USER:
	case CONFIG_NET_PASST:
		return user_net(board, n, net, err);
	case CONFIG_NET_TAP:
		return tap_net(board, n, net, err);
	case CONFIG_NET_CONNECT:
	case CONFIG_NET_LISTEN:
	case CONFIG_NET_DGRAM:
		return socket_net(board, n, net, err);
	}
	return -EINVAL;
}

/* The address that was given, or one that the VM's name decides: two VMs on one
 * network need names. */
static void choose_mac(uint8_t mac[NIC_MAC_SIZE], const struct config *cfg,
		       const struct config_net *n, const char *id)
{
	char seed[CONFIG_NAME_MAX + 64];

	if (n->mac_given) {
		memcpy(mac, n->mac, NIC_MAC_SIZE);
		return;
	}
	if (cfg->name[0])
		snprintf(seed, sizeof(seed), "%s/%s", cfg->name, id);
	else
		snprintf(seed, sizeof(seed), "%ld/%s", (long)getpid(), id);
	nic_make_mac(mac, seed);
}

static int add_net(struct board *board, unsigned int i, board_attach_fn attach,
		   struct err *err)
{
	const struct config_net *n = &board->cfg->net[i];
	struct virtio_host host =
		host_for(board, name_device(board, "net", i));
	struct nic_config cfg = {
		.mtu = n->mtu,
		.send = { .bytes_per_s = n->bytes_per_s,
			  .ops_per_s = n->ops_per_s },
	};
	struct net *net;
	struct virtio *v;
	int r = open_net(board, n, &net, err);

	cfg.receive = cfg.send;
	choose_mac(cfg.mac, board->cfg, n, host.id);
	if (!r)
		r = nic_create(&v, &cfg, &host, net, err);
	if (r < 0) {
		err_blame(err, "net");
		return r;
	}
	return attach(board, v, err);
}

/* ---- shares ---- */

/* Perhaps below a layer. */
static int open_share(const struct config_share *c,
		      const struct share_config *cfg, struct files **out,
		      struct err *err)
{
	const struct layer_config layer = { .dir = TMP_DIR };
	struct share *share;
	int r = share_create(&share, cfg, err);

	if (r < 0)
		return r;
	*out = share_files(share);
	return c->layer ? layer_create(out, &layer, share, err) : 0;
}

/* Each has a thread of its own: it may wait long for the host's files. */
static int add_share(struct board *board, unsigned int i,
		     board_attach_fn attach, struct err *err)
{
	const struct config_share *c = &board->cfg->share[i];
	struct virtio_host host =
		host_for(board, name_device(board, "share", i));
	const char *hidden[CONFIG_MAX_HIDDEN];
	const struct share_config back = {
		.path = c->path,
		.read_only = c->read_only || c->layer,
		.owners = (enum share_owners)c->owners,
		.hidden = hidden,
		.hidden_count = c->hidden,
		.servers = board->cfg->shares,
		.own = c->own_files ? board->own : (struct own_files){ 0 },
	};
	const struct fs_config front = {
		.tag = c->tag,
		.cache = (enum fs_cache)c->cache,
		.writeback = c->writeback,
		.host_locks = c->host_locks,
		.whole = c->whole,
	};
	struct files *files;
	struct virtio *v;
	int r;

	for (unsigned int n = 0; n < c->hidden; n++)
		hidden[n] = c->hide[n];
	r = loop_create(&board->share_loop[i], err);
	if (r < 0)
		return r;
	host.loop = board->share_loop[i];
	r = open_share(c, &back, &files, err);
	if (r == 0)
		r = fs_create(&v, &front, files, &host, err);
	if (r < 0) {
		err_blame(err, "share");
		return r;
	}
	return attach(board, v, err);
}

/* ---- the small ones ---- */

static int add_rng(struct board *board, board_attach_fn attach, struct err *err)
{
	const struct rng_config cfg = { 0 };
	struct virtio_host host = host_for(board, name_device(board, "rng", 0));
	struct virtio *v;
	int r = rng_create(&v, &cfg, &host, err);

	return r ? r : attach(board, v, err);
}

static int64_t discard(void *ctx, void *hva, uint64_t len)
{
	return ram_discard(ctx, hva, len);
}

static int add_balloon(struct board *board, board_attach_fn attach,
		       struct err *err)
{
	const struct balloon_config cfg = {
		.memory = { discard, &board->ram },
	};
	struct virtio_host host =
		host_for(board, name_device(board, "balloon", 0));
	struct virtio *v;
	int r = balloon_create(&v, &cfg, &host, err);

	return r ? r : attach(board, v, err);
}

static int add_vsock(struct board *board, board_attach_fn attach,
		     struct err *err)
{
	const struct vsock_config cfg = {
		.path = *board->cfg->vsock ? board->cfg->vsock : NULL,
		.dial = { board->dial, board->dial_ctx },
		.cid = board->cfg->cid,
	};
	struct virtio_host host =
		host_for(board, name_device(board, "vsock", 0));
	struct virtio *v;
	int r = vsock_create(&v, &cfg, &host, err);

	if (r < 0) {
		err_blame(err, "vsock");
		return r;
	}
	return attach(board, v, err);
}

static int add_custom(struct board *board, unsigned int i,
		      board_attach_fn attach, struct err *err)
{
	const struct extra_virtio *x = &board->extras->virtio[i];
	struct virtio_host host = host_for(board, x->name);
	struct virtio *v;
	int r;

	host.loop = board->custom_loop[i];
	r = custom_virtio_create(&v, &x->cfg, &host, err);
	if (!r)
		r = attach(board, v, err);
	if (!r)
		board->custom[i] = v;
	return r;
}

int board_add_virtio(struct board *board, board_attach_fn attach,
		     struct err *err)
{
	int r = add_consoles(board, attach, err);

	for (unsigned int i = 0; i < board->cfg->disks && !r; i++)
		r = add_disk(board, i, attach, err);
	for (unsigned int i = 0; i < board->cfg->nets && !r; i++)
		r = add_net(board, i, attach, err);
	for (unsigned int i = 0; i < board->cfg->shares && !r; i++)
		r = add_share(board, i, attach, err);
	if (!r && board->cfg->rng)
		r = add_rng(board, attach, err);
	if (!r && board->cfg->balloon)
		r = add_balloon(board, attach, err);
	if (!r && (board->cfg->vsock[0] || board->dial))
		r = add_vsock(board, attach, err);
	for (unsigned int i = 0;
	     board->extras && i < board->extras->virtios && !r; i++)
		r = add_custom(board, i, attach, err);
	return r;
}
