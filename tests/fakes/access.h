/* SPDX-License-Identifier: BSD-3-Clause */
/* Register accesses as the bus makes them, without a bus. */
#ifndef VIREO_FAKE_ACCESS_H
#define VIREO_FAKE_ACCESS_H

#include "devices/device.h"

static inline uint64_t dev_read(struct device *dev, unsigned int window,
				uint64_t off, unsigned int len)
{
	uint64_t value;

	pthread_mutex_lock(&dev->lock);
	value = dev->ops->read(dev, window, off, len);
	pthread_mutex_unlock(&dev->lock);
	return len >= 8 ? value : value & ((UINT64_C(1) << (8 * len)) - 1);
}

static inline void dev_write(struct device *dev, unsigned int window,
			     uint64_t off, unsigned int len, uint64_t value)
{
	pthread_mutex_lock(&dev->lock);
	dev->ops->write(dev, window, off, len, value);
	pthread_mutex_unlock(&dev->lock);
}

/* One step of a register sequence; tables of them end in { 0 }. */
struct access {
	char op; /* 'w' write, 'r' read and compare under mask */
	unsigned int off;
	uint32_t value;
	uint32_t mask; /* 0: all bits */
};

#endif
