// SPDX-License-Identifier: BSD-3-Clause
#include "control/requests.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"

#define GRACE_MS 10000 /* from being asked to the end */

/* ---- what it is ---- */

static void add_value(struct json_object *object, const struct service *s,
		      const char *key)
{
	const char *value = vireo_config_get(s->cfg, key, 0);

	(void)json_object_add(object, key, value ? value : "", false);
}

/* A word at a time, as it was given. */
static void add_command(struct json_object *object, const struct service *s)
{
	const char *word;

	for (size_t i = 0; (word = vireo_config_get(s->cfg, "command", i)); i++)
		(void)json_object_add(object, "command", word, true);
}

static void get_vm(const struct service *s, const struct exchange *x, int fd)
{
	struct json_object *object = json_object_create();
	int r = vireo_wait(s->vm, 0, NULL);
	char *body;

	if (object) {
		(void)json_object_add(object, "name", s->name, false);
		(void)json_object_add_number(object, "pid", getpid());
		(void)json_object_add(object, "state",
				      r == 0		 ? "ended" :
				      r == VIREO_ESTATE ? "created" :
							   "running", false);
		(void)json_object_add_number(object, "since", s->since);
		add_value(object, s, "kernel");
		add_command(object, s);
		add_value(object, s, "memory");
		add_value(object, s, "cpus");
	}
	body = json_object_finish(object);
	if (body)
		exchange_answer(fd, 200, body);
	else
		exchange_refuse(fd, 500, "out of memory");
	free(body);
}

/* ---- its end ---- */

static int read_force(void *ctx, const char *key, const char *value,
		      struct err *err)
{
	bool *force = ctx;

	if (strcmp(key, "force") ||
	    (strcmp(value, "true") && strcmp(value, "false")))
		return err_set(err, -EINVAL,
			       "wants {\"force\": true}, or nothing");
	*force = !strcmp(value, "true");
	return 0;
}

/* A command is asked by a signal, a guest by the power button. */
static bool ask_to_end(const struct service *s)
{
	return vireo_command_signal(s->vm, SIGTERM) == 0 ||
	       vireo_power_button(s->vm) == 0;
}

/* The answer comes at once: the end of the VM is the end of its socket. */
static void post_stop(const struct service *s, const struct exchange *x, int fd)
{
	struct pollfd set[] = { { vireo_event_fd(s->vm), POLLIN, 0 },
				{ s->stop_fd, POLLIN, 0 } };
	struct err err = { 0 };
	bool force = false;

	if (x->request.length &&
	    json_walk(exchange_body(x), x->request.length, read_force, &force,
		      &err) < 0) {
		exchange_refuse(fd, 400, err.text);
		return;
	}
	force = force || !ask_to_end(s);
	exchange_answer(fd, 202, "{}");
	if (!force && poll(set, 2, GRACE_MS) != 0)
		return;
	vireo_stop(s->vm);
}

/* ---- which request ---- */

static const struct {
	const char *method;
	const char *path;
	void (*serve)(const struct service *s, const struct exchange *x,
		      int fd);
} requests[] = {
	{ "GET", "/vireo/v1/vm", get_vm },
	{ "POST", "/vireo/v1/stop", post_stop },
	{ "POST", "/vireo/v1/exec", request_exec },
	{ "POST", "/vireo/v1/console", request_console },
};

void request_serve(const struct service *s, const struct exchange *x, int fd)
{
	int status = 404;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (strcmp(x->request.path, requests[i].path))
			continue;
		status = 405;
		if (!strcmp(x->request.method, requests[i].method)) {
			requests[i].serve(s, x, fd);
			return;
		}
	}
	exchange_refuse(fd, status, status == 404 ? "no such path" :
						   "no such method here");
}
