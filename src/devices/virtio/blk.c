// SPDX-License-Identifier: BSD-3-Clause
/*
 * See blk.h. A request's way: taken from the queue by handle(), checked, given
 * to the backend by submit(); block_kick() starts the batch; done() writes the
 * status byte and gives the chain back; signal() raises one interrupt per
 * queue and batch. Requests live in slots that were made with the device, and
 * that its queues share: what a guest can make us hold is bounded.
 */
#include "devices/virtio/blk.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "devices/virtio/blk_wire.h"

#define SLOTS_MAX   1024
#define NOT_WRITTEN 2 /* the driver has not chosen a cache mode */
#define SUBMITTED   (-1)

/* One request in flight. */
struct slot {
	struct block_req req;
	struct blk *blk;
	uint16_t queue;
	uint16_t number;
	uint8_t *status;     /* in guest RAM */
	uint64_t status_off; /* of the chain's writable bytes */
	struct chain chain;  /* its iov is the data's, for req */
};

struct blk {
	struct virtio v;
	uint8_t serial[BLK_SERIAL_LEN];
	uint8_t config[BLK_CONFIG_SIZE]; /* capacity, writeback: below */
	_Atomic uint64_t capacity;       /* sectors */
	_Atomic uint8_t writeback;       /* 0, 1, NOT_WRITTEN */
	struct loop_source *timer;       /* NULL: no rate limit */

	pthread_mutex_t lock; /* guards every field below, and the slots */
	struct block *block;  /* owned */
	bool running;
	bool throttled;    /* the timer is armed */
	bool flush_failed; /* sticky: completed writes may be lost */
	uint64_t signal;   /* queues with completions nobody was told of */
	uint64_t starved;  /* queues that wait for a slot */
	struct rate rate;
	unsigned int in_flight[BLK_MAX_QUEUES];

	struct slot *slots; /* owned */
	uint16_t free[SLOTS_MAX]; /* the numbers of those that are */
	unsigned int free_count;
};

static struct blk *to_blk(struct virtio *v)
{
	return container_of(v, struct blk, v);
}

/* Is a write done only when it is on the medium (5.2.5, 5.2.6.2)? */
static bool writethrough(const struct blk *blk)
{
	uint8_t writeback = atomic_load(&blk->writeback);

	if (virtio_has(&blk->v, BLK_F_CONFIG_WCE) && writeback != NOT_WRITTEN)
		return !writeback;
	return !virtio_has(&blk->v, BLK_F_FLUSH);
}

/* ---- completion ---- */

/* Of @data bytes written from the start on, and the status byte at @at: how
 * many lie before a gap. */
static uint32_t used_len(uint64_t data, uint64_t at)
{
	return (uint32_t)(data == at ? data + 1 : data);
}

static void complete(struct blk *blk, unsigned int n, const struct chain *c,
		     uint32_t len)
{
	queue_push(&blk->v.queue[n].ring, c, len);
	blk->signal |= UINT64_C(1) << n;
}

static void free_slot(struct blk *blk, struct slot *s)
{
	blk->free[blk->free_count++] = s->number;
	blk->in_flight[s->queue]--;
}

/* How the driver hears of @result; some of it concerns later requests. */
static uint8_t judge(struct blk *blk, const struct block_req *req, int result)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read", [BLOCK_WRITE] = "write",
		[BLOCK_FLUSH] = "flush", [BLOCK_DISCARD] = "discard",
		[BLOCK_WRITE_ZEROES] = "write-zeroes",
	};
	bool stable = req->op == BLOCK_FLUSH || req->flags & BLOCK_STABLE;

	if (result == 0)
		return BLK_S_OK;
	log_guest(blk->v.log, &blk->v.limit, "%s: %s failed at byte %llu: %s",
		  blk->v.id, names[req->op], (unsigned long long)req->off,
		  strerror(-result));
	if (stable && result != -ENOSPC && result != -EINVAL &&
	    result != -EROFS && !blk->flush_failed) {
		blk->flush_failed = true;
		log_error(blk->v.log,
			  "%s: completed writes may be lost; flushes fail until the device is reset",
			  blk->v.id);
	}
	return BLK_S_IOERR;
}

static void done(struct block_req *req, int result)
{
	struct slot *s = container_of(req, struct slot, req);
	struct blk *blk = s->blk;
	uint8_t status = judge(blk, req, result);
	bool filled = req->op == BLOCK_READ && status == BLK_S_OK;

	/* A device that needs a reset leaves the rings alone. */
	if (!virtio_broken(&blk->v)) {
		*s->status = status;
		complete(blk, s->queue, &s->chain,
			 used_len(filled ? req->len : 0, s->status_off));
	}
	free_slot(blk, s);
}

