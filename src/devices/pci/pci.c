// SPDX-License-Identifier: BSD-3-Clause
/* See pci.h. Sections are those of the PCI local bus specification 3.0. */
#include "devices/pci/pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/pci/pci_host.h"

#define BAR_OFFSET(n) (PCI_BAR0 + 4 * (n))

/* MSI-X capability (6.8.2), offsets from its start */
#define MSIX_CONTROL  2
#define MSIX_TABLE    4
#define MSIX_PENDING  8
#define MSIX_ENABLE   0x8000u
#define MSIX_MASK_ALL 0x4000u

static uint16_t config_u16(const struct pci_function *f, unsigned int off)
{
	return le16_at(f->config + off);
}

static void set_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void set_u32(uint8_t *p, uint32_t v)
{
	set_u16(p, (uint16_t)v);
	set_u16(p + 2, (uint16_t)(v >> 16));
}

/* ---- BARs ---- */

static void unmap_bar(struct pci_function *f, unsigned int n)
{
	struct pci_bar *bar = &f->bar[n];

	if (bar->mapped == PCI_NOWHERE)
		return;
	if (f->ops->moved)
		f->ops->moved(f, n, PCI_NOWHERE);
	bus_remove(f->bus->mmio, bar->mapped);
	bar->mapped = PCI_NOWHERE;
	atomic_store(&f->bus->freed, true);
}

/* Outside the bus's window nothing reaches the bus: RAM, the local APICs and
 * the host's own pages are safe from a BAR by that. */
static void map_bar(struct pci_function *f, unsigned int n)
{
	struct pci_bar *bar = &f->bar[n];
	const struct pci_bus *bus = f->bus;

	if (bar->wanted == PCI_NOWHERE || bar->wanted < bus->window ||
	    !range_ok(bar->wanted - bus->window, bar->size, bus->window_size) ||
	    bus_add(bus->mmio, bar->wanted, bar->size, f->dev, bar->window) < 0)
		return;
	bar->mapped = bar->wanted;
	if (f->ops->moved)
		f->ops->moved(f, n, bar->mapped);
}

/* The old place is left before the new one is taken. */
static void update_bars(struct pci_function *f)
{
	bool on = config_u16(f, PCI_COMMAND) & PCI_COMMAND_MEMORY;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &f->bar[i];
		uint32_t base =
			le32_at(f->config + BAR_OFFSET(i)) & ~(bar->size - 1);

		if (!bar->size)
			continue;
		bar->wanted = on ? base : PCI_NOWHERE;
		if (bar->wanted != bar->mapped)
			unmap_bar(f, i);
	}
	pci_retry_bars(f);
}

void pci_retry_bars(struct pci_function *f)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (f->bar[i].size && f->bar[i].mapped == PCI_NOWHERE)
			map_bar(f, i);
}

/* ---- interrupts ---- */

/* irq_lock held. */
static void update_line(struct pci_function *f)
{
	bool level = f->intx && !f->intx_off && !f->msix.enabled;

	if (level == f->intx_raised || !f->bus)
		return;
	f->intx_raised = level;
	pci_bus_line(f->bus, f->slot, level);
}

/* What the command register and MSI-X's control say now. */
static void update_interrupts(struct pci_function *f)
{
	uint16_t control = 0;

	if (f->msix_cap)
		control = config_u16(f, f->msix_cap + MSIX_CONTROL);
	pthread_mutex_lock(&f->irq_lock);
	f->intx_off = config_u16(f, PCI_COMMAND) & PCI_COMMAND_INTX_OFF;
	if (f->msix_cap)
		msix_control(&f->msix, control & MSIX_ENABLE,
			     control & MSIX_MASK_ALL);
	update_line(f);
	pthread_mutex_unlock(&f->irq_lock);
}

void pci_intx(struct pci_function *f, bool level)
{
	pthread_mutex_lock(&f->irq_lock);
	f->intx = level;
	update_line(f);
	pthread_mutex_unlock(&f->irq_lock);
}

bool pci_msix_signal(struct pci_function *f, unsigned int vector)
{
	bool enabled;

	pthread_mutex_lock(&f->irq_lock);
	enabled = f->msix.enabled;
	msix_signal(&f->msix, vector);
	pthread_mutex_unlock(&f->irq_lock);
	return enabled;
}

uint64_t pci_msix_read_table(struct pci_function *f, uint64_t off,
			     unsigned int len)
{
	uint64_t value;

	pthread_mutex_lock(&f->irq_lock);
	value = msix_read_table(&f->msix, off, len);
	pthread_mutex_unlock(&f->irq_lock);
	return value;
}

