// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a guest can do to PCI and to virtio through it: two echo devices behind
 * a bridge. The input is a program: accesses to configuration space (by ECAM
 * and by ports), to the BARs and to RAM, and what a device does by itself. The
 * loop has no thread here: doorbells are looked at when the program says so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/virtio/virtio_pci.h"
#include "fuzz.h"
#include "pci_bench.h"

#define CARDS     2
#define QUEUES    2
#define RAM_GPA   0x10000
#define RAM_SIZE  0x10000
#define BAR_SIZE  0x8000
#define NOTIFY    0x3000
#define MAX_STEPS 512

struct card {
	struct virtio v;
	struct device *dev; /* the PCI function */
	struct fake_msi msi;
	struct fake_bells bells;
	uint8_t config[PCI_CONFIG_SIZE]; /* as built */
	uint32_t told; /* what the guest wrote into the configuration */
};

struct machine {
	struct pci_bench pci;
	struct mem mem;
	uint8_t *ram;
	struct card card[CARDS];
};

/* ---- a loop without a thread ---- */

struct loop_source {
	loop_fn fn;
	void *ctx;
};

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	*out = malloc(sizeof(**out));
	must(*out);
	**out = (struct loop_source){fn, ctx};
	return 0;
}

/* No type that lingers is driven by its doorbell here. */
void loop_again(struct loop_source *source)
{
	must(false);
}

void loop_remove(struct loop_source *source)
{
	free(source);
}

/* ---- the device type ---- */

static struct card *card_of(struct virtio *v)
{
	return container_of(v, struct card, v);
}

static uint64_t config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	must(off < 12 && len <= 12 - off);
	return card_of(v)->told;
}

static void config_write(struct virtio *v, uint32_t off, unsigned int len,
			 uint64_t value)
{
	must(off < 12 && len <= 12 - off);
	card_of(v)->told = (uint32_t)value;
}

static int start(struct virtio *v)
{
	return 0;
}

static void stop(struct virtio *v)
{
}

static void stop_queue(struct virtio *v, unsigned int n)
{
	must(n < QUEUES);
}

static bool echo(struct virtio *v, unsigned int n, struct chain *c)
{
	uint8_t bytes[64] = {0};
	uint32_t len = (uint32_t)min_u64(min_u64(c->out_len, c->in_len),
					 sizeof(bytes));

	if (!chain_read(c, 0, bytes, len) || !chain_write(c, 0, bytes, len))
		len = 0;
	queue_push(&v->queue[n].ring, c, len);
	return true;
}

static void kick(struct virtio *v, unsigned int n)
{
	must(n < QUEUES);
	virtio_service(v, n, VIRTIO_BUDGET, echo);
}

static int snapshot(struct virtio *v, struct snap *s)
{
	snap_u32(s, "told", &card_of(v)->told);
	return snap_error(s);
}

static void destroy(struct virtio *v)
{
	virtio_finish(v);
}

static const struct virtio_ops card_ops = {
	.name = "card",
	.type = VIRTIO_RNG,
	.queue_size = 16,
	.config_read = config_read,
	.config_write = config_write,
	.start = start,
	.stop = stop,
	.stop_queue = stop_queue,
	.kick = kick,
	.snapshot = snapshot,
	.destroy = destroy,
};

/* ---- the machine ---- */

static uint32_t slot_of(unsigned int i)
{
	return 3 + 4 * i; /* both on one line */
}

static void init_card(struct machine *m, unsigned int i)
{
	struct card *c = &m->card[i];
	const struct virtio_host host = {"card", &m->mem, NULL, NULL};
	int r;

	virtio_init(&c->v, &card_ops, &host, QUEUES, 12, 0);
	r = virtio_pci_create(&c->dev, &c->v, m->pci.bus, (int)slot_of(i),
			      fake_msi(&c->msi), fake_bells(&c->bells));
	must(r == 0);
	memcpy(c->config, m->pci.bus->slot[slot_of(i)]->config,
	       sizeof(c->config));
}

static struct machine *create(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	must(m);
	m->ram = calloc(1, RAM_SIZE);
	must(m->ram);
	must(mem_add(&m->mem, RAM_GPA, RAM_SIZE, m->ram) == 0);
	pci_bench_init(&m->pci);
	for (unsigned int i = 0; i < CARDS; i++)
		init_card(m, i);
	return m;
}

