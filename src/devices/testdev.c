// SPDX-License-Identifier: BSD-3-Clause
/* See testdev.h. The ports are those of QEMU's isa-debug-exit and
 * isa-debugcon, so that test programs run under both. */
#include "devices/testdev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

#define CONSOLE_PRESENT 0xe9

struct testdev {
	struct device dev;
	struct machine_signal signal;
	struct char_dev *chr; /* not owned; NULL: output is dropped */
};

static uint64_t testdev_read(struct device *dev, unsigned int window,
			     uint64_t off, unsigned int len)
{
	return window == TESTDEV_CONSOLE ? CONSOLE_PRESENT : UINT64_MAX;
}

static void testdev_write(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len, uint64_t value)
{
	struct testdev *t = container_of(dev, struct testdev, dev);
	uint8_t byte = (uint8_t)value;

	if (window == TESTDEV_EXIT)
		machine_raise(&t->signal, MACHINE_DEBUG_EXIT,
			      ((uint32_t)value << 1 | 1) & 0xff);
	else if (t->chr)
		char_write(t->chr, &byte, 1);
}

static void testdev_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct testdev, dev));
}

static const struct device_ops testdev_ops = {
	.name = "testdev",
	.read = testdev_read,
	.write = testdev_write,
	.destroy = testdev_destroy,
};

int testdev_create(struct device **out, const char *id,
		   const struct machine_signal *signal, struct char_dev *chr)
{
	struct testdev *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return -ENOMEM;
	device_init(&t->dev, &testdev_ops, id);
	t->signal = *signal;
	t->chr = chr;
	*out = &t->dev;
	return 0;
}
