/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a thread of the embedder's sits to run a vCPU, instead of a thread of
 * ours. It belongs to the VM: after a reset the thread goes on with the vCPU of
 * the next machine. The VM gives it work and takes it back; the thread stays
 * until the seat is closed.
 */
#ifndef VIREO_SEAT_H
#define VIREO_SEAT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct seat {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	pthread_t thread; /* while it is taken */
	bool taken;
	bool closed;
	bool runs;         /* the work is being done */
	void (*fn)(void *); /* work that nobody has begun; NULL: none */
	void *arg;
};

void seat_init(struct seat *s);
/* Nobody sits there. */
void seat_finish(struct seat *s);

/* ---- by the VM ---- */

/* There is work: once it is done, or taken back, there can be more. */
void seat_give(struct seat *s, void (*fn)(void *), void *arg);
/* Returns when the work is done, or will not be begun. */
void seat_take_back(struct seat *s);
/* A signal for the thread, if it is at work. */
void seat_signal(struct seat *s, int number);
/* Processor time of the thread, if it is at work. */
uint64_t seat_cpu_ns(struct seat *s);
/* Who sits there leaves, once the work is done: nobody sits there then. */
void seat_close(struct seat *s);

/* ---- by the thread ---- */

/* Works until the seat is closed. -EBUSY: it is taken, or closed. */
int seat_sit(struct seat *s);

#endif
