// SPDX-License-Identifier: BSD-3-Clause
/* See vm_debug.h. */
#include "vm_debug.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "vm.h"

int vm_debug_init(struct vireo_vm *vm)
{
	struct vm_debug *d = &vm->debug;

	d->hit = calloc(vm->cfg->cpus, sizeof(*d->hit));
	d->hit_fd = fd_event_create();
	if (!d->hit)
		return -ENOMEM;
	return d->hit_fd < 0 ? -EMFILE : 0;
}

void vm_debug_finish(struct vireo_vm *vm)
{
	breakpoints_finish(&vm->debug.breaks);
	free(vm->debug.hit);
	fd_close(&vm->debug.hit_fd);
}

/* Whose the hits are. */
static enum vm_pauser debugger(const struct vireo_vm *vm)
{
	return *vm->cfg->gdb ? VM_PAUSED_BY_DEBUGGER : VM_PAUSED_BY_CALLER;
}

/* What a vCPU runs with from here on, and when KVM refuses, as before. */
static int set_debug(struct vcpu *vcpu, const struct arch_debug *debug)
{
	int r = arch_vcpu_set_debug(&vcpu->kvm, debug);

	if (!r)
		vcpu->debug = *debug;
	return r;
}

/* All vCPUs know of the breakpoints as they are. */
static int tell_all(struct vireo_vm *vm)
{
	struct arch_debug debug;
	int r = 0;

	breakpoints_describe(&vm->debug.breaks, &debug);
	for (unsigned int i = 0; i < vm->cfg->cpus && !r; i++)
		r = set_debug(&vm->vcpu[i], &debug);
	return r;
}

static void note_hit(struct vireo_vm *vm, const struct vm_hit *hit)
{
	pthread_mutex_lock(&vm->lock);
	vm->debug.hit[hit->cpu] = *hit;
	vm->paused |= debugger(vm);
	gate_close(&vm->gate);
	fd_event_signal(vm->debug.hit_fd);
	pthread_mutex_unlock(&vm->lock);
	fd_event_signal(vm->work_fd);
}

/* A step that was under way is lost: its vCPU is a new one. */
static void end_lost_step(struct vireo_vm *vm)
{
	int cpu = gate_alone(&vm->gate);
	struct vm_hit hit = { .pending = true, .stepped = true };

	if (cpu == GATE_NOBODY)
		return;
	hit.cpu = (unsigned int)cpu;
	note_hit(vm, &hit);
}

void vm_debug_rebuilt(struct vireo_vm *vm)
{
	end_lost_step(vm);
	breakpoints_forget_ram(&vm->debug.breaks);
	if (vm->debug.breaks.count && tell_all(vm) < 0)
		log_warn(&vm->log, "the breakpoints are lost at the reset");
}

/* Its step is done, or given up. On its thread, or when it does not run. */
static void end_step(struct vireo_vm *vm, struct vcpu *vcpu)
{
	struct arch_debug debug;

	if (!vcpu->stepping)
		return;
	vcpu->stepping = false;
	breakpoints_put_back(&vm->debug.breaks, &vm->board.mem);
	breakpoints_describe(&vm->debug.breaks, &debug);
	set_debug(vcpu, &debug);
}

static void end_steps(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		end_step(vm, &vm->vcpu[i]);
}

/* ---- what a vCPU has met; on its thread ---- */

/* The breakpoint in RAM where the vCPU is; NULL: none. A port is read by one of
 * ours only where that instruction stands in for int3. */
static const struct breakpoint *find_ours(struct vireo_vm *vm,
					  struct vcpu *vcpu, uint64_t pc)
{
	uint64_t gpa, len;

	if (!vm->debug.breaks.count ||
	    (!vm->debug.breaks.insn && arch_vcpu_may_stop(&vcpu->kvm)) ||
	    arch_vcpu_translate(&vcpu->kvm, &vm->board.mem, pc, &gpa, &len) < 0)
		return NULL;
	return breakpoints_at(&vm->debug.breaks, gpa);
}

/* The guest debugs itself; an instruction that was not executed is not for
 * us. */