/* After completions: tells the driver, and whoever waits for a slot. */
static void settle(struct blk *blk)
{
	uint64_t set = blk->signal;

	blk->signal = 0;
	for (; set; set &= set - 1)
		virtio_queue_done(&blk->v,
				  (unsigned int)__builtin_ctzll(set));
	if (!blk->free_count)
		return;
	set = blk->starved;
	blk->starved = 0;
	for (; set; set &= set - 1)
		virtio_notify(&blk->v, (uint32_t)__builtin_ctzll(set));
}

/* ---- requests ---- */

/* Reads and writes: a whole number of sectors inside the disk. */
static int prepare_rw(struct slot *s, const struct chain *c, bool in,
		      uint64_t sector)
{
	struct block_req *req = &s->req;
	uint64_t head = sizeof(struct blk_header);

	req->op = in ? BLOCK_READ : BLOCK_WRITE;
	req->len = in ? s->status_off : c->out_len - head;
	if (req->len > UINT32_MAX - 1 || (in && c->out_len != head) ||
	    !mul_u64(sector, BLOCK_SECTOR, &req->off))
		return BLK_S_IOERR;
	if (writethrough(s->blk))
		req->flags = BLOCK_STABLE;
	req->iov = s->chain.iov;
	req->iovcnt = in ? chain_in(c, 0, req->len, req->iov, QUEUE_IOV_MAX) :
			   chain_out(c, head, req->len, req->iov,
				     QUEUE_IOV_MAX);
	return req->iovcnt > 0 ? SUBMITTED : BLK_S_IOERR;
}

/* Discard and write-zeroes: one range (5.2.6.2 on flags). */
static int prepare_range(struct slot *s, const struct chain *c, bool zeroes)
{
	struct blk *blk = s->blk;
	struct block_req *req = &s->req;
	struct blk_range range;
	uint32_t flags;

	if (!virtio_has(&blk->v, zeroes ? BLK_F_WRITE_ZEROES : BLK_F_DISCARD))
		return BLK_S_UNSUPP;
	if (c->out_len != sizeof(struct blk_header) + sizeof(range) ||
	    !chain_read(c, sizeof(struct blk_header), &range, sizeof(range)))
		return BLK_S_IOERR;
	flags = le32_get(range.flags);
	if (flags & ~(zeroes ? BLK_RANGE_UNMAP : 0))
		return BLK_S_UNSUPP;
	if (le32_get(range.sectors) > BLK_RANGE_MAX ||
	    !mul_u64(le64_get(range.sector), BLOCK_SECTOR, &req->off))
		return BLK_S_IOERR;
	req->op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD;
	req->len = (uint64_t)le32_get(range.sectors) * BLOCK_SECTOR;
	if (flags & BLK_RANGE_UNMAP)
		req->flags |= BLOCK_UNMAP;
	if (zeroes && writethrough(blk))
		req->flags |= BLOCK_STABLE;
	return SUBMITTED;
}

/* The serial number, as much of it as there is room for. */
static int get_id(struct slot *s, const struct chain *c, uint64_t *written)
{
	*written = min_u64(s->status_off, BLK_SERIAL_LEN);
	if (!*written || !chain_write(c, 0, s->blk->serial, *written))
		return BLK_S_IOERR;
	return BLK_S_OK;
}

/* SUBMITTED: s->req is to be carried out; else the status to give at once. */
static int prepare(struct slot *s, const struct chain *c, uint64_t *written)
{
	struct blk *blk = s->blk;
	struct blk_header h;
	uint32_t type;
	bool stable;
	int r;

	if (!chain_read(c, 0, &h, sizeof(h)))
		return BLK_S_IOERR;
	type = le32_get(h.type);
	if (block_info(blk->block)->read_only &&
	    (type == BLK_T_OUT || type == BLK_T_DISCARD ||
	     type == BLK_T_WRITE_ZEROES))
		return BLK_S_IOERR;
	switch (type) {
	case BLK_T_IN:
		return prepare_rw(s, c, true, le64_get(h.sector));
	case BLK_T_OUT:
		r = prepare_rw(s, c, false, le64_get(h.sector));
		break;
	case BLK_T_FLUSH:
		s->req.op = BLOCK_FLUSH;
		r = SUBMITTED;
		break;
	case BLK_T_GET_ID:
		return get_id(s, c, written);
	case BLK_T_DISCARD:
		return prepare_range(s, c, false);
	case BLK_T_WRITE_ZEROES:
		r = prepare_range(s, c, true);
		break;
	default:
		return BLK_S_UNSUPP;
	}
	stable = s->req.op == BLOCK_FLUSH || s->req.flags & BLOCK_STABLE;
	return r == SUBMITTED && stable && blk->flush_failed ? BLK_S_IOERR : r;
}

