// SPDX-License-Identifier: BSD-3-Clause
/* src/kallsyms.c: the tables of a kernel, and those that a guest made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/endian.h"
#include "base/num.h"
#include "kallsyms.h"
#include "kernel_ram.h"

/* Where the tables are, from TEXT_VA on. */
#define COUNT   0x100000
#define NAMES   0x101000
#define TOKENS  0x180000
#define INDEX   0x1a0000
#define OFFSETS 0x1a1000
#define BASE    0x1b0000

struct kernel {
	struct kernel_ram k;
	struct arch_kernel_map map;
	struct vmcoreinfo info;
	uint64_t names; /* how many bytes of them there are */
	uint32_t count;
	struct symbols s;
};

static void put(struct kernel *k, uint64_t at, const void *bytes, size_t len)
{
	kernel_ram_write(&k->k, TEXT_VA + at, bytes, len);
}

/* A token is its own character, but 0x80: "do_". */
static void put_tokens(struct kernel *k)
{
	uint8_t table[2 * 256 + 4] = { 0 };
	le16 index[256];

	for (unsigned int i = 0; i < 256; i++) {
		table[2 * i] = (uint8_t)i;
		index[i] = le16_put((uint16_t)(2 * i));
	}
	memcpy(table + 512, "do_", 4);
	index[0x80] = le16_put(512);
	put(k, TOKENS, table, sizeof(table));
	put(k, INDEX, index, sizeof(index));
}

static void set_count(struct kernel *k, uint32_t count)
{
	le32 n = le32_put(count);

	k->count = count;
	put(k, COUNT, &n, sizeof(n));
}

static void add(struct kernel *k, const char *tokens, uint32_t offset)
{
	uint8_t len = (uint8_t)strlen(tokens);
	le32 o = le32_put(offset);

	put(k, NAMES + k->names, &len, 1);
	put(k, NAMES + k->names + 1, tokens, len);
	put(k, OFFSETS + 4 * (uint64_t)k->count, &o, sizeof(o));
	k->names += len + 1u;
	set_count(k, k->count + 1);
}

static void say(struct kernel *k, const char *name, uint64_t va)
{
	k->info.len += (size_t)snprintf(
		k->info.text + k->info.len, VMCOREINFO_MAX - k->info.len,
		"SYMBOL(kallsyms_%s)=%llx\n", name, (unsigned long long)va);
}

static void say_all(struct kernel *k)
{
	k->info.len = 0;
	say(k, "num_syms", TEXT_VA + COUNT);
	say(k, "names", TEXT_VA + NAMES);
	say(k, "token_table", TEXT_VA + TOKENS);
	say(k, "token_index", TEXT_VA + INDEX);
	say(k, "offsets", TEXT_VA + OFFSETS);
	say(k, "relative_base", TEXT_VA + BASE);
}

static int set_up(void **state)
{
	struct kernel *k = calloc(1, sizeof(*k));
	le64 base = le64_put(TEXT_VA);

	*state = k;
	kernel_ram_init(&k->k, 4);
	k->map = (struct arch_kernel_map){ TEXT_VA, TEXT_GPA, TEXT_SIZE, 0 };
	put_tokens(k);
	put(k, BASE, &base, sizeof(base));
	say_all(k);
	return 0;
}

static int tear_down(void **state)
{
	struct kernel *k = *state;

	symbols_finish(&k->s);
	kernel_ram_finish(&k->k);
	free(k);
	return 0;
}

static int load(struct kernel *k)
{
	symbols_finish(&k->s);
	return kallsyms_load(&k->s, &k->info, &k->map, &k->k.mem);
}

static void must_find(const struct kernel *k, uint64_t at, const char *name)
{
	uint64_t offset;
	const char *found = symbols_find(&k->s, TEXT_VA + at, &offset);

	assert_non_null(found);
	assert_string_equal(found, name);
	assert_int_equal(offset, 0);
}

static void names_are_made_of_tokens(void **state)
{
	struct kernel *k = *state;

	add(k, "T_text", 0);
	add(k, "t\x80idle", 0x100);
	add(k, "Ddata", 0x200);
	add(k, "W\x80\x80", 0x300);
	assert_int_equal(load(k), 0);
	assert_int_equal(k->s.count, 3);
	must_find(k, 0, "_text");
	must_find(k, 0x100, "do_idle");
	must_find(k, 0x300, "do_do_");
}

