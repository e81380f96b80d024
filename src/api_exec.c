// SPDX-License-Identifier: BSD-3-Clause
/*
 * The public functions for further commands in a VM. As api.c; what they add is
 * a place to wait at.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/fd.h"
#include "board/keys.h"

struct vireo_exec {
	struct vireo_vm *vm; /* that of the command; outlives it */
	struct exec *exec; /* owned */
	int event_fd;      /* owned; readable once ended */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool ended;
	struct vireo_end end;
};

/* Loop thread. */
static void on_ended(void *ctx, const struct command_end *end)
{
	struct vireo_exec *x = ctx;

	pthread_mutex_lock(&x->lock);
	x->ended = true;
	x->end.reason = VIREO_COMMAND;
	x->end.status = end->status;
	x->end.exit_code = end->status;
	snprintf(x->end.verdict, sizeof(x->end.verdict), "%s", end->verdict);
	snprintf(x->end.detail, sizeof(x->end.detail), "%s", end->detail);
	pthread_cond_broadcast(&x->changed);
	pthread_mutex_unlock(&x->lock);
	fd_event_signal(x->event_fd);
}

static int check_all(struct config *cfg, const char *key,
		     const char *const *values, struct err *err)
{
	int r = 0;

	for (size_t i = 0; values && values[i] && r == 0; i++)
		r = config_set(cfg, key, values[i], err);
	return r;
}

/* What is given is to be there. */
static int check_stream(bool given, int fd, const char *name, struct err *err)
{
	return given && fcntl(fd, F_GETFD) < 0
		       ? err_set(err, -EINVAL, "%s: descriptor %d: %s", name,
				 fd, strerror(errno))
		       : 0;
}

/* The rules are those of the keys; @cfg takes the values. */
static int check_options(struct config *cfg,
			 const struct vireo_exec_options *o, struct err *err)
{
	int r;

	if (o->size != sizeof(*o))
		return err_set(err, -EINVAL,
			       "size: not that of this version's struct");
	if (!o->words || !o->words[0])
		return err_set(err, -EINVAL, "no command is given");
	r = check_all(cfg, "command", o->words, err);
	if (r == 0)
		r = check_all(cfg, "env", o->env, err);
	if (r == 0 && o->dir)
		r = config_set(cfg, "workdir", o->dir, err);
	if (r == 0 && o->user)
		r = config_set(cfg, "user", o->user, err);
	if (r == 0)
		r = check_stream(o->has_in, o->in, "in", err);
	if (r == 0)
		r = check_stream(o->has_out, o->out, "out", err);
	if (r == 0)
		r = check_stream(o->has_err, o->err, "err", err);
	return r;
}

static int start(struct vireo_exec *x, struct vireo_vm *vm,
		 const struct vireo_exec_options *o, struct err *err)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	int r = cfg ? check_options(cfg, o, err) :
		      err_set(err, -ENOMEM, "out of memory");

	if (r == 0) {
		const struct exec_order order = {
			.words = o->words, .env = o->env, .dir = o->dir,
			.uid = o->user ? &cfg->command.uid : NULL,
			.gid = o->user ? &cfg->command.gid : NULL,
			.tty = o->tty, .in = o->has_in ? o->in : -1,
			.out = o->has_out ? o->out : -1,
			.err = o->has_err ? o->err : -1,
			.ended = on_ended, .ctx = x,
		};

		r = exec_create(&x->exec, command_execs(vm->command), &order,
				err);
	}
	free(cfg);
	return r;
}

/* A guest with an init of its own has nobody who would listen. */
static bool runs_command(const struct vireo_vm *vm)
{
	return vm->command && vm->cfg->command.args.count;
}

int vireo_exec(struct vireo_exec **out, struct vireo_vm *vm,
	       const struct vireo_exec_options *options,
	       struct vireo_error *err)
{
	struct err why = { 0 };
	struct vireo_exec *x;
	int r;

	if (!out || !vm || !options)
		return api_fail_text(err, VIREO_EINVAL, "an argument is NULL");
	*out = NULL;
	r = api_take_vm(vm, err);
	if (r < 0)
		return r;
	if (!runs_command(vm))
		return api_fail_text(err, VIREO_ESTATE,
				     "the VM does not run a command");
	x = calloc(1, sizeof(*x));
	if (!x)
		return api_fail_text(err, VIREO_EHOST, "out of memory");
	x->vm = vm;
	pthread_mutex_init(&x->lock, NULL);
	vm_init_condition(&x->changed);
	x->event_fd = fd_event_create();
	r = x->event_fd < 0 ? err_set(&why, x->event_fd, "%s",
				      strerror(-x->event_fd)) :
			      start(x, vm, options, &why);
	if (r < 0) {
		vireo_exec_destroy(&x);
		return api_fail(err, api_code(r), &why);
	}
	*out = x;
	return 0;
}

static int check(const struct vireo_exec *x)
{
	return api_check_vm(x ? x->vm : NULL);
}

int vireo_exec_wait(struct vireo_exec *x, int timeout_ms,
		    struct vireo_end *end)
{
	struct timespec until;
	int r = check(x);

	if (r < 0)
		return r;
	if (timeout_ms && vm_is_own_thread(x->vm))
		return VIREO_ESTATE;
	vm_deadline_after(&until, timeout_ms);
	pthread_mutex_lock(&x->lock);
	while (!r && !x->ended)
		r = timeout_ms < 0 ?
			    pthread_cond_wait(&x->changed, &x->lock) :
			    pthread_cond_timedwait(&x->changed, &x->lock,
						   &until);
	if (!r && end)
		*end = x->end;
	pthread_mutex_unlock(&x->lock);
	return r ? VIREO_ETIME : 0;
}

int vireo_exec_fd(const struct vireo_exec *x)
{
	int r = check(x);

	return r < 0 ? r : x->event_fd;
}

int vireo_exec_signal(struct vireo_exec *x, int number)
{
	int r = check(x);

	if (r < 0)
		return r;
	if (number < 1 || number > 64)
		return VIREO_EINVAL;
	session_signal(exec_session(x->exec), number);
	return 0;
}

int vireo_exec_resize(struct vireo_exec *x, unsigned int cols,
		      unsigned int rows)
{
	int r = check(x);

	if (r < 0)
		return r;
	if (cols > UINT16_MAX || rows > UINT16_MAX)
		return VIREO_EINVAL;
	session_resize(exec_session(x->exec), cols, rows);
	return 0;
}

void vireo_exec_destroy(struct vireo_exec **exec)
{
	struct vireo_exec *x = exec ? *exec : NULL;

	if (!x)
		return;
	*exec = NULL;
	if (check(x) < 0)
		return; /* as vireo_destroy() */
	exec_destroy(x->exec);
	fd_close(&x->event_fd);
	pthread_cond_destroy(&x->changed);
	pthread_mutex_destroy(&x->lock);
	free(x);
}
