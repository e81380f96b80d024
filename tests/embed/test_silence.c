// SPDX-License-Identifier: BSD-3-Clause
/*
 * L02: an embedder's standard streams are its own. Whatever fails says so by
 * what it returns, and nobody writes to descriptors 1 and 2.
 */
#include "vm_case.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- everything that fails ---- */

static void set_refused(struct vireo_config *cfg, const char *key,
			const char *value)
{
	struct vireo_error err = { 0 };

	need(vireo_config_set(cfg, key, value, &err) == VIREO_EINVAL &&
	     strlen(err.text) > 10, key, &err);
}

static void refuse_values(void)
{
	static const char *const bad[][2] = {
		{ "no-such-key", "1" }, { "memory", "a lot" },
		{ "cpus", "0" }, { "kernel", "" }, { "disk", "x,serial=" },
		{ "console", "pigeon" }, { "net", "carrier" },
		{ "timeout", "soon" }, { "gdb", "tcp:http" },
		{ "share", "x" }, { "vsock", "x,cid=2" },
		{ "pin", "a" }, { "env", "=" }, { "cmdline", "a\nb" },
	};
	struct vireo_error err = { 0 };
	struct vireo_config *cfg;

	need(vireo_config_create(&cfg) == 0, "config", NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		set_refused(cfg, bad[i][0], bad[i][1]);
	need(vireo_config_parse(cfg, "{\"cpus\":", 8, &err) == VIREO_EINVAL,
	     "parse", &err);
	need(vireo_config_set_fd(cfg, "kvm", 888, &err) == VIREO_EINVAL,
	     "set_fd", &err);
	need(vireo_config_add_irq_fd(cfg, 99, 0, &err) == VIREO_EINVAL,
	     "irq_fd", &err);
	vireo_config_destroy(&cfg);
}

/* What is seen by vireo_create(). */
static void refuse_machines(void)
{
	static const char *const bad[][7] = {
		{ "memory", "2M" }, /* no kernel */
		{ "kernel", "nowhere" },
		{ "kernel", "." },
		{ "kernel", "spins" }, /* of no known format */
		{ "kernel", "empty" },
		{ "kernel", "torn" },
		{ "kernel", "/dev/zero" },
		{ "kernel", GUEST_ENDS, "initrd", "nowhere" },
		{ "kernel", GUEST_ENDS, "disk", "nowhere" },
		{ "kernel", GUEST_ENDS, "disk", "." },
		{ "kernel", GUEST_ENDS, "disk", "torn,overlay=nowhere/x" },
		{ "kernel", GUEST_ENDS, "disk", "disk,overlay=torn" },
		{ "kernel", GUEST_ENDS, "disk", "disk", "disk", "disk" },
		{ "kernel", GUEST_ENDS, "console", "file=nowhere/x" },
		{ "kernel", GUEST_ENDS, "console", "socket=nowhere/x" },
		{ "kernel", GUEST_ENDS, "share", "nowhere,tag=x" },
		{ "kernel", GUEST_ENDS, "vsock", "nowhere/x" },
		{ "kernel", GUEST_ENDS, "net", "connect=unix:nowhere" },
		{ "kernel", GUEST_ENDS, "net", "tap=no-such-tap" },
		{ "kernel", GUEST_ENDS, "gdb", "unix:nowhere/x" },
		{ "kernel", GUEST_ENDS, "pin", "1000" },
		{ "kernel", GUEST_ENDS, "vmcore", "nowhere/x" },
		{ "kernel", GUEST_ENDS, "memory", "16T" },
		{ "kernel", "debian:none", "cache", "nowhere" },
		{ "rootfs", "nowhere", "command", "true", "cache", "none" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vireo_error err;
		struct vireo_vm *vm = create(bad[i], &err);

		need(!vm && strlen(err.text) > 10, bad[i][1], &err);
	}
}

static void on_stat(void *ctx, const struct vireo_stat *stat)
{
}

static void on_line(void *ctx, const char *line)
{
}

static void on_register(void *ctx, unsigned int cpu, const char *name,
			uint64_t value)
{
}

static void on_row(void *ctx, const struct vireo_check_row *row)
{
}

static void look_at_it(struct vireo_vm *vm)
{
	vireo_stats(vm, on_stat, NULL);
	vireo_registers(vm, on_register, NULL);
	vireo_trace(vm, on_line, NULL);
	vireo_console_tail(vm, on_line, NULL);
}

/* Nobody wants the log, or somebody does and has no function for it. */
static void end_by(const char *kernel, enum vireo_reason reason, bool log)
{
	const char *const settings[] = {
		"kernel", kernel, "memory", "2M", "testdev", "true",
		"timeout", reason == VIREO_DEADLINE ? "20ms" : "30s",
		"log-level", "debug", "stats", "true", "vmcore", "core", NULL,
	};
	struct vireo_config *cfg = make_config(settings);
	struct vireo_end end = { 0 };
	struct vireo_error err;
	struct vireo_vm *vm;

	if (log)
		vireo_config_set_log(cfg, VIREO_LOG_DEBUG, NULL, NULL);
	need(vireo_create(&vm, cfg, &err) == 0, kernel, &err);
	vireo_config_destroy(&cfg);
	need(vireo_start(vm, &err) == 0, kernel, &err);
	need(vireo_start(vm, &err) == VIREO_ESTATE, kernel, &err);
	if (reason == VIREO_STOPPED)
		vireo_stop(vm);
	need(vireo_wait(vm, -1, &end) == 0, kernel, NULL);
	snprintf(err.text, sizeof(err.text), "%s", end.verdict);
	need(end.reason == reason, kernel, &err);
	look_at_it(vm);
	vireo_destroy(&vm);
}

static void end_in_every_way(void)
{
	for (int log = 0; log < 2; log++) {
		end_by(GUEST_ENDS, VIREO_DEBUG_EXIT, log);
		end_by(GUEST_PANICS, VIREO_PANIC, log);
		end_by(GUEST_PVPANIC, VIREO_PANIC, log);
		end_by(GUEST_FAULTS, VIREO_TRIPLE_FAULT, log);
		end_by(GUEST_RESETS, VIREO_RESET, log);
		end_by(GUEST_OFF, VIREO_POWER_OFF, log);
		end_by(GUEST_SPINS, VIREO_STOPPED, log);
		end_by(GUEST_SPINS, VIREO_DEADLINE, log);
	}
}

static void ask_the_rest(void)
{
	char text[64];

	vireo_check(NULL, on_row, NULL);
	vireo_disk_check("torn", on_stat, on_line, NULL, NULL);
	vireo_disk_check("nowhere", NULL, NULL, NULL, NULL);
	vireo_kernel_find(text, sizeof(text), "debian:6.1", "nowhere", NULL);
	vireo_kernel_choose(text, sizeof(text), "debian:6.1", "none\n", NULL);
}

static void trap_a_sandbox(void)
{
	static const char *const functions[] = { "spin", "echo", "no_such",
						 "read_at", "pass_on" };
	struct vireo_sandbox_options options = { .size = sizeof(options),
						 .path = "torn" };
	struct vireo_sandbox *sb;
	struct vireo_error err = { 0 };

	need(vireo_sandbox_create(&sb, &options, &err) == VIREO_EIMAGE,
	     "sandbox", &err);
	options.path = sandbox_program();
	need(vireo_sandbox_create(&sb, &options, &err) == 0, "sandbox", &err);
	for (size_t i = 0; i < 5; i++) {
		uint64_t in = 8;
		char out[64];
		struct vireo_sandbox_call call = {
			.size = sizeof(call), .function = functions[i],
			.in = &in, .in_len = 8, .out = out, .out_cap = 64,
			.timeout_us = 2000,
		};

		vireo_sandbox_call(sb, &call, NULL, &err);
		need(vireo_sandbox_reset(sb, &err) == 0, "reset", &err);
	}
	need(vireo_sandbox_destroy(&sb) == 0, "destroy", NULL);
}

/* ---- nothing is heard of it ---- */

static void write_file(const char *name, const char *bytes, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	need(fd >= 0 && write(fd, bytes, len) == (ssize_t)len &&
	     close(fd) == 0, name, NULL);
}

static void make_files(void)
{
	write_file("empty", "", 0);
	write_file("torn", "\177ELF\2\1\1", 7);
	write_file("disk", "", 0);
	need(truncate("disk", 1 << 20) == 0, "disk", NULL);
}

static int listen_at(int number)
{
	int fd = memfd_create("heard", MFD_CLOEXEC);

	need(fd > 2 && dup2(fd, number) == number, "memfd", NULL);
	return fd;
}

static void need_nothing(int fd, const char *stream)
{
	char text[256] = "";
	struct stat st;

	need(fstat(fd, &st) == 0, "stat", NULL);
	if (st.st_size == 0)
		return;
	snprintf(text, sizeof(text), "%s: ", stream);
	(void)!pread(fd, text + strlen(text), 200, 0);
	need(false, text, NULL);
}

static void fail_in_every_way(void)
{
	int out = listen_at(1), err = listen_at(2);

	make_files();
	refuse_values();
	refuse_machines();
	end_in_every_way();
	ask_the_rest();
	trap_a_sandbox();
	fflush(NULL);
	need_nothing(out, "stdout");
	need_nothing(err, "stderr");
}

static void L02_nothing_is_printed(void **state)
{
	in_child(fail_in_every_way);
}

/* ---- where there are no standard streams ---- */

/* What the kernel itself does not let anybody write to may be anywhere. */
static bool is_harmless(int fd)
{
	char link[64], to[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, to, sizeof(to) - 1) > 0 &&
	       !strcmp(to, "anon_inode:[io_uring]");
}

static void need_none(const char *when)
{
	for (int fd = 0; fd < 3; fd++)
		need(fcntl(fd, F_GETFD) < 0 || is_harmless(fd), when, NULL);
}

static uint64_t look_while_it_runs(void *ctx, uint64_t off, unsigned int len)
{
	need_none("while a VM runs");
	return 0;
}

static void run_without_streams(void)
{
	static const char *const settings[] = {
		"kernel", GUEST_ASKS, "memory", "4M,backing=memfd",
		"testdev", "true", "console", "file=log", "console", "pty",
		"console", "socket=console", "disk", "disk", "disk",
		"torn-disk,overlay=overlay,engine=threads", "share",
		".,tag=here", "vsock", "vsock", "net", "listen=unix:net",
		"rng", "true", "balloon", "true", "gdb", "unix:gdb",
		"transport", "pci", "vmcore", "core", NULL,
	};
	const struct vireo_device device = {
		.size = sizeof(device), .name = "asked", .port = true,
		.base = 0xe000, .length = 1, .read = look_while_it_runs,
	};
	struct vireo_config *cfg = make_config(settings);
	struct vireo_end end = { 0 };
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;

	need(vireo_config_add_device(cfg, &device, &err) == 0, "device", &err);
	need_none("of a configuration");
	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	vireo_config_destroy(&cfg);
	need_none("of a VM");
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	need(end.reason == VIREO_DEBUG_EXIT, end.verdict, NULL);
	vireo_destroy(&vm);
	need_none("after a VM");
}

static void sandbox_without_streams(void)
{
	const struct vireo_sandbox_options options = {
		.size = sizeof(options), .path = sandbox_program(),
	};
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "spin",
					   .timeout_us = 2000 };
	struct vireo_sandbox *sb;
	struct vireo_error err = { 0 };

	need(vireo_sandbox_create(&sb, &options, &err) == 0, "sandbox", &err);
	need_none("of a sandbox");
	need(vireo_sandbox_call(sb, &call, NULL, &err) == VIREO_ETRAP, "call",
	     &err);
	need_none("of a sandbox that was called");
	vireo_sandbox_destroy(&sb);
}

static void have_no_streams(void)
{
	make_files();
	need(truncate("torn", 1 << 20) == 0 && rename("torn", "torn-disk") == 0,
	     "disk", NULL);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	run_without_streams();
	sandbox_without_streams();
	ask_the_rest();
	need_none("at the end");
}

static void L02_no_descriptor_becomes_a_standard_stream(void **state)
{
	in_child(have_no_streams);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L02_nothing_is_printed),
		cmocka_unit_test(L02_no_descriptor_becomes_a_standard_stream),
	};

	vm_case_begin(argc, argv);
	return cmocka_run_group_tests(tests, vm_case_set_up, vm_case_tear_down);
}
