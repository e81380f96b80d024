// SPDX-License-Identifier: BSD-3-Clause
/*
 * The virtio core's saved state: through the core itself and through the MMIO
 * transport, into the same device and into another one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "virtio_case.h"

/* A second device and driver over the same RAM, as after a restore. */
struct copy {
	struct echo *echo;
	struct front front;
};

static void copy_init(struct copy *copy, struct virtio_case *c)
{
	copy->echo = echo_create(&c->host);
	front_init(&copy->front, &copy->echo->v, c->front.mmio != NULL);
}

/* Everything that can be seen is equal: saving gives equal bytes. */
static void assert_saves_as(struct front *f, const uint8_t *blob, size_t len)
{
	size_t now_len;
	uint8_t *now = front_save(f, &now_len);

	assert_int_equal(now_len, len);
	assert_memory_equal(now, blob, len);
	free(now);
}

static void round_trip(struct virtio_case *c)
{
	struct copy copy;
	size_t len;
	uint8_t *blob = front_save(&c->front, &len);

	assert_saves_as(&c->front, blob, len); /* saving changes nothing */
	copy_init(&copy, c);
	assert_int_equal(front_load(&copy.front, blob, len), 0);
	assert_saves_as(&copy.front, blob, len);
	front_finish(&copy.front);
	free(blob);
}

static void saving_the_loaded_gives_equal_bytes(void **state)
{
	static const uint64_t features[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
		VIRTIO_F_IN_ORDER | ECHO_F_A | ECHO_F_B,
	};
	struct virtio_case *c = *state;
	struct front *f = &c->front;

	round_trip(c);
	front_set(f, VREG_STATUS, VIRTIO_S_ACKNOWLEDGE);
	front_set(f, VREG_DEVICE_FEATURES_SEL, 7);
	round_trip(c);
	front_negotiate(f, ECHO_F_A);
	front_set(f, VREG_QUEUE_SEL, 1);
	front_set(f, VREG_QUEUE_DESC_HI, 77);
	round_trip(c);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		case_run(c, features[i]);
		for (int j = 0; j < 21; j++) {
			case_post(c, 1);
			case_collect(c, 1);
		}
		front_config_set(f, 0, 4, 0x1234);
		front_sync(f);
		round_trip(c);
	}
	front_set(f, VREG_STATUS, RUNNING | VIRTIO_S_FAILED);
	round_trip(c);
}

static void S15_requests_go_on_in_the_restored_device(void **state)
{
	static const uint64_t features[] = {
		0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
		VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
	};
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct driver_done done;
		struct copy copy;
		uint8_t *blob;
		size_t len;

		case_run(c, features[i]);
		for (int j = 0; j < 21; j++) {
			case_post(c, 0);
			case_collect(c, 0);
		}
		/* one in flight when the state is saved (it is completed), and
		 * one that is in the ring, but was not seen by anybody */
		c->echo->hold = true;
		case_post(c, 0);
		front_sync(&c->front);
		virtio_pause(&c->echo->v);
		c->echo->hold = false;
		case_post(c, 0);
		blob = front_save(&c->front, &len);
		front_set(&c->front, VREG_STATUS, 0);

		copy_init(&copy, c);
		assert_int_equal(front_load(&copy.front, blob, len), 0);
		free(blob);
		driver_set_interrupts(&c->ring[0], true);
		for (int j = 0; j < 2; j++)
			while (!driver_collect(&c->ring[0], &done))
				front_wait(&copy.front);
		assert_int_equal(copy.echo->starts, 1);
		assert_int_equal(copy.front.bells, 2);
		front_finish(&copy.front);
	}
}

