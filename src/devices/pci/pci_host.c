// SPDX-License-Identifier: BSD-3-Clause
/* See pci_host.h. */
#include "devices/pci/pci_host.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

/* Offsets in the ports' window */
#define PORT_ADDRESS 0 /* dword only */
#define PORT_RESET   1 /* byte only: the chipset's reset control, 0xcf9 */
#define PORT_DATA    4

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_BITS   0x80fffffcu
#define RESET_NOW      0x04

struct pci_host {
	struct device dev;
	struct pci_bus bus;
	struct pci_function bridge;          /* slot 0 */
	const struct machine_signal *signal; /* not owned; may be NULL */
	uint32_t address;                    /* the register at 0xcf8 */
	uint8_t reset;                       /* the one at 0xcf9 */
};

/* One access to configuration space, decoded. */
struct target {
	struct pci_function *f; /* NULL: nobody */
	unsigned int off;
	unsigned int len;
};

/* Function 0 of bus 0 is all there is. @addr as in ECAM: bus, slot, function,
 * then 12 bits of register. */
static struct target decode(const struct pci_host *h, uint64_t addr,
			    unsigned int len)
{
	struct target t = {NULL, (unsigned int)(addr & 0xfff), len};

	if (len <= 4 && addr >> 20 == 0 && (addr >> 12 & 7) == 0)
		t.f = h->bus.slot[addr >> 15 & 31];
	return t;
}

/* @off in the data register. 0xcf8 has a byte for the register number. */
static struct target decode_port(const struct pci_host *h, uint64_t off,
				 unsigned int len)
{
	uint64_t addr = (uint64_t)(h->address & 0xffff00) << 4 |
			(h->address & 0xfc) | off;

	if (!(h->address & ADDRESS_ENABLE))
		return (struct target){0};
	return decode(h, addr, len);
}

/* Somebody has given up a place: those that were refused may have it, in the
 * order of slots. */
static void retry_all(struct pci_host *h)
{
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *f = h->bus.slot[i];

		if (!f)
			continue;
		pthread_mutex_lock(&f->dev->lock);
		pci_retry_bars(f);
		pthread_mutex_unlock(&f->dev->lock);
	}
}

/*
 * The bus has taken our lock for the access; it is let go while the function
 * has its own, for the function may map, unmap and ring anything. Slots are
 * fixed while the machine runs.
 */
static uint64_t read_config(struct pci_host *h, const struct target *t)
{
	uint64_t value;

	if (!t->f)
		return UINT64_MAX;
	pthread_mutex_unlock(&h->dev.lock);
	pthread_mutex_lock(&t->f->dev->lock);
	value = pci_config_read(t->f, t->off, t->len);
	pthread_mutex_unlock(&t->f->dev->lock);
	pthread_mutex_lock(&h->dev.lock);
	return value;
}

static void write_config(struct pci_host *h, const struct target *t,
			 uint64_t value)
{
	if (!t->f)
		return;
	pthread_mutex_unlock(&h->dev.lock);
	pthread_mutex_lock(&t->f->dev->lock);
	pci_config_write(t->f, t->off, t->len, (uint32_t)value);
	pthread_mutex_unlock(&t->f->dev->lock);
	if (atomic_exchange(&h->bus.freed, false))
		retry_all(h);
	pthread_mutex_lock(&h->dev.lock);
}

static uint64_t host_read(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);
	struct target t;

	if (window == PCI_HOST_ECAM) {
		t = decode(h, off, len);
		return read_config(h, &t);
	}
	if (off >= PORT_DATA) {
		t = decode_port(h, off - PORT_DATA, len);
		return read_config(h, &t);
	}
	if (off == PORT_ADDRESS && len == 4)
		return h->address;
	if (off == PORT_RESET && len == 1)
		return h->reset;
	return UINT64_MAX;
}

static void host_write(struct device *dev, unsigned int window, uint64_t off,
		       unsigned int len, uint64_t value)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);
	struct target t;

	if (window == PCI_HOST_ECAM) {
		t = decode(h, off, len);
		write_config(h, &t, value);
	} else if (off >= PORT_DATA) {
		t = decode_port(h, off - PORT_DATA, len);
		write_config(h, &t, value);
	} else if (off == PORT_ADDRESS && len == 4) {
		h->address = (uint32_t)value & ADDRESS_BITS;
	} else if (off == PORT_RESET && len == 1) {
		h->reset = (uint8_t)value & (uint8_t)~RESET_NOW;
		if ((value & RESET_NOW) && h->signal)
			machine_raise(h->signal, MACHINE_RESET, 0);
	}
}

void pci_bus_line(struct pci_bus *bus, unsigned int slot, bool level)
{
	struct pci_line *line = &bus->line[slot % PCI_LINES];
	uint32_t before;

	pthread_mutex_lock(&line->lock);
	before = line->raised;
	if (level)
		line->raised |= 1u << slot;
	else
		line->raised &= ~(1u << slot);
	if (!before != !line->raised)
		irq_set(&line->irq, line->raised != 0);
	pthread_mutex_unlock(&line->lock);
}

static int host_snapshot(struct device *dev, struct snap *s)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	snap_begin(s, "pci-host", 1);
	snap_u32(s, "address", &h->address);
	snap_u8(s, "reset", &h->reset);
	if (snap_loading(s))
		h->address &= ADDRESS_BITS;
	pci_function_snapshot(&h->bridge, s);
	snap_end(s);
	return snap_error(s);
}

static void host_destroy(struct device *dev)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	pci_function_finish(&h->bridge);
	for (unsigned int i = 0; i < PCI_LINES; i++)
		pthread_mutex_destroy(&h->bus.line[i].lock);
	device_finish(dev);
	free(h);
}

static const struct device_ops host_ops = {
	.name = "pci-host",
	.read = host_read,
	.write = host_write,
	.snapshot = host_snapshot,
	.destroy = host_destroy,
};

static const struct pci_function_ops bridge_ops = {0};

/* Red Hat's generic PCI Express host bridge: no driver treats it specially. */
static const struct pci_id bridge_id = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x060000, /* host bridge */
};

static bool window_ok(const struct pci_host_config *cfg)
{
	if (!cfg->window_size || cfg->window > UINT32_MAX - cfg->window_size)
		return false;
	for (unsigned int i = 0; cfg->mem && i < cfg->mem->count; i++) {
		const struct mem_region *r = &cfg->mem->region[i];

		if (ranges_meet(cfg->window, cfg->window_size, r->gpa, r->size))
			return false;
	}
	return true;
}

int pci_host_create(struct device **out, const char *id,
		    const struct pci_host_config *cfg)
{
	struct pci_host *h;

	*out = NULL;
	if (!window_ok(cfg))
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	device_init(&h->dev, &host_ops, id);
	h->signal = cfg->signal;
	h->bus.mmio = cfg->mmio;
	h->bus.window = h->bus.next = cfg->window;
	h->bus.window_size = cfg->window_size;
	for (unsigned int i = 0; i < PCI_LINES; i++) {
		pthread_mutex_init(&h->bus.line[i].lock, NULL);
		h->bus.line[i].irq = cfg->line[i];
	}
	pci_function_init(&h->bridge, &h->dev, &bridge_ops, &bridge_id);
	pci_attach(&h->bus, &h->bridge, 0); /* no BARs: cannot fail */
	h->bridge.config[PCI_IRQ_PIN] = 0;
	*out = &h->dev;
	return 0;
}

struct pci_bus *pci_host_bus(struct device *host)
{
	return &container_of(host, struct pci_host, dev)->bus;
}
