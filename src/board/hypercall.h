/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hypercall channel: a port of four bytes. The guest writes the address of a
 * struct in its RAM (below 4 GiB, aligned to 8); we copy it in, call a
 * function, and copy the result out. KVM keeps vmcall to itself, and a port is
 * what every architecture's guest, in every mode, has a way to.
 *
 * The port reads HYPERCALL_SIGNATURE, so that a guest can find it.
 */
#ifndef VIREO_BOARD_HYPERCALL_H
#define VIREO_BOARD_HYPERCALL_H

#include <stdint.h>

#include "base/log.h"
#include "devices/device.h"
#include "mem/mem.h"
#include "vireo.h"

#define HYPERCALL_SIGNATURE 0x6f726976u /* "viro" */
#define HYPERCALL_PORTS     4

struct hypercall_sink {
	void (*call)(void *ctx, struct vireo_hypercall *call);
	void *ctx;
};

/* @mem outlives it. */
int hypercall_create(struct device **out, const char *id, const struct mem *mem,
		     const struct log *log, struct hypercall_sink sink);

#endif
