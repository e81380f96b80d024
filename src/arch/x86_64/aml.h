/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AML (ACPI 6.4, chapter 20) appended to a struct bytes: the few terms that a
 * DSDT of a virtual machine needs. Knows no device and no address. Pure; any
 * thread; errors are the buffer's sticky one.
 *
 * A construct with a body is opened, filled and closed:
 *
 *   size_t dev = aml_device(b, "COM1");
 *   aml_name(b, "_HID");
 *   aml_eisa_id(b, "PNP0501");
 *   aml_close(b, dev);
 *
 * Paths are ASL's: "_HID", "\\_SB.PCI0", "^FOO"; a segment of less than four
 * characters is padded with '_'. A malformed path or id is the caller's bug.
 */
#ifndef VIREO_ARCH_X86_64_AML_H
#define VIREO_ARCH_X86_64_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/bytes.h"

/* A reference to a name, 20.2.2. */
void aml_path(struct bytes *b, const char *path);

/* Name (path, ...): the next term is its value. */
void aml_name(struct bytes *b, const char *path);

/* The return value goes to aml_close(). */
size_t aml_scope(struct bytes *b, const char *path);
size_t aml_device(struct bytes *b, const char *path);
size_t aml_method(struct bytes *b, const char *path, unsigned int args);
size_t aml_package(struct bytes *b, uint8_t count);
void aml_close(struct bytes *b, size_t open);

/* Return (...): the next term is its value. */
void aml_return(struct bytes *b);

/* Values. Integers take the shortest encoding; strings are ASCII. */
void aml_integer(struct bytes *b, uint64_t v);
void aml_string(struct bytes *b, const char *s);
void aml_eisa_id(struct bytes *b, const char *id); /* "PNP0501" */

/* A buffer of resource descriptors (6.4): what follows until the matching
 * aml_resources_close() are aml_res_*() calls. */
size_t aml_resources(struct bytes *b);
void aml_resources_close(struct bytes *b, size_t open);

/* [port, port+size), 16-bit decode. */
void aml_res_io(struct bytes *b, uint16_t port, uint8_t size);

/* An ISA interrupt, 0-15: edge, active high, exclusive. */
void aml_res_irq(struct bytes *b, unsigned int irq);

/* Any GSI: active high, exclusive. */
void aml_res_interrupt(struct bytes *b, uint32_t gsi, bool level);

/* A bridge's bus numbers. */
void aml_res_bus(struct bytes *b, uint8_t first, uint8_t last);

/* [base, base+size), read-write, below 4 GiB. */
void aml_res_memory32(struct bytes *b, uint32_t base, uint32_t size);

/* The same anywhere; @size is not 0 and the range does not wrap. @producer: a
 * bridge's window rather than a device's registers. */
void aml_res_memory64(struct bytes *b, uint64_t base, uint64_t size,
		      bool producer);

#endif
