// SPDX-License-Identifier: BSD-3-Clause
/* Packets to answers: registers, memory, breakpoints. See gdb_stub.h. */
#include "debug/gdb_state.h"

#include <stdlib.h>
#include <string.h>

int gdb_stub_create(struct gdb_stub **out, const struct gdb_target_ops *ops,
		    void *ctx)
{
	struct gdb_stub *stub = calloc(1, sizeof(*stub));

	*out = stub;
	if (!stub)
		return -ENOMEM;
	stub->ops = ops;
	stub->ctx = ctx;
	stub->description_len =
		ops->describe(stub->description, sizeof(stub->description));
	if (stub->description_len < sizeof(stub->description))
		return 0;
	gdb_stub_destroy(stub);
	*out = NULL;
	return -ENOMEM;
}

void gdb_stub_destroy(struct gdb_stub *stub)
{
	free(stub);
}

/* ---- small parts of packets ---- */

void gdb_answer_result(struct gdb_stub *stub, int r)
{
	if (r == -ENOTSUP)
		return;
	if (r < 0)
		gdb_out_text(&stub->out, "E%02x", (unsigned int)-r & 0xff);
	else
		gdb_out_text(&stub->out, "OK");
}

bool gdb_take_thread(const struct gdb_stub *stub, const char **at, int *cpu)
{
	uint64_t id;

	*cpu = GDB_ALL_CPUS;
	if (gdb_take(at, '-'))
		return gdb_take_number(at, &id) && id == 1;
	if (!gdb_take_number(at, &id) || id > stub->ops->cpus(stub->ctx))
		return false;
	*cpu = (int)id - 1;
	return true;
}

/* "ADDRESS,LENGTH" */
static bool take_range(const char **at, uint64_t *va, uint64_t *len)
{
	return gdb_take_number(at, va) && gdb_take(at, ',') &&
	       gdb_take_number(at, len);
}

/* ---- threads ---- */

/* "g" for looking, "c" for running; then a thread. */
static void answer_choose(struct gdb_stub *stub, const char *p)
{
	char what = *p;
	int cpu;

	if (!what || !strchr("gc", what) ||
	    (p++, !gdb_take_thread(stub, &p, &cpu)) || *p) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	if (what == 'c') {
		stub->run_all = cpu == GDB_ALL_CPUS;
		stub->run_cpu = stub->run_all ? stub->cpu : (unsigned int)cpu;
	} else if (cpu != GDB_ALL_CPUS) {
		stub->cpu = (unsigned int)cpu;
	}
	gdb_answer_result(stub, 0);
}

static void answer_alive(struct gdb_stub *stub, const char *p)
{
	int cpu;
	bool there = gdb_take_thread(stub, &p, &cpu) && !*p &&
		     cpu != GDB_ALL_CPUS;

	gdb_answer_result(stub, there ? 0 : -EINVAL);
}

/* ---- registers ---- */

/* Where register @n lies among all of them, and the size of it; or, past the
 * last, of all. */
static size_t reg_place(const struct gdb_stub *stub, uint64_t n,
			unsigned int *size)
{
	size_t place = 0;

	for (unsigned int i = 0;; i++) {
		*size = stub->ops->reg_size(i);
		if (!*size || i == n)
			return place;
		place += *size;
	}
}

static void answer_get_all(struct gdb_stub *stub)
{
	unsigned int size;
	size_t all = reg_place(stub, UINT64_MAX, &size);
	int r = stub->ops->get_regs(stub->ctx, stub->cpu, stub->bytes);

	if (r < 0)
		gdb_answer_result(stub, r);
	else
		gdb_out_hex(&stub->out, stub->bytes, all);
}

static void answer_set_all(struct gdb_stub *stub, const char *p)
{
	unsigned int size;
	size_t all = reg_place(stub, UINT64_MAX, &size);
	int r = -EINVAL;

	if (gdb_take_hex(p, stub->bytes, all))
		r = stub->ops->set_regs(stub->ctx, stub->cpu, stub->bytes);
	gdb_answer_result(stub, r);
}

static void answer_get_one(struct gdb_stub *stub, const char *p)
{
	unsigned int size = 0;
	size_t place = 0;
	uint64_t n;
	int r = -EINVAL;

	if (gdb_take_number(&p, &n) && !*p)
		place = reg_place(stub, n, &size);
	if (size)
		r = stub->ops->get_regs(stub->ctx, stub->cpu, stub->bytes);
	if (r < 0)
		gdb_answer_result(stub, r);
	else
		gdb_out_hex(&stub->out, stub->bytes + place, size);
}