static struct slot *take_slot(struct blk *blk, unsigned int n,
			      const struct chain *c)
{
	uint16_t number = blk->free[--blk->free_count];
	struct slot *s = &blk->slots[number];

	blk->in_flight[n]++;
	s->blk = blk;
	s->queue = (uint16_t)n;
	s->number = number;
	s->req.done = done;
	s->req.flags = 0;
	s->req.off = 0;
	s->req.len = 0;
	s->req.iovcnt = 0;
	s->chain.head = c->head;
	s->chain.slots = c->slots;
	s->chain.out_len = c->out_len;
	s->chain.in_len = c->in_len;
	return s;
}

/* True when the request has to wait; settle() then looks again. */
static bool starved(struct blk *blk, unsigned int n)
{
	if (blk->free_count)
		return false;
	blk->starved |= UINT64_C(1) << n;
	return true;
}

/* The same; the timer looks again. */
static bool throttle(struct blk *blk, const struct chain *c)
{
	uint64_t ns;

	if (!blk->timer)
		return false;
	if (blk->throttled)
		return true;
	ns = rate_take(&blk->rate, c->in_len + c->out_len, clock_mono_ns());
	if (!ns)
		return false;
	blk->throttled = true;
	loop_arm(blk->timer, ns);
	return true;
}

static bool handle(struct virtio *v, unsigned int n, struct chain *c)
{
	struct blk *blk = to_blk(v);
	uint64_t written = 0;
	struct iovec at;
	struct slot *s;
	int status;

	/* Without a status byte, or a whole header, there is no request. */
	if (c->out_len < sizeof(struct blk_header) || !c->in_len ||
	    chain_in(c, c->in_len - 1, 1, &at, 1) != 1) {
		complete(blk, n, c, 0);
		return true;
	}
	if (starved(blk, n) || throttle(blk, c))
		return false;
	s = take_slot(blk, n, c);
	s->status = at.iov_base;
	s->status_off = c->in_len - 1;
	status = prepare(s, c, &written);
	if (status == SUBMITTED) {
		block_submit(blk->block, &s->req);
		return true;
	}
	*s->status = (uint8_t)status;
	complete(blk, n, c, used_len(written, s->status_off));
	free_slot(blk, s);
	return true;
}

/* ---- events; each takes the lock ---- */

static void serve(struct blk *blk, unsigned int n)
{
	virtio_service(&blk->v, n, VIRTIO_BUDGET, handle);
	block_kick(blk->block);
	settle(blk);
}

static void blk_kick(struct virtio *v, unsigned int n)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	if (blk->running && !blk->throttled)
		serve(blk, n);
	pthread_mutex_unlock(&blk->lock);
}

static void on_ready(void *ctx)
{
	struct blk *blk = ctx;

	pthread_mutex_lock(&blk->lock);
	block_reap(blk->block);
	settle(blk);
	pthread_mutex_unlock(&blk->lock);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct blk *blk = ctx;

	pthread_mutex_lock(&blk->lock);
	blk->throttled = false;
	for (unsigned int n = 0; n < blk->v.queues && blk->running &&
				 !blk->throttled; n++)
		serve(blk, n);
	pthread_mutex_unlock(&blk->lock);
}

static int blk_start(struct virtio *v)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	blk->running = true;
	blk->throttled = false;
	blk->starved = 0;
	pthread_mutex_unlock(&blk->lock);
	return 0;
}

static void blk_stop(struct virtio *v)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	blk->running = false;
	block_drain(blk->block);
	settle(blk);
	pthread_mutex_unlock(&blk->lock);
}

static void blk_stop_queue(struct virtio *v, unsigned int n)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	while (blk->in_flight[n])
		block_wait(blk->block);
	settle(blk);
	pthread_mutex_unlock(&blk->lock);
}

static void blk_reset(struct virtio *v)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	atomic_store(&blk->writeback, NOT_WRITTEN);
	blk->flush_failed = false;
	pthread_mutex_unlock(&blk->lock);
}

void blk_refresh(struct virtio *v)
{
	struct blk *blk = to_blk(v);

	pthread_mutex_lock(&blk->lock);
	block_drain(blk->block); /* the size is fixed while it is used */
	settle(blk);
	if (block_refresh(blk->block)) {
		virtio_config_begin(v);
		atomic_store(&blk->capacity,
			     block_info(blk->block)->size / BLOCK_SECTOR);
		virtio_config_end(v, true);
	}
	pthread_mutex_unlock(&blk->lock);
}

/* ---- configuration ---- */

