/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test device of --testdev. Window 0: debug exit, 1 to 4 bytes; writing V
 * ends the VM with status ((V << 1) | 1) & 255. Window 1: debug console, one
 * byte; writes are output, reads give 0xe9 (so a guest can find it).
 */
#ifndef VIREO_DEVICES_TESTDEV_H
#define VIREO_DEVICES_TESTDEV_H

#include "backends/char.h"
#include "devices/device.h"

enum { TESTDEV_EXIT, TESTDEV_CONSOLE };

#define TESTDEV_EXIT_SIZE    4
#define TESTDEV_CONSOLE_SIZE 1

int testdev_create(struct device **out, const char *id,
		   const struct machine_signal *signal, struct char_dev *chr);

#endif
