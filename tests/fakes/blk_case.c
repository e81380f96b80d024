// SPDX-License-Identifier: BSD-3-Clause
#include "blk_case.h"

#include <stdlib.h>
#include <string.h>

#define RUNNING                                       \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |     \
	 VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)

static void on_line(void *ctx, int level, const char *line)
{
	struct blk_case *c = ctx;

	c->lines++;
	c->errors += level == LOG_LEVEL_ERROR;
}

static void make(struct blk_case *c, struct block *block,
		 const struct blk_config *cfg)
{
	const struct virtio_host host = { "disk0", &c->ram.mem, c->loop,
					  &c->log };
	struct virtio *v;
	struct err err;

	if (blk_create(&v, cfg, block, &host, &err) < 0)
		fail_msg("%s", err.text);
	c->block = block;
	block->gone = &c->gone;
	front_init(&c->front, v, c->mmio);
}

static void finish_rings(struct blk_case *c)
{
	for (unsigned int i = 0; i < CASE_QUEUES && c->rings; i++)
		driver_ring_finish(&c->ring[i]);
	c->rings = false;
}

static int setup(void **state, bool packed)
{
	const struct blk_config cfg = { .queues = CASE_QUEUES,
					.serial = "a serial number" };
	struct blk_case *c = calloc(1, sizeof(*c));

	*state = c;
	assert_non_null(c);
	c->mmio = packed;
	c->packed = packed ? VIRTIO_F_RING_PACKED : 0;
	c->log = (struct log){ LOG_LEVEL_DEBUG, on_line, c };
	driver_ram_init(&c->ram);
	assert_int_equal(loop_create(&c->loop, NULL), 0);
	make(c, fake_block(CASE_SIZE, false), &cfg);
	blk_run(c, ALL_FEATURES);
	front_sync(&c->front); /* the kick at the start */
	return 0;
}

int blk_setup_split(void **state)
{
	return setup(state, false);
}

int blk_setup_packed(void **state)
{
	return setup(state, true);
}

int blk_teardown(void **state)
{
	struct blk_case *c = *state;

	c->block->hold = false;
	front_finish(&c->front);
	assert_true(c->gone);
	loop_destroy(c->loop);
	finish_rings(c);
	driver_ram_finish(&c->ram);
	free(c);
	return 0;
}

void blk_replace(struct blk_case *c, struct block *block,
		 const struct blk_config *cfg)
{
	front_finish(&c->front);
	make(c, block, cfg);
}

void blk_run(struct blk_case *c, uint64_t features)
{
	struct virtio *v = c->front.v;
	struct queue_features f;

	assert_true(front_negotiate(&c->front,
				    (features & v->offered) | c->packed));
	finish_rings(c);
	driver_ram_clear(&c->ram);
	c->header = driver_ram_alloc(&c->ram, 16, 16);
	blk_put_header(c, BLK_T_IN, 0);
	c->data = driver_ram_alloc(&c->ram, CASE_DATA, 4096);
	c->status = driver_ram_alloc(&c->ram, 1024, 16);
	f = front_ring_features(&c->front);
	for (unsigned int i = 0; i < CASE_QUEUES; i++) {
		driver_ring_init(&c->ring[i], &c->ram, 64, &f);
		if (i < v->queues)
			assert_true(front_queue(&c->front, i,
						&c->ring[i].params));
	}
	c->rings = true;
	front_set(&c->front, VREG_STATUS, RUNNING);
	assert_int_equal(front_get(&c->front, VREG_STATUS), RUNNING);
}

void blk_put_header(struct blk_case *c, uint32_t type, uint64_t sector)
{
	const struct blk_header h = { le32_put(type), le32_put(0),
				      le64_put(sector) };

	memcpy(driver_ram_at(&c->ram, c->header, sizeof(h)), &h, sizeof(h));
}

void *blk_data(struct blk_case *c)
{
	return driver_ram_at(&c->ram, c->data, CASE_DATA);
}

struct blk_answer blk_chain(struct blk_case *c, unsigned int n,
			    const struct driver_buf *bufs, unsigned int count)
{
	uint8_t *status = driver_ram_at(&c->ram, c->status, 1024);
	struct blk_answer a = { 0 };
	struct driver_done done;
	int head;

	memset(status, UNTOUCHED, 1024);
	head = driver_post(&c->ring[n], bufs, count);
	assert_true(head >= 0);
	front_kick(&c->front, n);
	front_sync(&c->front);
	a.came = driver_collect(&c->ring[n], &done);
	a.status = status[0];
	if (a.came) {
		assert_int_equal(done.head, head);
		a.len = done.len;
	}
	return a;
}

struct blk_answer blk_ask(struct blk_case *c, uint32_t type, uint64_t sector,
			  uint32_t out, uint32_t in)
{
	struct driver_buf bufs[4] = { { c->header, 16, false } };
	unsigned int n = 1;

	blk_put_header(c, type, sector);
	if (out)
		bufs[n++] = (struct driver_buf){ c->data, out, false };
	if (in)
		bufs[n++] = (struct driver_buf){ c->data, in, true };
	bufs[n++] = (struct driver_buf){ c->status, 1, true };
	return blk_chain(c, 0, bufs, n);
}

struct blk_answer blk_range_op(struct blk_case *c, uint32_t type,
			       uint64_t sector, uint32_t sectors,
			       uint32_t flags)
{
	const struct blk_range r = { le64_put(sector), le32_put(sectors),
				     le32_put(flags) };

	memcpy(blk_data(c), &r, sizeof(r));
	return blk_ask(c, type, 0, sizeof(r), 0);
}

void blk_still_works(struct blk_case *c)
{
	struct blk_answer a = blk_ask(c, BLK_T_IN, 3, 0, 512);

	assert_true(a.came);
	assert_int_equal(a.status, BLK_S_OK);
	assert_int_equal(a.len, 513);
	assert_memory_equal(blk_data(c), c->block->bytes + 3 * 512, 512);
}
