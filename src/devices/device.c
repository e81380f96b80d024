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

void device_pause(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->ops->pause)
		dev->ops->pause(dev);
	pthread_mutex_unlock(&dev->lock);
}

void device_resume(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	if (dev->ops->resume)
		dev->ops->resume(dev);
	pthread_mutex_unlock(&dev->lock);
}

int device_snapshot(struct device *dev, struct snap *s)
{
	int r = 0;

	pthread_mutex_lock(&dev->lock);
	if (dev->ops->snapshot)
		r = dev->ops->snapshot(dev, s);
	pthread_mutex_unlock(&dev->lock);
	return r;
}

void device_destroy(struct device *dev)
{
	if (dev)
		dev->ops->destroy(dev);
}