static void destroy_machine(struct machine *m)
{
	for (unsigned int i = CARDS; i-- > 0;) {
		device_destroy(m->card[i].dev);
		must(m->card[i].bells.count == 0);
		for (unsigned int n = 0; n < FAKE_VECTORS; n++)
			must(!m->card[i].msi.vector[n].routed);
	}
	must(m->pci.mmio.count == 1);
	for (unsigned int i = 0; i < PCI_LINES; i++)
		must(m->pci.line[i].level == 0);
	pci_bench_finish(&m->pci);
	free(m->ram);
	free(m);
}

/* ---- promises ---- */

static void check_bells(const struct card *c, const struct pci_bar *bar)
{
	for (unsigned int i = 0; i < c->bells.count; i++) {
		must(bar->mapped != PCI_NOWHERE);
		must(c->bells.bell[i].addr - bar->mapped - NOTIFY < QUEUES * 4);
	}
}

static bool vector_ok(uint16_t vector)
{
	return vector <= QUEUES || vector == VIRTIO_NO_VECTOR;
}

/* Bytes that are not the guest's are as they were. */
FUZZ_DULL static void check_config(const struct card *c,
				   const struct pci_function *f)
{
	for (unsigned int k = 0; k < PCI_CONFIG_SIZE; k += 8) {
		uint64_t now, then, writable;

		memcpy(&now, f->config + k, 8);
		memcpy(&then, c->config + k, 8);
		memcpy(&writable, f->writable + k, 8);
		if (k == PCI_STATUS / 8 * 8)
			writable |= UINT64_C(0xff) << PCI_STATUS % 8 * 8;
		must(!((now ^ then) & ~writable));
	}
}

static bool check_card(const struct machine *m, unsigned int i)
{
	const struct card *c = &m->card[i];
	const struct pci_function *f = m->pci.bus->slot[slot_of(i)];
	const struct pci_bar *bar = &f->bar[0];

	check_config(c, f);
	must(bar->mapped == PCI_NOWHERE ||
	     (bar->mapped == bar->wanted && bar->mapped >= BENCH_WINDOW &&
	      bar->mapped <= BENCH_WINDOW + BENCH_SIZE - BAR_SIZE));
	check_bells(c, bar);
	must(vector_ok(c->v.config_vector));
	for (unsigned int n = 0; n < QUEUES; n++)
		must(vector_ok(c->v.queue[n].vector));
	must(f->msix.vectors == QUEUES + 1);
	must(!(f->msix.pending[0] >> (QUEUES + 1)) && !f->msix.pending[1]);
	must(f->intx_raised == (f->intx && !f->intx_off && !f->msix.enabled));
	return f->intx_raised;
}

static void check(const struct machine *m)
{
	unsigned int raised = 0;

	for (unsigned int i = 0; i < CARDS; i++)
		raised += check_card(m, i);
	must(m->pci.line[3].level == (raised > 0));
	must(m->pci.line[0].rises + m->pci.line[1].rises +
		     m->pci.line[2].rises ==
	     0);
	for (unsigned int i = 1; i < m->pci.mmio.count; i++) {
		const struct bus_window *a = &m->pci.mmio.window[i - 1];

		must(m->pci.mmio.window[i].base - a->base >= a->size);
	}
}

/* ---- the program ---- */

struct input {
	const uint8_t *p;
	size_t left;
};

static uint64_t take(struct input *in, unsigned int len)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < len && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << (8 * i);
	return v;
}

static bool round_trip(struct device *from, struct device *to)
{
	struct snap *s[2] = {snap_create(), snap_create()};
	struct snap *load;
	const void *blob[2];
	size_t len[2];
	bool ok;

	must(s[0] && s[1]);
	must(device_snapshot(from, s[0]) == 0);
	must(snap_finish(s[0], &blob[0], &len[0]) == 0);
	must(snap_open(&load, blob[0], len[0], NULL) == 0);
	ok = device_snapshot(to, load) == 0;
	if (ok) {
		must(device_snapshot(to, s[1]) == 0);
		must(snap_finish(s[1], &blob[1], &len[1]) == 0);
		must(len[0] == len[1] && !memcmp(blob[0], blob[1], len[0]));
	}
	snap_destroy(load);
	snap_destroy(s[0]);
	snap_destroy(s[1]);
	return ok;
}

