// SPDX-License-Identifier: BSD-3-Clause
/*
 * Message-signalled interrupts and doorbells: where a device's `struct msi` and
 * `struct doorbell` meet KVM. A vector in use has a GSI with an MSI route and
 * an eventfd bound to it (irqfd), so that signalling is one write(2) from any
 * thread; a doorbell is an ioeventfd. Devices know neither.
 */
#include "board/board.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"

/* One vector of a device. The eventfd, once made, stays until the board goes: a
 * thread may signal while another takes the route away. */
struct vector {
	uint32_t gsi; /* 0: not in use; guarded by route_lock */
	_Atomic int fd; /* owned */
};

/* The vectors of one device; owned by the board. */
struct board_msi_set {
	struct board *board;
	struct board_msi_set *next;
	unsigned int count;
	struct vector vector[];
};

/* A GSI that carries no route; 0 when there is none. Route lock held. */
static uint32_t take_gsi(struct board *board)
{
	for (uint32_t i = 0; i < BOARD_MSI_GSIS; i++) {
		if (board->gsi_used[i / 64] & (UINT64_C(1) << (i % 64)))
			continue;
		board->gsi_used[i / 64] |= UINT64_C(1) << (i % 64);
		return KVM_MSI_FIRST + i;
	}
	return 0;
}

static void give_gsi(struct board *board, uint32_t gsi)
{
	uint32_t i = gsi - KVM_MSI_FIRST;

	board->gsi_used[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Route lock held. */
static void drop(struct board *board, struct vector *v)
{
	if (!v->gsi)
		return;
	kvm_vm_irqfd_remove(&board->kvm, v->fd, v->gsi);
	kvm_vm_unroute(&board->kvm, v->gsi);
	give_gsi(board, v->gsi);
	v->gsi = 0;
}

/* A vector's first message: the route comes before the irqfd, or an early
 * signal would be lost. Route lock held. */
static int connect(struct board *board, struct vector *v, uint64_t addr,
		   uint32_t data)
{
	uint32_t gsi = take_gsi(board);
	int r;

	if (!gsi)
		return -ENOSPC;
	if (v->fd < 0)
		v->fd = fd_event_create();
	v->gsi = gsi;
	r = v->fd < 0 ? v->fd : kvm_vm_route_msi(&board->kvm, gsi, addr, data);
	if (!r)
		r = kvm_vm_irqfd(&board->kvm, v->fd, gsi, -1);
	if (r < 0)
		drop(board, v);
	return r;
}

static int route(void *ctx, unsigned int vector, uint64_t addr, uint32_t data)
{
	struct board_msi_set *set = ctx;
	struct board *board = set->board;
	struct vector *v = &set->vector[vector];
	int r;

	if (vector >= set->count)
		return -EINVAL;
	pthread_mutex_lock(&board->route_lock);
	r = v->gsi ? kvm_vm_route_msi(&board->kvm, v->gsi, addr, data)
		   : connect(board, v, addr, data);
	pthread_mutex_unlock(&board->route_lock);
	return r;
}

static void unroute(void *ctx, unsigned int vector)
{
	struct board_msi_set *set = ctx;

	if (vector >= set->count)
		return;
	pthread_mutex_lock(&set->board->route_lock);
	drop(set->board, &set->vector[vector]);
	pthread_mutex_unlock(&set->board->route_lock);
}

static void signal_vector(void *ctx, unsigned int vector)
{
	const struct board_msi_set *set = ctx;
	int fd = vector < set->count ? set->vector[vector].fd : -1;

	if (fd >= 0)
		fd_event_signal(fd);
}

int board_add_msi(struct board *board, unsigned int vectors, struct msi *out)
{
	struct board_msi_set *set =
		calloc(1, sizeof(*set) + vectors * sizeof(set->vector[0]));

	if (!set)
		return -ENOMEM;
	set->board = board;
	set->count = vectors;
	for (unsigned int i = 0; i < vectors; i++)
		set->vector[i].fd = -1;
	set->next = board->msi;
	board->msi = set;
	*out = (struct msi){ route, unroute, signal_vector, set };
	return 0;
}

void board_free_msi(struct board *board)
{
	while (board->msi) {
		struct board_msi_set *set = board->msi;

		board->msi = set->next;
		for (unsigned int i = 0; i < set->count; i++) {
			int fd = set->vector[i].fd;

			drop(board, &set->vector[i]);
			fd_close(&fd);
		}
		free(set);
	}
}

static int set_doorbell(void *ctx, int fd, uint64_t addr, uint32_t len,
			const uint64_t *match, bool on)
{
	struct board *board = ctx;

	return on ? kvm_vm_ioeventfd(&board->kvm, fd, addr, len, false, match)
		  : kvm_vm_ioeventfd_remove(&board->kvm, fd, addr, len, false,
					    match);
}

struct doorbell board_doorbell(struct board *board)
{
	return (struct doorbell){ set_doorbell, board };
}
