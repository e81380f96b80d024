// SPDX-License-Identifier: BSD-3-Clause
/* src/vcpu_exits.c: port and memory accesses of a guest reach their device or
 * nobody. What KVM hands over is not trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"
#include "one_vcpu.h"

static void vcpu_port_access_reaches_the_device(void **state)
{
	uint8_t in[4][4] = { { 0 } };
	struct one_vcpu *f = *state;

	fake_out(0, PORT, 1, 0x11);
	fake_out(0, PORT, 2, 0x2222);
	fake_out(0, PORT, 4, 0x44444444);
	fake_in(0, PORT, 1, in[0]);
	fake_in(0, PORT, 2, in[1]);
	fake_in(0, PORT, 4, in[2]);
	one_vcpu_play(f);
	assert_int_equal(f->probe.value[0], 0x11);
	assert_int_equal(f->probe.value[1], 0x2222);
	assert_int_equal(f->probe.value[2], 0x44444444);
	assert_memory_equal(in[0], "\1\0\0\0", 4);
	assert_memory_equal(in[1], "\1\2\0\0", 4);
	assert_memory_equal(in[2], "\1\2\3\4", 4);
	assert_int_equal(f->ends, 0);
}

static void G04_port_where_nobody_is_reads_all_ones(void **state)
{
	uint8_t in[3][4] = { { 0 } };
	struct one_vcpu *f = *state;

	fake_in(0, 0x1234, 1, in[0]);
	fake_in(0, PORT + 2, 4, in[1]); /* hangs over the window's end */
	fake_in(0, 0xffff, 2, in[2]);
	fake_out(0, 0xffff, 4, 1);
	one_vcpu_play(f);
	assert_memory_equal(in[0], "\xff\0\0\0", 4);
	assert_memory_equal(in[1], "\xff\xff\xff\xff", 4);
	assert_memory_equal(in[2], "\xff\xff\0\0", 4);
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
	assert_int_equal(f->ends, 0);
}

/* count in step->count, offset in step->addr */
static int raw_io(struct kvm_run *run, const struct fake_step *step)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.port = PORT;
	run->io.size = (uint8_t)step->size;
	run->io.count = step->count;
	run->io.data_offset = step->addr;
	run->io.direction = step->data[0];
	if (range_ok(step->addr, 64, FAKE_RUN_SIZE))
		for (uint8_t i = 0; i < 64; i++)
			((uint8_t *)run)[step->addr + i] = i;
	return 0;
}

static void G04_string_output_writes_every_element_in_order(void **state)
{
	struct fake_step step = { .play = raw_io, .size = 2, .count = 32,
				  .addr = 4096, .data = { KVM_EXIT_IO_OUT } };
	struct one_vcpu *f = *state;

	one_vcpu_play_step(f, &step);
	assert_int_equal(f->probe.writes, 32);
	for (unsigned int i = 0; i < 32; i++)
		assert_int_equal(f->probe.value[i],
				 (2 * i + 1) << 8 | (2 * i));
	step.addr = FAKE_RUN_SIZE - 64; /* right at the end */
	one_vcpu_play_step(f, &step);
	assert_int_equal(f->probe.writes, 64);
	assert_int_equal(f->ends, 0);
}

static void G04_string_io_outside_kvm_run_ends_the_vm(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t size;
		uint32_t count;
	} rows[] = {
		{ 4096, 1, UINT32_MAX },
		{ 4096, 4, UINT32_MAX },
		{ 4096, 4, 0x40000000 },	/* 2^32 bytes */
		{ 4096, 1, FAKE_RUN_SIZE - 4096 + 1 },
		{ FAKE_RUN_SIZE, 1, 1 },
		{ FAKE_RUN_SIZE - 1, 2, 1 },
		{ FAKE_RUN_SIZE + 1, 1, 0 },
		{ UINT64_MAX, 1, 1 },
		{ UINT64_MAX - 3, 4, 2 },	/* wraps */
		{ UINT64_C(1) << 63, 1, 1 },
		{ 4096, 16, 1 },		/* no port is that wide */
		{ 4096, 255, 1 },
	};
	struct one_vcpu *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint8_t out = 0; out < 2; out++) {
			struct fake_step step = { .play = raw_io,
						  .addr = rows[i].offset,
						  .size = rows[i].size,
						  .count = rows[i].count,
						  .data = { out } };

			one_vcpu_play_step(f, &step);
			if (f->ends != 1 || f->reason != VIREO_KVM_ERROR)
				fail_msg("row %zu is taken", i);
		}
	}
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
}

/* ---- memory-mapped I/O ---- */

static void vcpu_mmio_access_reaches_the_device(void **state)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct one_vcpu *f = *state;
	uint8_t in[8] = { 0 };

	fake_mmio(0, PAGE, 4, bytes, NULL);
	fake_mmio(0, PAGE + 8, 8, bytes, NULL);
	fake_mmio(0, PAGE + 8, 2, NULL, in);
	one_vcpu_play(f);
	assert_int_equal(f->probe.value[0], 0x04030201);
	assert_true(f->probe.value[1] == 0x0807060504030201);
	assert_memory_equal(in, "\1\2\0\0\0\0\0\0", 8);
}

static void G04_mmio_where_nobody_is_reads_all_ones(void **state)
{
	static const uint8_t ones[8] = { 255, 255, 255, 255, 255, 255, 255,
					 255 };
	struct one_vcpu *f = *state;
	uint8_t in[4][8] = { { 0 } };

	fake_mmio(0, 0xe0000000, 8, NULL, in[0]);
	fake_mmio(0, PAGE + 15, 2, NULL, in[1]);
	fake_mmio(0, UINT64_MAX, 8, NULL, in[2]);
	fake_mmio(0, PAGE, 3, NULL, in[3]); /* no such width */
	fake_mmio(0, PAGE + 12, 8, ones, NULL);
	one_vcpu_play(f);
	assert_memory_equal(in[0], ones, 8);
	assert_memory_equal(in[1], "\xff\xff\0\0\0\0\0\0", 8);
	assert_memory_equal(in[2], ones, 8);
	assert_memory_equal(in[3], "\xff\xff\xff\0\0\0\0\0", 8);
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
}

static void G10_mmio_longer_than_its_data_touches_nothing(void **state)
{
	static const uint32_t widths[] = { 9, 16, 64, 4096, UINT32_MAX };
	struct one_vcpu *f = *state;
	uint8_t in[8];

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		fake_mmio(0, PAGE, widths[i], NULL, in);
		fake_mmio(0, PAGE, widths[i], in, NULL);
	}
	one_vcpu_play(f);
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
	assert_int_equal(f->ends, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VCPU_TEST(vcpu_port_access_reaches_the_device),
		VCPU_TEST(G04_port_where_nobody_is_reads_all_ones),
		VCPU_TEST(G04_string_output_writes_every_element_in_order),
		VCPU_TEST(G04_string_io_outside_kvm_run_ends_the_vm),
		VCPU_TEST(vcpu_mmio_access_reaches_the_device),
		VCPU_TEST(G04_mmio_where_nobody_is_reads_all_ones),
		VCPU_TEST(G10_mmio_longer_than_its_data_touches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
