// SPDX-License-Identifier: BSD-3-Clause
#include "block_bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static void on_line(void *ctx, int level, const char *line)
{
	struct block_bench *t = ctx;

	snprintf(t->line, sizeof(t->line), "%s", line);
	__atomic_add_fetch(&t->lines, 1, __ATOMIC_SEQ_CST);
}

static void on_ready(void *ctx)
{
	struct block_bench *t = ctx;

	__atomic_add_fetch(&t->told, 1, __ATOMIC_SEQ_CST);
}

int block_bench_setup(void **state)
{
	struct block_bench *t = calloc(1, sizeof(*t));

	*state = t;
	assert_non_null(t);
	t->log = (struct log){ LOG_LEVEL_DEBUG, on_line, t };
	snprintf(t->dir, sizeof(t->dir), "/var/tmp/vireo-block-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/disk.img", t->dir);
	snprintf(t->overlay, sizeof(t->overlay), "%s/disk.cow", t->dir);
	t->cfg = (struct block_config){ .id = "disk0", .path = t->path,
					.fd = -1 };
	return loop_create(&t->loop, NULL);
}

int block_bench_teardown(void **state)
{
	struct block_bench *t = *state;
	DIR *dir = opendir(t->dir);
	struct dirent *de;

	block_close(t);
	loop_destroy(t->loop);
	while (dir && (de = readdir(dir)))
		unlinkat(dirfd(dir), de->d_name, 0);
	closedir(dir);
	rmdir(t->dir);
	free(t);
	return 0;
}

uint8_t block_pattern(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 509 + 1);
}

void block_image(struct block_bench *t, uint64_t size)
{
	int fd = open(t->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t buf[4096];
	uint64_t at = 0;

	assert_true(fd >= 0);
	while (at < size) {
		size_t n = size - at < sizeof(buf) ? size - at : sizeof(buf);

		for (size_t i = 0; i < n; i++)
			buf[i] = block_pattern(at + i);
		assert_int_equal(fd_write_full(fd, buf, n), 0);
		at += n;
	}
	fd_close(&fd);
}

int block_try(struct block_bench *t)
{
	int r = block_create(&t->b, &t->cfg, t->loop, &t->log, &t->err);

	if (r == 0)
		block_listen(t->b, on_ready, t);
	else
		assert_null(t->b);
	return r;
}

void block_open(struct block_bench *t, enum block_kind kind)
{
	static const enum block_engine_kind engine[BLOCK_KINDS] = {
		[RAW_THREADS] = BLOCK_ENGINE_THREADS,
		[DIRECT_THREADS] = BLOCK_ENGINE_THREADS,
		[RAW_URING] = BLOCK_ENGINE_URING,
		[DIRECT_URING] = BLOCK_ENGINE_URING,
	};

	t->cfg.engine = engine[kind];
	t->cfg.direct = kind >= DIRECT_THREADS && kind <= DIRECT_AUTO;
	t->cfg.overlay = kind == OVERLAY ? t->overlay : NULL;
	t->cfg.overlay_tmp = kind == OVERLAY_TMP ? t->dir : NULL;
	if (block_try(t) < 0)
		fail_msg("kind %d: %s", (int)kind, t->err.text);
}

void block_close(struct block_bench *t)
{
	if (t->b)
		block_drain(t->b);
	block_destroy(t->b);
	t->b = NULL;
}

void block_done(struct block_req *req, int result)
{
	int *out = req->ctx;

	assert_int_equal(*out, 1); /* once */
	*out = result;
}

int block_op(struct block_bench *t, enum block_op op, unsigned int flags,
	     uint64_t off, void *buf, uint64_t len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	int result = 1;
	struct block_req req = {
		.op = op, .flags = flags, .off = off, .len = len,
		.iov = &iov, .iovcnt = buf ? 1 : 0, .done = block_done,
		.ctx = &result,
	};

	block_submit(t->b, &req);
	assert_int_equal(result, 1);
	block_kick(t->b);
	block_drain(t->b);
	assert_true(result <= 0);
	return result;
}

uint8_t *block_slurp(const char *path, size_t *len)
{
	uint8_t *bytes;

	assert_int_equal(fd_read_file(&bytes, len, path, 1u << 30, NULL), 0);
	return bytes;
}