static bool give_back(struct vcpu *vcpu, enum arch_stop stop)
{
	return vcpu->kvm.run->exit_reason == KVM_EXIT_DEBUG &&
	       arch_vcpu_reflect(&vcpu->kvm, &vcpu->debug, stop) == 0;
}

bool vm_on_vcpu_debug(void *ctx, struct vcpu *vcpu, bool stepped)
{
	struct vireo_vm *vm = ctx;
	struct vm_hit hit = { .pending = true, .cpu = vcpu->kvm.id };
	enum arch_stop stop = ARCH_STOP_STEP;
	const struct breakpoint *p;
	unsigned int index = 0;

	if (!stepped)
		stop = arch_vcpu_stop(&vcpu->kvm, &hit.va, &index);
	switch (stop) {
	case ARCH_STOP_NONE:
		return false;
	case ARCH_STOP_SOFT:
		p = find_ours(vm, vcpu, hit.va);
		if (!p)
			return give_back(vcpu, stop);
		hit.kind = p->kind;
		arch_vcpu_undo(&vcpu->kvm);
		break;
	case ARCH_STOP_HARD:
		if (index >= vcpu->debug.count)
			return give_back(vcpu, ARCH_STOP_GUEST);
		hit.kind = vcpu->debug.hw[index].kind;
		hit.va = vcpu->debug.hw[index].va;
		break;
	case ARCH_STOP_STEP:
		if (!vcpu->stepping)
			return give_back(vcpu, ARCH_STOP_GUEST);
		hit.stepped = true;
		break;
	case ARCH_STOP_GUEST:
		return give_back(vcpu, stop);
	}
	end_step(vm, vcpu);
	note_hit(vm, &hit);
	return true;
}

/* ---- when all stand still ---- */

int vm_debug_enter(struct vireo_vm *vm, unsigned int cpu, bool change)
{
	bool still;

	if (cpu >= vm->cfg->cpus)
		return -EINVAL;
	/* It would wait for itself, if not for the lock before. */
	if (vm_is_own_thread(vm))
		return -EBUSY;
	pthread_mutex_lock(&vm->board_lock);
	still = vm_is_running(vm) ? gate_is_empty(&vm->gate) :
				    !change && vm_has_ended(vm);
	if (!still || !vm->vcpu[cpu].host) {
		pthread_mutex_unlock(&vm->board_lock);
		return -EBUSY;
	}
	if (change)
		end_steps(vm);
	return 0;
}

void vm_debug_leave(struct vireo_vm *vm)
{
	pthread_mutex_unlock(&vm->board_lock);
}

/* The part of [@va, @va + *len) that lies together. */
static int find(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
		uint64_t *gpa, uint64_t *len)
{
	uint64_t part;
	int r = arch_vcpu_translate(&vm->vcpu[cpu].kvm, &vm->board.mem, va,
				    gpa, &part);

	if (!r)
		*len = min_u64(*len, part);
	return r;
}

uint64_t vm_debug_read(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
		       void *to, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		uint8_t *at = (uint8_t *)to + done;
		uint64_t part = len - done;
		uint64_t gpa;

		if (find(vm, cpu, va + done, &gpa, &part) < 0 ||
		    mem_read(&vm->board.mem, at, gpa, part) < 0)
			break;
		breakpoints_hide(&vm->debug.breaks, gpa, at, part);
		done += part;
	}
	return done;
}

uint64_t vm_debug_write(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
			const void *from, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		const uint8_t *at = (const uint8_t *)from + done;
		uint64_t part = len - done;
		uint64_t gpa;

		if (find(vm, cpu, va + done, &gpa, &part) < 0 ||
		    breakpoints_write(&vm->debug.breaks, &vm->board.mem, gpa,
				      at, part) < 0)
			break;
		done += part;
	}
	return done;
}

/* ---- breakpoints ---- */

/* Looked for when it is wanted first. */
static bool can_break(struct vireo_vm *vm, enum vireo_break kind)
{
	struct vm_debug *d = &vm->debug;

	if (!d->probed[kind])
		d->works[kind] = arch_probe_break(&vm->kvm, kind);
	d->probed[kind] = true;
	return d->works[kind];
}

