// SPDX-License-Identifier: BSD-3-Clause
/*
 * L06: a process with threads, each with settings of its own, makes VMs and
 * sandboxes. What the kernel knows of these threads and of the process is the
 * same before, meanwhile and afterwards, and the threads of a VM may do what
 * the one that made it may.
 */
#include "vm_case.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 4 /* the first one is the child's own */

/* Lines of /proc/PID/status: of each thread, and those that a VM's threads
 * share with the one that made it. */
static const char *const all_lines[] = {
	"Name", "Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk",
	"SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	"NoNewPrivs", "Seccomp", "Seccomp_filters", "Speculation_Store_Bypass",
	"SpeculationIndirectBranch", "THP_enabled", "Cpus_allowed",
	"Mems_allowed", NULL,
};
static const char *const privilege_lines[] = {
	"Umask", "Uid", "Gid", "Groups", "SigIgn", "SigCgt", "CapInh",
	"CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
	"Seccomp_filters", NULL,
};

struct picture {
	size_t len;
	char text[32768];
};

struct app {
	pid_t tid[THREADS];
	pthread_t thread[THREADS];
	sem_t ready, go;
	struct picture before;
	unsigned int looks; /* while a VM or a sandbox ran */
};

/* ---- what the kernel knows ---- */

static void add(struct picture *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct picture *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	p->len += (size_t)vsnprintf(p->text + p->len, sizeof(p->text) - p->len,
				    format, ap);
	va_end(ap);
	need(p->len < sizeof(p->text), "too much to look at", NULL);
}

static bool is_one_of(const char *line, const char *const *names)
{
	size_t len = strcspn(line, ":");

	while (*names &&
	       (strlen(*names) != len || strncmp(*names, line, len)))
		names++;
	return *names;
}

/* @busy: this thread is in a call that blocks a signal meanwhile. */
static void add_status(struct picture *p, pid_t tid, const char *label,
		       const char *const *names, bool busy)
{
	char path[64], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (is_one_of(line, names) &&
		    !(busy && !strncmp(line, "SigBlk", 6)))
			add(p, "%s%s", label, line);
	if (file)
		fclose(file);
}

static void add_file(struct picture *p, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		add(p, "%s: %s", path, line);
	if (file)
		fclose(file);
}

static void add_link(struct picture *p, const char *path)
{
	char to[512] = "";

	if (readlink(path, to, sizeof(to) - 1) > 0)
		add(p, "%s: %s\n", path, to);
}

/* @busy: a sandbox has a timer then. */
static void add_process(struct picture *p, bool busy)
{
	static const char *const files[] = {
		"/proc/self/limits", "/proc/self/oom_score_adj",
		"/proc/self/coredump_filter", "/proc/self/personality",
		"/proc/self/cgroup", "/proc/self/comm",
	};
	static const char *const links[] = {
		"/proc/self/cwd", "/proc/self/root", "/proc/self/ns/mnt",
		"/proc/self/ns/net", "/proc/self/ns/user", "/proc/self/ns/ipc",
		"/proc/self/ns/pid_for_children",
	};
	static const int options[] = {
		PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_SECUREBITS,
		PR_GET_TIMERSLACK, PR_GET_THP_DISABLE, PR_GET_NO_NEW_PRIVS,
	};
	int value = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		add_file(p, files[i]);
	if (!busy)
		add_file(p, "/proc/self/timers");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		add_link(p, links[i]);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		add(p, "prctl %d: %d\n", options[i],
		    prctl(options[i], 0, 0, 0, 0));
	prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0);
	add(p, "subreaper: %d\n", value);
	prctl(PR_GET_PDEATHSIG, &value, 0, 0, 0);
	add(p, "death signal: %d\n", value);
}

/* By the first thread, or by one of a VM's: then not what is a thread's own. */
static void take(struct picture *p, const struct app *app, bool busy)
{
	char label[32];

	p->len = 0;
	for (int i = 0; i < THREADS; i++) {
		snprintf(label, sizeof(label), "thread %d: ", i);
		add_status(p, app->tid[i], label, all_lines, busy && i == 0);
		add(p, "thread %d: nice %d, policy %d\n", i,
		    getpriority(PRIO_PROCESS, (id_t)app->tid[i]),
		    sched_getscheduler(app->tid[i]));
	}
	if (gettid() == app->tid[0])
		add_process(p, busy);
}

static size_t line_at(const char *text)
{
	return strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n');
}

