/* SPDX-License-Identifier: BSD-3-Clause */
/* What is left of a guest: its core file, registers, traces. */
#ifndef VIREO_VM_POSTMORTEM_H
#define VIREO_VM_POSTMORTEM_H

#include <stdint.h>

#include "base/err.h"
#include "vireo.h"

/* Can there be a core file where the config wants it, if it does? */
int vm_check_core(const struct vireo_vm *vm, struct err *err);
/* When the config wants one, and the VM ended in a way that is worth it. The
 * vCPUs have been joined. A failure is logged. */
void vm_write_core(struct vireo_vm *vm, enum vireo_reason reason);
/* After the end, else nothing: the registers of each vCPU, and lines about what
 * they were doing. */
void vm_registers(struct vireo_vm *vm,
		  void (*fn)(void *ctx, unsigned int cpu, const char *name,
			     uint64_t value),
		  void *ctx);
void vm_trace(struct vireo_vm *vm, void (*fn)(void *ctx, const char *line),
	      void *ctx);
/* Bytes of RAM that the guest has touched, without what the functions above
 * have read. Board lock held. */
uint64_t vm_touched(const struct vireo_vm *vm);

#endif
