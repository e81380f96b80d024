// SPDX-License-Identifier: BSD-3-Clause
/* src/arch/x86_64/gdb_regs.c: registers in gdb's order, and what it is told of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "arch/arch_debug.h"
#include "base/endian.h"
#include "base/num.h"

/* The @n-th register of the description: its name and bytes. */
static bool described(unsigned int n, char name[16], unsigned int *bytes)
{
	char text[8192];
	const char *at = text;
	unsigned int bits;

	assert_true(arch_gdb_describe(text, sizeof(text)) < sizeof(text));
	for (unsigned int i = 0; i <= n; i++) {
		at = strstr(at, "<reg name=\"");
		if (!at)
			return false;
		at += 11;
	}
	assert_int_equal(sscanf(at, "%15[^\"]\" bitsize=\"%u\"", name, &bits),
			 2);
	*bytes = bits / 8;
	return true;
}

static void description_agrees_with_the_sizes(void **state)
{
	static const struct {
		unsigned int n;
		const char *name;
	} known[] = {
		{ 0, "rax" },	 { 7, "rsp" },	  { 16, "rip" },
		{ 17, "eflags" }, { 18, "cs" },	  { 24, "st0" },
		{ 31, "st7" },	 { 32, "fctrl" }, { 39, "fop" },
		{ 40, "xmm0" },	 { 55, "xmm15" }, { 56, "mxcsr" },
		{ 57, "fs_base" }, { 59, "cr0" }, { 64, "efer" },
	};
	unsigned int bytes;
	char name[16];

	for (unsigned int n = 0; n < arch_gdb_count(); n++) {
		assert_true(described(n, name, &bytes));
		assert_int_equal(bytes, arch_gdb_size(n));
	}
	assert_false(described(arch_gdb_count(), name, &bytes));
	assert_int_equal(arch_gdb_size(arch_gdb_count()), 0);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		described(known[i].n, name, &bytes);
		assert_string_equal(name, known[i].name);
	}
}

static void description_that_does_not_fit_is_cut(void **state)
{
	char small[100];
	size_t len = arch_gdb_describe(NULL, 0);

	memset(small, 'x', sizeof(small));
	assert_int_equal(arch_gdb_describe(small, 50), len);
	assert_int_equal(small[49], '\0');
	assert_int_equal(small[50], 'x');
}

/* Each byte is where it was, and nothing else has changed. */
static void registers_come_back_as_they_were(void **state)
{
	struct arch_gdb_regs regs;

	for (unsigned int n = 0; n < arch_gdb_count(); n++) {
		uint8_t in[16], out[16];
		unsigned int size = arch_gdb_size(n);

		memset(&regs, 0, sizeof(regs));
		for (unsigned int i = 0; i < size; i++)
			in[i] = (uint8_t)(0x81 + n + i);
		if (n >= 18 && n < 24)
			in[2] = in[3] = 0; /* selectors have 16 bits */
		if (n == 32 || n == 33 || n == 39)
			in[2] = in[3] = 0;
		if (n == 34)
			memcpy(in, "\xcf\x3c\0\0", 4); /* in use or empty */
		arch_gdb_set(&regs, n, in);
		for (unsigned int other = 0; other < arch_gdb_count();
		     other++) {
			static const uint8_t zero[16];
			const uint8_t *wants = other == n ? in : zero;

			arch_gdb_get(&regs, other, out);
			if (other == 34 && n != 34)
				wants = (const uint8_t *)"\xff\xff\0\0";
			assert_memory_equal(out, wants, arch_gdb_size(other));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(description_agrees_with_the_sizes),
		cmocka_unit_test(description_that_does_not_fit_is_cut),
		cmocka_unit_test(registers_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
