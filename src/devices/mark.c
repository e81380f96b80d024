// SPDX-License-Identifier: BSD-3-Clause
/* See mark.h. */
#include "devices/mark.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

struct mark {
	struct device dev;
	struct mark_sink sink;
};

static uint64_t mark_read(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len)
{
	return UINT64_MAX;
}

static void mark_write(struct device *dev, unsigned int window, uint64_t off,
		       unsigned int len, uint64_t value)
{
	struct mark *m = container_of(dev, struct mark, dev);

	if (m->sink.mark)
		m->sink.mark(m->sink.ctx, (uint8_t)value);
}

static void mark_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct mark, dev));
}

static const struct device_ops mark_ops = {
	.name = "mark",
	.read = mark_read,
	.write = mark_write,
	.destroy = mark_destroy,
};

int mark_create(struct device **out, const char *id, struct mark_sink sink)
{
	struct mark *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	device_init(&m->dev, &mark_ops, id);
	m->sink = sink;
	*out = &m->dev;
	return 0;
}
