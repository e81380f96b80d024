// SPDX-License-Identifier: BSD-3-Clause
/*
 * See matrix.h. The processes are made by fork() before there is any thread;
 * what one knows of its end it puts into memory that is shared with it. Signals
 * are all that is waited for: of a process that has ended, and those that are
 * passed on to all of them.
 */
#include "cli/matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/input.h"

#define AHEAD        128 /* runs whose output may wait for an earlier one */
#define EXIT_LOST    120
#define EXIT_STOPPED 123

struct process {
	pid_t pid; /* 0: it has ended, or was not begun */
	int out;   /* what it says; -1: ours are its streams */
	int err;
};

struct matrix {
	struct opts *opts;
	int (*one)(void *ctx);
	void *ctx;
	pid_t self;
	struct outcome *runs;    /* shared with the processes */
	struct process *process; /* owned */
	unsigned int count;
	unsigned int begun;
	unsigned int running;
	unsigned int shown;
	int signals; /* signalfd */
	bool ending; /* no further runs */
	int rest;    /* the status of those that will not be */
	bool torn;   /* something could not be shown */
};

static bool at_a_time(const struct matrix *m)
{
	return m->opts->jobs > 1;
}

/* ---- one run ---- */

/* A file without a name. */
static int open_kept(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/vireo-XXXXXX",
		 dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		message("%s: %s", path, strerror(errno));
	else
		unlink(path);
	return fd;
}

static void close_kept(struct process *p)
{
	if (p->out >= 0)
		close(p->out);
	if (p->err >= 0)
		close(p->err);
	p->out = p->err = -1;
}

static void tell_beginning(const struct matrix *m, unsigned int index)
{
	const char *kernel = m->runs[index].kernel;

	if (!m->opts->quiet)
		message("run %u of %u%s%s", index + 1, m->count,
			*kernel ? ": " : "", kernel);
}

static bool take_streams(const struct process *p)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool ok = null >= 0 && dup2(null, STDIN_FILENO) >= 0;

	if (null >= 0)
		close(null);
	if (p->out < 0)
		return ok;
	return ok && dup2(p->out, STDOUT_FILENO) >= 0 &&
	       dup2(p->err, STDERR_FILENO) >= 0;
}

/*
 * In the run's process. It is in a group of its own, so that what a terminal
 * sends comes once, from us; and it does not outlive us: SIGQUIT ends a VM.
 * The signals stay blocked until it has its own descriptor for them. A job in
 * the background ignores SIGQUIT; a run must not.
 */
static int be_run(struct matrix *m, unsigned int index)
{
	sigset_t child, quit;

	setpgid(0, 0);
	sigemptyset(&quit);
	sigaddset(&quit, SIGQUIT);
	sigprocmask(SIG_BLOCK, &quit, NULL);
	signal(SIGQUIT, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != m->self)
		return EXIT_STOPPED;
	signal(SIGTTOU, SIG_IGN); /* it may write to the terminal */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &child, NULL);
	close(m->signals);
	if (!take_streams(&m->process[index])) {
		message("the run's streams: %s", strerror(errno));
		return EXIT_USAGE;
	}
	m->opts->outcome = &m->runs[index];
	if (!matrix_settle(m->opts, index))
		return EXIT_USAGE;
	return m->one(m->ctx);
}

static bool begin(struct matrix *m)
{
	unsigned int index = m->begun;
	struct process *p = &m->process[index];

	if (at_a_time(m)) {
		p->out = open_kept();
		p->err = p->out < 0 ? -1 : open_kept();
		if (p->err < 0)
			return false;
	} else {
		tell_beginning(m, index);
	}
	if (m->opts->report_path)
		m->runs[index].part_fd = memfd_create("report", MFD_CLOEXEC);
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		exit(be_run(m, index));
	if (p->pid < 0) {
		message("fork: %s", strerror(errno));
		p->pid = 0;
		return false;
	}
	setpgid(p->pid, p->pid); /* whoever comes first */
	m->begun++;
	m->running++;
	return true;
}

