// SPDX-License-Identifier: BSD-3-Clause
/* Every way to reach a disk's bytes keeps the promises of block.h: the same
 * tests run over each engine, with and without the page cache, and overlays. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "block_bench.h"

#include "base/num.h"
#include "base/thread.h"

#define SIZE (3 * MIB + 512)

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void check_all(struct block_bench *t, const uint8_t *model)
{
	uint8_t *all = aligned_alloc(4096, 4 * MIB);

	assert_int_equal(block_read_at(t, 0, all, SIZE), 0);
	for (uint64_t i = 0; i < SIZE; i++)
		if (all[i] != model[i])
			fail_msg("byte %llu: %u, not %u",
				 (unsigned long long)i, all[i], model[i]);
	free(all);
}

/* What was discarded may read as before or as zeroes; from then on it stays. */
static void adopt(struct block_bench *t, uint8_t *model, uint64_t off,
		  uint64_t len)
{
	uint8_t *now = aligned_alloc(4096, 4 * MIB);

	assert_int_equal(block_read_at(t, off, now, len), 0);
	for (uint64_t i = 0; i < len; i++) {
		assert_true(now[i] == 0 || now[i] == model[off + i]);
		model[off + i] = now[i];
	}
	free(now);
}

static void one_random(struct block_bench *t, uint8_t *model, uint8_t *buf,
		       uint64_t *seed)
{
	static const unsigned int flags[] = { 0, BLOCK_STABLE, BLOCK_UNMAP,
					      BLOCK_UNMAP | BLOCK_STABLE };
	uint64_t sectors = SIZE / 512;
	uint64_t off = next_random(seed) % sectors * 512;
	uint64_t len = (next_random(seed) % 64 + 1) * 512;
	unsigned int f = next_random(seed) % 16;

	f = f < 4 ? flags[f] : 0;
	if (next_random(seed) % 32 == 0)
		len = (next_random(seed) % 512 + 1) * 512;
	if (len > SIZE - off)
		len = SIZE - off;
	switch (next_random(seed) % 8) {
	case 0:
	case 1:
		assert_int_equal(block_read_at(t, off, buf, len), 0);
		assert_memory_equal(buf, model + off, len);
		break;
	case 2:
		memset(model + off, 0, len);
		assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, f, off, NULL,
					  len), 0);
		break;
	case 3:
		assert_int_equal(block_op(t, BLOCK_DISCARD, 0, off, NULL, len),
				 0);
		adopt(t, model, off, len);
		break;
	case 4:
		assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
		break;
	default:
		for (uint64_t i = 0; i < len; i++)
			model[off + i] = buf[i] = (uint8_t)next_random(seed);
		assert_int_equal(block_op(t, BLOCK_WRITE, f & BLOCK_STABLE,
					  off, buf, len), 0);
	}
}

static void random_requests_agree_with_a_model(void **state)
{
	struct block_bench *t = *state;
	uint8_t *model = malloc(SIZE);
	uint8_t *buf = aligned_alloc(4096, 4 * MIB);

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		uint64_t seed = 88172645463325252u + kind;

		block_image(t, SIZE);
		for (uint64_t i = 0; i < SIZE; i++)
			model[i] = block_pattern(i);
		block_open(t, kind);
		for (unsigned int i = 0; i < 300; i++)
			one_random(t, model, buf, &seed);
		check_all(t, model);
		block_close(t);
		if (kind != OVERLAY_TMP) {
			block_open(t, kind);
			check_all(t, model);
			block_close(t);
		}
	}
	free(model);
	free(buf);
}

#define BATCH 700u /* more than any engine has at work at a time */

struct batch {
	struct block_req req[BATCH];
	struct iovec iov[BATCH];
	int result[BATCH];
	uint8_t bytes[BATCH][512];
};

static void batches_end_once_each_and_never_inside_submit(void **state)
{
	struct block_bench *t = *state;
	struct batch *b = calloc(1, sizeof(*b));

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		block_image(t, SIZE);
		block_open(t, kind);
		for (unsigned int i = 0; i < BATCH; i++) {
			b->result[i] = 1;
			b->iov[i] = (struct iovec){ b->bytes[i], 512 };
			b->req[i] = (struct block_req){
				.op = BLOCK_READ, .off = i * 512u, .len = 512,
				.iov = &b->iov[i], .iovcnt = 1,
				.done = block_done, .ctx = &b->result[i],
			};
			block_submit(t->b, &b->req[i]);
			assert_int_equal(b->result[i], 1);
		}
		assert_int_equal(block_in_flight(t->b), BATCH);
		block_kick(t->b);
		block_drain(t->b);
		for (unsigned int i = 0; i < BATCH; i++) {
			assert_int_equal(b->result[i], 0);
			assert_int_equal(b->bytes[i][1],
					 block_pattern(i * 512u + 1));
		}
		block_close(t);
	}
	free(b);
}

