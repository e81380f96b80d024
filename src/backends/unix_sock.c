// SPDX-License-Identifier: BSD-3-Clause
/* See unix_sock.h. */
#include "backends/unix_sock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int open_socket(void)
{
	int fd = fd_above(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
				 SOCK_NONBLOCK, 0));

	return fd < 0 ? -errno : fd;
}

static int address(struct sockaddr_un *at, const char *path)
{
	size_t len = strlen(path);

	if (!len || len > UNIX_PATH_MAX)
		return -EINVAL;
	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, path, len);
	return 0;
}

int unix_connect(int *out, const char *path)
{
	struct sockaddr_un at;
	struct stat st;
	int fd;
	int r;

	*out = -1;
	r = address(&at, path);
	if (r < 0)
		return r;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = open_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

/* A socket file left by a crash. */
static bool stale(const char *path)
{
	int fd;
	int r = unix_connect(&fd, path);

	fd_close(&fd);
	return r == -ECONNREFUSED;
}

int unix_listen(int *out, const char *path, int backlog, struct err *err)
{
	struct sockaddr_un at;
	int r = 0;
	int fd;

	*out = -1;
	if (address(&at, path) < 0)
		return err_set(err, -EINVAL,
			       "socket path '%s': give 1 to %zu characters",
			       path, UNIX_PATH_MAX);
	fd = open_socket();
	if (fd < 0)
		return err_set(err, fd, "socket %s: %s", path, strerror(-fd));
	if (stale(path))
		unlink(path);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		r = -errno;
	} else if (listen(fd, backlog) < 0) {
		r = -errno;
		unlink(path);
	}
	if (r == 0) {
		*out = fd;
		return 0;
	}
	close(fd);
	err_set_path(err, r, path);
	err_wrap(err, "socket");
	return r;
}

int unix_accept(int listen_fd)
{
	int fd;

	do
		fd = accept4(listen_fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	fd = fd_above(fd);
	return fd < 0 ? -errno : fd;
}

bool unix_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}
