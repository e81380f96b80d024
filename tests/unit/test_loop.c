// SPDX-License-Identifier: BSD-3-Clause
/* base/loop.c and base/thread.c. Times are bounds, never exact: the machine
 * may be busy. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/thread.h"

#define MS       UINT64_C(1000000)
#define PATIENCE 10000 /* ms until a test gives up */

struct bench {
	struct loop *loop;
	struct loop_source *source;
	struct loop_source *other;
	int fd[2];  /* a stream: write to [1], watch [0] */
	int count;  /* atomic: calls */
	int inside; /* atomic: a callback runs */
	int hold;   /* atomic: the callback waits while set */
	uint32_t events;
	char name[16];
	sigset_t mask;
};

static void nap(unsigned int ms)
{
	poll(NULL, 0, (int)ms);
}

static int load(const int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store(int *p, int v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static void wait_for(const int *p, int v)
{
	uint64_t end = clock_mono_ms() + PATIENCE;

	while (load(p) < v) {
		assert_true(clock_mono_ms() < end);
		nap(1);
	}
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    b->fd), 0);
	return loop_create(&b->loop, NULL);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	loop_destroy(b->loop);
	fd_close(&b->fd[0]);
	fd_close(&b->fd[1]);
	free(b);
	return 0;
}

static void on_event(void *ctx, uint32_t events)
{
	struct bench *b = ctx;
	uint64_t end = clock_mono_ms() + PATIENCE;
	char byte;

	store(&b->inside, 1);
	b->events = events;
	if (events & EPOLLIN)
		assert_true(recv(b->fd[0], &byte, 1, MSG_DONTWAIT) >= 0);
	while (load(&b->hold) && clock_mono_ms() < end)
		nap(1);
	store(&b->inside, 0);
	__atomic_add_fetch(&b->count, 1, __ATOMIC_SEQ_CST);
}

static void on_timer(void *ctx, uint32_t events)
{
	__atomic_add_fetch((int *)ctx, 1, __ATOMIC_SEQ_CST);
}

static void watch(struct bench *b, uint32_t events)
{
	assert_int_equal(loop_add(&b->source, b->loop, b->fd[0], events,
				  on_event, b), 0);
}

static void callback_runs_while_the_descriptor_is_readable(void **state)
{
	struct bench *b = *state;

	watch(b, EPOLLIN);
	fd_write_full(b->fd[1], "abc", 3);
	wait_for(&b->count, 3);
	nap(20);
	assert_int_equal(load(&b->count), 3);
	assert_int_equal(b->events, EPOLLIN);
	loop_remove(b->source);
}

static void with_EPOLLET_each_write_to_an_eventfd_is_an_event(void **state)
{
	struct bench *b = *state;
	int fd = fd_event_create();

	assert_int_equal(loop_add(&b->source, b->loop, fd, EPOLLIN | EPOLLET,
				  on_timer, &b->count), 0);
	for (int i = 1; i < 4; i++) {
		fd_event_signal(fd);
		wait_for(&b->count, i);
	}
	nap(20);
	assert_int_equal(load(&b->count), 3);
	loop_remove(b->source);
	/* what was never read is seen by whoever watches next */
	assert_int_equal(loop_add(&b->source, b->loop, fd, EPOLLIN | EPOLLET,
				  on_timer, &b->count), 0);
	wait_for(&b->count, 4);
	loop_remove(b->source);
	close(fd);
}

/* Reads nothing: the first call has an event, the next two none. */
static void on_again(void *ctx, uint32_t events)
{
	struct bench *b = ctx;
	int n = load(&b->count);

	b->events |= n ? events : 0;
	if (n < 2)
		loop_again(b->source);
	store(&b->count, n + 1);
}

static void callback_that_asks_is_called_again_without_an_event(void **state)
{
	struct bench *b = *state;
	int fd = fd_event_create();
	int others = 0;

	assert_int_equal(loop_add(&b->source, b->loop, fd, EPOLLIN | EPOLLET,
				  on_again, b), 0);
	assert_int_equal(loop_add(&b->other, b->loop, b->fd[1],
				  EPOLLOUT | EPOLLET, on_timer, &others), 0);
	fd_event_signal(fd);
	wait_for(&b->count, 3);
	wait_for(&others, 1);
	nap(20);
	assert_int_equal(load(&b->count), 3);
	assert_int_equal(b->events, 0);
	loop_remove(b->other);
	loop_remove(b->source);
	close(fd);
}

/* Without end, and no thread of the process can tell where it is. */
static void on_endless(void *ctx, uint32_t events)
{
	struct bench *b = ctx;

	__atomic_add_fetch(&b->count, 1, __ATOMIC_SEQ_CST);
	loop_again(b->source);
}

