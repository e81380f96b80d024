// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net.h. Opens the sockets of the stream and datagram backends. Hosts are
 * numeric: no name server is asked. Runs at creation only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/fd.h"

#define CONNECT_MS 10000

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} at;
	socklen_t len;
	const char *path; /* unix: inside the text */
	const char *text;
};

static int bad_address(const char *text, struct err *err)
{
	return err_set(err, -EINVAL, "socket address '%s': expected unix:PATH "
		       "or HOST:PORT with a numeric host", text);
}

static int parse_port(in_port_t *out, const char *text)
{
	unsigned int port = 0;

	if (!*text || strlen(text) > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (unsigned int)(*text - '0');
	}
	if (port == 0 || port > 65535)
		return -EINVAL;
	*out = htons((uint16_t)port);
	return 0;
}

static int parse_host(struct address *a, char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &a->at.in6.sin6_addr) != 1)
			return -EINVAL;
		a->at.in6.sin6_family = AF_INET6;
		a->len = sizeof(a->at.in6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &a->at.in.sin_addr) != 1)
		return -EINVAL;
	a->at.in.sin_family = AF_INET;
	a->len = sizeof(a->at.in);
	return 0;
}

static int parse(struct address *a, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	in_port_t port;
	size_t len;

	memset(a, 0, sizeof(*a));
	a->text = text;
	if (strncmp(text, "unix:", 5) == 0) {
		a->path = text + 5;
		len = strlen(a->path);
		if (!len || len >= sizeof(a->at.un.sun_path))
			return err_set(err, -EINVAL, "socket path '%s': it has "
				       "1 to %zu characters", a->path,
				       sizeof(a->at.un.sun_path) - 1);
		a->at.un.sun_family = AF_UNIX;
		memcpy(a->at.un.sun_path, a->path, len + 1);
		a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     len + 1);
		return 0;
	}
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return bad_address(text, err);
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (parse_host(a, host) < 0 || parse_port(&port, colon + 1) < 0)
		return bad_address(text, err);
	if (a->at.any.sa_family == AF_INET6)
		a->at.in6.sin6_port = port;
	else
		a->at.in.sin_port = port;
	return 0;
}

