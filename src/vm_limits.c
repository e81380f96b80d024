// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a VM may not exceed: time, silence, processor time. Each has a timer of
 * the io thread; see vm_end.c for what the end of one leads to. How many exits
 * a guest may cause is the vCPUs' business (vcpu.c).
 */
#include "vm.h"

#include <time.h>

#include "base/clock.h"
#include "base/num.h"

#define SAMPLE_NS (3 * VM_NS_PER_MS) /* between two looks at a hang */
/* Looks that come late must not make the end late: they begin early. */
#define LEAD_NS	     (2 * VCPU_SAMPLES * SAMPLE_NS)
#define CPU_CHECK_NS VM_NS_PER_MS /* the least between two looks */

/* Where are the vCPUs? A guest that hangs may be anywhere when it is looked at
 * once. False: that has been seen often enough. */
static bool look(struct vireo_vm *vm)
{
	if (vm->samples == VCPU_SAMPLES)
		return false;
	vm->samples++;
	pthread_mutex_lock(&vm->board_lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_sample(&vm->vcpu[i]);
	pthread_mutex_unlock(&vm->board_lock);
	return true;
}

/* The guest is to be out as soon as can be: it is called before all else is
 * done, and an end follows in any case. */
static void end_now(struct vireo_vm *vm, const char *detail)
{
	pthread_mutex_lock(&vm->board_lock);
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		vcpu_kick(&vm->vcpu[i]);
	pthread_mutex_unlock(&vm->board_lock);
	vm_request_end(vm, VIREO_DEADLINE, 0, detail);
}

/* ---- wall clock ---- */

void vm_on_deadline(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	uint64_t end = atomic_load(&vm->deadline_ns);
	uint64_t now = clock_mono_ns();

	if (now >= end)
		end_now(vm, "the time is over (--timeout)");
	else if (look(vm))
		loop_arm(vm->deadline, min_u64(SAMPLE_NS, end - now));
	else
		loop_arm(vm->deadline, end - now);
}

void vm_on_idle(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	uint64_t limit = vm->cfg->idle_timeout_ms * VM_NS_PER_MS;
	uint64_t last = __atomic_load_n(&vm->output_ns, __ATOMIC_RELAXED);
	uint64_t quiet;

	if (vm->command) {
		struct session *s = command_session(vm->command);

		last = max_u64(last, session_output_ns(s));
	}
	quiet = clock_mono_ns() - last;
	if (quiet < limit)
		loop_arm(vm->idle, limit - quiet);
	else if (look(vm))
		loop_arm(vm->idle, SAMPLE_NS);
	else
		end_now(vm, "no output for too long (--idle-timeout)");
}

/* ---- processor time ---- */

/* Of all vCPU threads, those before a restart too. */
static uint64_t cpu_ns(struct vireo_vm *vm)
{
	uint64_t sum;

	pthread_mutex_lock(&vm->board_lock);
	sum = vm->total.cpu_ns;
	for (unsigned int i = 0; i < vm->cfg->cpus; i++)
		sum += vcpu_cpu_ns(&vm->vcpu[i]);
	pthread_mutex_unlock(&vm->board_lock);
	return sum;
}

/* No sooner than that can it be used up. */
void vm_on_cpu_time(void *ctx, uint32_t events)
{
	struct vireo_vm *vm = ctx;
	uint64_t limit = vm->cfg->cpu_time_ms * VM_NS_PER_MS;
	uint64_t used = cpu_ns(vm);

	if (used >= limit)
		end_now(vm, "the processor time is used up (--cpu-time)");
	else
		loop_arm(vm->cpu_time, max_u64((limit - used) / vm->cfg->cpus,
					       CPU_CHECK_NS));
}

void vm_arm_limits(struct vireo_vm *vm)
{
	const struct config *cfg = vm->cfg;
	uint64_t timeout = cfg->timeout_ms * VM_NS_PER_MS;

	atomic_store(&vm->deadline_ns, clock_mono_ns() + timeout);
	if (timeout)
		loop_arm(vm->deadline,
			 timeout > LEAD_NS ? timeout - LEAD_NS : 1);
	if (cfg->idle_timeout_ms)
		loop_arm(vm->idle, cfg->idle_timeout_ms * VM_NS_PER_MS);
	if (cfg->cpu_time_ms)
		loop_arm(vm->cpu_time, max_u64(cfg->cpu_time_ms * VM_NS_PER_MS /
					       cfg->cpus, CPU_CHECK_NS));
}