/* ---- its end ---- */

/* A run that has not told its end. */
static void settle(struct outcome *o, const char *verdict, int exit_code,
		   int number)
{
	snprintf(o->end.verdict, sizeof(o->end.verdict), "%s", verdict);
	o->end.exit_code = exit_code;
	if (number)
		snprintf(o->end.detail, sizeof(o->end.detail),
			 "the process of this run was ended by signal %d (%s)",
			 number, strsignal(number));
}

/* Its part of the report, when it has written one. */
static void take_part(struct outcome *o)
{
	off_t len = o->part_fd < 0 ? 0 : lseek(o->part_fd, 0, SEEK_END);
	char *part = len > 0 ? malloc((size_t)len + 1) : NULL;

	if (part && pread(o->part_fd, part, (size_t)len, 0) == len) {
		part[len] = '\0';
		o->part = part;
	} else {
		free(part);
	}
	if (o->part_fd >= 0)
		close(o->part_fd);
	o->part_fd = -1;
}

static void drop_part(struct outcome *o)
{
	free(o->part);
	o->part = NULL;
}

/* What it could not do after it told its end is in its status alone. */
static void judge(struct matrix *m, unsigned int index, int status)
{
	struct outcome *o = &m->runs[index];

	m->process[index].pid = 0;
	m->running--;
	take_part(o);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != o->end.exit_code)
		drop_part(o);
	if (WIFSIGNALED(status))
		settle(o, "lost", EXIT_LOST, WTERMSIG(status));
	else if (o->end.reason)
		o->end.exit_code = WEXITSTATUS(status);
	else if (WEXITSTATUS(status) == EXIT_USAGE)
		settle(o, "not-started", EXIT_USAGE, 0);
	else
		settle(o, "lost", EXIT_LOST, 0);
}

static void reap(struct matrix *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < m->begun; i++)
			if (m->process[i].pid == pid)
				judge(m, i, status);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		struct pollfd wait = { fd, POLLOUT, 0 };

		if (n < 0 && errno == EAGAIN)
			poll(&wait, 1, -1);
		else if (n < 0 && errno != EINTR)
			return false;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static bool show_file(int from, int to)
{
	char bytes[65536];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, bytes, sizeof(bytes), at)) > 0) {
		if (!write_all(to, bytes, (size_t)n))
			return false;
		at += n;
	}
	return n == 0;
}

static void show(struct matrix *m, unsigned int index)
{
	struct process *p = &m->process[index];

	if (p->out < 0)
		return;
	tell_beginning(m, index);
	if (!show_file(p->out, STDOUT_FILENO) ||
	    !show_file(p->err, STDERR_FILENO)) {
		if (!m->torn)
			message("the output of a run: %s", strerror(errno));
		m->torn = true;
	}
	close_kept(p);
}

static void show_ended(struct matrix *m)
{
	for (; m->shown < m->begun && !m->process[m->shown].pid; m->shown++)
		show(m, m->shown);
}

/* ---- all of them ---- */

static void send_all(const struct matrix *m, int number)
{
	for (unsigned int i = 0; i < m->begun; i++)
		if (m->process[i].pid)
			kill(m->process[i].pid, number);
}

static void on_signal(struct matrix *m, int number)
{
	switch (number) {
	case SIGCHLD:
		break;
	case SIGTSTP:
		send_all(m, SIGSTOP);
		raise(SIGSTOP);
		break;
	case SIGCONT:
		send_all(m, SIGCONT);
		break;
	default:
		m->ending = true;
		m->rest = EXIT_STOPPED;
		send_all(m, number);
		break;
	}
}

static void wait_signal(struct matrix *m)
{
	struct signalfd_siginfo info;

	if (read(m->signals, &info, sizeof(info)) == sizeof(info))
		on_signal(m, (int)info.ssi_signo);
}

