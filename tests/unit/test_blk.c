// SPDX-License-Identifier: BSD-3-Clause
/*
 * The block device's requests, good and bad, over a backend in memory. Every
 * test runs twice: with split rings in front of the core, and with packed
 * rings behind the MMIO transport.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk_case.h"

#include "base/num.h"

#define SECTORS (CASE_SIZE / 512)

static void expect(struct blk_answer a, uint8_t status, uint32_t len)
{
	assert_true(a.came);
	assert_int_equal(a.status, status);
	assert_int_equal(a.len, len);
}

/* Nothing but the chain itself came back. */
static void expect_drop(struct blk_answer a)
{
	expect(a, UNTOUCHED, 0);
}

/* Of a read that fails nothing is written before the status byte. */
static void expect_failed_read(struct blk_answer a)
{
	expect(a, BLK_S_IOERR, 0);
}

static uint8_t *disk_copy(struct blk_case *c)
{
	uint8_t *copy = malloc(CASE_SIZE);

	assert_non_null(copy);
	memcpy(copy, c->block->bytes, CASE_SIZE);
	return copy;
}

static void a_write_is_read_back(void **state)
{
	struct blk_case *c = *state;
	uint8_t *data = blk_data(c);

	for (unsigned int i = 0; i < 8192; i++)
		data[i] = (uint8_t)(i * 3);
	expect(blk_ask(c, BLK_T_OUT, 10, 8192, 0), BLK_S_OK, 1);
	assert_memory_equal(c->block->bytes + 5120, data, 8192);
	memset(data, 0, 8192);
	expect(blk_ask(c, BLK_T_IN, 10, 0, 8192), BLK_S_OK, 8193);
	for (unsigned int i = 0; i < 8192; i++)
		assert_int_equal(data[i], (uint8_t)(i * 3));
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_OK, 1);
	assert_int_equal(c->block->count[BLOCK_FLUSH], 1);
}

static void Q13_header_data_and_status_lie_in_pieces_anyhow(void **state)
{
	struct blk_case *c = *state;
	struct driver_buf bufs[40];
	unsigned int n = 0;
	struct blk_answer a;

	/* a write: the header a byte at a time, its last byte with data */
	blk_put_header(c, BLK_T_OUT, 4);
	for (unsigned int i = 0; i < 15; i++)
		bufs[n++] = (struct driver_buf){ c->header + i, 1, false };
	memcpy(driver_ram_at(&c->ram, c->data, 1),
	       driver_ram_at(&c->ram, c->header + 15, 1), 1);
	for (unsigned int i = 1; i <= 512; i++)
		((uint8_t *)blk_data(c))[i] = (uint8_t)(i ^ 0x55);
	bufs[n++] = (struct driver_buf){ c->data, 4, false };
	bufs[n++] = (struct driver_buf){ c->data + 4, 509, false };
	bufs[n++] = (struct driver_buf){ c->status, 1, true };
	expect(blk_chain(c, 0, bufs, n), BLK_S_OK, 1);
	assert_memory_equal(c->block->bytes + 2048,
			    (uint8_t *)blk_data(c) + 1, 512);

	/* a read: the status byte in the buffer of the data's end */
	blk_put_header(c, BLK_T_IN, 4);
	bufs[0] = (struct driver_buf){ c->header, 16, false };
	bufs[1] = (struct driver_buf){ c->data + 8192, 1, true };
	bufs[2] = (struct driver_buf){ c->data + 8193, 512, true };
	((uint8_t *)blk_data(c))[8192 + 512] = UNTOUCHED;
	a = blk_chain(c, 0, bufs, 3);
	assert_int_equal(a.len, 513);
	assert_int_equal(a.status, UNTOUCHED);
	assert_int_equal(((uint8_t *)blk_data(c))[8192 + 512], BLK_S_OK);
	assert_memory_equal(c->block->bytes + 2048,
			    (uint8_t *)blk_data(c) + 8192, 512);
}