/* Each line of @now stands in @before. */
static void need_same(const struct picture *before, const struct picture *now,
		      const char *when)
{
	struct vireo_error what = { 0 };

	for (const char *at = now->text; *at; at += line_at(at)) {
		char line[1200];

		snprintf(line, sizeof(line), "%.*s", (int)line_at(at), at);
		if (!strstr(before->text, line)) {
			snprintf(what.text, sizeof(what.text), "now %.390s",
				 line);
			need(false, when, &what);
		}
	}
	need(now->len > 1000, when, NULL);
}

/* ---- threads of the VM's ---- */

static bool is_ours(const struct app *app, pid_t tid)
{
	for (int i = 0; i < THREADS; i++)
		if (app->tid[i] == tid)
			return true;
	return false;
}

/* They may what the first one may, and no more is taken from them. */
static void look_at_others(const struct app *app, const char *when)
{
	struct picture *first = calloc(1, sizeof(*first));
	struct picture *other = calloc(1, sizeof(*other));
	DIR *tasks = opendir("/proc/self/task");
	unsigned int count = 0;
	struct dirent *de;

	need(first && other && tasks, "out of memory", NULL);
	add_status(first, app->tid[0], "", privilege_lines, false);
	while ((de = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(de->d_name, NULL, 10);

		if (tid == 0 || is_ours(app, tid))
			continue;
		other->len = 0;
		other->text[0] = '\0';
		add_status(other, tid, "", privilege_lines, false);
		if (other->len == 0)
			continue; /* it has ended meanwhile */
		need(!strcmp(first->text, other->text), when, NULL);
		count++;
	}
	closedir(tasks);
	free(first);
	free(other);
	need(count >= 2, "a VM without threads", NULL);
}

/* ---- the application ---- */

static void filter_all_but_nothing(void)
{
	struct sock_filter allow[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 1, allow };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Three threads that differ from each other in what they have set. */
static void set_own(int number)
{
	sigset_t set;
	cpu_set_t cpu;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1 + 2 * (number % 2));
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_NAME, number % 2 ? "odd" : "even");
	if (number == 1)
		filter_all_but_nothing();
	if (number == 2 && sched_getaffinity(0, sizeof(cpu), &cpu) == 0) {
		for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&cpu) > 1; i++)
			CPU_CLR(i, &cpu);
		sched_setaffinity(0, sizeof(cpu), &cpu);
	}
	if (number == 3)
		setpriority(PRIO_PROCESS, 0, 5); /* of this thread */
}

struct start {
	struct app *app;
	int number;
};

static void *be_busy_elsewhere(void *arg)
{
	const struct start *s = arg;

	set_own(s->number);
	s->app->tid[s->number] = gettid();
	sem_post(&s->app->ready);
	while (sem_wait(&s->app->go) < 0)
		;
	return NULL;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		;
}

static void begin(struct app *app)
{
	static struct start start[THREADS];

	sem_init(&app->ready, 0, 0);
	sem_init(&app->go, 0, 0);
	umask(027);
	signal(SIGPIPE, SIG_IGN);
	app->tid[0] = gettid();
	for (int i = 1; i < THREADS; i++) {
		start[i] = (struct start){ app, i };
		need(pthread_create(&app->thread[i], NULL, be_busy_elsewhere,
				    &start[i]) == 0, "thread", NULL);
		wait_for(&app->ready);
	}
	take(&app->before, app, false);
}

static void finish(struct app *app)
{
	struct picture *now = calloc(1, sizeof(*now));

	need(now, "out of memory", NULL);
	take(now, app, false);
	need_same(&app->before, now, "afterwards");
	need(now->len == app->before.len, "afterwards something is gone", NULL);
	need(app->looks > 0, "nobody looked meanwhile", NULL);
	for (int i = 1; i < THREADS; i++)
		sem_post(&app->go);
	for (int i = 1; i < THREADS; i++)
		pthread_join(app->thread[i], NULL);
	sem_destroy(&app->ready);
	sem_destroy(&app->go);
	free(now);
}

static void look(struct app *app, const char *when, bool busy)
{
	struct picture *now = calloc(1, sizeof(*now));

	need(now, "out of memory", NULL);
	take(now, app, busy);
	need_same(&app->before, now, when);
	free(now);
	app->looks++;
}

/* ---- a VM ---- */

static uint64_t on_read(void *ctx, uint64_t off, unsigned int len)
{
	look(ctx, "while a VM runs", true);
	look_at_others(ctx, "threads of a VM");
	return 0;
}

