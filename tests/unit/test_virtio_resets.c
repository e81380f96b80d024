// SPDX-License-Identifier: BSD-3-Clause
/* T19 for the small devices: resets at any moment of a driver's life leave no
 * descriptor, no thread and no memory behind. The core, the disk and the
 * network card have theirs in test_virtio_hostile.c, test_blk_life.c and
 * test_nic_life.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <cmocka.h>

#include "console_case.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/rng.h"
#include "flat.h"
#include "vsock_bench.h"

#define ROUNDS 2000
#define WARM   50
#define BUFFER (DRIVER_RAM_GPA + DRIVER_RAM_SIZE / 2)

struct small {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	struct virtio *v;
	struct front front;
	struct driver_ring ring;
};

static void quiet(void *ctx, int level, const char *line)
{
}

static int64_t discard(void *ctx, void *hva, uint64_t len)
{
	return (int64_t)len;
}

static struct virtio_host begin(struct small *t, const char *id)
{
	*t = (struct small){ .log = { LOG_LEVEL_WARN, quiet, NULL } };
	driver_ram_init(&t->ram);
	assert_int_equal(loop_create(&t->loop, NULL), 0);
	return (struct virtio_host){ id, &t->ram.mem, t->loop, &t->log };
}

/* Stops in round @i: after the features, after the queues, with a request. */
static void round_of(struct small *t, unsigned int i, bool writable)
{
	const struct driver_buf buf = { BUFFER, 4096, writable };
	const uint64_t format = i & 4 ? VIRTIO_F_RING_PACKED : 0;
	struct queue_features f;

	assert_true(front_negotiate(&t->front, format));
	if (i % 4 == 0)
		return;
	driver_ram_clear(&t->ram);
	f = front_ring_features(&t->front);
	driver_ring_init(&t->ring, &t->ram, 16, &f);
	assert_true(front_queue(&t->front, 0, &t->ring.params));
	if (i % 4 > 1) {
		front_driver_ok(&t->front);
		for (unsigned int k = 0; k < 5; k++)
			driver_post(&t->ring, &buf, 1);
		front_kick(&t->front, 0);
	}
	if (i % 16 == 15)
		front_sync(&t->front);
	front_set(&t->front, VREG_STATUS, 0);
	driver_ring_finish(&t->ring);
}

static void cycle(struct small *t, bool writable)
{
	struct flat before = { 0 };

	front_init(&t->front, t->v, false);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i == WARM)
			before = flat_now();
		round_of(t, i, writable);
	}
	front_sync(&t->front);
	flat_check(&before);
	front_finish(&t->front);
	loop_destroy(t->loop);
	driver_ram_finish(&t->ram);
}

static void T19_rng_holds_nothing_after_its_resets(void **state)
{
	const struct rng_config cfg = { 4 << 20 };
	struct small t;
	struct virtio_host host = begin(&t, "rng0");

	assert_int_equal(rng_create(&t.v, &cfg, &host, NULL), 0);
	cycle(&t, true);
}

static void T19_balloon_holds_nothing_after_its_resets(void **state)
{
	const struct balloon_config cfg = { { discard, NULL }, 0 };
	struct small t;
	struct virtio_host host = begin(&t, "balloon0");

	assert_int_equal(balloon_create(&t.v, &cfg, &host, NULL), 0);
	cycle(&t, false);
}

static void T19_console_holds_nothing_after_its_resets(void **state)
{
	struct console_case *t = *state;
	struct flat before = { 0 };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i == WARM)
			before = flat_now();
		console_case_stop(t);
		console_case_start(t, i % 3 ? CONSOLE_F_MULTIPORT : 0);
		t->chr[0].full = i % 2;
		t->chr[0].room = 1;
		driver_post(&t->ring[TX], &(struct driver_buf){
				t->page[TX], 2, false }, 1);
		front_kick(&t->front, TX);
		front_set(&t->front, VREG_STATUS, 0);
	}
	front_sync(&t->front);
	flat_check(&before);
	console_case_stop(t);
	console_case_start(t, 0);
	t->chr[0].full = false;
	console_post(t, TX, 2, false);
	assert_int_equal(console_done(t, TX), 0);
}

/* A connection is open, with bytes on their way, or asked for. */
static void T19_vsock_holds_nothing_after_its_resets(void **state)
{
	struct vsock_bench b;
	struct flat before = { 0 };

	vsock_bench_init(&b, 0);
	for (unsigned int i = 0; i < ROUNDS / 4; i++) {
		struct vsock_packet p;
		int fd;

		if (i == WARM)
			before = flat_now();
		vsock_bench_run(&b, 8, i & 1 ? VIRTIO_F_RING_PACKED : 0);
		if (i % 3) {
			fd = open_from_guest(&b, 52, 1);
			guest_data(&b, 52, 1, "bytes", 5);
		} else {
			fd = host_connect(&b, "CONNECT 8\n");
			guest_expect(&b, &p, VSOCK_OP_REQUEST);
		}
		front_set(&b.front, VREG_STATUS, 0);
		close(fd);
	}
	front_sync(&b.front);
	flat_check(&before);
	vsock_bench_run(&b, 8, 0);
	close(open_from_guest(&b, 52, 1));
	vsock_bench_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(T19_rng_holds_nothing_after_its_resets),
		cmocka_unit_test(T19_balloon_holds_nothing_after_its_resets),
		cmocka_unit_test_setup_teardown(
			T19_console_holds_nothing_after_its_resets,
			console_case_many, console_case_end),
		cmocka_unit_test(T19_vsock_holds_nothing_after_its_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