static void DB01_what_is_beyond_the_end_fails(void **state)
{
	struct blk_case *c = *state;
	static const uint64_t bad[] = {
		SECTORS, SECTORS - 1, SECTORS + 1, UINT64_MAX,
		UINT64_MAX / 512, UINT64_MAX / 512 + 1,
		UINT64_C(1) << 55, UINT64_C(1) << 63,
	};
	uint8_t *before = disk_copy(c);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_failed_read(blk_ask(c, BLK_T_IN, bad[i], 0, 1024));
		expect(blk_ask(c, BLK_T_OUT, bad[i], 1024, 0), BLK_S_IOERR, 1);
		expect(blk_range_op(c, BLK_T_DISCARD, bad[i], 2, 0),
		       BLK_S_IOERR, 1);
		expect(blk_range_op(c, BLK_T_WRITE_ZEROES, bad[i], 2, 0),
		       BLK_S_IOERR, 1);
	}
	assert_memory_equal(before, c->block->bytes, CASE_SIZE);
	free(before);
	expect(blk_ask(c, BLK_T_IN, SECTORS - 1, 0, 512), BLK_S_OK, 513);
	expect(blk_ask(c, BLK_T_OUT, SECTORS - 1, 512, 0), BLK_S_OK, 1);
	expect(blk_ask(c, BLK_T_IN, SECTORS - 2, 0, 1024), BLK_S_OK, 1025);
}

/* None at all is no whole sectors either (Q09). */
static void DB02_data_that_is_no_whole_sectors_fails(void **state)
{
	struct blk_case *c = *state;
	static const uint32_t bad[] = { 0, 1, 511, 513, 1023 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		expect(blk_ask(c, BLK_T_OUT, 0, bad[i], 0), BLK_S_IOERR, 1);
		expect(blk_ask(c, BLK_T_IN, 0, 0, bad[i]), BLK_S_IOERR,
		       bad[i] ? 0 : 1);
	}
	blk_still_works(c);
}

static void DB03_a_read_only_disk_is_never_written(void **state)
{
	struct blk_case *c = *state;
	const struct blk_config cfg = { 0 };
	static const uint32_t ops[] = { BLK_T_OUT, BLK_T_DISCARD,
					BLK_T_WRITE_ZEROES };
	uint8_t *before;

	blk_replace(c, fake_block(CASE_SIZE, true), &cfg);
	assert_true(c->front.v->offered & BLK_F_RO);
	assert_false(c->front.v->offered &
		     (BLK_F_DISCARD | BLK_F_WRITE_ZEROES));
	before = disk_copy(c);
	for (unsigned int ro = 0; ro < 2; ro++) {
		blk_run(c, ro ? BLK_F_RO : 0);
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			expect(blk_ask(c, ops[i], 0, 512, 0), BLK_S_IOERR, 1);
			expect(blk_ask(c, ops[i], 0, 16, 0), BLK_S_IOERR, 1);
		}
		blk_still_works(c);
	}
	assert_memory_equal(before, c->block->bytes, CASE_SIZE);
	assert_int_equal(c->block->count[BLOCK_WRITE], 0);
	free(before);
}

static void DB04_unknown_types_are_unsupported(void **state)
{
	struct blk_case *c = *state;
	static const uint32_t types[] = {
		2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 16, 18, 20, 22, 24, 26, 27,
		0x80000000, 0x80000001, 0x100, UINT32_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		expect(blk_ask(c, types[i], 0, 512, 0), BLK_S_UNSUPP, 1);
		expect(blk_ask(c, types[i], 0, 0, 512), BLK_S_UNSUPP, 0);
		expect(blk_ask(c, types[i], 0, 0, 0), BLK_S_UNSUPP, 1);
	}
	blk_still_works(c);
}

static void DB05_get_id_writes_at_most_twenty_bytes(void **state)
{
	struct blk_case *c = *state;
	static const char id[BLK_SERIAL_LEN] = "a serial number";
	static const uint32_t lens[] = { 20, 1, 19, 21, 512 };
	uint8_t *data = blk_data(c);

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		uint32_t n = lens[i] < 20 ? lens[i] : 20;

		memset(data, UNTOUCHED, 1024);
		expect(blk_ask(c, BLK_T_GET_ID, 0, 0, lens[i]), BLK_S_OK,
		       lens[i] > 20 ? 20 : n + 1);
		assert_memory_equal(data, id, n);
		assert_int_equal(data[n], UNTOUCHED);
	}
	expect(blk_ask(c, BLK_T_GET_ID, 0, 0, 0), BLK_S_IOERR, 1);
	expect(blk_ask(c, BLK_T_GET_ID, 0, 20, 0), BLK_S_IOERR, 1);
}

