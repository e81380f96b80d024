// SPDX-License-Identifier: BSD-3-Clause
/* Bare sandboxes on /dev/kvm: everything that stops a guest, and hypercalls. */
#include "sandbox_case.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DE = 0, DB = 1, BP = 3, UD = 6, GP = 13, PF = 14 };

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_FETCH   16u

static void page_fault(struct vireo_sandbox *sb, const char *function,
		       uint64_t word, uint64_t address, uint64_t code)
{
	struct vireo_sandbox_trap trap;

	case_trap(sb, function, word, &trap);
	/* Whether there is a page in the upper half some hosts do not tell. */
	if (address >> 63) {
		trap.error_code &= PF_USER | PF_WRITE | PF_FETCH;
		code &= PF_USER | PF_WRITE | PF_FETCH;
	}
	if (trap.reason != VIREO_TRAP_FAULT || trap.vector != PF ||
	    trap.error_code != code || trap.address != address)
		fail_msg("%s(%#llx): %s, error code %#llx", function,
			 (unsigned long long)word, trap.text,
			 (unsigned long long)trap.error_code);
	assert_non_null(strstr(trap.text, "page fault"));
}

static void pages_of_others_are_out_of_reach(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t kernel = case_word(sb, "places", PLACE_KERNEL);
	uint64_t gate = case_word(sb, "places", PLACE_GATE);
	uint64_t in = case_word(sb, "places", PLACE_IN);
	uint64_t out = case_word(sb, "places", PLACE_OUT);
	uint64_t heap = case_word(sb, "places", PLACE_HEAP);
	const uint64_t none[] = {
		0, 8, 0xffff, in - 1, in - 4096, in + BUFFER, out - 1,
		out + BUFFER, heap - 1, 16u << 20, gate + 4096, 0x7fffffffffff,
		kernel, kernel + 0x6000, 0xffffffffffffffff,
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		page_fault(sb, "read_at", none[i], none[i], PF_USER);
		page_fault(sb, "write_at", none[i], none[i],
			   PF_USER | PF_WRITE);
	}
	/* Tables of ours, that are there. */
	for (uint64_t at = kernel + 0x1000; at < kernel + 0x6000; at += 4096) {
		page_fault(sb, "read_at", at, at, PF_USER | PF_PRESENT);
		page_fault(sb, "write_at", at, at,
			   PF_USER | PF_PRESENT | PF_WRITE);
	}
	page_fault(sb, "write_at", gate, gate, PF_USER | PF_PRESENT | PF_WRITE);
	case_do(sb, "read_at", gate);
	vireo_sandbox_destroy(&sb);
}

static void what_is_writable_is_never_executable(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t code = case_word(sb, "places", PLACE_CODE);
	uint64_t constant = case_word(sb, "places", PLACE_CONSTANT);
	const enum place data[] = { PLACE_IN, PLACE_OUT, PLACE_HEAP,
				    PLACE_STACK, PLACE_CONSTANT };

	page_fault(sb, "write_at", code, code, PF_USER | PF_PRESENT | PF_WRITE);
	page_fault(sb, "write_at", constant, constant,
		   PF_USER | PF_PRESENT | PF_WRITE);
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		uint64_t at = case_word(sb, "places", data[i]);

		page_fault(sb, "execute_at", at, at,
			   PF_USER | PF_PRESENT | PF_FETCH);
	}
	page_fault(sb, "execute_data", 0,
		   case_word(sb, "places", PLACE_OUT),
		   PF_USER | PF_PRESENT | PF_FETCH);
	vireo_sandbox_destroy(&sb);
}

static void a_stack_that_overflows_hits_a_gap(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t out = case_word(sb, "places", PLACE_OUT);
	struct vireo_sandbox_trap trap;

	case_trap(sb, "overflow", 0, &trap);
	assert_int_equal(trap.reason, VIREO_TRAP_FAULT);
	assert_int_equal(trap.vector, PF);
	assert_true(trap.address >= out + BUFFER);
	assert_true(trap.address < out + BUFFER + 0x10000);
	assert_non_null(strstr(trap.text, "write to"));
	vireo_sandbox_destroy(&sb);
}

