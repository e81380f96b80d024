// SPDX-License-Identifier: BSD-3-Clause
/*
 * Overlays through crashes and failing hosts. Every change to the overlay file
 * is logged; for each prefix of the log, a file is made as a kill or a power
 * cut at that point would leave it, opened, checked, and compared with what the
 * driver was promised: flushed writes are there, others are there or not, per
 * sector.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block_bench.h"
#include "fake_file_io.h"

#include "backends/disk_check.h"
#include "base/num.h"

#define SIZE     (20 * MIB) /* three sectors of the map */
#define FILE_LEN (21 * MIB)
#define SECTOR   512u
#define WINDOW   (64 * 1024u)
#define WINDOWS  3u
#define OPS      160u
#define SECTORS  (WINDOW / SECTOR)

/* Where the test writes: at both ends, and where a map sector ends. */
static const uint64_t window[WINDOWS] = {
	0, 2016 * 4096 - WINDOW / 2, SIZE - WINDOW,
};

struct op {
	enum block_op op;
	unsigned int at; /* sector, counted over all windows */
	unsigned int count;
	unsigned int from; /* the log when it began, and when it was done */
	unsigned int to;
	uint8_t tag; /* what a write fills its sectors with */
};

/* What each sector holds: 0 zeroes, 1 the base's, else a write's tag. */
struct model {
	uint8_t tag[WINDOWS * SECTORS];
};

struct story {
	struct op op[OPS];
	struct model after[OPS];
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t place(unsigned int sector)
{
	return window[sector / SECTORS] +
	       (uint64_t)(sector % SECTORS) * SECTOR;
}

static void fill(uint8_t *buf, unsigned int sector, uint8_t tag)
{
	for (unsigned int i = 0; i < SECTOR; i++)
		buf[i] = tag == 0 ? 0 :
			 tag == 1 ? block_pattern(place(sector) + i) :
				    (uint8_t)(tag + i + sector);
}

/* Which tag's contents these are; -1: none of them. */
static int recognise(const uint8_t *buf, unsigned int sector)
{
	uint8_t want[SECTOR];

	for (int tag = 0; tag < 256; tag++) {
		fill(want, sector, (uint8_t)tag);
		if (memcmp(buf, want, SECTOR) == 0)
			return tag;
	}
	return -1;
}

static void choose(struct op *op, unsigned int number, uint64_t *seed)
{
	static const enum block_op ops[] = {
		BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE,
		BLOCK_FLUSH, BLOCK_WRITE_ZEROES, BLOCK_DISCARD,
	};
	unsigned int in_window;

	op->op = ops[next_random(seed) % ARRAY_SIZE(ops)];
	op->at = (unsigned int)(next_random(seed) % (WINDOWS * SECTORS));
	in_window = SECTORS - op->at % SECTORS;
	op->count = (unsigned int)(next_random(seed) % 24 + 1);
	op->count = op->count < in_window ? op->count : in_window;
	op->tag = (uint8_t)(2 + number);
}

static void carry_out(struct block_bench *t, struct op *op, struct model *m)
{
	uint8_t buf[24 * SECTOR];
	uint8_t *data = op->op == BLOCK_WRITE ? buf : NULL;
	uint64_t len = op->op == BLOCK_FLUSH ? 0 : op->count * SECTOR;

	for (unsigned int i = 0; i < op->count; i++)
		fill(buf + i * SECTOR, op->at + i, op->tag);
	op->from = fake_file_count();
	assert_int_equal(block_op(t, op->op, 0, place(op->at), data, len), 0);
	op->to = fake_file_count();
	if (op->op == BLOCK_DISCARD) {
		uint8_t now[SECTOR];

		/* as read, it stays */
		for (unsigned int i = 0; i < op->count; i++) {
			assert_int_equal(block_read_at(t, place(op->at + i),
						       now, SECTOR), 0);
			m->tag[op->at + i] =
				(uint8_t)recognise(now, op->at + i);
		}
	} else if (op->op != BLOCK_FLUSH) {
		memset(m->tag + op->at, data ? op->tag : 0, op->count);
	}
}

static void tell(struct block_bench *t, struct story *s, uint64_t seed)
{
	struct model m;

	memset(m.tag, 1, sizeof(m.tag));
	for (unsigned int i = 0; i < OPS; i++) {
		choose(&s->op[i], i, &seed);
		carry_out(t, &s->op[i], &m);
		s->after[i] = m;
	}
}

/* May sector @x hold @tag after a crash when @count changes were made? */
static bool allowed(const struct story *s, unsigned int x, int tag,
		    unsigned int count)
{
	int flushed = -1;

	for (int i = 0; i < (int)OPS; i++)
		if (s->op[i].op == BLOCK_FLUSH && s->op[i].to <= count)
			flushed = i;
	if (tag == (flushed < 0 ? 1 : s->after[flushed].tag[x]))
		return true;
	for (unsigned int i = (unsigned int)(flushed + 1); i < OPS; i++) {
		const struct op *op = &s->op[i];

		if (op->from > count || op->op == BLOCK_FLUSH ||
		    x < op->at || x - op->at >= op->count)
			continue;
		if (tag == (op->op == BLOCK_WRITE ? op->tag : 0))
			return true;
	}
	return false;
}

/* The overlay that a crash has left opens, is sound, and holds what it may. */
static void check_crash(struct block_bench *t, const struct story *s,
			unsigned int count, uint64_t seed)
{
	static uint8_t all[WINDOW];
	struct disk_report report;

	fake_file_crash(t->overlay, FILE_LEN, count, seed);
	block_open(t, OVERLAY);
	for (unsigned int w = 0; w < WINDOWS; w++) {
		assert_int_equal(block_read_at(t, window[w], all, WINDOW), 0);
		for (unsigned int i = 0; i < SECTORS; i++) {
			unsigned int x = w * SECTORS + i;
			int tag = recognise(all + i * SECTOR, x);

			if (tag < 0 || !allowed(s, x, tag, count))
				fail_msg("after %u changes, seed %llu: "
					 "sector %u holds %d",
					 count, (unsigned long long)seed, x,
					 tag);
		}
	}
	block_close(t);
	if (disk_check(&report, t->overlay, NULL, NULL, &t->err) < 0)
		fail_msg("after %u changes: %s", count, t->err.text);
}

/* The log must not grow by what is done to look at it. */
static void crash_everywhere(struct block_bench *t, struct story *s,
			     unsigned int rounds, uint64_t seed)
{
	unsigned int count = fake_file_count();

	for (unsigned int n = 0; n <= count; n++)
		for (unsigned int k = 0; k < rounds; k++) {
			uint64_t chance = k < 2 ? k : next_random(&seed) | 2;

			check_crash(t, s, n, chance);
		}
}

static int setup(void **state)
{
	struct block_bench *t;
	int r = block_bench_setup(state);

	t = *state;
	block_image(t, SIZE);
	t->cfg.threads = 1;
	fake_file_start(t->path);
	return r;
}

static int teardown(void **state)
{
	fake_file_stop();
	return block_bench_teardown(state);
}

static void K02_K11_any_crash_leaves_a_sound_overlay(void **state)
{
	struct block_bench *t = *state;
	struct story *s = calloc(1, sizeof(*s));

	block_open(t, OVERLAY);
	tell(t, s, 0x9e3779b97f4a7c15);
	/* what closing would write is another crash's business */
	fake_file_pause(true);
	block_close(t);
	crash_everywhere(t, s, 3, 0x2545f4914f6cdd1d);
	free(s);
}

static void K01_what_was_stable_survives_any_crash(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[SECTOR];
	uint8_t back[SECTOR];
	unsigned int count;

	block_open(t, OVERLAY);
	fill(buf, 3, 77);
	assert_int_equal(block_op(t, BLOCK_WRITE, BLOCK_STABLE, place(3), buf,
				  SECTOR), 0);
	assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, BLOCK_STABLE,
				  place(5), NULL, SECTOR), 0);
	count = fake_file_count();
	fake_file_pause(true);
	block_close(t);
	fake_file_crash(t->overlay, FILE_LEN, count, 1);
	block_open(t, OVERLAY);
	assert_int_equal(block_read_at(t, place(3), back, SECTOR), 0);
	assert_memory_equal(back, buf, SECTOR);
	assert_int_equal(block_read_at(t, place(5), back, SECTOR), 0);
	assert_int_equal(recognise(back, 5), 0);
	assert_int_equal(block_read_at(t, place(4), back, SECTOR), 0);
	assert_int_equal(recognise(back, 4), 1);
}

