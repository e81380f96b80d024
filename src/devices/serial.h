/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A 16550A UART (PC16550D datasheet): 8 byte-wide registers, 16-byte FIFOs,
 * interrupts, modem control loopback. It knows neither address nor IRQ number.
 */
#ifndef VIREO_DEVICES_SERIAL_H
#define VIREO_DEVICES_SERIAL_H

#include <stdbool.h>

#include "backends/char.h"
#include "base/log.h"
#include "devices/device.h"

#define SERIAL_WINDOW_SIZE 8

/*
 * @chr is attached (not owned) and must outlive the device. Output bytes go to
 * it one by one; input is fetched from it as the receive FIFO has room. Without
 * @input the input is left to another device, and so is the listener.
 */
int serial_create(struct device **out, const char *id, struct irq irq,
		  struct char_dev *chr, bool input, const struct log *log);

#endif
