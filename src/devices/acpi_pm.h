/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fixed ACPI hardware (ACPI 6.4, 4.8.3): PM1a event block (status, enable),
 * PM1a control block (SLP_TYP, SLP_EN: S5 powers off), a 3.579545 MHz 32-bit
 * PM timer, and the reset register. One SCI, level triggered, raised while an
 * enabled status bit is set.
 */
#ifndef VIREO_DEVICES_ACPI_PM_H
#define VIREO_DEVICES_ACPI_PM_H

#include <stdbool.h>

#include "devices/device.h"

/* Windows, and their sizes in bytes. */
enum { ACPI_PM_EVENT, ACPI_PM_CONTROL, ACPI_PM_TIMER, ACPI_PM_RESET };

#define ACPI_PM_EVENT_SIZE   4 /* PM1_STS, PM1_EN */
#define ACPI_PM_CONTROL_SIZE 2
#define ACPI_PM_TIMER_SIZE   4
#define ACPI_PM_RESET_SIZE   1

#define ACPI_PM_SLP_TYP_S5  5 /* what the DSDT's \_S5 package says */
#define ACPI_PM_RESET_VALUE 1 /* writing it to the reset register resets */

int acpi_pm_create(struct device **out, const char *id, struct irq sci,
		   const struct machine_signal *signal);

/* Presses the power button: PWRBTN_STS, and the SCI when it is enabled.
 * Returns false when the guest has not enabled the button (nobody listens).
 * Any thread; takes the device's lock. */
bool acpi_pm_press(struct device *dev);

#endif
