// SPDX-License-Identifier: BSD-3-Clause
/* See pci_bench.h. */
#include "pci_bench.h"

#include <assert.h>

#include "base/num.h"

#define TABLE   0x8000
#define PENDING 0xc000

void pci_bench_init(struct pci_bench *b)
{
	struct pci_host_config cfg = {
		.mmio = &b->mmio,
		.window = BENCH_WINDOW,
		.window_size = BENCH_SIZE,
		.signal = &b->signal,
	};
	int r;

	*b = (struct pci_bench){ 0 };
	b->signal = fake_signal(&b->reset);
	bus_init(&b->pio);
	bus_init(&b->mmio);
	for (unsigned int i = 0; i < PCI_LINES; i++)
		cfg.line[i] = fake_irq(&b->line[i]);
	r = pci_host_create(&b->host, "pci", &cfg);
	assert(r == 0);
	b->bus = pci_host_bus(b->host);
	r = bus_add(&b->pio, BENCH_PORT, PCI_PORTS, b->host, PCI_HOST_PORTS);
	assert(r == 0);
	r = bus_add(&b->mmio, BENCH_ECAM, PCI_ECAM_SIZE, b->host,
		    PCI_HOST_ECAM);
	assert(r == 0);
}

void pci_bench_finish(struct pci_bench *b)
{
	device_destroy(b->host);
	bus_finish(&b->mmio);
	bus_finish(&b->pio);
}

uint32_t cfg_read(struct pci_bench *b, unsigned int slot, unsigned int off,
		  unsigned int len)
{
	uint64_t value;

	bus_read(&b->mmio, BENCH_ECAM + (slot << 15) + off, len, &value);
	return (uint32_t)value;
}

void cfg_write(struct pci_bench *b, unsigned int slot, unsigned int off,
	       unsigned int len, uint32_t value)
{
	bus_write(&b->mmio, BENCH_ECAM + (slot << 15) + off, len, value);
}

uint32_t port_read(struct pci_bench *b, uint32_t addr, unsigned int byte,
		   unsigned int len)
{
	uint64_t value;

	bus_write(&b->pio, BENCH_PORT, 4, addr);
	bus_read(&b->pio, BENCH_PORT + 4 + byte, len, &value);
	return (uint32_t)value;
}

void port_write(struct pci_bench *b, uint32_t addr, unsigned int byte,
		unsigned int len, uint32_t value)
{
	bus_write(&b->pio, BENCH_PORT, 4, addr);
	bus_write(&b->pio, BENCH_PORT + 4 + byte, len, value);
}

unsigned int find_cap(struct pci_bench *b, unsigned int slot, uint8_t id,
		      unsigned int nth)
{
	unsigned int at = cfg_read(b, slot, PCI_CAP_POINTER, 1);

	for (unsigned int i = 0; at && i < 48; i++) {
		if (cfg_read(b, slot, at, 1) == id && nth-- == 0)
			return at;
		at = cfg_read(b, slot, at + 1, 1);
	}
	return 0;
}

static uint64_t card_read(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len)
{
	struct pci_card *c = container_of(dev, struct pci_card, dev);

	c->reads++;
	if (window == 2 && off >= PENDING)
		return pci_msix_read_pending(&c->fn, off - PENDING, len);
	if (window == 2 && off >= TABLE)
		return pci_msix_read_table(&c->fn, off - TABLE, len);
	return 0xb0 + window;
}

static void card_write(struct device *dev, unsigned int window, uint64_t off,
		       unsigned int len, uint64_t value)
{
	struct pci_card *c = container_of(dev, struct pci_card, dev);

	c->writes++;
	c->value = value;
	if (window == 2 && off >= TABLE && off < PENDING)
		pci_msix_write_table(&c->fn, off - TABLE, len, value);
}

static int card_snapshot(struct device *dev, struct snap *s)
{
	struct pci_card *c = container_of(dev, struct pci_card, dev);

	return pci_function_snapshot(&c->fn, s);
}

static const struct device_ops card_ops = {
	.name = "card",
	.read = card_read,
	.write = card_write,
	.snapshot = card_snapshot,
};

/* Between two places a BAR is nowhere. */
static void moved(struct pci_function *f, unsigned int bar, uint64_t base)
{
	struct pci_card *c = container_of(f, struct pci_card, fn);

	assert((c->at[bar] == PCI_NOWHERE) != (base == PCI_NOWHERE));
	c->at[bar] = base;
	c->moves++;
}

static const struct pci_function_ops card_function = { .moved = moved };

int pci_card_init(struct pci_card *c, struct pci_bench *b, int slot)
{
	static const struct pci_id id = {
		.vendor = 0x1234,
		.device = 0x5678,
		.subsystem_vendor = 0x9abc,
		.subsystem = 0xdef0,
		.class_code = 0x123456,
		.revision = 7,
	};
	int r;

	*c = (struct pci_card){ 0 };
	for (unsigned int i = 0; i < PCI_BARS; i++)
		c->at[i] = PCI_NOWHERE;
	device_init(&c->dev, &card_ops, "card");
	pci_function_init(&c->fn, &c->dev, &card_function, &id);
	pci_add_bar(&c->fn, 0, 0x1000, 0);
	pci_add_bar(&c->fn, 2, 0x10000, 2);
	pci_add_cap(&c->fn, PCI_CAP_VENDOR, "abc", 3);
	pci_add_msix(&c->fn, 4, 2, TABLE, PENDING, fake_msi(&c->msi));
	r = pci_attach(b->bus, &c->fn, slot);
	if (r < 0)
		pci_card_finish(c);
	return r;
}

void pci_card_finish(struct pci_card *c)
{
	pci_function_finish(&c->fn);
	device_finish(&c->dev);
}
