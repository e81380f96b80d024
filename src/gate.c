// SPDX-License-Identifier: BSD-3-Clause
/* See gate.h. */
#include "gate.h"

void gate_init(struct gate *g)
{
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	atomic_init(&g->closed, false);
	g->alone = GATE_NOBODY;
	g->inside = NULL;
}

void gate_finish(struct gate *g)
{
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

static void set(struct gate *g, bool closed, int alone)
{
	pthread_mutex_lock(&g->lock);
	atomic_store(&g->closed, closed);
	g->alone = alone;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

void gate_close(struct gate *g)
{
	set(g, true, GATE_NOBODY);
}

void gate_open(struct gate *g)
{
	set(g, false, GATE_NOBODY);
}

void gate_open_for(struct gate *g, int id)
{
	set(g, true, id);
}

/* Called with the lock held. */
static bool may_pass(const struct gate *g, int id)
{
	return !atomic_load(&g->closed) || g->alone == id;
}

bool gate_enter(struct gate *g, struct gate_pass *pass,
		const atomic_bool *stop)
{
	bool waited = false;

	pthread_mutex_lock(&g->lock);
	while (!may_pass(g, pass->id) && !atomic_load(stop)) {
		waited = true;
		pthread_cond_wait(&g->changed, &g->lock);
	}
	pass->thread = pthread_self();
	pass->next = g->inside;
	g->inside = pass;
	pthread_mutex_unlock(&g->lock);
	return waited;
}

void gate_leave(struct gate *g, struct gate_pass *pass)
{
	struct gate_pass **at = &g->inside;

	pthread_mutex_lock(&g->lock);
	while (*at != pass)
		at = &(*at)->next;
	*at = pass->next;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

bool gate_stops(struct gate *g, const struct gate_pass *pass)
{
	bool stops;

	if (!atomic_load(&g->closed))
		return false;
	pthread_mutex_lock(&g->lock);
	stops = !may_pass(g, pass->id);
	pthread_mutex_unlock(&g->lock);
	return stops;
}

bool gate_has_me(struct gate *g)
{
	const struct gate_pass *p;

	pthread_mutex_lock(&g->lock);
	for (p = g->inside; p; p = p->next)
		if (pthread_equal(p->thread, pthread_self()))
			break;
	pthread_mutex_unlock(&g->lock);
	return p;
}

void gate_wake(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

void gate_wait_empty(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	while (g->inside && atomic_load(&g->closed))
		pthread_cond_wait(&g->changed, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

bool gate_is_empty(struct gate *g)
{
	bool empty;

	pthread_mutex_lock(&g->lock);
	empty = atomic_load(&g->closed) && !g->inside &&
		g->alone == GATE_NOBODY;
	pthread_mutex_unlock(&g->lock);
	return empty;
}
