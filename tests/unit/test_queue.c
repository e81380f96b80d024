// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/queue.c and queue_split.c: starting, and the split
 * format. Catalogue group Q. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"
#include "one_queue.h"

#define NEXT	 DRIVER_F_NEXT
#define WRITE	 DRIVER_F_WRITE
#define INDIRECT DRIVER_F_INDIRECT

static const struct queue_features plain, indirect = { .indirect = true };

/* ---- starting ---- */

static int try_start(const struct driver_ram *ram, struct queue_params p,
		     bool packed_ring)
{
	struct queue_features features = { .packed = packed_ring };
	struct queue q = { 0 };
	int r = queue_start(&q, &ram->mem, ONE_QUEUE_MAX, &p, &features);

	assert_int_equal(q.size, r ? 0 : p.size);
	queue_stop(&q);
	return r;
}

static void T10_impossible_sizes_are_refused(void **state)
{
	static const struct {
		uint16_t size;
		int split, packed;
	} sizes[] = {
		{ 0, -EINVAL, -EINVAL },   { 1, 0, 0 },
		{ 3, -EINVAL, 0 },         { 256, 0, 0 },
		{ 257, -EINVAL, -EINVAL }, { 512, -EINVAL, -EINVAL },
		{ 65535, -EINVAL, -EINVAL },
	};
	struct driver_ram ram;

	driver_ram_init(&ram);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct queue_params p = { sizes[i].size, DRIVER_RAM_GPA,
					  DRIVER_RAM_GPA + 0x8000,
					  DRIVER_RAM_GPA + 0xc000 };

		assert_int_equal(try_start(&ram, p, false), sizes[i].split);
		assert_int_equal(try_start(&ram, p, true), sizes[i].packed);
	}
	driver_ram_finish(&ram);
}

/* Rings at the very end of RAM fit to the byte, and not one step further. The
 * same by a device's registers is T11. */
static void Q28_rings_lie_in_ram_and_aligned_or_the_start_fails(void **state)
{
	const uint64_t gpa = DRIVER_RAM_GPA, end = gpa + DRIVER_RAM_SIZE;
	const struct queue_params good = { 8, gpa, gpa + 0x1000,
					   gpa + 0x2000 };
	const struct {
		int r;
		struct queue_params p;
	} cases[] = {
		{ 0, good },
		{ 0, { 8, end - 128, gpa, gpa + 0x2000 } },
		{ 0, { 8, gpa, end - 22, gpa + 0x2000 } },
		{ 0, { 8, gpa, gpa + 0x1000, end - 72 } },
		{ -EINVAL, { 8, end - 112, gpa, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, end - 20, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, gpa + 0x1000, end - 68 } },
		{ -EINVAL, { 8, gpa + 8, gpa + 0x1000, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, gpa + 0x1001, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, gpa + 0x1000, gpa + 0x2002 } },
		{ -EINVAL, { 8, gpa - 16, gpa + 0x1000, gpa + 0x2000 } },
		{ -EINVAL, { 8, 0, gpa + 0x1000, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, 0xfee00000, gpa + 0x2000 } },
		{ -EINVAL, { 8, UINT64_MAX - 15, gpa, gpa + 0x2000 } },
		{ -EINVAL, { 8, gpa, gpa, UINT64_MAX - 3 } },
	};
	struct driver_ram ram;

	driver_ram_init(&ram);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(try_start(&ram, cases[i].p, false),
				 cases[i].r);
	driver_ram_finish(&ram);
}

static void queue_that_is_not_started_has_nothing(void **state)
{
	struct queue q = { 0 };
	struct chain c;

	assert_int_equal(queue_pop(&q, &c), 0);
	assert_false(queue_has_work(&q));
	assert_false(queue_set_kicks(&q, true));
	assert_false(queue_wants_interrupt(&q));
	queue_stop(&q);
}

/* ---- chains that are fine ---- */