static void every_forbidden_instruction_is_told(void **state)
{
	enum { SYSTEM_CALL = -1, ANY_FAULT = -2, ODD = -3, ANY = -4,
	       PORT = -5 };
	/* SYSENTER is #UD on some CPUs, and hosts differ in INT, IRET, RET,
	 * and REP OUTS, which may be a hypercall for each byte. */
	static const int vectors[] = {
		UD, DE, GP, GP, GP, GP, PORT, PORT, PORT, ANY_FAULT, ANY_FAULT,
		BP, SYSTEM_CALL, ANY_FAULT, ODD, ODD, ANY, GP,
		DB, GP, GP, ANY_FAULT, GP, ANY_FAULT, GP, GP, GP, GP,
	};
	struct vireo_sandbox *sb = case_create(0);

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct vireo_sandbox_trap trap;

		case_trap(sb, "instruction", i, &trap);
		if (vectors[i] == SYSTEM_CALL) {
			assert_int_equal(trap.reason, VIREO_TRAP_SYSCALL);
			assert_int_equal(trap.rax, 60);
		} else if (vectors[i] == ODD) {
			assert_int_equal(trap.reason, VIREO_TRAP_MACHINE);
		} else if (vectors[i] == PORT) { /* refused here or there */
			assert_true(trap.reason == VIREO_TRAP_MACHINE ||
				    (trap.reason == VIREO_TRAP_FAULT &&
				     trap.vector == GP));
		} else if (vectors[i] == ANY) {
			assert_true(trap.reason == VIREO_TRAP_MACHINE ||
				    trap.reason == VIREO_TRAP_HYPERCALL);
		} else if (trap.reason != VIREO_TRAP_FAULT ||
			   (vectors[i] != ANY_FAULT &&
			    trap.vector != (unsigned int)vectors[i])) {
			fail_msg("instruction %zu: %s", i, trap.text);
		}
		/* It is as good as new. */
		assert_int_equal(case_word(sb, "count", 0), 8);
		case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

static void a_trap_has_registers_and_a_place(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t code = case_word(sb, "places", PLACE_STACK);
	struct vireo_sandbox_trap trap;

	case_trap(sb, "read_at", 0x1234, &trap);
	assert_non_null(strstr(trap.text, "at read_at+0x"));
	assert_non_null(strstr(trap.text, "read from 0x1234"));
	assert_true(trap.rip >= 0x10000 && trap.rip < 0x100000);
	assert_true(trap.rsp <= code + 4096 && trap.rsp > code - 4096);
	assert_true(trap.rdi == case_word(sb, "places", PLACE_IN));
	vireo_sandbox_destroy(&sb);
}

static void results_that_do_not_fit_are_traps(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct vireo_sandbox_trap trap;

	case_trap(sb, "too_much", 0, &trap);
	assert_int_equal(trap.reason, VIREO_TRAP_RESULT);
	assert_int_equal(trap.value, 512 * 8 + 1);
	case_trap(sb, "fails", 0, &trap);
	assert_int_equal(trap.reason, VIREO_TRAP_RESULT);
	assert_int_equal((int64_t)trap.value, -22);
	vireo_sandbox_destroy(&sb);
}

static void a_stopped_sandbox_waits_for_its_reset(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t word = 0, out[8];

	assert_int_equal(case_call(sb, "read_at", &word, 8, out, 64, NULL,
				   NULL), VIREO_ETRAP);
	assert_int_equal(case_call(sb, "echo", "x", 1, out, 64, NULL, NULL),
			 VIREO_ESTATE);
	case_reset(sb);
	assert_int_equal(case_call(sb, "echo", "x", 1, out, 64, NULL, NULL), 0);
	vireo_sandbox_destroy(&sb);
}

/* ---- deadlines ---- */

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

static void spin(struct vireo_sandbox *sb, uint64_t timeout_us)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "spin",
					   .timeout_us = timeout_us };
	struct vireo_sandbox_trap trap;
	uint64_t start = now_us();

	assert_int_equal(vireo_sandbox_call(sb, &call, &trap, NULL),
			 VIREO_ETRAP);
	assert_int_equal(trap.reason, VIREO_TRAP_DEADLINE);
	assert_true(now_us() - start >= timeout_us);
	assert_true(now_us() - start < timeout_us + 10000000);
	assert_non_null(strstr(trap.text, "at spin"));
	case_reset(sb);
}

