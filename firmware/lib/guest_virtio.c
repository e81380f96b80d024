// SPDX-License-Identifier: BSD-3-Clause
/* See guest_virtio.h. Here: the transports (virtio 1.2, 4.1 and 4.2) and the
 * device's start (3.1); queues are in guest_vq.c. */
#include "guest_virtio.h"

#include "guest_pci.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_VIRTIO 0x1040

#define MMIO_MAGIC   0x74726976u
#define MMIO_STEP    0x1000u
#define MMIO_DEVICES 16
#define MMIO_TYPE    0x008
#define MMIO_NOTIFY  0x050
#define MMIO_ISR     0x060
#define MMIO_ACK     0x064
#define MMIO_CONFIG  0x100

#define BAR_SIZE 0x8000u

/* virtio_pci_cap, 4.1.4 */
#define CAP_TYPE   3
#define CAP_BAR    4
#define CAP_OFFSET 8
#define CAP_STEP   16
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_ISR    3
#define CAP_DEVICE 4

#define BROKEN_MS 2000

static const struct {
	uint8_t pci, len;
	uint16_t mmio;
} registers[] = {
	[VIO_DEVICE_SEL] = { 0x00, 4, 0x014 },
	[VIO_DEVICE_FEATURES] = { 0x04, 4, 0x010 },
	[VIO_DRIVER_SEL] = { 0x08, 4, 0x024 },
	[VIO_DRIVER_FEATURES] = { 0x0c, 4, 0x020 },
	[VIO_STATUS] = { 0x14, 1, 0x070 },
	[VIO_GENERATION] = { 0x15, 1, 0x0fc },
	[VIO_QUEUE_SEL] = { 0x16, 2, 0x030 },
	[VIO_QUEUE_MAX] = { 0x18, 2, 0x034 },
	[VIO_QUEUE_SIZE] = { 0x18, 2, 0x038 },
	[VIO_QUEUE_ENABLE] = { 0x1c, 2, 0x044 },
	[VIO_QUEUE_RESET] = { 0x3a, 2, 0x0c0 },
	[VIO_DESC_LO] = { 0x20, 4, 0x080 },
	[VIO_DESC_HI] = { 0x24, 4, 0x084 },
	[VIO_AVAIL_LO] = { 0x28, 4, 0x090 },
	[VIO_AVAIL_HI] = { 0x2c, 4, 0x094 },
	[VIO_USED_LO] = { 0x30, 4, 0x0a0 },
	[VIO_USED_HI] = { 0x34, 4, 0x0a4 },
};

/* ---- finding ---- */

bool vio_on_mmio(void)
{
	return mmio_read32(LAYOUT_VIRTIO_MMIO) == MMIO_MAGIC;
}

static bool find_mmio(struct vio *d, enum vio_type type, unsigned int nth)
{
	for (unsigned int i = 0; i < MMIO_DEVICES; i++) {
		uint64_t base = LAYOUT_VIRTIO_MMIO + (uint64_t)i * MMIO_STEP;

		if (mmio_read32(base) != MMIO_MAGIC ||
		    mmio_read32(base + MMIO_TYPE) != (uint32_t)type || nth--)
			continue;
		d->mmio = true;
		d->base = d->common = base;
		d->size = MMIO_STEP;
		d->isr = base + MMIO_ISR;
		d->notify = base + MMIO_NOTIFY;
		d->config = base + MMIO_CONFIG;
		return true;
	}
	return false;
}

static void note_structure(struct vio *d, unsigned int cap)
{
	unsigned int bar = pci_read(d->slot, cap + CAP_BAR, 1);
	uint64_t at = pci_bar(d->slot, bar) +
		      pci_read(d->slot, cap + CAP_OFFSET, 4);

	switch (pci_read(d->slot, cap + CAP_TYPE, 1)) {
	case CAP_COMMON:
		d->common = at;
		break;
	case CAP_NOTIFY:
		d->notify = at;
		d->notify_step = pci_read(d->slot, cap + CAP_STEP, 4);
		break;
	case CAP_ISR:
		d->isr = at;
		break;
	case CAP_DEVICE:
		d->config = at;
		break;
	default:
		break;
	}
}

static bool find_pci(struct vio *d, enum vio_type type, unsigned int nth)
{
	int slot = pci_find(VENDOR_VIRTIO, (uint16_t)(DEVICE_VIRTIO + type),
			    nth);
	unsigned int cap = 0;

	if (slot < 0)
		return false;
	d->mmio = false;
	d->slot = (unsigned int)slot;
	d->base = pci_bar(d->slot, 0);
	d->size = BAR_SIZE;
	pci_write(d->slot, PCI_COMMAND, 2, PCI_MEMORY | PCI_MASTER);
	while ((cap = pci_cap(d->slot, PCI_CAP_VENDOR, cap)))
		note_structure(d, cap);
	return d->common && d->notify && d->isr;
}

