/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A deadline for the calling thread: a timer that sends it the kick signal,
 * which is blocked, and which KVM_RUN lets through. No handler is needed, no
 * other thread, and nothing of the process changes.
 */
#ifndef VIREO_SANDBOX_SANDBOX_DEADLINE_H
#define VIREO_SANDBOX_SANDBOX_DEADLINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Zero-initialised. */
struct sandbox_deadline {
	timer_t timer;  /* from begin to end, when there is a deadline */
	uint64_t ns;    /* when, by the monotonic clock; 0: never */
	sigset_t saved; /* the thread's mask */
};

/* From here to sandbox_deadline_end() the kick is blocked; *mask is what was
 * before. It comes in @timeout_us, 0: never. -EAGAIN: there are no more timers;
 * then there is nothing to end. */
int sandbox_deadline_begin(struct sandbox_deadline *d, uint64_t timeout_us,
			   sigset_t *mask);
bool sandbox_deadline_over(const struct sandbox_deadline *d);
/* The signal is not pending any more, and the mask is as before. */
void sandbox_deadline_end(struct sandbox_deadline *d);
/* In a child process, before the end: the timer is its parent's, and its number
 * may be that of one of the child's own. */
void sandbox_deadline_forget(struct sandbox_deadline *d);

#endif
