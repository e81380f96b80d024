// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a guest can do to the entropy and balloon devices through the MMIO
 * transport: registers of any width, rings in its RAM, doorbells; and what
 * happens besides: pauses, saved states, a host that asks. The loop has no
 * thread here: events come when the program says so.
 *
 * The first byte chooses the device and its limits; then operations, see
 * step(). An odd one out: a whole valid set-up in one operation, so that
 * inputs come far.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/endian.h"
#include "base/num.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/virtio_mmio.h"
#include "fuzz.h"

#define RAM_GPA	  0x10000
#define RAM_SIZE  0x10000
#define RING_STEP 0x1000 /* between the parts of a queue, and the queues */
#define BASE	  UINT64_C(0xfeb00000)
#define NOTIFY	  0x050
#define STATUS	  0x070
#define MAX_STEPS 512
#define TIMERS	  2

/* ---- a loop without a thread ---- */

struct loop_source {
	loop_fn fn;
	void *ctx;
	struct loop *loop;
	bool timer;
	bool armed;
};

struct loop {
	struct loop_source *timer[TIMERS];
};

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	struct loop_source *s = calloc(1, sizeof(*s));

	must(s);
	*s = (struct loop_source){ fn, ctx, loop, false, false };
	*out = s;
	return 0;
}

int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx)
{
	unsigned int i = 0;

	loop_add(out, loop, -1, 0, fn, ctx);
	(*out)->timer = true;
	while (i < TIMERS && loop->timer[i])
		i++;
	must(i < TIMERS);
	loop->timer[i] = *out;
	return 0;
}

void loop_arm(struct loop_source *timer, uint64_t ns)
{
	must(timer->timer);
	timer->armed = ns > 0;
}

/* No type that lingers is driven by its doorbell here. */
void loop_again(struct loop_source *source)
{
	must(false);
}

void loop_remove(struct loop_source *source)
{
	for (unsigned int i = 0; source && i < TIMERS; i++)
		if (source->loop->timer[i] == source)
			source->loop->timer[i] = NULL;
	free(source);
}

/* The same bytes for the same input. */
ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	memset(buf, 0x5a, len);
	return (ssize_t)len;
}

/* ---- the machine ---- */

struct machine {
	struct loop loop;
	struct mem mem;
	uint8_t *ram;
	bool balloon;
	uint64_t rate;
	struct virtio *v;
	struct device *dev;
	int level;
	unsigned int edges;
	int bell[VIRTIO_MAX_QUEUES];
	unsigned int bells;
	bool no_bells;
};

static void set_irq(void *ctx, int level)
{
	struct machine *m = ctx;

	must(level != m->level);
	m->level = level;
	m->edges += level;
}

static int set_bell(void *ctx, int fd, uint64_t addr, uint32_t len,
		    const uint64_t *match, bool on)
{
	struct machine *m = ctx;

	must(addr == BASE + NOTIFY && len == 4 && match && fd >= 0);
	must(*match < m->v->queues);
	if (on && m->no_bells)
		return -1;
	must(m->bell[*match] == (on ? -1 : fd));
	m->bell[*match] = on ? fd : -1;
	m->bells += on ? 1u : -1u;
	return 0;
}

static int64_t discard(void *ctx, void *hva, uint64_t len)
{
	struct machine *m = ctx;
	uint64_t off = (uint64_t)((uint8_t *)hva - m->ram);

	must(range_ok(off, len, RAM_SIZE));
	memset(hva, 0, len);
	return (int64_t)len;
}

static struct machine *create(bool balloon, bool slow)
{
	struct machine *m = calloc(1, sizeof(*m));
	const struct virtio_host host = { "dev0", &m->mem, &m->loop, NULL };
	/* one byte a second: the first request passes, then none for ages */
	const struct rng_config rng = { slow ? 1 : UINT64_MAX };
	const struct balloon_config cfg = { { discard, m }, 0x3000 };
	int r;

	must(m);
	m->ram = calloc(1, RAM_SIZE);
	must(m->ram);
	must(mem_add(&m->mem, RAM_GPA, RAM_SIZE, m->ram) == 0);
	m->balloon = balloon;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		m->bell[i] = -1;
	if (balloon)
		r = balloon_create(&m->v, &cfg, &host, NULL);
	else
		r = rng_create(&m->v, &rng, &host, NULL);
	must(r == 0);
	r = virtio_mmio_create(&m->dev, m->v, BASE,
			       (struct irq){ set_irq, m },
			       (struct doorbell){ set_bell, m });
	must(r == 0);
	return m;
}

