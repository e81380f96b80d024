// SPDX-License-Identifier: BSD-3-Clause
#include "command/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/recipe.h"

struct command {
	struct guest_files files;
	struct command_host host;
	struct session *session; /* owned: number 0 */
	struct execs execs;
};

/* ---- on the loop ---- */

static void on_started(void *ctx)
{
	struct command *c = ctx;

	execs_ready(&c->execs);
}

static void on_ended(void *ctx, const struct command_end *end)
{
	struct command *c = ctx;

	c->host.ended(c->host.ctx, end);
}

/* Whoever calls first is a command's stream from then on. The numbers can be
 * guessed, so it has to be one who may have such a port: init is. */
int command_dial(void *command, uint32_t port, uint32_t guest_port)
{
	struct command *c = command;
	uint32_t at = port - SESSION_PORTS;

	if (port < SESSION_PORTS || at / 4 > EXEC_LAST)
		return -ENOENT;
	if (guest_port > SESSION_CALLER_MAX)
		return -EACCES;
	return at < 4 ? session_dial(c->session, at) :
			execs_dial(&c->execs, at / 4, at % 4);
}

void command_vm_ended(struct command *c)
{
	execs_end(&c->execs);
}

/* ---- life ---- */

int command_create(struct command **out, struct config *cfg,
		   const struct command_host *host, struct err *err)
{
	struct command *c = calloc(1, sizeof(*c));
	const struct session_host first = {
		.in = host->in, .out = host->out, .err = host->err,
		.loop = host->loop, .started = on_started, .ended = on_ended,
		.ctx = c,
	};
	int r;

	*out = NULL;
	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	c->host = *host;
	r = session_create(&c->session, &first, err);
	execs_init(&c->execs, cfg, host->loop, c->session);
	if (r == 0)
		r = recipe_prepare(&c->files, cfg, err);
	if (r < 0) {
		command_destroy(c);
		return r;
	}
	*out = c;
	return 0;
}

void command_destroy(struct command *c)
{
	if (!c)
		return;
	session_destroy(c->session);
	execs_finish(&c->execs);
	guest_files_finish(&c->files);
	free(c);
}

const struct archive *command_initramfs(const struct command *c)
{
	return &c->files.initramfs;
}

struct own_files command_own_files(const struct command *c)
{
	return guest_files_own(&c->files);
}

struct session *command_session(struct command *c)
{
	return c->session;
}

struct execs *command_execs(struct command *c)
{
	return &c->execs;
}
