/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the common code and a CPU architecture: everything that
 * differs is behind these functions, implemented in arch/<name>/. A new
 * architecture is a new folder that implements this list. vm.c calls them in
 * the order in which they stand here.
 */
#ifndef VIREO_ARCH_ARCH_H
#define VIREO_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "boot/boot.h"

struct board;
struct kvm;
struct kvm_vcpu;

/* How the first vCPU enters the guest. */
struct arch_entry {
	enum boot_entry kind;
	uint64_t pc;  /* where it starts */
	uint64_t arg; /* the zero page, start info or multiboot info */
};

/* Adds the RAM regions to board->mem, backed by board->ram: where RAM goes and
 * where the hole is. */
int arch_ram_layout(struct board *board, struct err *err);

/* Interrupt controllers; before vCPUs, after the RAM is registered. */
int arch_create_irqchip(struct board *board, struct err *err);

/* THE list of devices, in bus order. */
int arch_add_devices(struct board *board, struct err *err);

/* Tables that tell the guest what the machine is: ACPI, MP table. */
int arch_describe(struct board *board, struct err *err);

/* Image, initrd and command line go into RAM; tells how to enter them. Errors
 * that are the image's fault are -ENOEXEC. */
int arch_load(struct board *board, struct arch_entry *entry, struct err *err);

/* Features and registers of one vCPU; @entry is NULL for all but the first,
 * which wait to be started by the guest. */
int arch_vcpu_init(const struct board *board, struct kvm_vcpu *vcpu,
		   const struct arch_entry *entry, struct err *err);

/* An exit only this CPU has. False: it is not one of ours. vCPU's thread. */
bool arch_vcpu_exit(struct board *board, struct kvm_vcpu *vcpu);

/* A few lines about the vCPU's state for a failure report: program counter,
 * control registers, instruction bytes. vCPU's thread. */
void arch_vcpu_describe(const struct board *board, struct kvm_vcpu *vcpu,
			char *text, size_t cap);

/* ---- for `vireo check` ---- */

#define ARCH_PROBE_INSNS 4

struct arch_probe {
	unsigned int count;
	struct {
		const char *name; /* "int3" */
		bool ok;          /* the guest's kernel may use it */
	} insn[ARCH_PROBE_INSNS];
	uint64_t kernel_kips; /* thousand instructions a second in a guest's */
	uint64_t user_kips;   /* kernel and user mode; 0: did not run */
};

/* Runs tiny guests, each for some milliseconds, on the calling thread. */
int arch_probe(const struct kvm *kvm, struct arch_probe *probe,
	       struct err *err);

/* Below this a stock kernel is emulated rather than run. */
#define ARCH_PROBE_KIPS_MIN 20000

#endif
