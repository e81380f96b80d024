// SPDX-License-Identifier: BSD-3-Clause
/*
 * The vCPU loop: run, look at why the guest stopped, go on. The thread is
 * called "vcpuN"; devices run on it, under their own locks.
 */
#include "vcpu.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/thread.h"

#define KVM_GUEST_ENOSYS 1000 /* what a guest's hypercall gets as -ENOSYS */

static void limit_exits(struct vcpu *vcpu, const struct config *cfg)
{
	uint64_t share = max_u64(cfg->exit_rate / cfg->cpus, 1);

	rate_init(&vcpu->rate, &(struct rate_config){
		.ops_per_s = cfg->exit_rate ? share : 0,
	});
}

int vcpu_init(struct vcpu *vcpu, const struct vcpu_host *host, unsigned int id,
	      const struct arch_entry *entry, struct err *err)
{
	int r;

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->host = host;
	vcpu->kvm.fd = -1;
	limit_exits(vcpu, host->board->cfg);
	r = stats_init(&vcpu->stats, host->board->cfg->stats);
	if (r < 0)
		return err_set(err, r, "out of memory");
	r = kvm_vcpu_create(&vcpu->kvm, &host->board->kvm, id, err);
	if (!r)
		r = arch_vcpu_init(host->board, &vcpu->kvm, entry, err);
	if (!r)
		r = kvm_vcpu_set_signal_mask(&vcpu->kvm);
	if (r < 0)
		vcpu_finish(vcpu);
	return r;
}

void vcpu_finish(struct vcpu *vcpu)
{
	if (!vcpu->host)
		return;
	kvm_vcpu_destroy(&vcpu->kvm);
	stats_finish(&vcpu->stats);
	memset(vcpu, 0, sizeof(*vcpu));
}

static void end(struct vcpu *vcpu, enum vireo_reason reason, const char *detail)
{
	atomic_store(&vcpu->stop, true);
	vcpu->host->end(vcpu->host->ctx, reason, detail);
}

/* Ends with "WHAT", and the vCPU's registers below it. */
static void end_with_state(struct vcpu *vcpu, enum vireo_reason reason,
			   const char *what)
{
	char detail[sizeof(((struct vireo_end *)0)->detail)];
	size_t used = (size_t)snprintf(detail, sizeof(detail), "%s%s", what,
				       *what ? "\n" : "");

	if (used < sizeof(detail))
		arch_vcpu_describe(vcpu->host->board, &vcpu->kvm,
				   detail + used, sizeof(detail) - used);
	end(vcpu, reason, detail);
}

/* ---- the gate, and debuggers ---- */

/* The flag goes down before the gate and the stop are looked at: whoever
 * closes one of them raises it afterwards. What an exit has left to be done is
 * done: KVM_RUN did it before it came back. */
static void come_to_the_gate(struct vcpu *vcpu)
{
	struct gate *gate = vcpu->host->gate;

	__atomic_store_n(&vcpu->kvm.run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (!gate_stops(gate, &vcpu->pass))
		return;
	gate_leave(gate, &vcpu->pass);
	if (gate_enter(gate, &vcpu->pass, &vcpu->stop))
		kvm_vcpu_tell_pause(&vcpu->kvm);
}

/* True when it was a debugger's; then the others may go on. */
static bool is_debugged(struct vcpu *vcpu, bool stepped)
{
	const struct vcpu_host *host = vcpu->host;

	if (!host->debug || !host->debug(host->ctx, vcpu, stepped))
		return false;
	come_to_the_gate(vcpu);
	return true;
}

/* An access is complete when KVM_RUN was called again; a step ends there, and
 * not at the end of the next instruction. */
static void complete_step(struct vcpu *vcpu)
{
	vcpu->completing = vcpu->stepping;
	if (vcpu->completing)
		__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1,
				 __ATOMIC_SEQ_CST);
}

