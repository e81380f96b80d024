// SPDX-License-Identifier: BSD-3-Clause
/*
 * X13: fork() while a VM runs. The child has none of it and can be neither a
 * danger nor in the way; the parent goes on.
 */
#include "vm_case.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_NAME "a-guests-ram"
#define RAM_SIZE (4 << 20)
#define FDS	 1024

/* It does not let a child of many threads have any. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NO_THREADS 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define NO_THREADS 1
#endif
#ifndef NO_THREADS
#define NO_THREADS 0
#endif

static char gdb[32];
static bool open_before[FDS];

/* ---- the VM ---- */

/* A port that was free a moment ago. */
static void choose_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
	     getsockname(fd, (struct sockaddr *)&at, &len) == 0, "port", NULL);
	close(fd);
	snprintf(gdb, sizeof(gdb), "tcp:%d", ntohs(at.sin_port));
}

static void add_ram(struct vireo_config *cfg)
{
	struct vireo_ram ram = {
		.size = sizeof(ram),
		.fd = memfd_create(RAM_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING),
	};
	struct vireo_error err = { 0 };

	need(ram.fd >= 0 && ftruncate(ram.fd, RAM_SIZE) == 0 &&
	     fcntl(ram.fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0, "memfd", NULL);
	need(vireo_config_set_ram(cfg, &ram, &err) == 0, "ram", &err);
	close(ram.fd);
}

static struct vireo_config *make_spinning(void)
{
	const char *const settings[] = {
		"kernel", GUEST_SPINS, "memory", "4M", "cpus", "2",
		"console", "file=log", "console", "socket=console",
		"console", "pty=pty", "disk", "disk", "disk",
		"base,overlay=over", "share", ".,tag=here", "vsock", "vsock",
		"net", "listen=unix:net", "rng", "true", "balloon", "true",
		"gdb", gdb, NULL,
	};
	struct vireo_config *cfg;

	for (int fd = 0; fd < FDS; fd++)
		open_before[fd] = fcntl(fd, F_GETFD) >= 0;
	make_disks();
	choose_port();
	cfg = make_config(settings);
	add_ram(cfg);
	return cfg;
}

static struct vireo_vm *run(const struct vireo_config *cfg)
{
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;

	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	need(vireo_start(vm, &err) == 0, "start", &err);
	return vm;
}

static void end(struct vireo_vm **vm)
{
	struct vireo_end how = { 0 };

	need(vireo_wait(*vm, 0, NULL) == VIREO_ETIME, "it has ended", NULL);
	need(vireo_pause(*vm) == 0 && vireo_resume(*vm) == 0, "pause", NULL);
	vireo_stop(*vm);
	need(vireo_wait(*vm, -1, &how) == 0, "wait", NULL);
	need(how.reason == VIREO_STOPPED, how.verdict, NULL);
	vireo_destroy(vm);
}

/* ---- the child ---- */

static bool maps_ram(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	need(file, "/proc/self/maps", NULL);
	while (fgets(line, sizeof(line), file))
		found |= !!strstr(line, RAM_NAME);
	fclose(file);
	return found;
}

static void need_closed_on_exec(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < FDS; fd++) {
		int flags = fcntl(fd, F_GETFD);
		struct vireo_error what = { 0 };
		char link[64];

		if (flags < 0 || open_before[fd])
			continue;
		count++;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		(void)!readlink(link, what.text, sizeof(what.text) - 1);
		need(flags & FD_CLOEXEC, "open after exec", &what);
	}
	need(count > 20, "where are they?", NULL);
}

static void be_heir(struct vireo_vm *vm, int go)
{
	char byte = 0;

	alarm(30);
	need(!maps_ram(), "the guest's RAM is in the child", NULL);
	need_closed_on_exec();
	need(vireo_memory_read(vm, 0, &byte, 1) == VIREO_ESTATE, "memory",
	     NULL);
	need(vireo_memory_write(vm, 0, &byte, 1) == VIREO_ESTATE, "memory",
	     NULL);
	need(vireo_pause(vm) == VIREO_ESTATE, "pause", NULL);
	vireo_stop(vm);
	need(read(go, &byte, 1) == 1, "the parent is gone", NULL);
	vireo_destroy(&vm);
	need(!vm, "destroy", NULL);
	if (!NO_THREADS)
		run_to_end(small_vm, VIREO_DEBUG_EXIT);
	_exit(0);
}

static void need_good_end(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(1); /* it has told why */
	need(status == 0, "a signal in the child", NULL);
}

/* ---- both ---- */

static pid_t fork_heir(struct vireo_vm *vm, int *go)
{
	int fd[2];
	pid_t pid;

	need(maps_ram(), "no RAM", NULL);
	need(pipe2(fd, O_CLOEXEC) == 0, "pipe", NULL);
	pid = fork();
	need(pid >= 0, "fork", NULL);
	if (pid == 0) {
		close(fd[1]);
		be_heir(vm, fd[0]);
	}
	close(fd[0]);
	*go = fd[1];
	return pid;
}

static void let_go(pid_t pid, int go)
{
	need(write(go, "x", 1) == 1, "the child is gone", NULL);
	close(go);
	need_good_end(pid);
}

static void fork_while_it_runs(void)
{
	struct vireo_config *cfg = make_spinning();
	struct vireo_vm *vm = run(cfg);
	pid_t pid;
	int go;

	pid = fork_heir(vm, &go);
	let_go(pid, go);
	end(&vm);
	vireo_config_destroy(&cfg);
}

static void X13_a_vm_goes_on_when_a_child_has_come_and_gone(void **state)
{
	in_child(fork_while_it_runs);
}

/* The same files, locks, addresses: the child has descriptors of all. */
static void make_it_again(void)
{
	struct vireo_config *cfg = make_spinning();
	struct vireo_vm *vm = run(cfg);
	pid_t pid;
	int go;

	pid = fork_heir(vm, &go);
	end(&vm);
	vm = run(cfg);
	let_go(pid, go);
	end(&vm);
	vireo_config_destroy(&cfg);
}

static void X13_a_vm_can_be_made_again_beside_a_child(void **state)
{
	in_child(make_it_again);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			X13_a_vm_goes_on_when_a_child_has_come_and_gone),
		cmocka_unit_test(X13_a_vm_can_be_made_again_beside_a_child),
	};

	vm_case_begin(argc, argv);
	return cmocka_run_group_tests(tests, vm_case_set_up, vm_case_tear_down);
}
