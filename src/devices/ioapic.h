/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An I/O APIC with 24 pins (Intel 82093AA datasheet; version 0x20, with the
 * EOI register of the later ICH parts) for KVM's split irqchip: local APICs in
 * the kernel, this here. It turns pins into messages; it knows neither KVM nor
 * who is connected to a pin.
 *
 * Locks: pins may be set from any thread and under another device's lock; the
 * I/O APIC's own lock is the innermost of them. Its callbacks are called with
 * that lock held and must not come back to it.
 */
#ifndef VIREO_DEVICES_IOAPIC_H
#define VIREO_DEVICES_IOAPIC_H

#include <stdbool.h>

#include "devices/device.h"

#define IOAPIC_WINDOW_SIZE 4096
#define IOAPIC_PIN_COUNT   24

/* Where a pin's interrupts go, as an MSI. */
struct ioapic_route {
	uint64_t addr;
	uint32_t data;
	bool masked;
	bool level; /* the local APIC must report the EOI of data's vector */
};

struct ioapic_sink {
	/* Sends one message; 0 or -errno (the interrupt is then lost). */
	int (*msi)(void *ctx, uint64_t addr, uint32_t data);
	/* A redirection entry has changed; NULL when nobody cares. */
	void (*route)(void *ctx, unsigned int pin,
		      const struct ioapic_route *route);
	void *ctx;
};

int ioapic_create(struct device **out, const char *id, struct ioapic_sink sink);

/* The input of @pin (< IOAPIC_PIN_COUNT). One line per pin: two devices that
 * share one have to be ORed before it. */
struct irq ioapic_irq(struct device *dev, unsigned int pin);

/* A local APIC has ended an interrupt with this vector (KVM_EXIT_IOAPIC_EOI):
 * level-triggered pins that wait for it are free again. Any thread. */
void ioapic_eoi(struct device *dev, uint8_t vector);

/* What @pin's entry says now. Any thread; takes the device's lock. */
void ioapic_get_route(struct device *dev, unsigned int pin,
		      struct ioapic_route *route);

#endif
