// SPDX-License-Identifier: BSD-3-Clause
/* See debug_case.h. */
#include "debug_case.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void debug_start(struct one_vm *f)
{
	one_vm_create(f);
	/* Looking for it would take another VM of the fake's. */
	memset(f->vm->debug.probed, true, sizeof(f->vm->debug.probed));
	memset(f->vm->debug.works, true, sizeof(f->vm->debug.works));
	gate_close(&f->vm->gate);
	assert_int_equal(vm_start(f->vm, NULL), 0);
	assert_int_equal(vireo_pause(f->vm), 0);
}

struct vireo_hit debug_wait_hit(struct one_vm *f)
{
	struct vireo_hit hit = { .size = sizeof(hit) };

	assert_int_equal(vireo_hit_wait(f->vm, WAIT, &hit), 0);
	assert_true(gate_is_empty(&f->vm->gate));
	return hit;
}

bool debug_has_hit(const struct one_vm *f)
{
	struct pollfd p = { vireo_hit_fd(f->vm), POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

static int play_exit(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = step->size;
	run->debug.arch.pc = step->addr;
	run->debug.arch.dr6 = step->reason;
	return 0;
}

void debug_exit(unsigned int cpu, uint32_t exception, uint64_t pc,
		uint32_t dr6)
{
	const struct fake_step step = { .play = play_exit, .size = exception,
					.addr = pc, .reason = dr6 };

	fake_step(cpu, &step);
}

static int play_failure(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->internal.ndata = 0;
	return 0;
}

void debug_failure(unsigned int cpu)
{
	const struct fake_step step = { .play = play_failure };

	fake_step(cpu, &step);
}

uint8_t *debug_ram(struct one_vm *f, uint64_t gpa)
{
	return mem_ptr(&f->vm->board.mem, gpa, 1);
}