/* How they are made here; false: not at all. Where the CPU is emulated an
 * instruction that leaves to us stands in for int3, and for the CPU's own
 * breakpoints, too. */
static bool choose(struct vireo_vm *vm, enum vireo_break kind)
{
	struct breakpoints *b = &vm->debug.breaks;

	if (can_break(vm, kind))
		return true;
	if (kind != VIREO_BREAK_SOFTWARE && kind != VIREO_BREAK_HARDWARE)
		return false;
	if (!b->insn && !can_break(vm, VIREO_BREAK_SOFTWARE))
		b->insn = arch_probe_break_insn(&vm->kvm);
	b->planted = b->insn && !can_break(vm, VIREO_BREAK_HARDWARE);
	return kind == VIREO_BREAK_SOFTWARE ? b->insn : b->planted;
}

int vm_break_add(struct vireo_vm *vm, unsigned int cpu, enum vireo_break kind,
		 uint64_t va, unsigned int len)
{
	uint64_t gpa = 0;
	uint64_t part = 1;
	int r = 0;

	if ((unsigned int)kind >= VM_BREAK_KINDS)
		return -EINVAL;
	if (!choose(vm, kind))
		r = -ENOTSUP;
	else if (kind == VIREO_BREAK_SOFTWARE ||
		 (kind == VIREO_BREAK_HARDWARE && vm->debug.breaks.planted))
		r = find(vm, cpu, va, &gpa, &part);
	if (!r)
		r = breakpoints_add(&vm->debug.breaks, &vm->board.mem, kind,
				    va, len, gpa);
	if (r < 0)
		return r;
	r = tell_all(vm);
	if (r < 0)
		vm_break_remove(vm, kind, va, len);
	return r;
}

int vm_break_remove(struct vireo_vm *vm, enum vireo_break kind, uint64_t va,
		    unsigned int len)
{
	int r = breakpoints_remove(&vm->debug.breaks, &vm->board.mem, kind, va,
				   len);

	return r ? r : tell_all(vm);
}

void vm_break_remove_all(struct vireo_vm *vm)
{
	breakpoints_remove_all(&vm->debug.breaks, &vm->board.mem);
	tell_all(vm);
}

/* ---- going on ---- */

/* What an instruction has done must be told before more is done; what stopped
 * in front of one will stop there again. True: there is something to tell.
 * Called with the VM's lock held. */
static bool keep_hits(struct vireo_vm *vm)
{
	bool kept = false;

	for (unsigned int i = 0; i < vm->cfg->cpus; i++) {
		struct vm_hit *hit = &vm->debug.hit[i];

		if (hit->stepped || hit->kind == VIREO_BREAK_SOFTWARE ||
		    hit->kind == VIREO_BREAK_HARDWARE)
			hit->pending = false;
		kept |= hit->pending;
	}
	if (!kept)
		fd_event_drain(vm->debug.hit_fd);
	return kept;
}

void vm_debug_go(struct vireo_vm *vm)
{
	if (gate_is_empty(&vm->gate))
		end_steps(vm);
	pthread_mutex_lock(&vm->lock);
	if (keep_hits(vm))
		vm->paused |= debugger(vm);
	else
		gate_open(&vm->gate);
	pthread_mutex_unlock(&vm->lock);
}

/* One instruction, even where there is a breakpoint: that one is lifted. True:
 * nobody else may run meanwhile. */
static bool prepare_step(struct vireo_vm *vm, struct vcpu *vcpu,
			 struct arch_debug *debug)
{
	struct arch_state state;
	unsigned int kept = 0;
	uint64_t part = 1;
	uint64_t gpa;

	breakpoints_describe(&vm->debug.breaks, debug);
	debug->step = true;
	if (arch_vcpu_state(&state, &vcpu->kvm) < 0)
		return false;
	for (unsigned int i = 0; i < debug->count; i++)
		if (debug->hw[i].kind != VIREO_BREAK_HARDWARE ||
		    debug->hw[i].va != state.pc)
			debug->hw[kept++] = debug->hw[i];
	debug->count = kept;
	return find(vm, vcpu->kvm.id, state.pc, &gpa, &part) == 0 &&
	       breakpoints_lift(&vm->debug.breaks, &vm->board.mem, gpa);
}

