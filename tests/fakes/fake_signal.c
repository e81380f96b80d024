// SPDX-License-Identifier: BSD-3-Clause
/* See fake_signal.h. */
#include "fake_signal.h"

static void raise_event(void *ctx, enum machine_event event, uint32_t data)
{
	struct fake_signal *f = ctx;

	f->count++;
	f->event = event;
	f->data = data;
}

struct machine_signal fake_signal(struct fake_signal *f)
{
	return (struct machine_signal){ .raise = raise_event, .ctx = f };
}
