// SPDX-License-Identifier: BSD-3-Clause
/* See thread.h. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 16 /* TASK_COMM_LEN, with the terminator */

struct start {
	char name[NAME_SIZE];
	void *(*fn)(void *);
	void *arg;
};

/* A thread names itself: naming another one needs /proc, which a jail may not
 * have. */
static void *run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), start.name);
	return start.fn(start.arg);
}

/* A fault of a thread that blocks its signal ends the process without asking
 * anybody's handler. */
static void all_but_faults(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS,  SIGILL,
				      SIGFPE,  SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

int thread_start(pthread_t *out, const char *name, void *(*fn)(void *),
		 void *arg)
{
	struct start *start = calloc(1, sizeof(*start));
	sigset_t block;
	sigset_t old;
	int r;

	if (!start)
		return -ENOMEM;
	memcpy(start->name, name, strnlen(name, NAME_SIZE - 1));
	start->fn = fn;
	start->arg = arg;
	all_but_faults(&block);
	/* The new thread inherits the mask of the one that makes it. */
	pthread_sigmask(SIG_SETMASK, &block, &old);
	r = pthread_create(out, NULL, run, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		free(start);
	return -r;
}
