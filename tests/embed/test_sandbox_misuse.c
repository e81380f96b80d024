// SPDX-License-Identifier: BSD-3-Clause
/*
 * Bare sandboxes on /dev/kvm, as a careless program uses them: L01-L08, X13,
 * X14. An error value, never a crash, and nothing that is left behind.
 */
#include "sandbox_case.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- wrong arguments ---- */

static void L04_no_argument_is_an_error(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox *none = NULL;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "nothing" };
	struct vireo_error err;

	assert_int_equal(vireo_sandbox_call(NULL, &call, NULL, &err),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_call(sb, NULL, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_reset(NULL, NULL), VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_register(NULL, 0, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_read(NULL, 0, &err, 1), VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_read(sb, 0x10000, NULL, 1),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_destroy(NULL), 0);
	assert_int_equal(vireo_sandbox_destroy(&none), 0);
	assert_int_equal(vireo_sandbox_call(sb, &call, NULL, NULL), 0);
	assert_int_equal(vireo_sandbox_destroy(&sb), 0);
	assert_null(sb);
	assert_int_equal(vireo_sandbox_destroy(&sb), 0);
}

static void L08_calls_of_another_version_are_refused(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox_call call = { .function = "nothing" };

	for (size_t size = 0; size < 2 * sizeof(call); size++) {
		call.size = size;
		assert_int_equal(vireo_sandbox_call(sb, &call, NULL, NULL),
				 size == sizeof(call) ? 0 : VIREO_EINVAL);
	}
	vireo_sandbox_destroy(&sb);
}

static void bad_calls_change_nothing(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint8_t *big = calloc(1, BUFFER + 1);
	char out[64];

	assert_int_equal(case_call(sb, "echo", NULL, 1, out, 64, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(case_call(sb, "echo", "x", 1, NULL, 64, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(case_call(sb, "echo", big, BUFFER + 1, out, 64, NULL,
				   NULL), VIREO_EINVAL);
	assert_int_equal(case_call(sb, "echo", big, SIZE_MAX, out, 64, NULL,
				   NULL), VIREO_EINVAL);
	assert_int_equal(case_call(sb, "no_such", "x", 1, out, 64, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(case_call(sb, "", "x", 1, out, 64, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(case_call(sb, "counter", "x", 1, out, 64, NULL, NULL),
			 VIREO_EINVAL); /* a variable */
	assert_int_equal(vireo_sandbox_register(sb, 64, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_register(sb, ~0u, NULL, NULL),
			 VIREO_EINVAL);
	assert_int_equal(case_word(sb, "count", 0), 8);
	/* More room than a buffer has is no error. */
	assert_int_equal(case_call(sb, "echo", "x", 1, big, BUFFER + 1, NULL,
				   NULL), 0);
	free(big);
	vireo_sandbox_destroy(&sb);
}

/* ---- calls from callbacks ---- */

struct reentry {
	struct vireo_sandbox *sb;
	int result[6];
};

static int64_t reenter(void *ctx, const void *in, size_t in_len, void *out,
		       size_t out_cap)
{
	struct reentry *e = ctx;
	struct vireo_sandbox *copy = e->sb;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "nothing" };
	char byte;

	e->result[0] = vireo_sandbox_call(e->sb, &call, NULL, NULL);
	e->result[1] = vireo_sandbox_reset(e->sb, NULL);
	e->result[2] = vireo_sandbox_destroy(&copy);
	e->result[3] = vireo_sandbox_register(e->sb, 3, NULL, NULL);
	e->result[4] = vireo_sandbox_read(e->sb, 0x10000, &byte, 1);
	e->result[5] = copy == e->sb ? VIREO_ESTATE : 0;
	return 0;
}

static void L05_callbacks_may_not_reenter(void **state)
{
	struct reentry e = { .sb = case_create(0) };
	char out[8];

	vireo_sandbox_register(e.sb, 3, reenter, &e);
	assert_int_equal(case_call(e.sb, "pass_on", "x", 1, out, 8, NULL, NULL),
			 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(e.result[i], VIREO_ESTATE);
	assert_int_equal(case_word(e.sb, "count", 0), 8);
	vireo_sandbox_destroy(&e.sb);
}

static int64_t use_another(void *ctx, const void *in, size_t in_len, void *out,
			   size_t out_cap)
{
	size_t len = 0;

	case_call(ctx, "echo", in, in_len, out, out_cap, &len, NULL);
	return (int64_t)len;
}

static void L05_callbacks_may_use_other_sandboxes(void **state)
{
	struct vireo_sandbox *outer = case_create(0), *inner = case_create(0);
	char out[8] = "";

	vireo_sandbox_register(outer, 3, use_another, inner);
	assert_int_equal(case_call(outer, "pass_on", "abc", 3, out, 8, NULL,
				   NULL), 0);
	assert_string_equal(out, "abc");
	vireo_sandbox_destroy(&outer);
	vireo_sandbox_destroy(&inner);
}

/* ---- threads ---- */

struct meeting {
	struct vireo_sandbox *sb;
	sem_t inside, go_on;
};

static int64_t wait_inside(void *ctx, const void *in, size_t in_len, void *out,
			   size_t out_cap)
{
	struct meeting *m = ctx;

	sem_post(&m->inside);
	while (sem_wait(&m->go_on) < 0)
		;
	return 0;
}

static void *call_and_wait(void *arg)
{
	struct meeting *m = arg;
	char out[8];

	assert_int_equal(case_call(m->sb, "pass_on", "x", 1, out, 8, NULL,
				   NULL), 0);
	return NULL;
}

static void a_second_thread_is_refused(void **state)
{
	struct meeting m = { .sb = case_create(0) };
	struct vireo_sandbox *copy = m.sb;
	pthread_t thread;
	char out[8];

	sem_init(&m.inside, 0, 0);
	sem_init(&m.go_on, 0, 0);
	vireo_sandbox_register(m.sb, 3, wait_inside, &m);
	assert_int_equal(pthread_create(&thread, NULL, call_and_wait, &m), 0);
	while (sem_wait(&m.inside) < 0)
		;
	assert_int_equal(case_call(m.sb, "echo", "x", 1, out, 8, NULL, NULL),
			 VIREO_ESTATE);
	assert_int_equal(vireo_sandbox_reset(m.sb, NULL), VIREO_ESTATE);
	assert_int_equal(vireo_sandbox_destroy(&copy), VIREO_ESTATE);
	assert_non_null(copy);
	sem_post(&m.go_on);
	pthread_join(thread, NULL);
	assert_int_equal(case_word(m.sb, "count", 0), 8);
	vireo_sandbox_destroy(&m.sb);
	sem_destroy(&m.inside);
	sem_destroy(&m.go_on);
}

#define THREADS 8
#define LIVES   5

static void *many_lives(void *arg)
{
	for (int life = 0; life < LIVES; life++) {
		struct vireo_sandbox *sb = case_create(4u << 20);
		uint64_t out[8], word = (uintptr_t)arg << 32 | (unsigned)life;

		for (int i = 0; i < 20; i++) {
			out[0] = 0;
			case_call(sb, "echo", &word, 8, out, 64, NULL, NULL);
			assert_true(out[0] == word);
			assert_int_equal(case_word(sb, "count", 0), 8);
			if (i % 2) {
				struct vireo_sandbox_trap trap;

				case_trap(sb, "read_at", word & 0xfff, &trap);
				assert_int_equal(trap.address, word & 0xfff);
			} else {
				case_reset(sb);
			}
		}
		vireo_sandbox_destroy(&sb);
	}
	return NULL;
}

static void L03_X14_many_at_once_leave_nothing_behind(void **state)
{
	pthread_t thread[THREADS];
	unsigned int fds, threads;

	many_lives((void *)99); /* what the C library makes once */
	fds = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_lives,
						(void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(entries("/proc/self/fd"), fds);
	/* The kernel may still be about to forget the last one. */
	for (int i = 0; i < 1000 && entries("/proc/self/task") != threads; i++)
		usleep(1000);
	assert_int_equal(entries("/proc/self/task"), threads);
}

/* ---- fork ---- */

static int in_child(struct vireo_sandbox *sb)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "nothing",
					   .timeout_us = TIMEOUT };
	char byte;

	if (vireo_sandbox_call(sb, &call, NULL, NULL) != VIREO_ESTATE)
		return 1;
	if (vireo_sandbox_reset(sb, NULL) != VIREO_ESTATE)
		return 2;
	if (vireo_sandbox_read(sb, 0x10000, &byte, 1) != VIREO_ESTATE)
		return 3;
	if (vireo_sandbox_register(sb, 0, NULL, NULL) != VIREO_ESTATE)
		return 4;
	if (vireo_sandbox_destroy(&sb) != 0 || sb)
		return 5;
	sb = case_create(0); /* one of its own */
	if (vireo_sandbox_call(sb, &call, NULL, NULL) != 0)
		return 6;
	return vireo_sandbox_destroy(&sb);
}

static int run_child(struct vireo_sandbox *sb)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(in_child(sb));
	assert_true(pid > 0);
	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

static int64_t fork_inside(void *ctx, const void *in, size_t in_len, void *out,
			   size_t out_cap)
{
	pid_t pid = fork();
	struct vireo_sandbox *sb = ctx;
	int status = -1;

	if (pid == 0) /* its copy says that a call is going on, for ever */
		_exit(vireo_sandbox_destroy(&sb) || sb ? 1 : 0);
	while (waitpid(pid, &status, 0) < 0)
		;
	return status ? -1 : 1;
}

static void X13_a_child_of_fork_is_harmless(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	char out[8];

	case_do(sb, "count", 0);
	assert_int_equal(run_child(sb), 0);
	assert_int_equal(case_word(sb, "count", 0), 9);
	vireo_sandbox_register(sb, 3, fork_inside, sb);
	assert_int_equal(case_call(sb, "pass_on", "x", 1, out, 8, NULL, NULL),
			 0);
	assert_int_equal(case_word(sb, "count", 0), 10);
	vireo_sandbox_destroy(&sb);
}

struct family {
	pid_t parent, child;
	timer_t timer; /* the child's */
	int error;
};

static int64_t come_back_twice(void *ctx, const void *in, size_t in_len,
			       void *out, size_t out_cap)
{
	struct sigevent nothing = { .sigev_notify = SIGEV_NONE };
	struct family *f = ctx;

	f->child = fork();
	if (f->child == 0)
		f->error = timer_create(CLOCK_MONOTONIC, &nothing, &f->timer);
	return 0;
}

/* In a process whose timers have had no number yet, and in its child. */
static int call_and_fork(void)
{
	struct family f = { .parent = getpid() };
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "pass_on",
					   .timeout_us = TIMEOUT };
	struct itimerspec left;
	int status = -1, r;

	if (vireo_sandbox_register(sb, 3, come_back_twice, &f) != 0)
		return 1;
	r = vireo_sandbox_call(sb, &call, NULL, NULL);
	if (getpid() != f.parent) {
		if (r != VIREO_ESTATE || f.error != 0)
			_exit(2);
		_exit(timer_gettime(f.timer, &left) == 0 &&
		      vireo_sandbox_destroy(&sb) == 0 ? 0 : 3);
	}
	while (waitpid(f.child, &status, 0) < 0)
		;
	vireo_sandbox_destroy(&sb);
	return r != 0 ? 4 : WEXITSTATUS(status);
}

/* The deadline's timer is of the parent: the child has one of that number. */
static void X13_a_child_that_comes_back_keeps_its_timers(void **state)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(call_and_fork());
	assert_true(pid > 0);
	while (waitpid(pid, &status, 0) < 0)
		;
	assert_int_equal(status, 0);
}

/* ---- what the host cannot give ---- */

static void descriptors_that_are_no_kvm_are_refused(void **state)
{
	struct vireo_sandbox_options options = { .size = sizeof(options),
						 .path = case_program(),
						 .has_kvm = true };
	const int bad[] = { -1, 0x7fffffff, 1 };
	unsigned int fds = entries("/proc/self/fd");
	struct vireo_sandbox *sb;
	struct vireo_error err;

	for (int i = 0; i < 3; i++) {
		options.kvm = bad[i];
		sb = (struct vireo_sandbox *)&options;
		assert_int_not_equal(vireo_sandbox_create(&sb, &options, &err),
				     0);
		assert_null(sb);
		assert_true(strlen(err.text) > 10);
	}
	assert_int_equal(entries("/proc/self/fd"), fds);
}

static void no_more_descriptors_is_an_error(void **state)
{
	const struct vireo_sandbox_options options = {
		.size = sizeof(options),
		.path = case_program(),
	};
	struct rlimit old, tight;
	unsigned int fds = entries("/proc/self/fd") - 3;
	struct vireo_sandbox *sb;
	struct vireo_error err;

	getrlimit(RLIMIT_NOFILE, &old);
	for (rlim_t more = 0; more < 4; more++) {
		int r;

		tight = old;
		tight.rlim_cur = fds + more;
		setrlimit(RLIMIT_NOFILE, &tight);
		r = vireo_sandbox_create(&sb, &options, &err);
		setrlimit(RLIMIT_NOFILE, &old);
		if (r == 0)
			vireo_sandbox_destroy(&sb);
		else
			assert_int_equal(r, VIREO_EHOST);
		assert_null(sb);
	}
	assert_int_equal(entries("/proc/self/fd") - 3, fds);
}

static void handlers(void (**out)(int))
{
	for (int n = 1; n < SIGRTMAX; n++) {
		struct sigaction now;

		out[n] = sigaction(n, NULL, &now) == 0 ? now.sa_handler : NULL;
	}
}

static void L01_no_handler_is_installed(void **state)
{
	void (*before[64])(int) = { 0 }, (*after[64])(int) = { 0 };
	struct vireo_sandbox *sb;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "spin",
					   .timeout_us = 1000 };

	handlers(before);
	sb = case_create(0);
	vireo_sandbox_call(sb, &call, NULL, NULL);
	handlers(after);
	assert_memory_equal(before, after, sizeof(before));
	vireo_sandbox_destroy(&sb);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L04_no_argument_is_an_error),
		cmocka_unit_test(L08_calls_of_another_version_are_refused),
		cmocka_unit_test(bad_calls_change_nothing),
		cmocka_unit_test(L05_callbacks_may_not_reenter),
		cmocka_unit_test(L05_callbacks_may_use_other_sandboxes),
		cmocka_unit_test(a_second_thread_is_refused),
		cmocka_unit_test(L03_X14_many_at_once_leave_nothing_behind),
		cmocka_unit_test(X13_a_child_of_fork_is_harmless),
		cmocka_unit_test(X13_a_child_that_comes_back_keeps_its_timers),
		cmocka_unit_test(descriptors_that_are_no_kvm_are_refused),
		cmocka_unit_test(no_more_descriptors_is_an_error),
		cmocka_unit_test(L01_no_handler_is_installed),
	};

	case_begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