static bool may_begin(const struct matrix *m)
{
	unsigned int jobs = at_a_time(m) ? m->opts->jobs : 1;

	return !m->ending && m->begun < m->count && m->running < jobs &&
	       m->begun - m->shown < AHEAD;
}

static void run_all(struct matrix *m)
{
	do {
		while (may_begin(m))
			m->ending = !begin(m);
		if (m->running)
			wait_signal(m);
		reap(m);
		show_ended(m);
	} while (m->running || may_begin(m));
	for (unsigned int i = m->begun; i < m->count; i++)
		settle(&m->runs[i], "not-run", m->rest, 0);
}

/* ---- what became of them ---- */

static void tell_all(const struct matrix *m)
{
	unsigned int passed = 0;
	int width = 6;

	for (unsigned int i = 0; i < m->count; i++) {
		int len = (int)strlen(m->runs[i].kernel);

		width = len > width ? len : width;
		passed += m->runs[i].end.exit_code == 0;
	}
	fprintf(stderr, "%4s  %-*s  %-14s %6s %9s\n", "run", width, "kernel",
		"verdict", "status", "seconds");
	for (unsigned int i = 0; i < m->count; i++) {
		const struct outcome *o = &m->runs[i];

		fprintf(stderr, "%4u  %-*s  %-14s %6d %9.3f\n", i + 1, width,
			*o->kernel ? o->kernel : "-", o->end.verdict,
			o->end.exit_code, o->seconds);
	}
	message("%u of %u passed", passed, m->count);
}

static int status_of(const struct matrix *m)
{
	for (unsigned int i = 0; i < m->count; i++)
		if (m->runs[i].end.exit_code)
			return m->runs[i].end.exit_code;
	return m->torn ? EXIT_USAGE : 0;
}

static int tell(const struct matrix *m)
{
	if (!m->opts->quiet)
		tell_all(m);
	if (!report_write_runs(m->opts, m->runs, m->count))
		return EXIT_USAGE;
	return status_of(m);
}

static bool open_signals(struct matrix *m)
{
	static const int ours[] = { SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
				    SIGTSTP, SIGCONT, SIGCHLD, 0 };

	signal(SIGCHLD, SIG_DFL); /* or nobody can be waited for */
	m->signals = input_signals(ours, true);
	return m->signals >= 0;
}

static bool make(struct matrix *m)
{
	size_t size = m->count * sizeof(*m->runs);
	void *runs = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	m->runs = runs == MAP_FAILED ? NULL : runs;
	m->process = calloc(m->count, sizeof(*m->process));
	if (!m->runs || !m->process) {
		message("out of memory");
		return false;
	}
	for (unsigned int i = 0; i < m->count; i++) {
		m->runs[i].kernel = matrix_kernel(m->opts, i);
		m->runs[i].number = i + 1;
		m->runs[i].round = matrix_round(m->opts, i);
		m->runs[i].part_fd = -1;
		m->process[i] = (struct process){ 0, -1, -1 };
	}
	return open_signals(m);
}

static void finish(struct matrix *m)
{
	for (unsigned int i = 0; m->process && i < m->count; i++)
		close_kept(&m->process[i]);
	for (unsigned int i = 0; m->runs && i < m->count; i++)
		drop_part(&m->runs[i]);
	if (m->runs)
		munmap(m->runs, m->count * sizeof(*m->runs));
	if (m->signals >= 0)
		close(m->signals);
	free(m->process);
}

int matrix_run(struct opts *opts, int (*one)(void *ctx), void *ctx)
{
	struct matrix m = { .opts = opts, .one = one, .ctx = ctx,
			    .self = getpid(), .count = matrix_count(opts),
			    .signals = -1, .rest = EXIT_USAGE };
	int status = EXIT_USAGE;

	if (!matrix_check(opts) || !command_make_out(opts))
		return EXIT_USAGE;
	if (make(&m)) {
		run_all(&m);
		status = tell(&m);
	}
	finish(&m);
	return status;
}