static void queue_pop_hands_out_what_the_driver_posted(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf bufs[] = { { f->data, 16, false },
				     { f->data + 32, 8, false },
				     { f->data + 64, 512, true } };
	int head = driver_post(&f->ring, bufs, 3);
	uint8_t *bytes = driver_ram_at(&f->ram, f->data, 4096);

	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.head, head);
	assert_int_equal(f->c.out_count, 2);
	assert_int_equal(f->c.in_count, 1);
	assert_int_equal(f->c.out_len, 24);
	assert_int_equal(f->c.in_len, 512);
	assert_ptr_equal(f->c.iov[0].iov_base, bytes);
	assert_ptr_equal(f->c.iov[1].iov_base, bytes + 32);
	assert_ptr_equal(f->c.iov[2].iov_base, bytes + 64);
	assert_int_equal(f->c.iov[1].iov_len, 8);
	assert_int_equal(queue_pop(&f->q, &f->c), 0);
	one_queue_close(f);
}

static void queue_push_completes_in_any_order(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf buf = { f->data, 64, true };
	struct chain c[3];
	struct driver_done done;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(driver_post(&f->ring, &buf, 1), i);
		assert_int_equal(queue_pop(&f->q, &c[i]), 1);
	}
	assert_int_equal(f->q.taken, 3);
	for (int i = 2; i >= 0; i--) {
		queue_push(&f->q, &c[i], (uint32_t)i);
		assert_true(driver_collect(&f->ring, &done));
		assert_int_equal(done.head, i);
		assert_int_equal(done.len, i);
	}
	assert_int_equal(f->q.taken, 0);
	one_queue_close(f);
}

/* A bad chain completes at its turn too. */
static void in_order_holds_back_what_overtakes(void **state)
{
	struct one_queue *f = one_queue_open(
		8, (struct queue_features){ .in_order = true });
	struct driver_buf buf = { f->data, 64, true };
	struct driver_buf bad = { 0, 64, true };
	struct driver_done done;
	struct chain c[3];

	for (int i = 0; i < 2; i++) {
		driver_post(&f->ring, &buf, 1);
		assert_int_equal(queue_pop(&f->q, &c[i]), 1);
	}
	driver_post(&f->ring, &bad, 1);
	driver_post(&f->ring, &buf, 1);
	assert_int_equal(queue_pop(&f->q, &c[2]), 1);
	assert_int_equal(c[2].head, 3);
	queue_unpop(&f->q, &c[2]);
	assert_int_equal(queue_pop(&f->q, &c[2]), 1);
	queue_push(&f->q, &c[2], 3);
	queue_push(&f->q, &c[1], 2);
	assert_false(driver_collect(&f->ring, &done));
	assert_false(queue_wants_interrupt(&f->q));
	queue_push(&f->q, &c[0], 1);
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(driver_collect(&f->ring, &done));
		assert_int_equal(done.head, i);
		assert_int_equal(done.len, i == 2 ? 0 : i == 3 ? 3 : i + 1);
	}
	assert_int_equal(f->q.taken, 0);
	one_queue_close(f);
}

static void queue_unpop_gives_the_last_chain_back(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf buf = { f->data, 64, true };

	driver_post(&f->ring, &buf, 1);
	driver_post(&f->ring, &buf, 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	queue_unpop(&f->q, &f->c);
	assert_int_equal(f->q.taken, 1);
	assert_int_equal(f->q.counts.chains, 1);
	assert_true(queue_has_work(&f->q));
	memset(&f->c, 0xff, sizeof(f->c));
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.head, 1);
	assert_int_equal(f->c.in_len, 64);
	one_queue_close(f);
}