static int open_socket(const struct address *a, int type, struct err *err)
{
	int fd = fd_above(socket(a->at.any.sa_family,
				 type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	if (fd < 0)
		return err_set(err, -errno, "socket %s: %s", a->text,
			       strerror(errno));
	return fd;
}

static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int code = 0;
	int n;

	do
		n = poll(&p, 1, CONNECT_MS);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return -errno;
	return -code;
}

static int connect_to(int *out, const struct address *a, int type,
		      struct err *err)
{
	const int one = 1;
	int fd = open_socket(a, type, err);
	int r;

	if (fd < 0)
		return fd;
	r = connect(fd, &a->at.any, a->len) < 0 ? -errno : 0;
	if (r == -EINPROGRESS)
		r = wait_connected(fd);
	if (r < 0) {
		close(fd);
		return err_set(err, r, "socket %s: %s: start the program that "
			       "listens there first", a->text, strerror(-r));
	}
	if (!a->path && type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*out = fd;
	return 0;
}

/* A socket file that nobody listens to any more, left by a crash. */
static bool stale(const struct address *a, int type)
{
	struct stat st;
	bool dead;
	int fd;

	if (!a->path || lstat(a->path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	dead = connect(fd, &a->at.any, a->len) < 0 && errno == ECONNREFUSED;
	close(fd);
	return dead;
}

static int bind_to(int *out, const struct address *a, int type,
		   struct err *err)
{
	const int one = 1;
	int fd = open_socket(a, type, err);
	int r;

	if (fd < 0)
		return fd;
	if (!a->path)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (stale(a, type))
		unlink(a->path);
	r = bind(fd, &a->at.any, a->len) < 0 ? -errno : 0;
	if (r == 0 && type == SOCK_STREAM && listen(fd, 1) < 0)
		r = -errno;
	if (r == 0) {
		*out = fd;
		return 0;
	}
	close(fd);
	if (r == -EADDRINUSE)
		return err_set(err, r, "socket %s: another program listens "
			       "there: take another address", a->text);
	return err_set(err, r, "socket %s: %s", a->text, strerror(-r));
}

static int take_given(struct net_sockets *s, int given, bool datagram,
		      struct err *err)
{
	socklen_t len = sizeof(int);
	int type = 0;
	int flags;

	if (getsockopt(given, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return err_set(err, -errno, "socket descriptor %d: %s", given,
			       strerror(errno));
	if (type != (datagram ? SOCK_DGRAM : SOCK_STREAM))
		return err_set(err, -EINVAL, "socket descriptor %d is no %s "
			       "socket", given,
			       datagram ? "datagram" : "stream");
	s->given = true;
	s->fd = fd_copy(given);
	flags = s->fd < 0 ? -1 : fcntl(s->fd, F_GETFL);
	if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set(err, -errno, "socket descriptor %d: %s", given,
			       strerror(errno));
	return 0;
}

static int open_datagram(struct net_sockets *s, const struct address *from,
			 const struct address *to, struct err *err)
{
	int r;

	if (!from->text || !to->text)
		return err_set(err, -EINVAL, "a datagram socket needs both its "
			       "own address and the peer's");
	if (from->at.any.sa_family != to->at.any.sa_family)
		return err_set(err, -EINVAL, "socket %s and %s: addresses of "
			       "two different kinds", from->text, to->text);
	r = bind_to(&s->fd, from, SOCK_DGRAM, err);
	if (r < 0)
		return r;
	s->unlink_path = from->path;
	if (to->path) { /* it may come later than we do */
		s->peer = to->at.storage;
		s->peer_len = to->len;
		return 0;
	}
	if (connect(s->fd, &to->at.any, to->len) < 0)
		return err_set(err, -errno, "socket %s: %s", to->text,
			       strerror(errno));
	return 0;
}

static int open_stream(struct net_sockets *s, const struct address *from,
		       const struct address *to, struct err *err)
{
	int r;

	if (!from->text == !to->text)
		return err_set(err, -EINVAL, "a stream socket needs one "
			       "address: where to connect or where to listen");
	if (to->text)
		return connect_to(&s->fd, to, SOCK_STREAM, err);
	r = bind_to(&s->listen_fd, from, SOCK_STREAM, err);
	if (r == 0)
		s->unlink_path = from->path;
	return r;
}

int net_socket_create(struct net **out, const struct net_socket_config *cfg,
		      struct loop *loop, const struct log *log,
		      struct err *err)
{
	struct net_sockets s = { .fd = -1, .listen_fd = -1 };
	struct address from = { 0 };
	struct address to = { 0 };
	char name[64];
	int r = 0;

	*out = NULL;
	snprintf(name, sizeof(name), "socket %.40s",
		 cfg->connect ? cfg->connect :
		 cfg->listen ? cfg->listen : "(by descriptor)");
	s.name = name;
	if (cfg->listen)
		r = parse(&from, cfg->listen, err);
	if (r == 0 && cfg->connect)
		r = parse(&to, cfg->connect, err);
	if (r < 0)
		return r;
	if (cfg->fd >= 0)
		r = take_given(&s, cfg->fd, cfg->datagram, err);
	else if (cfg->datagram)
		r = open_datagram(&s, &from, &to, err);
	else
		r = open_stream(&s, &from, &to, err);
	if (r < 0) {
		fd_close(&s.fd);
		if (s.unlink_path)
			unlink(s.unlink_path);
		return r;
	}
	return cfg->datagram ? net_dgram_create(out, &s, loop, log, err)
			     : net_stream_create(out, &s, loop, log, err);
}
