/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's side of KVM without one: defines ioctl(), so that the real
 * src/kvm/ runs above it. Guests are lists of exits that KVM_RUN plays; at the
 * end of its list a vCPU waits for the kick, as one in HLT does.
 *
 * The settings are made before the code under test runs; what was noted is
 * read when its vCPU threads have been joined.
 */
#ifndef VIREO_FAKE_KVM_H
#define VIREO_FAKE_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_VCPUS    4
#define FAKE_STEPS    64
#define FAKE_DATA     64
#define FAKE_CALLS    512
#define FAKE_RUN_SIZE 12288
#define FAKE_MISSING  4

/* One return of KVM_RUN. */
struct fake_step {
	/* Fills @run and returns 0, or -errno: KVM_RUN fails with it. */
	int (*play)(struct kvm_run *run, const struct fake_step *step);
	uint32_t reason; /* for steps that are just an exit reason */
	int error;
	uint64_t addr;
	uint32_t size;
	uint32_t count;
	uint8_t data[FAKE_DATA];
	uint8_t *result;   /* gets what a read returned; NULL: nobody asks */
	unsigned int boot; /* which creation of the VM plays it, from 1 */
};

struct fake_vcpu {
	int fd;
	struct kvm_run *run;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_lapic_state lapic;
	uint32_t mp_state; /* of those that nobody has set */
	struct kvm_debugregs debugregs;
	struct kvm_guest_debug debug; /* as it was set last */
	unsigned int injected;        /* KVM_GUESTDBG_INJECT_... that were */
	uint32_t nent; /* of the CPUID table that was set */
	struct kvm_cpuid_entry2 cpuid[64];
	unsigned int msrs; /* that were set */
	uint64_t signal_mask;
	unsigned int runs; /* calls of KVM_RUN */
	size_t steps;
	size_t at;
	struct fake_step step[FAKE_STEPS];
	const struct fake_step *last; /* its result is still to be fetched */
};

struct fake_kvm {
	/* settings */
	int api_version;
	int run_size;
	int max_vcpus;
	int missing[FAKE_MISSING]; /* capabilities that are not there, or -1 */
	unsigned long fail_request; /* this one fails ... */
	unsigned int fail_skip;     /* ... after so many good ones ... */
	unsigned int fail_times;    /* ... so often ... */
	int fail_error;             /* ... with this errno */
	unsigned int boot;          /* new steps are for this creation */

	/* what happened */
	size_t calls;
	unsigned long call[FAKE_CALLS]; /* requests but KVM_RUN, in order */
	unsigned int vms;               /* KVM_CREATE_VM that succeeded */
	uint64_t dirty[8];              /* of each slot, its first 64 pages */
	unsigned int slots;
	struct kvm_userspace_memory_region slot[40];
	int level[24];
	unsigned int line_calls;
	uint32_t routes;
	struct kvm_irq_routing_entry route[64];
	struct kvm_msi msi;
	unsigned int msis;
	struct fake_vcpu vcpu[FAKE_VCPUS];
};

extern struct fake_kvm fake;

/* A good host without a guest. Also releases what the last test left. */
void fake_kvm_reset(void);

/* A descriptor that stands for /dev/kvm; the caller closes it. */
int fake_kvm_open(void);

unsigned int fake_kvm_count(unsigned long request);

/* Appends to vCPU @cpu's list. */
void fake_step(unsigned int cpu, const struct fake_step *step);
void fake_exit(unsigned int cpu, uint32_t reason);
void fake_error(unsigned int cpu, int error);
void fake_out(unsigned int cpu, uint16_t port, uint32_t size, uint32_t value);
/* Uses up this much processor time, then writes a port. */
void fake_burn(unsigned int cpu, uint64_t ns);
void fake_in(unsigned int cpu, uint16_t port, uint32_t size, uint8_t *result);
void fake_mmio(unsigned int cpu, uint64_t addr, uint32_t len,
	       const uint8_t *write, uint8_t *result);
/* A line of text on the first serial port. */
void fake_print(unsigned int cpu, const char *text);

#endif
