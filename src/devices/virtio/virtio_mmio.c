// SPDX-License-Identifier: BSD-3-Clause
/*
 * See virtio_mmio.h. Register offsets: virtio 1.2, 4.2.2.
 *
 * The interrupt status is atomic, because the loop's thread raises bits while a
 * vCPU acknowledges others. A bit is set before its edge, so a driver that
 * looks after an edge finds it.
 */
#include "devices/virtio/virtio_mmio.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

#define MAGIC      0x74726976u /* "virt" */
#define LAYOUT     2u
#define VENDOR     0x4f524956u /* "VIRO" */
#define CONFIG     0x100u /* the device type's space starts here */
#define NOTIFY     0x050u
#define IRQ_RING   1u
#define IRQ_CONFIG 2u

struct mmio {
	struct device dev;
	struct virtio *v; /* owned */
	uint64_t base;
	struct doorbell doorbell;
	int bell[VIRTIO_MAX_QUEUES]; /* attached descriptors, not owned; -1 */
	_Atomic uint32_t isr;

	pthread_mutex_t edge; /* two edges at once would be one */
	struct irq irq;
};

enum access { RO = 1, WO = 2, RW = 3 };

/* The registers that are nothing but one of the core's. */
static const struct {
	uint16_t off;
	uint8_t access;
	uint8_t reg;
} registers[] = {
	{ 0x008, RO, VREG_DEVICE_TYPE },
	{ 0x010, RO, VREG_DEVICE_FEATURES },
	{ 0x014, WO, VREG_DEVICE_FEATURES_SEL },
	{ 0x020, WO, VREG_DRIVER_FEATURES },
	{ 0x024, WO, VREG_DRIVER_FEATURES_SEL },
	{ 0x030, WO, VREG_QUEUE_SEL },
	{ 0x034, RO, VREG_QUEUE_SIZE_MAX },
	{ 0x038, WO, VREG_QUEUE_SIZE },
	{ 0x044, RW, VREG_QUEUE_ENABLE },
	{ 0x070, RW, VREG_STATUS },
	{ 0x080, WO, VREG_QUEUE_DESC_LO },
	{ 0x084, WO, VREG_QUEUE_DESC_HI },
	{ 0x090, WO, VREG_QUEUE_DRIVER_LO },
	{ 0x094, WO, VREG_QUEUE_DRIVER_HI },
	{ 0x0a0, WO, VREG_QUEUE_DEVICE_LO },
	{ 0x0a4, WO, VREG_QUEUE_DEVICE_HI },
	{ 0x0c0, RW, VREG_QUEUE_RESET },
	{ 0x0fc, RO, VREG_CONFIG_GENERATION },
};

/* The core's register at @off that allows @access; false: there is none. */
static bool find(uint64_t off, enum access access, enum vreg *reg)
{
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].off != off || !(registers[i].access & access))
			continue;
		*reg = registers[i].reg;
		return true;
	}
	return false;
}

static uint32_t read_register(struct mmio *m, uint64_t off)
{
	enum vreg reg;

	switch (off) {
	case 0x000:
		return MAGIC;
	case 0x004:
		return LAYOUT;
	case 0x00c:
		return VENDOR;
	case 0x060:
		return atomic_load(&m->isr);
	case 0x0b0: /* shared memory: no region has a length or a place */
	case 0x0b4:
	case 0x0b8:
	case 0x0bc:
		return UINT32_MAX;
	default:
		return find(off, RO, &reg) ? virtio_read(m->v, reg) : 0;
	}
}

static uint64_t mmio_read(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len)
{
	struct mmio *m = container_of(dev, struct mmio, dev);

	if (off >= CONFIG)
		return virtio_config_read(m->v, off - CONFIG, len);
	return len == 4 && off % 4 == 0 ? read_register(m, off) : 0;
}