/* Where a guest may turn them off at all. */
static void spin_without_interrupts(struct vireo_sandbox *sb)
{
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function =
						   "spin_without_interrupts",
					   .timeout_us = 3000 };
	struct vireo_sandbox_trap trap;

	assert_int_equal(vireo_sandbox_call(sb, &call, &trap, NULL),
			 VIREO_ETRAP);
	assert_true(trap.reason == VIREO_TRAP_DEADLINE || trap.vector == GP);
	case_reset(sb);
}

static void a_guest_that_spins_is_stopped_in_time(void **state)
{
	static const uint64_t times[] = { 1, 100, 3000, 20000, 1, 1, 2 };
	struct vireo_sandbox *sb = case_create(0);
	sigset_t before;

	memset(&before, 0, sizeof(before));
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	for (int i = 0; i < 7; i++) {
		spin(sb, times[i]);
		case_no_kick(&before);
		assert_int_equal(case_word(sb, "count", 0), 8);
		case_reset(sb);
	}
	spin_without_interrupts(sb);
	for (uint64_t us = 1; us < 100; us++) /* about as long as a call */
		spin(sb, us);
	vireo_sandbox_destroy(&sb);
}

static void *spin_elsewhere(void *arg)
{
	spin(arg, 1000);
	return NULL;
}

static void deadlines_follow_the_thread_that_calls(void **state)
{
	struct vireo_sandbox *sb = case_create(0);

	for (int i = 0; i < 4; i++) {
		pthread_t thread;

		spin(sb, 1000);
		assert_int_equal(pthread_create(&thread, NULL, spin_elsewhere,
						sb), 0);
		pthread_join(thread, NULL);
	}
	vireo_sandbox_destroy(&sb);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	alarms++;
}

/* The thread's own signals are handled while the guest runs, and do not end
 * the call. */
static void other_signals_are_delivered(void **state)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerspec often = { { 0, 2000000 }, { 0, 2000000 } };
	struct vireo_sandbox *sb = case_create(0);
	struct sigaction old;
	timer_t timer;

	sigaction(SIGALRM, &action, &old);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	timer_settime(timer, 0, &often, NULL);
	for (int i = 0; i < 100 && alarms <= 5; i++) /* of a busy host */
		spin(sb, 100000);
	timer_delete(timer);
	sigaction(SIGALRM, &old, NULL);
	assert_true(alarms > 5);
	vireo_sandbox_destroy(&sb);
}

/* ---- hypercalls ---- */

struct host {
	unsigned int calls;
	char seen[64];
	size_t seen_len;
	int64_t result;
	unsigned int not_zero; /* bytes of the room */
	struct vireo_sandbox *sb;
};

static int64_t host_fn(void *ctx, const void *in, size_t in_len, void *out,
		       size_t out_cap)
{
	struct host *h = ctx;

	h->calls++;
	h->seen_len = in_len;
	memcpy(h->seen, in, in_len < 64 ? in_len : 64);
	for (size_t i = 0; i < out_cap; i++)
		h->not_zero += ((uint8_t *)out)[i] != 0;
	memset(out, 'r', out_cap);
	return h->result;
}