static void pieces_of_any_size_and_place_make_one_request(void **state)
{
	struct block_bench *t = *state;
	uint8_t *mem = malloc(8192);
	uint8_t *back = malloc(2048);

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		struct iovec iov[6] = {
			{ mem, 0 },	   { mem + 1, 1 },
			{ mem + 100, 510 }, { mem + 700, 0 },
			{ mem + 1001, 1025 }, { mem + 3000, 512 },
		};
		int result = 1;
		struct block_req req = {
			.op = BLOCK_WRITE, .off = 1536, .len = 2048,
			.iov = iov, .iovcnt = 6, .done = block_done,
			.ctx = &result,
		};

		for (unsigned int i = 0; i < 8192; i++)
			mem[i] = (uint8_t)(i / 3 + kind);
		block_image(t, SIZE);
		block_open(t, kind);
		block_submit(t->b, &req);
		block_drain(t->b);
		assert_int_equal(result, 0);
		assert_int_equal(block_read_at(t, 1536, back, 2048), 0);
		assert_int_equal(back[0], mem[1]);
		assert_memory_equal(back + 1, mem + 100, 510);
		assert_memory_equal(back + 511, mem + 1001, 1025);
		assert_memory_equal(back + 1536, mem + 3000, 512);
		assert_int_equal(block_read_at(t, 1024, back, 512), 0);
		assert_int_equal(back[511], block_pattern(1535));
		block_close(t);
	}
	free(mem);
	free(back);
}

static void DB01_ranges_that_are_not_the_disks_are_refused(void **state)
{
	struct block_bench *t = *state;
	static const struct {
		uint64_t off;
		uint64_t len;
	} bad[] = {
		{ SIZE, 512 },		   { SIZE - 512, 1024 },
		{ UINT64_MAX - 511, 512 }, { UINT64_MAX - 511, 1024 },
		{ 0, SIZE + 512 },	   { 0, 0 },
		{ 1, 512 },		   { 0, 513 },
		{ 512, UINT64_MAX - 511 },
	};
	uint8_t buf[1024];
	size_t len;

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		uint8_t *file;

		block_image(t, SIZE);
		block_open(t, kind);
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			for (enum block_op op = 0; op <= BLOCK_WRITE_ZEROES;
			     op++)
				if (op != BLOCK_FLUSH)
					assert_int_equal(
						block_op(t, op, 0, bad[i].off,
							 buf, bad[i].len),
						-EINVAL);
		assert_int_equal(block_read_at(t, SIZE - 512, buf, 512), 0);
		block_close(t);
		file = block_slurp(t->path, &len);
		assert_int_equal(len, SIZE);
		for (uint64_t i = 0; i < SIZE; i++)
			assert_int_equal(file[i], block_pattern(i));
		free(file);
	}
}

static void DB03_nothing_changes_a_read_only_disk(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[512] = { 0 };

	t->cfg.read_only = true;
	for (enum block_kind kind = 0; kind < OVERLAY; kind++) {
		block_image(t, SIZE);
		block_open(t, kind);
		assert_true(block_info(t->b)->read_only);
		assert_int_equal(block_write_at(t, 0, buf, 512), -EROFS);
		assert_int_equal(block_op(t, BLOCK_DISCARD, 0, 0, NULL, 512),
				 -EROFS);
		assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, 0, 0, NULL,
					  512), -EROFS);
		assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(block_read_at(t, 0, buf, 512), 0);
		assert_int_equal(buf[5], block_pattern(5));
		block_close(t);
	}
}

static void I09_DB10_a_file_that_was_cut_fails_only_what_is_gone(void **state)
{
	struct block_bench *t = *state;
	uint8_t *buf = aligned_alloc(4096, MIB);

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		block_image(t, SIZE);
		block_open(t, kind);
		assert_int_equal(truncate(t->path, MIB), 0);
		assert_int_equal(block_read_at(t, 0, buf, MIB), 0);
		assert_int_equal(block_read_at(t, MIB, buf, 4096), -EIO);
		assert_int_equal(block_read_at(t, MIB - 4096, buf, 8192),
				 -EIO);
		assert_int_equal(block_read_at(t, 0, buf, 4096), 0);
		assert_int_equal(buf[9], block_pattern(9));
		block_close(t);
		unlink(t->overlay);
	}
	free(buf);
}

/* Of this process, kept by the kernel for io_uring. */
static unsigned int kernel_workers(void)
{
	unsigned int count = 0;
	struct dirent *e;
	DIR *dir = opendir("/proc/self/task");

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		char path[300], name[16] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 e->d_name);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f))
			count += !strncmp(name, "iou-wrk", 7);
		if (f)
			fclose(f);
	}
	closedir(dir);
	return count;
}

static void use_all(struct block_bench *t)
{
	uint8_t buf[4096] = { 1 };

	assert_int_equal(block_write_at(t, 0, buf, 4096), 0);
	assert_int_equal(block_op(t, BLOCK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(block_op(t, BLOCK_DISCARD, 0, 0, NULL, 8192), 0);
	assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, 0, 8192, NULL, 8192),
			 0);
	assert_int_equal(block_read_at(t, 0, buf, 4096), 0);
}

