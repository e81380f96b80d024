/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of a VM's debugging have in common: one_vm that stands still,
 * and exits that are a debugger's. Wants one_vm.c and fake_kvm.c beside it.
 */
#ifndef VIREO_FAKE_DEBUG_CASE_H
#define VIREO_FAKE_DEBUG_CASE_H

#include "one_vm.h"

#define PLACE 0x9000 /* without page tables: in RAM */
#define WAIT  10000 /* ms */

/* Builds and starts it, paused before the first instruction; all kinds of
 * breakpoints work there. */
void debug_start(struct one_vm *f);
/* The next hit; all vCPUs stand still. */
struct vireo_hit debug_wait_hit(struct one_vm *f);
/* Is there one to be taken? */
bool debug_has_hit(const struct one_vm *f);

/* What KVM tells of vCPU @cpu: an exception, or that it cannot emulate an
 * instruction. */
void debug_exit(unsigned int cpu, uint32_t exception, uint64_t pc,
		uint32_t dr6);
void debug_failure(unsigned int cpu);

/* A byte of the guest's RAM. */
uint8_t *debug_ram(struct one_vm *f, uint64_t gpa);

#endif
