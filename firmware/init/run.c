// SPDX-License-Identifier: BSD-3-Clause
/*
 * The command: a process of its own, with pipes (or a pseudo-terminal) that are
 * copied from and to the host's sockets. Records in /vireo.conf:
 *
 *	arg=WORD    repeated: the command and its arguments
 *	env=NAME=VALUE
 *	dir=PATH    where it starts
 *	uid=N  gid=N  group=N (repeated)
 *	tty=1       on a pseudo-terminal
 */
#include "run.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define LIST_MAX 32768 /* the host gives 64 KiB of words at most */
#define GROUPS_MAX 1024

struct exec {
	const char *argv[LIST_MAX + 1];
	const char *envp[LIST_MAX + 1];
	uint32_t group[GROUPS_MAX];
	size_t groups;
};

static struct exec exec;
static struct pump pump;

static size_t list(const struct conf *conf, const char *key, const char **out)
{
	const char *value = NULL;
	size_t n = 0;

	while (n < LIST_MAX && (value = conf_next(conf, key, value)))
		out[n++] = value;
	out[n] = NULL;
	return n;
}

static void read_exec(const struct conf *conf)
{
	const char *value = NULL;

	list(conf, "arg", exec.argv);
	list(conf, "env", exec.envp);
	exec.groups = 0;
	while (exec.groups < GROUPS_MAX &&
	       (value = conf_next(conf, "group", value)))
		exec.group[exec.groups++] = (uint32_t)number(value);
}

/* ---- in the child ---- */

/* Returns only on failure: -errno. */
static int exec_path(const char *path)
{
	return (int)SYS3(execve, path, exec.argv, exec.envp);
}

static const char *path_variable(void)
{
	for (size_t i = 0; exec.envp[i]; i++)
		if (starts_with(exec.envp[i], "PATH="))
			return exec.envp[i] + 5;
	return "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
}

static bool has_slash(const char *s)
{
	while (*s)
		if (*s++ == '/')
			return true;
	return false;
}

/* A file that may not be run is remembered, as shells do. */
static int exec_search(const char *name)
{
	const char *path = path_variable();
	int r = -ENOENT;

	if (has_slash(name))
		return exec_path(name);
	while (*path) {
		char file[4096] = "";
		size_t n = 0;
		int e;

		while (*path && *path != ':' && n + 1 < sizeof(file))
			file[n++] = *path++;
		file[n] = '\0';
		while (*path == ':')
			path++;
		put_text(file, sizeof(file), "/");
		put_text(file, sizeof(file), name);
		e = exec_path(file);
		if (e != -ENOENT && e != -ENOTDIR)
			r = e;
	}
	return r;
}

static int become(const struct conf *conf)
{
	uint64_t gid = number(conf_get(conf, "gid"));
	uint64_t uid = number(conf_get(conf, "uid"));
	const char *dir = conf_get(conf, "dir");
	long r = SYS2(setgroups, exec.groups, exec.group);

	if (!r)
		r = SYS3(setresgid, gid, gid, gid);
	if (!r)
		r = SYS3(setresuid, uid, uid, uid);
	if (!r && *dir)
		r = SYS1(chdir, dir);
	return (int)r;
}

/* Signals as a program expects them. */
static void reset_signals(void)
{
	uint64_t none = 0;

	SYS4(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

static void child(const struct conf *conf, const int fds[3], int report)
{
	int r;

	SYS0(setsid);
	for (int i = 0; i < 3; i++)
		SYS3(dup3, fds[i], i, 0);
	if (*conf_get(conf, "tty"))
		SYS3(ioctl, 0, 0x540e /* TIOCSCTTY */, 0);
	reset_signals();
	r = become(conf);
	if (!r)
		r = exec_search(exec.argv[0]);
	write_all(report, &r, sizeof(r));
	SYS1(exit_group, 127);
}

/* ---- outside of it ---- */

/* 0 when it runs, else why not. */
static int wait_for_exec(int report)
{
	int r = 0;
	long n;

	do
		n = SYS3(read, report, &r, sizeof(r));
	while (n == -EINTR);
	return n == sizeof(r) ? r : 0;
}

static long start(const struct conf *conf, const int fds[3], int *why)
{
	int report[2];
	long pid = SYS2(pipe2, report, O_CLOEXEC);

	if (pid < 0)
		return pid;
	pid = SYS5(clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		child(conf, fds, report[1]);
	close_fd(&report[1]);
	*why = pid < 0 ? (int)pid : wait_for_exec(report[0]);
	close_fd(&report[0]);
	return pid;
}

static uint64_t oom_kills(void)
{
	static char text[16384];
	const char *at = text;

	if (read_file("/proc/vmstat", text, sizeof(text)) < 0)
		return 0;
	while (*at && !starts_with(at, "oom_kill ")) {
		while (*at && *at != '\n')
			at++;
		at += *at == '\n';
	}
	return *at ? number(at + 9) : 0;
}

static void tell_end(int words, int status, uint64_t ooms)
{
	if ((status & 0x7f) == 0) {
		host_tell(words, "exited", (uint64_t)status >> 8 & 0xff);
		return;
	}
	if ((status & 0x7f) == 9 && oom_kills() > ooms)
		host_tell(words, "out-of-memory", 9);
	host_tell(words, "killed", (uint64_t)status & 0x7f);
}

int run_init(const struct conf *conf)
{
	read_exec(conf);
	exec.argv[0] = conf_get(conf, "init");
	exec.argv[1] = NULL;
	return exec_path(exec.argv[0]);
}

void run_command(const struct conf *conf, uint32_t number, int words)
{
	uint64_t ooms = oom_kills();
	int fds[3], why, status = 0;
	long pid;

	read_exec(conf);
	pump.number = number;
	pump.words = words;
	why = pump_open(&pump, *conf_get(conf, "tty"), fds);
	if (why < 0) {
		host_complain(words, 125, "the command's streams", why);
		pump_rest(&pump);
		return;
	}
	pump_listen(&pump);
	if (pump.words < 0)
		return; /* nobody wants it any more */
	pid = start(conf, fds, &why);
	for (int i = 0; i < 3; i++)
		if (i == 0 || fds[i] != fds[0])
			SYS1(close, fds[i]);
	if (why < 0) {
		host_complain(words, why == -ENOENT ? 127 : 126, exec.argv[0],
			      why);
		pump_rest(&pump);
		return;
	}
	host_tell(words, "started", now_us());
	pump_run(&pump, (int)pid, &status);
	if (!number)
		SYS0(sync); /* the VM's end is near */
	tell_end(words, status, ooms);
	pump_rest(&pump);
}
