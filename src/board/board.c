// SPDX-License-Identifier: BSD-3-Clause
/* See board.h. Runs on the thread that builds the VM. */
#include "board/board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

int board_init(struct board *board, const struct kvm *kvm, struct err *err)
{
	int r;

	bus_init(&board->pio);
	bus_init(&board->mmio);
	for (uint32_t i = 0; i < BOARD_PINS; i++)
		board->wire[i] = (struct board_wire){ board, i, -1 };
	pthread_mutex_init(&board->route_lock, NULL);
	r = kvm_vm_create(&board->kvm, kvm, err);
	if (r < 0)
		board_finish(board);
	return r;
}

void board_finish(struct board *board)
{
	if (!board->wire[0].board)
		return;
	while (board->devices)
		device_destroy(board->device[--board->devices]);
	for (unsigned int i = 0; i < CONFIG_MAX_SHARES; i++)
		loop_destroy(board->share_loop[i]);
	board_free_msi(board);
	for (uint32_t i = 0; i < BOARD_PINS; i++)
		fd_close(&board->wire[i].edge_fd);
	pthread_mutex_destroy(&board->route_lock);
	kvm_vm_destroy(&board->kvm);
	board_unmap_extras(board);
	ram_destroy(&board->ram);
	mem_finish(&board->writable); /* whose notes are all that there are */
	free(board->cpuid);
	bus_finish(&board->mmio);
	bus_finish(&board->pio);
	memset(board, 0, sizeof(*board));
	board->kvm.fd = -1;
}

int board_add_device(struct board *board, struct device *dev)
{
	if (board->devices == BOARD_MAX_DEVICES) {
		device_destroy(dev);
		return -ENOSPC;
	}
	board->device[board->devices++] = dev;
	return 0;
}

int board_create_ram(struct board *board, struct err *err)
{
	if (board->extras && board->extras->has_ram)
		return ram_adopt(&board->ram, board->cfg->memory,
				 &board->extras->ram, board->machine > 1, err);
	return ram_create(&board->ram, board->cfg->memory, board->cfg->backing,
			  err);
}

int board_register_ram(struct board *board, struct err *err)
{
	int r = 0;

	board->readable = board->writable = board->mem;
	for (unsigned int i = 0; i < board->mem.count && !r; i++) {
		const struct mem_region *m = &board->mem.region[i];

		r = kvm_vm_add_ram(&board->kvm, m->gpa, m->size, m->hva, false,
				   err);
	}
	return r;
}
