// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is known of a VM when its vCPUs have been joined: registers, where they
 * were, a core file. All of it is read from what the guest has left, when
 * somebody asks; the core is written before the end is published.
 */
#include "vm_postmortem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "core_dump.h"
#include "kallsyms.h"
#include "symbols.h"
#include "trace.h"
#include "vm.h"
#include "vmcoreinfo.h"

#define TRACED_MAX 16 /* vCPUs that are traced */

/* What is left of the guest. */
struct remains {
	unsigned int cpus;
	struct arch_state *state; /* owned */
	struct arch_kernel_map map;
	struct vmcoreinfo info;
	struct symbols symbols;
	uint64_t slide;
};

static void remains_destroy(struct remains *m)
{
	if (!m)
		return;
	symbols_finish(&m->symbols);
	free(m->state);
	free(m);
}

/* NULL without memory, or without vCPUs: a restart that failed. Called when
 * they do not run; the board is the caller's. */
static struct remains *remains_create(struct vireo_vm *vm)
{
	struct remains *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->state = calloc(vm->cfg->cpus, sizeof(*m->state));
	while (m->state && m->cpus < vm->cfg->cpus &&
	       vm->vcpu[m->cpus].host &&
	       arch_vcpu_state(&m->state[m->cpus],
			       &vm->vcpu[m->cpus].kvm) == 0)
		m->cpus++;
	if (m->cpus == vm->cfg->cpus)
		return m;
	remains_destroy(m);
	return NULL;
}

uint64_t vm_touched(const struct vireo_vm *vm)
{
	return vm->touched ? vm->touched : ram_resident(&vm->board.ram);
}

/* What we read counts as touched too, from here on. False: there is nothing to
 * be read. */
static bool find_kernel(struct remains *m, struct vireo_vm *vm)
{
	const struct board *board = &vm->board;

	vm->touched = vm_touched(vm);
	if (ram_freeze(&board->ram) < 0) {
		log_error(&vm->log, "the guest's RAM cannot be read");
		return false;
	}
	arch_kernel_map(&m->map, &board->mem, m->state, m->cpus);
	return true;
}

/* What the kernel says of itself may be anywhere: all of the RAM is read. */
static void find_info(struct remains *m, const struct board *board)
{
	vmcoreinfo_find(&m->info, &board->mem, &board->ram, &m->map);
}

/* ---- the core file ---- */

static bool is_worth_a_core(enum vireo_reason reason)
{
	return reason == VIREO_PANIC || reason == VIREO_TRIPLE_FAULT ||
	       reason == VIREO_DEADLINE || reason == VIREO_KVM_ERROR;
}

int vm_check_core(const struct vireo_vm *vm, struct err *err)
{
	int r = *vm->cfg->vmcore ? core_dump_check(vm->cfg->vmcore, err) : 0;

	if (r < 0) {
		err_wrap(err, "vmcore");
		err_blame(err, "vmcore");
	}
	return r;
}

void vm_write_core(struct vireo_vm *vm, enum vireo_reason reason)
{
	struct err err = { 0 };
	struct remains *m;

	if (!*vm->cfg->vmcore || !is_worth_a_core(reason))
		return;
	m = remains_create(vm);
	if (!m) {
		log_error(&vm->log, "vmcore: the vCPUs cannot be read");
		return;
	}
	if (find_kernel(m, vm)) {
		find_info(m, &vm->board);
		if (core_dump_write(vm->cfg->vmcore,
				    &(struct core_dump){
					    &vm->board.mem, &vm->board.ram,
					    m->state, m->cpus, &m->map,
					    &m->info },
				    &err) < 0)
			log_error(&vm->log, "vmcore: %s", err.text);
	}
	remains_destroy(m);
}

/* ---- when somebody asks ---- */

void vm_registers(struct vireo_vm *vm,
		  void (*fn)(void *ctx, unsigned int cpu, const char *name,
			     uint64_t value),
		  void *ctx)
{
	struct remains *m;

	pthread_mutex_lock(&vm->board_lock);
	m = vm_has_ended(vm) ? remains_create(vm) : NULL;
	pthread_mutex_unlock(&vm->board_lock);
	for (unsigned int cpu = 0; m && cpu < m->cpus; cpu++)
		for (unsigned int i = 0; i < m->state[cpu].registers; i++)
			fn(ctx, cpu, m->state[cpu].reg[i].name,
			   m->state[cpu].reg[i].value);
	remains_destroy(m);
}

/* How far the kernel lies from where its file says. */
static uint64_t find_slide(const struct remains *m)
{
	char offset[20];

	if (vmcoreinfo_get(&m->info, "KERNELOFFSET", offset, sizeof(offset)))
		return strtoull(offset, NULL, 16);
	return m->map.text_size && m->symbols.start
		       ? m->map.text_va - m->symbols.start
		       : 0;
}

/* The kernel's own file, or the System.map that is beside it. What the guest
 * calls its release is not a path. */
static bool find_file(struct remains *m, const char *kernel)
{
	static const char *const around[][2] = {
		{ "System.map-", "" },
		{ "../lib/modules/", "/System.map" },
	};
	const char *slash = strrchr(kernel, '/');
	int folder = slash ? (int)(slash - kernel) + 1 : 0;
	char release[80];
	char path[CONFIG_PATH_MAX + 128];

	if (symbols_load(&m->symbols, kernel, NULL) == 0)
		return true;
	if (!vmcoreinfo_get(&m->info, "OSRELEASE", release, sizeof(release)) ||
	    strchr(release, '/'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(around); i++) {
		snprintf(path, sizeof(path), "%.*s%s%s%s", folder, kernel,
			 around[i][0], release, around[i][1]);
		if (symbols_load(&m->symbols, path, NULL) == 0)
			return true;
	}
	return false;
}

/* Does a vCPU stand where Linux has its kernel? */
static bool in_kernel(const struct remains *m)
{
	for (unsigned int i = 0; i < m->cpus; i++)
		if (m->state[i].pc >> 63)
			return true;
	return false;
}

/* Names from the file that was given, from the kernel itself, or from a file
 * that may be there. No others are worth reading all of the RAM. */
static void find_symbols(struct remains *m, struct vireo_vm *vm)
{
	const char *given = vm->cfg->symbols;
	struct err err = { 0 };

	if (in_kernel(m))
		find_info(m, &vm->board);
	else if (!*given)
		return;
	if (!*given && kallsyms_load(&m->symbols, &m->info, &m->map,
				     &vm->board.mem) == 0)
		return; /* the addresses at which it runs */
	if (!*given)
		find_file(m, vm->cfg->kernel);
	else if (symbols_load(&m->symbols, given, &err) < 0)
		log_warn(&vm->log, "symbols: %s", err.text);
	m->slide = find_slide(m);
}

void vm_trace(struct vireo_vm *vm, void (*fn)(void *ctx, const char *line),
	      void *ctx)
{
	struct remains *m;

	pthread_mutex_lock(&vm->board_lock);
	m = vm_has_ended(vm) ? remains_create(vm) : NULL;
	if (m) {
		struct trace t = { &vm->board.mem, &m->map, &m->symbols, 0,
				   fn, ctx };

		bool readable = find_kernel(m, vm);

		if (readable)
			find_symbols(m, vm);
		t.slide = m->slide;
		for (unsigned int i = 0;
		     readable && i < m->cpus && i < TRACED_MAX; i++)
			trace_vcpu(&t, i, &m->state[i], vm->vcpu[i].sample,
				   vm->vcpu[i].samples);
	}
	pthread_mutex_unlock(&vm->board_lock);
	remains_destroy(m);
}