bool vio_find(struct vio *d, enum vio_type type, unsigned int nth)
{
	memset(d, 0, sizeof(*d));
	return vio_on_mmio() ? find_mmio(d, type, nth) :
			       find_pci(d, type, nth);
}

void vio_open(struct vio *d, enum vio_type type, unsigned int nth)
{
	if (!vio_find(d, type, nth))
		guest_fail("no virtio device of type %u, number %u", type, nth);
}

/* ---- registers ---- */

uint64_t vio_address(const struct vio *d, enum vio_reg reg)
{
	return d->common + (d->mmio ? registers[reg].mmio : registers[reg].pci);
}

uint32_t vio_read(const struct vio *d, enum vio_reg reg)
{
	uint64_t at = vio_address(d, reg);

	if (d->mmio || registers[reg].len == 4)
		return mmio_read32(at);
	return registers[reg].len == 2 ? mmio_read16(at) : mmio_read8(at);
}

void vio_write(const struct vio *d, enum vio_reg reg, uint32_t value)
{
	uint64_t at = vio_address(d, reg);

	if (d->mmio || registers[reg].len == 4)
		mmio_write32(at, value);
	else if (registers[reg].len == 2)
		mmio_write16(at, (uint16_t)value);
	else
		mmio_write8(at, (uint8_t)value);
}

uint32_t vio_status(const struct vio *d)
{
	return vio_read(d, VIO_STATUS);
}

uint32_t vio_take_isr(const struct vio *d)
{
	uint32_t isr;

	if (!d->mmio)
		return mmio_read8(d->isr);
	isr = mmio_read32(d->isr);
	if (isr)
		mmio_write32(d->base + MMIO_ACK, isr);
	return isr;
}

void vio_notify(const struct vio *d, uint32_t n)
{
	if (d->mmio)
		mmio_write32(d->notify, n);
	else
		mmio_write16(d->notify + (uint64_t)n * d->notify_step,
			     (uint16_t)n);
}

/* ---- starting ---- */

uint64_t vio_offered(const struct vio *d)
{
	uint64_t low;

	vio_write(d, VIO_DEVICE_SEL, 0);
	low = vio_read(d, VIO_DEVICE_FEATURES);
	vio_write(d, VIO_DEVICE_SEL, 1);
	return (uint64_t)vio_read(d, VIO_DEVICE_FEATURES) << 32 | low;
}

void vio_write_features(const struct vio *d, uint64_t features)
{
	vio_write(d, VIO_DRIVER_SEL, 0);
	vio_write(d, VIO_DRIVER_FEATURES, (uint32_t)features);
	vio_write(d, VIO_DRIVER_SEL, 1);
	vio_write(d, VIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

void vio_reset(const struct vio *d)
{
	vio_write(d, VIO_STATUS, 0);
	if (vio_status(d))
		guest_fail("status %x after a reset", vio_status(d));
}

bool vio_negotiate(struct vio *d, uint64_t features)
{
	d->features = features | VIO_F_VERSION_1;
	vio_reset(d);
	vio_write(d, VIO_STATUS, VIO_ACKNOWLEDGE);
	vio_write(d, VIO_STATUS, VIO_ACKNOWLEDGE | VIO_DRIVER);
	vio_write_features(d, d->features);
	vio_write(d, VIO_STATUS, VIO_SET_UP);
	return vio_status(d) == VIO_SET_UP;
}

void vio_begin(struct vio *d, uint64_t features)
{
	if (!vio_negotiate(d, features & vio_offered(d)))
		guest_fail("features %lx are refused, status %x", d->features,
			   vio_status(d));
}

void vio_go(const struct vio *d)
{
	vio_write(d, VIO_STATUS, VIO_RUNNING);
	if (vio_status(d) != VIO_RUNNING)
		guest_fail("status %x after DRIVER_OK", vio_status(d));
}

bool vio_broken(const struct vio *d)
{
	uint32_t isr = 0;

	for (unsigned int i = 0; i < BROKEN_MS * 10; i++) {
		if (vio_status(d) & VIO_NEEDS_RESET)
			break;
		guest_delay_us(100);
	}
	/* the bit comes before its interrupt */
	for (unsigned int i = 0; i < 100 && !(isr & VIO_ISR_CONFIG); i++) {
		isr |= vio_take_isr(d);
		if (!(isr & VIO_ISR_CONFIG))
			guest_delay_us(100);
	}
	return vio_status(d) & VIO_NEEDS_RESET && isr & VIO_ISR_CONFIG;
}