static struct vireo_config *make_vm_config(struct app *app)
{
	static const char *const settings[] = {
		"kernel", GUEST_ASKS, "memory", "4M", "cpus", "2", "testdev",
		"true", "console", "pty", "disk", "ends,ro", "disk",
		"spins,overlay=tmp,engine=threads", "share", ".,tag=here",
		"vsock", "vsock", "rng", "true", "balloon", "true", "gdb",
		"unix:gdb", NULL,
	};
	const struct vireo_device device = {
		.size = sizeof(device), .name = "asked", .port = true,
		.base = 0xe000, .length = 1, .read = on_read, .ctx = app,
	};
	struct vireo_config *cfg = make_config(settings);
	struct vireo_error err = { 0 };

	need(truncate("ends", 4096) == 0 && truncate("spins", 4096) == 0,
	     "disk", NULL);
	need(vireo_config_add_device(cfg, &device, &err) == 0, "device", &err);
	return cfg;
}

static void run_vm(void)
{
	struct app *app = calloc(1, sizeof(*app));
	struct vireo_config *cfg;
	struct vireo_end end = { 0 };
	struct vireo_error err;
	struct vireo_vm *vm;

	need(app, "out of memory", NULL);
	cfg = make_vm_config(app);
	begin(app);
	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	look(app, "when a VM is made", false);
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	need(end.reason == VIREO_DEBUG_EXIT, end.verdict, NULL);
	vireo_destroy(&vm);
	vireo_config_destroy(&cfg);
	need(app->looks == 2, "the guest did not ask", NULL);
	finish(app);
	free(app);
}

static void L06_a_vm_changes_nothing_of_the_process(void **state)
{
	in_child(run_vm);
}

/* ---- a VM on the caller's thread ---- */

static void run_on_own_thread(void)
{
	static const char *const settings[] = { "kernel", GUEST_ASKS, "memory",
						"2M", "testdev", "true", NULL };
	struct app *app = calloc(1, sizeof(*app));
	const struct vireo_device device = {
		.size = sizeof(device), .name = "asked", .port = true,
		.base = 0xe000, .length = 1, .read = on_read, .ctx = app,
	};
	struct vireo_config *cfg = make_config(settings);
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;

	need(app, "out of memory", NULL);
	need(vireo_config_add_device(cfg, &device, &err) == 0 &&
	     vireo_config_own_threads(cfg, &err) == 0, "device", &err);
	begin(app);
	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_vcpu_run(vm, 0) == 0, "run", NULL);
	need(vireo_wait(vm, -1, NULL) == 0, "wait", NULL);
	vireo_destroy(&vm);
	vireo_config_destroy(&cfg);
	finish(app);
	free(app);
}

static void L06_nor_does_one_that_runs_on_its_thread(void **state)
{
	in_child(run_on_own_thread);
}

/* ---- a sandbox ---- */

static int64_t on_hypercall(void *ctx, const void *in, size_t in_len, void *out,
			    size_t out_cap)
{
	look(ctx, "in a sandbox's call", true);
	return 0;
}

static void use_sandbox(void)
{
	struct app *app = calloc(1, sizeof(*app));
	const struct vireo_sandbox_options options = {
		.size = sizeof(options), .path = sandbox_program(),
	};
	char out[8];
	struct vireo_sandbox_call call = {
		.size = sizeof(call), .function = "pass_on", .in = "x",
		.in_len = 1, .out = out, .out_cap = sizeof(out),
		.timeout_us = 30000000,
	};
	struct vireo_error err = { 0 };
	struct vireo_sandbox *sb;

	need(app, "out of memory", NULL);
	begin(app);
	need(vireo_sandbox_create(&sb, &options, &err) == 0, "sandbox", &err);
	need(vireo_sandbox_register(sb, 3, on_hypercall, app) == 0,
	     "register", NULL);
	need(vireo_sandbox_call(sb, &call, NULL, &err) == 0, "call", &err);
	call.function = "spin";
	call.timeout_us = 1000;
	need(vireo_sandbox_call(sb, &call, NULL, &err) == VIREO_ETRAP, "call",
	     &err);
	need(vireo_sandbox_reset(sb, &err) == 0, "reset", &err);
	need(vireo_sandbox_destroy(&sb) == 0, "destroy", NULL);
	finish(app);
	free(app);
}

static void L06_nor_does_a_sandbox(void **state)
{
	in_child(use_sandbox);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L06_a_vm_changes_nothing_of_the_process),
		cmocka_unit_test(L06_nor_does_one_that_runs_on_its_thread),
		cmocka_unit_test(L06_nor_does_a_sandbox),
	};

	vm_case_begin(argc, argv);
	return cmocka_run_group_tests(tests, vm_case_set_up, vm_case_tear_down);
}
