/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bare sandbox: one vCPU without a kernel, and memory that can be taken back
 * to its beginning. vireo.h says what it promises; this is the whole of it, the
 * api only checks arguments.
 *
 * Memory, by the guest's addresses: the program's segments where they ask to
 * be; behind them, each between two gaps where nothing is, input, output,
 * stack, heap. A call writes the input and the return address, the guest the
 * rest; which pages the guest may have written KVM logs, which ones we did
 * stands in `written`.
 *
 * No locks: `busy` refuses a second thread, and a callback; but for `stop`,
 * which is for other threads.
 */
#ifndef VIREO_SANDBOX_SANDBOX_H
#define VIREO_SANDBOX_SANDBOX_H

#include <stdatomic.h>

#include "arch/arch_sandbox.h"
#include "base/err.h"
#include "kvm/kvm.h"
#include "mem/mem.h"
#include "mem/ram.h"
#include "sandbox/sandbox_deadline.h"
#include "sandbox/sandbox_image.h"
#include "sandbox/sandbox_stop.h"
#include "vireo.h"

#define SANDBOX_CALLS 64 /* numbers of hypercalls */
#define SANDBOX_AREAS (SANDBOX_SEGMENTS + 4)

struct sandbox_config {
	const uint8_t *image; /* the caller's, until sandbox_create() returns */
	size_t image_len;
	bool flat;
	uint64_t memory; /* bytes, whole pages, as the next two */
	uint64_t stack;
	uint64_t buffer;
	uint64_t max_hypercalls;
	int kvm_fd; /* -1: /dev/kvm */
};

struct sandbox_callback {
	int64_t (*fn)(void *ctx, const void *in, size_t in_len, void *out,
		      size_t out_cap);
	void *ctx;
};

struct vireo_sandbox {
	atomic_bool busy; /* in a call, a reset, ... */
	bool spent;       /* it was stopped by a trap: needs a reset */
	bool broken;      /* a reset failed */
	pid_t process;    /* whose it is */
	uint64_t memory;
	uint64_t buffer;
	uint64_t max_hypercalls;

	struct kvm kvm;
	struct kvm_vm vm;
	struct kvm_vcpu vcpu;
	struct arch_sandbox arch;
	struct ram ram; /* the guest's memory, then the system area */
	struct mem mem;
	unsigned int slot; /* the guest's memory, logged */

	struct sandbox_image image;
	/* owned: contents of the segments that can be written; else NULL */
	uint8_t *fresh[SANDBOX_SEGMENTS];
	unsigned int areas;
	struct arch_sandbox_area area[SANDBOX_AREAS];
	uint64_t in, out, stack_top;

	size_t words;      /* of each bitmap: a bit for a page */
	uint64_t *written;  /* owned: by us, since the last reset */
	uint64_t *writable; /* owned: the guest may write there */
	uint64_t *log;      /* owned: room for KVM's */

	struct sandbox_callback callback[SANDBOX_CALLS];
	uint8_t *scratch; /* owned: a hypercall's input, then its output */
	size_t scratch_size;
	struct sandbox_deadline deadline;
	struct sandbox_stop stop;
	sigset_t run_mask; /* what the vCPU has been told */
	bool run_mask_set;
};

int sandbox_create(struct vireo_sandbox **out, const struct sandbox_config *cfg,
		   struct err *err);
/* Any state; NULL is allowed. In a child process memory that it has not
 * inherited is left alone. */
void sandbox_destroy(struct vireo_sandbox *sb);

/* -EBUSY: somebody is at it, or it is another process'. */
int sandbox_take(struct vireo_sandbox *sb, struct err *err);
void sandbox_give(struct vireo_sandbox *sb);

/* Between sandbox_take() and sandbox_give(). */
int sandbox_reset(struct vireo_sandbox *sb, struct err *err);
/* 1: a trap, in *trap, which was zeroed. */
int sandbox_call(struct vireo_sandbox *sb, struct vireo_sandbox_call *call,
		 struct vireo_sandbox_trap *trap, struct err *err);

/* Is [address, address+len) the guest's, in one area, and writable if need be?
 */
bool sandbox_holds(const struct vireo_sandbox *sb, uint64_t address,
		   uint64_t len, bool write);
/* Writes there, and remembers that. -EFAULT. */
int sandbox_write(struct vireo_sandbox *sb, uint64_t address, const void *src,
		  uint64_t len);

#endif