static void answer_set_one(struct gdb_stub *stub, const char *p)
{
	uint8_t value[32];
	unsigned int size = 0;
	size_t place = 0;
	uint64_t n;
	int r = -EINVAL;

	if (gdb_take_number(&p, &n) && gdb_take(&p, '='))
		place = reg_place(stub, n, &size);
	if (size && size <= sizeof(value) && gdb_take_hex(p, value, size))
		r = stub->ops->get_regs(stub->ctx, stub->cpu, stub->bytes);
	if (r == 0) {
		memcpy(stub->bytes + place, value, size);
		r = stub->ops->set_regs(stub->ctx, stub->cpu, stub->bytes);
	}
	gdb_answer_result(stub, r);
}

/* ---- memory ---- */

static void answer_read(struct gdb_stub *stub, const char *p)
{
	uint64_t va, len;
	size_t n;

	if (!take_range(&p, &va, &len) || *p) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	if (len > GDB_TRANSFER_MAX)
		len = GDB_TRANSFER_MAX; /* a part is an answer, too */
	n = stub->ops->read(stub->ctx, stub->cpu, va, stub->bytes, len);
	if (n < len && n == 0)
		gdb_answer_result(stub, -EFAULT);
	else
		gdb_out_hex(&stub->out, stub->bytes, n);
}

/* "ADDRESS,LENGTH:" and digits or, with "X", bytes. */
static void answer_write(struct gdb_stub *stub, bool binary, const char *p)
{
	uint64_t va, len;
	size_t left;
	bool good = take_range(&p, &va, &len) && gdb_take(&p, ':') &&
		    len <= sizeof(stub->bytes);

	left = stub->in.len - (size_t)(p - stub->in.body);
	if (good && binary)
		good = gdb_take_binary(p, left, stub->bytes, len);
	else if (good)
		good = left == 2 * len && gdb_take_hex(p, stub->bytes, len);
	if (!good)
		gdb_answer_result(stub, -EINVAL);
	else if (stub->ops->write(stub->ctx, stub->cpu, va, stub->bytes,
				  len) < len)
		gdb_answer_result(stub, -EFAULT);
	else
		gdb_answer_result(stub, 0);
}

/* ---- breakpoints ---- */

/* "KIND,ADDRESS,LENGTH"; conditions and commands may follow, after ';', which
 * we have not offered. */
static void answer_break(struct gdb_stub *stub, bool add, const char *p)
{
	uint64_t kind, va, len;

	if (!gdb_take_number(&p, &kind) || !gdb_take(&p, ',') ||
	    !take_range(&p, &va, &len) || (*p && *p != ';') || len > 8) {
		gdb_answer_result(stub, -EINVAL);
		return;
	}
	if (kind > GDB_ACCESS)
		return;
	gdb_answer_result(
		stub, (add ? stub->ops->break_add : stub->ops->break_remove)(
			      stub->ctx, stub->cpu, (enum gdb_break)kind, va,
			      (unsigned int)len));
}

/* ---- any packet ---- */

static void answer_detach(struct gdb_stub *stub)
{
	gdb_stub_detach(stub);
	stub->done = true;
	gdb_answer_result(stub, 0);
}

static void answer_set(struct gdb_stub *stub, const char *p)
{
	if (!strcmp(p, "StartNoAckMode"))
		gdb_answer_result(stub, 0);
}

static void answer(struct gdb_stub *stub)
{
	const char *p = stub->in.body + 1;

	switch (stub->in.body[0]) {
	case '?':
		gdb_answer_why(stub);
		break;
	case 'D':
		answer_detach(stub);
		break;
	case 'g':
		answer_get_all(stub);
		break;
	case 'G':
		answer_set_all(stub, p);
		break;
	case 'H':
		answer_choose(stub, p);
		break;
	case 'T':
		answer_alive(stub, p);
		break;
	case 'c':
	case 'C':
	case 's':
	case 'S':
		gdb_answer_go(stub, stub->in.body[0], p);
		break;
	case 'm':
		answer_read(stub, p);
		break;
	case 'M':
	case 'X':
		answer_write(stub, stub->in.body[0] == 'X', p);
		break;
	case 'p':
		answer_get_one(stub, p);
		break;
	case 'P':
		answer_set_one(stub, p);
		break;
	case 'q':
		gdb_answer_query(stub, p);
		break;
	case 'Q':
		answer_set(stub, p);
		break;
	case 'v':
		gdb_answer_v(stub, p);
		break;
	case 'z':
	case 'Z':
		answer_break(stub, stub->in.body[0] == 'Z', p);
		break;
	default: /* not known: an empty answer */
		break;
	}
}

/* ---- bytes ---- */

/* "+" and an answer; one that is too long becomes an error. */
static void send(struct gdb_stub *stub, bool ack)
{
	if (stub->out.too_long) {
		stub->out = (struct gdb_out){ 0 };
		gdb_answer_result(stub, -E2BIG);
	}
	stub->packet[0] = '+';
	stub->sent = ack ? 0 : 1;
	stub->pending = 1 + gdb_packet_write(stub->packet + 1, &stub->out);
	stub->out.len = 0;
}

