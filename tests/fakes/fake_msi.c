// SPDX-License-Identifier: BSD-3-Clause
/* See fake_msi.h. */
#include "fake_msi.h"

#include <assert.h>

static int route(void *ctx, unsigned int vector, uint64_t addr, uint32_t data)
{
	struct fake_msi *f = ctx;

	assert(vector < FAKE_VECTORS);
	f->routes++;
	if (f->fail)
		return f->fail;
	f->vector[vector].routed = true;
	f->vector[vector].addr = addr;
	f->vector[vector].data = data;
	return 0;
}

static void unroute(void *ctx, unsigned int vector)
{
	struct fake_msi *f = ctx;

	assert(vector < FAKE_VECTORS && f->vector[vector].routed);
	f->unroutes++;
	f->vector[vector].routed = false;
}

static void signal_vector(void *ctx, unsigned int vector)
{
	struct fake_msi *f = ctx;

	assert(vector < FAKE_VECTORS && f->vector[vector].routed);
	atomic_fetch_add(&f->vector[vector].signals, 1);
}

struct msi fake_msi(struct fake_msi *f)
{
	return (struct msi){ route, unroute, signal_vector, f };
}

static struct fake_bell *find(struct fake_bells *f, uint64_t addr)
{
	for (unsigned int i = 0; i < f->count; i++)
		if (f->bell[i].addr == addr)
			return &f->bell[i];
	return NULL;
}

static int set(void *ctx, int fd, uint64_t addr, uint32_t len,
	       const uint64_t *match, bool on)
{
	struct fake_bells *f = ctx;
	struct fake_bell *b = find(f, addr);

	assert(!match);
	if (!on) {
		assert(b && b->fd == fd && b->len == len);
		*b = f->bell[--f->count];
		return 0;
	}
	f->sets++;
	if (f->fail)
		return f->fail;
	assert(!b && f->count < FAKE_BELLS && fd >= 0);
	f->bell[f->count++] = (struct fake_bell){ fd, addr, len };
	return 0;
}

struct doorbell fake_bells(struct fake_bells *f)
{
	return (struct doorbell){ set, f };
}

int fake_bell_at(const struct fake_bells *f, uint64_t addr)
{
	for (unsigned int i = 0; i < f->count; i++)
		if (f->bell[i].addr == addr)
			return f->bell[i].fd;
	return -1;
}
