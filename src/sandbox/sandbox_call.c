// SPDX-License-Identifier: BSD-3-Clause
/*
 * A call, from the input to the output or to a trap. Everything runs on the
 * caller's thread. What the guest passes is copied once, and only from what is
 * its own.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/num.h"
#include "kvm/kvm_bare.h"

enum outcome { AGAIN, DONE, TRAPPED, FORKED };

/* One call on its way. */
struct run {
	struct vireo_sandbox *sb;
	struct vireo_sandbox_call *call;
	struct vireo_sandbox_trap *trap;
	uint64_t room; /* for the output */
	uint64_t hypercalls;
};

/* ---- traps ---- */

/* " at f+0x12" behind what the trap's text says already. */
static void add_place(const struct vireo_sandbox *sb,
		      struct vireo_sandbox_trap *trap)
{
	size_t used = strlen(trap->text);
	uint64_t offset = 0;
	const char *name = sandbox_image_name(&sb->image, trap->rip, &offset);

	if (name)
		snprintf(trap->text + used, sizeof(trap->text) - used,
			 ", at %.80s+%#" PRIx64, name, offset);
	else
		snprintf(trap->text + used, sizeof(trap->text) - used,
			 ", at %#" PRIx64, trap->rip);
	/* A name is the program's: anything may be in it. */
	for (char *c = trap->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static enum outcome trapped(struct run *run, enum arch_sandbox_kind kind,
			    enum vireo_trap_reason reason, const char *text)
{
	struct vireo_sandbox_trap *trap = run->trap;
	struct vireo_sandbox *sb = run->sb;

	trap->reason = reason;
	snprintf(trap->text, sizeof(trap->text), "%s", text);
	arch_sandbox_trap(trap, &sb->vcpu, &sb->mem, kind);
	add_place(sb, trap);
	sb->spent = true;
	kvm_vcpu_settle(&sb->vcpu);
	return TRAPPED;
}

/* ---- hypercalls ---- */

static enum outcome bad_hypercall(struct run *run, uint64_t number,
				  uint64_t address, const char *what)
{
	char text[120];

	run->trap->number = number;
	run->trap->address = address;
	snprintf(text, sizeof(text), "hypercall %" PRIu64 ": %s", number, what);
	return trapped(run, ARCH_SANDBOX_CALLED, VIREO_TRAP_HYPERCALL, text);
}

static int make_scratch(struct vireo_sandbox *sb, size_t size)
{
	uint8_t *more;

	if (size <= sb->scratch_size)
		return 0;
	more = realloc(sb->scratch, size);
	if (!more)
		return -ENOMEM;
	sb->scratch = more;
	sb->scratch_size = size;
	return 0;
}

/* The buffers are the guest's, and not too large. */
static int serve(struct vireo_sandbox *sb,
		 const struct arch_sandbox_event *event, int64_t *result)
{
	const struct sandbox_callback *c = &sb->callback[event->number];
	size_t in_len = event->arg[1], out_cap = event->arg[3];
	uint8_t *out;
	int r = make_scratch(sb, in_len + out_cap + 1);

	if (!r)
		r = mem_read(&sb->mem, sb->scratch,
			     in_len ? event->arg[0] : 0, in_len);
	if (r < 0)
		return r;
	out = sb->scratch + in_len;
	memset(out, 0, out_cap);
	*result = c->fn(c->ctx, sb->scratch, in_len, out, out_cap);
	if (getpid() != sb->process)
		return -EBUSY; /* a child: the guest's memory is not here */
	if (*result <= 0)
		return 0;
	if ((uint64_t)*result > out_cap) /* not more than there was room for */
		*result = (int64_t)out_cap;
	return sandbox_write(sb, out_cap ? event->arg[2] : 0, out,
			     (uint64_t)*result);
}

static enum outcome hypercall(struct run *run,
			      const struct arch_sandbox_event *event)
{
	struct vireo_sandbox *sb = run->sb;
	const uint64_t *arg = event->arg;
	int64_t result = 0;
	int r;

	if (sb->max_hypercalls && ++run->hypercalls > sb->max_hypercalls)
		return trapped(run, ARCH_SANDBOX_CALLED, VIREO_TRAP_LIMIT,
			       "too many hypercalls");
	if (event->number >= SANDBOX_CALLS || !sb->callback[event->number].fn)
		return bad_hypercall(run, event->number, 0, "not registered");
	if (arg[1] > sb->buffer ||
	    (arg[1] && !sandbox_holds(sb, arg[0], arg[1], false)))
		return bad_hypercall(run, event->number, arg[0],
				     "bad input buffer");
	if (arg[3] > sb->buffer ||
	    (arg[3] && !sandbox_holds(sb, arg[2], arg[3], true)))
		return bad_hypercall(run, event->number, arg[2],
				     "bad output buffer");
	r = serve(sb, event, &result);
	if (r == -EBUSY)
		return FORKED;
	if (r < 0)
		return bad_hypercall(run, event->number, arg[0],
				     "the host is out of memory");
	arch_sandbox_resume(&sb->vcpu, (uint64_t)result);
	/* A callback may have taken all the time there was. */
	if (sandbox_deadline_over(&sb->deadline))
		return trapped(run, ARCH_SANDBOX_CALLED, VIREO_TRAP_DEADLINE,
			       "deadline");
	return AGAIN;
}

/* ---- the run ---- */

static enum outcome returned(struct run *run, uint64_t value)
{
	struct vireo_sandbox *sb = run->sb;

	if (value > run->room) {
		run->trap->value = value;
		return trapped(run, ARCH_SANDBOX_RETURNED, VIREO_TRAP_RESULT,
			       value >> 63 ? "a negative result"
					   : "more output than there is room");
	}
	if (value)
		mem_read(&sb->mem, run->call->out, sb->out, value);
	run->call->out_len = value;
	return DONE;
}

static enum outcome handle(struct run *run)
{
	struct arch_sandbox_event event;

	arch_sandbox_event(&event, &run->sb->vcpu);
	switch (event.kind) {
	case ARCH_SANDBOX_AGAIN:
		return AGAIN;
	case ARCH_SANDBOX_RETURNED:
		return returned(run, event.arg[0]);
	case ARCH_SANDBOX_CALLED:
		return hypercall(run, &event);
	default:
		return trapped(run, event.kind, VIREO_TRAP_MACHINE, "");
	}
}

static enum outcome interrupted(struct run *run)
{
	if (atomic_load(&run->sb->stop.wanted))
		return trapped(run, ARCH_SANDBOX_AGAIN, VIREO_TRAP_STOPPED,
			       "stopped");
	if (sandbox_deadline_over(&run->sb->deadline))
		return trapped(run, ARCH_SANDBOX_AGAIN, VIREO_TRAP_DEADLINE,
			       "deadline");
	return AGAIN;
}

static int run_guest(struct run *run, struct err *err)
{
	struct vireo_sandbox *sb = run->sb;
	enum outcome outcome = AGAIN;

	while (outcome == AGAIN) {
		int r = kvm_vcpu_run(&sb->vcpu);

		if (r == -EINTR || r == -EAGAIN) {
			kvm_consume_kick();
			outcome = interrupted(run);
		} else if (r < 0) {
			sb->spent = true;
			return err_set(err, -EIO, "KVM_RUN: %s",
				       kvm_run_error(r));
		} else {
			outcome = handle(run);
		}
	}
	if (outcome == FORKED)
		return err_set(err, -EBUSY, "the process has forked");
	return outcome == TRAPPED;
}

/* Input, return address, registers. */
static int enter(struct run *run, uint64_t function, struct err *err)
{
	struct vireo_sandbox *sb = run->sb;
	const struct vireo_sandbox_call *call = run->call;
	const le64 gate = le64_put(arch_sandbox_gate());
	const uint64_t sp = sb->stack_top - sizeof(gate); /* as after CALL */
	const uint64_t arg[4] = { sb->in, call->in_len, sb->out, run->room };

	if (sandbox_write(sb, sb->in, call->in, call->in_len) < 0 ||
	    sandbox_write(sb, sp, &gate, sizeof(gate)) < 0)
		return err_set(err, -EFAULT, "the input lies outside memory");
	arch_sandbox_enter(&sb->arch, &sb->vcpu, function, sp, arg);
	return 0;
}

/* What the vCPU lets through is what the thread does. */
static int set_mask(struct vireo_sandbox *sb, const sigset_t *mask)
{
	int r;

	if (sb->run_mask_set && !memcmp(&sb->run_mask, mask, sizeof(*mask)))
		return 0;
	r = kvm_vcpu_set_run_mask(&sb->vcpu, mask);
	sb->run_mask = *mask;
	sb->run_mask_set = !r;
	return r;
}

/* With the kick blocked. */
static int run_thread(struct run *run, const sigset_t *mask, struct err *err)
{
	struct vireo_sandbox *sb = run->sb;
	int r = set_mask(sb, mask);

	if (r < 0)
		return err_set(err, r, "KVM refuses the mask of signals: %s",
			       strerror(-r));
	sandbox_stop_begin(&sb->stop, &sb->vcpu);
	r = run_guest(run, err);
	if (getpid() == sb->process)
		sandbox_stop_end(&sb->stop);
	else /* a child has its lock as it was, and no timer */
		sandbox_deadline_forget(&sb->deadline);
	return r;
}

static int check(const struct vireo_sandbox *sb,
		 const struct vireo_sandbox_call *call, uint64_t *function,
		 struct err *err)
{
	if (sb->broken || sb->spent)
		return err_set(err, -EBUSY, "the sandbox %s",
			       sb->broken ? "is broken: a reset failed"
					  : "was stopped by a trap: it needs a "
					    "reset");
	if (call->in_len > sb->buffer)
		return err_set_key(err, -EINVAL, "buffer",
				   "an input of %zu bytes: the sandbox has "
				   "room for %" PRIu64, call->in_len,
				   sb->buffer);
	*function = sandbox_image_function(&sb->image, call->function);
	if (!*function)
		return err_set_key(err, -EINVAL, "function",
				   "the program has no %s%.100s (is it "
				   "static, or stripped?)",
				   call->function ? "function " : "entry",
				   call->function ? call->function : "");
	return 0;
}

int sandbox_call(struct vireo_sandbox *sb, struct vireo_sandbox_call *call,
		 struct vireo_sandbox_trap *trap, struct err *err)
{
	struct run run = {
		.sb = sb,
		.call = call,
		.trap = trap,
		.room = min_u64(call->out_cap, sb->buffer),
	};
	uint64_t function;
	sigset_t mask;
	int r = check(sb, call, &function, err);

	if (!r)
		r = enter(&run, function, err);
	if (r < 0)
		return r;
	r = sandbox_deadline_begin(&sb->deadline, call->timeout_us, &mask);
	if (r < 0)
		return err_set(err, r, "no timer for the deadline: %s (raise "
			       "ulimit -i)", strerror(-r));
	r = run_thread(&run, &mask, err);
	sandbox_deadline_end(&sb->deadline);
	return r;
}
