// SPDX-License-Identifier: BSD-3-Clause
/* Bare sandboxes on /dev/kvm: calls that another thread ends, in time, late, or
 * when there is none. */
#include "sandbox_case.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define TIMES 200

struct stopper {
	struct vireo_sandbox *sb;
	atomic_bool over; /* the call has come back */
	unsigned int delay; /* us */
	int stops; /* that found a call */
	pthread_t thread;
};

/* Until the call has come back: the first may come before it has begun. */
static void *stop_it(void *arg)
{
	struct stopper *s = arg;

	usleep(s->delay);
	while (!atomic_load(&s->over)) {
		int r = vireo_sandbox_stop(s->sb);

		if (r == 0)
			s->stops++;
		else if (r != VIREO_ESTATE)
			break;
		usleep(200);
	}
	return NULL;
}

/* What a call that is stopped after @delay comes back with. */
static int stopped_call(struct vireo_sandbox *sb, const char *function,
			unsigned int delay, struct vireo_sandbox_trap *trap)
{
	const uint64_t nothing = 0;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = function,
					   .in = &nothing, .in_len = 8 };
	struct stopper s = { .sb = sb, .delay = delay };
	int r;

	assert_int_equal(pthread_create(&s.thread, NULL, stop_it, &s), 0);
	r = vireo_sandbox_call(sb, &call, trap, NULL);
	atomic_store(&s.over, true);
	pthread_join(s.thread, NULL);
	if (r != 0) {
		assert_int_equal(r, VIREO_ETRAP);
		assert_true(s.stops > 0);
	}
	return r;
}

/* Nothing of it stays with the thread, or with the sandbox. */
static void check_clean(struct vireo_sandbox *sb, const sigset_t *before)
{
	case_no_kick(before);
	assert_int_equal(case_word(sb, "count", 0), 8);
}

static void a_guest_that_spins_is_stopped_by_another_thread(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox_trap trap;
	sigset_t before;

	memset(&before, 0, sizeof(before));
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	for (unsigned int i = 0; i < TIMES; i++) {
		assert_int_equal(stopped_call(sb, "spin", i % 4 * 100, &trap),
				 VIREO_ETRAP);
		assert_int_equal(trap.reason, VIREO_TRAP_STOPPED);
		assert_non_null(strstr(trap.text, "stopped, at spin"));
		case_reset(sb);
		check_clean(sb, &before);
		case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

/* It comes when the call is about to end, or has ended. */
static void a_stop_that_comes_late_leaves_nothing_behind(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox_trap trap;
	sigset_t before;

	memset(&before, 0, sizeof(before));
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	for (unsigned int i = 0; i < TIMES; i++) {
		if (stopped_call(sb, "dirty", i, &trap) != 0)
			assert_int_equal(trap.reason, VIREO_TRAP_STOPPED);
		case_reset(sb);
		check_clean(sb, &before);
		case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

static void without_a_call_there_is_nothing_to_stop(void **state)
{
	struct vireo_sandbox *sb = case_create(0);

	assert_int_equal(vireo_sandbox_stop(NULL), VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_stop(sb), VIREO_ESTATE);
	assert_int_equal(case_word(sb, "count", 0), 8);
	assert_int_equal(vireo_sandbox_stop(sb), VIREO_ESTATE);
	assert_int_equal(case_word(sb, "count", 0), 9);
	vireo_sandbox_destroy(&sb);
}

static int64_t stop_from_within(void *ctx, const void *in, size_t in_len,
				void *out, size_t out_cap)
{
	assert_int_equal(vireo_sandbox_stop(ctx), 0);
	return 0;
}

static void a_callback_may_stop_its_own_call(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	const uint64_t often = 1000;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "many_hypercalls",
					   .in = &often, .in_len = 8 };
	struct vireo_sandbox_trap trap;

	vireo_sandbox_register(sb, 1, stop_from_within, sb);
	assert_int_equal(vireo_sandbox_call(sb, &call, &trap, NULL),
			 VIREO_ETRAP);
	assert_int_equal(trap.reason, VIREO_TRAP_STOPPED);
	case_reset(sb);
	assert_int_equal(case_word(sb, "count", 0), 8);
	vireo_sandbox_destroy(&sb);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_guest_that_spins_is_stopped_by_another_thread),
		cmocka_unit_test(a_stop_that_comes_late_leaves_nothing_behind),
		cmocka_unit_test(without_a_call_there_is_nothing_to_stop),
		cmocka_unit_test(a_callback_may_stop_its_own_call),
	};

	case_begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
