// SPDX-License-Identifier: BSD-3-Clause
#include "blk_stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/virtio/blk_wire.h"

#define RUNNING                                       \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER |     \
	 VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK)

static void queue_irq(void *ctx, unsigned int n)
{
}

static const struct virtio_transport_ops transport = {
	.queue_irq = queue_irq,
};

void stage_die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

double stage_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void make_file(struct stage *s, const char *dir)
{
	uint8_t *block = malloc(STAGE_BLOCK);

	snprintf(s->path, sizeof(s->path), "%s/bench-blk.img", dir);
	s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (s->fd < 0 || !block)
		stage_die("cannot make the image");
	for (uint64_t at = 0; at < STAGE_SIZE; at += STAGE_BLOCK) {
		memset(block, (int)(at / STAGE_BLOCK), STAGE_BLOCK);
		if (write(s->fd, block, STAGE_BLOCK) != STAGE_BLOCK)
			stage_die("cannot write the image");
	}
	free(block);
}

void stage_open(struct stage *s, const char *dir)
{
	make_file(s, dir);
	driver_ram_init(&s->ram);
	s->header = driver_ram_alloc(&s->ram, STAGE_BATCH * 16, 16);
	s->data = driver_ram_alloc(&s->ram, STAGE_BATCH * STAGE_BLOCK,
				   STAGE_BLOCK);
	s->status = driver_ram_alloc(&s->ram, STAGE_BATCH, 16);
	if (loop_create(&s->loop, NULL) < 0)
		stage_die("no loop");
}

void stage_close(struct stage *s)
{
	loop_destroy(s->loop);
	driver_ram_finish(&s->ram);
	close(s->fd);
	unlink(s->path);
}

static void feature_word(struct virtio *v, uint32_t sel, uint32_t value)
{
	virtio_write(v, VREG_DRIVER_FEATURES_SEL, sel);
	virtio_write(v, VREG_DRIVER_FEATURES, value);
}

void stage_run(struct virtio *v, const struct driver_ring *ring,
	       uint32_t features)
{
	const struct queue_params *p = &ring->params;

	virtio_attach(v, &transport, NULL);
	virtio_write(v, VREG_STATUS, VIRTIO_S_ACKNOWLEDGE);
	virtio_write(v, VREG_STATUS, 3);
	feature_word(v, 0, features);
	feature_word(v, 1, 1);
	virtio_write(v, VREG_STATUS, 11);
	virtio_write(v, VREG_QUEUE_SIZE, p->size);
	virtio_write(v, VREG_QUEUE_DESC_LO, (uint32_t)p->desc);
	virtio_write(v, VREG_QUEUE_DRIVER_LO, (uint32_t)p->driver);
	virtio_write(v, VREG_QUEUE_DEVICE_LO, (uint32_t)p->device);
	virtio_write(v, VREG_QUEUE_ENABLE, 1);
	virtio_write(v, VREG_STATUS, RUNNING);
	if (virtio_read(v, VREG_STATUS) != RUNNING)
		stage_die("the device did not start");
	usleep(20000); /* the kick at the start, on the loop's thread */
}

void stage_start(struct stage *s, enum block_engine_kind engine)
{
	const struct block_config disk = { .id = "disk0", .path = s->path,
					   .fd = -1, .engine = engine };
	const struct virtio_host host = { "disk0", &s->ram.mem, s->loop,
					  NULL };
	const struct queue_features features = { .event_idx = true };
	const struct blk_config cfg = { 0 };
	struct block *block;
	struct err err;

	if (block_create(&block, &disk, s->loop, NULL, &err) < 0 ||
	    blk_create(&s->v, &cfg, block, &host, &err) < 0)
		stage_die(err.text);
	driver_ring_init(&s->ring, &s->ram, 128, &features);
	stage_run(s->v, &s->ring,
		  (uint32_t)(VIRTIO_F_EVENT_IDX | BLK_F_FLUSH));
}

void stage_stop(struct stage *s)
{
	virtio_destroy(s->v);
	driver_ring_finish(&s->ring);
}

void stage_places(struct stage *s, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		s->off[i] = (uint64_t)rand() % (STAGE_SIZE / STAGE_BLOCK) *
			    STAGE_BLOCK;
}

void stage_post(struct stage *s, unsigned int count)
{
	stage_places(s, count);
	for (unsigned int i = 0; i < count; i++) {
		const struct driver_buf bufs[] = {
			{ s->header + i * 16, 16, false },
			{ s->data + i * STAGE_BLOCK, STAGE_BLOCK, true },
			{ s->status + i, 1, true },
		};
		const struct blk_header h = {
			.sector = le64_put(s->off[i] / BLOCK_SECTOR),
		};

		memcpy(driver_ram_at(&s->ram, bufs[0].gpa, 16), &h, 16);
		if (driver_post(&s->ring, bufs, 3) < 0)
			stage_die("no room in the ring");
	}
}

bool stage_collect(struct stage *s)
{
	struct driver_done done;

	return driver_collect(&s->ring, &done);
}

void stage_check(const struct stage *s, unsigned int count)
{
	const uint8_t *data = driver_ram_at(&s->ram, s->data,
					    STAGE_BATCH * STAGE_BLOCK);
	const uint8_t *status = driver_ram_at(&s->ram, s->status, STAGE_BATCH);

	for (unsigned int i = 0; i < count; i++)
		if (status[i] || data[i * STAGE_BLOCK] !=
					 (uint8_t)(s->off[i] / STAGE_BLOCK))
			stage_die("wrong data");
}
