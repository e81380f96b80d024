/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gate between a VM's vCPU threads and the guest: while it is closed they
 * wait in front of it. It belongs to the VM, not to a machine: a guest that
 * resets itself comes back to the gate that it left.
 *
 * Closing it does not call a thread out of the guest; that is vcpu_call(). The
 * lock below may be taken under any other one.
 */
#ifndef VIREO_GATE_H
#define VIREO_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GATE_NOBODY (-1)

/* One thread's way through; owned by its vCPU. */
struct gate_pass {
	int id; /* of the vCPU; set before the thread begins */
	pthread_t thread;
	struct gate_pass *next;
};

struct gate {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	atomic_bool closed; /* may be looked at without the lock */
	int alone;          /* this vCPU passes nevertheless, or GATE_NOBODY */
	struct gate_pass *inside; /* those who have passed */
};

void gate_init(struct gate *g);
void gate_finish(struct gate *g);

void gate_close(struct gate *g);
void gate_open(struct gate *g);
/* Closed for all but vCPU @id. */
void gate_open_for(struct gate *g, int id);

/* ---- by the thread of a vCPU ---- */

/* At its begin, and each time it is called: waits while it may not pass, or
 * until *stop is set. True when it had to wait. */
bool gate_enter(struct gate *g, struct gate_pass *pass,
		const atomic_bool *stop);
/* Out of the guest: it is to be followed by gate_enter(), or by nothing. */
void gate_leave(struct gate *g, struct gate_pass *pass);
/* Would it have to wait? */
bool gate_stops(struct gate *g, const struct gate_pass *pass);

/* ---- by any other thread ---- */

/* Is the calling thread inside? Then it is none of the others. */
bool gate_has_me(struct gate *g);

/* Those who wait look again at what they wait for. */
void gate_wake(struct gate *g);

/* Waits until nobody is inside, or somebody opens the gate. */
void gate_wait_empty(struct gate *g);
/* Nobody is inside, and nobody gets in. */
bool gate_is_empty(struct gate *g);

#endif