void pci_msix_write_table(struct pci_function *f, uint64_t off,
			  unsigned int len, uint64_t value)
{
	pthread_mutex_lock(&f->irq_lock);
	msix_write_table(&f->msix, off, len, value);
	pthread_mutex_unlock(&f->irq_lock);
}

uint64_t pci_msix_read_pending(struct pci_function *f, uint64_t off,
			       unsigned int len)
{
	uint64_t value;

	pthread_mutex_lock(&f->irq_lock);
	value = msix_read_pending(&f->msix, off, len);
	pthread_mutex_unlock(&f->irq_lock);
	return value;
}

/* ---- configuration space ---- */

static bool access_ok(unsigned int off, unsigned int len)
{
	return (len == 1 || len == 2 || len == 4) && off % 4 + len <= 4 &&
	       range_ok(off, len, PCI_CONFIG_SIZE);
}

/* The one status bit that moves by itself, 6.2.3. */
static void update_status(struct pci_function *f)
{
	uint16_t status = config_u16(f, PCI_STATUS);

	pthread_mutex_lock(&f->irq_lock);
	if (f->intx && !f->msix.enabled)
		status |= PCI_STATUS_INTX;
	else
		status &= (uint16_t)~PCI_STATUS_INTX;
	pthread_mutex_unlock(&f->irq_lock);
	set_u16(f->config + PCI_STATUS, status);
}

uint32_t pci_config_read(struct pci_function *f, unsigned int off,
			 unsigned int len)
{
	uint32_t value = 0;

	if (!access_ok(off, len))
		return UINT32_MAX;
	if (ranges_meet(off, len, PCI_STATUS, 2))
		update_status(f);
	if (f->ops->config_read)
		f->ops->config_read(f, off, len);
	for (unsigned int i = len; i-- > 0;)
		value = value << 8 | f->config[off + i];
	return value;
}

void pci_config_write(struct pci_function *f, unsigned int off,
		      unsigned int len, uint32_t value)
{
	if (!access_ok(off, len))
		return;
	for (unsigned int i = 0; i < len; i++) {
		uint8_t mask = f->writable[off + i];

		f->config[off + i] = (uint8_t)((f->config[off + i] & ~mask) |
					       (value >> (8 * i) & mask));
	}
	if (ranges_meet(off, len, PCI_COMMAND, 2) ||
	    ranges_meet(off, len, PCI_BAR0, UINT64_C(4) * PCI_BARS))
		update_bars(f);
	if (ranges_meet(off, len, PCI_COMMAND, 2) ||
	    (f->msix_cap &&
	     ranges_meet(off, len, f->msix_cap + MSIX_CONTROL, 2)))
		update_interrupts(f);
	if (f->ops->config_written)
		f->ops->config_written(f, off, len);
}

/* ---- building ---- */