static void Q03_chain_of_exactly_queue_size_works(void **state)
{
	struct driver_buf bufs[256];
	struct one_queue *f = one_queue_open(256, indirect);

	for (unsigned int i = 0; i < 256; i++)
		bufs[i] = (struct driver_buf){ f->data + i * 16, 16, i > 7 };
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(driver_post(&f->ring, bufs, 256) >= 0);
		one_queue_serve(f, 248 * 16);
		assert_int_equal(f->c.out_count, 8);
		assert_int_equal(f->c.in_count, 248);
		assert_true(driver_post_indirect(&f->ring, bufs, 256) >= 0);
		one_queue_serve(f, 0);
		assert_int_equal(f->c.in_count, 248);
	}
	one_queue_close(f);
}

static void Q06_buffer_over_two_touching_regions_works(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf bufs[] = { { f->next_ram - 100, 300, true },
				     { f->data, 10, true } };
	uint8_t bytes[310];

	memset(bytes, 0x5a, sizeof(bytes));
	driver_post(&f->ring, bufs, 2);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.in_count, 3);
	assert_int_equal(f->c.in_len, 310);
	assert_int_equal(f->c.iov[0].iov_len, 100);
	assert_ptr_equal(f->c.iov[1].iov_base, f->next_bytes);
	assert_int_equal(f->c.iov[1].iov_len, 200);
	assert_true(chain_write(&f->c, 0, bytes, sizeof(bytes)));
	assert_int_equal(f->next_bytes[199], 0x5a);
	queue_push(&f->q, &f->c, 310);
	one_queue_close(f);
}

static void Q09_empty_descriptors_are_passed_over(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf bufs[] = { { 0, 0, false },
				     { f->data, 16, false },
				     { UINT64_MAX, 0, false },
				     { f->data, 1, true },
				     { f->data, 0, true } };
	struct driver_buf nothing = { f->data, 0, true };

	driver_post(&f->ring, bufs, 5);
	one_queue_serve(f, 1);
	assert_int_equal(f->c.out_count, 1);
	assert_int_equal(f->c.in_count, 1);
	driver_post(&f->ring, &nothing, 1);
	one_queue_serve(f, 0);
	assert_int_equal(f->c.in_count, 0);
	one_queue_close(f);
}

static void Q13_one_byte_per_descriptor_is_legal_framing(void **state)
{
	struct one_queue *f = one_queue_open(32, plain);
	uint8_t *bytes = driver_ram_at(&f->ram, f->data, 4096);
	struct driver_buf bufs[17];
	char text[17] = "";

	for (unsigned int i = 0; i < 17; i++) {
		bufs[i] = (struct driver_buf){ f->data + 31 * i, 1, i == 16 };
		bytes[31 * i] = (uint8_t)('a' + i);
	}
	driver_post(&f->ring, bufs, 17);
	one_queue_serve(f, 1);
	assert_true(chain_read(&f->c, 0, text, 16));
	assert_string_equal(text, "abcdefghijklmnop");
	one_queue_close(f);
}

static void Q18_indirect_behind_direct_ones_works(void **state)
{
	struct one_queue *f = one_queue_open(8, indirect);

	for (unsigned int direct = 0; direct < 3; direct++) {
		uint16_t at = (uint16_t)direct;

		for (uint16_t i = 0; i < direct; i++)
			one_queue_desc(f, i, f->data + 512, 16, NEXT, i + 1u);
		/* WRITE on the indirect descriptor itself means nothing */
		one_queue_desc(f, at, f->data, 64, INDIRECT | WRITE, 99);
		one_queue_table(f, 0, f->data + 256, 32, NEXT, 3);
		one_queue_table(f, 3, f->data + 300, 8, WRITE, 77);
		driver_raw_avail(&f->ring, 0);
		assert_int_equal(queue_pop(&f->q, &f->c), 1);
		assert_int_equal(f->c.out_len, 16 * direct + 32);
		assert_int_equal(f->c.in_len, 8);
		queue_push(&f->q, &f->c, 8);
	}
	one_queue_close(f);
}

/* ---- chains that are not ---- */

/* Descriptor 0 and following; the table at f->data where there is one. */
struct bad_chain {
	const char *id;
	bool no_indirect; /* the feature is not negotiated */
	struct driver_desc desc[4];
	struct driver_desc table[3];
};

