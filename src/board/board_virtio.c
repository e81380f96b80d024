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

#include "devices/virtio/blk.h"

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
		snprintf(err->key, sizeof(err->key), "disk");
		return r;
	}
	return attach(board, v, err);
}

int board_add_virtio(struct board *board, board_attach_fn attach,
		     struct err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < board->cfg->disks && !r; i++)
		r = add_disk(board, i, attach, err);
	return r;
}
