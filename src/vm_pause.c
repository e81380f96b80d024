// SPDX-License-Identifier: BSD-3-Clause
/*
 * What may run. Whoever wants the guest to stand still notes that in vm->wants,
 * and so does the debugger for the vCPU that it lets go nevertheless; the gate
 * and what a vCPU runs with follow from there. A pause of somebody else's thus
 * interrupts a step, and does not end it.
 *
 * On any thread but those of the vCPUs. To pause: close the gate, call the
 * vCPUs, wait until none is inside; nothing is locked while it waits: a VM can
 * end, or start again, then.
 */
#include "vm.h"

#include <errno.h>

#include "vm_debug_parts.h"

static enum vm_state state_of(struct vireo_vm *vm)
{
	enum vm_state state;

	pthread_mutex_lock(&vm->lock);
	state = vm->state;
	pthread_mutex_unlock(&vm->lock);
	return state;
}

bool vm_is_running(struct vireo_vm *vm)
{
	return state_of(vm) == VM_RUNNING;
}

bool vm_has_ended(struct vireo_vm *vm)
{
	return state_of(vm) == VM_ENDED;
}

/* ---- from what is wanted to what is ---- */

/* Whose the breakpoints, steps and hits are. */
static enum vm_pauser debugger(const struct vireo_vm *vm)
{
	return *vm->cfg->gdb ? VM_PAUSED_BY_DEBUGGER : VM_PAUSED_BY_CALLER;
}

/* May some vCPU run? Called with the VM's lock held, as the next two. */
static bool may_run(const struct vireo_vm *vm)
{
	const struct vm_wants *w = &vm->wants;

	return !w->paused || (w->but_one && w->paused == debugger(vm));
}

static void set_gate(struct vireo_vm *vm)
{
	const struct vm_wants *w = &vm->wants;

	if (!may_run(vm))
		gate_close(&vm->gate);
	else if (w->paused && !w->others)
		gate_open_for(&vm->gate, (int)w->cpu);
	else
		gate_open(&vm->gate);
}

void vm_stop_for_debugger(struct vireo_vm *vm)
{
	vm->wants.paused |= debugger(vm);
	vm->wants.but_one = false;
	set_gate(vm);
}

/* The vCPUs run with what is wanted of them. Called with the board's lock held,
 * when nobody is inside of the gate. The step that is wanted may be new, or
 * half of one, or have been given up when something was changed. */
static int prepare(struct vireo_vm *vm)
{
	const struct vm_wants *w = &vm->wants;
	bool alone = false;
	int r = 0;

	if (!w->but_one || !w->step)
		vm_end_steps(vm);
	else if (!vm->vcpu[w->cpu].stepping)
		r = vm_begin_step(vm, &vm->vcpu[w->cpu], &alone);
	if (alone) {
		pthread_mutex_lock(&vm->lock);
		vm->wants.others = false;
		pthread_mutex_unlock(&vm->lock);
	}
	return r;
}

/* Somebody wants less than before. Called with the board's lock held. */
static void go_on(struct vireo_vm *vm)
{
	bool lost = gate_is_empty(&vm->gate) && prepare(vm) < 0;

	pthread_mutex_lock(&vm->lock);
	if (lost) /* KVM refuses: as if it had been done */
		vm_lose_step(vm);
	if (may_run(vm)) {
		vm_drop_hits(vm, true);
		if (vm_has_hit(vm))
			vm_stop_for_debugger(vm);
	}
	set_gate(vm);
	pthread_mutex_unlock(&vm->lock);
}

/* ---- pausing ---- */

/* Called with the board's lock held. */
static void call_vcpus(struct vireo_vm *vm)
{
	if (gate_is_empty(&vm->gate))
		return;
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_call(&vm->vcpu[i]);
}

void vm_call_vcpus(struct vireo_vm *vm)
{
	if (!atomic_load(&vm->gate.closed))
		return;
	pthread_mutex_lock(&vm->board_lock);
	call_vcpus(vm);
	pthread_mutex_unlock(&vm->board_lock);
}

int vm_pause(struct vireo_vm *vm, enum vm_pauser who)
{
	/* It would wait for itself, if not for the lock before. */
	if (gate_has_me(&vm->gate))
		return -EDEADLK;
	pthread_mutex_lock(&vm->board_lock);
	if (!vm_is_running(vm)) {
		pthread_mutex_unlock(&vm->board_lock);
		return -EBUSY;
	}
	pthread_mutex_lock(&vm->lock);
	vm->wants.paused |= who;
	if (who == debugger(vm))
		vm->wants.but_one = false;
	set_gate(vm);
	pthread_mutex_unlock(&vm->lock);
	call_vcpus(vm);
	pthread_mutex_unlock(&vm->board_lock);
	gate_wait_empty(&vm->gate);
	return vm_is_running(vm) ? 0 : -EBUSY;
}

/* @who wants it to stand still no more: 1, or 0: has not wanted it anyway.
 * -EAGAIN: a vCPU that the debugger has let go is still under way. Called with
 * both locks held. */
static int take_back(struct vireo_vm *vm, enum vm_pauser who)
{
	struct vm_wants *w = &vm->wants;
	bool all = who == debugger(vm);

	if (vm->state != VM_RUNNING)
		return -EBUSY;
	if (!(w->paused & who))
		return 0;
	if (all && w->but_one && !gate_is_empty(&vm->gate))
		return -EAGAIN;
	w->paused &= ~(unsigned int)who;
	w->but_one = w->but_one && !all;
	return 1;
}

int vm_resume(struct vireo_vm *vm, enum vm_pauser who)
{
	int r;

	if (vm_is_own_thread(vm))
		return -EDEADLK;
	for (;;) {
		pthread_mutex_lock(&vm->board_lock);
		pthread_mutex_lock(&vm->lock);
		r = take_back(vm, who);
		pthread_mutex_unlock(&vm->lock);
		if (r > 0)
			go_on(vm);
		pthread_mutex_unlock(&vm->board_lock);
		if (r != -EAGAIN)
			return r < 0 ? r : 0;
		if (vm_pause(vm, who) < 0)
			return -EBUSY;
	}
}

/* ---- all but one ---- */

/* -EAGAIN: there is something to be told first. For gdb a step is over when any
 * vCPU has stopped: the end of one that it was not told of would be a riddle to
 * it. Called with the VM's lock held. */
static int want(struct vireo_vm *vm, const struct vm_wants *wants)
{
	if (vm->state != VM_RUNNING)
		return -EBUSY;
	vm_drop_hits(vm, vm->gdb);
	if (vm_has_hit(vm))
		return -EAGAIN;
	vm->wants = *wants;
	vm->wants.paused |= debugger(vm);
	vm->wants.but_one = true;
	return 0;
}

static int let(struct vireo_vm *vm, struct vm_wants wants)
{
	int r;

	pthread_mutex_lock(&vm->lock);
	wants.paused = vm->wants.paused;
	r = want(vm, &wants);
	pthread_mutex_unlock(&vm->lock);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	r = prepare(vm);
	pthread_mutex_lock(&vm->lock);
	if (r < 0)
		vm->wants.but_one = false;
	set_gate(vm);
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_debug_step(struct vireo_vm *vm, unsigned int cpu, bool others)
{
	return let(vm, (struct vm_wants){ .cpu = cpu, .step = true,
					  .others = others });
}

int vm_debug_go_alone(struct vireo_vm *vm, unsigned int cpu)
{
	return let(vm, (struct vm_wants){ .cpu = cpu });
}
