/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boot marks: a write-only byte port. A guest that writes N says "I have come
 * to point N"; whoever measures is told. Reads give 0xff.
 */
#ifndef VIREO_DEVICES_MARK_H
#define VIREO_DEVICES_MARK_H

#include "devices/device.h"

#define MARK_WINDOW_SIZE 1

/* Called on a vCPU's thread with the device's lock held. */
struct mark_sink {
	void (*mark)(void *ctx, uint8_t n);
	void *ctx;
};

int mark_create(struct device **out, const char *id, struct mark_sink sink);

#endif
