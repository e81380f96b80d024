// SPDX-License-Identifier: BSD-3-Clause
/*
 * See balloon.h. Which queue does what depends on the features: one that is
 * not negotiated leaves no gap in the numbers, whatever 5.5.2 says, because
 * that is how drivers count.
 *
 * The statistics queue works backwards: the driver's buffer is kept, and given
 * back to ask for a new one.
 */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/endian.h"
#include "base/num.h"

#define QUEUES	    4
#define CONFIG_SIZE 8	 /* num_pages, actual */
#define PAGES_MAX   4096 /* of one request; Linux sends 256 */
#define STATS_MAX   64	 /* entries that are looked at */
#define STAT_SIZE   10	 /* le16 tag, le64 value */
#define BUDGET	    8	 /* requests per wake-up */

enum role { INFLATE, DEFLATE, STATS, REPORTING, NONE };

struct balloon {
	struct virtio v;
	struct balloon_memory memory;
	uint32_t total; /* pages of RAM */
	_Atomic uint32_t target; /* pages */
	_Atomic uint32_t actual; /* pages, as the driver wrote it */
	struct loop_source *ask; /* timer: balloon_ask() on the loop's thread */

	pthread_mutex_t lock; /* guards every field below */
	bool running;
	bool held; /* a statistics buffer is kept: */
	uint16_t held_head;
	uint16_t held_slots;
	struct balloon_info info;
};

static struct balloon *balloon_of(struct virtio *v)
{
	return container_of(v, struct balloon, v);
}

static enum role role_of(const struct virtio *v, unsigned int n)
{
	bool stats = virtio_has(v, BALLOON_F_STATS);

	if (n < 2)
		return n ? DEFLATE : INFLATE;
	if (stats && n == 2)
		return STATS;
	if (virtio_has(v, BALLOON_F_REPORTING) && n == (stats ? 3 : 2))
		return REPORTING;
	return NONE;
}

/* ---- configuration space ---- */

static uint64_t config_read(struct virtio *v, uint32_t off, unsigned int len)
{
	struct balloon *b = balloon_of(v);
	uint64_t all = (uint64_t)atomic_load(&b->actual) << 32 |
		       atomic_load(&b->target);

	return all >> (8 * off);
}

/* Only `actual`, which old drivers write byte by byte. */
static void config_write(struct virtio *v, uint32_t off, unsigned int len,
			 uint64_t value)
{
	struct balloon *b = balloon_of(v);
	uint64_t mask = len < 8 ? (UINT64_C(1) << (8 * len)) - 1 : UINT64_MAX;
	uint64_t all = (uint64_t)atomic_load(&b->actual) << 32;

	all = (all & ~(mask << (8 * off))) | (value & mask) << (8 * off);
	atomic_store(&b->actual, (uint32_t)(all >> 32));
}

/* ---- giving memory back ---- */

static uint64_t discard(struct balloon *b, void *hva, uint64_t len)
{
	int64_t r = b->memory.discard(b->memory.ctx, hva, len);

	if (r < 0)
		log_guest(b->v.log, &b->v.limit,
			  "%s: the host does not take memory back (error %lld)",
			  b->v.id, (long long)-r);
	else
		mem_mark(b->v.mem, hva, len);
	return r < 0 ? 0 : (uint64_t)r;
}

/* A ring that turned to zeros would stop the device that was just asked. */
static bool holds_ring(const struct balloon *b, uint64_t gpa, uint64_t len)
{
	for (unsigned int n = 0; n < b->v.queues; n++)
		if (queue_ring_in(&b->v.queue[n].ring, gpa, len))
			return true;
	return false;
}

/* The host address of what may go back, or NULL. */
static void *spare(const struct balloon *b, uint64_t gpa, uint64_t len)
{
	void *hva = mem_ptr(b->v.mem, gpa, len);

	return hva && !holds_ring(b, gpa, len) ? hva : NULL;
}

/* @pages from page @first on. What is not RAM, or holds a ring of ours, is
 * ignored: page by page when the run as a whole cannot go. */
