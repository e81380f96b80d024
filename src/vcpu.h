/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One vCPU: a thread that runs the guest and answers its exits. It knows the
 * board; how a VM ends is its host's business.
 */
#ifndef VIREO_VCPU_H
#define VIREO_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/arch_debug.h"
#include "backends/rate.h"
#include "board/board.h"
#include "gate.h"
#include "kvm/kvm.h"
#include "seat.h"
#include "stats.h"
#include "vireo.h"

#define VCPU_SAMPLES 8

struct vcpu;

/* What the VM gives to its vCPUs; shared by all of them. */
struct vcpu_host {
	struct board *board;
	/* The guest cannot go on. Any vCPU's thread; returns at once. */
	void (*end)(void *ctx, enum vireo_reason reason, const char *detail);
	void *ctx;
	struct gate *gate; /* not owned */
	/* Something that may be a debugger's business; see vm_debug.h. NULL:
	 * there is none. */
	bool (*debug)(void *ctx, struct vcpu *vcpu, bool stepped);
	struct seat *seat; /* one for each vCPU; NULL: they have threads */
};

struct vcpu {
	const struct vcpu_host *host;
	struct kvm_vcpu kvm;
	atomic_bool stop;   /* set by vcpu_kick(), read by the thread */
	bool running;       /* there is a thread to join; the VM's thread */
	pthread_t thread;
	/* The thread's, before it came; 0: it has not, yet. */
	_Atomic uint64_t cpu_before_ns;
	struct gate_pass pass;
	struct rate rate;   /* of exits; the thread's */
	struct arch_debug debug; /* what it runs with; changed as the next
				  * one, by the thread or outside of the gate */
	bool stepping;
	bool completing; /* the step's instruction wants KVM_RUN once more */
	struct stats stats; /* written by the vCPU's thread only */
	atomic_uint wanted; /* samples that vcpu_sample() has asked for */
	unsigned int samples; /* that the thread has taken */
	uint64_t sample[VCPU_SAMPLES]; /* program counters */
};

/* The KVM vCPU, in its first state. */
int vcpu_init(struct vcpu *vcpu, const struct vcpu_host *host, unsigned int id,
	      const struct arch_entry *entry, struct err *err);
/* Accepts a zeroed object; the thread must have been joined. */
void vcpu_finish(struct vcpu *vcpu);

/* Starts the thread "vcpuN". */
int vcpu_start(struct vcpu *vcpu, struct err *err);

/* Makes the thread leave the guest and end, soon and whatever the guest does;
 * from any thread. vcpu_join() waits for it. */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);
/* Processor time of the thread; 0 when there is none. The VM's thread. */
uint64_t vcpu_cpu_ns(const struct vcpu *vcpu);

/* Makes the thread come to the gate, soon and whatever the guest does; from any
 * thread, once the gate is closed. */
void vcpu_call(struct vcpu *vcpu);

/* Makes the thread note where the guest is, and go on; it may be somewhere else
 * than in the guest for a while. VCPU_SAMPLES times at most. */
void vcpu_sample(struct vcpu *vcpu);

#endif
