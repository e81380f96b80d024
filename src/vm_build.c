// SPDX-License-Identifier: BSD-3-Clause
/*
 * How a machine is made, unmade, and made anew at a reset; and who may look at
 * it from outside meanwhile. The board's lock is held, where there are others.
 */
#include "vm_build.h"

#include <errno.h>

#include "vm.h"

/* Every part, or an error. */
static int build(struct vireo_vm *vm, struct err *err)
{
	struct board *b = &vm->board;
	int r;

	b->cfg = vm->cfg;
	b->extras = vm->extras;
	b->machine = vm->restarts + 1;
	b->log = &vm->log;
	b->console = vm->console;
	b->cols = vm->cols;
	b->rows = vm->rows;
	b->loop = vm->loop;
	b->custom_loop = vm->custom_loop;
	b->signal = (struct machine_signal){ vm_on_machine_event, vm };
	if (vm->command) {
		b->initramfs = command_initramfs(vm->command)->bytes;
		b->initramfs_len = command_initramfs(vm->command)->len;
		b->own = command_own_files(vm->command);
		b->dial = command_dial;
		b->dial_ctx = vm->command;
	}
	b->mark = vm_on_mark;
	b->mark_ctx = vm;

	r = board_init(b, &vm->kvm, err);
	if (!r)
		r = board_create_ram(b, err);
	if (!r)
		r = arch_ram_layout(b, err);
	if (!r) /* before the irqchip: see kvm.h */
		r = board_register_ram(b, err);
	if (!r)
		r = board_map_extras(b, arch_is_free, err);
	if (!r)
		r = arch_create_irqchip(b, err);
	if (!r)
		r = arch_add_devices(b, err);
	if (!r)
		r = board_add_extras(b, arch_is_free, arch_port_is_free,
				     arch_line_is_free, err);
	if (!r)
		r = arch_describe(b, err);
	if (!r)
		r = arch_load(b, &vm->entry, err);
	for (unsigned int i = 0; i < vm->cfg->cpus && !r; i++)
		r = vcpu_init(&vm->vcpu[i], &vm->host, i,
			      i ? NULL : &vm->entry, err);
	return r;
}

/* Whoever was looking at the machine has given it back on return. */
static void set_whole(struct vireo_vm *vm, bool whole)
{
	pthread_rwlock_wrlock(&vm->machine_lock);
	vm->whole = whole;
	pthread_rwlock_unlock(&vm->machine_lock);
}

void vm_unbuild(struct vireo_vm *vm)
{
	set_whole(vm, false);
	for (unsigned int i = 0; i < vm->cfg->cpus && vm->vcpu; i++)
		vcpu_finish(&vm->vcpu[i]);
	board_finish(&vm->board);
}

int vm_build(struct vireo_vm *vm, struct err *err)
{
	int r = build(vm, err);

	if (!r && vm->tracked && board_track(&vm->board, true) < 0)
		r = err_set(err, -ENOMEM, "written pages cannot be noted any "
			    "more: out of memory");
	if (r < 0)
		vm_unbuild(vm);
	else
		set_whole(vm, true);
	return r;
}

/* ---- looking at it ---- */

/* A restart does not wait for those who come after it. */
void vm_init_machine_lock(struct vireo_vm *vm)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&vm->machine_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

bool vm_take_machine(struct vireo_vm *vm)
{
	pthread_rwlock_rdlock(&vm->machine_lock);
	if (vm->whole)
		return true;
	pthread_rwlock_unlock(&vm->machine_lock);
	return false;
}

void vm_give_machine(struct vireo_vm *vm)
{
	pthread_rwlock_unlock(&vm->machine_lock);
}
