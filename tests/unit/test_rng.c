// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/num.h"
#include "devices/virtio/rng.h"
#include "driver_ring.h"
#include "virtio_front.h"

struct stage {
	struct driver_ram ram;
	struct loop *loop;
	struct log log;
	unsigned int lines;
	struct virtio *v;
	struct front front;
	struct driver_ring ring;
	/* what getrandom() does */
	unsigned int interrupts; /* EINTR this often */
	size_t most; /* bytes of one call; 0: all */
	bool fails;
	unsigned int calls;
};

/* Takes the place of the C library's: one stage at a time, the loop's thread
 * of which is the only caller. */
static struct stage *source;

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	source->calls++;
	if (source->fails) {
		errno = ENOSYS;
		return -1;
	}
	if (source->interrupts) {
		source->interrupts--;
		errno = EINTR;
		return -1;
	}
	if (source->most)
		len = min_u64(len, source->most);
	memset(buf, 0xa5, len);
	return (ssize_t)len;
}

static void note(void *ctx, int level, const char *line)
{
	((struct stage *)ctx)->lines++;
}

static int setup_rate(void **state, uint64_t bytes_per_s)
{
	struct stage *t = calloc(1, sizeof(*t));
	struct rng_config cfg = { bytes_per_s };
	struct queue_features features = { 0 };
	struct virtio_host host;

	*state = t;
	source = t;
	driver_ram_init(&t->ram);
	if (loop_create(&t->loop, NULL) < 0)
		return -1;
	t->log = (struct log){ LOG_LEVEL_WARN, note, t };
	host = (struct virtio_host){ "rng0", &t->ram.mem, t->loop, &t->log };
	if (rng_create(&t->v, &cfg, &host, NULL) < 0)
		return -1;
	front_init(&t->front, t->v, false);
	driver_ring_init(&t->ring, &t->ram, RNG_QUEUE_SIZE, &features);
	if (!front_negotiate(&t->front, 0) ||
	    !front_queue(&t->front, 0, &t->ring.params))
		return -1;
	front_driver_ok(&t->front);
	front_sync(&t->front);
	return 0;
}

static int setup(void **state)
{
	return setup_rate(state, 0);
}

static int setup_slow(void **state)
{
	return setup_rate(state, MIB);
}

static int teardown(void **state)
{
	struct stage *t = *state;

	front_finish(&t->front);
	loop_destroy(t->loop);
	driver_ring_finish(&t->ring);
	driver_ram_finish(&t->ram);
	free(t);
	return 0;
}

static uint32_t request(struct stage *t, const struct driver_buf *bufs,
			unsigned int count)
{
	struct driver_done done;

	assert_true(driver_post(&t->ring, bufs, count) >= 0);
	front_kick(&t->front, 0);
	while (!driver_collect(&t->ring, &done))
		front_wait(&t->front);
	return done.len;
}

static void request_is_filled(void **state)
{
	struct stage *t = *state;
	uint64_t gpa = driver_ram_alloc(&t->ram, 4096, 16);
	const struct driver_buf bufs[] = {
		{ gpa, 100, true }, { gpa + 200, 50, true },
	};
	const uint8_t *p = driver_ram_at(&t->ram, gpa, 4096);

	assert_int_equal(front_get(&t->front, VREG_DEVICE_TYPE), VIRTIO_RNG);
	assert_int_equal(request(t, bufs, 2), 150);
	assert_int_equal(p[0], 0xa5);
	assert_int_equal(p[99], 0xa5);
	assert_int_equal(p[100], 0);
	assert_int_equal(p[200], 0xa5);
	assert_int_equal(p[249], 0xa5);
	assert_int_equal(p[250], 0);
}