static void inflate(struct balloon *b, uint32_t first, uint32_t pages)
{
	uint64_t gpa = (uint64_t)first * BALLOON_PAGE;
	uint64_t len = (uint64_t)pages * BALLOON_PAGE;
	void *hva = spare(b, gpa, len);
	uint64_t given = 0;
	uint64_t ignored = 0;

	if (hva) {
		given = discard(b, hva, len);
	} else {
		for (uint32_t i = 0; i < pages; i++) {
			hva = spare(b, gpa + (uint64_t)i * BALLOON_PAGE,
				    BALLOON_PAGE);
			if (hva)
				given += discard(b, hva, BALLOON_PAGE);
			else
				ignored++;
		}
	}
	pthread_mutex_lock(&b->lock);
	b->info.inflated += given;
	b->info.ignored += ignored;
	pthread_mutex_unlock(&b->lock);
}

/* An array of page numbers; neighbours, up or down, go back as one run. A rest
 * that is no whole number is not looked at. */
static void inflate_chain(struct balloon *b, const struct chain *c)
{
	uint64_t count = min_u64(c->out_len / sizeof(le32), PAGES_MAX);
	uint32_t first = 0;
	uint32_t run = 0;
	le32 wire;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t page;

		if (!chain_read(c, i * sizeof(wire), &wire, sizeof(wire)))
			break;
		page = le32_get(wire);
		if (run && page == first + run && page > first) {
			run++;
		} else if (run && first && page == first - 1) {
			first = page;
			run++;
		} else {
			if (run)
				inflate(b, first, run);
			first = page;
			run = 1;
		}
	}
	if (run)
		inflate(b, first, run);
}

/* The buffers themselves are the free pages; the queue has checked that they
 * are RAM. */
static void report_chain(struct balloon *b, const struct chain *c)
{
	uint64_t given = 0;

	for (unsigned int i = 0; i < c->in_count; i++) {
		const struct iovec *iov = &c->iov[c->out_count + i];

		given += discard(b, iov->iov_base, iov->iov_len);
	}
	pthread_mutex_lock(&b->lock);
	b->info.reported += given;
	pthread_mutex_unlock(&b->lock);
}

/* ---- statistics ---- */

static void give_back_held(struct balloon *b, unsigned int n)
{
	struct chain c;

	c.head = b->held_head;
	c.slots = b->held_slots;
	c.out_count = 0;
	c.in_count = 0;
	c.out_len = 0;
	c.in_len = 0;
	queue_push(&b->v.queue[n].ring, &c, 0);
	b->held = false;
}

static void read_stats(struct balloon *b, const struct chain *c)
{
	uint64_t count = min_u64(c->out_len / STAT_SIZE, STATS_MAX);
	uint8_t entry[STAT_SIZE];

	b->info.stat_mask = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint16_t tag;

		if (!chain_read(c, i * STAT_SIZE, entry, sizeof(entry)))
			break;
		tag = le16_at(entry);
		if (tag >= BALLOON_STATS)
			continue;
		b->info.stat[tag] = le64_at(entry + 2);
		b->info.stat_mask |= 1u << tag;
	}
	b->info.stat_ms = clock_mono_ms();
}

/* A driver has one buffer here; when it makes another available, the one we
 * have goes back. */
static void stats_chain(struct balloon *b, unsigned int n,
			const struct chain *c)
{
	pthread_mutex_lock(&b->lock);
	if (b->held)
		give_back_held(b, n);
	read_stats(b, c);
	b->held_head = c->head;
	b->held_slots = c->slots;
	b->held = true;
	pthread_mutex_unlock(&b->lock);
}

static void on_ask(void *ctx, uint32_t events)
{
	struct balloon *b = ctx;
	bool asked = false;

	pthread_mutex_lock(&b->lock);
	if (b->running && b->held && virtio_queue_live(&b->v, STATS)) {
		give_back_held(b, STATS);
		asked = true;
	}
	if (asked)
		virtio_queue_done(&b->v, STATS);
	pthread_mutex_unlock(&b->lock);
}

/* ---- the device ---- */

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct balloon *b = balloon_of(v);
	enum role role = role_of(v, n);

	if (role == STATS) {
		stats_chain(b, n, c);
		return true;
	}
	if (role == INFLATE)
		inflate_chain(b, c);
	else if (role == REPORTING)
		report_chain(b, c);
	queue_push(&v->queue[n].ring, c, 0);
	return true;
}

static void kick(struct virtio *v, unsigned int n)
{
	virtio_service(v, n, BUDGET, handle);
}

static void set_running(struct balloon *b, bool on)
{
	pthread_mutex_lock(&b->lock);
	b->running = on;
	pthread_mutex_unlock(&b->lock);
}

static int start(struct virtio *v)
{
	set_running(balloon_of(v), true);
	return 0;
}

static void stop(struct virtio *v)
{
	set_running(balloon_of(v), false);
}

