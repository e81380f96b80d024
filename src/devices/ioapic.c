// SPDX-License-Identifier: BSD-3-Clause
/* See ioapic.h. Register numbers and entry bits: 82093AA datasheet, 3.2; MSI
 * format: Intel SDM volume 3, 11.11. */
#include "devices/ioapic.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/num.h"
#include "base/snap.h"

/* Offsets in the window */
#define WIN_SELECT 0x00
#define WIN_DATA   0x10
#define WIN_EOI    0x40

/* Indirect registers */
#define REG_ID          0x00
#define REG_VERSION     0x01
#define REG_ARBITRATION 0x02
#define REG_ENTRIES     0x10 /* two per pin, low half first */

#define VERSION ((IOAPIC_PIN_COUNT - 1) << 16 | 0x20)
#define ID_MASK 0x0f000000u

/* A redirection entry */
#define ENTRY_VECTOR     UINT64_C(0xff)
#define ENTRY_DELIVERY   UINT64_C(0x700)
#define ENTRY_LOGICAL    (UINT64_C(1) << 11)
#define ENTRY_REMOTE_IRR (UINT64_C(1) << 14) /* read-only */
#define ENTRY_LEVEL      (UINT64_C(1) << 15)
#define ENTRY_MASKED     (UINT64_C(1) << 16)
#define ENTRY_DEST       56
#define ENTRY_WRITABLE   (UINT64_C(0xff00000000000000) | UINT64_C(0x1afff))

#define DELIVERY_EXTINT UINT64_C(0x700)

#define MSI_BASE        UINT64_C(0xfee00000)
#define MSI_DEST        12
#define MSI_LOGICAL     (UINT64_C(1) << 2)
#define MSI_DATA_ASSERT (1u << 14)
#define MSI_DATA_LEVEL  (1u << 15)

struct ioapic;

struct pin {
	struct ioapic *ioapic;
	unsigned int number;
	int level;      /* the input; polarity is the caller's business */
	uint64_t entry; /* the redirection entry */
};

struct ioapic {
	struct device dev;
	struct ioapic_sink sink;
	uint8_t select;
	uint32_t id;
	struct pin pin[IOAPIC_PIN_COUNT];
};

static void make_route(const struct pin *p, struct ioapic_route *r)
{
	r->level = p->entry & ENTRY_LEVEL;
	r->masked = p->entry & ENTRY_MASKED;
	r->addr = MSI_BASE | p->entry >> ENTRY_DEST << MSI_DEST |
		  (p->entry & ENTRY_LOGICAL ? MSI_LOGICAL : 0);
	r->data = (uint32_t)(p->entry & (ENTRY_VECTOR | ENTRY_DELIVERY)) |
		  (r->level ? MSI_DATA_LEVEL | MSI_DATA_ASSERT : 0);
}

/* There is no 8259 behind an ExtINT entry: such an entry sends nothing. */
static void deliver(struct pin *p)
{
	struct ioapic *a = p->ioapic;
	struct ioapic_route r;

	make_route(p, &r);
	if (r.masked || (p->entry & ENTRY_DELIVERY) == DELIVERY_EXTINT)
		return;
	if (a->sink.msi(a->sink.ctx, r.addr, r.data) == 0 && r.level)
		p->entry |= ENTRY_REMOTE_IRR;
}

/* A level-triggered pin that is up and not in service asks again. */
static void service_level(struct pin *p)
{
	if (p->level && (p->entry & ENTRY_LEVEL) &&
	    !(p->entry & ENTRY_REMOTE_IRR))
		deliver(p);
}

/* An edge on a masked pin is lost (82093AA, 3.2.4, interrupt mask). */
static void set_pin(void *ctx, int level)
{
	struct pin *p = ctx;
	struct device *dev = &p->ioapic->dev;
	int before;

	pthread_mutex_lock(&dev->lock);
	before = p->level;
	p->level = level != 0;
	if (p->entry & ENTRY_LEVEL)
		service_level(p);
	else if (p->level && !before)
		deliver(p);
	pthread_mutex_unlock(&dev->lock);
}

static void eoi(struct ioapic *a, uint8_t vector)
{
	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT; i++) {
		struct pin *p = &a->pin[i];

		if (!(p->entry & ENTRY_REMOTE_IRR) ||
		    (p->entry & ENTRY_VECTOR) != vector)
			continue;
		p->entry &= ~ENTRY_REMOTE_IRR;
		service_level(p);
	}
}

static void write_entry(struct ioapic *a, unsigned int reg, uint32_t value)
{
	struct pin *p = &a->pin[(reg - REG_ENTRIES) / 2];
	unsigned int shift = reg % 2 ? 32 : 0;
	uint64_t writable = ENTRY_WRITABLE & (UINT64_C(0xffffffff) << shift);
	uint64_t before = p->entry;
	struct ioapic_route r;

	p->entry = (before & ~writable) |
		   ((uint64_t)value << shift & writable);
	/* Drivers switch to edge and back to get rid of a stuck remote IRR. */
	if (!(p->entry & ENTRY_LEVEL))
		p->entry &= ~ENTRY_REMOTE_IRR;
	if (a->sink.route && p->entry != before) {
		make_route(p, &r);
		a->sink.route(a->sink.ctx, p->number, &r);
	}
	service_level(p);
}

