/* SPDX-License-Identifier: BSD-3-Clause */
/* How a machine is made and unmade, and who may look at it meanwhile. */
#ifndef VIREO_VM_BUILD_H
#define VIREO_VM_BUILD_H

#include <stdbool.h>

#include "base/err.h"

struct vireo_vm;

void vm_init_machine_lock(struct vireo_vm *vm);
/* The machine; at a reset after vm_unbuild(). On failure there is none. */
int vm_build(struct vireo_vm *vm, struct err *err);
/* Accepts what was never built. */
void vm_unbuild(struct vireo_vm *vm);
/* Any thread, vCPUs and callbacks as well: the machine stays as it is until it
 * is given back. False: there is none now. */
bool vm_take_machine(struct vireo_vm *vm);
void vm_give_machine(struct vireo_vm *vm);

#endif
