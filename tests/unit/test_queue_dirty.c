// SPDX-License-Identifier: BSD-3-Clause
/* src/mem/dirty.h: what a device writes is noted, whatever the ring's format:
 * every page that has changed, and few others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "one_queue.h"

#define PAGES (DRIVER_RAM_SIZE / DIRTY_PAGE)

/* Takes the notes: how many pages are marked. */
static unsigned int take(struct one_queue *f, bool marked[PAGES])
{
	struct dirty *d = f->ram.mem.region[0].dirty;
	unsigned int n = 0;

	for (uint64_t i = 0; i < dirty_words(d->pages); i++) {
		uint64_t word = dirty_take(d, i);

		for (unsigned int b = 0; b < 64 && 64 * i + b < PAGES; b++) {
			marked[64 * i + b] = word >> b & 1;
			n += marked[64 * i + b];
		}
	}
	return n;
}

/* The device answers a chain with pieces on several pages. */
static void serve(struct one_queue *f)
{
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	for (unsigned int i = 0; i < f->c.in_count; i++) {
		const struct iovec *iov = &f->c.iov[f->c.out_count + i];

		memset(iov->iov_base, 0x5a, iov->iov_len);
	}
	queue_push(&f->q, &f->c, (uint32_t)f->c.in_len);
	queue_set_kicks(&f->q, false);
	queue_set_kicks(&f->q, true);
	queue_wants_interrupt(&f->q);
}

static void try_format(struct queue_features features)
{
	struct one_queue *f = one_queue_open(64, features);
	uint64_t big = driver_ram_alloc(&f->ram, 3 * DIRTY_PAGE, DIRTY_PAGE);
	uint64_t out = driver_ram_alloc(&f->ram, DIRTY_PAGE, DIRTY_PAGE);
	uint8_t *before = malloc(DRIVER_RAM_SIZE);
	bool marked[PAGES];

	assert_int_equal(mem_track(&f->ram.mem), 0);
	for (int round = 0; round < 150; round++) {
		struct driver_buf bufs[] = {
			{ out, 100, false },
			{ big + 4000, 200, true }, /* over an edge */
			{ big + 2 * DIRTY_PAGE, 1, true },
		};
		struct driver_done done;
		unsigned int count;

		assert_true(driver_post(&f->ring, bufs, 3) >= 0);
		take(f, marked);
		memcpy(before, f->ram.bytes, DRIVER_RAM_SIZE);
		serve(f);
		count = take(f, marked);
		for (uint64_t i = 0; i < PAGES; i++)
			if (memcmp(before + i * DIRTY_PAGE,
				   f->ram.bytes + i * DIRTY_PAGE, DIRTY_PAGE))
				assert_true(marked[i]);
		assert_true(marked[(big - DRIVER_RAM_GPA) / DIRTY_PAGE + 2]);
		assert_false(marked[(out - DRIVER_RAM_GPA) / DIRTY_PAGE]);
		assert_true(count <= 3 + 3); /* the buffers, and the ring */
		assert_true(driver_collect(&f->ring, &done));
	}
	free(before);
	mem_finish(&f->ram.mem);
	one_queue_close(f);
}

static void what_a_device_writes_is_noted_in_every_format(void **state)
{
	for (int bits = 0; bits < 8; bits++)
		try_format((struct queue_features){ .packed = bits & 1,
						    .event_idx = bits & 2,
						    .in_order = bits & 4 });
}

static void nothing_is_noted_when_nobody_asks(void **state)
{
	struct one_queue *f = one_queue_open(8, (struct queue_features){ 0 });

	assert_false(mem_is_tracked(&f->ram.mem));
	one_queue_works(f);
	assert_null(f->ram.mem.region[0].dirty);
	one_queue_close(f);
}

static void marks_are_of_whole_pages_and_end_with_the_region(void **state)
{
	struct one_queue *f = one_queue_open(8, (struct queue_features){ 0 });
	bool marked[PAGES];

	assert_int_equal(mem_track(&f->ram.mem), 0);
	take(f, marked);
	mem_mark(&f->ram.mem, f->ram.bytes + DRIVER_RAM_SIZE - 1, 4096);
	assert_int_equal(take(f, marked), 1);
	assert_true(marked[PAGES - 1]);
	mem_mark(&f->ram.mem, f->ram.bytes, 0);
	mem_mark(&f->ram.mem, &f, 8); /* not the guest's */
	assert_int_equal(take(f, marked), 0);
	mem_mark(&f->ram.mem, f->ram.bytes + 4095, 2);
	assert_int_equal(take(f, marked), 2);
	mem_finish(&f->ram.mem);
	one_queue_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_device_writes_is_noted_in_every_format),
		cmocka_unit_test(nothing_is_noted_when_nobody_asks),
		cmocka_unit_test(
			marks_are_of_whole_pages_and_end_with_the_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
