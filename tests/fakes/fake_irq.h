/* SPDX-License-Identifier: BSD-3-Clause */
/* An interrupt line that remembers. Not for several threads at once. */
#ifndef VIREO_FAKE_IRQ_H
#define VIREO_FAKE_IRQ_H

#include "devices/device.h"

struct fake_irq {
	int level;
	unsigned int rises;
	unsigned int falls;
	unsigned int repeats; /* set to the level that it had */
};

struct irq fake_irq(struct fake_irq *f);

#endif
