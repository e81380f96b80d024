// SPDX-License-Identifier: BSD-3-Clause
/* src/base/thread.c: threads of ours, and what we do on others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/thread.h"

#define STACK_ENOUGH (1u << 20)

/* ---- threads ---- */

struct seen {
	char name[16];
	size_t stack;
	sigset_t mask;
};

static void *look(void *arg)
{
	struct seen *seen = arg;
	pthread_attr_t attr;

	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstacksize(&attr, &seen->stack);
		pthread_attr_destroy(&attr);
	}
	return NULL;
}

static struct seen run(const char *name)
{
	struct seen seen = { .stack = 0 };
	pthread_t thread;

	assert_int_equal(thread_start(&thread, name, look, &seen), 0);
	pthread_join(thread, NULL);
	return seen;
}

static void a_thread_has_its_name_and_hears_of_its_faults_only(void **state)
{
	struct seen seen = run("a name of more than fifteen");
	sigset_t ours;

	assert_string_equal(seen.name, "a name of more ");
	for (int n = 1; n < 32; n++) {
		bool fault = n == SIGSEGV || n == SIGBUS || n == SIGILL ||
			     n == SIGFPE || n == SIGTRAP || n == SIGSYS;

		if (n != SIGKILL && n != SIGSTOP)
			assert_int_equal(sigismember(&seen.mask, n), !fault);
	}
	pthread_sigmask(SIG_BLOCK, NULL, &ours);
	assert_false(sigismember(&ours, SIGUSR1));
}

/* The default comes from RLIMIT_STACK, or from pthread_setattr_default_np(). */
static void L07_a_tiny_stack_is_made_larger(void **state)
{
	pthread_attr_t before, tiny;

	assert_int_equal(pthread_getattr_default_np(&before), 0);
	pthread_attr_init(&tiny);
	assert_int_equal(pthread_attr_setstacksize(&tiny, 65536), 0);
	assert_int_equal(pthread_setattr_default_np(&tiny), 0);
	assert_true(run("small").stack >= STACK_ENOUGH);
	assert_int_equal(pthread_setattr_default_np(&before), 0);
	pthread_attr_destroy(&before);
	pthread_attr_destroy(&tiny);
}

/* ---- on somebody else's ---- */

static void write_to_nobody(void)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(write(fd[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fd[1]);
}

static void write_too_much(void)
{
	struct rlimit old, tight;
	int fd = memfd_create("small", MFD_CLOEXEC);

	getrlimit(RLIMIT_FSIZE, &old);
	tight = old;
	tight.rlim_cur = 16;
	setrlimit(RLIMIT_FSIZE, &tight);
	assert_int_equal(ftruncate(fd, 17), -1);
	assert_int_equal(errno, EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	close(fd);
}

static bool is_pending(int number)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, number);
}

static void L07_what_a_write_raises_is_gone(void **state)
{
	struct thread_hush hush;
	sigset_t before, after;

	pthread_sigmask(SIG_BLOCK, NULL, &before);
	thread_hush(&hush);
	write_to_nobody();
	write_too_much();
	assert_true(is_pending(SIGPIPE) && is_pending(SIGXFSZ));
	thread_unhush(&hush);
	assert_false(is_pending(SIGPIPE) || is_pending(SIGXFSZ));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	for (int n = 1; n < SIGRTMAX; n++)
		assert_int_equal(sigismember(&before, n),
				 sigismember(&after, n));
}

static void L07_what_waited_before_still_does(void **state)
{
	struct thread_hush hush;
	const struct timespec now = { 0 };
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	raise(SIGPIPE);
	thread_hush(&hush);
	write_to_nobody();
	thread_unhush(&hush);
	assert_true(is_pending(SIGPIPE));
	assert_int_equal(sigtimedwait(&set, NULL, &now), SIGPIPE);
	thread_hush(&hush);
	write_to_nobody();
	thread_unhush(&hush);
	assert_false(is_pending(SIGPIPE));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_thread_has_its_name_and_hears_of_its_faults_only),
		cmocka_unit_test(L07_a_tiny_stack_is_made_larger),
		cmocka_unit_test(L07_what_a_write_raises_is_gone),
		cmocka_unit_test(L07_what_waited_before_still_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