static void destroy(struct machine *m)
{
	device_destroy(m->dev);
	must(m->bells == 0 && m->level == 0);
	for (unsigned int i = 0; i < TIMERS; i++)
		must(!m->loop.timer[i]);
	free(m->ram);
	free(m);
}

static uint64_t get(struct machine *m, uint64_t off, unsigned int len)
{
	uint64_t v;

	pthread_mutex_lock(&m->dev->lock);
	v = m->dev->ops->read(m->dev, 0, off, len);
	pthread_mutex_unlock(&m->dev->lock);
	return v;
}

static void put(struct machine *m, uint64_t off, unsigned int len, uint64_t v)
{
	pthread_mutex_lock(&m->dev->lock);
	m->dev->ops->write(m->dev, 0, off, len, v);
	pthread_mutex_unlock(&m->dev->lock);
}

/* ---- promises ---- */

/* Each step of the status needs the one before. */
static void check_status(uint64_t s)
{
	must(!(s & ~UINT64_C(0xcf)));
	must(!(s & VIRTIO_S_DRIVER) || s & VIRTIO_S_ACKNOWLEDGE);
	must(!(s & VIRTIO_S_FEATURES_OK) || s & VIRTIO_S_DRIVER);
	must(!(s & VIRTIO_S_DRIVER_OK) || s & VIRTIO_S_FEATURES_OK);
}

