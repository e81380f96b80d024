// SPDX-License-Identifier: BSD-3-Clause
/*
 * See virtio_pci.h. One BAR holds everything: the four structures of virtio
 * 1.2, 4.1.4, a page each, then MSI-X's table and pending bits. The device's
 * lock guards the registers; irq_lock the ISR, which completions set from any
 * thread.
 */
#include "devices/virtio/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"

/* The BAR */
#define BAR         0
#define BAR_SIZE    0x8000
#define REGION_SIZE 0x1000
#define NOTIFY_STEP 4 /* notify_off_multiplier */
#define COMMON_SIZE 0x40

enum region {
	REGION_COMMON,
	REGION_ISR,
	REGION_DEVICE,
	REGION_NOTIFY,
	REGION_TABLE, /* MSI-X */
	REGION_PENDING,
};

/* Vendor capabilities, 4.1.4: cfg_type, and offsets from their start */
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_ISR    3
#define CAP_DEVICE 4
#define CAP_PCI    5
#define CAP_BAR    4
#define CAP_OFFSET 8
#define CAP_LENGTH 12
#define CAP_DATA   16

#define ISR_QUEUE  1u
#define ISR_CONFIG 2u

#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_DEVICE_VIRTIO 0x1040 /* + the type */

/* One structure or PCI access capability after its two header bytes. */
struct cap_body {
	uint8_t len;
	uint8_t type;
	uint8_t bar;
	uint8_t id;
	uint8_t pad[2];
	le32 offset;
	le32 length;
	le32 extra; /* the notify multiplier, or pci_cfg_data */
};

#define CAP_SHORT (2 + offsetof(struct cap_body, extra))
#define CAP_LONG  (2 + sizeof(struct cap_body))

struct virtio_pci {
	struct device dev;
	struct pci_function fn;
	struct virtio *v; /* owned */
	struct doorbell doorbell;
	unsigned int access_cap; /* the PCI_CFG capability */

	/* doorbells: the core's eventfds, and where they are registered */
	uint64_t base;                   /* of the BAR, or PCI_NOWHERE */
	int bell[VIRTIO_MAX_QUEUES];     /* not owned; -1: none */
	bool ringing[VIRTIO_MAX_QUEUES]; /* registered at base */

	pthread_mutex_t irq_lock; /* guards isr and its level */
	uint8_t isr;
};

/* ---- common configuration, 4.1.4.3 ---- */

struct field {
	uint8_t off;
	uint8_t len;
	enum vreg reg;
};

/* queue_notif_config_data and the administration queue's fields, whose features
 * are not offered, read 0 as all offsets do that are not here. */
static const struct field fields[] = {
	{0x00, 4, VREG_DEVICE_FEATURES_SEL},
	{0x04, 4, VREG_DEVICE_FEATURES},
	{0x08, 4, VREG_DRIVER_FEATURES_SEL},
	{0x0c, 4, VREG_DRIVER_FEATURES},
	{0x10, 2, VREG_CONFIG_VECTOR},
	{0x12, 2, VREG_NUM_QUEUES},
	{0x14, 1, VREG_STATUS},
	{0x15, 1, VREG_CONFIG_GENERATION},
	{0x16, 2, VREG_QUEUE_SEL},
	{0x18, 2, VREG_QUEUE_SIZE},
	{0x1a, 2, VREG_QUEUE_VECTOR},
	{0x1c, 2, VREG_QUEUE_ENABLE},
	{0x1e, 2, VREG_QUEUE_NOTIFY_OFF},
	{0x20, 4, VREG_QUEUE_DESC_LO},
	{0x24, 4, VREG_QUEUE_DESC_HI},
	{0x28, 4, VREG_QUEUE_DRIVER_LO},
	{0x2c, 4, VREG_QUEUE_DRIVER_HI},
	{0x30, 4, VREG_QUEUE_DEVICE_LO},
	{0x34, 4, VREG_QUEUE_DEVICE_HI},
	{0x3a, 2, VREG_QUEUE_RESET},
};

/* 4.1.3.1: fields are accessed by their own width; the addresses by halves. An
 * 8-byte access to an address is both. */
static const struct field *find_field(uint64_t off, unsigned int len)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].off == off)
			return fields[i].len == len ? &fields[i] : NULL;
	return NULL;
}

static bool is_address(uint64_t off, unsigned int len)
{
	return len == 8 && off >= 0x20 && off < 0x38 && off % 8 == 0;
}

