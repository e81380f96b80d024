// SPDX-License-Identifier: BSD-3-Clause
/* Bare sandboxes on /dev/kvm: calls that go well, and what a reset undoes. */
#include "sandbox_case.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *pattern(size_t len, unsigned int seed)
{
	uint8_t *bytes = malloc(len + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8) * 31 + seed);
	return bytes;
}

static void echo(struct vireo_sandbox *sb, size_t len, unsigned int seed)
{
	uint8_t *in = pattern(len, seed);
	uint8_t *out = calloc(1, len + 1);
	size_t got;

	assert_non_null(out);
	out[len] = 0x77;
	assert_int_equal(case_call(sb, "echo", len ? in : NULL, len,
				   len ? out : NULL, len, &got, NULL),
			 0);
	assert_int_equal(got, len);
	assert_memory_equal(in, out, len);
	assert_int_equal(out[len], 0x77);
	free(in);
	free(out);
}

static void buffers_of_every_size_come_back(void **state)
{
	static const size_t sizes[] = { 1024, 0, 1, 4095, 4096, 4097,
					BUFFER - 1, BUFFER, 16 };
	struct vireo_sandbox *sb = case_create(0);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		echo(sb, sizes[i], (unsigned int)i);
	vireo_sandbox_destroy(&sb);
	assert_null(sb);
}

static void output_stops_at_the_callers_room(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	char out[8] = "-------";
	size_t len;

	assert_int_equal(case_call(sb, "echo", "abcdef", 6, out, 3, &len, NULL),
			 0);
	assert_int_equal(len, 3);
	assert_string_equal(out, "abc----");
	vireo_sandbox_destroy(&sb);
}

static void input_and_output_may_be_one_buffer(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint8_t *buf = pattern(5000, 1), *want = pattern(5000, 1);
	size_t len;

	assert_int_equal(case_call(sb, "echo", buf, 5000, buf, 5000, &len,
				   NULL), 0);
	assert_memory_equal(buf, want, 5000);
	free(buf);
	free(want);
	vireo_sandbox_destroy(&sb);
}

