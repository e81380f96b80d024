// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public functions for a guest that stands still. As api.c.
 */
#include <errno.h>

#include "api.h"

static int code_of(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -EFAULT:
	case -ENOENT:
		return VIREO_EINVAL;
	case -EDEADLK:
		return VIREO_ESTATE;
	default:
		return api_code(error);
	}
}

/* What KVM says to a valid request is the host's doing. */
static int refused(int error)
{
	return error == -EBUSY ? VIREO_ESTATE : error ? VIREO_EHOST : 0;
}

/* A debugger that gdb has cannot be had twice. */
static bool has_stub(const struct vireo_vm *vm)
{
	return *vm->cfg->gdb;
}

/* As vm_debug_enter(); a child of fork() is told that nothing stands still. */
static int enter(struct vireo_vm *vm, unsigned int cpu, bool change)
{
	return api_check_vm(vm) < 0 ? -EBUSY : vm_debug_enter(vm, cpu, change);
}

static int enter_alone(struct vireo_vm *vm, unsigned int cpu)
{
	return has_stub(vm) ? -EBUSY : enter(vm, cpu, true);
}

int vireo_pause(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	if (r < 0)
		return r;
	if (vm_is_own_thread(vm))
		return VIREO_ESTATE; /* it would wait for itself */
	return code_of(vm_pause(vm, VM_PAUSED_BY_CALLER));
}

int vireo_resume(struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	return r < 0 ? r : code_of(vm_resume(vm, VM_PAUSED_BY_CALLER));
}

/* ---- one vCPU ---- */

int vireo_vcpu_get_regs(struct vireo_vm *vm, unsigned int cpu,
			struct vireo_regs *regs)
{
	int r = -EINVAL;

	if (vm && regs && regs->size >= sizeof(*regs))
		r = enter(vm, cpu, false);
	if (r < 0)
		return code_of(r);
	r = arch_vcpu_get_regs(&vm->vcpu[cpu].kvm, regs);
	vm_debug_leave(vm);
	return refused(r);
}

int vireo_vcpu_set_regs(struct vireo_vm *vm, unsigned int cpu,
			const struct vireo_regs *regs)
{
	int r = -EINVAL;

	if (vm && regs && regs->size >= sizeof(*regs))
		r = enter(vm, cpu, true);
	if (r < 0)
		return code_of(r);
	r = arch_vcpu_set_regs(&vm->vcpu[cpu].kvm, regs);
	vm_debug_leave(vm);
	return refused(r);
}

int vireo_vcpu_get_fpu(struct vireo_vm *vm, unsigned int cpu,
		       struct vireo_fpu *fpu)
{
	int r = -EINVAL;

	if (vm && fpu && fpu->size >= sizeof(*fpu))
		r = enter(vm, cpu, false);
	if (r < 0)
		return code_of(r);
	r = arch_vcpu_get_fpu(&vm->vcpu[cpu].kvm, fpu);
	vm_debug_leave(vm);
	return refused(r);
}

int vireo_vcpu_set_fpu(struct vireo_vm *vm, unsigned int cpu,
		       const struct vireo_fpu *fpu)
{
	int r = -EINVAL;

	if (vm && fpu && fpu->size >= sizeof(*fpu))
		r = enter(vm, cpu, true);
	if (r < 0)
		return code_of(r);
	r = arch_vcpu_set_fpu(&vm->vcpu[cpu].kvm, fpu);
	vm_debug_leave(vm);
	return refused(r);
}

int vireo_vcpu_get_msr(struct vireo_vm *vm, unsigned int cpu, uint32_t index,
		       uint64_t *value)
{
	int r = vm && value ? enter(vm, cpu, false) : -EINVAL;

	if (r < 0)
		return code_of(r);
	r = arch_vcpu_get_msr(&vm->vcpu[cpu].kvm, index, value);
	vm_debug_leave(vm);
	return code_of(r);
}

int vireo_vcpu_set_msr(struct vireo_vm *vm, unsigned int cpu, uint32_t index,
		       uint64_t value)
{
	int r = vm ? enter(vm, cpu, true) : -EINVAL;

	if (r < 0)
		return code_of(r);
	r = arch_vcpu_set_msr(&vm->vcpu[cpu].kvm, index, value);
	vm_debug_leave(vm);
	return code_of(r);
}

int vireo_vcpu_translate(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
			 uint64_t *gpa, uint64_t *len)
{
	int r = vm && gpa ? enter(vm, cpu, false) : -EINVAL;
	uint64_t part;

	if (r < 0)
		return code_of(r);
	r = arch_vcpu_translate(&vm->vcpu[cpu].kvm, &vm->board.mem, va, gpa,
				&part);
	vm_debug_leave(vm);
	if (!r && len)
		*len = part;
	return code_of(r);
}

/* ---- breakpoints and steps ---- */

int vireo_break_add(struct vireo_vm *vm, unsigned int cpu,
		    enum vireo_break kind, uint64_t va, unsigned int len)
{
	int r = vm ? enter_alone(vm, cpu) : -EINVAL;

	if (r < 0)
		return code_of(r);
	r = vm_break_add(vm, cpu, kind, va, len);
	vm_debug_leave(vm);
	return code_of(r);
}

int vireo_break_remove(struct vireo_vm *vm, enum vireo_break kind, uint64_t va,
		       unsigned int len)
{
	int r = vm ? enter_alone(vm, 0) : -EINVAL;

	if (r < 0)
		return code_of(r);
	r = vm_break_remove(vm, kind, va, len);
	vm_debug_leave(vm);
	return code_of(r);
}

int vireo_vcpu_step(struct vireo_vm *vm, unsigned int cpu)
{
	int r = vm ? enter_alone(vm, cpu) : -EINVAL;

	if (r < 0)
		return code_of(r);
	r = vm_debug_step(vm, cpu, false);
	vm_debug_leave(vm);
	return refused(r);
}

int vireo_hit_wait(struct vireo_vm *vm, int timeout_ms, struct vireo_hit *hit)
{
	struct vm_hit h;
	int r;

	if (!vm || !hit || hit->size < sizeof(*hit))
		return VIREO_EINVAL;
	r = api_check_vm(vm);
	if (r < 0)
		return r;
	r = -EBUSY;
	if (!has_stub(vm) && !vm_is_own_thread(vm))
		r = vm_hit_wait(vm, timeout_ms, &h);
	if (r < 0)
		return code_of(r);
	hit->cpu = h.cpu;
	hit->stepped = h.stepped;
	hit->kind = h.kind;
	hit->va = h.va;
	return 0;
}

int vireo_hit_fd(const struct vireo_vm *vm)
{
	int r = api_check_vm(vm);

	return r < 0 ? r : vm->debug.hit_fd;
}