static uint64_t read_common(struct virtio_pci *p, uint64_t off,
			    unsigned int len)
{
	const struct field *f;

	if (is_address(off, len))
		return read_common(p, off, 4) | read_common(p, off + 4, 4)
							<< 32;
	f = find_field(off, len);
	return f ? virtio_read(p->v, f->reg) : 0;
}

/* A vector that is not in the table is none, 4.1.5.1.2. */
static void write_field(struct virtio_pci *p, enum vreg reg, uint32_t value)
{
	if ((reg == VREG_CONFIG_VECTOR || reg == VREG_QUEUE_VECTOR) &&
	    value >= p->fn.msix.vectors)
		value = VIRTIO_NO_VECTOR;
	virtio_write(p->v, reg, value);
}

static void write_common(struct virtio_pci *p, uint64_t off, unsigned int len,
			 uint64_t value)
{
	const struct field *f;

	if (is_address(off, len)) {
		write_common(p, off, 4, (uint32_t)value);
		write_common(p, off + 4, 4, value >> 32);
		return;
	}
	f = find_field(off, len);
	if (f)
		write_field(p, f->reg, (uint32_t)value);
}

/* ---- interrupts ---- */

static void raise_isr(struct virtio_pci *p, uint8_t bit)
{
	pthread_mutex_lock(&p->irq_lock);
	p->isr |= bit;
	pci_intx(&p->fn, true);
	pthread_mutex_unlock(&p->irq_lock);
}

/* Reading is acknowledging, 4.1.4.5. */
static uint8_t take_isr(struct virtio_pci *p)
{
	uint8_t isr;

	pthread_mutex_lock(&p->irq_lock);
	isr = p->isr;
	p->isr = 0;
	pci_intx(&p->fn, false);
	pthread_mutex_unlock(&p->irq_lock);
	return isr;
}

static void queue_irq(void *ctx, unsigned int n)
{
	struct virtio_pci *p = ctx;

	if (!pci_msix_signal(&p->fn, atomic_load(&p->v->queue[n].vector)))
		raise_isr(p, ISR_QUEUE);
}

static void config_irq(void *ctx)
{
	struct virtio_pci *p = ctx;

	raise_isr(p, ISR_CONFIG);
	pci_msix_signal(&p->fn, atomic_load(&p->v->config_vector));
}

/* The core has set the vectors back. */
static void reset(void *ctx)
{
	take_isr(ctx);
}

/* ---- doorbells, 4.1.4.4: an address per queue ---- */

static uint64_t bell_offset(unsigned int n)
{
	return (uint64_t)REGION_NOTIFY * REGION_SIZE +
	       (uint64_t)n * NOTIFY_STEP;
}

/* Without an eventfd there, writes come to write_notify(). */
static int ring(struct virtio_pci *p, unsigned int n, bool on)
{
	int r = -ENOSYS;

	if (p->ringing[n] == on)
		return 0;
	if (p->doorbell.set)
		r = p->doorbell.set(p->doorbell.ctx, p->bell[n],
				    p->base + bell_offset(n), 2, NULL, on);
	p->ringing[n] = on && r == 0;
	return r;
}

/* While the BAR is nowhere there is nothing to register; that is no failure. */
static int doorbell(void *ctx, unsigned int n, int fd)
{
	struct virtio_pci *p = ctx;

	ring(p, n, false);
	p->bell[n] = fd;
	return fd < 0 || p->base == PCI_NOWHERE ? 0 : ring(p, n, true);
}

static void moved(struct pci_function *f, unsigned int bar, uint64_t base)
{
	struct virtio_pci *p = container_of(f, struct virtio_pci, fn);

	if (base == PCI_NOWHERE)
		for (unsigned int n = 0; n < VIRTIO_MAX_QUEUES; n++)
			ring(p, n, false);
	p->base = base;
	for (unsigned int n = 0; n < VIRTIO_MAX_QUEUES; n++)
		if (base != PCI_NOWHERE && p->bell[n] >= 0)
			ring(p, n, true);
}

/* The address says which queue; a value that says another is the driver's
 * mistake, and costs it a look at an empty ring. */
static void write_notify(struct virtio_pci *p, uint64_t off, unsigned int len)
{
	if (len == 2 && off % NOTIFY_STEP == 0)
		virtio_notify(p->v, (uint32_t)(off / NOTIFY_STEP));
}

/* ---- the BAR ---- */

