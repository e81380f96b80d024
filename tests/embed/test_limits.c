// SPDX-License-Identifier: BSD-3-Clause
/*
 * L07: a process with limits of its own: what there is too little of is an
 * error that says so, nothing is left of it, and where there is enough VMs and
 * sandboxes run.
 */
#include "vm_case.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534
#define MIB    (1ul << 20)

/* Their runtimes map terabytes, and do not return without memory. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- what is held before and after ---- */

struct held {
	unsigned int fds, threads;
};

static struct held count_held(void)
{
	return (struct held){ entries("/proc/self/fd"),
			      entries("/proc/self/task") };
}

static void need_all_back(const struct held *h, const char *when)
{
	need(entries("/proc/self/fd") == h->fds, when, NULL);
	need(threads_now(h->threads) == h->threads, when, NULL);
}

/* ---- limits ---- */

static struct rlimit lower(int resource, rlim_t to)
{
	struct rlimit old, now;

	need(getrlimit(resource, &old) == 0, "getrlimit", NULL);
	now = old;
	now.rlim_cur = to < old.rlim_max ? to : old.rlim_max;
	need(setrlimit(resource, &now) == 0, "setrlimit", NULL);
	return old;
}

static void raise_again(int resource, const struct rlimit *to)
{
	need(setrlimit(resource, to) == 0, "setrlimit", NULL);
}

/* With the limit at @to while it is made. */
static struct vireo_vm *create_within(int resource, rlim_t to,
				      const struct vireo_config *cfg,
				      struct vireo_error *err)
{
	struct rlimit old = lower(resource, to);
	struct vireo_vm *vm = NULL;
	int r;

	*err = (struct vireo_error){ 0 };
	r = vireo_create(&vm, cfg, err);
	raise_again(resource, &old);
	need(r == 0 ? !!vm : !vm && r == err->code, "create", err);
	return vm;
}

static bool says(const struct vireo_error *err, const char *word)
{
	return strstr(err->text, word);
}

/* ---- descriptors ---- */

static void want_descriptors(const char *const *settings)
{
	struct vireo_config *cfg = make_config(settings);
	struct vireo_vm *vm = NULL;
	struct vireo_error err;
	struct held before;
	rlim_t limit = 3;

	run_to_end(settings, VIREO_DEBUG_EXIT); /* what is made only once */
	before = count_held();
	for (; !vm; limit++) {
		need(limit < 400, "no number is enough", NULL);
		vm = create_within(RLIMIT_NOFILE, limit, cfg, &err);
		if (vm)
			break;
		need(err.code == VIREO_EHOST, "create", &err);
		need(says(&err, "Too many open files") ||
		     says(&err, "descriptors"), "unclear", &err);
		need_all_back(&before, err.text);
	}
	need(limit > 10, "the limit is none", NULL);
	vireo_destroy(&vm);
	need_all_back(&before, "a VM that just fits");
	vireo_config_destroy(&cfg);
	run_to_end(settings, VIREO_DEBUG_EXIT);
}

/* It has what it needs: nothing more is opened to run and to end. */
static void run_without_more(void)
{
	struct vireo_error err;
	struct vireo_vm *vm = create(full_vm, &err);
	struct vireo_end end = { 0 };
	struct rlimit old;

	need(vm, "create", &err);
	old = lower(RLIMIT_NOFILE, 3);
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	need(end.reason == VIREO_DEBUG_EXIT, end.verdict, NULL);
	vireo_destroy(&vm);
	raise_again(RLIMIT_NOFILE, &old);
}

static void lack_descriptors(void)
{
	make_disks();
	want_descriptors(small_vm);
	want_descriptors(full_vm);
	run_without_more();
}

static void L07_too_few_descriptors_are_an_error(void **state)
{
	in_child(lack_descriptors);
}