/* Each change fails in turn; what the driver was told is true. */
static void I11_a_full_file_system_fails_a_request_and_loses_nothing(void **s)
{
	struct block_bench *t = *s;
	uint8_t buf[SECTOR];
	uint8_t back[SECTOR];
	int flush = 1;

	fill(buf, 3, 9);
	for (unsigned int n = 0; n < 8; n++) {
		int r;

		unlink(t->overlay);
		block_open(t, OVERLAY);
		fake_file_fail(fake_file_count() + n, -ENOSPC, 1);
		r = block_write_at(t, place(3), buf, SECTOR);
		flush = block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0);
		/* a failed sync is for good, anything else is not */
		if (r == 0 && flush < 0)
			assert_true(flush == -ENOSPC || flush == -EIO);
		assert_int_equal(block_read_at(t, place(3), back, SECTOR), 0);
		assert_int_equal(recognise(back, 3), r == 0 ? 9 : 1);
		fake_file_fail(0, 0, 0);
		assert_int_equal(block_write_at(t, place(3), buf, SECTOR), 0);
		assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
		block_close(t);
		block_open(t, OVERLAY);
		assert_int_equal(block_read_at(t, place(3), back, SECTOR), 0);
		assert_memory_equal(back, buf, SECTOR);
		block_close(t);
	}
	assert_int_equal(flush, 0); /* the last n was past the end */
}

static void DB09_a_sync_that_fails_is_an_io_error(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[SECTOR] = { 0 };

	block_open(t, OVERLAY);
	assert_int_equal(block_write_at(t, 0, buf, SECTOR), 0);
	fake_file_fail(fake_file_count(), -ENOSPC, 1);
	assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), -EIO);
	assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
}

static void a_temporary_overlay_never_syncs(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[SECTOR] = { 0 };

	block_open(t, OVERLAY_TMP);
	assert_int_equal(block_write_at(t, 0, buf, SECTOR), 0);
	assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(block_op(t, BLOCK_WRITE, BLOCK_STABLE, 0, buf,
				  SECTOR), 0);
	for (unsigned int i = 0; i < fake_file_count(); i++)
		assert_false(fake_file_change(i)->sync);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(K02_K11_any_crash_leaves_a_sound_overlay),
		TEST(K01_what_was_stable_survives_any_crash),
		TEST(I11_a_full_file_system_fails_a_request_and_loses_nothing),
		TEST(DB09_a_sync_that_fails_is_an_io_error),
		TEST(a_temporary_overlay_never_syncs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
