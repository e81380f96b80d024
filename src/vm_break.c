// SPDX-License-Identifier: BSD-3-Clause
/*
 * A VM's breakpoints, its memory without them, and what the vCPUs run with:
 * they are told of each change. With the board's lock held while nobody is
 * inside of the gate, but vm_end_step(). See vm_debug.h.
 */
#include "vm_debug_parts.h"

#include <errno.h>

#include "base/num.h"

/* ---- what the vCPUs run with ---- */

/* When KVM refuses, it is as before. */
static int set_debug(struct vcpu *vcpu, const struct arch_debug *debug)
{
	int r = arch_vcpu_set_debug(&vcpu->kvm, debug);

	if (!r)
		vcpu->debug = *debug;
	return r;
}

int vm_tell_vcpus(struct vireo_vm *vm)
{
	struct arch_debug debug;
	int r = 0;

	breakpoints_describe(&vm->debug.breaks, &debug);
	for (unsigned int i = 0; i < vm->cfg->cpus && !r; i++)
		r = set_debug(&vm->vcpu[i], &debug);
	return r < 0 ? -EIO : 0;
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

/* ---- memory ---- */

uint64_t vm_debug_read(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
		       void *to, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		uint8_t *at = (uint8_t *)to + done;
		uint64_t part = len - done;
		uint64_t gpa;

		if (find(vm, cpu, va + done, &gpa, &part) < 0 ||
		    mem_read(&vm->board.readable, at, gpa, part) < 0)
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
		    breakpoints_write(&vm->debug.breaks, &vm->board.writable,
				      gpa, at, part) < 0)
			break;
		done += part;
	}
	return done;
}

/* ---- breakpoints ---- */

/* Looked for when it is wanted first: 1, 0; or -errno: that could not be found
 * out this time. */
static int can_break(struct vireo_vm *vm, enum vireo_break kind)
{
	struct vm_debug *d = &vm->debug;
	int r;

	if (d->probed[kind])
		return d->works[kind];
	r = arch_probe_break(&vm->kvm, kind);
	if (r < 0)
		return -EIO; /* the host's doing, whatever its number */
	d->probed[kind] = true;
	d->works[kind] = r;
	return r;
}

/* Where the CPU is emulated an instruction that leaves to us stands in for
 * int3, and for the CPU's own breakpoints, too. */
static int choose_insn(struct vireo_vm *vm)
{
	struct breakpoints *b = &vm->debug.breaks;
	int soft = can_break(vm, VIREO_BREAK_SOFTWARE);
	int hard = can_break(vm, VIREO_BREAK_HARDWARE);
	int r = 0;

	if (soft < 0 || hard < 0)
		return soft < 0 ? soft : hard;
	if (!soft && !b->insn)
		r = arch_probe_break_insn(&vm->kvm);
	if (r < 0)
		return -EIO;
	if (r > 0)
		b->insn = (uint8_t)r;
	b->planted = b->insn && !hard;
	return 0;
}

/* How they are made here. -ENOTSUP: not at all. */
static int choose(struct vireo_vm *vm, enum vireo_break kind)
{
	const struct breakpoints *b = &vm->debug.breaks;
	int r = can_break(vm, kind);

	if (r != 0)
		return r < 0 ? r : 0;
	if (kind != VIREO_BREAK_SOFTWARE && kind != VIREO_BREAK_HARDWARE)
		return -ENOTSUP;
	r = choose_insn(vm);
	if (r < 0)
		return r;
	if (kind == VIREO_BREAK_SOFTWARE)
		return b->insn ? 0 : -ENOTSUP;
	return b->planted ? 0 : -ENOTSUP;
}

int vm_break_add(struct vireo_vm *vm, unsigned int cpu, enum vireo_break kind,
		 uint64_t va, unsigned int len)
{
	uint64_t gpa = 0;
	uint64_t part = 1;
	int r;

	if ((unsigned int)kind >= VM_BREAK_KINDS)
		return -EINVAL;
	r = choose(vm, kind);
	if (!r && (kind == VIREO_BREAK_SOFTWARE ||
		   (kind == VIREO_BREAK_HARDWARE && vm->debug.breaks.planted)))
		r = find(vm, cpu, va, &gpa, &part);
	if (!r)
		r = breakpoints_add(&vm->debug.breaks, &vm->board.mem, kind,
				    va, len, gpa);
	if (r < 0)
		return r;
	r = vm_tell_vcpus(vm);
	if (r < 0)
		vm_break_remove(vm, kind, va, len);
	return r;
}

int vm_break_remove(struct vireo_vm *vm, enum vireo_break kind, uint64_t va,
		    unsigned int len)
{
	int r = breakpoints_remove(&vm->debug.breaks, &vm->board.mem, kind, va,
				   len);

	return r ? r : vm_tell_vcpus(vm);
}

void vm_break_remove_all(struct vireo_vm *vm)
{
	breakpoints_remove_all(&vm->debug.breaks, &vm->board.mem);
	vm_tell_vcpus(vm);
}

/* ---- a step ---- */

/* What a vCPU that stands there does not heed in its step: a breakpoint of the
 * CPU at this instruction. */
static void describe_step(struct arch_debug *debug, uint64_t pc)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < debug->count; i++)
		if (debug->hw[i].kind != VIREO_BREAK_HARDWARE ||
		    debug->hw[i].va != pc)
			debug->hw[kept++] = debug->hw[i];
	debug->count = kept;
}

int vm_begin_step(struct vireo_vm *vm, struct vcpu *vcpu, bool *alone)
{
	struct breakpoints *b = &vm->debug.breaks;
	struct arch_debug debug;
	struct arch_state state;
	uint64_t part = 1;
	uint64_t gpa;
	int r;

	*alone = false;
	breakpoints_describe(b, &debug);
	debug.step = true;
	if (arch_vcpu_state(&state, &vcpu->kvm) == 0) {
		describe_step(&debug, state.pc);
		*alone = find(vm, vcpu->kvm.id, state.pc, &gpa, &part) == 0 &&
			 breakpoints_lift(b, &vm->board.mem, gpa);
	}
	vcpu->stepping = true;
	r = set_debug(vcpu, &debug);
	if (r < 0)
		vm_end_step(vm, vcpu);
	return r;
}

void vm_end_step(struct vireo_vm *vm, struct vcpu *vcpu)
{
	struct arch_debug debug;

	if (!vcpu->stepping)
		return;
	vcpu->stepping = false;
	breakpoints_put_back(&vm->debug.breaks, &vm->board.mem);
	breakpoints_describe(&vm->debug.breaks, &debug);
	set_debug(vcpu, &debug);
}

void vm_end_steps(struct vireo_vm *vm)
{
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vm_end_step(vm, &vm->vcpu[i]);
}