static void DR01_empty_and_readable_buffers_come_back_empty(void **state)
{
	struct stage *t = *state;
	uint64_t gpa = driver_ram_alloc(&t->ram, 4096, 16);
	const struct driver_buf readable = { gpa, 16, false };
	const struct driver_buf empty = { gpa, 0, true };
	const struct driver_buf both[] = {
		{ gpa, 16, false }, { gpa + 16, 16, true },
	};

	assert_int_equal(request(t, &readable, 1), 0);
	assert_int_equal(request(t, &empty, 1), 0);
	assert_int_equal(request(t, both, 2), 0);
	assert_int_equal(t->calls, 0);
	assert_int_equal(front_get(&t->front, VREG_STATUS) &
			 VIRTIO_S_NEEDS_RESET, 0);
}

static void DR02_one_request_gets_64_KiB_at_most(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = {
		DRIVER_RAM_GPA + MIB, 4 * MIB, true,
	};
	const uint8_t *p = driver_ram_at(&t->ram, buf.gpa, buf.len);

	assert_int_equal(request(t, &buf, 1), RNG_REQUEST_MAX);
	assert_int_equal(p[RNG_REQUEST_MAX - 1], 0xa5);
	assert_int_equal(p[RNG_REQUEST_MAX], 0);
}

static void DR03_interrupted_and_short_sources_are_asked_again(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = { DRIVER_RAM_GPA + MIB, 1000, true };

	t->interrupts = 5;
	t->most = 7;
	assert_int_equal(request(t, &buf, 1), 1000);
	assert_int_equal(t->calls, 5 + (1000 + 6) / 7);
}

static void failing_source_gives_nothing_and_one_line(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = { DRIVER_RAM_GPA + MIB, 1000, true };

	t->fails = true;
	assert_int_equal(request(t, &buf, 1), 0);
	assert_int_equal(t->lines, 1);
	t->fails = false;
	assert_int_equal(request(t, &buf, 1), 1000);
}

/* 1 MiB/s: 16 requests of 64 KiB take most of a second, and all are served. */
static void DR04_flood_is_slowed_down(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = {
		DRIVER_RAM_GPA + MIB, RNG_REQUEST_MAX, true,
	};
	uint64_t before = clock_mono_ms();
	struct driver_done done;
	unsigned int left = 16;

	for (unsigned int i = 0; i < 16; i++)
		assert_true(driver_post(&t->ring, &buf, 1) >= 0);
	front_kick(&t->front, 0);
	while (left) {
		if (!driver_collect(&t->ring, &done)) {
			front_wait(&t->front);
			continue;
		}
		assert_int_equal(done.len, RNG_REQUEST_MAX);
		left--;
	}
	assert_in_range(clock_mono_ms() - before, 500, 20000);
}

static void reset_while_a_request_waits_for_its_turn(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = {
		DRIVER_RAM_GPA + MIB, RNG_REQUEST_MAX, true,
	};

	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 8; i++)
			driver_post(&t->ring, &buf, 1);
		front_kick(&t->front, 0);
		front_set(&t->front, VREG_STATUS, 0);
		driver_ring_reset(&t->ring);
		assert_true(front_negotiate(&t->front, 0));
		assert_true(front_queue(&t->front, 0, &t->ring.params));
		front_driver_ok(&t->front);
	}
}

static void saving_the_loaded_gives_equal_bytes(void **state)
{
	struct stage *t = *state;
	const struct driver_buf buf = { DRIVER_RAM_GPA + MIB, 1000, true };
	uint8_t *blob[2];
	size_t len[2];

	request(t, &buf, 1);
	blob[0] = front_save(&t->front, &len[0]);
	assert_int_equal(front_load(&t->front, blob[0], len[0]), 0);
	blob[1] = front_save(&t->front, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	free(blob[0]);
	free(blob[1]);
	assert_int_equal(request(t, &buf, 1), 1000);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
#define SLOW(t) cmocka_unit_test_setup_teardown(t, setup_slow, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_is_filled),
		TEST(DR01_empty_and_readable_buffers_come_back_empty),
		TEST(DR02_one_request_gets_64_KiB_at_most),
		TEST(DR03_interrupted_and_short_sources_are_asked_again),
		TEST(failing_source_gives_nothing_and_one_line),
		SLOW(DR04_flood_is_slowed_down),
		SLOW(reset_while_a_request_waits_for_its_turn),
		TEST(saving_the_loaded_gives_equal_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
