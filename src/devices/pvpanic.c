// SPDX-License-Identifier: BSD-3-Clause
/* See pvpanic.h. */
#include "devices/pvpanic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/snap.h"

#define EVENTS (PVPANIC_PANICKED | PVPANIC_CRASHLOADED | PVPANIC_SHUTDOWN)

struct pvpanic {
	struct device dev;
	struct machine_signal signal;
	const struct log *log;
	struct log_limit limit;
	bool raised;     /* a panic or a shutdown has been reported upwards */
	uint64_t events; /* all writes */
};

static uint64_t pvpanic_read(struct device *dev, unsigned int window,
			     uint64_t off, unsigned int len)
{
	return EVENTS;
}

/* A crash kernel that takes over runs in the same VM and ends it itself: that
 * event is worth a line, not the VM's end. */
static void pvpanic_write(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len, uint64_t value)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	p->events++;
	if (value & ~(uint64_t)EVENTS)
		log_guest(p->log, &p->limit, "%s: unknown event 0x%llx",
			  dev->id, (unsigned long long)value);
	if (value & PVPANIC_CRASHLOADED)
		log_guest(p->log, &p->limit,
			  "%s: the guest panicked, its crash kernel takes over",
			  dev->id);
	if (!(value & (PVPANIC_PANICKED | PVPANIC_SHUTDOWN)))
		return;
	if (p->raised) {
		log_guest(p->log, &p->limit, "%s: event %llu after the first",
			  dev->id, (unsigned long long)p->events);
		return;
	}
	p->raised = true;
	if (value & PVPANIC_PANICKED)
		machine_raise(&p->signal, MACHINE_PANIC, (uint32_t)value);
	else
		machine_raise(&p->signal, MACHINE_POWER_OFF, 0);
}

static int pvpanic_snapshot(struct device *dev, struct snap *s)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	snap_begin(s, "pvpanic", 1);
	snap_bool(s, "raised", &p->raised);
	snap_u64(s, "events", &p->events);
	snap_end(s);
	return snap_error(s);
}

static void pvpanic_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct pvpanic, dev));
}

static const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.read = pvpanic_read,
	.write = pvpanic_write,
	.snapshot = pvpanic_snapshot,
	.destroy = pvpanic_destroy,
};

int pvpanic_create(struct device **out, const char *id,
		   const struct machine_signal *signal, const struct log *log)
{
	struct pvpanic *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (!p)
		return -ENOMEM;
	device_init(&p->dev, &pvpanic_ops, id);
	p->signal = *signal;
	p->log = log;
	*out = &p->dev;
	return 0;
}
