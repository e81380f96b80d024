// SPDX-License-Identifier: BSD-3-Clause
/* See hypercall.h. A call with a bad address is not made, and nothing is
 * written: there is no place for an answer. */
#include "board/hypercall.h"

#include <errno.h>
#include <stdlib.h>

#include "base/endian.h"
#include "base/num.h"

#define ARGS	   6
#define BYTES	   ((1 + ARGS + 1) * 8) /* of a call in guest RAM */
#define RESULT_OFF (BYTES - 8)

struct channel {
	struct device dev;
	const struct mem *mem;
	const struct log *log;
	struct log_limit limit;
	struct hypercall_sink sink;
};

static void make_call(struct channel *ch, uint64_t gpa)
{
	struct vireo_hypercall call;
	uint8_t raw[BYTES];
	le64 result;

	if (gpa % 8 || mem_read(ch->mem, raw, gpa, sizeof(raw)) < 0) {
		log_guest(ch->log, &ch->limit, "%s: no call at %#llx",
			  ch->dev.id, (unsigned long long)gpa);
		return;
	}
	call.number = le64_at(raw);
	for (unsigned int i = 0; i < ARGS; i++)
		call.arg[i] = le64_at(raw + 8 * (i + 1));
	call.result = 0;
	ch->sink.call(ch->sink.ctx, &call);
	result = le64_put(call.result);
	mem_write(ch->mem, gpa + RESULT_OFF, result.b, sizeof(result.b));
}

static uint64_t channel_read(struct device *dev, unsigned int window,
			     uint64_t off, unsigned int len)
{
	return HYPERCALL_SIGNATURE >> (8 * off);
}

static void channel_write(struct device *dev, unsigned int window, uint64_t off,
			  unsigned int len, uint64_t value)
{
	if (off == 0 && len == HYPERCALL_PORTS)
		make_call(container_of(dev, struct channel, dev), value);
}

static void channel_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct channel, dev));
}

static const struct device_ops channel_ops = {
	.name = "hypercall",
	.read = channel_read,
	.write = channel_write,
	.destroy = channel_destroy,
};

int hypercall_create(struct device **out, const char *id, const struct mem *mem,
		     const struct log *log, struct hypercall_sink sink)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	*out = NULL;
	if (!ch)
		return -ENOMEM;
	device_init(&ch->dev, &channel_ops, id);
	ch->mem = mem;
	ch->log = log;
	ch->sink = sink;
	*out = &ch->dev;
	return 0;
}
