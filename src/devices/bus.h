/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bus: address windows, each with the device behind it. A VM has two, one
 * for port I/O and one for MMIO.
 *
 * An access that lies wholly inside one window reaches its device under the
 * device's lock. Everything else (no window, an overhang, a width other than
 * 1, 2, 4 or 8) reads all ones and writes nothing. The bus lock is never held
 * over a device callback. Any thread.
 */
#ifndef VIREO_DEVICES_BUS_H
#define VIREO_DEVICES_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/device.h"

#define BUS_MAX_WINDOWS 64

struct bus_window {
	uint64_t base;
	uint64_t size;
	struct device *dev;  /* not owned; outlives the window */
	unsigned int number; /* handed to the device's read and write */
};

struct bus {
	pthread_rwlock_t lock; /* guards what follows */
	unsigned int count;
	struct bus_window window[BUS_MAX_WINDOWS]; /* sorted by base */
};

void bus_init(struct bus *bus);
void bus_finish(struct bus *bus);

/* Maps [base, base+size) to window @number of @dev. -EINVAL for an empty or
 * wrapping range, -EEXIST when it meets a window that is there, -ENOSPC. */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, struct device *dev,
	    unsigned int number);

/* Is there no window in [base, base+size), which does not wrap? */
bool bus_is_free(struct bus *bus, uint64_t base, uint64_t size);

/* Removes the window that starts at @base; -ENOENT. An access that already
 * found the window may still be running in the device. */
int bus_remove(struct bus *bus, uint64_t base);

/* One access by the guest. The read value has all bits above @len bytes
 * clear; false: nobody was there (value all ones). */
bool bus_read(struct bus *bus, uint64_t addr, unsigned int len,
	      uint64_t *value);
bool bus_write(struct bus *bus, uint64_t addr, unsigned int len,
	       uint64_t value);

#endif
