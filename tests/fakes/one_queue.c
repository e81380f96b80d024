// SPDX-License-Identifier: BSD-3-Clause
/* See one_queue.h. */
#include "one_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#define PAGE 4096

struct one_queue *one_queue_open(uint16_t size, struct queue_features features)
{
	struct one_queue *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	driver_ram_init(&f->ram);
	f->next_ram = DRIVER_RAM_GPA + DRIVER_RAM_SIZE;
	f->next_bytes = aligned_alloc(PAGE, PAGE);
	assert_non_null(f->next_bytes);
	assert_int_equal(mem_add(&f->ram.mem, f->next_ram, PAGE,
				 f->next_bytes), 0);
	f->data = driver_ram_alloc(&f->ram, PAGE, PAGE);
	driver_ring_init(&f->ring, &f->ram, size, &features);
	assert_int_equal(queue_start(&f->q, &f->ram.mem, ONE_QUEUE_MAX,
				     &f->ring.params, &features), 0);
	return f;
}

void one_queue_close(struct one_queue *f)
{
	queue_stop(&f->q);
	driver_ring_finish(&f->ring);
	driver_ram_finish(&f->ram);
	free(f->next_bytes);
	free(f);
}

void one_queue_desc(struct one_queue *f, uint16_t i, uint64_t addr,
		    uint32_t len, unsigned int flags, uint16_t next)
{
	driver_raw_desc(&f->ring, i, (struct driver_desc){
		addr, len, (uint16_t)flags, next });
}

void one_queue_table(struct one_queue *f, unsigned int i, uint64_t addr,
		     uint32_t len, unsigned int flags, uint16_t next)
{
	driver_raw_table(&f->ring, f->data, i, (struct driver_desc){
		addr, len, (uint16_t)flags, next });
}

/* Where the device has got to in what the driver sees. */
static uint16_t used_at(const struct one_queue *f)
{
	return f->ring.features.packed ? f->q.next_used
				       : driver_raw_used_idx(&f->ring);
}

void one_queue_serve(struct one_queue *f, uint32_t len)
{
	struct driver_done done;

	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	queue_push(&f->q, &f->c, len);
	assert_true(driver_collect(&f->ring, &done));
	assert_int_equal(done.head, f->c.head);
	assert_int_equal(done.len, len);
	assert_false(driver_collect(&f->ring, &done));
}

void one_queue_drops(struct one_queue *f)
{
	uint64_t dropped = f->q.counts.dropped, chains = f->q.counts.chains;
	uint16_t slot = f->q.next_used, used = used_at(f);
	struct driver_desc d;

	assert_true(queue_has_work(&f->q));
	assert_int_equal(queue_pop(&f->q, &f->c), 0);
	assert_int_equal(f->q.counts.dropped, dropped + 1);
	assert_int_equal(f->q.counts.chains, chains);
	assert_int_equal(f->q.taken, 0);
	assert_true(queue_wants_interrupt(&f->q));
	if (f->ring.features.packed) {
		d = driver_raw_read(&f->ring, slot);
		assert_int_equal(d.len, 0);
		assert_int_equal(d.next, f->c.head);
		assert_false(d.flags & DRIVER_F_WRITE);
	} else {
		const uint32_t *elem = driver_ram_at(
			&f->ram, f->ring.params.device + 4 +
			8 * (slot % f->ring.size), 8);

		assert_int_equal(used_at(f), (uint16_t)(used + 1));
		assert_int_equal(elem[0], f->c.head);
		assert_int_equal(elem[1], 0);
	}
}

void one_queue_breaks(struct one_queue *f)
{
	uint16_t used = used_at(f);

	assert_true(queue_has_work(&f->q));
	assert_int_equal(queue_pop(&f->q, &f->c), -EPROTO);
	assert_int_equal(queue_pop(&f->q, &f->c), -EPROTO);
	assert_true(queue_has_work(&f->q));
	assert_false(queue_set_kicks(&f->q, true));
	assert_false(queue_wants_interrupt(&f->q));
	assert_int_equal(used_at(f), used);
}

void one_queue_works(struct one_queue *f)
{
	struct driver_buf bufs[] = { { f->data, 16, false },
				     { f->data + 64, 512, true } };

	assert_true(driver_post(&f->ring, bufs, f->ring.size > 1 ? 2 : 1) >=
		    0);
	one_queue_serve(f, f->ring.size > 1 ? 512 : 0);
}
