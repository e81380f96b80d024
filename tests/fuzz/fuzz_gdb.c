// SPDX-License-Identifier: BSD-3-Clause
/*
 * A debugger's side of gdb's protocol, as lines: each is the body of a packet,
 * unless its first byte says something else. The machine is a fake one; what
 * the stub says has to be in order, and the machine in the state it claims.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "debug/gdb_packet.h"
#include "fake_target.h"

#define LINES_MAX 200

enum { LINE_RAW = 1, LINE_STOP, LINE_INTERRUPT, LINE_CLIENT, LINE_FAIL,
       LINE_END, LINE_AGAIN };

struct talk {
	struct fake_target *target;
	struct gdb_stub *stub;
	struct gdb_in heard; /* as a client reads it */
	unsigned int packets; /* that were heard */
};

/* Takes all that is to be sent: signs, and whole packets. */
static void hear(struct talk *t)
{
	for (;;) {
		size_t len;
		const char *bytes = gdb_stub_output(t->stub, &len);

		if (!len)
			break;
		must(len <= GDB_PACKET_MAX + 1);
		for (size_t i = 0; i < len; i++) {
			enum gdb_event e = gdb_in_byte(&t->heard,
						       (uint8_t)bytes[i]);

			must(e != GDB_DAMAGED && e != GDB_TOO_LONG);
			must(e != GDB_INTERRUPT);
			t->packets += e == GDB_PACKET;
		}
		gdb_stub_sent(t->stub, len);
	}
	must(t->heard.state == GDB_IN_GAP);
}

static void say(struct talk *t, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !gdb_stub_is_done(t->stub)) {
		size_t n = gdb_stub_input(t->stub, bytes + at, len - at);

		must(n && n <= len - at);
		at += n;
		hear(t);
	}
}

/* One answer at once, or none before it stops. */
static void say_packet(struct talk *t, const uint8_t *body, size_t len)
{
	static const uint8_t plus = '+'; /* ends a checksum that was cut off */
	struct gdb_out out = { 0 };
	char packet[GDB_PACKET_MAX];
	unsigned int before;
	bool was_running, done;

	say(t, &plus, 1);
	before = t->packets;
	was_running = gdb_stub_is_running(t->stub);
	done = gdb_stub_is_done(t->stub);
	if (len > sizeof(out.body) || memchr(body, '#', len) ||
	    memchr(body, '$', len))
		return;
	memcpy(out.body, body, len);
	out.len = len;
	len = gdb_packet_write(packet, &out);
	say(t, (const uint8_t *)packet, len);
	if (done || (out.len && body[0] == 'k'))
		must(t->packets == before);
	else if (gdb_stub_is_running(t->stub) && !was_running)
		must(t->packets == before && !t->target->stopped);
	else
		must(t->packets == before + 1);
}

static void new_client(struct talk *t)
{
	gdb_stub_detach(t->stub);
	must(t->target->breaks == 0 || t->target->ended);
	must(!gdb_stub_is_running(t->stub));
	memset(&t->heard, 0, sizeof(t->heard));
	gdb_stub_attach(t->stub);
	must(!gdb_stub_is_done(t->stub));
}

static void stop(struct talk *t, const uint8_t *line, size_t len)
{
	bool was_running = gdb_stub_is_running(t->stub);
	unsigned int before = t->packets;

	t->target->has_stop = true;
	t->target->stop = (struct gdb_stop){
		.cpu = len > 1 ? line[1] % TARGET_CPUS : 0,
		.stepped = len > 2 && line[2] & 1,
		.kind = (enum gdb_break)(len > 3 ? line[3] % 5 : 0),
		.va = len > 4 ? UINT64_MAX / (line[4] + 1u) : 0,
	};
	gdb_stub_look(t->stub);
	hear(t);
	must(t->packets == before + was_running);
}

static void do_line(struct talk *t, const uint8_t *line, size_t len)
{
	static const uint8_t interrupt = 3, again = '-';

	switch (len ? line[0] : 0) {
	case LINE_RAW:
		say(t, line + 1, len - 1);
		break;
	case LINE_STOP:
		stop(t, line, len);
		break;
	case LINE_INTERRUPT:
		say(t, &interrupt, 1);
		break;
	case LINE_CLIENT:
		new_client(t);
		break;
	case LINE_FAIL:
		t->target->fail = len > 1 ? -(line[1] % 130) : 0;
		break;
	case LINE_END:
		t->target->ended = true;
		gdb_stub_end(t->stub, len > 1 ? line[1] : 0);
		hear(t);
		break;
	case LINE_AGAIN:
		say(t, &again, 1);
		break;
	default:
		say_packet(t, line, len);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk *t = calloc(1, sizeof(*t));

	must(t != NULL);
	t->target = malloc(sizeof(*t->target));
	must(t->target != NULL);
	fake_target_init(t->target);
	must(gdb_stub_create(&t->stub, &fake_target_ops, t->target) == 0);
	gdb_stub_attach(t->stub);
	for (unsigned int i = 0; size && i < LINES_MAX; i++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		do_line(t, data, len);
		data += len + !!end;
		size -= len + !!end;
	}
	gdb_stub_detach(t->stub);
	gdb_stub_destroy(t->stub);
	free(t->target);
	free(t);
	return 0;
}
