// SPDX-License-Identifier: BSD-3-Clause
/* See thread.h. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"

#define NAME_SIZE 16 /* TASK_COMM_LEN, with the terminator */
#define STACK_MIN (UINT64_C(1) << 20)

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
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		sigdelset(set, faults[i]);
}

/* What the process has for its threads, by its limit or by its own choice, is
 * enough for them; ours, and callbacks on them, are no tiny ones. */
static int make_thread(pthread_t *out, struct start *start)
{
	pthread_attr_t attr;
	size_t size = 0;
	int r = pthread_attr_init(&attr);

	if (r)
		return r;
	pthread_attr_getstacksize(&attr, &size);
	if (size < STACK_MIN)
		pthread_attr_setstacksize(&attr, STACK_MIN);
	r = pthread_create(out, &attr, run, start);
	pthread_attr_destroy(&attr);
	return r;
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
	r = make_thread(out, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		free(start);
	return -r;
}

static const int write_signals[] = { SIGPIPE, SIGXFSZ };

void thread_hush(struct thread_hush *h)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(write_signals); i++)
		sigaddset(&set, write_signals[i]);
	sigpending(&h->pending);
	pthread_sigmask(SIG_BLOCK, &set, &h->mask);
}

void thread_unhush(const struct thread_hush *h)
{
	const struct timespec now = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(write_signals); i++) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, write_signals[i]);
		if (!sigismember(&h->pending, write_signals[i]))
			while (sigtimedwait(&set, NULL, &now) < 0 &&
			       errno == EINTR)
				;
	}
	pthread_sigmask(SIG_SETMASK, &h->mask, NULL);
}
