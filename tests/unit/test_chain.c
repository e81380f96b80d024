// SPDX-License-Identifier: BSD-3-Clause
/* src/devices/virtio/chain.c: the bytes of a chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "devices/virtio/queue.h"

/* Readable "abcdefgh" in 3, 1 and 4 bytes; writable 2 and 5. */
struct bytes {
	char out[3][5];
	char in[2][6];
	struct chain c;
};

static void fill(struct bytes *b)
{
	*b = (struct bytes){ .out = { "abc", "d", "efgh" },
			     .in = { "--", "-----" } };
	b->c = (struct chain){ .out_count = 3, .in_count = 2, .out_len = 8,
			       .in_len = 7,
			       .iov = { { b->out[0], 3 }, { b->out[1], 1 },
					{ b->out[2], 4 }, { b->in[0], 2 },
					{ b->in[1], 5 } } };
}

static void chain_read_gives_every_range_of_it(void **state)
{
	struct bytes b;

	fill(&b);
	for (size_t off = 0; off <= 8; off++)
		for (size_t len = 0; len <= 8 - off; len++) {
			char text[9] = "";

			assert_true(chain_read(&b.c, off, text, len));
			assert_memory_equal(text, &"abcdefgh"[off], len);
			assert_int_equal(text[len], 0);
		}
}

static void chain_read_refuses_what_is_not_there(void **state)
{
	static const struct {
		uint64_t off;
		size_t len;
	} ranges[] = { { 0, 9 }, { 8, 1 }, { 9, 0 }, { 1, 8 },
		       { UINT64_MAX, 1 }, { 1, SIZE_MAX },
		       { UINT64_MAX, SIZE_MAX } };
	char text[16] = "unchanged";
	struct bytes b;

	fill(&b);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		assert_false(chain_read(&b.c, ranges[i].off, text,
					ranges[i].len));
	assert_string_equal(text, "unchanged");
}

static void chain_write_changes_every_range_and_no_more(void **state)
{
	for (size_t off = 0; off <= 7; off++)
		for (size_t len = 0; len <= 7 - off; len++) {
			char want[8] = "-------";
			struct bytes b;

			fill(&b);
			memcpy(want + off, "1234567", len);
			assert_true(chain_write(&b.c, off, "1234567", len));
			assert_memory_equal(b.in[0], want, 2);
			assert_memory_equal(b.in[1], want + 2, 5);
			assert_string_equal(b.out[2], "efgh");
		}
}

static void chain_write_refuses_what_is_not_there(void **state)
{
	struct bytes b;

	fill(&b);
	assert_false(chain_write(&b.c, 0, "12345678", 8));
	assert_false(chain_write(&b.c, 7, "1", 1));
	assert_false(chain_write(&b.c, UINT64_MAX, "1", 1));
	assert_false(chain_write(&b.c, 1, "1", SIZE_MAX));
	assert_string_equal(b.in[1], "-----");
}

static void chain_out_and_in_give_the_pieces_of_a_range(void **state)
{
	struct iovec iov[3];
	struct bytes b;

	fill(&b);
	assert_int_equal(chain_out(&b.c, 2, 4, iov, 3), 3);
	assert_ptr_equal(iov[0].iov_base, b.out[0] + 2);
	assert_int_equal(iov[0].iov_len, 1);
	assert_ptr_equal(iov[1].iov_base, b.out[1]);
	assert_int_equal(iov[1].iov_len, 1);
	assert_ptr_equal(iov[2].iov_base, b.out[2]);
	assert_int_equal(iov[2].iov_len, 2);
	assert_int_equal(chain_in(&b.c, 1, 6, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, b.in[0] + 1);
	assert_ptr_equal(iov[1].iov_base, b.in[1]);
	assert_int_equal(iov[1].iov_len, 5);
	assert_int_equal(chain_in(&b.c, 2, 5, iov, 1), 1);
	assert_int_equal(chain_out(&b.c, 8, 0, iov, 0), 0);
	assert_int_equal(chain_in(&b.c, 0, 0, iov, 0), 0);
}

static void chain_out_and_in_refuse_too_many_and_not_there(void **state)
{
	struct iovec iov[3];
	struct bytes b;

	fill(&b);
	assert_int_equal(chain_out(&b.c, 2, 4, iov, 2), -1);
	assert_int_equal(chain_in(&b.c, 0, 3, iov, 1), -1);
	assert_int_equal(chain_in(&b.c, 0, 1, iov, 0), -1);
	assert_int_equal(chain_out(&b.c, 2, 7, iov, 3), -1);
	assert_int_equal(chain_in(&b.c, 7, 1, iov, 3), -1);
	assert_int_equal(chain_in(&b.c, 8, 0, iov, 3), -1);
	assert_int_equal(chain_in(&b.c, 3, UINT64_MAX, iov, 3), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_read_gives_every_range_of_it),
		cmocka_unit_test(chain_read_refuses_what_is_not_there),
		cmocka_unit_test(chain_write_changes_every_range_and_no_more),
		cmocka_unit_test(chain_write_refuses_what_is_not_there),
		cmocka_unit_test(chain_out_and_in_give_the_pieces_of_a_range),
		cmocka_unit_test(
			chain_out_and_in_refuse_too_many_and_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
