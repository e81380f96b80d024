// SPDX-License-Identifier: BSD-3-Clause
/* See window.h. */
#include "devices/window.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

struct window {
	struct device dev;
	struct window_ops ops;
};

static uint64_t window_read(struct device *dev, unsigned int window,
			    uint64_t off, unsigned int len)
{
	struct window *c = container_of(dev, struct window, dev);

	return c->ops.read ? c->ops.read(c->ops.ctx, off, len) : UINT64_MAX;
}

static void window_write(struct device *dev, unsigned int window, uint64_t off,
			 unsigned int len, uint64_t value)
{
	struct window *c = container_of(dev, struct window, dev);

	if (c->ops.write)
		c->ops.write(c->ops.ctx, off, len, value);
}

static void window_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct window, dev));
}

static const struct device_ops window_device_ops = {
	.name = "window",
	.read = window_read,
	.write = window_write,
	.destroy = window_destroy,
};

int window_create(struct device **out, const char *id,
		  const struct window_ops *ops)
{
	struct window *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (!c)
		return -ENOMEM;
	device_init(&c->dev, &window_device_ops, id);
	c->ops = *ops;
	if (ops->reset)
		ops->reset(ops->ctx);
	*out = &c->dev;
	return 0;
}