/* -EBUSY: somebody else has paused it, or it has ended; -EAGAIN: there is
 * something to be told first. */
static int may_go(struct vireo_vm *vm)
{
	int r = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state != VM_RUNNING || vm->paused & ~(unsigned int)debugger(vm))
		r = -EBUSY;
	else if (keep_hits(vm))
		r = -EAGAIN;
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_debug_step(struct vireo_vm *vm, unsigned int cpu, bool others)
{
	struct vcpu *vcpu = &vm->vcpu[cpu];
	struct arch_debug debug;
	bool alone;
	int r = may_go(vm);

	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	alone = prepare_step(vm, vcpu, &debug) || !others;
	vcpu->stepping = true;
	r = set_debug(vcpu, &debug);
	if (r < 0) {
		end_step(vm, vcpu);
		return r;
	}
	pthread_mutex_lock(&vm->lock);
	if (alone) {
		gate_open_for(&vm->gate, (int)cpu);
	} else {
		vm->paused = 0;
		gate_open(&vm->gate);
	}
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

int vm_debug_go_alone(struct vireo_vm *vm, unsigned int cpu)
{
	int r = may_go(vm);

	if (r == 0)
		gate_open_for(&vm->gate, (int)cpu);
	return r == -EAGAIN ? 0 : r;
}

void vm_debug_detach(struct vireo_vm *vm)
{
	if (vm_pause(vm, debugger(vm)) < 0 || vm_debug_enter(vm, 0, true) < 0)
		return;
	vm_break_remove_all(vm);
	pthread_mutex_lock(&vm->lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vm->debug.hit[i].pending = false;
	pthread_mutex_unlock(&vm->lock);
	vm_debug_leave(vm);
	vm_resume(vm, debugger(vm));
}

/* ---- hits ---- */

/* Called with the VM's lock held; NULL: there is none. */
static struct vm_hit *first_hit(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		if (vm->debug.hit[i].pending)
			return &vm->debug.hit[i];
	fd_event_drain(vm->debug.hit_fd);
	return NULL;
}

int vm_hit_take(struct vireo_vm *vm, struct vm_hit *out)
{
	struct vm_hit *hit;

	pthread_mutex_lock(&vm->lock);
	hit = first_hit(vm);
	pthread_mutex_unlock(&vm->lock);
	if (!hit)
		return -EAGAIN;
	/* Who has met something has closed the gate: the others are to come.
	 * Somebody may have opened it again; then there is nothing to tell. */
	if (vm_is_own_thread(vm))
		return -EBUSY;
	vm_call_vcpus(vm);
	gate_wait_empty(&vm->gate);
	if (!vm_is_running(vm))
		return -EBUSY;
	if (!gate_is_empty(&vm->gate))
		return -EAGAIN;
	pthread_mutex_lock(&vm->lock);
	hit = first_hit(vm);
	if (hit) {
		*out = *hit;
		hit->pending = false;
		first_hit(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return hit ? 0 : -EAGAIN;
}

int vm_hit_wait(struct vireo_vm *vm, int timeout_ms, struct vm_hit *hit)
{
	uint64_t began = clock_mono_ms();
	struct pollfd fds[] = { { vm->debug.hit_fd, POLLIN, 0 },
				{ vm->event_fd, POLLIN, 0 } };
	int r;

	vm_enter_wait(vm);
	while ((r = vm_hit_take(vm, hit)) == -EAGAIN) {
		uint64_t gone = clock_mono_ms() - began;
		int left = -1;

		if (!vm_is_running(vm))
			r = -EBUSY;
		else if (timeout_ms >= 0 && gone >= (uint64_t)timeout_ms)
			r = -ETIMEDOUT;
		if (r != -EAGAIN)
			break;
		if (timeout_ms >= 0)
			left = timeout_ms - (int)gone;
		poll(fds, 2, left);
	}
	vm_leave_wait(vm);
	return r;
}
