/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unix stream sockets by path. Everything is close-on-exec and non-blocking;
 * nothing here waits. Any thread.
 */
#ifndef VIREO_BACKENDS_UNIX_SOCK_H
#define VIREO_BACKENDS_UNIX_SOCK_H

#include <stdbool.h>
#include <sys/un.h>

#include "base/err.h"

#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* Listens at @path; a socket file that nobody listens to any more is replaced.
 * *out is -1 on failure. -EINVAL (empty, too long), -EADDRINUSE, ... */
int unix_listen(int *out, const char *path, int backlog, struct err *err);
/* Connects; -ENOTSOCK: what is there is no socket (a symbolic link is none).
 * -EAGAIN: its backlog is full. */
int unix_connect(int *out, const char *path);
/* The next client, or -errno; -EAGAIN: there is none. */
int unix_accept(int listen_fd);
/* Has the other end been closed altogether? */
bool unix_hung_up(int fd);

#endif