/* ---- port I/O and MMIO ---- */

static void port_access(struct bus *bus, uint16_t port, unsigned int size,
			bool out, uint8_t *data)
{
	uint64_t value = 0;

	if (out) {
		memcpy(&value, data, size);
		bus_write(bus, port, size, value);
	} else {
		bus_read(bus, port, size, &value);
		memcpy(data, &value, size);
	}
}

/* A string instruction arrives as many accesses to one port; the kernel has
 * put them into the shared area behind kvm_run. */
static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint64_t bytes = (uint64_t)run->io.size * run->io.count;
	uint8_t *data;

	if (run->io.size > sizeof(uint64_t) ||
	    !range_ok(run->io.data_offset, bytes, vcpu->kvm.run_size)) {
		end(vcpu, VIREO_KVM_ERROR,
		    "KVM's I/O data lies outside kvm_run");
		return;
	}
	data = (uint8_t *)run + run->io.data_offset;
	stats_port(&vcpu->stats, run->io.port);
	for (uint32_t i = 0; i < run->io.count; i++)
		port_access(&vcpu->host->board->pio, run->io.port,
			    run->io.size, run->io.direction == KVM_EXIT_IO_OUT,
			    data + (size_t)i * run->io.size);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	struct bus *bus = &vcpu->host->board->mmio;
	uint64_t value = 0;
	uint32_t len = run->mmio.len;

	if (len > sizeof(run->mmio.data))
		return;
	stats_mmio(&vcpu->stats, run->mmio.phys_addr);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		bus_write(bus, run->mmio.phys_addr, len, value);
	} else {
		bus_read(bus, run->mmio.phys_addr, len, &value);
		memcpy(run->mmio.data, &value, len);
	}
}

/* ---- exits that end the VM ---- */

/* Appends the bytes of the instruction that KVM could not emulate, when this
 * kernel tells them. */
static void append_code(char *what, size_t cap, const struct kvm_run *run)
{
	const uint64_t has =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	uint8_t n = run->emulation_failure.insn_size;
	size_t used = strlen(what);

	if (run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags & has) ||
	    n > sizeof(run->emulation_failure.insn_bytes))
		return;
	used += (size_t)snprintf(what + used, cap - used, ", instruction");
	for (uint8_t i = 0; i < n; i++)
		used += (size_t)snprintf(
			what + used, cap - used, " %02x",
			run->emulation_failure.insn_bytes[i]);
}

static void append_data(char *what, size_t cap, const struct kvm_run *run)
{
	size_t used = strlen(what);

	for (uint32_t i = 0; i < run->internal.ndata && i < 4; i++)
		used += (size_t)snprintf(
			what + used, cap - used, " %#llx",
			(unsigned long long)run->internal.data[i]);
}

/* api.rst, KVM_EXIT_INTERNAL_ERROR: suberror 1 is an instruction that KVM's
 * emulator does not know; newer kernels add its bytes. */
