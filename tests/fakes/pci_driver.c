// SPDX-License-Identifier: BSD-3-Clause
/* See pci_driver.h. */
#include "pci_driver.h"

#include <assert.h>
#include <string.h>

#include "devices/virtio/virtio_pci.h"
#include "virtio_front.h"

#define TABLE_OF(d) ((d)->bar + (cfg_read(&(d)->pci, PD_SLOT, \
					  (d)->msix + 4, 4) & ~7u))

void pci_driver_find(struct pci_driver *d)
{
	struct pci_bench *b = &d->pci;
	unsigned int at;

	d->bar = cfg_read(b, PD_SLOT, PCI_BAR0, 4);
	for (unsigned int i = 0; i < 5; i++) {
		uint64_t addr;

		at = find_cap(b, PD_SLOT, PCI_CAP_VENDOR, i);
		assert(at);
		addr = d->bar + cfg_read(b, PD_SLOT, at + 8, 4);
		switch (cfg_read(b, PD_SLOT, at + 3, 1)) {
		case 1:
			d->common = addr;
			break;
		case 2:
			d->notify = addr;
			break;
		case 3:
			d->isr = addr;
			break;
		case 4:
			d->config = addr;
			break;
		default:
			d->access = at;
			break;
		}
	}
	d->msix = find_cap(b, PD_SLOT, PCI_CAP_MSIX, 0);
}

void pci_driver_init(struct pci_driver *d)
{
	int r;

	memset(d, 0, sizeof(*d));
	pci_bench_init(&d->pci);
	driver_ram_init(&d->ram);
	r = loop_create(&d->loop, NULL);
	assert(r == 0);
	d->host = (struct virtio_host){ "echo0", &d->ram.mem, d->loop, NULL };
	d->echo = echo_create(&d->host);
	r = virtio_pci_create(&d->dev, &d->echo->v, d->pci.bus, PD_SLOT,
			      fake_msi(&d->msi), fake_bells(&d->bells));
	assert(r == 0);
	(void)r;
	cfg_write(&d->pci, PD_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	pci_driver_find(d);
}

static void drop_rings(struct pci_driver *d)
{
	for (unsigned int i = 0; i < ECHO_QUEUES && d->rings; i++)
		driver_ring_finish(&d->ring[i]);
	d->rings = false;
}

void pci_driver_finish(struct pci_driver *d)
{
	device_destroy(d->dev);
	assert(d->bells.count == 0);
	assert(d->pci.mmio.count == 1);
	loop_destroy(d->loop);
	drop_rings(d);
	driver_ram_finish(&d->ram);
	pci_bench_finish(&d->pci);
}

uint64_t mm_read(struct pci_driver *d, uint64_t addr, unsigned int len)
{
	uint64_t value;

	bus_read(&d->pci.mmio, addr, len, &value);
	return value;
}

void mm_write(struct pci_driver *d, uint64_t addr, unsigned int len,
	      uint64_t value)
{
	bus_write(&d->pci.mmio, addr, len, value);
}

unsigned int c_width(enum common field)
{
	switch (field) {
	case C_STATUS:
	case C_GENERATION:
		return 1;
	case C_DEVICE_SEL:
	case C_DEVICE_FEATURES:
	case C_DRIVER_SEL:
	case C_DRIVER_FEATURES:
		return 4;
	case C_QUEUE_DESC:
	case C_QUEUE_DRIVER:
	case C_QUEUE_DEVICE:
		return 8;
	default:
		return 2;
	}
}

uint32_t c_read(struct pci_driver *d, enum common field)
{
	return (uint32_t)mm_read(d, d->common + field, c_width(field));
}

void c_write(struct pci_driver *d, enum common field, uint32_t value)
{
	mm_write(d, d->common + field, c_width(field), value);
}

static void write_address(struct pci_driver *d, enum common field, uint64_t gpa)
{
	mm_write(d, d->common + field, 4, (uint32_t)gpa);
	mm_write(d, d->common + field + 4, 4, gpa >> 32);
}

static void set_queue(struct pci_driver *d, unsigned int n)
{
	const struct queue_params *p = &d->ring[n].params;

	c_write(d, C_QUEUE_SEL, n);
	c_write(d, C_QUEUE_SIZE, p->size);
	write_address(d, C_QUEUE_DESC, p->desc);
	write_address(d, C_QUEUE_DRIVER, p->driver);
	write_address(d, C_QUEUE_DEVICE, p->device);
	c_write(d, C_QUEUE_VECTOR, n + 1);
	c_write(d, C_QUEUE_ENABLE, 1);
	assert(c_read(d, C_QUEUE_ENABLE) == 1);
}

static void open_vectors(struct pci_driver *d)
{
	uint64_t table = TABLE_OF(d);

	cfg_write(&d->pci, PD_SLOT, d->msix + 2, 2, 0xc000);
	for (unsigned int i = 0; i <= ECHO_QUEUES; i++) {
		mm_write(d, table + i * 16, 8, 0xfee00000);
		mm_write(d, table + i * 16 + 8, 8, 0x30 + i);
	}
	cfg_write(&d->pci, PD_SLOT, d->msix + 2, 2, 0x8000);
}

void pci_driver_run(struct pci_driver *d, bool msix)
{
	static const struct queue_features plain = { 0 };
	uint8_t s = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;

	c_write(d, C_STATUS, 0);
	drop_rings(d);
	driver_ram_clear(&d->ram);
	if (msix)
		open_vectors(d);
	c_write(d, C_STATUS, VIRTIO_S_ACKNOWLEDGE);
	c_write(d, C_STATUS, s);
	c_write(d, C_DRIVER_SEL, 1);
	c_write(d, C_DRIVER_FEATURES, 1);
	s |= VIRTIO_S_FEATURES_OK;
	c_write(d, C_STATUS, s);
	c_write(d, C_CONFIG_VECTOR, 0);
	for (unsigned int i = 0; i < ECHO_QUEUES; i++) {
		driver_ring_init(&d->ring[i], &d->ram, 16, &plain);
		set_queue(d, i);
	}
	d->rings = true;
	s |= VIRTIO_S_DRIVER_OK;
	c_write(d, C_STATUS, s);
	assert(c_read(d, C_STATUS) == s);
}

void queue_irq(struct pci_driver *d, unsigned int n)
{
	struct virtio *v = &d->echo->v;

	v->transport->queue_irq(v->transport_ctx, n);
}

void config_irq(struct pci_driver *d)
{
	struct virtio *v = &d->echo->v;

	v->transport->config_irq(v->transport_ctx);
}

void pci_driver_sync(struct pci_driver *d)
{
	struct front f = { .v = &d->echo->v };

	front_sync(&f);
}
