// SPDX-License-Identifier: BSD-3-Clause
/*
 * What an embedder adds to a machine, put into it: see extras.h. Runs on the
 * thread that builds the VM, after the machine's own devices.
 */
#include "board/board.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"

/* What is in the way of something else is the caller's doing, and so is a
 * descriptor that serves twice. */
static int refusal(int error)
{
	return error == -EEXIST || error == -ENOSPC || error == -EBUSY
		       ? -EINVAL
		       : error;
}

/* ---- memory ---- */

static void *host_address(const struct extra_memory *m)
{
	int prot = PROT_READ | (m->read_only ? 0 : PROT_WRITE);
	void *p;

	if (m->fd < 0)
		return m->addr;
	p = mmap(NULL, m->size, prot, MAP_SHARED, m->fd, (off_t)m->off);
	return p == MAP_FAILED ? NULL : p;
}

static int map_one(struct board *board, struct board_map *map,
		   const struct extra_memory *m, board_free_fn is_free,
		   struct err *err)
{
	int r = 0;

	if (!is_free(board, m->gpa, m->size))
		r = -EEXIST;
	map->hva = r < 0 ? NULL : host_address(m);
	if (!r && !map->hva)
		r = -errno;
	map->size = m->fd < 0 || !map->hva ? 0 : m->size;
	if (!r)
		r = mem_add(&board->readable, m->gpa, m->size, map->hva);
	if (!r && !m->read_only)
		r = mem_add(&board->writable, m->gpa, m->size, map->hva);
	if (r < 0)
		return err_set_key(err, refusal(r), "memory-map",
				   "memory-map: %#llx bytes at %#llx: %s",
				   (unsigned long long)m->size,
				   (unsigned long long)m->gpa, strerror(-r));
	return kvm_vm_add_ram(&board->kvm, m->gpa, m->size, map->hva,
			      m->read_only, err);
}

int board_map_extras(struct board *board, board_free_fn is_free,
		     struct err *err)
{
	const struct extras *x = board->extras;
	int r = 0;

	for (unsigned int i = 0; x && i < x->memories && !r; i++)
		r = map_one(board, &board->map[i], &x->memory[i], is_free,
			    err);
	return r;
}

void board_unmap_extras(struct board *board)
{
	for (unsigned int i = 0; i < EXTRAS_MAX; i++)
		if (board->map[i].size)
			munmap(board->map[i].hva, board->map[i].size);
}

/* ---- devices ---- */

static int taken(const struct extra_device *d, int error, struct err *err)
{
	return err_set_key(err, refusal(error), d->name,
			   "%s: %s %#llx to %#llx: %s",
			   d->name, d->port ? "ports" : "addresses",
			   (unsigned long long)d->base,
			   (unsigned long long)(d->base + d->size - 1),
			   error == -EEXIST ? "taken by something else" :
					      strerror(-error));
}

static int add_device(struct board *board, const struct extra_device *d,
		      board_free_fn is_free, struct err *err)
{
	struct device *dev;
	int r = is_free(board, d->base, d->size) ? 0 : -EEXIST;

	if (!r)
		r = window_create(&dev, d->name, &d->ops);
	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = bus_add(d->port ? &board->pio : &board->mmio, d->base,
			    d->size, dev, 0);
	return r < 0 ? taken(d, r, err) : 0;
}

static int add_hypercall(struct board *board, const struct extras *x,
			 board_free_fn is_free, struct err *err)
{
	const struct extra_device place = {
		.name = "hypercall", .port = true, .base = x->hypercall_port,
		.size = HYPERCALL_PORTS,
	};
	struct device *dev;
	int r = is_free(board, place.base, place.size) ? 0 : -EEXIST;

	if (!r)
		r = hypercall_create(&dev, "hypercall", &board->mem, board->log,
				     x->hypercall);
	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = bus_add(&board->pio, place.base, place.size, dev, 0);
	return r < 0 ? taken(&place, r, err) : 0;
}

/* A write that KVM sees first reaches no device, and one to memory never comes
 * to KVM. */
static int add_doorbell(struct board *board, const struct extra_doorbell *d,
			board_free_fn is_free, struct err *err)
{
	uint64_t len = max_u64(d->len, 1);
	int r = 0;

	if (!is_free(board, d->addr, len) ||
	    (d->port && !bus_is_free(&board->pio, d->addr, len)))
		r = -EEXIST;
	if (!r)
		r = kvm_vm_ioeventfd(&board->kvm, d->fd, d->addr, d->len,
				     d->port, d->has_match ? &d->match : NULL);
	if (!r)
		return 0;
	return err_set_key(err, refusal(r), "doorbell", "doorbell at %#llx: %s",
			   (unsigned long long)d->addr,
			   r == -EEXIST ? "taken by something else" :
					  strerror(-r));
}

/* With a split irqchip the pin has no route yet, and signals go nowhere: see
 * board_route_changed(). */
static int add_irq(struct board *board, const struct extra_irq *i,
		   board_line_free_fn is_free, struct err *err)
{
	int r = is_free(board, i->line) ? 0 : -EEXIST;

	if (!r)
		r = kvm_vm_irqfd(&board->kvm, i->fd, i->line, -1);
	if (r == 0)
		return 0;
	return err_set_key(err, refusal(r), "irq", "interrupt line %u: %s",
			   i->line,
			   r == -EEXIST ? "the machine's own" :
			   r == -EBUSY	? "its descriptor has a line already" :
					  strerror(-r));
}

int board_add_extras(struct board *board, board_free_fn is_free,
		     board_free_fn port_is_free,
		     board_line_free_fn line_is_free, struct err *err)
{
	const struct extras *x = board->extras;
	int r = 0;

	if (!x)
		return 0;
	if (x->has_hypercall)
		r = add_hypercall(board, x, port_is_free, err);
	/* Before his devices: these may have doorbells in them. */
	for (unsigned int i = 0; i < x->doorbells && !r; i++)
		r = add_doorbell(board, &x->doorbell[i],
				 x->doorbell[i].port ? port_is_free : is_free,
				 err);
	for (unsigned int i = 0; i < x->devices && !r; i++)
		r = add_device(board, &x->device[i],
			       x->device[i].port ? port_is_free : is_free, err);
	for (unsigned int i = 0; i < x->irqs && !r; i++)
		r = add_irq(board, &x->irq[i], line_is_free, err);
	return r;
}

bool board_has_irq_fd(const struct board *board, unsigned int line)
{
	const struct extras *x = board->extras;

	for (unsigned int i = 0; x && i < x->irqs; i++)
		if (x->irq[i].line == line)
			return true;
	return false;
}
