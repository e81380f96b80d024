// SPDX-License-Identifier: BSD-3-Clause
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/thread.h"
#include "control/requests.h"
#include "control/runtime.h"

#define MAX_CONNECTIONS 32

struct connection {
	struct control *control;
	bool used; /* the thread is to be joined */
	_Atomic bool done;
	pthread_t thread;
	int fd; /* owned by the thread */
};

struct control {
	struct service service;
	struct runtime runtime;
	int base;    /* owned */
	int stop_fd; /* owned eventfd */
	_Atomic bool console; /* somebody has it */
	_Atomic unsigned int execs; /* that run */
	int spare;   /* owned: for a connection when there is no other */
	bool deaf;   /* there is not even that one */
	struct connection connection[MAX_CONNECTIONS];
};

static int fail(struct vireo_error *err, int code, const char *what,
		const char *why)
{
	if (err) {
		memset(err, 0, sizeof(*err));
		err->code = code;
		snprintf(err->text, sizeof(err->text), "%s: %s", what, why);
	}
	return code;
}

static void ignore(void *ctx, const char *name)
{
}

/* Looks for what killed ones have left as well. */
static int open_all(struct control *c, const char *directory, const char *name)
{
	int r;

	c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c->stop_fd = fd_event_create();
	if (c->stop_fd < 0)
		return c->stop_fd;
	c->base = runtime_base(directory, true);
	if (c->base < 0)
		return c->base;
	r = runtime_claim(&c->runtime, c->base, name);
	if (r == 0)
		runtime_list(c->base, ignore, NULL);
	c->service.name = c->runtime.name;
	c->service.stop_fd = c->stop_fd;
	c->service.console = &c->console;
	c->service.execs = &c->execs;
	return r;
}

int control_open(struct control **out, const char *directory, const char *name,
		 const struct vireo_config *cfg, struct vireo_error *err)
{
	struct control *c;
	int r;

	*out = NULL;
	if (name && !runtime_name_ok(name))
		return fail(err, VIREO_EINVAL, name, "no name for a VM");
	c = calloc(1, sizeof(*c));
	if (!c)
		return fail(err, VIREO_EHOST, "control socket",
			    "out of memory");
	c->base = -1;
	c->service.cfg = cfg;
	c->service.since = (int64_t)time(NULL);
	r = open_all(c, directory, name);
	if (r < 0) {
		control_close(&c);
		if (r == -EEXIST)
			return fail(err, VIREO_ESTATE, name,
				    "a VM with this name runs (vireo ps)");
		return fail(err, VIREO_EHOST, directory,
			    r == -EPERM ? "not a directory of yours alone" :
					  strerror(-r));
	}
	*out = c;
	return 0;
}

const char *control_name(const struct control *c)
{
	return c->runtime.name;
}

int control_fd(const struct control *c)
{
	return c->deaf ? -1 : c->runtime.listen;
}

/* ---- connections ---- */

static void *serve(void *arg)
{
	struct connection *n = arg;
	const struct service *s = &n->control->service;
	struct exchange x;
	int r = exchange_read(&x, n->fd, s->stop_fd);

	if (r == 0)
		request_serve(s, &x, n->fd);
	else if (r == -EBADMSG || r == -E2BIG || r == -ENOTSUP)
		exchange_refuse(n->fd, http_status_of(r),
			       "this is no request of HTTP/1.1 as it is "
			       "understood here");
	exchange_finish(&x);
	fd_close(&n->fd);
	atomic_store(&n->done, true);
	return NULL;
}

/* Joins those that have ended. NULL: all others are busy. */
static struct connection *find_free(struct control *c)
{
	struct connection *found = NULL;

	for (int i = 0; i < MAX_CONNECTIONS; i++) {
		struct connection *n = &c->connection[i];

		if (n->used && atomic_load(&n->done)) {
			pthread_join(n->thread, NULL);
			n->used = false;
		}
		if (!n->used && !found)
			found = n;
	}
	return found;
}

static int accept_one(struct control *c)
{
	return accept4(c->runtime.listen, NULL, NULL,
		       SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Who polls must not be called again and again for one that waits: it is sent
 * away, and later ones find more. */
static void accept_without_room(struct control *c)
{
	int fd = -1;

	if (c->spare >= 0) {
		fd_close(&c->spare);
		fd = accept_one(c);
	}
	c->deaf = fd < 0 && errno != EAGAIN;
	if (fd >= 0)
		exchange_refuse(fd, 503, "no more descriptors");
	fd_close(&fd);
	c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void control_serve(struct control *c, struct vireo_vm *vm)
{
	struct connection *n = find_free(c);
	int fd = accept_one(c);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS)
			accept_without_room(c);
		return;
	}
	if (!n) {
		exchange_refuse(fd, 503, "too many connections");
		fd_close(&fd);
		return;
	}
	if (!c->service.vm) /* the others read it */
		c->service.vm = vm;
	n->control = c;
	n->fd = fd;
	atomic_store(&n->done, false);
	n->used = thread_start(&n->thread, "control", serve, n) == 0;
	if (!n->used)
		fd_close(&n->fd);
}

void control_hang_up(struct control *c)
{
	if (!c)
		return;
	if (c->stop_fd >= 0)
		fd_event_signal(c->stop_fd);
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		if (c->connection[i].used) {
			pthread_join(c->connection[i].thread, NULL);
			c->connection[i].used = false;
		}
}

void control_close(struct control **control)
{
	struct control *c = control ? *control : NULL;

	if (!c)
		return;
	control_hang_up(c);
	runtime_release(&c->runtime);
	fd_close(&c->base);
	fd_close(&c->spare);
	fd_close(&c->stop_fd);
	free(c);
	*control = NULL;
}
