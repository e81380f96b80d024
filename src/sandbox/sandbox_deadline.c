// SPDX-License-Identifier: BSD-3-Clause
/* See sandbox_deadline.h. */
#include "sandbox/sandbox_deadline.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "kvm/kvm.h"

#define NS_PER_S 1000000000u

/* glibc 2.36 has no name for the field. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* A timer for each call: one that is kept signals the thread that it was made
 * for, and another thread may have that one's number by then. */
static int arm(struct sandbox_deadline *d, uint64_t timeout_us)
{
	struct itimerspec when = { 0 };
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = kvm_kick_signal(),
	};
	uint64_t ns;

	if (!mul_u64(timeout_us, 1000, &ns) ||
	    !add_u64(ns, clock_mono_ns(), &ns))
		return 0; /* in 500 years */
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &d->timer) < 0)
		return -errno;
	d->ns = ns;
	when.it_value.tv_sec = (time_t)(ns / NS_PER_S);
	when.it_value.tv_nsec = (long)(ns % NS_PER_S);
	timer_settime(d->timer, TIMER_ABSTIME, &when, NULL);
	return 0;
}

int sandbox_deadline_begin(struct sandbox_deadline *d, uint64_t timeout_us,
			   sigset_t *mask)
{
	sigset_t kick;
	int r;

	sigemptyset(&kick);
	sigaddset(&kick, kvm_kick_signal());
	pthread_sigmask(SIG_BLOCK, &kick, &d->saved);
	*mask = d->saved;
	d->ns = 0;
	r = timeout_us ? arm(d, timeout_us) : 0;
	if (r < 0)
		pthread_sigmask(SIG_SETMASK, &d->saved, NULL);
	return r;
}

bool sandbox_deadline_over(const struct sandbox_deadline *d)
{
	return d->ns && clock_mono_ns() >= d->ns;
}

void sandbox_deadline_end(struct sandbox_deadline *d)
{
	if (d->ns)
		timer_delete(d->timer);
	/* What had not come by then does not come any more. */
	if (sandbox_deadline_over(d))
		kvm_consume_kick();
	pthread_sigmask(SIG_SETMASK, &d->saved, NULL);
}

void sandbox_deadline_forget(struct sandbox_deadline *d)
{
	d->ns = 0;
}
