// SPDX-License-Identifier: BSD-3-Clause
/*
 * A VM as gdb's stub knows machines: the functions of struct gdb_target_ops,
 * on the stub's thread. With key "gdb" the debugger is the stub's client.
 */
#include "vm_debug_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "debug/gdb_server.h"

#define NO_KIND ((enum vireo_break)-1)

static unsigned int get_cpus(void *ctx)
{
	const struct vireo_vm *vm = ctx;

	return vm->cfg->cpus;
}

static const char *get_activity(void *ctx, unsigned int cpu)
{
	struct vireo_vm *vm = ctx;
	const char *word;

	if (vm_debug_enter(vm, cpu, false) < 0)
		return "unknown";
	word = arch_vcpu_activity(&vm->vcpu[cpu].kvm);
	vm_debug_leave(vm);
	return word;
}

/* ---- registers ---- */

static int get_all(struct vireo_vm *vm, unsigned int cpu,
		   struct arch_gdb_regs *regs)
{
	int r = arch_vcpu_get_regs(&vm->vcpu[cpu].kvm, &regs->regs);

	return r ? r : arch_vcpu_get_fpu(&vm->vcpu[cpu].kvm, &regs->fpu);
}

static int get_regs(void *ctx, unsigned int cpu, uint8_t *to)
{
	struct arch_gdb_regs regs = { 0 };
	struct vireo_vm *vm = ctx;
	int r = vm_debug_enter(vm, cpu, false);

	if (r < 0)
		return r;
	r = get_all(vm, cpu, &regs);
	vm_debug_leave(vm);
	for (unsigned int n = 0; n < arch_gdb_count() && !r; n++) {
		arch_gdb_get(&regs, n, to);
		to += arch_gdb_size(n);
	}
	return r;
}

/* What KVM has is changed, and not what gdb does not know of. */
static int change_regs(struct vireo_vm *vm, unsigned int cpu,
		       const uint8_t *from)
{
	struct arch_gdb_regs regs = { 0 };
	struct vireo_fpu before;
	int r = get_all(vm, cpu, &regs);

	before = regs.fpu;
	for (unsigned int n = 0; n < arch_gdb_count(); n++) {
		arch_gdb_set(&regs, n, from);
		from += arch_gdb_size(n);
	}
	if (!r)
		r = arch_vcpu_set_regs(&vm->vcpu[cpu].kvm, &regs.regs);
	if (!r && memcmp(&before, &regs.fpu, sizeof(before)) != 0)
		r = arch_vcpu_set_fpu(&vm->vcpu[cpu].kvm, &regs.fpu);
	return r;
}

static int set_regs(void *ctx, unsigned int cpu, const uint8_t *from)
{
	struct vireo_vm *vm = ctx;
	int r = vm_debug_enter(vm, cpu, true);

	if (r < 0)
		return r;
	r = change_regs(vm, cpu, from);
	vm_debug_leave(vm);
	return r;
}

static int set_pc(void *ctx, unsigned int cpu, uint64_t va)
{
	struct vireo_regs regs = { 0 };
	struct vireo_vm *vm = ctx;
	int r = vm_debug_enter(vm, cpu, true);

	if (r < 0)
		return r;
	r = arch_vcpu_get_regs(&vm->vcpu[cpu].kvm, &regs);
	regs.rip = va;
	if (!r)
		r = arch_vcpu_set_regs(&vm->vcpu[cpu].kvm, &regs);
	vm_debug_leave(vm);
	return r;
}

/* ---- memory, breakpoints ---- */

static size_t read_memory(void *ctx, unsigned int cpu, uint64_t va,
			  uint8_t *to, size_t len)
{
	struct vireo_vm *vm = ctx;
	uint64_t n = 0;

	if (vm_debug_enter(vm, cpu, false) == 0) {
		n = vm_debug_read(vm, cpu, va, to, len);
		vm_debug_leave(vm);
	}
	return n;
}

static size_t write_memory(void *ctx, unsigned int cpu, uint64_t va,
			   const uint8_t *from, size_t len)
{
	struct vireo_vm *vm = ctx;
	uint64_t n = 0;

	if (vm_debug_enter(vm, cpu, true) == 0) {
		n = vm_debug_write(vm, cpu, va, from, len);
		vm_debug_leave(vm);
	}
	return n;
}

/* gdb makes one for reading of one for any access, where there is none. */
static enum vireo_break kind_of(enum gdb_break kind)
{
	switch (kind) {
	case GDB_SOFTWARE:
		return VIREO_BREAK_SOFTWARE;
	case GDB_HARDWARE:
		return VIREO_BREAK_HARDWARE;
	case GDB_WRITE:
		return VIREO_WATCH_WRITE;
	case GDB_ACCESS:
		return VIREO_WATCH_ACCESS;
	case GDB_READ:
		break;
	}
	return NO_KIND;
}