void pci_function_init(struct pci_function *f, struct device *dev,
		       const struct pci_function_ops *ops,
		       const struct pci_id *id)
{
	uint8_t *c = f->config;

	memset(f, 0, sizeof(*f));
	f->ops = ops;
	f->dev = dev;
	f->caps_end = PCI_CAPS;
	pthread_mutex_init(&f->irq_lock, NULL);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		f->bar[i].wanted = f->bar[i].mapped = PCI_NOWHERE;
	set_u16(c + PCI_VENDOR, id->vendor);
	set_u16(c + PCI_DEVICE, id->device);
	c[PCI_REVISION] = id->revision;
	c[PCI_CLASS] = (uint8_t)id->class_code;
	c[PCI_CLASS + 1] = (uint8_t)(id->class_code >> 8);
	c[PCI_CLASS + 2] = (uint8_t)(id->class_code >> 16);
	set_u16(c + PCI_SUBSYSTEM, id->subsystem_vendor);
	set_u16(c + PCI_SUBSYSTEM + 2, id->subsystem);
	set_u16(f->writable + PCI_COMMAND,
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
	f->writable[PCI_CACHE_LINE] = 0xff;
	f->writable[PCI_IRQ_LINE] = 0xff;
}

void pci_function_finish(struct pci_function *f)
{
	if (f->bus) {
		for (unsigned int i = 0; i < PCI_BARS; i++)
			unmap_bar(f, i);
		pci_intx(f, false);
		f->bus->slot[f->slot] = NULL;
	}
	msix_finish(&f->msix);
	pthread_mutex_destroy(&f->irq_lock);
}

unsigned int pci_add_cap(struct pci_function *f, uint8_t id, const void *body,
			 unsigned int len)
{
	unsigned int at = f->caps_end;

	assert(!f->bus && range_ok(at, len + 2, PCI_CAPS_END));
	f->config[at] = id;
	memcpy(f->config + at + 2, body, len);
	if (f->last_cap)
		f->config[f->last_cap + 1] = (uint8_t)at;
	else
		f->config[PCI_CAP_POINTER] = (uint8_t)at;
	f->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	f->last_cap = at;
	f->caps_end = (unsigned int)align_up(at + len + 2, 4);
	return at;
}

void pci_set_writable(struct pci_function *f, unsigned int off,
		      unsigned int len)
{
	assert(!f->bus && range_ok(off, len, PCI_CONFIG_SIZE));
	memset(f->writable + off, 0xff, len);
}

/* The bits below the size read 0, which tells the size, 6.2.5.1. */
void pci_add_bar(struct pci_function *f, unsigned int bar, uint32_t size,
		 unsigned int window)
{
	assert(!f->bus && bar < PCI_BARS && is_pow2(size) && size >= 16);
	f->bar[bar].size = size;
	f->bar[bar].window = window;
	set_u32(f->writable + BAR_OFFSET(bar), ~(size - 1));
}

void pci_add_msix(struct pci_function *f, unsigned int vectors,
		  unsigned int bar, uint32_t table, uint32_t pending,
		  struct msi msi)
{
	uint8_t body[10];
	unsigned int at;

	assert(vectors && bar < PCI_BARS && table % 8 == 0 && pending % 8 == 0);
	set_u16(body, (uint16_t)(vectors - 1));
	set_u32(body + MSIX_TABLE - 2, table | bar);
	set_u32(body + MSIX_PENDING - 2, pending | bar);
	at = pci_add_cap(f, PCI_CAP_MSIX, body, sizeof(body));
	set_u16(f->writable + at + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
	msix_init(&f->msix, vectors, msi);
	f->msix_cap = at;
}

/* Addresses for the BARs; memory space stays off until the guest wants it. */
static int place_bars(struct pci_bus *bus, struct pci_function *f)
{
	uint64_t next = bus->next;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &f->bar[i];
		uint64_t base = align_up(next, bar->size ? bar->size : 1);

		if (!range_ok(base - bus->window, bar->size, bus->window_size))
			return -ENOSPC;
		if (!bar->size)
			continue;
		set_u32(f->config + BAR_OFFSET(i), (uint32_t)base);
		next = base + bar->size;
	}
	bus->next = next;
	return 0;
}

static int free_slot(const struct pci_bus *bus)
{
	for (int i = 0; i < PCI_SLOTS; i++)
		if (!bus->slot[i])
			return i;
	return -ENOSPC;
}

int pci_attach(struct pci_bus *bus, struct pci_function *f, int slot)
{
	int r;

	if (slot < 0)
		slot = free_slot(bus);
	if (slot < 0)
		return slot;
	if (slot >= PCI_SLOTS)
		return -EINVAL;
	if (bus->slot[slot])
		return -EEXIST;
	r = place_bars(bus, f);
	if (r < 0)
		return r;
	f->config[PCI_IRQ_PIN] = 1; /* INTA */
	f->slot = (unsigned int)slot;
	f->bus = bus;
	bus->slot[slot] = f;
	return 0;
}

/* ---- snapshot ---- */

/* Bits that the guest cannot change must be those of this machine. */
static void check_config(const struct pci_function *f, const uint8_t *config,
			 struct snap *s)
{
	for (unsigned int i = 0; i < PCI_CONFIG_SIZE; i++)
		if ((config[i] ^ f->config[i]) & ~f->writable[i]) {
			snap_reject(s, "config", "another device's");
			return;
		}
}

int pci_function_snapshot(struct pci_function *f, struct snap *s)
{
	uint8_t config[PCI_CONFIG_SIZE];

	f->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX; /* derived */
	memcpy(config, f->config, sizeof(config));
	snap_begin(s, "pci", 1);
	snap_bytes(s, "config", config, sizeof(config));
	pthread_mutex_lock(&f->irq_lock);
	if (f->msix_cap)
		msix_snapshot(&f->msix, s);
	pthread_mutex_unlock(&f->irq_lock);
	snap_end(s);
	if (!snap_loading(s))
		return snap_error(s);
	check_config(f, config, s);
	if (snap_error(s))
		return snap_error(s);
	memcpy(f->config, config, sizeof(config));
	update_bars(f);
	update_interrupts(f);
	return 0;
}

void pci_function_resume(struct pci_function *f)
{
	pthread_mutex_lock(&f->irq_lock);
	msix_resume(&f->msix);
	pthread_mutex_unlock(&f->irq_lock);
}
