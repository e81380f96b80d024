// SPDX-License-Identifier: BSD-3-Clause
/* See device.h. */
#include "devices/device.h"

void device_init(struct device *dev, const struct device_ops *ops,
		 const char *id)
{
	dev->ops = ops;
	dev->id = id;
	pthread_mutex_init(&dev->lock, NULL);
}

void device_finish(struct device *dev)
{
	pthread_mutex_destroy(&dev->lock);
}

void device_destroy(struct device *dev)
{
	if (dev)
		dev->ops->destroy(dev);
}
