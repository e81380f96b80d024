/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop without a thread, for the targets whose devices have many sources: it
 * goes round when the program says so, by the program's clock. Defines the
 * functions of base/loop.h; include it once. And a transport.
 */
#ifndef VIREO_FUZZ_FUZZ_LOOP_H
#define VIREO_FUZZ_FUZZ_LOOP_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "devices/virtio/virtio.h"
#include "fuzz_driver.h"
#include "fuzz_program.h"

struct loop_source {
	loop_fn fn;
	void *ctx;
	int fd; /* -1: a timer */
	uint32_t events;
	uint64_t due_ns; /* a timer that is armed; 0: it is not */
	bool dead;
	struct loop_source *next;
};

static struct loop_source *sources;
static unsigned int loop_fails; /* the nth source from now on; 0: none */

/* For each input: the same time, no failures. */
static void loop_reset(void)
{
	fuzz_begin();
	fuzz_now_ns = UINT64_C(1000000000000);
	loop_fails = 0;
}

static void loop_wait_ms(uint64_t ms)
{
	fuzz_now_ns += ms * 1000000;
}

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	struct loop_source *s;

	*out = NULL;
	if (loop_fails && !--loop_fails)
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	must(s != NULL);
	*s = (struct loop_source){ fn, ctx, fd, events, 0, false, sources };
	sources = s;
	*out = s;
	return 0;
}

int loop_add_timer(struct loop_source **out, struct loop *loop, loop_fn fn,
		   void *ctx)
{
	return loop_add(out, loop, -1, 0, fn, ctx);
}

void loop_set_events(struct loop_source *source, uint32_t events)
{
	must(!source->dead && source->fd >= 0);
	source->events = events;
}

void loop_arm(struct loop_source *timer, uint64_t ns)
{
	must(!timer->dead && timer->fd < 0);
	timer->due_ns = ns ? fuzz_now_ns + ns : 0;
}

/* No type that lingers is driven by its doorbell here. */
void loop_again(struct loop_source *source)
{
	must(false);
}

void loop_remove(struct loop_source *source)
{
	if (source)
		source->dead = true;
}

/* Frees what was removed. */
static void loop_sweep(void)
{
	struct loop_source **at = &sources;

	while (*at) {
		struct loop_source *s = *at;

		if (s->dead) {
			*at = s->next;
			free(s);
		} else {
			at = &s->next;
		}
	}
}

/* When all devices are gone: nothing is left to be called. */
static void loop_end(void)
{
	loop_sweep();
	must(!sources);
}

/* Is it time? A timer fires once. */
static bool loop_due(struct loop_source *timer)
{
	if (!timer->due_ns || timer->due_ns > fuzz_now_ns)
		return false;
	timer->due_ns = 0;
	return true;
}

/* Once through all of them; the bits of poll() are those of epoll. */
static void loop_round(void)
{
	fuzz_now_ns++; /* for what is armed with the shortest time */
	for (struct loop_source *s = sources; s; s = s->next) {
		struct pollfd p = { .fd = s->fd, .events = (short)s->events };

		if (s->dead)
			continue;
		if (s->fd < 0 && loop_due(s))
			s->fn(s->ctx, POLLIN);
		else if (s->fd >= 0 && s->events && poll(&p, 1, 0) > 0)
			s->fn(s->ctx, (uint32_t)p.revents);
	}
	loop_sweep();
}

/* Guest RAM: made once, its ends (rings and buffers) zeroed for each input. */
static struct driver_ram *fuzz_ram(void)
{
	static struct driver_ram ram;
	const size_t used = 262144;

	if (!ram.bytes)
		driver_ram_init(&ram);
	driver_ram_clear(&ram);
	memset(ram.bytes, 0, used);
	memset(ram.bytes + DRIVER_RAM_SIZE - used, 0, used);
	return &ram;
}

/* A transport to nowhere. */
static void no_queue_irq(void *ctx, unsigned int n)
{
}

static void no_config_irq(void *ctx)
{
}

static const struct virtio_transport_ops no_transport = {
	.queue_irq = no_queue_irq,
	.config_irq = no_config_irq,
};

/* From @at on, @count times one byte of it is another. Whether that loads or
 * not, the driver has to begin anew. */
static void fuzz_load_damaged(struct virtio *v, size_t at, unsigned int count,
			      uint8_t bits)
{
	const void *blob;
	size_t len;
	struct snap *s = fuzz_save(v, &blob, &len);
	uint8_t *copy = malloc(len);

	must(copy != NULL);
	memcpy(copy, blob, len);
	for (; count && fuzz_damages; count--, at++, fuzz_damages--) {
		copy[at % len] ^= bits;
		fuzz_load(v, copy, len);
		copy[at % len] ^= bits;
	}
	free(copy);
	snap_destroy(s);
}

/* The steps that all devices have: saved and loaded (@how 0); loaded when it is
 * damaged (1), after which the driver has to begin anew. */
static inline void fuzz_snapshot_step(struct virtio *v, struct fuzz_input *in,
				      uint32_t how)
{
	uint32_t at, count;

	if (how == 0) {
		fuzz_save_load(v);
		return;
	}
	at = take(in, 2);
	count = take(in, 1);
	fuzz_load_damaged(v, at, count, (uint8_t)take(in, 1));
}

#endif
