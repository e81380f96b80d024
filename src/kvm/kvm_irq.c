// SPDX-License-Identifier: BSD-3-Clause
/* Interrupts into the guest and doorbells out of it. See kvm.h. */
#include "kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int vm_ioctl(const struct kvm_vm *vm, unsigned long request, void *arg)
{
	return ioctl(vm->fd, request, arg) < 0 ? -errno : 0;
}

int kvm_vm_irq_line(struct kvm_vm *vm, uint32_t gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = (uint32_t)level };

	return vm_ioctl(vm, KVM_IRQ_LINE, &line);
}

int kvm_vm_irqfd(struct kvm_vm *vm, int fd, uint32_t gsi, int resample)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = resample >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
		.resamplefd = resample >= 0 ? (uint32_t)resample : 0,
	};

	return vm_ioctl(vm, KVM_IRQFD, &irqfd);
}

int kvm_vm_irqfd_remove(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	return vm_ioctl(vm, KVM_IRQFD, &irqfd);
}

static int ioeventfd(struct kvm_vm *vm, int fd, uint64_t addr, uint32_t len,
		     bool pio, const uint64_t *match, uint32_t flags)
{
	struct kvm_ioeventfd event = {
		.addr = addr,
		.len = len,
		.fd = fd,
		.datamatch = match ? *match : 0,
		.flags = flags | (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0),
	};

	return vm_ioctl(vm, KVM_IOEVENTFD, &event);
}

int kvm_vm_ioeventfd(struct kvm_vm *vm, int fd, uint64_t addr, uint32_t len,
		     bool pio, const uint64_t *match)
{
	return ioeventfd(vm, fd, addr, len, pio, match, 0);
}

int kvm_vm_ioeventfd_remove(struct kvm_vm *vm, int fd, uint64_t addr,
			    uint32_t len, bool pio, const uint64_t *match)
{
	return ioeventfd(vm, fd, addr, len, pio, match,
			 KVM_IOEVENTFD_FLAG_DEASSIGN);
}

int kvm_vm_signal_msi(struct kvm_vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	int r = ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);

	if (r < 0)
		return -errno;
	return r ? 0 : -EAGAIN;
}

/* Gives the kernel our table; it takes all of it or none. */
static int install_routes(struct kvm_vm *vm)
{
	size_t bytes = vm->routes * sizeof(vm->route[0]);
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + bytes);
	int r;

	if (!table)
		return -ENOMEM;
	table->nr = vm->routes;
	memcpy(table->entries, vm->route, bytes);
	r = vm_ioctl(vm, KVM_SET_GSI_ROUTING, table);
	free(table);
	return r;
}

static struct kvm_irq_routing_entry *find_msi(struct kvm_vm *vm, uint32_t gsi)
{
	for (unsigned int i = 0; i < vm->routes; i++)
		if (vm->route[i].gsi == gsi &&
		    vm->route[i].type == KVM_IRQ_ROUTING_MSI)
			return &vm->route[i];
	return NULL;
}

int kvm_vm_route_msi(struct kvm_vm *vm, uint32_t gsi, uint64_t addr,
		     uint32_t data)
{
	struct kvm_irq_routing_entry *e = find_msi(vm, gsi);

	/* A split irqchip has no pins of its own in the kernel. */
	if (vm->irqchip == KVM_IRQ_FULL && gsi < KVM_MSI_FIRST)
		return -EINVAL;
	if (!e && vm->routes == KVM_MAX_ROUTES)
		return -ENOSPC;
	if (!e)
		e = &vm->route[vm->routes++];
	*e = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = (uint32_t)addr,
			   .address_hi = (uint32_t)(addr >> 32),
			   .data = data },
	};
	return install_routes(vm);
}

int kvm_vm_unroute(struct kvm_vm *vm, uint32_t gsi)
{
	struct kvm_irq_routing_entry *e = find_msi(vm, gsi);

	if (!e)
		return -ENOENT;
	*e = vm->route[--vm->routes];
	return install_routes(vm);
}
