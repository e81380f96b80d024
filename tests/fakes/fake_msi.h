/* SPDX-License-Identifier: BSD-3-Clause */
/* Message-signalled interrupts and doorbells that remember. Not for several
 * threads at once, but for the count of signals. */
#ifndef VIREO_FAKE_MSI_H
#define VIREO_FAKE_MSI_H

#include <stdatomic.h>

#include "devices/device.h"

#define FAKE_VECTORS 128
#define FAKE_BELLS   64

struct fake_vector {
	bool routed;
	uint64_t addr;
	uint32_t data;
	_Atomic unsigned int signals;
};

struct fake_msi {
	int fail; /* what route() returns, when not 0 */
	unsigned int routes;
	unsigned int unroutes;
	struct fake_vector vector[FAKE_VECTORS];
};

/* A signal or unroute of what is not routed ends the test. */
struct msi fake_msi(struct fake_msi *f);

struct fake_bell {
	int fd;
	uint64_t addr;
	uint32_t len;
};

struct fake_bells {
	int fail; /* what set() returns for "on", when not 0 */
	unsigned int count; /* of those that are on */
	unsigned int sets;
	struct fake_bell bell[FAKE_BELLS];
};

/* Taking off what is not on, or putting on twice, ends the test. */
struct doorbell fake_bells(struct fake_bells *f);
/* The eventfd that a write to @addr would signal, or -1. */
int fake_bell_at(const struct fake_bells *f, uint64_t addr);

#endif