static void broken_device_is_restored_broken(void **state)
{
	struct virtio_case *c = *state;
	struct copy copy;
	uint8_t *blob;
	size_t len;

	case_run(c, 0);
	front_sync(&c->front);
	driver_raw_avail_idx(&c->ring[0], 1000);
	front_kick(&c->front, 0);
	front_wait(&c->front);
	round_trip(c);
	blob = front_save(&c->front, &len);
	copy_init(&copy, c);
	assert_int_equal(front_load(&copy.front, blob, len), 0);
	assert_int_equal(front_get(&copy.front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	assert_int_equal(copy.echo->starts, 0);
	front_set(&copy.front, VREG_STATUS, 0);
	assert_int_equal(front_get(&copy.front, VREG_STATUS), 0);
	front_finish(&copy.front);
	free(blob);
}

/* A state that registers cannot reach: it is made by hand, saved, undone. */
static void refuse(struct virtio_case *c, uint8_t status, uint64_t accepted,
		   uint64_t features)
{
	struct virtio *v = &c->echo->v;
	uint8_t old_status = v->status;
	uint64_t old_accepted = v->accepted;
	uint64_t old_features = v->features;
	struct copy copy;
	uint8_t *blob;
	size_t len;

	v->status = status;
	v->accepted = accepted;
	v->features = features;
	blob = front_save(&c->front, &len);
	v->status = old_status;
	v->accepted = old_accepted;
	v->features = old_features;
	copy_init(&copy, c);
	assert_int_equal(front_load(&copy.front, blob, len), -EBADMSG);
	/* as after a reset, and usable */
	assert_int_equal(front_get(&copy.front, VREG_STATUS), 0);
	assert_true(front_negotiate(&copy.front, 0));
	front_finish(&copy.front);
	free(blob);
}

static void S04_S05_impossible_states_are_refused(void **state)
{
	struct virtio_case *c = *state;
	const uint64_t ok = VIRTIO_F_VERSION_1;

	case_run(c, 0);
	front_sync(&c->front);
	refuse(c, RUNNING | 0x10, ok, ok);
	refuse(c, RUNNING & ~VIRTIO_S_ACKNOWLEDGE, ok, ok);
	refuse(c, RUNNING & ~VIRTIO_S_DRIVER, ok, ok);
	refuse(c, RUNNING & ~VIRTIO_S_FEATURES_OK, ok, 0);
	refuse(c, RUNNING, ok, ok | 4); /* not what was accepted */
	refuse(c, RUNNING, ok | 4, ok | 4); /* not offered */
	refuse(c, RUNNING, ok | ECHO_F_B, ok | ECHO_F_B); /* needs A */
	refuse(c, RUNNING, 0, 0); /* no VERSION_1 */
	refuse(c, RUNNING, ok | VIRTIO_F_RING_PACKED,
	       ok | VIRTIO_F_RING_PACKED); /* not the rings' */
	refuse(c, VIRTIO_S_ACKNOWLEDGE, 0, ok);
	/* queues that are enabled before FEATURES_OK */
	refuse(c, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER, ok, 0);
}

static void S05_registers_that_are_not_the_rings_are_refused(void **state)
{
	struct virtio_case *c = *state;
	struct virtio_queue *vq = &c->echo->v.queue[0];
	struct copy copy;
	uint8_t *blob;
	size_t len;

	case_run(c, 0);
	front_sync(&c->front);
	vq->params.desc += 16;
	blob = front_save(&c->front, &len);
	vq->params.desc -= 16;
	copy_init(&copy, c);
	assert_int_equal(front_load(&copy.front, blob, len), -EBADMSG);
	front_finish(&copy.front);
	free(blob);
}

static void S05_running_without_queues_is_restored_broken(void **state)
{
	struct virtio_case *c = *state;
	struct copy copy;
	uint8_t *blob;
	size_t len;

	assert_true(front_negotiate(&c->front, 0));
	c->echo->v.status = RUNNING;
	blob = front_save(&c->front, &len);
	front_set(&c->front, VREG_STATUS, 0);
	copy_init(&copy, c);
	assert_int_equal(front_load(&copy.front, blob, len), 0);
	assert_int_equal(front_get(&copy.front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	front_finish(&copy.front);
	free(blob);
}

static void device_that_cannot_start_is_restored_broken(void **state)
{
	struct virtio_case *c = *state;
	struct copy copy;
	uint8_t *blob;
	size_t len;

	case_run(c, 0);
	blob = front_save(&c->front, &len);
	copy_init(&copy, c);
	copy.echo->start_error = -EIO;
	assert_int_equal(front_load(&copy.front, blob, len), 0);
	assert_int_equal(front_get(&copy.front, VREG_STATUS),
			 RUNNING | VIRTIO_S_NEEDS_RESET);
	front_finish(&copy.front);
	free(blob);
}

/* Whatever a flipped bit makes of a running device's state: an error, or a
 * device that can be asked and reset. */
static void S01_every_bit_flip_leaves_a_working_device(void **state)
{
	static const uint64_t features[] = {
		0, VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
		VIRTIO_F_IN_ORDER,
	};
	struct virtio_case *c = *state;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		uint8_t *blob;
		size_t len;

		case_run(c, features[i]);
		case_post(c, 0);
		case_collect(c, 0);
		front_sync(&c->front);
		blob = front_save(&c->front, &len);
		/* every seventh bit: each byte is met, the run stays short */
		for (size_t bit = i; bit < len * 8; bit += 7) {
			blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
			front_load(&c->front, blob, len);
			blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
			front_notify(&c->front, 0);
		}
		assert_int_equal(front_load(&c->front, blob, len), 0);
		free(blob);
	}
	case_run(c, 0);
	case_post(c, 0);
	case_collect(c, 0);
}

static void paused_device_is_saved_and_stays_paused(void **state)
{
	struct virtio_case *c = *state;
	uint8_t *blob;
	size_t len;

	case_run(c, 0);
	virtio_pause(&c->echo->v);
	blob = front_save(&c->front, &len);
	assert_int_equal(c->echo->starts, 1);
	virtio_resume(&c->echo->v);
	assert_saves_as(&c->front, blob, len);
	assert_int_equal(c->echo->starts, 3);
	case_post(c, 0);
	case_collect(c, 0);
	free(blob);
}

#define TWICE(test)                                                        \
	{ #test, test, case_setup_plain, case_teardown, NULL },            \
	{ #test " (mmio)", test, case_setup_mmio, case_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWICE(saving_the_loaded_gives_equal_bytes),
		TWICE(S15_requests_go_on_in_the_restored_device),
		TWICE(broken_device_is_restored_broken),
		TWICE(S04_S05_impossible_states_are_refused),
		TWICE(S05_registers_that_are_not_the_rings_are_refused),
		TWICE(S05_running_without_queues_is_restored_broken),
		TWICE(device_that_cannot_start_is_restored_broken),
		TWICE(S01_every_bit_flip_leaves_a_working_device),
		TWICE(paused_device_is_saved_and_stays_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