static uint64_t blk_config_read(struct virtio *v, uint32_t off,
				unsigned int len)
{
	struct blk *blk = to_blk(v);
	uint8_t now[BLK_CONFIG_SIZE];
	le64 capacity = le64_put(atomic_load(&blk->capacity));
	uint64_t value = 0;

	memcpy(now, blk->config, sizeof(now));
	memcpy(&now[BLK_CAPACITY], capacity.b, sizeof(capacity.b));
	now[BLK_WRITEBACK] = !writethrough(blk);
	while (len--)
		value = value << 8 | now[off + len];
	return value;
}

static void blk_config_write(struct virtio *v, uint32_t off, unsigned int len,
			     uint64_t value)
{
	struct blk *blk = to_blk(v);

	if (off == BLK_WRITEBACK && len == 1 && value <= 1 &&
	    virtio_has(v, BLK_F_CONFIG_WCE))
		atomic_store(&blk->writeback, (uint8_t)value);
}

/* ---- life ---- */

static int blk_snapshot(struct virtio *v, struct snap *s)
{
	struct blk *blk = to_blk(v);
	uint8_t writeback = atomic_load(&blk->writeback);
	uint64_t capacity = atomic_load(&blk->capacity);

	snap_u64(s, "capacity", &capacity);
	snap_u8(s, "writeback", &writeback);
	snap_bool(s, "flush-failed", &blk->flush_failed);
	if (!snap_loading(s) || snap_error(s))
		return snap_error(s);
	if (capacity != atomic_load(&blk->capacity))
		snap_reject(s, "capacity", "is not this disk's");
	else if (writeback > NOT_WRITTEN)
		snap_reject(s, "writeback", "is no cache mode");
	else
		atomic_store(&blk->writeback, writeback);
	return snap_error(s);
}

static void blk_destroy(struct virtio *v)
{
	struct blk *blk = to_blk(v);

	loop_remove(blk->timer);
	block_destroy(blk->block);
	virtio_finish(v);
	free(blk->slots);
	pthread_mutex_destroy(&blk->lock);
	free(blk);
}

static const struct virtio_ops blk_ops = {
	.name = "blk",
	.type = VIRTIO_BLK,
	.queue_size = BLK_QUEUE_SIZE,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.start = blk_start,
	.stop = blk_stop,
	.reset = blk_reset,
	.kick = blk_kick,
	.stop_queue = blk_stop_queue,
	.snapshot = blk_snapshot,
	.destroy = blk_destroy,
};

static int make_slots(struct blk *blk, unsigned int queues, struct err *err)
{
	unsigned int count = (unsigned int)min_u64(queues * BLK_QUEUE_SIZE,
						   SLOTS_MAX);

	/* Untouched slots cost address space only. */
	blk->slots = calloc(count, sizeof(*blk->slots));
	if (!blk->slots)
		return err_set(err, -ENOMEM, "%s: out of memory", blk->v.id);
	while (count)
		blk->free[blk->free_count++] = (uint16_t)--count;
	return 0;
}

static void set_serial(struct blk *blk, const char *serial)
{
	memcpy(blk->serial, serial, strnlen(serial, BLK_SERIAL_LEN));
}

int blk_create(struct virtio **out, const struct blk_config *cfg,
	       struct block *block, const struct virtio_host *host,
	       struct err *err)
{
	unsigned int queues = cfg->queues ? cfg->queues : 1;
	struct blk *blk = calloc(1, sizeof(*blk));
	int r;

	*out = NULL;
	if (!blk || queues > BLK_MAX_QUEUES) {
		free(blk);
		block_destroy(block);
		return !blk ? err_set(err, -ENOMEM, "%s: out of memory",
				      host->id) :
			      err_set_key(err, -EINVAL, "disk",
					  "%s: %u queues; give at most %u",
					  host->id, queues, BLK_MAX_QUEUES);
	}
	blk->block = block;
	atomic_store(&blk->writeback, NOT_WRITTEN);
	atomic_store(&blk->capacity, block_info(block)->size / BLOCK_SECTOR);
	pthread_mutex_init(&blk->lock, NULL);
	rate_init(&blk->rate, &cfg->rate);
	set_serial(blk, cfg->serial ? cfg->serial : host->id);
	virtio_init(&blk->v, &blk_ops, host, queues, BLK_CONFIG_SIZE,
		    blk_fill_config(blk->config, block_info(block), queues));
	r = make_slots(blk, queues, err);
	if (r == 0 && rate_limited(&blk->rate)) {
		r = loop_add_timer(&blk->timer, host->loop, on_timer, blk);
		if (r < 0)
			err_set(err, r, "%s: its rate limit's timer: %s",
				host->id, strerror(-r));
	}
	if (r < 0) {
		blk_destroy(&blk->v);
		return r;
	}
	block_listen(block, on_ready, blk);
	*out = &blk->v;
	return 0;
}
