// SPDX-License-Identifier: BSD-3-Clause
/* src/board/board_dirty.c, and what an embedder reaches of a board's memory,
 * over fake_kvm.
 *
 *   0           +--------+ RAM: 70 pages
 *   LENT        +--------+ lent: 2 pages
 *   FIXED       +--------+ lent, read-only: 1 page
 *   PLACE       +--------+ lent: 1 page
 *   HIGH        +--------+ RAM: 2 pages
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "board/board.h"
#include "fake_kvm.h"

#define PAGE  UINT64_C(4096)
#define LENT  (70 * PAGE)
#define FIXED (72 * PAGE)
#define END   (73 * PAGE)
#define PLACE UINT64_C(0xe0200000)
#define HIGH  (4 * GIB)
#define PAGES 76

struct fixture {
	struct kvm kvm;
	struct board board;
	struct extras extras;
	uint8_t *host; /* all of the pages, in that order */
	int fd;
};

static bool anywhere(const struct board *board, uint64_t gpa, uint64_t size)
{
	return true;
}

static void lend(struct fixture *f, uint64_t gpa, uint64_t size, uint8_t *addr,
		 bool read_only)
{
	f->extras.memory[f->extras.memories++] = (struct extra_memory){
		.fd = -1, .addr = addr, .gpa = gpa, .size = size,
		.read_only = read_only,
	};
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t *h = aligned_alloc(PAGE, PAGES * PAGE);

	*state = f;
	memset(h, 0, PAGES * PAGE);
	f->host = h;
	lend(f, LENT, 2 * PAGE, h + LENT, false);
	lend(f, FIXED, PAGE, h + FIXED, true);
	lend(f, PLACE, PAGE, h + END, false);
	f->board.extras = &f->extras;
	fake_kvm_reset();
	f->fd = fake_kvm_open();
	return kvm_open(&f->kvm, f->fd, NULL) ||
	       board_init(&f->board, &f->kvm, NULL) ||
	       mem_add(&f->board.mem, 0, LENT, h) ||
	       mem_add(&f->board.mem, HIGH, 2 * PAGE, h + END + PAGE) ||
	       board_register_ram(&f->board, NULL) ||
	       board_map_extras(&f->board, anywhere, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	board_finish(&f->board);
	kvm_close(&f->kvm);
	close(f->fd);
	fake_kvm_reset();
	free(f->host);
	free(f);
	return 0;
}

/* ---- what is reached ---- */

static void memory_that_touches_is_one_range(void **state)
{
	struct fixture *f = *state;
	const struct board *b = &f->board;
	uint8_t bytes[3 * 4096 + 2];

	memset(f->host + LENT - 1, 1, 1);
	memset(f->host + LENT, 2, 2 * PAGE);
	memset(f->host + FIXED, 3, PAGE);
	assert_int_equal(mem_read(&b->readable, bytes, LENT - 1,
				  END - LENT + 1), 0);
	assert_int_equal(bytes[0], 1);
	assert_int_equal(bytes[1], 2);
	assert_int_equal(bytes[2 * PAGE], 2);
	assert_int_equal(bytes[2 * PAGE + 1], 3);
	assert_int_equal(mem_read(&b->readable, bytes, LENT - 1,
				  END - LENT + 2), -EFAULT);
	assert_int_equal(mem_write(&b->writable, LENT - 1, "ab", 2), 0);
	assert_memory_equal(f->host + LENT - 1, "ab", 2);
	assert_int_equal(mem_write(&b->writable, FIXED - 1, "cd", 2), -EFAULT);
	assert_int_equal(mem_fill(&b->writable, FIXED - 1, 9, 2), -EFAULT);
	assert_int_equal(f->host[FIXED - 1], 2);
	assert_int_equal(f->host[FIXED], 3);
}

static void what_is_lent_no_device_reaches(void **state)
{
	const struct fixture *f = *state;
	const struct mem *m = &f->board.mem;

	assert_true(mem_is_ram(m, 0, LENT));
	assert_true(mem_is_ram(m, HIGH, 2 * PAGE));
	assert_false(mem_is_ram(m, LENT, 1));
	assert_false(mem_is_ram(m, FIXED, 1));
	assert_false(mem_is_ram(m, PLACE, 1));
	assert_null(mem_ptr(m, LENT - 1, 2));
}

/* ---- what was written ---- */

struct listed {
	unsigned int runs;
	struct {
		uint64_t gpa, length;
	} run[8];
};

static void note_run(void *ctx, uint64_t gpa, uint64_t length)
{
	struct listed *l = ctx;

	assert_true(l->runs < 8);
	l->run[l->runs].gpa = gpa;
	l->run[l->runs++].length = length;
}

static struct listed list(struct fixture *f)
{
	struct listed l = { 0 };
	struct board_dirty dirty;

	assert_int_equal(board_take_dirty(&f->board, &dirty), 0);
	board_tell_dirty(&dirty, note_run, &l);
	return l;
}

static void assert_run(const struct listed *l, unsigned int i, uint64_t gpa,
		       uint64_t length)
{
	assert_true(i < l->runs);
	assert_int_equal(l->run[i].gpa, gpa);
	assert_int_equal(l->run[i].length, length);
}

static void assert_all_listed(struct fixture *f)
{
	struct listed l = list(f);

	assert_int_equal(l.runs, 3);
	assert_run(&l, 0, 0, FIXED);
	assert_run(&l, 1, PLACE, PAGE);
	assert_run(&l, 2, HIGH, 2 * PAGE);
	assert_int_equal(list(f).runs, 0);
}

static void runs_come_by_address_whosever_the_memory_is(void **state)
{
	struct fixture *f = *state;
	struct listed l;

	assert_int_equal(board_track(&f->board, false), 0);
	assert_int_equal(list(f).runs, 0);
	fake.dirty[0] = 1u << 9;  /* the guest, in the RAM */
	fake.dirty[1] = 1;        /* and above 4 GiB */
	fake.dirty[2] = 1;        /* in what is lent */
	fake.dirty[4] = 1;        /* and elsewhere */
	l = list(f);
	assert_int_equal(l.runs, 4);
	assert_run(&l, 0, 9 * PAGE, PAGE);
	assert_run(&l, 1, LENT, PAGE);
	assert_run(&l, 2, PLACE, PAGE);
	assert_run(&l, 3, HIGH, PAGE);
	assert_int_equal(list(f).runs, 0);
}

/* Devices and loaders have another table than the embedder. */
static void devices_and_the_embedder_write_into_the_same_notes(void **state)
{
	struct fixture *f = *state;
	const struct board *b = &f->board;
	struct listed l;

	assert_false(mem_is_tracked(&b->mem));
	assert_int_equal(board_track(&f->board, false), 0);
	assert_true(mem_is_tracked(&b->mem));
	mem_mark(&b->mem, f->host + 63 * PAGE, PAGE + 1); /* over two words */
	mem_write(&b->writable, 66 * PAGE - 1, "ab", 2);
	mem_fill(&b->mem, LENT - 1, 7, 1);
	mem_fill(&b->writable, LENT + PAGE - 1, 7, 2);
	mem_write(&b->mem, HIGH + PAGE, "c", 1);
	l = list(f);
	assert_int_equal(l.runs, 3);
	assert_run(&l, 0, 63 * PAGE, 4 * PAGE);
	assert_run(&l, 1, 69 * PAGE, 3 * PAGE);
	assert_run(&l, 2, HIGH + PAGE, PAGE);
	assert_int_equal(list(f).runs, 0);
}

static void all_pages_can_count_as_written(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(board_track(&f->board, true), 0);
	assert_all_listed(f);
}

static void nothing_is_lost_when_kvm_does_not_tell(void **state)
{
	struct fixture *f = *state;
	struct board_dirty dirty;

	assert_int_equal(board_track(&f->board, false), 0);
	mem_fill(&f->board.mem, 3 * PAGE, 1, 1);
	fake.fail_request = KVM_GET_DIRTY_LOG;
	fake.fail_skip = 2; /* those of some are taken then */
	fake.fail_times = 1;
	fake.fail_error = ENOMEM;
	assert_int_equal(board_take_dirty(&f->board, &dirty), -ENOMEM);
	assert_all_listed(f);
}

static void without_notes_there_is_nothing_to_take(void **state)
{
	struct fixture *f = *state;
	struct mem_region *last = &f->board.writable.region[3];
	struct board_dirty dirty;

	assert_int_equal(board_take_dirty(&f->board, &dirty), -EBUSY);
	/* as when there was not enough memory for all of them */
	assert_int_equal(board_track(&f->board, true), 0);
	free(atomic_exchange(&last->dirty, NULL));
	assert_int_equal(board_take_dirty(&f->board, &dirty), -EBUSY);
	board_finish(&f->board);
	assert_int_equal(board_take_dirty(&f->board, &dirty), -EBUSY);
}

#define BOARD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOARD_TEST(memory_that_touches_is_one_range),
		BOARD_TEST(what_is_lent_no_device_reaches),
		BOARD_TEST(runs_come_by_address_whosever_the_memory_is),
		BOARD_TEST(devices_and_the_embedder_write_into_the_same_notes),
		BOARD_TEST(all_pages_can_count_as_written),
		BOARD_TEST(nothing_is_lost_when_kvm_does_not_tell),
		BOARD_TEST(without_notes_there_is_nothing_to_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
