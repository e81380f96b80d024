// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public functions for a guest that stands still. As api.c.
 */
#include <errno.h>

#include "api.h"

int vireo_pause(struct vireo_vm *vm)
{
	int r = vm ? 0 : -EINVAL;

	if (vm && vm_is_own_thread(vm))
		r = -EBUSY; /* it would wait for itself */
	if (!r)
		r = vm_pause(vm, VM_PAUSED_BY_CALLER);
	return r < 0 ? api_code(r) : 0;
}

int vireo_resume(struct vireo_vm *vm)
{
	int r = vm ? vm_resume(vm, VM_PAUSED_BY_CALLER) : -EINVAL;

	return r < 0 ? api_code(r) : 0;
}