static void handle_internal_error(struct vcpu *vcpu)
{
	static const char *const names[] = { "?", "emulation failure",
					     "two exceptions at once",
					     "exception while delivering",
					     "unexpected exit reason" };
	const struct kvm_run *run = vcpu->kvm.run;
	uint32_t sub = run->internal.suberror;
	char what[320];

	snprintf(what, sizeof(what), "KVM internal error, suberror %u (%s)",
		 sub, sub < ARRAY_SIZE(names) ? names[sub] : "?");
	if (sub == KVM_INTERNAL_ERROR_EMULATION)
		append_code(what, sizeof(what), run);
	else
		append_data(what, sizeof(what), run);
	end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_fail_entry(struct vcpu *vcpu)
{
	char what[96];

	snprintf(what, sizeof(what), "KVM entry failure, hardware reason %#llx",
		 (unsigned long long)vcpu->kvm.run->fail_entry
			 .hardware_entry_failure_reason);
	end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_unexpected(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->kvm.run;
	char what[96];

	snprintf(what, sizeof(what), "unexpected KVM exit %u (%s), data %#llx",
		 run->exit_reason, kvm_exit_name(run->exit_reason),
		 (unsigned long long)run->hw.hardware_exit_reason);
	end_with_state(vcpu, VIREO_KVM_ERROR, what);
}

static void handle_system_event(struct vcpu *vcpu)
{
	switch (vcpu->kvm.run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end(vcpu, VIREO_POWER_OFF, "");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		end(vcpu, VIREO_RESET, "");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		end(vcpu, VIREO_PANIC, "reported by the guest through KVM");
		break;
	default:
		handle_unexpected(vcpu);
	}
}

/* Every reason that KVM can give to an x86 or common guest. */
static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (vcpu->debug.soft && arch_vcpu_may_stop(&vcpu->kvm) &&
		    is_debugged(vcpu, false))
			break;
		handle_io(vcpu);
		complete_step(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		complete_step(vcpu);
		break;
	case KVM_EXIT_DEBUG:
		if (!is_debugged(vcpu, false))
			handle_unexpected(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_HLT: /* only without an in-kernel LAPIC */
	case KVM_EXIT_X86_BUS_LOCK:
		break;
	case KVM_EXIT_HYPERCALL:
		run->hypercall.ret = (uint64_t)-KVM_GUEST_ENOSYS;
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		run->msr.error = 1; /* the guest gets #GP */
		break;
	case KVM_EXIT_NOTIFY:
		if (run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID)
			handle_unexpected(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		end_with_state(vcpu, VIREO_TRIPLE_FAULT, "");
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		if (!is_debugged(vcpu, false))
			handle_internal_error(vcpu);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		handle_fail_entry(vcpu);
		break;
	default:
		if (!arch_vcpu_exit(vcpu->host->board, &vcpu->kvm))
			handle_unexpected(vcpu);
		break;
	}
}

/* KVM_RUN itself failed: nothing the guest could do causes that. */
static void run_failed(struct vcpu *vcpu, int error)
{
	char what[96];

	snprintf(what, sizeof(what), "vcpu%u: KVM_RUN: %s", vcpu->kvm.id,
		 strerror(-error));
	end_with_state(vcpu, error == -ENOMEM ? VIREO_HOST_ERROR
					      : VIREO_KVM_ERROR,
		       what);
}

static void take_sample(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	if (vcpu->samples < atomic_load(&vcpu->wanted) &&
	    vcpu->samples < VCPU_SAMPLES &&
	    kvm_vcpu_get_regs(&vcpu->kvm, &regs) == 0)
		vcpu->sample[vcpu->samples++] = regs.rip;
}

/* The guest has used up its exits for now. A kick ends the wait: whoever
 * kicks has set what the next entry into the guest comes back with. */
static void slow_down(struct vcpu *vcpu)
{
	uint64_t wait;

	do
		wait = rate_take(&vcpu->rate, 0, clock_mono_ns());
	while (wait && !kvm_wait_kick(wait));
}

static void vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	atomic_store(&vcpu->cpu_before_ns, before);
	vcpu->pass.id = (int)vcpu->kvm.id;
	gate_enter(vcpu->host->gate, &vcpu->pass, &vcpu->stop);
	while (!atomic_load(&vcpu->stop)) {
		int r = kvm_vcpu_run(&vcpu->kvm);
		bool complete = vcpu->completing;

		vcpu->completing = false;
		if (r == -EINTR || r == -EAGAIN) {
			kvm_consume_kick();
			take_sample(vcpu);
			if (!complete || !is_debugged(vcpu, true))
				come_to_the_gate(vcpu);
			continue;
		}
		if (r < 0) {
			run_failed(vcpu, r);
			break;
		}
		if (!vcpu->stats.first_exit_ns)
			vcpu->stats.first_exit_ns = clock_mono_ns();
		stats_exit(&vcpu->stats, vcpu->kvm.run->exit_reason);
		handle_exit(vcpu);
		if (rate_limited(&vcpu->rate))
			slow_down(vcpu);
	}
	vcpu->stats.left_ns = clock_mono_ns();
	kvm_consume_kick();
	gate_leave(vcpu->host->gate, &vcpu->pass);
	vcpu->stats.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
}

static void *thread_main(void *arg)
{
	vcpu_main(arg);
	return NULL;
}

/* The seat of an embedder's thread; NULL: it has a thread of its own. */
static struct seat *seat_of(const struct vcpu *vcpu)
{
	return vcpu->host->seat ? &vcpu->host->seat[vcpu->kvm.id] : NULL;
}

/* That it may was seen when the VM was made; if that has changed it runs
 * anywhere. */
static void pin(const struct vcpu *vcpu)
{
	const struct config *cfg = vcpu->host->board->cfg;
	cpu_set_t set;
	int r;

	if (!cfg->pins)
		return;
	CPU_ZERO(&set);
	CPU_SET(cfg->pin[vcpu->kvm.id % cfg->pins], &set);
	r = pthread_setaffinity_np(vcpu->thread, sizeof(set), &set);
	if (r)
		log_warn(vcpu->host->board->log, "vcpu%u: not pinned: %s",
			 vcpu->kvm.id, strerror(r));
}

int vcpu_start(struct vcpu *vcpu, struct err *err)
{
	struct seat *seat = seat_of(vcpu);
	char name[16];
	int r;

	snprintf(name, sizeof(name), "vcpu%u", vcpu->kvm.id);
	atomic_store(&vcpu->stop, false);
	if (seat) {
		vcpu->running = true;
		seat_give(seat, vcpu_main, vcpu);
		return 0;
	}
	r = thread_start(&vcpu->thread, name, thread_main, vcpu);
	if (r < 0)
		return err_set(err, r, "cannot start the thread %s: %s", name,
			       strerror(-r));
	vcpu->running = true;
	pin(vcpu);
	return 0;
}

/* Out of the guest, or out of a wait. */
static void send_kick(struct vcpu *vcpu)
{
	struct seat *seat = seat_of(vcpu);

	if (seat)
		seat_signal(seat, kvm_kick_signal());
	else
		pthread_kill(vcpu->thread, kvm_kick_signal());
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->running)
		return;
	atomic_store(&vcpu->stop, true);
	vcpu_call(vcpu);
	gate_wake(vcpu->host->gate);
}

void vcpu_call(struct vcpu *vcpu)
{
	if (!vcpu->running)
		return;
	/* The flag catches a thread that is about to enter the guest, the
	 * signal one that is inside; a signal in between stays pending. */
	__atomic_store_n(&vcpu->kvm.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	send_kick(vcpu);
}

/* The signal alone: without the flag the thread goes back into the guest. */
void vcpu_sample(struct vcpu *vcpu)
{
	if (!vcpu->running)
		return;
	atomic_fetch_add(&vcpu->wanted, 1);
	send_kick(vcpu);
}

uint64_t vcpu_cpu_ns(const struct vcpu *vcpu)
{
	uint64_t before = atomic_load(&vcpu->cpu_before_ns);
	clockid_t clock;
	uint64_t now = 0;

	if (!vcpu->running)
		return 0;
	if (seat_of(vcpu))
		now = seat_cpu_ns(seat_of(vcpu));
	else if (!pthread_getcpuclockid(vcpu->thread, &clock))
		now = clock_ns(clock);
	return now > before ? now - before : 0;
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu->running)
		return;
	if (seat_of(vcpu))
		seat_take_back(seat_of(vcpu));
	else
		pthread_join(vcpu->thread, NULL);
	vcpu->running = false;
	vcpu->kvm.run->immediate_exit = 0;
}
