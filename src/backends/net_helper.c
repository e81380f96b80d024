// SPDX-License-Identifier: BSD-3-Clause
/*
 * See net_ops.h. Programs of our own making: started with nothing but their
 * socket and a pipe for what goes wrong, watched by a pidfd, and collected by
 * nobody but us. Runs at creation and at the end only.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/net_ops.h"
#include "base/clock.h"
#include "base/fd.h"

#define SOCKET_FD 3
#define START_MS  10000
#define END_MS    2000

/* Descriptors 0 to 3 and no others; no signal is blocked or ignored. */
static int spawn(pid_t *pid, const struct net_helper_config *cfg,
		 int status_fd)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					   NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY,
					     0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&files, 1, "/dev/null",
						     O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, status_fd, 2);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, cfg->fd,
						     SOCKET_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&files,
							     SOCKET_FD + 1);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawn(pid, cfg->path, &files, &attr,
				(char *const *)(uintptr_t)cfg->argv,
				(char *const *)(uintptr_t)env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* What the program says until it gives its descriptor up; the last line of it
 * in @text. -ETIMEDOUT. */
static int listen_to(int fd, char *text, size_t size)
{
	uint64_t end = clock_mono_ms() + START_MS;
	size_t len = 0;

	text[0] = '\0';
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		char bytes[256];
		ssize_t n;

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = fd_read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++) {
			if (len && text[len - 1] == '\n')
				len = 0;
			if (len < size - 1)
				text[len++] = bytes[i];
			text[len] = '\0';
		}
	}
}

/* Collects it when it has ended: its status, or -1 while it runs. */
static int collect(struct net_helper *h, int options)
{
	siginfo_t info = { 0 };

	if (!h->pid)
		return 0;
	if (waitid(P_PIDFD, (id_t)h->pidfd, &info, WEXITED | options) < 0) {
		h->pid = 0; /* the embedder's wait() was faster */
		return 0;
	}
	if (!info.si_pid)
		return -1;
	h->pid = 0;
	return info.si_code == CLD_EXITED ? info.si_status : 255;
}

static int wait_end(struct net_helper *h, int ms)
{
	struct pollfd p = { .fd = h->pidfd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 ? collect(h, 0) : -1;
}

void net_helper_end(struct net_helper *h)
{
	if (!h)
		return;
	if (h->pid && wait_end(h, END_MS) < 0) {
		syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
		collect(h, 0);
	}
	fd_close(&h->pidfd);
	free(h);
}

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
}

/* A program that leaves has ended by now, with status 0; another one has said
 * that it is ready. */
static int check_started(struct net_helper *h,
			 const struct net_helper_config *cfg, char *text,
			 struct err *err)
{
	trim(text);
	if (!cfg->leaves && strcmp(text, "ready") == 0)
		return 0;
	if (wait_end(h, END_MS) == 0 && cfg->leaves)
		return 0;
	return err_set(err, -EIO, "%s: %s", cfg->name,
		       *text ? text : "it ended at once");
}

int net_helper_start(struct net_helper **out,
		     const struct net_helper_config *cfg, struct err *err)
{
	struct net_helper *h = calloc(1, sizeof(*h));
	char text[256];
	int status[2];
	int r;

	*out = NULL;
	if (!h || fd_pair_above(pipe2(status, O_CLOEXEC), status) < 0) {
		free(h);
		return err_set(err, -ENOMEM, "%s: out of memory or "
			       "descriptors", cfg->name);
	}
	h->pidfd = -1;
	r = spawn(&h->pid, cfg, status[1]);
	close(status[1]);
	if (r < 0) {
		close(status[0]);
		free(h);
		return err_set(err, r, "%s: %s: %s", cfg->name, cfg->path,
			       strerror(-r));
	}
	h->pidfd = fd_above((int)syscall(SYS_pidfd_open, h->pid, 0));
	r = h->pidfd < 0 ? -errno : listen_to(status[0], text, sizeof(text));
	close(status[0]);
	if (r < 0)
		err_set(err, r, "%s: %s", cfg->name, strerror(-r));
	else
		r = check_started(h, cfg, text, err);
	if (r < 0) {
		net_helper_end(h);
		return r;
	}
	*out = h;
	return 0;
}