static int make_sandbox(struct vireo_sandbox **sb, struct vireo_error *err)
{
	const struct vireo_sandbox_options options = {
		.size = sizeof(options), .path = sandbox_program(),
	};

	*err = (struct vireo_error){ 0 };
	return vireo_sandbox_create(sb, &options, err);
}

static void sandbox_lacks_descriptors(void)
{
	struct vireo_sandbox *sb = NULL;
	struct vireo_error err;
	struct held before;

	need(make_sandbox(&sb, &err) == 0, "sandbox", &err);
	call_sandbox(&sb);
	before = count_held();
	for (rlim_t limit = 3; !sb; limit++) {
		struct rlimit old = lower(RLIMIT_NOFILE, limit);
		int r = make_sandbox(&sb, &err);

		raise_again(RLIMIT_NOFILE, &old);
		need(r == 0 || (r == VIREO_EHOST &&
				says(&err, "Too many open files")),
		     "unclear", &err);
		need(r == 0 || !sb, "a sandbox in spite of it", NULL);
		if (r < 0)
			need_all_back(&before, err.text);
		need(limit < 100, "no number is enough", NULL);
	}
	call_sandbox(&sb);
	need_all_back(&before, "a sandbox that just fits");
}

static void L07_so_they_are_for_a_sandbox(void **state)
{
	in_child(sandbox_lacks_descriptors);
}

/* ---- memory ---- */

static rlim_t mapped_now(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	need(file && fscanf(file, "%lu", &pages) == 1, "statm", NULL);
	fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void need_key(const char *memory, rlim_t limit)
{
	const char *const settings[] = { "kernel", GUEST_ENDS, "memory", memory,
					 NULL };
	struct vireo_config *cfg = make_config(settings);
	struct vireo_error err;

	need(!create_within(RLIMIT_AS, limit, cfg, &err), "it is made", NULL);
	need(err.code == VIREO_EHOST && !strcmp(err.key, "memory") &&
	     says(&err, "--memory"), "not to blame", &err);
	vireo_config_destroy(&cfg);
}

/* In small steps, so that each of its mappings fails once. */
static void want_memory(void)
{
	struct vireo_config *cfg = make_config(full_vm);
	struct held before = count_held();
	struct vireo_vm *vm = NULL;
	struct vireo_error err;
	unsigned int failed = 0;

	for (rlim_t more = 0; !vm; more += MIB / 4) {
		vm = create_within(RLIMIT_AS, mapped_now() + more, cfg, &err);
		need(vm || (err.code == VIREO_EHOST && strlen(err.text) > 10),
		     "unclear", &err);
		if (!vm)
			need_all_back(&before, err.text);
		failed += !vm;
		need(failed < 2000, "no limit is enough", NULL);
	}
	need(failed > 4, "the limit is none", NULL);
	vireo_destroy(&vm);
	need_all_back(&before, "a VM that just fits");
	vireo_config_destroy(&cfg);
}

static void lack_memory(void)
{
	if (SANITIZED)
		skip_child("a sanitizer maps more than any limit");
	make_disks();
	run_to_end(full_vm, VIREO_DEBUG_EXIT);
	need_key("1G", mapped_now() + 64 * MIB);
	want_memory();
	run_to_end(full_vm, VIREO_DEBUG_EXIT);
}

static void L07_too_little_memory_is_an_error(void **state)
{
	in_child(lack_memory);
}

/* ---- nobody's limits ---- */

/* Limits are none to root. */
static void become_nobody(void)
{
	need(chmod(".", 0777) == 0, "chmod", NULL);
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		skip_child("root that cannot become anybody else");
	/* Its own /proc is root's otherwise. */
	need(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "prctl", NULL);
}

/* The threads of a VM that is there, but not those of its vCPUs. */
static void start_without_threads(const struct vireo_config *cfg)
{
	struct vireo_end end = { 0 };
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;
	struct rlimit old;

	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	old = lower(RLIMIT_NPROC, 0);
	need(vireo_start(vm, &err) == VIREO_EHOST && says(&err, "the thread"),
	     "start", &err);
	need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	need(end.reason == VIREO_HOST_ERROR, end.verdict, NULL);
	vireo_destroy(&vm);
	raise_again(RLIMIT_NPROC, &old);
}

/* True when there is a limit that is enough: it then runs. */
static bool runs_within(rlim_t limit, const struct vireo_config *cfg)
{
	struct rlimit old = lower(RLIMIT_NPROC, limit);
	struct vireo_end end = { 0 };
	struct vireo_error err = { 0 };
	struct vireo_vm *vm = NULL;
	int r = vireo_create(&vm, cfg, &err);

	if (r == 0)
		r = vireo_start(vm, &err);
	if (r < 0)
		need(r == VIREO_EHOST && strlen(err.text) > 10, "unclear",
		     &err);
	else
		need(vireo_wait(vm, -1, &end) == 0, "wait", NULL);
	/* KVM itself may want a thread. */
	snprintf(err.text, sizeof(err.text), "%.300s", end.detail);
	need(r < 0 || end.reason == VIREO_DEBUG_EXIT ||
	     (end.reason == VIREO_HOST_ERROR && says(&err, "ulimit -u")),
	     end.verdict, &err);
	vireo_destroy(&vm);
	raise_again(RLIMIT_NPROC, &old);
	return end.reason == VIREO_DEBUG_EXIT;
}

/* One more each time, until each of its threads was refused once. */
static void want_threads(const struct vireo_config *cfg)
{
	const struct held before = count_held();
	rlim_t limit = 0;

	while (!runs_within(limit, cfg)) {
		need(limit++ < 2000, "no limit is enough", NULL);
		need_all_back(&before, "a VM that lacks a thread");
	}
	need_all_back(&before, "a VM that just fits");
	need(limit > 2, "the limit is none", NULL);
}

/* It has no threads, but KVM may want one when it runs first. */
static void call_without_threads(struct vireo_sandbox **sb)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "nothing",
					   .timeout_us = 30000000 };
	struct rlimit old = lower(RLIMIT_NPROC, 0);
	struct vireo_error err = { 0 };
	int r = vireo_sandbox_call(*sb, &call, NULL, &err);

	raise_again(RLIMIT_NPROC, &old);
	need(r == 0 || (r == VIREO_EHOST && says(&err, "ulimit -u")), "call",
	     &err);
	need(vireo_sandbox_reset(*sb, &err) == 0, "reset", &err);
	call_sandbox(sb);
}