static void source_that_asks_again_can_be_removed_any_time(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 50; i++) {
		store(&b->count, 0);
		assert_int_equal(loop_add(&b->source, b->loop, b->fd[1],
					  EPOLLOUT | EPOLLET, on_endless, b),
				 0);
		wait_for(&b->count, 3);
		loop_remove(b->source);
		store(&b->count, 0);
		assert_int_equal(load(&b->count), 0);
	}
}

static void regular_file_is_refused_with_EPERM(void **state)
{
	struct bench *b = *state;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(loop_add(&b->source, b->loop, fd, EPOLLIN, on_event,
				  b), -EPERM);
	assert_null(b->source);
	close(fd);
}

static uint64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void source_without_events_is_quiet_even_at_a_hang_up(void **state)
{
	struct bench *b = *state;
	uint64_t before;

	watch(b, 0);
	fd_write_full(b->fd[1], "x", 1);
	fd_close(&b->fd[1]);
	before = cpu_ms();
	nap(200);
	assert_int_equal(load(&b->count), 0);
	assert_true(cpu_ms() - before < 100); /* nobody spins */
	loop_set_events(b->source, EPOLLIN);
	wait_for(&b->count, 1);
	loop_remove(b->source);
}

static void events_are_changed_from_outside(void **state)
{
	struct bench *b = *state;

	watch(b, EPOLLIN);
	fd_write_full(b->fd[1], "x", 1);
	wait_for(&b->count, 1);
	loop_set_events(b->source, 0);
	fd_write_full(b->fd[1], "y", 1);
	nap(20);
	assert_int_equal(load(&b->count), 1);
	loop_set_events(b->source, EPOLLIN);
	wait_for(&b->count, 2);
}

static void timer_fires_once_and_not_early(void **state)
{
	struct bench *b = *state;
	uint64_t start = clock_mono_ns();

	assert_int_equal(loop_add_timer(&b->source, b->loop, on_timer,
					&b->count), 0);
	nap(10);
	assert_int_equal(load(&b->count), 0);
	start = clock_mono_ns();
	loop_arm(b->source, 30 * MS);
	wait_for(&b->count, 1);
	assert_true(clock_mono_ns() - start >= 30 * MS);
	nap(50);
	assert_int_equal(load(&b->count), 1);
}

static void arming_again_replaces_the_time(void **state)
{
	struct bench *b = *state;

	assert_int_equal(loop_add_timer(&b->source, b->loop, on_timer,
					&b->count), 0);
	loop_arm(b->source, 3600 * 1000 * MS);
	loop_arm(b->source, 1);
	wait_for(&b->count, 1);
	loop_arm(b->source, 20 * MS);
	loop_arm(b->source, 0);
	nap(60);
	assert_int_equal(load(&b->count), 1);
}

static void *remove_source(void *ctx)
{
	struct bench *b = ctx;

	loop_remove(b->source);
	assert_int_equal(load(&b->inside), 0);
	return b;
}

static void remove_waits_for_the_callback(void **state)
{
	struct bench *b = *state;
	pthread_t thread;

	store(&b->hold, 1);
	watch(b, EPOLLIN);
	fd_write_full(b->fd[1], "x", 1);
	wait_for(&b->inside, 1);
	assert_int_equal(thread_start(&thread, "remover", remove_source, b), 0);
	nap(30);
	assert_int_equal(load(&b->inside), 1);
	store(&b->hold, 0);
	pthread_join(thread, NULL);
	assert_int_equal(load(&b->count), 1);
}

static void remove_from_inside(void *ctx, uint32_t events)
{
	struct bench *b = ctx;

	loop_remove(b->source);
	loop_remove(b->other);
	b->source = NULL;
	b->other = NULL;
	__atomic_add_fetch(&b->count, 1, __ATOMIC_SEQ_CST);
}

static void block(void *ctx, uint32_t events)
{
	struct bench *b = ctx;

	store(&b->inside, 1);
	while (load(&b->hold))
		nap(1);
	store(&b->inside, 0);
}

/* Both are ready in the same batch: whoever comes first removes the other. */
static void callback_may_remove_itself_and_its_neighbour(void **state)
{
	struct bench *b = *state;
	struct loop_source *blocker;

	assert_int_equal(loop_add_timer(&blocker, b->loop, block, b), 0);
	fd_write_full(b->fd[1], "x", 1);
	for (int i = 1; i <= 20; i++) {
		int again = dup(b->fd[0]);

		store(&b->hold, 1);
		loop_arm(blocker, 1);
		wait_for(&b->inside, 1);
		assert_int_equal(loop_add(&b->source, b->loop, b->fd[0],
					  EPOLLIN, remove_from_inside, b), 0);
		assert_int_equal(loop_add(&b->other, b->loop, again, EPOLLIN,
					  remove_from_inside, b), 0);
		store(&b->hold, 0);
		wait_for(&b->count, i);
		close(again);
	}
	nap(10);
	assert_int_equal(load(&b->count), 20);
}

