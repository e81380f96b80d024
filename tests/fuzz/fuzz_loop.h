/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop without a thread, for the targets whose devices have many sources: it
 * goes round when the program says so, timers fire when it says so. Defines the
 * functions of base/loop.h; include it once. And a transport, and the program.
 */
#ifndef VIREO_FUZZ_FUZZ_LOOP_H
#define VIREO_FUZZ_FUZZ_LOOP_H

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "devices/virtio/virtio.h"
#include "driver_ring.h"
#include "fuzz.h"

struct loop_source {
	loop_fn fn;
	void *ctx;
	int fd; /* -1: a timer */
	uint32_t events;
	bool dead;
	struct loop_source *next;
};

static struct loop_source *sources;

int loop_add(struct loop_source **out, struct loop *loop, int fd,
	     uint32_t events, loop_fn fn, void *ctx)
{
	struct loop_source *s = calloc(1, sizeof(*s));

	must(s != NULL);
	*s = (struct loop_source){ fn, ctx, fd, events, false, sources };
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

/* Once through all of them; the bits of poll() are those of epoll. */
static void loop_round(bool timers)
{
	for (struct loop_source *s = sources; s; s = s->next) {
		struct pollfd p = { .fd = s->fd, .events = (short)s->events };

		if (s->dead)
			continue;
		if (s->fd < 0 && timers)
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

/* The program: numbers from the input, zeroes at its end. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static uint32_t take(struct fuzz_input *in, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--) {
		v = v << 8 | (in->left ? *in->at : 0);
		in->at += !!in->left;
		in->left -= !!in->left;
	}
	return v;
}

#endif
