// SPDX-License-Identifier: BSD-3-Clause
/*
 * A guest that stands still. Whoever wants that sets its bit, closes the gate,
 * calls the vCPUs and waits until none is inside. Any thread but those of the
 * vCPUs; nothing is locked while it waits: a VM can end, or start again, then.
 */
#include "vm.h"

#include <errno.h>

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
	vm->paused |= who;
	gate_close(&vm->gate);
	pthread_mutex_unlock(&vm->lock);
	call_vcpus(vm);
	pthread_mutex_unlock(&vm->board_lock);
	gate_wait_empty(&vm->gate);
	return vm_is_running(vm) ? 0 : -EBUSY;
}

/* 1: it is one of those who want it to stand still; 0; or -EBUSY. */
static int has_paused(struct vireo_vm *vm, enum vm_pauser who)
{
	int r;

	pthread_mutex_lock(&vm->lock);
	r = vm->state == VM_RUNNING ? !!(vm->paused & who) : -EBUSY;
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int vm_resume(struct vireo_vm *vm, enum vm_pauser who)
{
	bool go = false;
	int r;

	if (vm_is_own_thread(vm))
		return -EDEADLK;
	r = has_paused(vm, who);
	/* One of them is doing a step, which is given up. */
	if (r > 0 && gate_is_open_for_one(&vm->gate))
		r = vm_pause(vm, who) < 0 ? -EBUSY : 1;
	if (r <= 0)
		return r;
	pthread_mutex_lock(&vm->board_lock);
	pthread_mutex_lock(&vm->lock);
	if (vm->state == VM_RUNNING && vm->paused) {
		vm->paused &= ~(unsigned int)who;
		go = !vm->paused;
	}
	pthread_mutex_unlock(&vm->lock);
	if (go)
		vm_debug_go(vm);
	pthread_mutex_unlock(&vm->board_lock);
	return 0;
}