static uint64_t read_bar(struct virtio_pci *p, uint64_t off, unsigned int len)
{
	uint64_t at = off % REGION_SIZE;

	switch (off / REGION_SIZE) {
	case REGION_COMMON:
		return read_common(p, at, len);
	case REGION_ISR:
		return at == 0 ? take_isr(p) : 0;
	case REGION_DEVICE:
		return virtio_config_read(p->v, at, len);
	case REGION_TABLE:
		return pci_msix_read_table(&p->fn, at, len);
	case REGION_PENDING:
		return pci_msix_read_pending(&p->fn, at, len);
	default:
		return 0;
	}
}

static void write_bar(struct virtio_pci *p, uint64_t off, unsigned int len,
		      uint64_t value)
{
	uint64_t at = off % REGION_SIZE;

	switch (off / REGION_SIZE) {
	case REGION_COMMON:
		write_common(p, at, len, value);
		break;
	case REGION_DEVICE:
		virtio_config_write(p->v, at, len, value);
		break;
	case REGION_NOTIFY:
		write_notify(p, at, len);
		break;
	case REGION_TABLE:
		pci_msix_write_table(&p->fn, at, len, value);
		break;
	default:
		break;
	}
}

static uint64_t bar_read(struct device *dev, unsigned int window, uint64_t off,
			 unsigned int len)
{
	return read_bar(container_of(dev, struct virtio_pci, dev), off, len);
}

static void bar_write(struct device *dev, unsigned int window, uint64_t off,
		      unsigned int len, uint64_t value)
{
	write_bar(container_of(dev, struct virtio_pci, dev), off, len, value);
}

/* ---- the window in configuration space, 4.1.4.9 ---- */

/* Its registers as the driver left them. False: they point nowhere; only the
 * four structures of the BAR can be reached. */
static bool access_window(const struct virtio_pci *p, uint32_t *off,
			  uint32_t *len)
{
	const uint8_t *cap = p->fn.config + p->access_cap;

	*off = le32_at(cap + CAP_OFFSET);
	*len = le32_at(cap + CAP_LENGTH);
	return cap[CAP_BAR] == BAR && (*len == 1 || *len == 2 || *len == 4) &&
	       *off % *len == 0 &&
	       range_ok(*off, *len, (uint64_t)REGION_TABLE * REGION_SIZE);
}

static bool is_data(const struct virtio_pci *p, unsigned int off,
		    unsigned int len)
{
	return ranges_meet(off, len, p->access_cap + CAP_DATA, 4);
}

static void config_read(struct pci_function *f, unsigned int off,
			unsigned int len)
{
	struct virtio_pci *p = container_of(f, struct virtio_pci, fn);
	uint64_t value = UINT64_MAX;
	uint32_t at;
	uint32_t n = 4;

	if (!is_data(p, off, len))
		return;
	if (access_window(p, &at, &n))
		value = read_bar(p, at, n);
	else
		n = 4;
	for (uint32_t i = 0; i < n; i++)
		f->config[p->access_cap + CAP_DATA + i] =
			(uint8_t)(value >> (8 * i));
}

static void config_written(struct pci_function *f, unsigned int off,
			   unsigned int len)
{
	struct virtio_pci *p = container_of(f, struct virtio_pci, fn);
	uint64_t value;
	uint32_t at;
	uint32_t n;

	if (!is_data(p, off, len) || !access_window(p, &at, &n))
		return;
	value = le32_at(f->config + p->access_cap + CAP_DATA);
	write_bar(p, at, n, value & (UINT64_MAX >> (64 - 8 * n)));
}

/* ---- pause and snapshot ---- */

static void pause_device(struct device *dev)
{
	virtio_pause(container_of(dev, struct virtio_pci, dev)->v);
}

static void resume_device(struct device *dev)
{
	struct virtio_pci *p = container_of(dev, struct virtio_pci, dev);

	virtio_resume(p->v);
	pci_function_resume(&p->fn);
}

/* The function first: the core finds the BAR, and with it the doorbells, and
 * the vectors in their place. */
static int snapshot(struct device *dev, struct snap *s)
{
	struct virtio_pci *p = container_of(dev, struct virtio_pci, dev);
	uint8_t isr;

	pthread_mutex_lock(&p->irq_lock);
	isr = p->isr;
	pthread_mutex_unlock(&p->irq_lock);
	snap_begin(s, "virtio-pci", 1);
	snap_u8(s, "isr", &isr);
	if (isr & ~(ISR_QUEUE | ISR_CONFIG))
		snap_reject(s, "isr", "impossible");
	pci_function_snapshot(&p->fn, s);
	virtio_snapshot(p->v, s);
	snap_end(s);
	if (snap_loading(s) && !snap_error(s) && isr)
		raise_isr(p, isr);
	return snap_error(s);
}

/* ---- building ---- */