/* One byte that is no packet. */
static void send_sign(struct gdb_stub *stub, char sign)
{
	if (stub->no_ack)
		return;
	stub->packet[0] = sign;
	stub->sent = 0;
	stub->pending = 1;
}

/* While it runs there is nothing to be asked but this. */
static bool is_for_running(const struct gdb_stub *stub)
{
	char letter = stub->in.body[0];

	return letter == 'D' || letter == 'k' || !stub->in.len ||
	       !strncmp(stub->in.body, "vKill", 5);
}

static void on_packet(struct gdb_stub *stub)
{
	bool was_running = stub->running;
	bool ack = !stub->no_ack;

	if (stub->in.body[0] == 'k') { /* has no answer */
		stub->ops->kill(stub->ctx);
		stub->done = true;
		send_sign(stub, '+');
		return;
	}
	if (was_running && !is_for_running(stub))
		gdb_answer_result(stub, -EBUSY);
	else
		answer(stub);
	if (!strcmp(stub->in.body, "QStartNoAckMode"))
		stub->no_ack = true;
	if (stub->running && !was_running) /* the answer is its stop */
		send_sign(stub, '+');
	else
		send(stub, ack);
}

/* How it stopped is told, if that is waited for. */
static void stopped(struct gdb_stub *stub, int signal)
{
	bool was_running = stub->running;

	stub->running = false;
	stub->signal = signal;
	if (!was_running)
		return;
	gdb_answer_why(stub);
	send(stub, false);
}

void gdb_stub_look(struct gdb_stub *stub)
{
	if (!stub->running || stub->pending > stub->sent ||
	    stub->ops->take_stop(stub->ctx, &stub->why) < 0)
		return;
	stub->why_known = true;
	stub->cpu = stub->why.cpu;
	stub->run_cpu = stub->cpu;
	stub->run_all = true;
	stopped(stub, GDB_SIGNAL_TRAP);
}

/* What the machine did by itself meanwhile comes first. */
static void on_interrupt(struct gdb_stub *stub)
{
	if (!stub->running || stub->ops->stop(stub->ctx) < 0)
		return;
	gdb_stub_look(stub);
	if (!stub->running)
		return;
	stub->why_known = false;
	stopped(stub, GDB_SIGNAL_INT);
}

static void on_event(struct gdb_stub *stub, enum gdb_event event)
{
	switch (event) {
	case GDB_NOTHING:
		break;
	case GDB_PACKET:
		on_packet(stub);
		break;
	case GDB_DAMAGED:
		send_sign(stub, '-');
		break;
	case GDB_TOO_LONG:
		gdb_answer_result(stub, -E2BIG);
		send(stub, !stub->no_ack);
		break;
	case GDB_AGAIN: /* what was sent last, if it was a packet */
		if (!stub->no_ack && stub->pending > 1)
			stub->sent = 1;
		break;
	case GDB_INTERRUPT:
		on_interrupt(stub);
		break;
	}
}

size_t gdb_stub_input(struct gdb_stub *stub, const uint8_t *bytes, size_t len)
{
	size_t used = 0;

	while (used < len && stub->pending <= stub->sent && !stub->done)
		on_event(stub, gdb_in_byte(&stub->in, bytes[used++]));
	return used;
}

const char *gdb_stub_output(struct gdb_stub *stub, size_t *len)
{
	*len = stub->pending - stub->sent;
	return stub->packet + stub->sent;
}

void gdb_stub_sent(struct gdb_stub *stub, size_t len)
{
	stub->sent += len;
}

bool gdb_stub_is_done(const struct gdb_stub *stub)
{
	return stub->done;
}

bool gdb_stub_is_running(const struct gdb_stub *stub)
{
	return stub->running;
}

/* ---- clients ---- */

void gdb_stub_attach(struct gdb_stub *stub)
{
	stub->attached = true;
	stub->no_ack = false;
	stub->running = false;
	stub->done = false;
	stub->says_swbreak = false;
	stub->says_hwbreak = false;
	stub->cpu = 0;
	stub->run_cpu = 0;
	stub->run_all = true;
	stub->signal = GDB_SIGNAL_TRAP;
	stub->why_known = false;
	stub->sent = 0;
	stub->pending = 0;
	stub->out = (struct gdb_out){ 0 };
	stub->in.state = GDB_IN_GAP;
	stub->ops->stop(stub->ctx);
}

void gdb_stub_detach(struct gdb_stub *stub)
{
	if (!stub->attached)
		return;
	stub->attached = false;
	stub->running = false;
	stub->ops->detach(stub->ctx);
}

void gdb_stub_end(struct gdb_stub *stub, int status)
{
	if (!stub->attached || stub->done)
		return;
	stub->attached = false;
	stub->running = false;
	stub->done = true;
	stub->out = (struct gdb_out){ 0 };
	gdb_out_text(&stub->out, "W%02x", (unsigned int)status & 0xff);
	send(stub, false);
}