/* The kernel wakes one that is idle every five seconds. */
static void an_idle_disk_leaves_no_worker_that_is_woken(void **state)
{
	struct block_bench *t = *state;
	time_t end = time(NULL) + 20;

	/* those of rings that have been closed before go by themselves */
	while (kernel_workers() && time(NULL) < end)
		usleep(10000);
	block_image(t, SIZE);
	block_open(t, RAW_AUTO);
	use_all(t);
	assert_int_equal(kernel_workers(), 0);
	block_close(t);

	block_open(t, RAW_URING); /* there would be one */
	use_all(t);
	if (!strcmp(block_engine_name(t->b), "uring"))
		assert_true(kernel_workers() > 0);
	block_close(t);
}

static void what_ends_later_is_told_on_the_loop(void **state)
{
	struct block_bench *t = *state;

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		uint8_t *buf = aligned_alloc(4096, 4096);
		struct iovec iov = { buf, 4096 };
		int result = 1;
		struct block_req req = {
			.op = BLOCK_WRITE, .len = 4096, .iov = &iov,
			.iovcnt = 1, .flags = BLOCK_STABLE,
			.done = block_done, .ctx = &result,
		};

		memset(buf, 5, 4096);
		block_image(t, SIZE);
		block_open(t, kind);
		__atomic_store_n(&t->told, 0, __ATOMIC_SEQ_CST);
		block_submit(t->b, &req);
		block_kick(t->b);
		for (unsigned int i = 0; i < 20000 && result == 1; i++) {
			if (__atomic_load_n(&t->told, __ATOMIC_SEQ_CST))
				block_reap(t->b);
			if (result == 1)
				usleep(1000);
		}
		assert_int_equal(result, 0);
		block_close(t);
		free(buf);
	}
}

static void resubmit(struct block_req *req, int result)
{
	struct block_bench *t = req->ctx;

	assert_int_equal(result, 0);
	if (++t->lines < 5) {
		req->iov[0].iov_base = (uint8_t *)req->iov[0].iov_base - 512;
		req->iov[0].iov_len = 512;
		req->iovcnt = 1;
		req->off = 512;
		req->len = 512;
		block_submit(t->b, req);
	}
}

static void a_completion_may_submit_again(void **state)
{
	struct block_bench *t = *state;

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		uint8_t *mem = aligned_alloc(4096, 4096);
		struct iovec iov[2] = { { mem + 512, 512 } };
		struct block_req req = {
			.op = BLOCK_FLUSH, .iov = iov, .iovcnt = 0,
			.done = resubmit, .ctx = t,
		};

		iov[0].iov_base = mem + 512;
		block_image(t, SIZE);
		block_open(t, kind);
		t->lines = 0;
		req.op = BLOCK_FLUSH;
		block_submit(t->b, &req);
		while (block_in_flight(t->b)) {
			block_kick(t->b);
			block_wait(t->b);
			iov[0].iov_base = mem + 512;
			req.iov = iov;
		}
		assert_int_equal(t->lines, 5);
		block_close(t);
		free(mem);
	}
}

/* Each sector ends as one of those that were at work on it left it. */
static void DB15_overlapping_requests_have_some_order(void **state)
{
	struct block_bench *t = *state;
	struct batch *b = calloc(1, sizeof(*b));
	uint8_t buf[512];

	for (enum block_kind kind = 0; kind < BLOCK_KINDS; kind++) {
		block_image(t, SIZE);
		block_open(t, kind);
		for (unsigned int i = 0; i < 200; i++) {
			static const enum block_op ops[] = {
				BLOCK_WRITE, BLOCK_WRITE, BLOCK_DISCARD,
				BLOCK_WRITE_ZEROES, BLOCK_FLUSH,
			};

			b->result[i] = 1;
			memset(b->bytes[i], (int)(1 + i), 512);
			b->iov[i] = (struct iovec){ b->bytes[i], 512 };
			b->req[i] = (struct block_req){
				.op = ops[i % 5], .off = i % 3 * 512u,
				.len = 512, .iov = &b->iov[i], .iovcnt = 1,
				.done = block_done, .ctx = &b->result[i],
			};
			block_submit(t->b, &b->req[i]);
		}
		block_drain(t->b);
		for (unsigned int i = 0; i < 200; i++)
			assert_int_equal(b->result[i], 0);
		for (unsigned int x = 0; x < 3; x++) {
			assert_int_equal(block_read_at(t, x * 512, buf, 512),
					 0);
			for (unsigned int i = 1; i < 512; i++)
				assert_int_equal(buf[i], buf[0]);
		}
		block_close(t);
	}
	free(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, block_bench_setup, \
						block_bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(random_requests_agree_with_a_model),
		TEST(batches_end_once_each_and_never_inside_submit),
		TEST(pieces_of_any_size_and_place_make_one_request),
		TEST(DB01_ranges_that_are_not_the_disks_are_refused),
		TEST(DB03_nothing_changes_a_read_only_disk),
		TEST(I09_DB10_a_file_that_was_cut_fails_only_what_is_gone),
		TEST(an_idle_disk_leaves_no_worker_that_is_woken),
		TEST(what_ends_later_is_told_on_the_loop),
		TEST(a_completion_may_submit_again),
		TEST(DB15_overlapping_requests_have_some_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
