/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting a thread of the library's own: named, and with every signal blocked
 * but those of its own faults (SIGSEGV and the like), so that no other handler
 * of the embedder's ever runs on it. Any thread.
 */
#ifndef VIREO_BASE_THREAD_H
#define VIREO_BASE_THREAD_H

#include <pthread.h>

/*
 * Starts fn(arg) on a joinable thread; the caller joins it. @name is copied
 * and cut to the 15 characters that the kernel keeps. The caller's own signal
 * mask is unchanged. 0, -EAGAIN (no room for another thread) or -ENOMEM.
 */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *),
		 void *arg);

#endif
