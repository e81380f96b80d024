// SPDX-License-Identifier: BSD-3-Clause
/* See attach.h. Runs on the thread that builds the VM. */
#include "arch/x86_64/attach.h"

#include <errno.h>
#include <string.h>

#include "arch/x86_64/layout.h"
#include "base/num.h"
#include "devices/pci/pci_host.h"
#include "devices/virtio/virtio_mmio.h"
#include "devices/virtio/virtio_pci.h"

int attach_add_pci_host(struct board *board)
{
	struct pci_host_config cfg = {
		.mmio = &board->mmio,
		.mem = &board->mem,
		.window = (uint32_t)LAYOUT_PCI_MMIO,
		.window_size = (uint32_t)LAYOUT_PCI_MMIO_SIZE,
		.signal = &board->signal,
	};
	struct device *dev;
	int r;

	for (uint32_t i = 0; i < PCI_LINES; i++)
		cfg.line[i] = board_irq(board, IRQ_PCI + i);
	r = pci_host_create(&dev, "pci", &cfg);
	if (!r)
		r = board_add_device(board, dev);
	if (r < 0)
		return r;
	board->pci = dev;
	r = bus_add(&board->pio, PORT_PCI, PORT_PCI_SIZE, dev, PCI_HOST_PORTS);
	return r ? r : bus_add(&board->mmio, LAYOUT_PCI_ECAM,
			       LAYOUT_PCI_ECAM_SIZE, dev, PCI_HOST_ECAM);
}

int attach_pci(struct board *board, struct virtio *v, struct err *err)
{
	const char *id = v->id;
	struct device *dev;
	struct msi msi;
	int r = board_add_msi(board, v->queues + 1, &msi);

	if (r < 0)
		virtio_destroy(v);
	else
		r = virtio_pci_create(&dev, v, pci_host_bus(board->pci), -1,
				      msi, board_doorbell(board));
	if (!r)
		r = board_add_device(board, dev);
	return r < 0 ? err_set(err, r, "%s: no place on the PCI bus: %s", id,
			       strerror(-r))
		     : 0;
}

/* Pins that no other device has, those without a legacy meaning first. */
static const uint8_t mmio_pins[] = { 16, 17, 18, 19, 20, 21, 22, 23,
				     5,	 10, 11, 6,  7,	 12, 14, 15 };

bool attach_mmio_place(unsigned int n, struct acpi_mmio_device *place)
{
	if (n >= ARRAY_SIZE(mmio_pins))
		return false;
	place->base = LAYOUT_VIRTIO_MMIO + n * VIRTIO_MMIO_WINDOW_SIZE;
	place->size = VIRTIO_MMIO_WINDOW_SIZE;
	place->gsi = mmio_pins[n];
	return true;
}

int attach_mmio(struct board *board, struct virtio *v, struct err *err)
{
	const char *id = v->id;
	struct acpi_mmio_device at;
	struct device *dev;
	int r = -ENOSPC;

	if (!attach_mmio_place(board->mmio_devices, &at))
		virtio_destroy(v);
	else
		r = virtio_mmio_create(&dev, v, at.base,
				       board_irq_edge(board, at.gsi),
				       board_doorbell(board));
	if (!r)
		r = board_add_device(board, dev);
	if (!r)
		r = bus_add(&board->mmio, at.base, at.size, dev, 0);
	if (r < 0)
		return err_set_key(err, r, "transport",
				   "%s: no place for an MMIO device: %s "
				   "(--transport pci has more)",
				   id, strerror(-r));
	board->mmio_devices++;
	return 0;
}
