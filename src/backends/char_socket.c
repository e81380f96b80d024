// SPDX-License-Identifier: BSD-3-Clause
/* See char.h and char_link.h: a console at a unix socket. While a client is
 * there, others wait in the socket's backlog. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backends/char_link.h"
#include "backends/unix_sock.h"
#include "base/fd.h"
#include "base/num.h"

#define BACKLOG  8
#define RETRY_NS 1000000000 /* out of descriptors */

struct socket {
	struct char_source source;
	struct char_link *link; /* not owned */
	char path[UNIX_PATH_MAX + 1];
	int fd; /* owned; listens */
	struct loop_source *ready;
	struct loop_source *timer;
};

static void on_ready(void *ctx, uint32_t events)
{
	struct socket *s = ctx;
	int fd = unix_accept(s->fd);
	int r = fd;

	if (fd == -EAGAIN)
		return;
	loop_set_events(s->ready, 0);
	if (fd >= 0) {
		r = char_link_attach(s->link, fd);
		fd_close(&fd);
	}
	if (r < 0)
		loop_arm(s->timer, RETRY_NS);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct socket *s = ctx;

	loop_set_events(s->ready, EPOLLIN);
}

static void gone(struct char_source *source)
{
	struct socket *s = container_of(source, struct socket, source);

	loop_set_events(s->ready, EPOLLIN);
}

static void destroy(struct char_source *source)
{
	struct socket *s = container_of(source, struct socket, source);

	loop_remove(s->timer);
	loop_remove(s->ready);
	if (s->fd >= 0)
		unlink(s->path);
	fd_hang_up(&s->fd);
	free(s);
}

static int open_sources(struct socket *s, struct loop *loop)
{
	int r = loop_add_timer(&s->timer, loop, on_timer, s);

	return r < 0 ? r : loop_add(&s->ready, loop, s->fd, EPOLLIN, on_ready,
				    s);
}

int char_socket_create(struct char_link **out, const char *path,
		       struct char_tap tap, struct loop *loop,
		       const struct log *log, struct err *err)
{
	struct socket *s = calloc(1, sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return err_set(err, -ENOMEM, "console: out of memory");
	s->fd = -1;
	s->source = (struct char_source){ s->path, gone, destroy };
	r = unix_listen(&s->fd, path, BACKLOG, err);
	if (r < 0)
		err_wrap(err, "console");
	else
		memcpy(s->path, path, strlen(path));
	if (r == 0)
		r = char_link_create(&s->link, &s->source, tap, loop, log,
				     err);
	if (r < 0) {
		destroy(&s->source);
		return r;
	}
	r = open_sources(s, loop);
	if (r < 0) {
		char_link_destroy(s->link, 0);
		return err_set(err, r, "console: socket %s: %s", path,
			       strerror(-r));
	}
	*out = s->link;
	return 0;
}