static void DB06_discard_and_write_zeroes_check_their_range(void **state)
{
	struct blk_case *c = *state;
	static const uint32_t ops[] = { BLK_T_DISCARD, BLK_T_WRITE_ZEROES };
	uint8_t *before = disk_copy(c);

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		uint32_t op = ops[i];

		expect(blk_range_op(c, op, 0, 8, 2), BLK_S_UNSUPP, 1);
		expect(blk_range_op(c, op, 0, 8, 1u << 31), BLK_S_UNSUPP, 1);
		expect(blk_range_op(c, op, 0, 0, 0), BLK_S_IOERR, 1);
		expect(blk_range_op(c, op, 0, UINT32_MAX, 0), BLK_S_IOERR, 1);
		expect(blk_range_op(c, op, 1, SECTORS, 0), BLK_S_IOERR, 1);
		expect(blk_range_op(c, op, UINT64_MAX, 1, 0), BLK_S_IOERR, 1);
		expect(blk_range_op(c, op, UINT64_MAX / 512, UINT32_MAX, 0),
		       BLK_S_IOERR, 1);
		expect(blk_ask(c, op, 0, 0, 0), BLK_S_IOERR, 1);
		expect(blk_ask(c, op, 0, 15, 0), BLK_S_IOERR, 1);
		expect(blk_ask(c, op, 0, 17, 0), BLK_S_IOERR, 1);
		expect(blk_ask(c, op, 0, 32, 0), BLK_S_IOERR, 1);
	}
	expect(blk_range_op(c, BLK_T_DISCARD, 0, 8, 1), BLK_S_UNSUPP, 1);
	assert_memory_equal(before, c->block->bytes, CASE_SIZE);

	expect(blk_range_op(c, BLK_T_DISCARD, 8, 8, 0), BLK_S_OK, 1);
	assert_int_equal(c->block->count[BLOCK_DISCARD], 3);
	expect(blk_range_op(c, BLK_T_WRITE_ZEROES, 24, 8, 1), BLK_S_OK, 1);
	assert_true(c->block->flags & BLOCK_UNMAP);
	expect(blk_range_op(c, BLK_T_WRITE_ZEROES, 40, 8, 0), BLK_S_OK, 1);
	assert_false(c->block->flags & BLOCK_UNMAP);
	assert_int_equal(c->block->bytes[40 * 512 + 77], 0);
	assert_int_equal(c->block->bytes[48 * 512 + 77],
			 before[48 * 512 + 77]);
	free(before);
}

static void DB06_discard_without_its_feature_is_unsupported(void **state)
{
	struct blk_case *c = *state;

	blk_run(c, BLK_F_FLUSH);
	expect(blk_range_op(c, BLK_T_DISCARD, 8, 8, 0), BLK_S_UNSUPP, 1);
	expect(blk_range_op(c, BLK_T_WRITE_ZEROES, 8, 8, 0), BLK_S_UNSUPP, 1);
	blk_still_works(c);
}

static void DB07_Q11_Q12_no_request_without_header_and_status(void **s)
{
	struct blk_case *c = *s;
	const struct driver_buf header = { c->header, 16, false };
	const struct driver_buf less = { c->header, 15, false };
	const struct driver_buf status = { c->status, 1, true };
	const struct driver_buf data = { c->data, 512, false };
	const struct driver_buf only_in[] = { { c->header, 16, true }, status };
	const struct driver_buf no_status[] = { header, data };
	const struct driver_buf cut[] = { less, status };

	blk_put_header(c, BLK_T_IN, 0);
	expect_drop(blk_chain(c, 0, &header, 1));
	expect_drop(blk_chain(c, 0, &status, 1));
	expect_drop(blk_chain(c, 0, cut, 2));
	expect_drop(blk_chain(c, 0, only_in, 2));
	blk_put_header(c, BLK_T_OUT, 0);
	expect_drop(blk_chain(c, 0, no_status, 2));
	assert_int_equal(c->block->count[BLOCK_WRITE], 0);
	blk_still_works(c);
}

static void DB07_the_status_is_the_last_byte_of_a_long_buffer(void **state)
{
	struct blk_case *c = *state;
	const struct driver_buf bufs[] = { { c->header, 16, false },
					   { c->data, 512, false },
					   { c->status, 512, true } };
	const uint8_t *status = driver_ram_at(&c->ram, c->status, 512);

	blk_put_header(c, BLK_T_OUT, 0);
	/* 511 bytes before it are not written: DB11 */
	expect(blk_chain(c, 0, bufs, 3), UNTOUCHED, 0);
	assert_int_equal(status[511], BLK_S_OK);
	assert_int_equal(status[510], UNTOUCHED);
}

static void DB07_a_read_with_a_longer_header_fails(void **state)
{
	struct blk_case *c = *state;
	const struct driver_buf bufs[] = { { c->header, 17, false },
					   { c->data, 512, true },
					   { c->status, 1, true } };

	blk_put_header(c, BLK_T_IN, 0);
	expect_failed_read(blk_chain(c, 0, bufs, 3));
	blk_still_works(c);
}

