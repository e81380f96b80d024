/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine that remembers what its devices asked of it. */
#ifndef VIREO_FAKE_SIGNAL_H
#define VIREO_FAKE_SIGNAL_H

#include "devices/device.h"

struct fake_signal {
	unsigned int count;
	enum machine_event event; /* of the last one */
	uint32_t data;
};

struct machine_signal fake_signal(struct fake_signal *f);

#endif
