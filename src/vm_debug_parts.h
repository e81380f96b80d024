/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of a VM's debugging have in common: what may run (vm_pause.c),
 * what the vCPUs run with (vm_break.c), what they have met (vm_debug.c). See
 * vm_debug.h.
 */
#ifndef VIREO_VM_DEBUG_PARTS_H
#define VIREO_VM_DEBUG_PARTS_H

#include "vm.h"

/* ---- vm_pause.c ---- */

/* The debugger wants all to stand still; those who are inside of the gate are
 * not called. Called with the VM's lock held. */
void vm_stop_for_debugger(struct vireo_vm *vm);

/* ---- vm_break.c: with the board's lock held, nobody inside of the gate -- */

/* All vCPUs know of the breakpoints as they are. */
int vm_tell_vcpus(struct vireo_vm *vm);
/* It will do one instruction, even where there is a breakpoint: that one is
 * lifted. *alone: nobody else may run meanwhile. */
int vm_begin_step(struct vireo_vm *vm, struct vcpu *vcpu, bool *alone);
/* It is done, or given up; also on the vCPU's thread. */
void vm_end_step(struct vireo_vm *vm, struct vcpu *vcpu);
void vm_end_steps(struct vireo_vm *vm);

/* ---- vm_debug.c: with the VM's lock held ---- */

/* The vCPU that the debugger has let go will not come back from there: that is
 * told as the end of a step. */
void vm_lose_step(struct vireo_vm *vm);
/* What stopped in front of an instruction will stop there again, and is told
 * then. @steps: the end of a step is forgotten, too. */
void vm_drop_hits(struct vireo_vm *vm, bool steps);
/* Is there something to be told? */
bool vm_has_hit(struct vireo_vm *vm);

#endif
