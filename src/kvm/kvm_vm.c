// SPDX-License-Identifier: BSD-3-Clause
/* A KVM VM: creation, memory slots, interrupt controllers. See kvm.h. */
#include "kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"

#define CREATE_TRIES 8 /* KVM_CREATE_VM may be interrupted (R03) */

int kvm_vm_create(struct kvm_vm *vm, const struct kvm *kvm, struct err *err)
{
	memset(vm, 0, sizeof(*vm));
	vm->kvm = kvm;
	for (int i = 0; i < CREATE_TRIES; i++) {
		vm->fd = fd_above(ioctl(kvm->fd, KVM_CREATE_VM, 0UL));
		if (vm->fd >= 0 || errno != EINTR)
			break;
	}
	if (vm->fd < 0)
		return err_set(err, -errno, "KVM cannot create a VM: %s",
			       strerror(errno));
	return 0;
}

void kvm_vm_destroy(struct kvm_vm *vm)
{
	fd_close(&vm->fd);
}

int kvm_vm_add_ram(struct kvm_vm *vm, uint64_t gpa, uint64_t size, void *hva,
		   bool readonly, struct err *err)
{
	const struct kvm_userspace_memory_region region = {
		.slot = vm->slots,
		.flags = readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)hva,
	};

	if (vm->slots == KVM_MAX_SLOTS)
		return err_set(err, -ENOSPC, "more than %d pieces of memory",
			       KVM_MAX_SLOTS);
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return err_set(err, -errno,
			       "KVM refuses %llu MiB of RAM at %#llx: %s",
			       (unsigned long long)size >> 20,
			       (unsigned long long)gpa, strerror(errno));
	vm->slot[vm->slots++] = region;
	return 0;
}

int kvm_vm_log_dirty(struct kvm_vm *vm)
{
	for (unsigned int i = 0; i < vm->slots; i++) {
		struct kvm_userspace_memory_region *slot = &vm->slot[i];

		if (slot->flags)
			continue; /* it is read-only, or logged */
		slot->flags = KVM_MEM_LOG_DIRTY_PAGES;
		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, slot) < 0) {
			slot->flags = 0;
			return -errno;
		}
	}
	return 0;
}

int kvm_vm_get_dirty(struct kvm_vm *vm, uint64_t gpa, uint64_t *bits)
{
	for (unsigned int i = 0; i < vm->slots; i++) {
		struct kvm_dirty_log log = { .slot = i,
					     .dirty_bitmap = bits };

		if (vm->slot[i].guest_phys_addr == gpa &&
		    vm->slot[i].flags & KVM_MEM_LOG_DIRTY_PAGES)
			return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) < 0 ?
			       -errno : 0;
	}
	return -ENOENT;
}

int kvm_vm_enable(struct kvm_vm *vm, int cap, uint64_t arg)
{
	const struct kvm_enable_cap enable = {
		.cap = (uint32_t)cap,
		.args = { arg },
	};

	return ioctl(vm->fd, KVM_ENABLE_CAP, &enable) < 0 ? -errno : 0;
}

/* The routes KVM installs for a full irqchip: two PICs and the IOAPIC. They
 * are repeated here because KVM_SET_GSI_ROUTING replaces the whole table. */
static void default_routes(struct kvm_vm *vm)
{
	for (uint32_t gsi = 0; gsi < 16; gsi++)
		vm->route[vm->routes++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { gsi < 8 ? KVM_IRQCHIP_PIC_MASTER
					       : KVM_IRQCHIP_PIC_SLAVE,
				       gsi % 8 },
		};
	for (uint32_t gsi = 0; gsi < 24; gsi++)
		vm->route[vm->routes++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { KVM_IRQCHIP_IOAPIC, gsi },
		};
}

static int create_full(struct kvm_vm *vm, bool pit, struct err *err)
{
	const struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_set(err, -errno,
			       "KVM cannot create the irqchip: %s",
			       strerror(errno));
	default_routes(vm);
	if (pit && ioctl(vm->fd, KVM_CREATE_PIT2, &config) < 0)
		return err_set_key(err, -errno, "pit",
				   "KVM cannot create the PIT: %s",
				   strerror(errno));
	return 0;
}

static int create_split(struct kvm_vm *vm, bool pit, struct err *err)
{
	int r;

	if (pit)
		return err_set_key(err, -EINVAL, "pit",
				   "the PIT needs irqchip=full");
	if (!vm->kvm->signal_msi)
		return err_set_key(err, -ENOTSUP, "irqchip",
				   "irqchip=split: this KVM cannot signal an "
				   "MSI (use irqchip=full)");
	r = kvm_vm_enable(vm, KVM_CAP_SPLIT_IRQCHIP, 24);
	if (r < 0)
		return err_set_key(err, r, "irqchip",
				   "irqchip=split: %s (use irqchip=full)",
				   strerror(-r));
	return 0;
}

/* The split one has less kernel code in the guest's reach, and a VM that ends
 * at once does not wait 15 ms for the kernel to take PIC and IOAPIC off its I/O
 * bus (Linux 6.18, srcu_barrier() in kvm_destroy_vm()). */
static enum kvm_irq_mode best_irqchip(const struct kvm_vm *vm, bool pit)
{
	return !pit && vm->kvm->signal_msi &&
			       kvm_has(vm->kvm, KVM_CAP_SPLIT_IRQCHIP)
		       ? KVM_IRQ_SPLIT
		       : KVM_IRQ_FULL;
}

int kvm_vm_create_irqchip(struct kvm_vm *vm, enum kvm_irq_mode irqchip,
			  bool pit, uint64_t tss, uint64_t identity,
			  struct err *err)
{
	uint64_t map = identity;

	/* Intel needs both to run real mode without unrestricted guest. */
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)tss) < 0)
		return err_set(err, -errno, "KVM refuses its TSS pages: %s",
			       strerror(errno));
	vm->irqchip = irqchip == KVM_IRQ_AUTO ? best_irqchip(vm, pit) : irqchip;
	return vm->irqchip == KVM_IRQ_FULL ? create_full(vm, pit, err)
					   : create_split(vm, pit, err);
}
