// SPDX-License-Identifier: BSD-3-Clause
/* See fake_irq.h. */
#include "fake_irq.h"

static void set(void *ctx, int level)
{
	struct fake_irq *f = ctx;

	if (level == f->level)
		f->repeats++;
	else if (level)
		f->rises++;
	else
		f->falls++;
	f->level = level;
}

struct irq fake_irq(struct fake_irq *f)
{
	return (struct irq){ .set = set, .ctx = f };
}
