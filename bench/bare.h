/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM by bare ioctls, which is what everything here is measured against, and
 * what such a measurement needs. Whatever fails ends the program with 125.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_LOAD      0x7c00 /* where a flat image lies and begins */
#define BARE_EXIT_PORT 0xf4

struct bare {
	int kvm, vm, vcpu;
	uint64_t size; /* of RAM */
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_size;
};

/* @r, if it is no error. */
int check(int r, const char *what);
/* Monotonic. */
uint64_t now_ns(void);
/* Sorts @v; the one below which lies @part of them. */
double part_of(double *v, size_t n, double part);

enum bare_irqchip {
	BARE_NONE,
	BARE_SPLIT, /* as vireo has it */
	BARE_FULL,
	BARE_PIT, /* full, and a PIT, as other VMMs have it */
};

/* With @size bytes of RAM at 0; @flags: of KVM's memory slot. */
void bare_open(struct bare *b, uint64_t size, uint32_t flags,
	       enum bare_irqchip irqchip);
/* With the CPUID that the host suggests. */
void bare_add_vcpu(struct bare *b);
/* Begins at BARE_LOAD, in real mode. */
void bare_set_real_mode(struct bare *b);
void bare_close(struct bare *b);

/* Until the next exit, which is one of a port. */
void bare_run(struct bare *b);

#endif
