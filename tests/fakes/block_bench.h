/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of block backends share: a folder of their own, images in it,
 * a backend on one of them, and requests that wait for their end. */
#ifndef VIREO_BLOCK_BENCH_H
#define VIREO_BLOCK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/block.h"

struct block_bench {
	char dir[64];
	char path[96];    /* of the image */
	char overlay[96]; /* of the overlay, when there is one */
	struct loop *loop;
	struct block *b;
	struct block_config cfg;
	struct err err;
	struct log log;
	int lines; /* atomic: log lines */
	char line[256]; /* the last one */
	int told;  /* atomic: calls of the listener */
};

/* Each way there is to reach the same bytes. */
enum block_kind {
	RAW_THREADS,
	RAW_URING,
	RAW_AUTO,
	DIRECT_THREADS,
	DIRECT_URING,
	DIRECT_AUTO,
	OVERLAY,
	OVERLAY_TMP,
	BLOCK_KINDS,
};

int block_bench_setup(void **state);
int block_bench_teardown(void **state);

/* A byte that depends on its place. */
uint8_t block_pattern(uint64_t at);
/* An image of @size bytes of that pattern, at t->path. */
void block_image(struct block_bench *t, uint64_t size);
/* Opens t->path as @kind: asserts that it works. */
void block_open(struct block_bench *t, enum block_kind kind);
/* As t->cfg says; the code. */
int block_try(struct block_bench *t);
void block_close(struct block_bench *t);

/* One request, to its end; its result. */
int block_op(struct block_bench *t, enum block_op op, unsigned int flags,
	     uint64_t off, void *buf, uint64_t len);
#define block_read_at(t, off, buf, len) \
	block_op(t, BLOCK_READ, 0, off, buf, len)
#define block_write_at(t, off, buf, len) \
	block_op(t, BLOCK_WRITE, 0, off, buf, len)
/* For requests of the test's own: keeps the result in *(int *)req->ctx. */
void block_done(struct block_req *req, int result);

/* Whole files. */
uint8_t *block_slurp(const char *path, size_t *len);

#endif
