// SPDX-License-Identifier: BSD-3-Clause
/*
 * The vCPU loop: run, look at why the guest stopped (vcpu_exits.c), go on. The
 * thread is called "vcpuN"; devices run on it, under their own locks.
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
#include "vcpu_parts.h"

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

bool vcpu_is_debugged(struct vcpu *vcpu, bool stepped)
{
	const struct vcpu_host *host = vcpu->host;

	if (!host->debug || !host->debug(host->ctx, vcpu, stepped))
		return false;
	come_to_the_gate(vcpu);
	return true;
}

/* KVM_RUN itself failed: nothing the guest could do causes that. */
static void run_failed(struct vcpu *vcpu, int error)
{
	bool host = error == -ENOMEM || error == -EUSERS;
	char what[160];

	snprintf(what, sizeof(what), "vcpu%u: KVM_RUN: %s", vcpu->kvm.id,
		 kvm_run_error(error));
	vcpu_end_with_state(vcpu, host ? VIREO_HOST_ERROR : VIREO_KVM_ERROR,
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
			if (!complete || !vcpu_is_debugged(vcpu, true))
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
		vcpu_handle_exit(vcpu);
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

	/* Until it is known what the thread had used before, nothing is. */
	if (!vcpu->running || !before)
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
