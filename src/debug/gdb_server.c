// SPDX-License-Identifier: BSD-3-Clause
/* See gdb_server.h. */
#include "debug/gdb_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/unix_sock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/thread.h"

#define CHUNK       4096
#define BACKLOG     4
#define LAST_MS     1000 /* for the last words to a client */
#define RETRY_MS    100  /* when there are no descriptors */

struct gdb_server {
	struct gdb_machine machine;
	struct gdb_stub *stub; /* owned */
	char path[UNIX_PATH_MAX + 1]; /* is removed at the end; "" */
	int listen_fd;         /* owned, like */
	int client_fd;         /* -1: there is none */
	int quit_fd;
	bool started;
	bool fresh; /* the client has said nothing yet: who is it? */
	bool starved; /* the next client could not be taken just now */
	pthread_t thread;
	size_t len; /* bytes of the client's that wait */
	size_t at;
	uint8_t bytes[CHUNK];
};

/* ---- listening ---- */

static int listen_tcp(const char *port, struct err *err)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
	};
	const int on = 1;
	int r = 0;
	int fd = fd_above(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
				 SOCK_NONBLOCK, 0));

	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		r = -errno;
	if (!r)
		return fd;
	close(fd);
	return err_set(err, r, "port %s of 127.0.0.1: %s (choose another one)",
		       port, strerror(-r));
}

static int start_listening(struct gdb_server *s, const char *address,
			   struct err *err)
{
	int r;

	if (!strncmp(address, "tcp:", 4)) {
		s->listen_fd = listen_tcp(address + 4, err);
		return s->listen_fd < 0 ? s->listen_fd : 0;
	}
	if (strncmp(address, "unix:", 5) != 0)
		return err_set(err, -EINVAL,
			       "\"%s\" is neither tcp:PORT nor unix:PATH",
			       address);
	r = unix_listen(&s->listen_fd, address + 5, BACKLOG, err);
	if (!r)
		memcpy(s->path, address + 5, strlen(address + 5) + 1);
	return r;
}

int gdb_server_create(struct gdb_server **out, const char *address,
		      const struct gdb_machine *machine, struct err *err)
{
	struct gdb_server *s = calloc(1, sizeof(*s));
	int r;

	*out = NULL;
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->machine = *machine;
	s->listen_fd = -1;
	s->client_fd = -1;
	s->quit_fd = fd_event_create();
	r = s->quit_fd < 0 ? err_set(err, s->quit_fd, "%s",
				     strerror(-s->quit_fd))
			   : 0;
	if (!r && gdb_stub_create(&s->stub, machine->ops, machine->ctx) < 0)
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r)
		r = start_listening(s, address, err);
	if (r < 0)
		gdb_server_destroy(s);
	else
		*out = s;
	return r;
}

/* ---- one client ---- */

static void hang_up(struct gdb_server *s)
{
	if (s->client_fd < 0)
		return;
	fd_hang_up(&s->client_fd);
	gdb_stub_detach(s->stub);
	log_debug(s->machine.log, "gdb: the client is gone");
}

/* One at a time, and who says nothing does not keep others out. Packets are
 * small, and each is waited for. */
static void take_client(struct gdb_server *s)
{
	const int on = 1;
	int fd = unix_accept(s->listen_fd);

	s->starved = fd < 0 && fd != -EAGAIN;
	if (fd < 0)
		return;
	if (s->client_fd >= 0 && !s->fresh) {
		close(fd);
		return;
	}
	hang_up(s);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	s->client_fd = fd;
	s->fresh = true;
	s->len = 0;
	s->at = 0;
	log_debug(s->machine.log, "gdb: a client has connected");
}

