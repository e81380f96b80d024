// SPDX-License-Identifier: BSD-3-Clause
/* src/trace.c: lines about a vCPU whose stack may hold anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "kernel_ram.h"
#include "trace.h"

#define STACK_GPA UINT64_C(0xa00000)
#define STACK     (DIRECT_VA + STACK_GPA)
#define SLIDE     UINT64_C(0x1d000000)

struct bench {
	struct kernel_ram k;
	struct arch_kernel_map map;
	struct symbols symbols;
	struct trace trace;
	char text[8192]; /* the lines */
};

static void line(void *ctx, const char *text)
{
	struct bench *b = ctx;
	size_t used = strlen(b->text);

	assert_null(strchr(text, '\n'));
	snprintf(b->text + used, sizeof(b->text) - used, "%s\n", text);
}

static int set_up(void **state)
{
	static const uint8_t call[5] = { 0xe8 };
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	kernel_ram_init(&b->k, 4);
	kernel_ram_map_kernel(&b->k);
	b->map = (struct arch_kernel_map){ TEXT_VA, TEXT_GPA, TEXT_SIZE,
					   DIRECT_VA };
	symbols_add(&b->symbols, TEXT_VA - SLIDE + 0x100, 't', "do_idle", 7);
	symbols_add(&b->symbols, TEXT_VA - SLIDE + 0x200, 't', "halt", 4);
	symbols_sort(&b->symbols);
	b->trace = (struct trace){ &b->k.mem, &b->map, &b->symbols, SLIDE, line,
				   b };
	kernel_ram_write(&b->k, TEXT_VA + 0x110, call, sizeof(call));
	b->k.state.pc = TEXT_VA + 0x208;
	b->k.state.sp = STACK + 0x3e00;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	symbols_finish(&b->symbols);
	kernel_ram_finish(&b->k);
	free(b);
	return 0;
}

static void push(struct bench *b, uint64_t at, uint64_t value)
{
	kernel_ram_write_u64(&b->k, STACK_GPA + at, value);
}

static void must_have(const struct bench *b, const char *part)
{
	if (!strstr(b->text, part))
		fail_msg("no \"%s\" in:\n%s", part, b->text);
}

static void places_have_names(void **state)
{
	const uint64_t pc[] = { TEXT_VA + 0x208, TEXT_VA + 0x104,
				TEXT_VA + 0x20a, 0x401000, 0x401000 };
	struct bench *b = *state;

	b->k.state.registers = 1;
	b->k.state.reg[0] = (struct arch_register){ "rip", 0xabc };
	push(b, 0x3e10, TEXT_VA + 0x115);
	push(b, 0x3e18, TEXT_VA + 0x120); /* no call before it */
	push(b, 0x3e20, TEXT_VA + 0x115);
	push(b, 0x4000, TEXT_VA + 0x115); /* not of this stack */
	trace_vcpu(&b->trace, 3, &b->k.state, pc, 5);
	assert_string_equal(b->text,
			    "vcpu3   in the kernel: halt+0x8\n"
			    "        rip 0xabc rsp 0 rflags 0 cr3 0\n"
			    "seen    2 of 5 times at halt\n"
			    "        1 of 5 times at do_idle\n"
			    "        2 of 5 times at 0x401000\n"
			    "perhaps do_idle+0x15\n"
			    "        do_idle+0x15\n");
}

static void place_without_a_name_is_an_address(void **state)
{
	struct bench *b = *state;

	b->k.state.pc = 0x401000;
	b->k.state.user = true;
	push(b, 0x3e10, TEXT_VA + 0x115); /* is not looked at */
	trace_vcpu(&b->trace, 0, &b->k.state, NULL, 0);
	must_have(b, "vcpu0   in a program: 0x401000\n");
	assert_null(strstr(b->text, "perhaps"));
}

static void G09_stack_may_be_anywhere(void **state)
{
	static const uint64_t where[] = {
		0, 1, UINT64_MAX, UINT64_MAX - 8, UINT64_C(1) << 47,
		TEXT_VA + TEXT_SIZE - 3, DIRECT_VA + RAM_SIZE - 8,
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		b->text[0] = '\0';
		b->k.state.sp = where[i];
		trace_vcpu(&b->trace, 0, &b->k.state, NULL, 0);
		must_have(b, "vcpu0");
	}
}

static void G09_frames_have_a_limit(void **state)
{
	struct bench *b = *state;
	unsigned int lines = 0;

	b->k.state.sp = STACK;
	for (uint64_t at = 0; at < 0x4000; at += 8)
		push(b, at, TEXT_VA + 0x115);
	trace_vcpu(&b->trace, 0, &b->k.state, NULL, 0);
	for (const char *p = b->text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 2 + 16);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(places_have_names),
		T(place_without_a_name_is_an_address),
		T(G09_stack_may_be_anywhere),
		T(G09_frames_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
