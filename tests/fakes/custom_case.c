// SPDX-License-Identifier: BSD-3-Clause
/* See custom_case.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custom_case.h"

void custom_answer(struct vireo_request *rq)
{
	uint8_t bytes[16];
	size_t len = sizeof(bytes);

	if (custom_request_read(rq, 0, bytes, len) == 0) {
		for (size_t i = 0; i < len; i++)
			bytes[i] ^= 0xff;
		custom_request_write(rq, 0, bytes, len);
	}
	custom_request_done(rq, len);
}

static void on_request(void *ctx, struct vireo_request *rq)
{
	struct custom_case *t = ctx;

	if (!t->hold) {
		custom_answer(rq);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->out[t->held++] = rq;
	pthread_mutex_unlock(&t->lock);
}

static void on_ready(void *ctx, uint64_t features)
{
	struct custom_case *t = ctx;

	t->readies++;
	t->features = features;
}

static void on_reset(void *ctx)
{
	((struct custom_case *)ctx)->resets++;
}

static void on_config(void *ctx, uint32_t off, unsigned int len, uint64_t value)
{
	((struct custom_case *)ctx)->written = off << 16 | len << 8 | value;
}

void custom_run(struct custom_case *t, uint64_t features)
{
	assert_true(front_negotiate(&t->front, features));
	for (unsigned int n = 0; n < CUSTOM_QUEUES; n++) {
		const struct queue_features f = front_ring_features(&t->front);

		driver_ring_init(&t->ring[n], &t->ram, CUSTOM_SIZE, &f);
		assert_true(front_queue(&t->front, n, &t->ring[n].params));
	}
	front_driver_ok(&t->front);
	front_sync(&t->front);
	t->resets = 0; /* a driver begins with one */
}

static int make_device(struct custom_case *t)
{
	const struct custom_virtio_config cfg = {
		.type = 42, .features = 5, .queues = CUSTOM_QUEUES,
		.queue_size = CUSTOM_SIZE,
		.ops = { on_config, on_ready, on_request, on_reset, t },
		.desk = t->desk,
	};
	const struct virtio_host host = { "mine", &t->ram.mem, t->loop, NULL };

	if (custom_virtio_create(&t->v, &cfg, &host, NULL) < 0)
		return -1;
	front_init(&t->front, t->v, false);
	return 0;
}

int custom_case_set_up(void **state)
{
	struct custom_case *t = calloc(1, sizeof(*t));

	*state = t;
	pthread_mutex_init(&t->lock, NULL);
	driver_ram_init(&t->ram);
	t->desk = custom_desk_create("configuration", 13);
	if (!t->desk || loop_create(&t->loop, NULL) < 0)
		return -1;
	return make_device(t);
}

void custom_replace(struct custom_case *t)
{
	front_finish(&t->front);
	assert_int_equal(make_device(t), 0);
}

void custom_end(struct custom_case *t)
{
	if (!t->loop)
		return;
	front_finish(&t->front);
	loop_destroy(t->loop);
	t->loop = NULL;
	custom_desk_destroy(t->desk);
}

int custom_case_tear_down(void **state)
{
	struct custom_case *t = *state;

	custom_end(t);
	for (unsigned int n = 0; n < CUSTOM_QUEUES; n++)
		if (t->ring[n].ram)
			driver_ring_finish(&t->ring[n]);
	driver_ram_finish(&t->ram);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return 0;
}

uint64_t custom_post(struct custom_case *t, unsigned int n, uint8_t byte)
{
	uint64_t out = driver_ram_alloc(&t->ram, 16, 16);
	uint64_t in = driver_ram_alloc(&t->ram, 16, 16);

	memset(driver_ram_at(&t->ram, out, 16), byte, 16);
	assert_true(driver_post(&t->ring[n],
				(struct driver_buf[]){ { out, 16, false },
						       { in, 16, true } },
				2) >= 0);
	front_kick(&t->front, n);
	return in;
}

uint32_t custom_collect(struct custom_case *t, unsigned int n)
{
	struct driver_done done;

	while (!driver_collect(&t->ring[n], &done))
		front_wait(&t->front);
	return done.len;
}

unsigned int custom_held(struct custom_case *t)
{
	unsigned int held;

	pthread_mutex_lock(&t->lock);
	held = t->held;
	pthread_mutex_unlock(&t->lock);
	return held;
}

void custom_wait_held(struct custom_case *t, unsigned int count)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (custom_held(t) == count)
			return;
		usleep(10000);
	}
	fail_msg("%u requests are out, not %u", t->held, count);
}

void custom_check(struct custom_case *t, uint64_t at, uint8_t byte)
{
	const uint8_t *bytes = driver_ram_at(&t->ram, at, 16);

	for (int i = 0; i < 16; i++)
		assert_int_equal(bytes[i], byte ^ 0xff);
}

void custom_pause(struct custom_case *t, bool on)
{
	pthread_mutex_lock(&t->front.lock);
	if (on)
		virtio_pause(t->v);
	else
		virtio_resume(t->v);
	pthread_mutex_unlock(&t->front.lock);
}
