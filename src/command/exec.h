/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Further commands in a VM that has one. Each is a session of its own
 * (session.h); the guest's init is told on the first command's connection, and
 * serves each by a process of its own.
 *
 * Threads: a struct execs belongs to the command of a VM, and is used on its
 * loop; a struct exec on any.
 */
#ifndef VIREO_COMMAND_EXEC_H
#define VIREO_COMMAND_EXEC_H

#include <pthread.h>

#include "board/config.h"
#include "command/session.h"

#define EXEC_MAX  64        /* at a time */
#define EXEC_LAST 0xffffffu /* number, in the life of a VM */

struct exec;

/* What it is; NULL: as the VM's own command has it. */
struct exec_order {
	const char *const *words; /* NULL past the last */
	const char *const *env;   /* NAME=VALUE, in place of the same NAME */
	const char *dir;
	const uint32_t *uid;
	const uint32_t *gid;
	bool tty;
	int in, out, err; /* not owned, duplicated; -1: nothing there */
	/* Loop thread, once; not after exec_destroy(). */
	void (*ended)(void *ctx, const struct command_end *end);
	void *ctx;
};

/* Those of a VM. */
struct execs {
	const struct config *cfg; /* with the first command */
	struct loop *loop;
	struct session *first;

	pthread_mutex_t lock; /* guards what follows */
	struct exec *list;
	unsigned int count;
	uint32_t number; /* of the last one */
	bool ready; /* the guest listens */
	bool over;  /* and not any more */
};

void execs_init(struct execs *all, const struct config *cfg, struct loop *loop,
		struct session *first);
void execs_finish(struct execs *all);
/* The first command runs: whoever waits is told of. */
void execs_ready(struct execs *all);
/* The VM has ended: so have they. */
void execs_end(struct execs *all);
/* For struct vsock_dial. */
int execs_dial(struct execs *all, uint32_t number, unsigned int which);

/* Asks the guest for it, once the first command runs; a guest that does not
 * start it in a minute has failed. -EBUSY: the VM has ended; -EINVAL; -E2BIG;
 * -EAGAIN: EXEC_MAX run. */
int exec_create(struct exec **out, struct execs *all,
		const struct exec_order *order, struct err *err);
/* NULL is accepted. A command that still runs gets SIGHUP. */
void exec_destroy(struct exec *x);
struct session *exec_session(struct exec *x);

#endif
