// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a neighbour feels of a storm: reads of 4 KiB that are in the page cache,
 * through a disk on the loop, while the same guest rings another device's
 * doorbell as fast as it can. Phases with and without the storm alternate. The
 * guest is this thread, on a processor of its own: it waits by looking, with
 * the storm by ringing.
 *
 * usage: storm DIRECTORY
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "blk_stage.h"
#include "devices/virtio/rng.h"

#define PHASES   41u
#define PHASE_NS 50e6

struct figures {
	double reads[PHASES]; /* a second */
	double rings[PHASES];
};

static int by_size(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *v)
{
	qsort(v, PHASES, sizeof(*v), by_size);
	return v[PHASES / 2];
}

static void use_processor(int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A batch from the doorbell to the last read; how often @storm was rung. */
static unsigned long batch(struct stage *s, unsigned int depth, int storm)
{
	unsigned long rings = 0;
	unsigned int left = depth;

	stage_post(s, depth);
	fd_event_signal(s->v->queue[0].doorbell_fd);
	while (left) {
		if (stage_collect(s)) {
			left--;
		} else if (storm >= 0) {
			fd_event_signal(storm);
			rings++;
		} else {
			__builtin_ia32_pause();
		}
	}
	stage_check(s, depth);
	return rings;
}

static void phase(struct stage *s, unsigned int depth, int storm,
		  struct figures *f, unsigned int n)
{
	double start = stage_now_ns(), took;
	unsigned long reads = 0, rings = 0;

	do {
		rings += batch(s, depth, storm);
		reads += depth;
		took = stage_now_ns() - start;
	} while (took < PHASE_NS);
	f->reads[n] = (double)reads * 1e9 / took;
	f->rings[n] = (double)rings * 1e9 / took;
}

static void measure(struct stage *s, int storm, unsigned int depth)
{
	static struct figures quiet, loud;
	double alone, beside;

	for (unsigned int n = 0; n < PHASES; n++) {
		phase(s, depth, -1, &quiet, n);
		phase(s, depth, storm, &loud, n);
	}
	alone = median(quiet.reads);
	beside = median(loud.reads);
	printf("  depth %-12u%10.0f%10.0f%10.2f%12.0f\n", depth, alone, beside,
	       beside / alone, median(loud.rings));
}

int main(int argc, char **argv)
{
	const struct queue_features features = { 0 };
	struct stage s = { .fd = -1 };
	struct driver_ring ring;
	struct virtio *rng;
	struct err err;

	if (argc < 2)
		stage_die("usage: storm DIRECTORY");
	use_processor(1); /* the loop's thread will stay there */
	stage_open(&s, argv[1]);
	use_processor(0);
	stage_start(&s, BLOCK_ENGINE_AUTO);
	driver_ring_init(&ring, &s.ram, 64, &features);
	if (rng_create(&rng, NULL,
		       &(struct virtio_host){ "rng0", &s.ram.mem, s.loop,
					      NULL }, &err) < 0)
		stage_die(err.text);
	stage_run(rng, &ring, 0);
	printf("  %-18s%10s%10s%10s%12s\n", "reads a second", "alone",
	       "in storm", "ratio", "rings a s");
	measure(&s, rng->queue[0].doorbell_fd, 1);
	measure(&s, rng->queue[0].doorbell_fd, STAGE_BATCH);
	virtio_destroy(rng);
	driver_ring_finish(&ring);
	stage_stop(&s);
	stage_close(&s);
	return 0;
}
