// SPDX-License-Identifier: BSD-3-Clause
/* See virtio_case.h. */
#include "virtio_case.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void note(void *ctx, int level, const char *line)
{
	struct virtio_case *c = ctx;

	c->lines++;
}

static int setup(void **state, bool mmio)
{
	struct virtio_case *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	*state = c;
	driver_ram_init(&c->ram);
	if (loop_create(&c->loop, NULL) < 0)
		return -1;
	c->log = (struct log){ LOG_LEVEL_WARN, note, c };
	c->host = (struct virtio_host){ "echo0", &c->ram.mem, c->loop,
					&c->log };
	c->echo = echo_create(&c->host);
	front_init(&c->front, &c->echo->v, mmio);
	return 0;
}

int case_setup_plain(void **state)
{
	return setup(state, false);
}

int case_setup_mmio(void **state)
{
	return setup(state, true);
}

static void drop_rings(struct virtio_case *c)
{
	for (unsigned int i = 0; i < ECHO_QUEUES && c->rings; i++)
		driver_ring_finish(&c->ring[i]);
	c->rings = false;
}

int case_teardown(void **state)
{
	struct virtio_case *c = *state;

	front_finish(&c->front);
	loop_destroy(c->loop);
	drop_rings(c);
	driver_ram_finish(&c->ram);
	free(c);
	return 0;
}

void case_run(struct virtio_case *c, uint64_t features)
{
	struct queue_features f;
	bool ok = front_negotiate(&c->front, features);

	assert(ok);
	drop_rings(c);
	driver_ram_clear(&c->ram);
	f = front_ring_features(&c->front);
	for (unsigned int i = 0; i < ECHO_QUEUES; i++) {
		driver_ring_init(&c->ring[i], &c->ram, 16, &f);
		ok = front_queue(&c->front, i, &c->ring[i].params);
		assert(ok);
	}
	c->rings = true;
	front_driver_ok(&c->front);
	ok = front_get(&c->front, VREG_STATUS) == RUNNING;
	assert(ok);
	(void)ok;
}

int case_post(struct virtio_case *c, unsigned int n)
{
	uint64_t gpa = DRIVER_RAM_GPA + DRIVER_RAM_SIZE / 2 + n * 4096;
	const struct driver_buf bufs[] = {
		{ gpa, 16, false },
		{ gpa + 64, 16, true },
	};
	int head = driver_post(&c->ring[n], bufs, 2);

	if (head >= 0 && driver_wants_kick(&c->ring[n]))
		front_kick(&c->front, n);
	return head;
}

void case_collect(struct virtio_case *c, unsigned int n)
{
	struct driver_done done;

	while (!driver_collect(&c->ring[n], &done))
		if (!driver_set_interrupts(&c->ring[n], true))
			front_wait(&c->front);
	assert(done.len == 16);
}
