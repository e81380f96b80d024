/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Just enough of the i8042 keyboard controller for a reset: window 0 is the
 * data port (0x60), window 1 the status and command port (0x64). Command 0xfe
 * pulses the reset line; commands that set up or test the controller answer as
 * an absent keyboard would, so that no driver waits for a timeout.
 */
#ifndef VIREO_DEVICES_I8042_H
#define VIREO_DEVICES_I8042_H

#include "devices/device.h"

enum { I8042_DATA, I8042_COMMAND };

int i8042_create(struct device **out, const char *id,
		 const struct machine_signal *signal);

#endif