static bool is_over(ssize_t n)
{
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static bool has_output(const struct gdb_server *s)
{
	size_t len;

	gdb_stub_output(s->stub, &len);
	return s->client_fd >= 0 && !s->fresh && len;
}

/* What there is to be sent, as far as it goes. */
static void send_some(struct gdb_server *s)
{
	size_t len;
	const char *bytes = gdb_stub_output(s->stub, &len);
	ssize_t n;

	if (!has_output(s))
		return;
	n = send(s->client_fd, bytes, len, MSG_NOSIGNAL);
	if (n > 0)
		gdb_stub_sent(s->stub, (size_t)n);
	else if (is_over(n))
		hang_up(s);
}

/* Debuggers begin with a sign or a packet, and have no blanks in the first one;
 * a page in a browser brings a line of HTTP, with a method that may be of its
 * own choice. */
static bool is_debugger(const struct gdb_server *s)
{
	return memchr("+-$\3", s->bytes[0], 4) &&
	       !memchr(s->bytes, ' ', s->len) &&
	       !memchr(s->bytes, '\n', s->len);
}

/* The machine is left alone until it is known who has connected. */
static void greet(struct gdb_server *s)
{
	if (is_debugger(s)) {
		s->fresh = false;
		gdb_stub_attach(s->stub);
	} else {
		log_debug(s->machine.log, "gdb: the client is no debugger");
		hang_up(s);
	}
}

static void read_some(struct gdb_server *s)
{
	ssize_t n = recv(s->client_fd, s->bytes, sizeof(s->bytes), 0);

	s->at = 0;
	s->len = n > 0 ? (size_t)n : 0;
	if (is_over(n))
		hang_up(s);
	else if (s->fresh && s->len)
		greet(s);
}

/* Until the client is waited for, this way or that. */
static void converse(struct gdb_server *s)
{
	while (s->client_fd >= 0 && !s->fresh && !has_output(s)) {
		if (gdb_stub_is_done(s->stub)) {
			hang_up(s);
			return;
		}
		gdb_stub_look(s->stub);
		if (s->at == s->len)
			return;
		s->at += gdb_stub_input(s->stub, s->bytes + s->at,
					s->len - s->at);
		send_some(s);
	}
}

/* The machine has ended: so does the conversation. */
static void say_goodbye(struct gdb_server *s)
{
	struct pollfd fds[] = { { s->client_fd, POLLOUT, 0 },
				{ s->quit_fd, POLLIN, 0 } };

	if (s->client_fd < 0)
		return;
	gdb_stub_end(s->stub, s->machine.status(s->machine.ctx));
	do
		send_some(s);
	while (has_output(s) && poll(fds, 2, LAST_MS) > 0 && !fds[1].revents);
	hang_up(s);
}

/* Waits for what comes next, and does it. False: it was the last. */
static bool serve(struct gdb_server *s)
{
	bool out = has_output(s);
	bool running = gdb_stub_is_running(s->stub);
	struct pollfd fds[] = {
		{ s->quit_fd, POLLIN, 0 },
		{ s->machine.end_fd, POLLIN, 0 },
		{ s->starved ? -1 : s->listen_fd, POLLIN, 0 },
		{ s->client_fd, out ? POLLOUT : POLLIN, 0 },
		{ running && !out ? s->machine.stop_fd : -1, POLLIN, 0 },
	};
	int n = poll(fds, ARRAY_SIZE(fds), s->starved ? RETRY_MS : -1);

	s->starved = false;
	if (n < 0 && errno != EINTR) {
		log_warn(s->machine.log, "gdb: poll: %s: no debugger any more",
			 strerror(errno));
		hang_up(s); /* the machine goes on */
		return false;
	}
	if (n <= 0)
		return true;
	if (fds[0].revents || fds[1].revents)
		return false;
	if (fds[3].revents & POLLOUT)
		send_some(s);
	else if (fds[3].revents)
		read_some(s);
	if (fds[2].revents)
		take_client(s);
	converse(s);
	return true;
}

static void *server_main(void *arg)
{
	struct gdb_server *s = arg;

	while (serve(s))
		;
	fd_hang_up(&s->listen_fd); /* nobody shall wait there */
	say_goodbye(s);
	return NULL;
}

int gdb_server_start(struct gdb_server *s, struct err *err)
{
	int r = thread_start(&s->thread, "gdb", server_main, s);

	if (r < 0)
		return err_set(err, r, "cannot start the thread gdb: %s",
			       strerror(-r));
	s->started = true;
	return 0;
}

void gdb_server_destroy(struct gdb_server *s)
{
	if (!s)
		return;
	if (s->started) {
		fd_event_signal(s->quit_fd);
		pthread_join(s->thread, NULL);
	}
	fd_hang_up(&s->client_fd);
	fd_hang_up(&s->listen_fd);
	fd_close(&s->quit_fd);
	if (*s->path)
		unlink(s->path);
	gdb_stub_destroy(s->stub);
	free(s);
}
