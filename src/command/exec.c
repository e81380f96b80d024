// SPDX-License-Identifier: BSD-3-Clause
#include "command/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/recipe.h"

#define PATIENCE_NS (UINT64_C(60) * 1000000000)

struct exec {
	struct execs *all;
	struct exec *next; /* guarded by all->lock */
	uint32_t number;
	struct session *session;     /* owned */
	struct loop_source *patience; /* with a guest that does not start it */
	void (*ended)(void *ctx, const struct command_end *end);
	void *ctx;
};

void execs_init(struct execs *all, const struct config *cfg, struct loop *loop,
		struct session *first)
{
	memset(all, 0, sizeof(*all));
	all->cfg = cfg;
	all->loop = loop;
	all->first = first;
	pthread_mutex_init(&all->lock, NULL);
}

void execs_finish(struct execs *all)
{
	pthread_mutex_destroy(&all->lock);
}

/* Lock held. */
static void ask(const struct execs *all, const struct exec *x)
{
	char line[32];

	snprintf(line, sizeof(line), "exec %u\n", x->number);
	session_say(all->first, line);
}

void execs_ready(struct execs *all)
{
	pthread_mutex_lock(&all->lock);
	all->ready = true;
	for (const struct exec *x = all->list; x; x = x->next)
		ask(all, x);
	pthread_mutex_unlock(&all->lock);
}

void execs_end(struct execs *all)
{
	pthread_mutex_lock(&all->lock);
	all->over = true;
	for (struct exec *x = all->list; x; x = x->next)
		session_give_up(x->session, 116, "vm-ended",
				"the VM ended before the command did");
	pthread_mutex_unlock(&all->lock);
}

int execs_dial(struct execs *all, uint32_t number, unsigned int which)
{
	struct exec *x;
	int r = -ECONNREFUSED;

	/* Held: it does not go meanwhile. */
	pthread_mutex_lock(&all->lock);
	for (x = all->list; x && x->number != number; x = x->next)
		;
	if (x)
		r = session_dial(x->session, which);
	pthread_mutex_unlock(&all->lock);
	return r;
}

/* ---- one of them ---- */

static void on_ended(void *ctx, const struct command_end *end)
{
	struct exec *x = ctx;

	x->ended(x->ctx, end);
}

static void on_patience(void *ctx, uint32_t events)
{
	struct exec *x = ctx;

	if (!session_started_us(x->session) && !session_has_ended(x->session))
		session_give_up(x->session, 125, "guest-error",
				"the guest has not started it in a minute");
}

static int open_session(struct exec *x, const struct exec_order *order,
			struct err *err)
{
	const struct session_host host = {
		.in = order->in, .out = order->out, .err = order->err,
		.loop = x->all->loop, .ended = on_ended, .ctx = x,
		.ends_with_words = true,
	};
	char *bytes;
	size_t len;
	int r = session_create(&x->session, &host, err);

	if (r == 0)
		r = recipe_order(&bytes, &len, x->all->cfg, order, err);
	if (r < 0)
		return r;
	session_order(x->session, bytes, len);
	r = loop_add_timer(&x->patience, x->all->loop, on_patience, x);
	return r < 0 ? err_set(err, r, "a timer: %s", strerror(-r)) : 0;
}

/* From here on the guest may call. */
static int enter(struct exec *x, struct err *err)
{
	struct execs *all = x->all;
	int r = 0;

	pthread_mutex_lock(&all->lock);
	if (all->over)
		r = err_set(err, -EBUSY, "the VM has ended");
	else if (all->count == EXEC_MAX)
		r = err_set(err, -EAGAIN, "%d commands run in the VM already",
			    EXEC_MAX);
	else if (all->number == EXEC_LAST)
		r = err_set(err, -EAGAIN, "too many commands for one VM");
	if (r == 0) {
		x->number = ++all->number;
		x->next = all->list;
		all->list = x;
		all->count++;
		loop_arm(x->patience, PATIENCE_NS);
		if (all->ready)
			ask(all, x);
	}
	pthread_mutex_unlock(&all->lock);
	return r;
}

static void leave(struct exec *x)
{
	struct execs *all = x->all;

	pthread_mutex_lock(&all->lock);
	for (struct exec **at = &all->list; *at; at = &(*at)->next)
		if (*at == x) {
			*at = x->next;
			all->count--;
			break;
		}
	pthread_mutex_unlock(&all->lock);
}

int exec_create(struct exec **out, struct execs *all,
		const struct exec_order *order, struct err *err)
{
	struct exec *x = calloc(1, sizeof(*x));
	int r;

	*out = NULL;
	if (!x)
		return err_set(err, -ENOMEM, "out of memory");
	x->all = all;
	x->ended = order->ended;
	x->ctx = order->ctx;
	r = open_session(x, order, err);
	if (r == 0)
		r = enter(x, err);
	if (r < 0) {
		exec_destroy(x);
		return r;
	}
	*out = x;
	return 0;
}

void exec_destroy(struct exec *x)
{
	if (!x)
		return;
	leave(x);
	loop_remove(x->patience);
	session_destroy(x->session);
	free(x);
}

struct session *exec_session(struct exec *x)
{
	return x->session;
}
