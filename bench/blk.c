// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the block device costs: reads of 4 KiB that are in the page cache, 32 in
 * a batch, from the ring through the device and its backend and back, against a
 * bare preadv() per read. Batches of both alternate; posting and collecting is
 * the driver's work and not timed. Figures are medians per read.
 *
 * usage: blk DIRECTORY [ENGINE]   (threads, uring; default: both)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blk_stage.h"

#define BATCH  STAGE_BATCH
#define ROUNDS 3001u

static int by_size(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_size);
	return v[ROUNDS / 2];
}

/* Other places: these blocks are no more in the processor's caches. */
static double bare(struct stage *s)
{
	double t;

	stage_places(s, BATCH);
	t = stage_now_ns();
	for (unsigned int i = 0; i < BATCH; i++) {
		struct iovec iov = {
			driver_ram_at(&s->ram, s->data + i * STAGE_BLOCK,
				      STAGE_BLOCK),
			STAGE_BLOCK,
		};

		if (preadv(s->fd, &iov, 1, (off_t)s->off[i]) != STAGE_BLOCK)
			stage_die("preadv failed");
	}
	return (stage_now_ns() - t) / BATCH;
}

static double device(struct stage *s)
{
	double t;

	stage_post(s, BATCH);
	t = stage_now_ns();
	s->v->ops->kick(s->v, 0);
	t = (stage_now_ns() - t) / BATCH;
	for (unsigned int n = 0; n < BATCH; n++)
		while (!stage_collect(s))
			usleep(10); /* it was not cached after all */
	stage_check(s, BATCH);
	return t;
}

static void measure(struct stage *s, enum block_engine_kind engine,
		    const char *name)
{
	static double times[2][ROUNDS];
	double with;
	double without;

	stage_start(s, engine);
	for (unsigned int r = 0; r < ROUNDS; r++) {
		times[r % 2][r] = r % 2 ? device(s) : bare(s);
		times[1 - r % 2][r] = r % 2 ? bare(s) : device(s);
	}
	without = median(times[0]);
	with = median(times[1]);
	printf("  %-18s%10.0f%10.0f%10.2f\n", name, without, with,
	       with / without);
	stage_stop(s);
}

int main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : "";
	struct stage s = { .fd = -1 };

	if (argc < 2)
		stage_die("usage: blk DIRECTORY [threads|uring]");
	stage_open(&s, argv[1]);
	printf("  %-18s%10s%10s%10s\n", "ns per read", "preadv", "device",
	       "ratio");
	if (strcmp(only, "uring") != 0)
		measure(&s, BLOCK_ENGINE_THREADS, "threads");
	if (strcmp(only, "threads") != 0)
		measure(&s, BLOCK_ENGINE_URING, "uring");
	stage_close(&s);
	return 0;
}
