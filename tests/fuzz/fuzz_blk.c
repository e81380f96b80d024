// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a driver can ask of the block device, over a disk in memory. The input
 * is a program: requests of any shape, kicks, configuration accesses, resets,
 * what the host does meanwhile. The loop has no thread here: doorbells and the
 * timer are looked at when the program says so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/blk_wire.h"
#include "fake_block.h"
#include "fuzz_driver.h"

#define DISK      (64 * 1024u)
#define QUEUES    2
#define SIZE      16
#define USED_RAM  (256 * 1024u) /* what requests may name */
#define MAX_STEPS 256

struct loop_source {
	loop_fn fn;
	void *ctx;
};

struct program {
	const uint8_t *at;
	size_t left;
	struct driver_ram *ram;
	struct driver_ring ring[QUEUES];
	struct block *block;
	struct virtio *v;
};

/* ---- a loop without a thread ---- */

static struct loop_source *timer; /* the device's, while it has one */

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	*out = malloc(sizeof(**out));
	must(*out);
	**out = (struct loop_source){ fn, ctx };
	return 0;
}

int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx)
{
	int r = loop_add(out, loop, -1, 0, fn, ctx);

	timer = *out;
	return r;
}

/* Its time has come whenever the next kick does. */
void loop_arm(struct loop_source *source, uint64_t ns)
{
	must(source == timer && ns > 0);
}

/* No type that lingers is driven by its doorbell here. */
void loop_again(struct loop_source *source)
{
	must(false);
}

void loop_remove(struct loop_source *source)
{
	if (source == timer)
		timer = NULL;
	free(source);
}

/* ---- the program ---- */

static uint8_t byte(struct program *p)
{
	if (!p->left)
		return 0;
	p->left--;
	return *p->at++;
}

static uint64_t number(struct program *p, unsigned int len)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < len; i++)
		v = v << 8 | byte(p);
	return v;
}

static uint64_t pick_sector(struct program *p)
{
	uint8_t how = byte(p);

	if (how == 255)
		return number(p, 8);
	return how % 160; /* the disk has 128 */
}

static uint32_t pick_len(struct program *p)
{
	static const uint32_t lens[] = { 0, 1, 2, 15, 16, 17, 20, 511, 512, 513,
					 1024, 4096, 65536, 0x80000000,
					 UINT32_MAX, 32 };

	return lens[byte(p) % ARRAY_SIZE(lens)];
}

static uint64_t pick_place(struct program *p)
{
	uint16_t at = (uint16_t)number(p, 2);

	if (at == UINT16_MAX)
		return UINT64_MAX - 255;
	if (at == UINT16_MAX - 1)
		return 0;
	return DRIVER_RAM_GPA + (uint64_t)at * 4 % USED_RAM;
}

/* The 16 bytes at a place that a request can begin with. */
static void write_header(struct program *p)
{
	static const uint32_t types[] = {
		BLK_T_IN, BLK_T_OUT, BLK_T_FLUSH, BLK_T_GET_ID, BLK_T_DISCARD,
		BLK_T_WRITE_ZEROES, 2, UINT32_MAX,
	};
	const struct blk_header h = {
		le32_put(types[byte(p) % ARRAY_SIZE(types)]), le32_put(0),
		le64_put(pick_sector(p)),
	};
	uint64_t gpa = DRIVER_RAM_GPA + (uint64_t)number(p, 2) * 4 % USED_RAM;

	memcpy(driver_ram_at(p->ram, gpa, sizeof(h)), &h, sizeof(h));
}

static void write_range(struct program *p)
{
	uint64_t sector = pick_sector(p);
	uint32_t count = byte(p);
	uint32_t flags = byte(p);
	const struct blk_range r = {
		le64_put(sector), le32_put(count == 255 ? UINT32_MAX : count),
		le32_put(flags == 255 ? UINT32_MAX : flags % 4),
	};
	uint64_t gpa = DRIVER_RAM_GPA + (uint64_t)number(p, 2) * 4 % USED_RAM;

	memcpy(driver_ram_at(p->ram, gpa, sizeof(r)), &r, sizeof(r));
}

