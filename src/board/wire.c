// SPDX-License-Identifier: BSD-3-Clause
/*
 * Interrupt wires: from a device's `struct irq` to KVM. With the full irqchip
 * a pin is a KVM_IRQ_LINE; with the split one it goes to our IOAPIC, whose
 * messages go to KVM. Any thread, under any device's lock.
 */
#include "board/board.h"

#include <errno.h>

#include "base/fd.h"
#include "devices/ioapic.h"

static void set_kernel_line(void *ctx, int level)
{
	struct board_wire *wire = ctx;
	int r = kvm_vm_irq_line(&wire->board->kvm, wire->gsi, level);

	if (r < 0)
		log_error(wire->board->log, "irq%u: KVM_IRQ_LINE fails: %d",
			  wire->gsi, r);
}

struct irq board_irq(struct board *board, uint32_t gsi)
{
	if (board->ioapic)
		return ioapic_irq(board->ioapic, gsi);
	return (struct irq){ set_kernel_line, &board->wire[gsi] };
}

static void pulse_irqfd(void *ctx, int level)
{
	struct board_wire *wire = ctx;

	if (level)
		fd_event_signal(wire->edge_fd);
}

static void pulse_ioapic(void *ctx, int level)
{
	struct board_wire *wire = ctx;
	struct irq irq = ioapic_irq(wire->board->ioapic, wire->gsi);

	if (level) {
		irq_set(&irq, 1);
		irq_set(&irq, 0);
	}
}

struct irq board_irq_edge(struct board *board, uint32_t gsi)
{
	struct board_wire *wire = &board->wire[gsi];

	if (board->ioapic)
		return (struct irq){ pulse_ioapic, wire };
	if (wire->edge_fd < 0)
		wire->edge_fd = fd_event_create();
	if (wire->edge_fd < 0 ||
	    kvm_vm_irqfd(&board->kvm, wire->edge_fd, gsi, -1) < 0)
		log_error(board->log, "irq%u: no irqfd", gsi);
	return (struct irq){ pulse_irqfd, wire };
}

int board_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct board *board = ctx;

	return kvm_vm_signal_msi(&board->kvm, addr, data);
}

/* KVM learns from the routes which vectors' EOIs to report. A masked pin, or
 * one that is edge triggered, needs no report; its old route does no harm. But
 * where a descriptor is bound to the pin the route is what its signals take. */
void board_route_changed(void *ctx, unsigned int pin,
			 const struct ioapic_route *route)
{
	struct board *board = ctx;
	bool bound = board_has_irq_fd(board, pin);
	int r;

	if (!bound && (route->masked || !route->level))
		return;
	pthread_mutex_lock(&board->route_lock);
	r = route->masked ? kvm_vm_unroute(&board->kvm, pin) :
			    kvm_vm_route_msi(&board->kvm, pin, route->addr,
					     route->data);
	pthread_mutex_unlock(&board->route_lock);
	if (r < 0 && r != -ENOENT)
		log_error(board->log, "ioapic: pin %u: route fails: %d", pin,
			  r);
}
