/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pvpanic, the ISA form (QEMU docs/specs/pvpanic.rst; Linux finds it through
 * ACPI as QEMU0001): one byte port. Reading gives the supported events; writing
 * bit 0 reports a panic, bit 1 a loaded crash kernel, bit 2 a shutdown.
 */
#ifndef VIREO_DEVICES_PVPANIC_H
#define VIREO_DEVICES_PVPANIC_H

#include "base/log.h"
#include "devices/device.h"

#define PVPANIC_PANICKED    1u
#define PVPANIC_CRASHLOADED 2u
#define PVPANIC_SHUTDOWN    4u

/* A panic is raised once; the flood after it is counted, not raised. */
int pvpanic_create(struct device **out, const char *id,
		   const struct machine_signal *signal, const struct log *log);

#endif
