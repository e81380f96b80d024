// SPDX-License-Identifier: BSD-3-Clause
/* Overlay files as outside input: what is refused and why, what checking one
 * tells, and what making one leaves behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_bench.h"

#include "backends/disk_check.h"
#include "backends/overlay_map.h"
#include "base/crc32c.h"
#include "base/fd.h"
#include "base/num.h"

#define SIZE (9 * MIB)

static void poke(const char *path, uint64_t off, const void *bytes, size_t len)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)off), (ssize_t)len);
	fd_close(&fd);
}

static void peek(const char *path, uint64_t off, void *bytes, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, bytes, len, (off_t)off), (ssize_t)len);
	fd_close(&fd);
}

/* A base, and an overlay with one cluster of data and one of zeroes. */
static void make_overlay(struct block_bench *t)
{
	uint8_t buf[4096] = { 1 };

	block_image(t, SIZE);
	unlink(t->overlay);
	block_open(t, OVERLAY);
	assert_int_equal(block_write_at(t, 8192, buf, 4096), 0);
	assert_int_equal(block_op(t, BLOCK_WRITE_ZEROES, 0, 16384, NULL, 4096),
			 0);
	block_close(t);
}

static void expect_refusal(struct block_bench *t, const char *words)
{
	int r;

	t->cfg.overlay = t->overlay;
	r = block_try(t);
	if (r != -EBADMSG)
		fail_msg("%d (%s), wanted: %s", r, t->err.text, words);
	if (!strstr(t->err.text, words) || !strstr(t->err.text, t->overlay))
		fail_msg("\"%s\" lacks \"%s\"", t->err.text, words);
}

/* Changes a field of the header and mends the checksum. */
static void change_header(struct block_bench *t, size_t off, uint64_t value,
			  size_t len)
{
	uint8_t h[512];
	uint32_t crc;

	peek(t->overlay, 0, h, 512);
	memcpy(h + off, &value, len);
	memset(h + 8, 0, 4);
	crc = crc32c(0, h, 512);
	memcpy(h + 8, &crc, 4);
	poke(t->overlay, 0, h, 512);
}

static void crc32c_agrees_with_the_standard(void **state)
{
	static const uint8_t digits[] = "123456789";
	static const uint8_t zeroes[32];

	assert_int_equal(crc32c(0, digits, 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeroes, 32), 0x8a9136aa);
	assert_int_equal(crc32c(crc32c(0, digits, 4), digits + 4, 5),
			 0xe3069283);
}

