/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting a thread of the library's own: named, and with every signal blocked
 * but those of its own faults (SIGSEGV and the like), so that no other handler
 * of the embedder's ever runs on it; and being a guest on another. Any thread.
 */
#ifndef VIREO_BASE_THREAD_H
#define VIREO_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/*
 * Starts fn(arg) on a joinable thread; the caller joins it. @name is copied
 * and cut to the 15 characters that the kernel keeps. The caller's own signal
 * mask is unchanged. 0, -EAGAIN (no room for another thread) or -ENOMEM.
 */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *),
		 void *arg);

/* What a thread of somebody else's has blocked, and what waits for it. */
struct thread_hush {
	sigset_t mask;
	sigset_t pending;
};

/*
 * Around work of ours on a thread of the embedder's: what a write may raise
 * there, SIGPIPE and (past RLIMIT_FSIZE) SIGXFSZ, ends nobody's process, and is
 * gone afterwards. The error of the write tells.
 */
void thread_hush(struct thread_hush *h);
void thread_unhush(const struct thread_hush *h);

#endif