static void reset(struct virtio *v)
{
	struct balloon *b = balloon_of(v);

	atomic_store(&b->actual, 0);
	pthread_mutex_lock(&b->lock);
	b->held = false;
	b->info.stat_mask = 0;
	pthread_mutex_unlock(&b->lock);
}

/* A buffer that is kept must be the one that is in flight on its queue. */
static bool held_ok(const struct balloon *b)
{
	const struct virtio_queue *vq = &b->v.queue[STATS];
	const struct queue *q = &vq->ring;

	if (!b->held)
		return true;
	return virtio_has(&b->v, BALLOON_F_STATS) && vq->enabled &&
	       b->held_head < q->size && q->taken == b->held_slots &&
	       q->in_flight[b->held_head / 64] ==
		       UINT64_C(1) << b->held_head % 64;
}

static int snapshot(struct virtio *v, struct snap *s)
{
	struct balloon *b = balloon_of(v);
	uint32_t target = atomic_load(&b->target);
	uint32_t actual = atomic_load(&b->actual);

	snap_u32(s, "target", &target);
	snap_u32(s, "actual", &actual);
	pthread_mutex_lock(&b->lock);
	/* a queue that was stopped (FAILED) has forgotten its buffers */
	b->held = b->held && v->queue[STATS].enabled;
	snap_bool(s, "held", &b->held);
	snap_u16(s, "held-head", &b->held_head);
	snap_u16(s, "held-slots", &b->held_slots);
	if (snap_loading(s) && !snap_error(s)) {
		if (!held_ok(b))
			snap_reject(s, "held", "not in flight");
		atomic_store(&b->target, (uint32_t)min_u64(target, b->total));
		atomic_store(&b->actual, actual);
	}
	if (snap_error(s))
		b->held = false;
	pthread_mutex_unlock(&b->lock);
	return snap_error(s);
}

static void destroy(struct virtio *v)
{
	struct balloon *b = balloon_of(v);

	loop_remove(b->ask);
	virtio_finish(v);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static const struct virtio_ops balloon_ops = {
	.name = "balloon",
	.type = VIRTIO_BALLOON,
	.queue_size = BALLOON_QUEUE_SIZE,
	.config_read = config_read,
	.config_write = config_write,
	.start = start,
	.stop = stop,
	.reset = reset,
	.kick = kick,
	.snapshot = snapshot,
	.destroy = destroy,
};

int balloon_create(struct virtio **out, const struct balloon_config *cfg,
		   const struct virtio_host *host, struct err *err)
{
	struct balloon *b = calloc(1, sizeof(*b));

	*out = NULL;
	if (!b)
		return err_set(err, -ENOMEM, "%s: out of memory", host->id);
	pthread_mutex_init(&b->lock, NULL);
	virtio_init(&b->v, &balloon_ops, host, QUEUES, CONFIG_SIZE,
		    BALLOON_F_STATS | BALLOON_F_DEFLATE_ON_OOM |
			    BALLOON_F_REPORTING);
	b->memory = cfg->memory;
	b->total = (uint32_t)min_u64(mem_total(host->mem) / BALLOON_PAGE,
				     UINT32_MAX);
	atomic_store(&b->target, (uint32_t)min_u64(cfg->target / BALLOON_PAGE,
						   b->total));
	if (loop_add_timer(&b->ask, host->loop, on_ask, b) < 0) {
		destroy(&b->v);
		return err_set(err, -ENOMEM, "%s: no timer: out of memory or "
			       "descriptors", host->id);
	}
	*out = &b->v;
	return 0;
}

void balloon_set_target(struct virtio *v, uint64_t bytes)
{
	struct balloon *b = balloon_of(v);
	uint32_t pages = (uint32_t)min_u64(bytes / BALLOON_PAGE, b->total);

	if (atomic_exchange(&b->target, pages) != pages)
		virtio_config_changed(v);
}

void balloon_ask(struct virtio *v)
{
	loop_arm(balloon_of(v)->ask, 1);
}

void balloon_get_info(struct virtio *v, struct balloon_info *info)
{
	struct balloon *b = balloon_of(v);
	uint64_t actual = min_u64(atomic_load(&b->actual), b->total);

	pthread_mutex_lock(&b->lock);
	*info = b->info;
	pthread_mutex_unlock(&b->lock);
	info->target = (uint64_t)atomic_load(&b->target) * BALLOON_PAGE;
	info->actual = actual * BALLOON_PAGE;
}