static int add_break(void *ctx, unsigned int cpu, enum gdb_break kind,
		     uint64_t va, unsigned int len)
{
	struct vireo_vm *vm = ctx;
	int r;

	if (kind_of(kind) == NO_KIND)
		return -ENOTSUP;
	r = vm_debug_enter(vm, cpu, true);
	if (r < 0)
		return r;
	r = vm_break_add(vm, cpu, kind_of(kind), va, len);
	vm_debug_leave(vm);
	if (r != -ENOTSUP)
		return r;
	if (kind == GDB_SOFTWARE || kind == GDB_HARDWARE)
		log_warn(&vm->log, "gdb: %s do not work on this host",
			 kind == GDB_HARDWARE ? "the CPU's breakpoints"
					      : "breakpoints in software");
	else
		log_warn(&vm->log,
			 "gdb: watchpoints do not work on this host (set "
			 "can-use-hw-watchpoints 0)");
	return -ENODEV; /* or gdb would write one into memory by itself */
}

static int remove_break(void *ctx, unsigned int cpu, enum gdb_break kind,
			uint64_t va, unsigned int len)
{
	struct vireo_vm *vm = ctx;
	int r;

	if (kind_of(kind) == NO_KIND)
		return -ENOTSUP;
	r = vm_debug_enter(vm, cpu, true);
	if (r < 0)
		return r;
	r = vm_break_remove(vm, kind_of(kind), va, len);
	vm_debug_leave(vm);
	return r;
}

/* ---- running ---- */

static int stop(void *ctx)
{
	return vm_pause(ctx, VM_PAUSED_BY_DEBUGGER);
}

static int run(void *ctx, int cpu, bool step, bool others)
{
	struct vireo_vm *vm = ctx;
	int r;

	if (cpu == GDB_ALL_CPUS)
		return vm_resume(vm, VM_PAUSED_BY_DEBUGGER);
	r = vm_debug_enter(vm, (unsigned int)cpu, true);
	if (r < 0)
		return r;
	r = step ? vm_debug_step(vm, (unsigned int)cpu, others)
		 : vm_debug_go_alone(vm, (unsigned int)cpu);
	vm_debug_leave(vm);
	return r;
}

static int take_stop(void *ctx, struct gdb_stop *out)
{
	struct vm_hit hit;
	int r = vm_hit_take(ctx, &hit);

	if (r < 0)
		return r;
	*out = (struct gdb_stop){ .cpu = hit.cpu, .stepped = hit.stepped,
				  .va = hit.va };
	switch (hit.kind) {
	case VIREO_BREAK_SOFTWARE:
		out->kind = GDB_SOFTWARE;
		break;
	case VIREO_BREAK_HARDWARE:
		out->kind = GDB_HARDWARE;
		break;
	case VIREO_WATCH_WRITE:
		out->kind = GDB_WRITE;
		break;
	case VIREO_WATCH_ACCESS:
		out->kind = GDB_ACCESS;
		break;
	}
	return 0;
}

static void detach(void *ctx)
{
	vm_debug_detach(ctx);
}

static void end_vm(void *ctx)
{
	vm_request_end(ctx, VIREO_STOPPED, 0, "killed by gdb");
}

static int status(void *ctx)
{
	struct vireo_end end;

	return vm_wait(ctx, 0, &end) == 0 ? end.exit_code : 0;
}

static const struct gdb_target_ops ops = {
	.cpus = get_cpus,
	.activity = get_activity,
	.describe = arch_gdb_describe,
	.reg_size = arch_gdb_size,
	.get_regs = get_regs,
	.set_regs = set_regs,
	.set_pc = set_pc,
	.read = read_memory,
	.write = write_memory,
	.break_add = add_break,
	.break_remove = remove_break,
	.stop = stop,
	.run = run,
	.take_stop = take_stop,
	.detach = detach,
	.kill = end_vm,
};

int vm_gdb_open(struct vireo_vm *vm, struct err *err)
{
	const struct gdb_machine machine = {
		.ops = &ops, .ctx = vm, .log = &vm->log,
		.stop_fd = vm->debug.hit_fd, .end_fd = vm->event_fd,
		.status = status,
	};
	int r;

	if (!*vm->cfg->gdb)
		return 0;
	if (!kvm_has(&vm->kvm, KVM_CAP_SET_GUEST_DEBUG))
		return err_set_key(err, -ENOTSUP, "gdb",
				   "gdb: this host's KVM cannot debug guests");
	r = gdb_server_create(&vm->gdb, vm->cfg->gdb, &machine, err);
	if (r < 0) {
		err_wrap(err, "gdb");
		err_blame(err, "gdb");
	}
	return r;
}

int vm_gdb_start(struct vireo_vm *vm, struct err *err)
{
	if (!vm->gdb)
		return 0;
	if (vm->cfg->gdb_wait) {
		pthread_mutex_lock(&vm->lock);
		vm_stop_for_debugger(vm);
		pthread_mutex_unlock(&vm->lock);
	}
	return gdb_server_start(vm->gdb, err);
}

void vm_gdb_close(struct vireo_vm *vm)
{
	gdb_server_destroy(vm->gdb);
	vm->gdb = NULL;
}
