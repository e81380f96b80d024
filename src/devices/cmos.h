/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CMOS real-time clock of the PC (MC146818A), index port and data port in
 * one 2-byte window: time from the host's CLOCK_REALTIME in UTC, BCD, 24 h, no
 * interrupts. Also the memory sizes that firmware leaves in the CMOS.
 */
#ifndef VIREO_DEVICES_CMOS_H
#define VIREO_DEVICES_CMOS_H

#include "devices/device.h"

#define CMOS_WINDOW_SIZE 2

/* @low_ram: bytes of RAM below 4 GiB; @high_ram: above. */
int cmos_create(struct device **out, const char *id, uint64_t low_ram,
		uint64_t high_ram);

#endif