static void DB08_a_flush_with_sector_or_data_is_still_a_flush(void **state)
{
	struct blk_case *c = *state;

	expect(blk_ask(c, BLK_T_FLUSH, 7, 0, 0), BLK_S_OK, 1);
	expect(blk_ask(c, BLK_T_FLUSH, UINT64_MAX, 512, 0), BLK_S_OK, 1);
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 512), BLK_S_OK, 0);
	assert_int_equal(c->block->count[BLOCK_FLUSH], 3);
}

static void DB09_a_failed_flush_sticks_until_the_reset(void **state)
{
	struct blk_case *c = *state;

	c->block->fail[BLOCK_FLUSH] = -EIO;
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_IOERR, 1);
	assert_int_equal(c->errors, 1);
	c->block->fail[BLOCK_FLUSH] = 0;
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_IOERR, 1);
	assert_int_equal(c->block->count[BLOCK_FLUSH], 1);
	blk_still_works(c);
	/* what must be stable when it is done cannot be, either */
	expect(blk_ask(c, BLK_T_OUT, 0, 512, 0), BLK_S_OK, 1);
	front_config_set(&c->front, BLK_WRITEBACK, 1, 0);
	expect(blk_ask(c, BLK_T_OUT, 0, 512, 0), BLK_S_IOERR, 1);
	expect(blk_range_op(c, BLK_T_WRITE_ZEROES, 0, 8, 0), BLK_S_IOERR, 1);
	assert_int_equal(c->errors, 1);
	blk_run(c, ALL_FEATURES);
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_OK, 1);
}

static void I11_a_full_disk_does_not_stick(void **state)
{
	struct blk_case *c = *state;

	c->block->fail[BLOCK_FLUSH] = -ENOSPC;
	c->block->fail[BLOCK_WRITE] = -ENOSPC;
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_IOERR, 1);
	expect(blk_ask(c, BLK_T_OUT, 0, 512, 0), BLK_S_IOERR, 1);
	c->block->fail[BLOCK_FLUSH] = 0;
	c->block->fail[BLOCK_WRITE] = 0;
	expect(blk_ask(c, BLK_T_FLUSH, 0, 0, 0), BLK_S_OK, 1);
	expect(blk_ask(c, BLK_T_OUT, 0, 512, 0), BLK_S_OK, 1);
}

static void DB11_a_read_that_fails_shows_no_stale_bytes_as_data(void **state)
{
	struct blk_case *c = *state;

	c->block->fail[BLOCK_READ] = -EIO;
	expect_failed_read(blk_ask(c, BLK_T_IN, 0, 0, 4096));
	c->block->fail[BLOCK_READ] = 0;
	blk_still_works(c);
}

static void R15_a_failing_disk_does_not_flood_the_log(void **state)
{
	struct blk_case *c = *state;

	c->block->fail[BLOCK_READ] = -EIO;
	for (unsigned int i = 0; i < 100; i++)
		expect_failed_read(blk_ask(c, BLK_T_IN, 0, 0, 512));
	assert_in_range(c->lines, 1, 25);
}

int main(void)
{
#define TWICE(f)                                                          \
	{ #f ", split", f, blk_setup_split, blk_teardown, NULL },        \
	{ #f ", packed", f, blk_setup_packed, blk_teardown, NULL }
	const struct CMUnitTest tests[] = {
		TWICE(a_write_is_read_back),
		TWICE(Q13_header_data_and_status_lie_in_pieces_anyhow),
		TWICE(DB01_what_is_beyond_the_end_fails),
		TWICE(DB02_data_that_is_no_whole_sectors_fails),
		TWICE(DB03_a_read_only_disk_is_never_written),
		TWICE(DB04_unknown_types_are_unsupported),
		TWICE(DB05_get_id_writes_at_most_twenty_bytes),
		TWICE(DB06_discard_and_write_zeroes_check_their_range),
		TWICE(DB06_discard_without_its_feature_is_unsupported),
		TWICE(DB07_Q11_Q12_no_request_without_header_and_status),
		TWICE(DB07_the_status_is_the_last_byte_of_a_long_buffer),
		TWICE(DB07_a_read_with_a_longer_header_fails),
		TWICE(DB08_a_flush_with_sector_or_data_is_still_a_flush),
		TWICE(DB09_a_failed_flush_sticks_until_the_reset),
		TWICE(I11_a_full_disk_does_not_stick),
		TWICE(DB11_a_read_that_fails_shows_no_stale_bytes_as_data),
		TWICE(R15_a_failing_disk_does_not_flood_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