static void lack_threads(void)
{
	struct vireo_config *cfg;
	struct vireo_sandbox *sb;
	struct vireo_error err;
	struct held before;
	int kvm = open_kvm();

	make_disks();
	need(chmod("disk", 0666) == 0, "chmod", NULL);
	need(make_sandbox(&sb, &err) == 0, "sandbox", &err);
	become_nobody();
	cfg = config_with_kvm(full_vm, kvm);
	run_config(cfg, VIREO_DEBUG_EXIT);
	before = count_held();
	need(!create_within(RLIMIT_NPROC, 0, cfg, &err), "it is made", NULL);
	need(err.code == VIREO_EHOST && strlen(err.text) > 10, "create", &err);
	need_all_back(&before, err.text);
	start_without_threads(cfg);
	need_all_back(&before, "a VM without vCPUs");
	want_threads(cfg);
	call_without_threads(&sb);
	run_config(cfg, VIREO_DEBUG_EXIT);
	vireo_config_destroy(&cfg);
	close(kvm);
}

static void L07_threads_that_are_refused_are_an_error(void **state)
{
	in_child(lack_threads);
}

static void lock_nothing(void)
{
	const struct rlimit none = { 0, 0 };
	struct vireo_config *cfg;
	int kvm = open_kvm();

	make_disks();
	need(chmod("disk", 0666) == 0, "chmod", NULL);
	become_nobody();
	need(setrlimit(RLIMIT_MEMLOCK, &none) == 0, "setrlimit", NULL);
	cfg = config_with_kvm(full_vm, kvm);
	run_config(cfg, VIREO_DEBUG_EXIT);
	vireo_config_destroy(&cfg);
	close(kvm);
}