/* Saved here, loaded there: the same again, and a machine that goes on. */
static void check_snapshot(struct machine *m)
{
	struct machine *other = create();
	struct card *c = &m->card[0];

	memcpy(other->ram, m->ram, RAM_SIZE);
	must(round_trip(m->pci.host, other->pci.host));
	device_pause(c->dev);
	if (round_trip(c->dev, other->card[0].dev))
		device_resume(other->card[0].dev);
	else /* the guest's rings are not what they were when it started */
		must(c->v.queue[0].enabled || c->v.queue[1].enabled);
	device_resume(c->dev);
	destroy_machine(other);
}

static void pump(struct virtio *v)
{
	for (unsigned int n = 0; n < v->queues; n++) {
		const struct loop_source *s = v->queue[n].source;

		if (s)
			s->fn(s->ctx, 1);
	}
}

static void by_itself(struct machine *m, unsigned int what, struct card *c)
{
	struct virtio *v = &c->v;

	switch (what) {
	case 0:
	case 1:
		v->transport->queue_irq(v->transport_ctx, what);
		break;
	case 2:
		virtio_config_changed(v);
		break;
	case 3:
		virtio_fail(v, "fuzzed");
		break;
	case 4:
		c->msi.fail = c->msi.fail ? 0 : -28;
		break;
	case 5:
		c->bells.fail = c->bells.fail ? 0 : -28;
		break;
	case 6:
		check_snapshot(m);
		break;
	default:
		pump(v);
		break;
	}
}

static void access_bus(struct bus *bus, struct input *in, uint64_t addr,
		       unsigned int len, bool write)
{
	uint64_t value;

	if (write)
		bus_write(bus, addr, len, take(in, len));
	else
		bus_read(bus, addr, len, &value);
	must(write || len == 8 || value >> (8 * len) == 0);
}

static uint64_t bar_address(const struct machine *m, unsigned int card)
{
	return le32_at(m->pci.bus->slot[slot_of(card)]->config + PCI_BAR0) &
	       ~(uint64_t)(BAR_SIZE - 1);
}

/* One byte: what (3 bits), width (2), write, which card; then operands. */
static void step(struct machine *m, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);
	unsigned int len = 1u << (op >> 3 & 3);
	bool write = op >> 5 & 1;
	unsigned int card = op >> 6 & 1;
	struct bus *mmio = &m->pci.mmio;

	switch (op & 7) {
	case 0: /* this card's configuration space */
		access_bus(mmio, in,
			   BENCH_ECAM + (slot_of(card) << 15) +
				   (take(in, 1) | (take(in, 1) & 15) << 8),
			   len, write);
		break;
	case 1: /* anybody's */
		access_bus(mmio, in, BENCH_ECAM + take(in, 3) % PCI_ECAM_SIZE,
			   len, write);
		break;
	case 2:
		access_bus(&m->pci.pio, in, BENCH_PORT + (take(in, 1) & 7), len,
			   write);
		break;
	case 3: /* the common configuration */
		access_bus(mmio, in,
			   bar_address(m, card) + (take(in, 1) & 0x3f), len,
			   write);
		break;
	case 4: /* anything of the BAR */
		access_bus(mmio, in,
			   bar_address(m, card) + take(in, 2) % BAR_SIZE, len,
			   write);
		break;
	case 5:
		mem_write(&m->mem, RAM_GPA + take(in, 2),
			  &(uint64_t){take(in, len)}, len);
		break;
	case 6:
		by_itself(m, (unsigned int)take(in, 1) & 7, &m->card[card]);
		break;
	default: /* anywhere */
		access_bus(mmio, in, take(in, 4), len, write);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct machine *m = create();

	for (unsigned int i = 0; i < MAX_STEPS && in.left; i++) {
		step(m, &in);
		check(m);
	}
	destroy_machine(m);
	return 0;
}
