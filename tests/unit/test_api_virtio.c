// SPDX-License-Identifier: BSD-3-Clause
/* Virtio devices of the caller's by the public functions, over fake_kvm: the
 * guest is a driver of few words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "api_case.h"
#include "base/endian.h"

/* virtio 1.2, 4.2.2: where the first device is, and its registers */
#define BASE	     0xfeb00000u
#define DRIVER_SEL   0x24
#define DRIVER_FEATS 0x20
#define QUEUE_NUM    0x38
#define QUEUE_READY  0x44
#define NOTIFY	     0x50
#define STATUS	     0x70
#define DESC	     0x80
#define AVAIL	     0x90
#define USED	     0xa0

#define DESC_AT	 0x9000u
#define AVAIL_AT 0xa000u
#define USED_AT	 0xb000u
#define DATA_AT	 0xc000u

struct fixture {
	struct api_case a;
	sem_t inside, out; /* a request is being handled; it may go on */
	int code[2];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	sem_init(&f->inside, 0, 0);
	sem_init(&f->out, 0, 0);
	return api_case_set_up(&f->a);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	api_case_tear_down(&f->a);
	sem_destroy(&f->out);
	sem_destroy(&f->inside);
	free(f);
	return 0;
}

static void poke(uint32_t reg, uint32_t value)
{
	const le32 bytes = le32_put(value);

	fake_mmio(0, BASE + reg, 4, (const uint8_t *)&bytes, NULL);
}

/* One queue of 4, and its doorbell. */
static void drive(void)
{
	poke(STATUS, 3);
	poke(DRIVER_SEL, 1);
	poke(DRIVER_FEATS, 1); /* VERSION_1 */
	poke(STATUS, 11);
	poke(QUEUE_NUM, 4);
	poke(DESC, DESC_AT);
	poke(AVAIL, AVAIL_AT);
	poke(USED, USED_AT);
	poke(QUEUE_READY, 1);
	poke(STATUS, 15);
	poke(NOTIFY, 0);
}

/* A buffer of 16 bytes waits in the ring. */
static void fill_ring(struct vireo_vm *vm)
{
	const struct {
		le64 addr;
		le32 len;
		le16 flags, next;
	} desc = { le64_put(DATA_AT), le32_put(16), le16_put(2) };
	const le16 avail[3] = { le16_put(0), le16_put(1), le16_put(0) };

	assert_int_equal(vireo_memory_write(vm, DESC_AT, &desc, sizeof(desc)),
			 0);
	assert_int_equal(vireo_memory_write(vm, AVAIL_AT, avail,
					    sizeof(avail)), 0);
}

static void on_request(void *ctx, struct vireo_request *request)
{
	struct fixture *f = ctx;

	sem_post(&f->inside);
	sem_wait(&f->out);
	f->code[0] = vireo_wait(f->a.vm, -1, NULL);
	f->code[1] = vireo_pause(f->a.vm);
	vireo_request_done(request, 0);
}

static void create(struct fixture *f)
{
	const struct vireo_virtio virtio = {
		.size = sizeof(virtio), .name = "mine", .type = 42,
		.queues = 1, .request = on_request, .ctx = f,
	};

	assert_int_equal(vireo_config_add_virtio(f->a.cfg, &virtio, NULL), 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "transport", "mmio", NULL),
			 0);
	assert_int_equal(vireo_config_set(f->a.cfg, "timeout", "2s", NULL),
			 0);
	drive();
	api_case_create(&f->a);
	fill_ring(f->a.vm);
}

/* Neither does the deadline wait for it, nor who waits for the end. */
static void L05_a_request_that_blocks_holds_up_nobody_else(void **state)
{
	struct fixture *f = *state;
	int r;

	create(f);
	assert_int_equal(vireo_start(f->a.vm, NULL), 0);
	sem_wait(&f->inside);
	r = vireo_wait(f->a.vm, 20000, &f->a.end);
	sem_post(&f->out);
	assert_int_equal(r, 0);
	assert_int_equal(f->a.end.reason, VIREO_DEADLINE);
	vireo_destroy(&f->a.vm);
	assert_int_equal(f->code[0], VIREO_ESTATE);
	assert_int_equal(f->code[1], VIREO_ESTATE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(L05_a_request_that_blocks_holds_up_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
