// SPDX-License-Identifier: BSD-3-Clause
/* General questions: what the stub can do, threads, the description of the
 * registers. See gdb_stub.h. */
#include "debug/gdb_state.h"

#include <stdio.h>
#include <string.h>

/* "qSupported:multiprocess+;swbreak+;..." */
static void answer_supported(struct gdb_stub *stub, const char *p)
{
	stub->says_swbreak = strstr(p, "swbreak+");
	stub->says_hwbreak = strstr(p, "hwbreak+");
	gdb_out_text(&stub->out,
		     "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;"
		     "swbreak+;hwbreak+;vContSupported+",
		     GDB_BODY_MAX);
}

static void answer_threads(struct gdb_stub *stub)
{
	unsigned int cpus = stub->ops->cpus(stub->ctx);

	for (unsigned int i = 0; i < cpus; i++)
		gdb_out_text(&stub->out, "%c%x", i ? ',' : 'm', i + 1);
}

static void answer_thread_info(struct gdb_stub *stub, const char *p)
{
	char text[64];
	int cpu;

	if (!gdb_take_thread(stub, &p, &cpu) || *p || cpu == GDB_ALL_CPUS) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %d: %s", cpu,
		 stub->ops->activity(stub->ctx, (unsigned int)cpu));
	gdb_out_hex(&stub->out, (const uint8_t *)text, strlen(text));
}

/* "target.xml:OFFSET,LENGTH" */
static void answer_features(struct gdb_stub *stub, const char *p)
{
	uint64_t offset, len, left;
	const uint8_t *from;
	size_t n;

	if (!gdb_take_number(&p, &offset) || !gdb_take(&p, ',') ||
	    !gdb_take_number(&p, &len) || *p ||
	    offset > stub->description_len) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	left = stub->description_len - offset;
	if (len > left)
		len = left;
	if (len > GDB_TRANSFER_MAX)
		len = GDB_TRANSFER_MAX;
	from = (const uint8_t *)stub->description + offset;
	gdb_out_text(&stub->out, "%c", len < left ? 'm' : 'l');
	n = gdb_out_binary(&stub->out, from, len);
	if (n < len)
		stub->out.body[0] = 'm';
}

/* The beginning of @p is @word: what follows. */
static const char *after(const char *p, const char *word)
{
	size_t len = strlen(word);

	return strncmp(p, word, len) ? NULL : p + len;
}

void gdb_answer_query(struct gdb_stub *stub, const char *p)
{
	const char *rest;

	if ((rest = after(p, "Supported")))
		answer_supported(stub, rest);
	else if (!strcmp(p, "C"))
		gdb_out_text(&stub->out, "QC%x", stub->cpu + 1);
	else if (!strcmp(p, "fThreadInfo"))
		answer_threads(stub);
	else if (!strcmp(p, "sThreadInfo"))
		gdb_out_text(&stub->out, "l");
	else if ((rest = after(p, "ThreadExtraInfo,")))
		answer_thread_info(stub, rest);
	else if (after(p, "Attached"))
		gdb_out_text(&stub->out, "1");
	else if (after(p, "Symbol:"))
		gdb_answer_result(stub, 0);
	else if ((rest = after(p, "Xfer:features:read:target.xml:")))
		answer_features(stub, rest);
	else if (after(p, "Xfer:features:read:"))
		gdb_out_text(&stub->out, "E00");
}
