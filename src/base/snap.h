/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The carrier of saved state: a flattened device tree (libfdt), a node per
 * object and a named property per field. One function per object lists its
 * fields and serves both directions:
 *
 *	int serial_snapshot(struct device *dev, struct snap *s)
 *	{
 *		snap_u8(s, "ier", &serial->ier);
 *		...
 *		return snap_error(s);
 *	}
 *
 * Saving reads the fields, loading writes them; ranges are the caller's to
 * check afterwards (a snapshot is outside input). The first error sticks: later
 * calls do nothing. Nothing here knows VMs. One thread.
 */
#ifndef VIREO_BASE_SNAP_H
#define VIREO_BASE_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct snap;

/* A new, empty state for saving; NULL when out of memory. */
struct snap *snap_create(void);
/* For loading: copies @blob and checks all of it (fdt_check_full) before
 * anything else looks at it. -EBADMSG with a sentence. */
int snap_open(struct snap **out, const void *blob, size_t len,
	      struct err *err);
/* Ends saving: the blob belongs to @s and lives as long. 0 or the error. When
 * loading: complains about what nobody has read (@blob and @len are unused). */
int snap_finish(struct snap *s, const void **blob, size_t *len);
void snap_destroy(struct snap *s);

bool snap_loading(const struct snap *s);
/* 0, or the first error; snap_error_text() tells which node and field. */
int snap_error(const struct snap *s);
const char *snap_error_text(const struct snap *s);
/* The caller's own complaint about a loaded value; sticks like the others. */
void snap_reject(struct snap *s, const char *field, const char *why);

/* Enters and leaves the node @name. @version: what this program writes;
 * loading refuses a node that is missing or newer, naming it. Returns the
 * version that was loaded (@version when saving), 0 after an error. */
unsigned int snap_begin(struct snap *s, const char *name,
			unsigned int version);
void snap_end(struct snap *s);

void snap_u8(struct snap *s, const char *name, uint8_t *v);
void snap_u16(struct snap *s, const char *name, uint16_t *v);
void snap_u32(struct snap *s, const char *name, uint32_t *v);
void snap_u64(struct snap *s, const char *name, uint64_t *v);
void snap_bool(struct snap *s, const char *name, bool *v);
/* Exactly @len bytes; another length in the blob is an error. */
void snap_bytes(struct snap *s, const char *name, void *bytes, size_t len);

#endif