static bool is_entry(unsigned int reg)
{
	return reg >= REG_ENTRIES && reg < REG_ENTRIES + 2 * IOAPIC_PIN_COUNT;
}

static uint32_t read_data(const struct ioapic *a)
{
	unsigned int reg = a->select;

	if (is_entry(reg))
		return (uint32_t)(a->pin[(reg - REG_ENTRIES) / 2].entry >>
				  (reg % 2 ? 32 : 0));
	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return a->id;
	case REG_VERSION:
		return VERSION;
	default:
		return UINT32_MAX;
	}
}

static void write_data(struct ioapic *a, uint32_t value)
{
	if (is_entry(a->select))
		write_entry(a, a->select, value);
	else if (a->select == REG_ID)
		a->id = value & ID_MASK;
}

static uint64_t ioapic_read(struct device *dev, unsigned int window,
			    uint64_t off, unsigned int len)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	switch (off) {
	case WIN_SELECT:
		return a->select;
	case WIN_DATA:
		return read_data(a);
	default:
		return UINT64_MAX;
	}
}

/* Narrow writes count as their value with zeros above. */
static void ioapic_write(struct device *dev, unsigned int window, uint64_t off,
			 unsigned int len, uint64_t value)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	switch (off) {
	case WIN_SELECT:
		a->select = (uint8_t)value;
		break;
	case WIN_DATA:
		write_data(a, (uint32_t)value);
		break;
	case WIN_EOI:
		eoi(a, (uint8_t)value);
		break;
	default:
		break;
	}
}

static bool entry_ok(uint64_t entry)
{
	if (entry & ~(ENTRY_WRITABLE | ENTRY_REMOTE_IRR))
		return false;
	return !(entry & ENTRY_REMOTE_IRR) || entry & ENTRY_LEVEL;
}

/* Nothing is delivered: what was sent before is in the local APICs' state. */
static void load_pins(struct ioapic *a, const le64 *entries, uint32_t levels,
		      struct snap *s)
{
	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT; i++)
		if (!entry_ok(le64_get(entries[i])))
			snap_reject(s, "entries", "bits that cannot be");
	if (levels >> IOAPIC_PIN_COUNT)
		snap_reject(s, "levels", "pins that do not exist");
	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT && !snap_error(s); i++) {
		struct pin *p = &a->pin[i];
		struct ioapic_route r;

		p->entry = le64_get(entries[i]);
		p->level = levels >> i & 1;
		make_route(p, &r);
		if (a->sink.route)
			a->sink.route(a->sink.ctx, i, &r);
	}
}

static int ioapic_snapshot(struct device *dev, struct snap *s)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);
	le64 entries[IOAPIC_PIN_COUNT];
	uint32_t levels = 0;

	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT; i++) {
		entries[i] = le64_put(a->pin[i].entry);
		levels |= (uint32_t)a->pin[i].level << i;
	}
	snap_begin(s, "ioapic", 1);
	snap_u8(s, "select", &a->select);
	snap_u32(s, "id", &a->id);
	snap_bytes(s, "entries", entries, sizeof(entries));
	snap_u32(s, "levels", &levels);
	if (a->id & ~ID_MASK)
		snap_reject(s, "id", "bits that cannot be");
	if (snap_loading(s) && !snap_error(s))
		load_pins(a, entries, levels, s);
	snap_end(s);
	return snap_error(s);
}

static void ioapic_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct ioapic, dev));
}

static const struct device_ops ioapic_ops = {
	.name = "ioapic",
	.read = ioapic_read,
	.write = ioapic_write,
	.snapshot = ioapic_snapshot,
	.destroy = ioapic_destroy,
};

int ioapic_create(struct device **out, const char *id, struct ioapic_sink sink)
{
	struct ioapic *a = calloc(1, sizeof(*a));

	*out = NULL;
	if (!a)
		return -ENOMEM;
	device_init(&a->dev, &ioapic_ops, id);
	a->sink = sink;
	for (unsigned int i = 0; i < IOAPIC_PIN_COUNT; i++)
		a->pin[i] = (struct pin){
			.ioapic = a, .number = i, .entry = ENTRY_MASKED,
		};
	*out = &a->dev;
	return 0;
}

struct irq ioapic_irq(struct device *dev, unsigned int pin)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	assert(pin < IOAPIC_PIN_COUNT);
	return (struct irq){ .set = set_pin, .ctx = &a->pin[pin] };
}

void ioapic_eoi(struct device *dev, uint8_t vector)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	pthread_mutex_lock(&dev->lock);
	eoi(a, vector);
	pthread_mutex_unlock(&dev->lock);
}

void ioapic_get_route(struct device *dev, unsigned int pin,
		      struct ioapic_route *route)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	assert(pin < IOAPIC_PIN_COUNT);
	pthread_mutex_lock(&dev->lock);
	make_route(&a->pin[pin], route);
	pthread_mutex_unlock(&dev->lock);
}
