/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MP table (Intel MultiProcessor Specification 1.4) for kernels without
 * ACPI: floating pointer, processors, one ISA bus, the IOAPIC, ISA interrupt
 * routes, local interrupts. Pure: bytes out.
 */
#ifndef VIREO_ARCH_X86_64_MPTABLE_H
#define VIREO_ARCH_X86_64_MPTABLE_H

#include <stddef.h>
#include <stdint.h>

/* For @cpus processors (ids 0..cpus-1; those that do not fit @cap or the
 * specification's 8-bit ids are left out) at guest address @gpa. -ENOSPC when
 * not even one fits. The SCI is level triggered, active high. */
int mptable_build(uint8_t *buf, size_t cap, size_t *len, uint64_t gpa,
		  unsigned int cpus);

#endif