#define RAM  (DRIVER_RAM_GPA + 0x200000)
#define DATA DRIVER_RAM_GPA /* f->data: the first piece that is allocated */
#define END  (DRIVER_RAM_GPA + DRIVER_RAM_SIZE + 4096)

static const struct bad_chain bad_chains[] = {
	{ "Q01 to itself", false, { { RAM, 8, NEXT, 0 } }, { { 0 } } },
	{ "Q01 in a circle", false,
	  { { RAM, 8, NEXT, 1 }, { RAM, 8, NEXT, 2 }, { RAM, 8, NEXT, 0 } },
	  { { 0 } } },
	{ "Q01 circle of empty ones", false, { { RAM, 0, NEXT, 0 } },
	  { { 0 } } },
	{ "Q04 next", false, { { RAM, 8, NEXT, 8 } }, { { 0 } } },
	{ "Q04 next", false, { { RAM, 8, NEXT, 0xffff } }, { { 0 } } },
	{ "Q05 below RAM", false, { { 0x1000, 8, 0, 0 } }, { { 0 } } },
	{ "Q05 LAPIC", false, { { 0xfee00000, 4, WRITE, 0 } }, { { 0 } } },
	{ "Q06 past the end", false, { { END - 8, 9, 0, 0 } }, { { 0 } } },
	{ "Q06 into RAM", false, { { DRIVER_RAM_GPA - 8, 16, 0, 0 } },
	  { { 0 } } },
	{ "Q06 at the end", false, { { END, 1, 0, 0 } }, { { 0 } } },
	{ "Q07 wraps", false, { { UINT64_MAX - 255, 512, WRITE, 0 } },
	  { { 0 } } },
	{ "Q07 wraps into RAM", false,
	  { { UINT64_MAX - 255, UINT32_MAX, 0, 0 } }, { { 0 } } },
	{ "Q08 length", false, { { RAM, UINT32_MAX, 0, 0 } }, { { 0 } } },
	{ "Q10 readable last", false,
	  { { RAM, 8, WRITE | NEXT, 1 }, { RAM, 8, 0, 0 } }, { { 0 } } },
	{ "Q14 not negotiated", true, { { DATA, 16, INDIRECT, 0 } },
	  { { RAM, 8, 0, 0 } } },
	{ "Q15 nested", false, { { DATA, 16, INDIRECT, 0 } },
	  { { DATA, 16, INDIRECT, 0 } } },
	{ "Q16 with NEXT", false,
	  { { DATA, 16, INDIRECT | NEXT, 1 }, { RAM, 8, 0, 0 } },
	  { { RAM, 8, 0, 0 } } },
	{ "Q16 two", false,
	  { { DATA, 16, INDIRECT | NEXT, 1 }, { DATA, 16, INDIRECT, 0 } },
	  { { RAM, 8, 0, 0 } } },
	{ "Q17 empty", false, { { DATA, 0, INDIRECT, 0 } }, { { 0 } } },
	{ "Q17 odd", false, { { DATA, 24, INDIRECT, 0 } },
	  { { RAM, 8, 0, 0 } } },
	{ "Q17 too long", false, { { DATA, 16 * 32769, INDIRECT, 0 } },
	  { { RAM, 8, 0, 0 } } },
	{ "Q17 outside", false, { { END, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "Q17 into a hole", false, { { END - 16, 32, INDIRECT, 0 } },
	  { { 0 } } },
	{ "Q19 circle", false, { { DATA, 32, INDIRECT, 0 } },
	  { { RAM, 8, NEXT, 1 }, { RAM, 8, NEXT, 0 } } },
	{ "Q19 past the table", false, { { DATA, 32, INDIRECT, 0 } },
	  { { RAM, 8, NEXT, 2 }, { RAM, 8, 0, 0 }, { RAM, 8, 0, 0 } } },
	{ "buffer in a table", false, { { DATA, 32, INDIRECT, 0 } },
	  { { RAM, 8, NEXT, 1 }, { END, 8, 0, 0 } } },
};

static void Q01_Q19_bad_chains_are_completed_with_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_chains); i++) {
		const struct bad_chain *b = &bad_chains[i];
		struct one_queue *f = one_queue_open(
			8, b->no_indirect ? plain : indirect);

		assert_int_equal(f->data, DATA);
		for (uint16_t k = 0; k < 4; k++)
			driver_raw_desc(&f->ring, k, b->desc[k]);
		for (uint16_t k = 0; k < 3; k++)
			driver_raw_table(&f->ring, DATA, k, b->table[k]);
		driver_raw_avail(&f->ring, 0);
		print_message("  %s\n", b->id);
		one_queue_drops(f);
		f->ring.used++;
		one_queue_works(f);
		one_queue_close(f);
	}
}

