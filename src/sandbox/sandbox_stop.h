/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Another thread ends the call that is under way: it is noted, and the kick
 * signal gets the caller's thread out of the guest, as a deadline does.
 */
#ifndef VIREO_SANDBOX_SANDBOX_STOP_H
#define VIREO_SANDBOX_SANDBOX_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "kvm/kvm.h"

struct sandbox_stop {
	pthread_mutex_t lock;
	bool running;       /* lock: @thread is in a call */
	pthread_t thread;   /* lock */
	atomic_bool wanted; /* this call is to end */
};

void sandbox_stop_init(struct sandbox_stop *s);
void sandbox_stop_finish(struct sandbox_stop *s);

/* The calling thread, which has blocked the kick, runs the guest from here on
 * until sandbox_stop_end(); after that none is pending. */
void sandbox_stop_begin(struct sandbox_stop *s, struct kvm_vcpu *vcpu);
void sandbox_stop_end(struct sandbox_stop *s);

/* Any thread. -EBUSY: there is no call. */
int sandbox_stop_call(struct sandbox_stop *s, struct kvm_vcpu *vcpu);

#endif
