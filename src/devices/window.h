/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device whose registers somebody else answers for: an embedder's, by
 * callbacks. They run under the device's lock, on the thread of the vCPU that
 * made the access; so never two at once.
 */
#ifndef VIREO_DEVICES_WINDOW_H
#define VIREO_DEVICES_WINDOW_H

#include <stdint.h>

#include "devices/device.h"

/* Any may be NULL: reads give all ones, writes are lost. */
struct window_ops {
	uint64_t (*read)(void *ctx, uint64_t off, unsigned int len);
	void (*write)(void *ctx, uint64_t off, unsigned int len,
		      uint64_t value);
	void (*reset)(void *ctx);
	void *ctx;
};

/* Calls reset() before it returns. -ENOMEM. */
int window_create(struct device **out, const char *id,
		  const struct window_ops *ops);

#endif