static void Q02_chain_longer_than_the_queue_is_dropped(void **state)
{
	struct one_queue *f = one_queue_open(4, indirect);

	for (uint16_t i = 0; i < 2; i++)
		one_queue_desc(f, i, RAM, 8, NEXT, i + 1u);
	one_queue_desc(f, 2, f->data, 16 * 3, INDIRECT, 0);
	for (uint16_t i = 0; i < 3; i++)
		one_queue_table(f, i, RAM, 8, i < 2 ? NEXT : 0, i + 1u);
	driver_raw_avail(&f->ring, 0);
	one_queue_drops(f);
	one_queue_table(f, 1, RAM, 8, 0, 0);
	driver_raw_avail(&f->ring, 0);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.out_count, 4);
	one_queue_close(f);
}

/* Each buffer is fine, but no length could say what was written. */
static void Q08_chain_of_more_than_32_bits_is_dropped(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf bufs[4];
	void *bytes = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(bytes != MAP_FAILED);
	assert_int_equal(mem_add(&f->ram.mem, GIB, GIB, bytes), 0);
	for (unsigned int i = 0; i < 4; i++)
		bufs[i] = (struct driver_buf){ GIB, GIB, i > 1 };
	bufs[3].len--;
	driver_post(&f->ring, bufs, 4);
	one_queue_serve(f, 0);
	assert_true(f->c.out_len + f->c.in_len == UINT32_MAX);
	bufs[3].len++;
	driver_post(&f->ring, bufs, 4);
	one_queue_drops(f);
	one_queue_close(f);
	munmap(bytes, GIB);
}

static void DN02_chains_of_too_many_pieces_are_dropped(void **state)
{
	struct driver_buf bufs[256];
	struct one_queue *f = one_queue_open(256, plain);

	/* each over the border of two regions: two pieces */
	for (unsigned int i = 0; i < 131; i++)
		bufs[i] = (struct driver_buf){ f->next_ram - 1, 2, false };
	driver_post(&f->ring, bufs, 130);
	one_queue_serve(f, 0);
	assert_int_equal(f->c.out_count, QUEUE_IOV_MAX);
	driver_post(&f->ring, bufs, 131);
	one_queue_drops(f);
	one_queue_close(f);
}

static void queue_pop_passes_over_bad_chains_to_a_good_one(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	struct driver_buf bad = { END, 8, true }, good = { RAM, 8, true };

	for (int i = 0; i < 5; i++)
		driver_post(&f->ring, &bad, 1);
	driver_post(&f->ring, &good, 1);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	assert_int_equal(f->c.head, 5);
	assert_int_equal(f->q.counts.dropped, 5);
	one_queue_close(f);
}

/* ---- rings that are not ---- */