static void look_around(void *ctx, uint32_t events)
{
	struct bench *b = ctx;

	pthread_getname_np(pthread_self(), b->name, sizeof(b->name));
	pthread_sigmask(SIG_SETMASK, NULL, &b->mask);
	store(&b->count, 1);
}

/* A blocked fault would end the process past the handler of the program. */
static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGILL ||
	       sig == SIGFPE || sig == SIGTRAP || sig == SIGSYS;
}

static void thread_is_named_io_and_blocks_signals_but_faults(void **state)
{
	struct bench *b = *state;
	sigset_t mine;

	assert_int_equal(loop_add_timer(&b->source, b->loop, look_around, b),
			 0);
	loop_arm(b->source, 1);
	wait_for(&b->count, 1);
	assert_string_equal(b->name, "io");
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGKILL && sig != SIGSTOP && sig != 32 && sig != 33)
			assert_int_equal(sigismember(&b->mask, sig),
					 !is_fault(sig));
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void *get_name(void *name)
{
	pthread_getname_np(pthread_self(), name, 16);
	return name;
}

static void thread_names_are_cut_to_what_the_kernel_keeps(void **state)
{
	pthread_t thread;
	char name[16];
	void *result;

	assert_int_equal(thread_start(&thread, "a-name-that-is-too-long",
				      get_name, name), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, name);
	assert_string_equal(name, "a-name-that-is-");
}

static void destroy_frees_sources_that_are_left(void **state)
{
	struct bench *b = *state;

	watch(b, EPOLLIN);
	assert_int_equal(loop_add_timer(&b->other, b->loop, on_timer,
					&b->count), 0);
	loop_arm(b->other, 3600 * 1000 * MS);
	loop_destroy(NULL);
	loop_remove(NULL);
}

static void *add_and_remove(void *ctx)
{
	struct bench *b = ctx;
	struct loop_source *s;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	fd_write_full(fd[1], "x", 1);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(loop_add(&s, b->loop, fd[0], EPOLLIN, on_timer,
					  &b->count), 0);
		if (i % 8 == 0)
			nap(1);
		loop_set_events(s, i & 1 ? 0 : EPOLLIN);
		loop_remove(s);
		assert_int_equal(loop_add_timer(&s, b->loop, on_timer,
						&b->count), 0);
		loop_arm(s, 1);
		loop_remove(s);
	}
	close(fd[0]);
	close(fd[1]);
	return NULL;
}

static void sources_come_and_go_while_events_fire(void **state)
{
	struct bench *b = *state;
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(thread_start(&thread[i], "storm",
					      add_and_remove, b), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_true(load(&b->count) > 0);
}

/* The loop's thread closes the timers of removed sources a little later. */
static void expect_free(int next)
{
	uint64_t end = clock_mono_ms() + PATIENCE;

	for (;;) {
		int fd = dup(0);

		close(fd);
		if (fd == next)
			break;
		assert_true(clock_mono_ms() < end);
		nap(1);
	}
}

static void R06_without_descriptors_there_is_an_error_and_no_leak(void **state)
{
	struct bench *b = *state;
	struct loop *loop;
	struct rlimit old;
	struct rlimit limit;
	struct err err = { 0 };
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	for (int room = 0; room < 2; room++) {
		limit = old;
		limit.rlim_cur = (rlim_t)(next + room);
		setrlimit(RLIMIT_NOFILE, &limit);
		assert_int_equal(loop_create(&loop, &err), -EMFILE);
		assert_null(loop);
		assert_non_null(strstr(err.text, "event loop"));
		assert_int_equal(loop_add_timer(&b->source, b->loop, on_timer,
						b), room ? 0 : -EMFILE);
		setrlimit(RLIMIT_NOFILE, &old);
		loop_remove(b->source);
		expect_free(next);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(callback_runs_while_the_descriptor_is_readable),
		T(with_EPOLLET_each_write_to_an_eventfd_is_an_event),
		T(callback_that_asks_is_called_again_without_an_event),
		T(source_that_asks_again_can_be_removed_any_time),
		T(regular_file_is_refused_with_EPERM),
		T(source_without_events_is_quiet_even_at_a_hang_up),
		T(events_are_changed_from_outside),
		T(timer_fires_once_and_not_early),
		T(arming_again_replaces_the_time),
		T(remove_waits_for_the_callback),
		T(callback_may_remove_itself_and_its_neighbour),
		T(thread_is_named_io_and_blocks_signals_but_faults),
		T(thread_names_are_cut_to_what_the_kernel_keeps),
		T(destroy_frees_sources_that_are_left),
		T(sources_come_and_go_while_events_fire),
		T(R06_without_descriptors_there_is_an_error_and_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
