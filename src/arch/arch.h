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
struct mem;

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

/* May an embedder put memory or registers there? Not where RAM is, a device of
 * the machine's, or a window for some that move; of ports, not where the kernel
 * has devices. And does nothing of the machine's use interrupt line @line, now
 * that its devices are there? */
bool arch_is_free(const struct board *board, uint64_t gpa, uint64_t size);
bool arch_port_is_free(const struct board *board, uint64_t port,
		       uint64_t size);
bool arch_line_is_free(const struct board *board, unsigned int line);

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

/* ---- what a vCPU was doing, when its thread has been joined ---- */

#define ARCH_REGISTERS 32
#define ARCH_PRSTATUS  336 /* bytes of a core file's NT_PRSTATUS */

struct arch_register {
	const char *name; /* "rip"; a constant */
	uint64_t value;
};

struct arch_state {
	uint64_t pc;
	uint64_t sp;
	bool user;           /* it runs a program, not the kernel */
	uint64_t root;       /* of its page tables ... */
	unsigned int levels; /* ... and how deep they are; 0: none */
	unsigned int registers;
	struct arch_register reg[ARCH_REGISTERS];
};

int arch_vcpu_state(struct arch_state *state, struct kvm_vcpu *vcpu);
/* 0 when there is none of this name. */
uint64_t arch_state_register(const struct arch_state *state, const char *name);

/* Where the vCPU sees @va: the guest address, and in *len how many bytes from
 * there on. -EFAULT, -ENOTSUP. */
int arch_state_translate(const struct arch_state *state, const struct mem *mem,
			 uint64_t va, uint64_t *gpa, uint64_t *len);
/* All of it, or a negative errno. */
int arch_state_read(const struct arch_state *state, const struct mem *mem,
		    void *dst, uint64_t va, uint64_t len);

/* Does @va follow a call instruction, as a return address does? */
bool arch_state_is_return(const struct arch_state *state, const struct mem *mem,
			  uint64_t va);

/* Where a Linux kernel lies in its address space. */
struct arch_kernel_map {
	uint64_t text_va; /* its image */
	uint64_t text_gpa;
	uint64_t text_size; /* 0: not found */
	uint64_t direct_va; /* where it sees guest address 0; 0: not found */
};

/* Looks for it as one of the @count vCPUs sees it. False: it is no Linux, or
 * too early. */
bool arch_kernel_map(struct arch_kernel_map *out, const struct mem *mem,
		     const struct arch_state *state, unsigned int count);

/* For core files: e_machine, and the registers of vCPU @id. */
uint16_t arch_elf_machine(void);
void arch_state_prstatus(uint8_t out[ARCH_PRSTATUS],
			 const struct arch_state *state, unsigned int id);

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