static void Q20_same_head_twice_breaks_the_ring(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);

	one_queue_desc(f, 3, RAM, 8, WRITE, 0);
	driver_raw_avail(&f->ring, 3);
	driver_raw_avail(&f->ring, 3);
	assert_int_equal(queue_pop(&f->q, &f->c), 1);
	one_queue_breaks(f);
	/* what is in flight may still be given back; the ring stays as it is */
	f->c.head = 3;
	f->c.slots = 1;
	f->c.in_len = 8;
	queue_push(&f->q, &f->c, 8);
	assert_int_equal(driver_raw_used_idx(&f->ring), 0);
	assert_int_equal(f->q.taken, 0);
	one_queue_close(f);
}

static void Q20_head_is_free_again_after_its_completion(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);

	one_queue_desc(f, 3, RAM, 8, WRITE, 0);
	for (int i = 0; i < 20; i++) {
		driver_raw_avail(&f->ring, 3);
		assert_int_equal(queue_pop(&f->q, &f->c), 1);
		queue_push(&f->q, &f->c, 8);
	}
	one_queue_close(f);
}

static void Q21_head_beyond_the_queue_breaks_the_ring(void **state)
{
	static const uint16_t heads[] = { 8, 9, 255, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		struct one_queue *f = one_queue_open(8, plain);

		driver_raw_avail(&f->ring, heads[i]);
		one_queue_breaks(f);
		one_queue_close(f);
	}
}

static void Q22_index_that_jumps_breaks_the_ring(void **state)
{
	static const uint16_t indices[] = { 9, 100, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
		struct one_queue *f = one_queue_open(8, plain);

		driver_raw_avail_idx(&f->ring, indices[i]);
		one_queue_breaks(f);
		one_queue_close(f);
	}
}

static void Q22_index_that_goes_backwards_breaks_the_ring(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);

	one_queue_works(f);
	one_queue_works(f);
	driver_raw_avail_idx(&f->ring, 1);
	one_queue_breaks(f);
	assert_int_equal(queue_start(&f->q, &f->ram.mem, ONE_QUEUE_MAX,
				     &f->ring.params, &plain), 0);
	driver_ring_reset(&f->ring);
	one_queue_works(f);
	one_queue_close(f);
}

static void Q28_ring_that_turns_to_zeros_is_an_error_or_nothing(void **state)
{
	struct one_queue *f = one_queue_open(8, plain);
	int r;

	for (int i = 0; i < 3; i++)
		one_queue_works(f);
	driver_ring_reset(&f->ring);
	r = queue_pop(&f->q, &f->c);
	assert_int_equal(r, -EPROTO);
	one_queue_close(f);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(T10_impossible_sizes_are_refused),
		TEST(Q28_rings_lie_in_ram_and_aligned_or_the_start_fails),
		TEST(queue_that_is_not_started_has_nothing),
		TEST(queue_pop_hands_out_what_the_driver_posted),
		TEST(queue_push_completes_in_any_order),
		TEST(in_order_holds_back_what_overtakes),
		TEST(queue_unpop_gives_the_last_chain_back),
		TEST(Q03_chain_of_exactly_queue_size_works),
		TEST(Q06_buffer_over_two_touching_regions_works),
		TEST(Q09_empty_descriptors_are_passed_over),
		TEST(Q13_one_byte_per_descriptor_is_legal_framing),
		TEST(Q18_indirect_behind_direct_ones_works),
		TEST(Q01_Q19_bad_chains_are_completed_with_nothing),
		TEST(Q02_chain_longer_than_the_queue_is_dropped),
		TEST(Q08_chain_of_more_than_32_bits_is_dropped),
		TEST(DN02_chains_of_too_many_pieces_are_dropped),
		TEST(queue_pop_passes_over_bad_chains_to_a_good_one),
		TEST(Q20_same_head_twice_breaks_the_ring),
		TEST(Q20_head_is_free_again_after_its_completion),
		TEST(Q21_head_beyond_the_queue_breaks_the_ring),
		TEST(Q22_index_that_jumps_breaks_the_ring),
		TEST(Q22_index_that_goes_backwards_breaks_the_ring),
		TEST(Q28_ring_that_turns_to_zeros_is_an_error_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
