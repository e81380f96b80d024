/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pausing a VM, and debugging it: breakpoints, steps, and who has hit what. One
 * debugger at a time: the embedder, or with key "gdb" the stub.
 *
 * Theory of operation. All is changed while no vCPU is inside of the gate,
 * under the board's lock. A vCPU that hits something notes it
 * (vm_on_vcpu_debug), closes the gate and wakes the io thread, which calls the
 * others out. The debugger's thread waits for all of them (vm_hit_take), looks
 * around, and lets one vCPU do a step (vm_debug_step), or all of them go on
 * (vm_resume). What may run is in vm->wants, and nowhere else.
 */
#ifndef VIREO_VM_DEBUG_H
#define VIREO_VM_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "breakpoints.h"

struct vcpu;
struct vireo_vm;

#define VM_BREAK_KINDS (VIREO_WATCH_ACCESS + 1)

/* One vCPU's last hit. */
struct vm_hit {
	bool pending; /* nobody has been told */
	unsigned int cpu;
	bool stepped;
	enum vireo_break kind;
	uint64_t va;
};

struct vm_debug {
	struct breakpoints breaks; /* as its header says */
	/* by enum vireo_break, guarded by the board's lock */
	bool probed[VM_BREAK_KINDS];
	bool works[VM_BREAK_KINDS];
	int hit_fd;          /* owned; readable while a hit is pending */
	struct vm_hit *hit;  /* owned; one for each vCPU; the VM's lock */
	bool over; /* nothing is changed any more; the board's lock */
};

/* ---- vm_pause.c ---- */

/* Who wants the guest to stand still: each for itself, and it goes on when
 * nobody does any more. */
enum vm_pauser { VM_PAUSED_BY_CALLER = 1, VM_PAUSED_BY_DEBUGGER = 2 };

/* What may run; the VM's lock. It changes under the board's, too, but when a
 * vCPU has met something. The other fields count while @but_one is set. */
struct vm_wants {
	unsigned int paused; /* enum vm_pauser bits */
	bool but_one; /* the debugger has paused it, but for ... */
	unsigned int cpu; /* ... this one, ... */
	bool step; /* which does one instruction, ... */
	bool others; /* and for those beside it */
};

/* 0: no vCPU runs, and none will until vm_resume(); also when it was so before.
 * -EBUSY: the VM has not been started, or has ended meanwhile; -EDEADLK: called
 * by a vCPU's thread. */
int vm_pause(struct vireo_vm *vm, enum vm_pauser who);
/* 0, also when it was not paused; the failures are the same. Something that is
 * to be told first keeps it paused. */
int vm_resume(struct vireo_vm *vm, enum vm_pauser who);

/* The gate is closed: those who are inside are to come out. */
void vm_call_vcpus(struct vireo_vm *vm);
/* Between the start and the end. */
bool vm_is_running(struct vireo_vm *vm);
bool vm_has_ended(struct vireo_vm *vm);

/* Both between vm_debug_enter() and vm_debug_leave(): let vCPU @cpu do one
 * instruction, or go on alone. @others: they go on beside it, where that can
 * be. When somebody else has paused the VM, as soon as he lets it go on.
 * -EBUSY: it has ended. */
int vm_debug_step(struct vireo_vm *vm, unsigned int cpu, bool others);
int vm_debug_go_alone(struct vireo_vm *vm, unsigned int cpu);

/* ---- vm_debug.c ---- */

int vm_debug_init(struct vireo_vm *vm);
void vm_debug_finish(struct vireo_vm *vm);

/* The machine is a new one, and its vCPUs are not started. Board lock held. */
void vm_debug_rebuilt(struct vireo_vm *vm);
/* The vCPUs are gone: RAM is as the guest has left it. */
void vm_debug_end(struct vireo_vm *vm);

/* A vCPU's thread: KVM_RUN came back with a debug exit or a failed emulation,
 * or (@stepped) the last exit of a step is complete. False: it is no business
 * of a debugger's. */
bool vm_on_vcpu_debug(void *ctx, struct vcpu *vcpu, bool stepped);

/* Takes the board's lock when vCPU @cpu stands still; @change: something is to
 * be changed. 0, or without the lock -EINVAL, -EBUSY. */
int vm_debug_enter(struct vireo_vm *vm, unsigned int cpu, bool change);
void vm_debug_leave(struct vireo_vm *vm);

/* ---- vm_break.c: between these two ---- */

/* Up to the first byte that is not mapped to RAM, or to memory that was lent;
 * how many bytes. Breakpoints in software are not to be seen, and survive; they
 * are in RAM only. */
uint64_t vm_debug_read(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
		       void *to, uint64_t len);
uint64_t vm_debug_write(struct vireo_vm *vm, unsigned int cpu, uint64_t va,
			const void *from, uint64_t len);

/* -EINVAL, -EFAULT, -ENOSPC; -ENOTSUP: not on this host; other errors: that
 * could not be found out. */
int vm_break_add(struct vireo_vm *vm, unsigned int cpu, enum vireo_break kind,
		 uint64_t va, unsigned int len);
int vm_break_remove(struct vireo_vm *vm, enum vireo_break kind, uint64_t va,
		    unsigned int len);
void vm_break_remove_all(struct vireo_vm *vm);

/* ---- elsewhere ---- */

/* With key "gdb": no breakpoint is left, nothing is told, and the debugger lets
 * it go on. */
void vm_debug_detach(struct vireo_vm *vm);

/* The next hit, when there is one and all vCPUs have stopped: 0, -EAGAIN, or
 * -EBUSY: the VM has ended. */
int vm_hit_take(struct vireo_vm *vm, struct vm_hit *hit);
/* Waits for one, at most @timeout_ms (-1: for ever): also -ETIMEDOUT. */
int vm_hit_wait(struct vireo_vm *vm, int timeout_ms, struct vm_hit *hit);

/* ---- vm_gdb.c, for vm.c: nothing without key "gdb" ---- */

/* Listens. */
int vm_gdb_open(struct vireo_vm *vm, struct err *err);
/* Before the vCPUs begin: the guest may have to wait. */
int vm_gdb_start(struct vireo_vm *vm, struct err *err);
void vm_gdb_close(struct vireo_vm *vm);

#endif