static unsigned int add_cap(struct virtio_pci *p, uint8_t type,
			    enum region region, uint32_t length, uint32_t extra)
{
	bool is_long = type == CAP_NOTIFY || type == CAP_PCI;
	const struct cap_body body = {
		.len = (uint8_t)(is_long ? CAP_LONG : CAP_SHORT),
		.type = type,
		.bar = BAR,
		.offset = le32_put(region * REGION_SIZE),
		.length = le32_put(length),
		.extra = le32_put(extra),
	};

	return pci_add_cap(&p->fn, PCI_CAP_VENDOR, &body, body.len - 2u);
}

static void add_caps(struct virtio_pci *p, struct msi msi)
{
	const struct virtio *v = p->v;

	add_cap(p, CAP_COMMON, REGION_COMMON, COMMON_SIZE, 0);
	add_cap(p, CAP_NOTIFY, REGION_NOTIFY, v->queues * NOTIFY_STEP,
		NOTIFY_STEP);
	add_cap(p, CAP_ISR, REGION_ISR, 1, 0);
	if (v->config_size)
		add_cap(p, CAP_DEVICE, REGION_DEVICE, v->config_size, 0);
	p->access_cap = add_cap(p, CAP_PCI, REGION_COMMON, 0, 0);
	pci_set_writable(&p->fn, p->access_cap + CAP_BAR, 1);
	pci_set_writable(&p->fn, p->access_cap + CAP_OFFSET, 12);
	pci_add_bar(&p->fn, BAR, BAR_SIZE, 0);
	/* One vector per queue and one for the configuration. */
	if (msi.route)
		pci_add_msix(&p->fn, v->queues + 1, BAR,
			     REGION_TABLE * REGION_SIZE,
			     REGION_PENDING * REGION_SIZE, msi);
}

/* What the function is to those who have no virtio driver. */
static uint32_t class_code(enum virtio_type type)
{
	switch (type) {
	case VIRTIO_NET:
		return 0x020000; /* Ethernet */
	case VIRTIO_BLK:
	case VIRTIO_FS:
		return 0x018000; /* mass storage, other */
	case VIRTIO_CONSOLE:
	case VIRTIO_VSOCK:
		return 0x078000; /* simple communication, other */
	default:
		return 0xff0000;
	}
}

static void destroy(struct device *dev)
{
	struct virtio_pci *p = container_of(dev, struct virtio_pci, dev);

	virtio_destroy(p->v); /* it may still take its doorbells off */
	p->v = NULL;
	pci_function_finish(&p->fn);
	pthread_mutex_destroy(&p->irq_lock);
	device_finish(dev);
	free(p);
}

static const struct device_ops virtio_pci_ops = {
	.name = "virtio-pci",
	.read = bar_read,
	.write = bar_write,
	.pause = pause_device,
	.resume = resume_device,
	.snapshot = snapshot,
	.destroy = destroy,
};

static const struct pci_function_ops function_ops = {
	.moved = moved,
	.config_read = config_read,
	.config_written = config_written,
};

static const struct virtio_transport_ops transport_ops = {
	.queue_irq = queue_irq,
	.config_irq = config_irq,
	.doorbell = doorbell,
	.reset = reset,
};

int virtio_pci_create(struct device **out, struct virtio *v,
		      struct pci_bus *bus, int slot, struct msi msi,
		      struct doorbell doorbell)
{
	struct virtio_pci *p = calloc(1, sizeof(*p));
	const uint16_t id = (uint16_t)(PCI_DEVICE_VIRTIO + v->ops->type);
	int r;

	*out = NULL;
	if (!p) {
		virtio_destroy(v);
		return -ENOMEM;
	}
	device_init(&p->dev, &virtio_pci_ops, v->id);
	pci_function_init(&p->fn, &p->dev, &function_ops,
			  &(struct pci_id){
				  .vendor = PCI_VENDOR_VIRTIO,
				  .device = id,
				  .subsystem_vendor = PCI_VENDOR_VIRTIO,
				  .subsystem = id,
				  .class_code = class_code(v->ops->type),
				  .revision = 1,
			  });
	pthread_mutex_init(&p->irq_lock, NULL);
	p->v = v;
	p->doorbell = doorbell;
	p->base = PCI_NOWHERE;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		p->bell[i] = -1;
	virtio_attach(v, &transport_ops, p);
	add_caps(p, msi);
	r = pci_attach(bus, &p->fn, slot);
	if (r < 0) {
		destroy(&p->dev);
		return r;
	}
	*out = &p->dev;
	return 0;
}