static void check(struct machine *m)
{
	const struct virtio *v = m->v;
	uint64_t s = get(m, STATUS, 4);

	check_status(s);
	must(m->level == 0);
	must(get(m, 0x060, 4) <= 3);
	must(!(v->features & ~v->offered));
	must(!v->features == !(s & VIRTIO_S_FEATURES_OK));
	must(!v->started || s & VIRTIO_S_DRIVER_OK);
	for (unsigned int i = 0; i < v->queues; i++) {
		const struct virtio_queue *vq = &v->queue[i];

		must(!vq->enabled || s & VIRTIO_S_FEATURES_OK);
		must(!vq->enabled == !vq->ring.size);
		must(m->bell[i] < 0 || m->bell[i] == vq->doorbell_fd);
		must(vq->doorbell_fd < 0 || v->started);
		must(!vq->source || (v->started && !v->paused));
		must(vq->ring.size <= v->ops->queue_size);
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

static uint32_t ring_at(unsigned int queue)
{
	return RAM_GPA + queue * 3 * RING_STEP;
}

/* A driver that does everything right. @how: feature bits. */
static void set_up(struct machine *m, unsigned int how)
{
	uint32_t low = (how & 1 ? 1u << 28 : 0) | (how & 2 ? 1u << 29 : 0);

	if (m->balloon)
		low |= (how & 8 ? 0x02 : 0) | (how & 16 ? 0x20 : 0);
	put(m, STATUS, 4, 0);
	put(m, STATUS, 4, 1);
	put(m, STATUS, 4, 3);
	put(m, 0x024, 4, 0);
	put(m, 0x020, 4, low);
	put(m, 0x024, 4, 1);
	put(m, 0x020, 4, 1 | (how & 4));
	put(m, STATUS, 4, 11);
	must(get(m, STATUS, 4) == 11);
	for (unsigned int i = 0; i < m->v->queues; i++) {
		put(m, 0x030, 4, i);
		put(m, 0x038, 4, 8);
		put(m, 0x080, 4, ring_at(i));
		put(m, 0x090, 4, ring_at(i) + RING_STEP);
		put(m, 0x0a0, 4, ring_at(i) + 2 * RING_STEP);
		put(m, 0x044, 4, 1);
		must(get(m, 0x044, 4) == 1);
	}
	put(m, STATUS, 4, 15);
	must(get(m, STATUS, 4) == 15);
}

/* The doorbells that are attached, or the timers that are armed. */
static void pump(struct machine *m)
{
	for (unsigned int i = 0; i < m->v->queues; i++) {
		const struct loop_source *s = m->v->queue[i].source;

		if (s)
			s->fn(s->ctx, 1);
	}
	for (unsigned int i = 0; i < TIMERS; i++) {
		struct loop_source *s = m->loop.timer[i];

		if (!s || !s->armed)
			continue;
		s->armed = false;
		s->fn(s->ctx, 1);
	}
}

/* Saved here, loaded into another machine with the same RAM. */
static void round_trip(struct machine *m)
{
	struct machine *other = create(m->balloon, false);
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;
	int r;

	must(s);
	memcpy(other->ram, m->ram, RAM_SIZE);
	must(device_snapshot(m->dev, s) == 0);
	must(snap_finish(s, &blob, &len) == 0);
	must(snap_open(&load, blob, len, NULL) == 0);
	r = device_snapshot(other->dev, load);
	must(r == 0);
	must(snap_finish(load, NULL, NULL) == 0);
	/* a ring that is broken is found on either side, not by loading */
	must((get(other, STATUS, 4) | VIRTIO_S_NEEDS_RESET) ==
	     (get(m, STATUS, 4) | VIRTIO_S_NEEDS_RESET));
	check(other);
	pump(other);
	check(other);
	snap_destroy(load);
	snap_destroy(s);
	destroy(other);
}

/* A state with one byte changed: refused, or a machine that goes on. */
static void load_changed(struct machine *m, uint64_t at, uint8_t with)
{
	struct machine *other = create(m->balloon, false);
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	uint8_t *copy;
	size_t len;

	must(s);
	must(device_snapshot(m->dev, s) == 0);
	must(snap_finish(s, &blob, &len) == 0);
	copy = malloc(len);
	must(copy);
	memcpy(copy, blob, len);
	copy[at % len] ^= with;
	memcpy(other->ram, m->ram, RAM_SIZE);
	if (snap_open(&load, copy, len, NULL) == 0) {
		if (device_snapshot(other->dev, load) < 0)
			must(get(other, STATUS, 4) == 0);
		snap_destroy(load);
	}
	check(other);
	pump(other);
	check(other);
	free(copy);
	snap_destroy(s);
	destroy(other);
}

static void by_itself(struct machine *m, struct input *in)
{
	struct balloon_info info;
	unsigned int what = (unsigned int)take(in, 1);
	uint64_t at;

	switch (what & 7) {
	case 0:
		device_pause(m->dev);
		break;
	case 1:
		device_resume(m->dev);
		break;
	case 2:
		round_trip(m);
		break;
	case 3:
		at = take(in, 2);
		load_changed(m, at, (uint8_t)take(in, 1));
		break;
	case 4:
		virtio_fail(m->v, "fuzzed");
		break;
	case 5:
		m->no_bells = !m->no_bells;
		break;
	case 6:
		if (m->balloon)
			balloon_set_target(m->v, take(in, 4));
		else
			virtio_config_changed(m->v);
		break;
	default:
		if (!m->balloon)
			break;
		balloon_ask(m->v);
		balloon_get_info(m->v, &info);
		must(info.actual <= RAM_SIZE && info.target <= RAM_SIZE);
		break;
	}
}

/* One byte: what (3 bits), log2 of the width (2 bits), and the rest for what
 * does not need a width; then operands. */
static void step(struct machine *m, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);
	unsigned int len = 1u << (op >> 3 & 3);
	uint64_t off;

	switch (op & 7) {
	case 0:
		off = take(in, 1) & 0xfc;
		put(m, off, 4, take(in, 4));
		break;
	case 1:
		get(m, take(in, 1) & 0xfc, 4);
		break;
	case 2:
		off = take(in, 2) % (VIRTIO_MMIO_WINDOW_SIZE - len + 1);
		put(m, off, len, take(in, len));
		break;
	case 3:
		off = take(in, 2) % (VIRTIO_MMIO_WINDOW_SIZE - len + 1);
		get(m, off, len);
		break;
	case 4:
		off = take(in, 2);
		mem_write(&m->mem, RAM_GPA + off, &(uint64_t){ take(in, len) },
			  len);
		break;
	case 5:
		pump(m);
		break;
	case 6:
		by_itself(m, in);
		break;
	default:
		set_up(m, op >> 3);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned int first = (unsigned int)take(&in, 1);
	struct machine *m = create(first & 1, first & 2);

	for (unsigned int i = 0; i < MAX_STEPS && in.left; i++) {
		step(m, &in);
		check(m);
	}
	destroy(m);
	return 0;
}
