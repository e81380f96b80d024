// SPDX-License-Identifier: BSD-3-Clause
/* See vm_case.h. */
#include "vm_case.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_FD 900 /* of a child: the test's pipe */
#define PATIENCE  60  /* seconds; it hangs */

static char dir[] = "/tmp/vireo-embed-XXXXXX";
static char *program;

/* ---- guests ---- */

#define TEXT "Kernel panic - not syncing: no reason\n---[ end Kernel panic\n"

/* mov si, 0x7c00 + 24; out dx, al for each byte there; out 0xf4, al */
#define PRINT \
	0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x18, 0x7c, 0xba, 0xf8, 0x03, 0xac, \
	0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xe6, 0xf4, 0xf4, 0xeb, \
	0xfd, 0x90

static const struct {
	const char *name;
	uint8_t code[32];
	const char *text; /* behind the code */
} guests[] = {
	{ "ends", { 0xe6, 0xf4, 0xf4 }, NULL },
	{ "spins", { 0xeb, 0xfe }, NULL },
	{ "panics", { PRINT }, TEXT },
	/* ds = 0; lidt of nothing; cr0.pe = 1; ud2 */
	{ "faults", { 0x31, 0xc0, 0x8e, 0xd8, 0x0f, 0x01, 0x1e, 0x00, 0x70,
		      0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0xeb,
		      0x00, 0x0f, 0x0b }, NULL },
	{ "resets", { 0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe }, NULL },
	{ "off", { 0xba, 0x04, 0x06, 0xb8, 0x00, 0x34, 0xef, 0xeb, 0xfe },
	  NULL },
	{ "pvpanic", { 0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xeb, 0xfe }, NULL },
	/* mov dx, 0xe000; in al, dx; out 0xf4, al */
	{ "asks", { 0xba, 0x00, 0xe0, 0xec, 0xe6, 0xf4, 0xf4 }, NULL },
};

static int write_guest(size_t i)
{
	FILE *file = fopen(guests[i].name, "we");
	bool good;

	if (!file)
		return -1;
	good = fwrite(guests[i].code, 1, guests[i].text ? 24 : 32, file) > 0;
	if (guests[i].text)
		good &= fwrite(guests[i].text, 1, strlen(guests[i].text) + 1,
			       file) > 0;
	return fclose(file) == 0 && good ? 0 : -1;
}

void vm_case_begin(int argc, char **argv)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("skipped: /dev/kvm");
		exit(SKIPPED);
	}
	close(fd);
	program = argc == 2 ? realpath(argv[1], NULL) : NULL;
}

int vm_case_set_up(void **state)
{
	return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

int vm_case_tear_down(void **state)
{
	char command[64];

	free(program);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

const char *sandbox_program(void)
{
	return program;
}

/* ---- children ---- */

/* One of its own, with the guests in it. */
static int enter_folder(void)
{
	char own[] = "XXXXXX";

	if (chdir(dir) < 0 || !mkdtemp(own) || chdir(own) < 0 ||
	    chmod(".", 0755) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		if (write_guest(i) < 0)
			return -1;
	return 0;
}

/* A leak of the child's is one of the test's, where somebody looks for it. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

static void be_child(void (*fn)(void), int report)
{
	alarm(PATIENCE);
	if (dup2(report, REPORT_FD) < 0 || enter_folder() < 0)
		_exit(1);
	close(report);
	fn();
	/* It looks for threads in /proc. */
	if (__lsan_do_recoverable_leak_check &&
	    access("/proc/self/task", F_OK) == 0 &&
	    __lsan_do_recoverable_leak_check())
		need(false, "something has leaked", NULL);
	_exit(0);
}

static void judge(int status, const char *text)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: %s\n", text);
		skip();
	}
	if (WIFSIGNALED(status))
		fail_msg("signal %d; %s", WTERMSIG(status), text);
	if (status)
		fail_msg("%s", text);
}

void in_child(void (*fn)(void))
{
	char text[1024] = "";
	size_t len = 0;
	int status = -1;
	int fd[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_child(fn, fd[1]);
	close(fd[1]);
	while ((n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0)
		;
	judge(status, text);
}

void need(bool ok, const char *what, const struct vireo_error *err)
{
	if (ok)
		return;
	dprintf(REPORT_FD, "%s%s%s", what, err ? ": " : "",
		err ? err->text : "");
	_exit(1);
}

void skip_child(const char *why)
{
	dprintf(REPORT_FD, "%s", why);
	_exit(SKIPPED);
}

/* ---- VMs ---- */

const char *const full_vm[] = {
	"kernel", GUEST_ENDS, "memory", "4M", "cpus", "2", "testdev", "true",
	"console", "file=log", "console", "socket=console", "disk", "disk",
	"disk", "base,overlay=over,engine=threads", "vsock", "vsock", "net",
	"listen=unix:net", "rng", "true", "balloon", "true", "gdb",
	"unix:gdb", "transport", "pci", NULL,
};
const char *const small_vm[] = { "kernel", GUEST_ENDS, "memory", "2M",
				 "testdev", "true", NULL };

struct vireo_config *make_config(const char *const *settings)
{
	struct vireo_error err = { 0 };
	struct vireo_config *cfg;

	need(vireo_config_create(&cfg) == 0, "config", NULL);
	for (; *settings; settings += 2)
		need(vireo_config_set(cfg, settings[0], settings[1], &err) == 0,
		     settings[0], &err);
	return cfg;
}

struct vireo_vm *create(const char *const *settings, struct vireo_error *err)
{
	struct vireo_config *cfg = make_config(settings);
	struct vireo_vm *vm;
	int r;

	*err = (struct vireo_error){ 0 };
	r = vireo_create(&vm, cfg, err);
	need(r == err->code && !r == !!vm, "create", err);
	vireo_config_destroy(&cfg);
	return vm;
}

void make_disks(void)
{
	static const char *const names[] = { "disk", "base" };

	for (int i = 0; i < 2; i++) {
		int fd = open(names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

		need(fd >= 0 && ftruncate(fd, 1 << 16) == 0, "disk", NULL);
		close(fd);
	}
}

int open_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	need(fd >= 0, "/dev/kvm", NULL);
	return fd;
}

struct vireo_config *config_with_kvm(const char *const *settings, int kvm)
{
	struct vireo_config *cfg = make_config(settings);
	struct vireo_error err = { 0 };

	need(vireo_config_set_fd(cfg, "kvm", kvm, &err) == 0, "kvm", &err);
	return cfg;
}

void run_config(const struct vireo_config *cfg, enum vireo_reason reason)
{
	struct vireo_end end = { 0 };
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;

	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	need(end.reason == reason, end.verdict, NULL);
	vireo_destroy(&vm);
}

void call_sandbox(struct vireo_sandbox **sb)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "nothing",
					   .timeout_us = 30000000 };
	struct vireo_error err = { 0 };

	need(vireo_sandbox_call(*sb, &call, NULL, &err) == 0, "call", &err);
	need(vireo_sandbox_destroy(sb) == 0, "destroy", NULL);
}

void run_to_end(const char *const *settings, enum vireo_reason reason)
{
	struct vireo_config *cfg = make_config(settings);

	run_config(cfg, reason);
	vireo_config_destroy(&cfg);
}

/* ---- the process ---- */

unsigned int entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned int n = 0;

	need(folder, path, NULL);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

unsigned int threads_now(unsigned int want)
{
	unsigned int n = entries("/proc/self/task");

	for (int tries = 0; n != want && tries < 1000; tries++) {
		usleep(1000);
		n = entries("/proc/self/task");
	}
	return n;
}