/* Older kernels: what is not negative is the address of a per-CPU variable. */
static void negative_offsets_are_complements(void **state)
{
	struct kernel *k = *state;

	add(k, "Tpercpu", 0x1000);
	add(k, "T_text", ~0u);
	add(k, "t\x80idle", ~0x100u);
	assert_int_equal(load(k), 0);
	assert_int_equal(k->s.count, 2);
	must_find(k, 0, "_text");
	must_find(k, 0x100, "do_idle");
}

static void long_names_have_two_bytes_of_length(void **state)
{
	struct kernel *k = *state;
	uint8_t bytes[2 + 200] = { 0x80 | (200 & 0x7f), 200 >> 7, 'T' };
	char name[200] = "";

	memset(bytes + 3, 'a', 199);
	memset(name, 'a', 199);
	put(k, NAMES, bytes, sizeof(bytes));
	k->names = sizeof(bytes);
	set_count(k, 1);
	add(k, "t\x80idle", 0x100);
	assert_int_equal(load(k), 0);
	must_find(k, 0, name);
	must_find(k, 0x100, "do_idle");
}

static void kernel_that_does_not_say_has_no_names(void **state)
{
	struct kernel *k = *state;

	add(k, "T_text", 0);
	k->info.len = 0;
	k->info.text[0] = '\0';
	assert_int_equal(load(k), -ENODATA);
	say_all(k);
	k->map.text_size = 0;
	assert_int_equal(load(k), -ENODATA);
}

static void G09_counts_that_are_too_large_are_refused(void **state)
{
	static const uint32_t counts[] = { 0, SYMBOLS_MAX + 1, UINT32_MAX,
					   2 };
	struct kernel *k = *state;

	add(k, "T_text", 0);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		set_count(k, counts[i]); /* the last: one name is missing */
		assert_int_equal(load(k), -ENODATA);
		assert_null(k->s.list);
	}
}

static void G09_tables_that_leave_the_image_are_refused(void **state)
{
	static const char *const names[] = { "num_syms", "names", "token_table",
					     "token_index", "offsets",
					     "relative_base" };
	static const uint64_t where[] = { 0, UINT64_MAX, TEXT_VA - 1,
					  TEXT_VA + TEXT_SIZE,
					  TEXT_VA + TEXT_SIZE - 1 };
	struct kernel *k = *state;
	char first[VMCOREINFO_MAX];

	add(k, "T_text", 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(where); j++) {
			k->info.len = 0;
			say(k, names[i], where[j]); /* the first counts */
			memcpy(first, k->info.text, sizeof(first));
			say_all(k);
			memmove(k->info.text + strlen(first), k->info.text,
				k->info.len + 1);
			memcpy(k->info.text, first, strlen(first));
			assert_int_equal(load(k), -ENODATA);
		}
	}
}

/* Whatever is in them. */
static void G09_tables_of_noise_are_survived(void **state)
{
	struct kernel *k = *state;
	uint32_t seed = 1;

	for (unsigned int round = 0; round < 200; round++) {
		for (uint64_t at = NAMES; at < BASE; at += 4) {
			le32 v = le32_put(seed);

			seed = seed * 1664525 + 1013904223;
			if (round % 4 && at >= TOKENS && at < OFFSETS)
				continue; /* good tokens, bad names */
			put(k, at, &v, sizeof(v));
		}
		set_count(k, 1 + seed % 2000);
		load(k);
	}
}

static void G09_token_may_be_as_long_as_the_table(void **state)
{
	struct kernel *k = *state;
	char all[64 * 1024];

	memset(all, 'T', sizeof(all));
	put(k, TOKENS, all, sizeof(all));
	add(k, "TTTT", 0);
	assert_int_equal(load(k), -ENODATA);
	assert_null(k->s.list);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_are_made_of_tokens),
		T(negative_offsets_are_complements),
		T(long_names_have_two_bytes_of_length),
		T(kernel_that_does_not_say_has_no_names),
		T(G09_counts_that_are_too_large_are_refused),
		T(G09_tables_that_leave_the_image_are_refused),
		T(G09_tables_of_noise_are_survived),
		T(G09_token_may_be_as_long_as_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
