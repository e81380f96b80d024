// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the block device costs: reads of 4 KiB that are in the page cache, 32 in
 * a batch, from the ring through the device and its backend and back, against a
 * bare preadv() per read. Batches of both alternate; posting and collecting is
 * the driver's work and not timed. Figures are medians per read.
 *
 * usage: blk DIRECTORY [ENGINE]   (threads, uring; default: both)
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "devices/virtio/blk_wire.h"
#include "driver_ring.h"

#define SIZE   (UINT64_C(64) << 20)
#define BLOCK  4096u
#define BATCH  32u
#define ROUNDS 3001u

#define RUNNING                                       \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |     \
	 VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)

struct bench {
	char path[256];
	struct driver_ram ram;
	struct driver_ring ring;
	struct loop *loop;
	struct virtio *v;
	int fd;
	uint64_t header;
	uint64_t data;
	uint64_t status;
	uint64_t off[BATCH];
	unsigned int irqs;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

static void queue_irq(void *ctx, unsigned int n)
{
	struct bench *b = ctx;

	b->irqs++;
}

static const struct virtio_transport_ops transport = {
	.queue_irq = queue_irq,
};

static void die(const char *what)
{
	fprintf(stderr, "bench/blk: %s\n", what);
	exit(1);
}

static void make_file(struct bench *b, const char *dir)
{
	uint8_t *block = malloc(BLOCK);

	snprintf(b->path, sizeof(b->path), "%s/bench-blk.img", dir);
	b->fd = open(b->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (b->fd < 0 || !block)
		die("cannot make the image");
	for (uint64_t at = 0; at < SIZE; at += BLOCK) {
		memset(block, (int)(at / BLOCK), BLOCK);
		if (write(b->fd, block, BLOCK) != BLOCK)
			die("cannot write the image");
	}
	free(block);
}

static void feature_word(struct virtio *v, uint32_t sel, uint32_t value)
{
	virtio_write(v, VREG_DRIVER_FEATURES_SEL, sel);
	virtio_write(v, VREG_DRIVER_FEATURES, value);
}

static void start(struct bench *b, enum block_engine_kind engine)
{
	const struct block_config disk = { .id = "disk0", .path = b->path,
					   .fd = -1, .engine = engine };
	const struct virtio_host host = { "disk0", &b->ram.mem, b->loop,
					  NULL };
	const struct blk_config cfg = { 0 };
	const struct queue_params *p = &b->ring.params;
	struct block *block;
	struct err err;
	struct virtio *v;

	if (block_create(&block, &disk, b->loop, NULL, &err) < 0 ||
	    blk_create(&v, &cfg, block, &host, &err) < 0)
		die(err.text);
	b->v = v;
	virtio_attach(v, &transport, b);
	virtio_write(v, VREG_STATUS, VIRTIO_S_ACKNOWLEDGE);
	virtio_write(v, VREG_STATUS, 3);
	feature_word(v, 0, (uint32_t)(VIRTIO_F_EVENT_IDX | BLK_F_FLUSH));
	feature_word(v, 1, 1);
	virtio_write(v, VREG_STATUS, 11);
	virtio_write(v, VREG_QUEUE_SIZE, p->size);
	virtio_write(v, VREG_QUEUE_DESC_LO, (uint32_t)p->desc);
	virtio_write(v, VREG_QUEUE_DRIVER_LO, (uint32_t)p->driver);
	virtio_write(v, VREG_QUEUE_DEVICE_LO, (uint32_t)p->device);
	virtio_write(v, VREG_QUEUE_ENABLE, 1);
	virtio_write(v, VREG_STATUS, RUNNING);
	if (virtio_read(v, VREG_STATUS) != RUNNING)
		die("the device did not start");
	usleep(20000); /* the kick at the start, on the loop's thread */
}

static void post(struct bench *b)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		const struct driver_buf bufs[] = {
			{ b->header + i * 16, 16, false },
			{ b->data + i * BLOCK, BLOCK, true },
			{ b->status + i, 1, true },
		};
		const struct blk_header h = { .sector = le64_put(b->off[i] /
								 512) };

		memcpy(driver_ram_at(&b->ram, bufs[0].gpa, 16), &h, 16);
		if (driver_post(&b->ring, bufs, 3) < 0)
			die("no room in the ring");
	}
}

static void collect(struct bench *b)
{
	const uint8_t *data = driver_ram_at(&b->ram, b->data, BATCH * BLOCK);
	const uint8_t *status = driver_ram_at(&b->ram, b->status, BATCH);
	struct driver_done done;

	for (unsigned int n = 0; n < BATCH; n++)
		while (!driver_collect(&b->ring, &done))
			usleep(10); /* it was not cached after all */
	for (unsigned int i = 0; i < BATCH; i++)
		if (status[i] ||
		    data[i * BLOCK] != (uint8_t)(b->off[i] / BLOCK))
			die("wrong data");
}

static double bare(struct bench *b)
{
	double t = now();

	for (unsigned int i = 0; i < BATCH; i++) {
		struct iovec iov = { driver_ram_at(&b->ram,
						   b->data + i * BLOCK, BLOCK),
				     BLOCK };

		if (preadv(b->fd, &iov, 1, (off_t)b->off[i]) != BLOCK)
			die("preadv failed");
	}
	return (now() - t) / BATCH;
}

static double device(struct bench *b)
{
	double t;

	post(b);
	t = now();
	b->v->ops->kick(b->v, 0);
	t = (now() - t) / BATCH;
	collect(b);
	return t;
}

static void measure(struct bench *b, enum block_engine_kind engine,
		    const char *name)
{
	static double times[2][ROUNDS];
	const struct queue_features features = { .event_idx = true };
	double with;
	double without;

	driver_ring_init(&b->ring, &b->ram, 128, &features);
	start(b, engine);
	for (unsigned int r = 0; r < ROUNDS; r++) {
		for (unsigned int i = 0; i < BATCH; i++)
			b->off[i] = (uint64_t)rand() % (SIZE / BLOCK) * BLOCK;
		times[r % 2][r] = r % 2 ? device(b) : bare(b);
		times[1 - r % 2][r] = r % 2 ? bare(b) : device(b);
	}
	without = median(times[0]);
	with = median(times[1]);
	printf("  %-18s%10.0f%10.0f%10.2f\n", name, without, with,
	       with / without);
	virtio_destroy(b->v);
	driver_ring_finish(&b->ring);
}

int main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : "";
	struct bench b = { .fd = -1 };

	if (argc < 2)
		die("usage: blk DIRECTORY [threads|uring]");
	make_file(&b, argv[1]);
	driver_ram_init(&b.ram);
	b.header = driver_ram_alloc(&b.ram, BATCH * 16, 16);
	b.data = driver_ram_alloc(&b.ram, BATCH * BLOCK, BLOCK);
	b.status = driver_ram_alloc(&b.ram, BATCH, 16);
	if (loop_create(&b.loop, NULL) < 0)
		die("no loop");
	printf("  %-18s%10s%10s%10s\n", "ns per read", "preadv", "device",
	       "ratio");
	if (strcmp(only, "uring") != 0)
		measure(&b, BLOCK_ENGINE_THREADS, "threads");
	if (strcmp(only, "threads") != 0)
		measure(&b, BLOCK_ENGINE_URING, "uring");
	loop_destroy(b.loop);
	driver_ram_finish(&b.ram);
	close(b.fd);
	unlink(b.path);
	return 0;
}