static int hypercall(struct vireo_sandbox *sb, uint64_t number, uint64_t in,
		     uint64_t in_len, uint64_t out, uint64_t out_cap,
		     int64_t *result, struct vireo_sandbox_trap *trap)
{
	const uint64_t word[] = { number, in, in_len, out, out_cap };

	return case_call(sb, "hypercall", word, sizeof(word), result,
			 sizeof(*result), NULL, trap);
}

static void hypercalls_carry_bytes_both_ways(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct host host = { .result = 5 };
	char out[16] = "";
	size_t len;

	assert_int_equal(vireo_sandbox_register(sb, 3, host_fn, &host), 0);
	assert_int_equal(case_call(sb, "pass_on", "question", 8, out, 10, &len,
				   NULL), 0);
	assert_int_equal(host.calls, 1);
	assert_int_equal(host.seen_len, 8);
	assert_memory_equal(host.seen, "question", 8);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "rrrrr", 6);
	case_reset(sb); /* what is registered stays */
	assert_int_equal(case_call(sb, "pass_on", "a", 1, out, 10, &len, NULL),
			 0);
	assert_int_equal(host.not_zero, 0);
	assert_int_equal(vireo_sandbox_register(sb, 3, NULL, NULL), 0);
	assert_int_equal(case_call(sb, "pass_on", "a", 1, out, 10, &len, NULL),
			 VIREO_ETRAP);
	vireo_sandbox_destroy(&sb);
}

static void results_of_hypercalls_reach_the_guest(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct host host = { 0 };
	uint64_t heap = case_word(sb, "places", PLACE_HEAP);
	int64_t result;
	uint8_t bytes[8];

	vireo_sandbox_register(sb, 63, host_fn, &host);
	host.result = -7;
	assert_int_equal(hypercall(sb, 63, 0, 0, heap, 4, &result, NULL), 0);
	assert_int_equal(result, -7);
	vireo_sandbox_read(sb, heap, bytes, 8);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	host.result = INT64_MAX; /* no more than there is room for */
	assert_int_equal(hypercall(sb, 63, 0, 0, heap, 4, &result, NULL), 0);
	assert_int_equal(result, 4);
	vireo_sandbox_read(sb, heap, bytes, 8);
	assert_memory_equal(bytes, "rrrr\0\0\0\0", 8);
	case_reset(sb); /* what we wrote is undone as well */
	vireo_sandbox_read(sb, heap, bytes, 8);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	vireo_sandbox_destroy(&sb);
}

static void bad_hypercalls_are_traps(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct host host = { 0 };
	uint64_t heap = case_word(sb, "places", PLACE_HEAP);
	uint64_t size = case_word(sb, "places", PLACE_HEAP_SIZE);
	uint64_t code = case_word(sb, "places", PLACE_CODE);
	const struct {
		uint64_t number, in, in_len, out, out_cap;
	} bad[] = {
		{ 1, 0, 0, 0, 0 },                     /* not registered */
		{ 64, 0, 0, 0, 0 },
		{ UINT64_MAX, 0, 0, 0, 0 },
		{ 0, 0, 1, 0, 0 },                     /* nowhere */
		{ 0, heap - 1, 1, 0, 0 },
		{ 0, heap + size - 1, 2, 0, 0 },       /* past its end */
		{ 0, heap + size, 1, 0, 0 },
		{ 0, heap, BUFFER + 1, 0, 0 },         /* too large */
		{ 0, heap, UINT64_MAX, 0, 0 },         /* wraps */
		{ 0, UINT64_MAX, 2, 0, 0 },
		{ 0, UINT64_MAX - 4095, 4096, 0, 0 },
		{ 0, 0xffff800000001000, 8, 0, 0 },    /* ours */
		{ 0, 0xc0000000, 8, 0, 0 },
		{ 0, 0xc0001000, 8, 0, 0 },
		{ 0, 1ull << 47, 8, 0, 0 },
		{ 0, 0, 0, code, 1 },                  /* to be written */
		{ 0, 0, 0, 0xc0000000, 8 },
		{ 0, 0, 0, heap + size - 1, 2 },
		{ 0, 0, 0, heap, UINT64_MAX },
		{ 0, 0, 0, 0, 8 },
		{ 0, 0, 0, UINT64_MAX - 7, 8 },
	};

	vireo_sandbox_register(sb, 0, host_fn, &host);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vireo_sandbox_trap trap;
		int64_t result;

		if (hypercall(sb, bad[i].number, bad[i].in, bad[i].in_len,
			      bad[i].out, bad[i].out_cap, &result,
			      &trap) != VIREO_ETRAP)
			fail_msg("hypercall %zu is no trap", i);
		assert_int_equal(trap.reason, VIREO_TRAP_HYPERCALL);
		assert_true(trap.number == bad[i].number);
		assert_true(trap.rax == bad[i].number);
		case_reset(sb);
	}
	assert_int_equal(host.calls, 0);
	/* Just inside. */
	int64_t result;
	assert_int_equal(hypercall(sb, 0, heap + size - 1, 1, heap, BUFFER,
				   &result, NULL), 0);
	assert_int_equal(hypercall(sb, 0, code, 1, 1, 0, &result, NULL), 0);
	assert_int_equal(host.calls, 2);
	vireo_sandbox_destroy(&sb);
}

