// SPDX-License-Identifier: BSD-3-Clause
/* Bare sandboxes on /dev/kvm: what a call leaves in the CPU for the next one,
 * however it ends. See firmware/guests/sandbox_state.c. */
#include "sandbox_case.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define STATE_SIZE 8192
#define WORDS      41   /* of registers and the like; then come bytes */
#define CS         17   /* words */
#define DS         18
#define GS         21
#define AREA       1024 /* XSAVE's */
#define AREA_MXCSR (AREA + 24)
#define AREA_XMM   (AREA + 160)
#define ENDINGS    43
#define SPIN       20   /* this one and the next do not end */
#define SHORT      3000 /* us */

enum { GP = 13 };

struct state {
	uint8_t bytes[STATE_SIZE];
};

/* kvm_pvm runs the guest in the host's own segments: what the guest loads stays
 * with the thread, out of our reach. */
static bool has_segments(const struct state *s)
{
	uint64_t cs;

	memcpy(&cs, s->bytes + CS * sizeof(cs), sizeof(cs));
	return cs == 0x23;
}

static void hide_segments(struct state *s)
{
	if (!has_segments(s))
		memset(s->bytes + DS * 8, 0, (GS - DS + 1) * 8);
}

static void read_state(struct vireo_sandbox *sb, struct state *s)
{
	struct vireo_sandbox_trap trap;
	size_t len;

	if (case_call(sb, "state_read", NULL, 0, s->bytes, sizeof(s->bytes),
		      &len, &trap) != 0)
		fail_msg("state_read: %s", trap.text);
	assert_int_equal(len, STATE_SIZE);
	hide_segments(s);
}

/* What it came back with; *len is its output. */
static int dirty(struct vireo_sandbox *sb, uint64_t ending, size_t *len)
{
	uint8_t out[64];
	struct vireo_sandbox_call call = {
		.size = sizeof(call),
		.function = "state_dirty",
		.in = &ending,
		.in_len = sizeof(ending),
		.out = out,
		.out_cap = sizeof(out),
		.timeout_us = ending == SPIN || ending == SPIN + 1 ? SHORT
								   : TIMEOUT,
	};
	struct vireo_error err;
	int r = vireo_sandbox_call(sb, &call, NULL, &err);

	if (r != 0 && r != VIREO_ETRAP)
		fail_msg("ending %llu: %s", (unsigned long long)ending,
			 err.text);
	*len = call.out_len;
	return r;
}

static void compare(const struct state *want, const struct state *got,
		    uint64_t ending)
{
	for (size_t i = 0; i < STATE_SIZE; i++)
		if (want->bytes[i] != got->bytes[i])
			fail_msg("after ending %llu %s %zu is %#x, not %#x",
				 (unsigned long long)ending,
				 i < WORDS * 8 ? "a byte of word" : "byte",
				 i < WORDS * 8 ? i / 8 : i, got->bytes[i],
				 want->bytes[i]);
}

static void nothing_of_a_cpu_outlives_a_reset(void **state)
{
	struct vireo_sandbox *sb = case_create(0), *other = case_create(0);
	struct state want, got;
	size_t len;

	read_state(other, &want);
	vireo_sandbox_destroy(&other);
	read_state(sb, &got);
	compare(&want, &got, 0);
	for (uint64_t i = 0; i < ENDINGS; i++) {
		dirty(sb, i, &len);
		case_reset(sb);
		read_state(sb, &got);
		compare(&want, &got, i);
		/* Another ending may find what this one leaves. */
		if (i % 2)
			case_reset(sb);
	}
	case_reset(sb);
	assert_int_equal(dirty(sb, ENDINGS, &len), 0);
	assert_int_equal(len, 8); /* there are no more */
	vireo_sandbox_destroy(&sb);
}

/* The test above can tell. */
static void without_a_reset_it_is_all_there(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	struct state was, is;
	size_t len;

	read_state(sb, &was);
	case_reset(sb);
	assert_int_equal(dirty(sb, 0, &len), 0);
	read_state(sb, &is);
	for (size_t i = DS; i <= GS && has_segments(&was); i++)
		assert_int_not_equal(was.bytes[i * 8], is.bytes[i * 8]);
	assert_memory_equal(was.bytes + AREA_MXCSR, "\x80\x1f", 2);
	assert_memory_equal(is.bytes + AREA_MXCSR, "\xff\xff", 2);
	assert_memory_equal(was.bytes + AREA, "\x7f\x03\0\0", 4);
	assert_memory_equal(is.bytes + AREA, "\x40\x0b", 2);
	for (size_t i = 0; i < 16 * 16; i++) {
		assert_int_equal(was.bytes[AREA_XMM + i], 0);
		assert_int_equal(is.bytes[AREA_XMM + i], 0xa5);
	}
	vireo_sandbox_destroy(&sb);
}

/* Of general registers and flags nothing is left even without one. */
static void a_call_has_its_own_registers(void **state)
{
	const size_t len = (CS + 1) * 8;
	struct vireo_sandbox *sb = case_create(0);
	struct state was, is;
	size_t out;

	read_state(sb, &was);
	for (uint64_t ending = 0; ending < 3; ending++) {
		/* The second with interrupts on for one instruction, where it
		 * may have that. */
		if (dirty(sb, ending, &out) != 0)
			case_reset(sb);
		read_state(sb, &is);
		assert_memory_equal(was.bytes, is.bytes, len);
	}
	vireo_sandbox_destroy(&sb);
}

static void refuse_selector(struct vireo_sandbox *sb, uint64_t selector)
{
	struct vireo_sandbox_trap trap;

	case_trap(sb, "load_selector", selector, &trap);
	if (trap.reason != VIREO_TRAP_FAULT || trap.vector != GP ||
	    trap.error_code != (selector & 0xfffc))
		fail_msg("selector %#llx: %s, error code %#llx",
			 (unsigned long long)selector, trap.text,
			 (unsigned long long)trap.error_code);
}

/* There are no local descriptors, and of the global ones none is for the
 * guest. */
static void no_selector_loads_anything(void **state)
{
	static const uint64_t local[] = { 0x4, 0x7, 0xc, 0xf, 0x1c, 0xffff };
	static const uint64_t global[] = { 0x8,	 0x10, 0x1b, 0x23,
					   0x28, 0x33, 0x3b, 0xfffb };
	struct vireo_sandbox *sb = case_create(0);
	struct state s;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		refuse_selector(sb, local[i]);
	read_state(sb, &s);
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++)
		if (has_segments(&s))
			refuse_selector(sb, global[i]);
	for (uint64_t null = 0; null < 4; null++)
		case_do(sb, "load_selector", null);
	vireo_sandbox_destroy(&sb);
}

/* out %al, $0xe0; mov $7, %eax; ret */
static void a_function_may_begin_with_its_end(void **state)
{
	static const uint8_t code[] = { 0xe6, 0xe0, 0xb8, 7, 0, 0, 0, 0xc3 };
	struct vireo_sandbox *sb = case_create_flat(code, sizeof(code));
	char out[16];

	for (int i = 0; i < 6; i++) {
		size_t len;

		assert_int_equal(case_call(sb, NULL, NULL, 0, out, sizeof(out),
					   &len, NULL), 0);
		assert_int_equal(len, 0);
		if (i == 3)
			case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_a_cpu_outlives_a_reset),
		cmocka_unit_test(without_a_reset_it_is_all_there),
		cmocka_unit_test(a_call_has_its_own_registers),
		cmocka_unit_test(no_selector_loads_anything),
		cmocka_unit_test(a_function_may_begin_with_its_end),
	};

	case_begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