static void mmio_write(struct device *dev, unsigned int window, uint64_t off,
		       unsigned int len, uint64_t value)
{
	struct mmio *m = container_of(dev, struct mmio, dev);
	enum vreg reg;

	if (off >= CONFIG)
		virtio_config_write(m->v, off - CONFIG, len, value);
	else if (len != 4)
		return;
	else if (off == NOTIFY)
		virtio_notify(m->v, (uint32_t)value);
	else if (off == 0x064)
		atomic_fetch_and(&m->isr, ~(uint32_t)value);
	else if (find(off, WO, &reg))
		virtio_write(m->v, reg, (uint32_t)value);
}

/* ---- for the core ---- */

static void raise_edge(struct mmio *m, uint32_t bit)
{
	atomic_fetch_or(&m->isr, bit);
	pthread_mutex_lock(&m->edge);
	irq_set(&m->irq, 1);
	irq_set(&m->irq, 0);
	pthread_mutex_unlock(&m->edge);
}

static void queue_irq(void *ctx, unsigned int n)
{
	raise_edge(ctx, IRQ_RING);
}

static void config_irq(void *ctx)
{
	raise_edge(ctx, IRQ_CONFIG);
}

static int doorbell(void *ctx, unsigned int n, int fd)
{
	struct mmio *m = ctx;
	uint64_t match = n;
	int old = m->bell[n];
	int r;

	if (!m->doorbell.set)
		return -ENOTSUP;
	if (old >= 0)
		m->doorbell.set(m->doorbell.ctx, old, m->base + NOTIFY, 4,
				&match, false);
	m->bell[n] = -1;
	if (fd < 0)
		return 0;
	r = m->doorbell.set(m->doorbell.ctx, fd, m->base + NOTIFY, 4, &match,
			    true);
	if (r == 0)
		m->bell[n] = fd;
	return r;
}

static void reset(void *ctx)
{
	struct mmio *m = ctx;

	atomic_store(&m->isr, 0);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_irq = queue_irq,
	.config_irq = config_irq,
	.doorbell = doorbell,
	.reset = reset,
};

/* ---- the device ---- */

/* An interrupt that was not acknowledged gets its edge once more: a driver
 * bears one too many, not one too few. */
static int mmio_snapshot(struct device *dev, struct snap *s)
{
	struct mmio *m = container_of(dev, struct mmio, dev);
	uint32_t isr = atomic_load(&m->isr);

	snap_begin(s, "virtio-mmio", 1);
	snap_u32(s, "isr", &isr);
	if (isr & ~(IRQ_RING | IRQ_CONFIG))
		snap_reject(s, "isr", "impossible");
	virtio_snapshot(m->v, s);
	snap_end(s);
	if (snap_loading(s) && !snap_error(s) && isr)
		raise_edge(m, isr);
	return snap_error(s);
}

static void mmio_pause(struct device *dev)
{
	virtio_pause(container_of(dev, struct mmio, dev)->v);
}

static void mmio_resume(struct device *dev)
{
	virtio_resume(container_of(dev, struct mmio, dev)->v);
}

static void mmio_destroy(struct device *dev)
{
	struct mmio *m = container_of(dev, struct mmio, dev);

	virtio_destroy(m->v);
	pthread_mutex_destroy(&m->edge);
	device_finish(dev);
	free(m);
}

static const struct device_ops mmio_ops = {
	.name = "virtio-mmio",
	.read = mmio_read,
	.write = mmio_write,
	.pause = mmio_pause,
	.resume = mmio_resume,
	.snapshot = mmio_snapshot,
	.destroy = mmio_destroy,
};

int virtio_mmio_create(struct device **out, struct virtio *v, uint64_t base,
		       struct irq irq, struct doorbell doorbell)
{
	struct mmio *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m) {
		virtio_destroy(v);
		return -ENOMEM;
	}
	device_init(&m->dev, &mmio_ops, v->id);
	pthread_mutex_init(&m->edge, NULL);
	m->v = v;
	m->base = base;
	m->irq = irq;
	m->doorbell = doorbell;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		m->bell[i] = -1;
	virtio_attach(v, &transport_ops, m);
	*out = &m->dev;
	return 0;
}