static void hypercalls_can_be_limited(void **state)
{
	const struct vireo_sandbox_options options = {
		.size = sizeof(options),
		.path = case_program(),
		.max_hypercalls = 10,
	};
	struct vireo_sandbox *sb;
	struct vireo_sandbox_trap trap;
	struct host host = { 0 };

	assert_int_equal(vireo_sandbox_create(&sb, &options, NULL), 0);
	vireo_sandbox_register(sb, 1, host_fn, &host);
	case_do(sb, "many_hypercalls", 10);
	case_do(sb, "many_hypercalls", 10);
	case_trap(sb, "many_hypercalls", 11, &trap);
	assert_int_equal(trap.reason, VIREO_TRAP_LIMIT);
	assert_int_equal(host.calls, 30);
	vireo_sandbox_destroy(&sb);
}

static int64_t slow_fn(void *ctx, const void *in, size_t in_len, void *out,
		       size_t out_cap)
{
	usleep(30000);
	return 0;
}

static void time_in_a_callback_counts(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	const uint64_t word = 1000000;
	struct vireo_sandbox_call call = { .size = sizeof(call),
					   .function = "many_hypercalls",
					   .in = &word, .in_len = 8,
					   .timeout_us = 10000 };
	struct vireo_sandbox_trap trap;

	vireo_sandbox_register(sb, 1, slow_fn, NULL);
	assert_int_equal(vireo_sandbox_call(sb, &call, &trap, NULL),
			 VIREO_ETRAP);
	assert_int_equal(trap.reason, VIREO_TRAP_DEADLINE);
	vireo_sandbox_destroy(&sb);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_others_are_out_of_reach),
		cmocka_unit_test(what_is_writable_is_never_executable),
		cmocka_unit_test(a_stack_that_overflows_hits_a_gap),
		cmocka_unit_test(every_forbidden_instruction_is_told),
		cmocka_unit_test(a_trap_has_registers_and_a_place),
		cmocka_unit_test(results_that_do_not_fit_are_traps),
		cmocka_unit_test(a_stopped_sandbox_waits_for_its_reset),
		cmocka_unit_test(a_guest_that_spins_is_stopped_in_time),
		cmocka_unit_test(deadlines_follow_the_thread_that_calls),
		cmocka_unit_test(other_signals_are_delivered),
		cmocka_unit_test(hypercalls_carry_bytes_both_ways),
		cmocka_unit_test(results_of_hypercalls_reach_the_guest),
		cmocka_unit_test(bad_hypercalls_are_traps),
		cmocka_unit_test(hypercalls_can_be_limited),
		cmocka_unit_test(time_in_a_callback_counts),
	};

	case_begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
