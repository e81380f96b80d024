// SPDX-License-Identifier: BSD-3-Clause
/* What the vCPUs have met, who is told, and who may look. See vm_debug.h. */
#include "vm_debug.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "vm_debug_parts.h"

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

/* ---- hits ---- */

/* Called with the VM's lock held, like those that follow. */
static void note(struct vireo_vm *vm, const struct vm_hit *hit)
{
	vm->debug.hit[hit->cpu] = *hit;
	vm_stop_for_debugger(vm);
	fd_event_signal(vm->debug.hit_fd);
	fd_event_signal(vm->work_fd);
}

void vm_lose_step(struct vireo_vm *vm)
{
	if (vm->wants.but_one)
		note(vm, &(struct vm_hit){ .pending = true, .stepped = true,
					   .cpu = vm->wants.cpu });
}

/* NULL: there is none. */
static struct vm_hit *first_hit(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		if (vm->debug.hit[i].pending)
			return &vm->debug.hit[i];
	fd_event_drain(vm->debug.hit_fd);
	return NULL;
}

bool vm_has_hit(struct vireo_vm *vm)
{
	return first_hit(vm);
}

void vm_drop_hits(struct vireo_vm *vm, bool steps)
{
	for (unsigned int i = 0; i < vm->cfg->cpus; i++) {
		struct vm_hit *hit = &vm->debug.hit[i];

		if (hit->stepped ? steps :
				   hit->kind == VIREO_BREAK_SOFTWARE ||
				   hit->kind == VIREO_BREAK_HARDWARE)
			hit->pending = false;
	}
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
	vm_end_step(vm, vcpu);
	pthread_mutex_lock(&vm->lock);
	note(vm, &hit);
	pthread_mutex_unlock(&vm->lock);
	return true;
}

/* ---- machines that come and go ---- */

void vm_debug_rebuilt(struct vireo_vm *vm)
{
	breakpoints_forget_ram(&vm->debug.breaks);
	pthread_mutex_lock(&vm->lock);
	vm_lose_step(vm);
	pthread_mutex_unlock(&vm->lock);
	if (vm->debug.breaks.count && vm_tell_vcpus(vm) < 0)
		log_warn(&vm->log, "the breakpoints are lost at the reset");
}

void vm_debug_end(struct vireo_vm *vm)
{
	pthread_mutex_lock(&vm->board_lock);
	breakpoints_remove_all(&vm->debug.breaks, &vm->board.mem);
	vm->debug.over = true;
	pthread_mutex_unlock(&vm->board_lock);
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
				    vm_has_ended(vm);
	if (change && vm->debug.over)
		still = false;
	if (!still || !vm->vcpu[cpu].host) {
		pthread_mutex_unlock(&vm->board_lock);
		return -EBUSY;
	}
	if (change)
		vm_end_steps(vm);
	return 0;
}

void vm_debug_leave(struct vireo_vm *vm)
{
	pthread_mutex_unlock(&vm->board_lock);
}

void vm_debug_detach(struct vireo_vm *vm)
{
	if (vm_pause(vm, VM_PAUSED_BY_DEBUGGER) < 0 ||
	    vm_debug_enter(vm, 0, true) < 0)
		return;
	vm_break_remove_all(vm);
	pthread_mutex_lock(&vm->lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vm->debug.hit[i].pending = false;
	pthread_mutex_unlock(&vm->lock);
	vm_debug_leave(vm);
	vm_resume(vm, VM_PAUSED_BY_DEBUGGER);
}

/* ---- telling ---- */

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
	pthread_mutex_lock(&vm->board_lock);
	pthread_mutex_lock(&vm->lock);
	hit = first_hit(vm);
	if (hit) {
		*out = *hit;
		hit->pending = false;
		first_hit(vm);
		/* It may be another's pause that holds the guest. */
		vm_stop_for_debugger(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	pthread_mutex_unlock(&vm->board_lock);
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