static void post(struct program *p)
{
	uint8_t shape = byte(p);
	unsigned int out = shape & 7;
	unsigned int in = shape >> 3 & 7;
	struct driver_buf bufs[14];

	for (unsigned int i = 0; i < out + in; i++) {
		bufs[i].gpa = pick_place(p);
		bufs[i].len = pick_len(p);
		bufs[i].writable = i >= out;
	}
	if (!(out + in))
		return;
	if (shape & 64 && p->ring[0].features.indirect)
		driver_post_indirect(&p->ring[shape >> 7], bufs, out + in);
	else
		driver_post(&p->ring[shape >> 7], bufs, out + in);
}

static void collect(struct program *p)
{
	struct driver_done done;

	for (unsigned int n = 0; n < QUEUES; n++)
		while (driver_collect(&p->ring[n], &done))
			;
}

static void start(struct program *p, uint64_t features)
{
	fuzz_run(p->v, p->ring, SIZE, features, p->ram, USED_RAM + 65536);
}

static void configure(struct program *p)
{
	uint8_t off = byte(p);
	unsigned int len = 1u << (off >> 6);

	off &= 63;
	virtio_config_read(p->v, off, len);
	if (byte(p) % 2)
		virtio_config_write(p->v, off == 33 ? BLK_WRITEBACK : off, len,
				    byte(p) % 4);
}

static void host(struct program *p)
{
	static const int codes[] = { 0, -5 /* EIO */, -28 /* ENOSPC */ };
	uint8_t what = byte(p);

	if (what < 64) {
		p->block->fail[what % FAKE_OPS] =
			codes[what / FAKE_OPS % ARRAY_SIZE(codes)];
	} else if (what < 128) {
		p->block->hold = true;
	} else if (what < 200) {
		fake_block_release(p->block);
	} else {
		p->block->next_size = DISK + what / 220 * 4096;
		blk_refresh(p->v);
	}
}

static void step(struct program *p)
{
	uint8_t what = byte(p);

	switch (what % 13) {
	case 0: case 1:
		write_header(p);
		break;
	case 2:
		write_range(p);
		break;
	case 3: case 4:
		post(p);
		break;
	case 5: case 6:
		if (virtio_queue_live(p->v, what >> 7))
			p->v->ops->kick(p->v, what >> 7);
		collect(p);
		break;
	case 7:
		configure(p);
		break;
	case 8:
		host(p);
		break;
	case 9:
		start(p, number(p, 6) << 24 | number(p, 3));
		break;
	case 10:
		fuzz_queue_reset(p->v, what >> 7, &p->ring[what >> 7]);
		break;
	case 11:
		fuzz_save_load(p->v);
		break;
	case 12:
		virtio_pause(p->v);
		virtio_resume(p->v);
		if (timer)
			timer->fn(timer->ctx, 0);
		collect(p);
		break;
	}
}

static void queue_irq(void *ctx, unsigned int n)
{
	must(n < QUEUES);
}

static const struct virtio_transport_ops transport = {
	.queue_irq = queue_irq,
};

static void create(struct program *p, uint8_t how)
{
	const struct blk_config cfg = {
		.queues = QUEUES, .serial = how & 2 ? "fuzz" : NULL,
		.rate = { .ops_per_s = how & 4 ? 1000 : 0 },
	};
	const struct virtio_host host = { .id = "disk0", .mem = &p->ram->mem };

	p->block = fake_block(DISK, how & 1);
	must(blk_create(&p->v, &cfg, p->block, &host, NULL) == 0);
	virtio_attach(p->v, &transport, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver_ram ram;
	struct program p = { .at = data, .left = size, .ram = &ram };
	uint8_t how = byte(&p);

	fuzz_begin();
	if (!ram.bytes)
		driver_ram_init(&ram);
	memset(ram.bytes, 0, 2 * USED_RAM);
	create(&p, how);
	start(&p, how & 8 ? UINT64_MAX : UINT64_MAX & ~VIRTIO_F_RING_PACKED);
	for (unsigned int i = 0; i < MAX_STEPS && p.left; i++)
		step(&p);
	for (unsigned int i = 0; i < DISK && how & 1; i++)
		must(p.block->bytes[i] == (uint8_t)(i / 512 + i));
	virtio_destroy(p.v);
	for (unsigned int n = 0; n < QUEUES; n++)
		driver_ring_finish(&p.ring[n]);
	return 0;
}