static void I05_impossible_headers_are_refused(void **state)
{
	struct block_bench *t = *state;
	static const struct {
		size_t off;
		uint64_t value;
		size_t len;
		const char *words;
	} bad[] = {
		{ 12, 4, 4, "version" },
		{ 12, 0, 4, "version" },
		{ 40, 1, 4, "version" },
		{ 40, 1u << 31, 4, "version" },
		{ 32, 0, 4, "impossible" },
		{ 32, 11, 4, "impossible" },
		{ 32, 21, 4, "impossible" },
		{ 32, 63, 4, "impossible" },
		{ 32, UINT32_MAX, 4, "impossible" },
		{ 16, 0, 8, "impossible" },
		{ 16, SIZE + 1, 8, "impossible" },
		{ 16, UINT64_MAX, 8, "impossible" },
		{ 16, UINT64_MAX - 511, 8, "impossible" },
		{ 24, 0, 8, "impossible" },
		{ 24, UINT64_MAX, 8, "impossible" },
		{ 24, 2 * MIB, 8, "impossible" },
		{ 36, 1, 4, "another base" },
		{ 0, 0x31322121, 4, "not an overlay" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_overlay(t);
		change_header(t, bad[i].off, bad[i].value, bad[i].len);
		expect_refusal(t, bad[i].words);
	}
}

static void I05_damaged_and_cut_files_are_refused(void **state)
{
	struct block_bench *t = *state;
	static const off_t lengths[] = { 1, 511, 512, 4095, 4096, 4608,
					 MIB, SIZE, SIZE + MIB - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		make_overlay(t);
		assert_int_equal(truncate(t->overlay, lengths[i]), 0);
		expect_refusal(t, lengths[i] < 4096 ? "not an overlay" :
						      "cut short");
	}
	for (unsigned int bit = 0; bit < 512 * 8; bit += 37) {
		uint8_t byte;

		make_overlay(t);
		peek(t->overlay, bit / 8, &byte, 1);
		byte ^= (uint8_t)(1u << bit % 8);
		poke(t->overlay, bit / 8, &byte, 1);
		expect_refusal(t, "");
	}
}

static void count_problem(void *ctx, const char *line)
{
	unsigned int *count = ctx;

	assert_non_null(strstr(line, "sector 1 of the map"));
	assert_non_null(strstr(line, "bytes 8257536 to"));
	++*count;
}

/* Offsets cannot be wrong, there are none; states can. */
static void I06_a_damaged_map_is_refused_and_the_check_tells_where(void **s)
{
	struct block_bench *t = *s;
	struct disk_report report;
	uint8_t sector[512];
	unsigned int told = 0;
	uint32_t crc;

	/* a state of the third kind, and one past the end of the disk */
	for (unsigned int i = 0; i < 3; i++) {
		make_overlay(t);
		memset(sector, 0, sizeof(sector));
		sector[4] = i == 2 ? 2 : 1; /* its number */
		sector[8 + (i == 1 ? 503 : 0)] = i == 0 ? 3 : 1;
		crc = crc32c(0, sector + 4, 508);
		memcpy(sector, &crc, 4);
		poke(t->overlay, 4096 + 512, sector, 512);
		expect_refusal(t, i == 2 ? "belongs elsewhere" :
					   "impossible entries");
		assert_int_equal(disk_check(&report, t->overlay,
					    count_problem, &told, &t->err),
				 -EBADMSG);
		assert_int_equal(told, i + 1);
		assert_int_equal(report.problems, 1);
		assert_int_equal(report.data, 1);
	}
	sector[100] ^= 1;
	poke(t->overlay, 4096 + 512, sector, 512);
	expect_refusal(t, "is damaged");
}

static void I07_another_base_is_refused(void **state)
{
	struct block_bench *t = *state;
	const uint8_t byte = 0x5a;

	make_overlay(t);
	poke(t->path, 70, &byte, 1);
	expect_refusal(t, "another base");
	block_image(t, SIZE);
	poke(t->path, SIZE - 70, &byte, 1);
	expect_refusal(t, "another base");
	block_image(t, SIZE + 512);
	expect_refusal(t, "another base");
	block_image(t, SIZE);
	assert_int_equal(block_try(t), 0);
}

static void I08_a_large_claim_costs_nothing(void **state)
{
	struct block_bench *t = *state;
	struct overlay_map m;
	uint8_t h[512];
	struct stat st;

	/* a header of 1 TiB in a file of 400 KiB */
	make_overlay(t);
	assert_true(overlay_map_layout(&m, UINT64_C(1) << 40, 0));
	overlay_header_put(&m, 0, h);
	poke(t->overlay, 0, h, 512);
	assert_int_equal(truncate(t->overlay, 400 * 1024), 0);
	expect_refusal(t, "cut short");

	/* an honest overlay of a disk of 1 TiB */
	unlink(t->overlay);
	assert_int_equal(truncate(t->path, (off_t)1 << 40), 0);
	block_open(t, OVERLAY);
	assert_int_equal(block_info(t->b)->size, UINT64_C(1) << 40);
	assert_int_equal(block_write_at(t, (UINT64_C(1) << 40) - 512, h, 512),
			 0);
	block_close(t);
	assert_int_equal(stat(t->overlay, &st), 0);
	assert_in_range(st.st_blocks, 1, 1024);
}

static void the_layout_has_bounds(void **state)
{
	struct overlay_map m;

	for (unsigned int bits = 9; bits <= 44; bits++) {
		assert_true(overlay_map_layout(&m, UINT64_C(1) << bits, 0));
		assert_in_range(m.clusters, 1, OVERLAY_CLUSTERS);
		assert_in_range((uint64_t)m.sectors * 512, 1, 5 * MIB);
		assert_true(m.clusters << m.bits >= m.size);
	}
	assert_false(overlay_map_layout(&m, (UINT64_C(1) << 44) + 512, 0));
	assert_false(overlay_map_layout(&m, 0, 0));
	assert_false(overlay_map_layout(&m, 513, 0));
	assert_false(overlay_map_layout(&m, UINT64_MAX - 511, 0));
	assert_false(overlay_map_layout(&m, UINT64_C(1) << 37, 12));
	assert_true(overlay_map_layout(&m, UINT64_C(1) << 36, 12));
}

static void I03_an_overlay_is_used_once_and_a_base_by_many(void **state)
{
	struct block_bench *t = *state;
	struct block_bench other = *t;
	struct disk_report report;
	char second[96];

	make_overlay(t);
	block_open(t, OVERLAY);
	other.cfg.overlay = t->overlay;
	other.cfg.engine = BLOCK_ENGINE_THREADS;
	assert_int_equal(block_try(&other), -EBUSY);
	assert_int_equal(disk_check(&report, t->overlay, NULL, NULL,
				    &other.err), -EBUSY);
	snprintf(second, sizeof(second), "%s/second.cow", t->dir);
	other.cfg.overlay = second;
	assert_int_equal(block_try(&other), 0);
	block_close(&other);
	other.cfg.overlay = NULL;
	assert_int_equal(block_try(&other), -EBUSY); /* to write to the base */
}

static unsigned int files_in(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void refusals_name_the_remedy_and_leave_nothing(void **state)
{
	struct block_bench *t = *state;
	char path[96];
	int r;

	block_image(t, SIZE);
	t->cfg.overlay = t->dir;
	assert_int_equal(block_try(t), -EINVAL);
	assert_non_null(strstr(t->err.text, "no regular file"));
	snprintf(path, sizeof(path), "%s/none/x.cow", t->dir);
	t->cfg.overlay = path;
	assert_int_equal(block_try(t), -ENOENT);
	t->cfg.overlay = t->overlay;
	t->cfg.read_only = true;
	assert_int_equal(block_try(t), -EINVAL);
	assert_non_null(strstr(t->err.text, "leave ro out"));
	t->cfg.read_only = false;
	t->cfg.direct = true;
	assert_int_equal(block_try(t), -EINVAL);
	assert_non_null(strstr(t->err.text, "leave direct out"));
	t->cfg.direct = false;
	/* larger than an overlay can be */
	assert_int_equal(truncate(t->path, ((off_t)1 << 44) - 4096), 0);
	r = block_try(t); /* some file systems can do it */
	assert_true(r == -EFBIG || r == 0);
	block_close(t);
	if (r == 0)
		unlink(t->overlay);
	t->cfg.overlay = NULL;
	t->cfg.overlay_tmp = path;
	assert_int_equal(block_try(t), -ENOENT);
	assert_non_null(strstr(t->err.text, "overlay=FILE"));
	assert_int_equal(files_in(t->dir), 1);
}

static void a_temporary_overlay_has_no_name(void **state)
{
	struct block_bench *t = *state;

	block_image(t, SIZE);
	block_open(t, OVERLAY_TMP);
	assert_int_equal(files_in(t->dir), 1);
}

/* As a crash before the header leaves it. */
static void K02_an_overlay_half_made_is_made_again(void **state)
{
	struct block_bench *t = *state;
	uint8_t buf[512];
	int fd = open(t->overlay, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, (off_t)(SIZE + MIB)), 0);
	fd_close(&fd);
	block_image(t, SIZE);
	block_open(t, OVERLAY);
	assert_int_equal(block_read_at(t, 512, buf, 512), 0);
	assert_int_equal(buf[0], block_pattern(512));
}

static void the_base_is_never_written(void **state)
{
	struct block_bench *t = *state;
	uint8_t *buf = calloc(1, MIB);
	uint8_t *file;
	size_t len;

	block_image(t, SIZE);
	block_open(t, OVERLAY);
	assert_int_equal(block_write_at(t, 512, buf, MIB), 0);
	assert_int_equal(block_op(t, BLOCK_DISCARD, 0, 0, NULL, SIZE), 0);
	block_close(t);
	file = block_slurp(t->path, &len);
	assert_int_equal(len, SIZE);
	for (uint64_t i = 0; i < SIZE; i++)
		if (file[i] != block_pattern(i))
			fail_msg("byte %llu", (unsigned long long)i);
	free(file);
	free(buf);
}

static void a_check_counts(void **state)
{
	struct block_bench *t = *state;
	struct disk_report report;
	const uint8_t byte = 1;

	make_overlay(t);
	assert_int_equal(disk_check(&report, t->overlay, NULL, NULL, &t->err),
			 0);
	assert_int_equal(report.size, SIZE);
	assert_int_equal(report.cluster_size, 4096);
	assert_int_equal(report.clusters, SIZE / 4096);
	assert_int_equal(report.data, 1);
	assert_int_equal(report.zero, 1);
	assert_int_equal(report.leaked, 0);
	assert_int_equal(report.problems, 0);
	/* what a crash before the flush leaves */
	poke(t->overlay, MIB + 5 * MIB, &byte, 1);
	assert_int_equal(disk_check(&report, t->overlay, NULL, NULL, &t->err),
			 0);
	assert_int_equal(report.leaked, 4096);

	assert_int_equal(disk_check(&report, t->path, NULL, NULL, &t->err),
			 -EBADMSG);
	assert_non_null(strstr(t->err.text, "is not an overlay"));
	assert_int_equal(disk_check(&report, t->dir, NULL, NULL, &t->err),
			 -EINVAL);
	assert_int_equal(disk_check(&report, "/nonexistent", NULL, NULL,
				    &t->err), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, block_bench_setup, \
						block_bench_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_agrees_with_the_standard),
		cmocka_unit_test(the_layout_has_bounds),
		TEST(I05_impossible_headers_are_refused),
		TEST(I05_damaged_and_cut_files_are_refused),
		TEST(I06_a_damaged_map_is_refused_and_the_check_tells_where),
		TEST(I07_another_base_is_refused),
		TEST(I08_a_large_claim_costs_nothing),
		TEST(I03_an_overlay_is_used_once_and_a_base_by_many),
		TEST(refusals_name_the_remedy_and_leave_nothing),
		TEST(a_temporary_overlay_has_no_name),
		TEST(K02_an_overlay_half_made_is_made_again),
		TEST(the_base_is_never_written),
		TEST(a_check_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
