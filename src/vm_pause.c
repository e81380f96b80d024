// SPDX-License-Identifier: BSD-3-Clause
/*
 * A guest that stands still. Whoever wants that sets its bit, closes the gate,
 * calls the vCPUs and waits until none is inside. Any thread but those of the
 * vCPUs; nothing is locked while it waits: a VM can end, or start again, then.
 */
#include "vm.h"

#include <errno.h>

static bool is_running(struct vireo_vm *vm)
{
	bool running;

	pthread_mutex_lock(&vm->lock);
	running = vm->state == VM_RUNNING;
	pthread_mutex_unlock(&vm->lock);
	return running;
}

int vm_pause(struct vireo_vm *vm, enum vm_pauser who)
{
	/* It would wait for itself, if not for the lock before. */
	if (gate_has_me(&vm->gate))
		return -EDEADLK;
	pthread_mutex_lock(&vm->board_lock);
	if (!is_running(vm)) {
		pthread_mutex_unlock(&vm->board_lock);
		return -EBUSY;
	}
	pthread_mutex_lock(&vm->lock);
	vm->paused |= who;
	gate_close(&vm->gate);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_call(&vm->vcpu[i]);
	pthread_mutex_unlock(&vm->board_lock);
	gate_wait_empty(&vm->gate);
	return is_running(vm) ? 0 : -EBUSY;
}

int vm_resume(struct vireo_vm *vm, enum vm_pauser who)
{
	int r = 0;

	pthread_mutex_lock(&vm->lock);
	if (vm->state != VM_RUNNING)
		r = -EBUSY;
	else
		vm->paused &= ~(unsigned int)who;
	if (!r && !vm->paused)
		gate_open(&vm->gate);
	pthread_mutex_unlock(&vm->lock);
	return r;
}
