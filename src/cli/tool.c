// SPDX-License-Identifier: BSD-3-Clause
/* See kernels.h. Another program, without a shell in between. */
#include "cli/kernels.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_LIMIT (16u << 20)

static void held(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

void tool_hold(void)
{
	sigset_t set;

	held(&set);
	signal(SIGCHLD, SIG_DFL); /* or nobody can be waited for */
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void tool_release(void)
{
	sigset_t set;

	held(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int spawn(pid_t *pid, const struct tool *tool, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	char **words = NULL;
	int r;

	/* The interface wants words that could be changed, and changes none. */
	memcpy(&words, &tool->words, sizeof(words));
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
					     "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, out,
						     STDOUT_FILENO);
	if (!r && tool->dir)
		r = posix_spawn_file_actions_addchdir_np(&actions, tool->dir);
	if (!r)
		r = posix_spawnp(pid, words[0], &actions, &attr, words,
				 environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* All that comes, as a text. */
static char *read_text(int fd)
{
	char *text = NULL;
	size_t len = 0, cap = 0;
	ssize_t n = 1;

	while (n > 0 || (n < 0 && errno == EINTR)) {
		if (len + 1 >= cap) {
			char *more = cap < TEXT_LIMIT ?
					     realloc(text, 2 * cap + 65536) :
					     NULL;

			if (!more)
				break;
			cap = 2 * cap + 65536;
			text = more;
		}
		n = read(fd, text + len, cap - len - 1);
		len += n > 0 ? (size_t)n : 0;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* Until it has ended; a signal to us ends it. */
static int await(pid_t pid)
{
	bool interrupted = false;
	siginfo_t info;
	sigset_t set;
	int status;

	held(&set);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (sigwaitinfo(&set, &info) < 0 || info.si_signo == SIGCHLD)
			continue;
		interrupted = true;
		kill(pid, SIGTERM);
	}
	if (interrupted)
		return TOOL_INTERRUPTED;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : TOOL_FAILED;
}

int tool_run(const struct tool *tool)
{
	int fds[2] = { -1, STDERR_FILENO };
	sigset_t before;
	pid_t pid = 0;
	int r;

	if (tool->text && pipe2(fds, O_CLOEXEC) < 0)
		return TOOL_FAILED;
	sigprocmask(SIG_BLOCK, NULL, &before);
	tool_hold(); /* an end that is not awaited yet would be forgotten */
	r = spawn(&pid, tool, fds[1]);
	if (tool->text)
		close(fds[1]);
	if (!r && tool->text)
		*tool->text = read_text(fds[0]);
	if (tool->text)
		close(fds[0]);
	if (r)
		r = r == ENOENT ? TOOL_MISSING : TOOL_FAILED;
	else
		r = await(pid);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r == 0 && tool->text && !*tool->text ? TOOL_FAILED : r;
}
