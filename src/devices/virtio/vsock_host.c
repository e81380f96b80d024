// SPDX-License-Identifier: BSD-3-Clause
/*
 * See vsock_parts.h. How connections begin: the listening socket and the
 * "CONNECT" line of a host program, and the guest's own connections to
 * sockets beside it. Host programs are trusted little: who says nothing, or
 * something else, is cut off.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "backends/unix_sock.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "devices/virtio/vsock_parts.h"

#define ACCEPT_BATCH    16
#define ACCEPT_RETRY_MS 1000

void vsock_listen(struct vsock *vs, bool on)
{
	if (vs->accept_ms > clock_mono_ms())
		on = false;
	if (on == vs->listening || !vs->listener)
		return;
	vs->listening = on;
	loop_set_events(vs->listener, on ? EPOLLIN : 0);
}

/* Out of descriptors: others wait outside, and we do not spin. */
static void accept_later(struct vsock *vs)
{
	vs->accept_ms = clock_mono_ms() + ACCEPT_RETRY_MS;
	vsock_timer_by(vs, vs->accept_ms);
	vsock_listen(vs, false);
}

static void accept_some(struct vsock *vs)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = unix_accept(vs->listen_fd);
		struct vsock_conn *c;

		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			accept_later(vs);
			return;
		}
		c = vsock_conn_open(vs, VSOCK_HELLO, fd);
		if (!c) {
			vs->counts.refused++;
			continue;
		}
		vsock_conn_deadline(c, vs->request_ms);
		vsock_conn_poll(c);
	}
}

void vsock_on_listener(void *vsock, uint32_t events)
{
	struct vsock *vs = vsock;

	pthread_mutex_lock(&vs->lock);
	if (vs->running)
		accept_some(vs);
	else
		vsock_listen(vs, false);
	pthread_mutex_unlock(&vs->lock);
}

/* A host port that has no connection to @guest_port. */
static uint32_t choose_port(struct vsock *vs, uint32_t guest_port)
{
	uint32_t port;

	do {
		port = vs->next_port;
		vs->next_port = port == VSOCK_PORT_LAST ? VSOCK_PORT_FIRST :
							  port + 1;
	} while (vsock_conn_find(vs, port, guest_port));
	return port;
}

/* "CONNECT PORT", the line's end cut off. */
static int parse(const char *line, uint32_t *port)
{
	uint64_t v;

	if (strncmp(line, "CONNECT ", 8) != 0 ||
	    num_parse_u64(&v, line + 8) < 0 || v >= UINT32_MAX)
		return -EINVAL;
	*port = (uint32_t)v;
	return 0;
}

static void refuse(struct vsock_conn *c)
{
	c->vs->counts.refused++;
	vsock_conn_free(c);
}

static void request(struct vsock_conn *c)
{
	struct vsock *vs = c->vs;
	uint32_t port;

	c->line[c->line_len - 1] = '\0';
	if (strlen(c->line) != c->line_len - 1u || parse(c->line, &port) < 0) {
		refuse(c);
		return;
	}
	c->state = VSOCK_REQUESTED;
	vsock_conn_name(c, choose_port(vs, port), port);
	vsock_conn_deadline(c, vs->request_ms);
	vsock_owe(c, OWES_REQUEST);
}

/* Takes the line and not a byte more: what follows is for the guest. */
void vsock_hello(struct vsock_conn *c)
{
	char *at = c->line + c->line_len;
	size_t room = sizeof(c->line) - c->line_len;
	ssize_t n = recv(c->fd, at, room, MSG_PEEK | MSG_DONTWAIT);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		refuse(c);
		return;
	}
	end = memchr(at, '\n', (size_t)n);
	if (end)
		n = end + 1 - at;
	n = recv(c->fd, at, (size_t)n, MSG_DONTWAIT);
	if (n <= 0) {
		refuse(c);
		return;
	}
	c->line_len = (uint8_t)(c->line_len + n);
	if (end)
		request(c);
	else if (c->line_len == sizeof(c->line))
		refuse(c);
}

void vsock_accepted(struct vsock_conn *c)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	if (send(c->fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    len) {
		vsock_conn_reset(c);
		return;
	}
	c->state = VSOCK_OPEN;
	c->vs->counts.opened++;
	vsock_conn_deadline(c, 0);
	vsock_conn_poll(c);
}

/* The program's own ports, then the sockets beside PATH: a descriptor. */
static int dial(struct vsock *vs, uint32_t port, uint32_t guest_port)
{
	char path[VSOCK_PATH_MAX + 12];
	int fd = -ENOENT;
	int r;

	if (vs->dial.dial)
		fd = vs->dial.dial(vs->dial.ctx, port, guest_port);
	if (fd != -ENOENT || !*vs->path)
		return fd;
	snprintf(path, sizeof(path), "%s_%u", vs->path, port);
	r = unix_connect(&fd, path);
	return r < 0 ? r : fd;
}

struct vsock_conn *vsock_connect(struct vsock *vs, uint32_t host_port,
				 uint32_t guest_port)
{
	int fd = vs->free == VSOCK_NONE ? -EMFILE :
					  dial(vs, host_port, guest_port);
	struct vsock_conn *c;

	if (fd < 0) {
		log_guest(vs->v.log, &vs->v.limit,
			  "%s: the guest is refused port %u: %s%s%s", vs->v.id,
			  host_port, vs->path, *vs->path ? "_PORT: " : "",
			  strerror(-fd));
		vs->counts.refused++;
		return NULL;
	}
	c = vsock_conn_open(vs, VSOCK_OPEN, fd);
	if (!c) {
		vs->counts.refused++;
		return NULL;
	}
	vs->counts.opened++;
	vsock_conn_name(c, host_port, guest_port);
	return c;
}