static void L07_locked_memory_is_not_needed(void **state)
{
	in_child(lock_nothing);
}

/* ---- files, and stacks ---- */

/* SIGXFSZ would end the process: it is not ignored here. */
static void write_little(void)
{
	static const char *const big[] = { "kernel", GUEST_ENDS, "memory",
					   "2M,backing=memfd", NULL };
	static const char *const loud[] = { "kernel", GUEST_PANICS, "memory",
					    "2M", "testdev", "true", "console",
					    "file=log", NULL };
	struct vireo_config *cfg = make_config(big);
	struct vireo_error err = { 0 };
	struct vireo_vm *vm;
	struct stat st;

	need(!create_within(RLIMIT_FSIZE, 16, cfg, &err), "it is made", NULL);
	need(err.code == VIREO_EHOST && !strcmp(err.key, "memory") &&
	     says(&err, "File too large"), "unclear", &err);
	vireo_config_destroy(&cfg);
	cfg = make_config(loud);
	need(vireo_config_own_threads(cfg, &err) == 0, "threads", &err);
	lower(RLIMIT_FSIZE, 16);
	need(vireo_create(&vm, cfg, &err) == 0, "create", &err);
	need(vireo_start(vm, &err) == 0, "start", &err);
	need(vireo_vcpu_run(vm, 0) == 0, "run", NULL);
	need(vireo_wait(vm, -1, NULL) == 0, "wait", NULL);
	vireo_destroy(&vm);
	need(stat("log", &st) == 0 && st.st_size == 16, "the log", NULL);
	vireo_config_destroy(&cfg);
}

static void L07_a_file_that_may_not_grow_ends_nothing(void **state)
{
	in_child(write_little);
}

/* On a thread of the VM's. */
static uint64_t use_some(void *ctx, uint64_t off, unsigned int len)
{
	volatile char room[256 * 1024];

	for (size_t i = 0; i < sizeof(room); i += 512)
		room[i] = 1;
	return room[512] - 1;
}

static void have_tiny_stacks(void)
{
	static const char *const settings[] = { "kernel", GUEST_ASKS, "memory",
						"2M", "testdev", "true", NULL };
	const struct vireo_device device = {
		.size = sizeof(device), .name = "asked", .port = true,
		.base = 0xe000, .length = 1, .read = use_some,
	};
	struct vireo_config *cfg = make_config(settings);
	struct vireo_error err = { 0 };
	pthread_attr_t tiny;

	make_disks();
	pthread_attr_init(&tiny);
	need(pthread_attr_setstacksize(&tiny, 32768) == 0 &&
	     pthread_setattr_default_np(&tiny) == 0, "stack size", NULL);
	run_to_end(full_vm, VIREO_DEBUG_EXIT);
	need(vireo_config_add_device(cfg, &device, &err) == 0, "device", &err);
	run_config(cfg, VIREO_DEBUG_EXIT);
	vireo_config_destroy(&cfg);
	pthread_attr_destroy(&tiny);
}

static void L07_tiny_stacks_are_not_ours(void **state)
{
	in_child(have_tiny_stacks);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L07_too_few_descriptors_are_an_error),
		cmocka_unit_test(L07_so_they_are_for_a_sandbox),
		cmocka_unit_test(L07_too_little_memory_is_an_error),
		cmocka_unit_test(L07_threads_that_are_refused_are_an_error),
		cmocka_unit_test(L07_locked_memory_is_not_needed),
		cmocka_unit_test(L07_a_file_that_may_not_grow_ends_nothing),
		cmocka_unit_test(L07_tiny_stacks_are_not_ours),
	};

	vm_case_begin(argc, argv);
	return cmocka_run_group_tests(tests, vm_case_set_up, vm_case_tear_down);
}