static void state_lasts_until_a_reset(void **state)
{
	struct vireo_sandbox *sb = case_create(0);

	for (int round = 0; round < 3; round++) {
		uint64_t heap = case_word(sb, "count", 2);

		assert_int_equal(case_word(sb, "count", 0), 9);
		assert_int_equal(case_word(sb, "count", 1), 6);
		assert_int_not_equal(case_word(sb, "count", 2), heap);
		case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

/* All that the guest can see of its memory. */
static uint64_t checksum(struct vireo_sandbox *sb, uint64_t memory)
{
	uint64_t sum = 14695981039346656037u;
	uint64_t page[512];
	unsigned int pages = 0;

	for (uint64_t at = 0; at < memory; at += sizeof(page)) {
		if (vireo_sandbox_read(sb, at, page, sizeof(page)) != 0)
			continue;
		pages++;
		for (size_t i = 0; i < 512; i++)
			sum = (sum ^ page[i]) * 1099511628211u;
	}
	assert_true(pages > 100);
	return sum;
}

static void reset_takes_every_byte_back(void **state)
{
	const uint64_t memory = 8u << 20;
	struct vireo_sandbox *sb = case_create(memory);
	uint64_t before = checksum(sb, memory);

	for (uint64_t pages = 1; pages <= 1024; pages *= 32) {
		case_do(sb, "dirty", pages);
		case_do(sb, "count", 0);
		echo(sb, 100000, 3);
		assert_true(checksum(sb, memory) != before);
		case_reset(sb);
		assert_true(checksum(sb, memory) == before);
	}
	vireo_sandbox_destroy(&sb);
}

static void nothing_of_a_call_is_left_after_a_reset(void **state)
{
	struct vireo_sandbox *sb = case_create(0);

	for (int round = 0; round < 2; round++) {
		assert_int_equal(case_word(sb, "remains", 0), 0);
		case_reset(sb);
		case_do(sb, "dirty", 1 << 20);
		case_do(sb, "count", 0);
		echo(sb, BUFFER, 5);
		assert_true(case_word(sb, "remains", 0) > 1000);
		case_reset(sb);
	}
	vireo_sandbox_destroy(&sb);
}

static void reset_takes_registers_back(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint8_t first[1024], then[1024];

	case_call(sb, "registers", NULL, 0, first, sizeof(first), NULL, NULL);
	for (size_t i = 16; i < 72; i++)
		assert_int_equal(first[i], 0);
	case_do(sb, "secret", 0);
	case_call(sb, "registers", NULL, 0, then, sizeof(then), NULL, NULL);
	assert_memory_not_equal(first, then, sizeof(first));
	case_reset(sb);
	case_call(sb, "registers", NULL, 0, then, sizeof(then), NULL, NULL);
	assert_memory_equal(first, then, sizeof(first));
	vireo_sandbox_destroy(&sb);
}

static void vectors_work_as_the_host_has_them(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint8_t out[32], ones[32];

	memset(ones, 0xff, sizeof(ones));
	if (__builtin_cpu_supports("avx2")) {
		assert_int_equal(case_call(sb, "vector_of_256_bits", NULL, 0,
					   out, sizeof(out), NULL, NULL), 0);
		assert_memory_equal(out, ones, sizeof(ones));
	}
	vireo_sandbox_destroy(&sb);
}

static void the_runtime_does_what_compilers_expect(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	char out[16];
	size_t len;

	assert_int_equal(case_call(sb, "library", NULL, 0, out, 16, &len, NULL),
			 0);
	assert_int_equal(len, 12);
	assert_memory_equal(out, "babbcdef", 2);
	assert_memory_equal(out + 8, "xxxx", 4);
	assert_int_equal(case_call(sb, "ends_early", NULL, 0, out, 16, &len,
				   NULL), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "early", 5);
	vireo_sandbox_destroy(&sb);
}

static void heap_is_given_out_once(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t size = case_word(sb, "places", PLACE_HEAP_SIZE);

	assert_int_equal(case_word(sb, "places", PLACE_BUFFER), BUFFER);
	assert_int_equal(case_word(sb, "all_of_the_heap", 0), size / 1008);
	case_reset(sb);
	assert_int_equal(case_word(sb, "all_of_the_heap", 1), 0);
	case_reset(sb);
	assert_int_equal(case_word(sb, "all_of_the_heap", 2), 0);
	vireo_sandbox_destroy(&sb);
}

/* mov $5, %eax; ret; and the same with a function that writes to its output */
static void plain_code_runs(void **state)
{
	static const uint8_t code[] = { 0x0f, 0xb6, 0x07, 0x88, 0x02, 0xb8, 1,
					0,    0,    0,	  0xc3 };
	struct vireo_sandbox *sb = case_create_flat(code, sizeof(code));
	char out = 0;

	assert_int_equal(case_call(sb, NULL, "x", 1, &out, 1, NULL, NULL), 0);
	assert_int_equal(out, 'x');
	assert_int_equal(case_call(sb, "main", "x", 1, &out, 1, NULL, NULL),
			 VIREO_EINVAL);
	vireo_sandbox_destroy(&sb);
}

static void a_gibibyte_is_as_good(void **state)
{
	struct vireo_sandbox *sb = case_create(1u << 30);

	assert_int_equal(case_word(sb, "count", 0), 8);
	case_do(sb, "dirty", 1000);
	case_reset(sb);
	assert_int_equal(case_word(sb, "count", 0), 8);
	vireo_sandbox_destroy(&sb);
}

static void memory_is_read_where_the_guest_has_it(void **state)
{
	struct vireo_sandbox *sb = case_create(0);
	uint64_t place = case_word(sb, "places", PLACE_CONSTANT), got = 0;

	assert_int_equal(vireo_sandbox_read(sb, place, &got, 8), 0);
	assert_true(got == 0x1122334455667788);
	assert_int_equal(vireo_sandbox_read(sb, 0, &got, 8), VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_read(sb, UINT64_MAX, &got, 8),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_read(sb, 0xc0000000, &got, 8),
			 VIREO_EINVAL);
	assert_int_equal(vireo_sandbox_read(sb, place, NULL, 0), 0);
	vireo_sandbox_destroy(&sb);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_of_every_size_come_back),
		cmocka_unit_test(output_stops_at_the_callers_room),
		cmocka_unit_test(input_and_output_may_be_one_buffer),
		cmocka_unit_test(state_lasts_until_a_reset),
		cmocka_unit_test(reset_takes_every_byte_back),
		cmocka_unit_test(nothing_of_a_call_is_left_after_a_reset),
		cmocka_unit_test(reset_takes_registers_back),
		cmocka_unit_test(vectors_work_as_the_host_has_them),
		cmocka_unit_test(the_runtime_does_what_compilers_expect),
		cmocka_unit_test(heap_is_given_out_once),
		cmocka_unit_test(plain_code_runs),
		cmocka_unit_test(a_gibibyte_is_as_good),
		cmocka_unit_test(memory_is_read_where_the_guest_has_it),
	};

	case_begin(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
