// SPDX-License-Identifier: BSD-3-Clause
/* See seat.h. */
#include "seat.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"

void seat_init(struct seat *s)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
}

void seat_finish(struct seat *s)
{
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

void seat_give(struct seat *s, void (*fn)(void *), void *arg)
{
	pthread_mutex_lock(&s->lock);
	s->fn = fn;
	s->arg = arg;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void seat_take_back(struct seat *s)
{
	pthread_mutex_lock(&s->lock);
	s->fn = NULL;
	while (s->runs)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void seat_signal(struct seat *s, int number)
{
	pthread_mutex_lock(&s->lock);
	if (s->runs)
		pthread_kill(s->thread, number);
	pthread_mutex_unlock(&s->lock);
}

uint64_t seat_cpu_ns(struct seat *s)
{
	uint64_t ns = 0;
	clockid_t clock;

	pthread_mutex_lock(&s->lock);
	if (s->runs && !pthread_getcpuclockid(s->thread, &clock))
		ns = clock_ns(clock);
	pthread_mutex_unlock(&s->lock);
	return ns;
}

void seat_close(struct seat *s)
{
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	pthread_cond_broadcast(&s->changed);
	while (s->taken)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* Lock held. */
static void work(struct seat *s)
{
	void (*fn)(void *) = s->fn;
	void *arg = s->arg;

	s->fn = NULL;
	s->runs = true;
	pthread_mutex_unlock(&s->lock);
	fn(arg);
	pthread_mutex_lock(&s->lock);
	s->runs = false;
	pthread_cond_broadcast(&s->changed);
}

int seat_sit(struct seat *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->taken || s->closed) {
		pthread_mutex_unlock(&s->lock);
		return -EBUSY;
	}
	s->taken = true;
	s->thread = pthread_self();
	while (!s->closed || s->fn) {
		if (s->fn)
			work(s);
		else
			pthread_cond_wait(&s->changed, &s->lock);
	}
	s->taken = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return 0;
}
