// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/pci/msix.h"
#include "fake_msi.h"

#define VECTORS 67

struct bench {
	struct fake_msi msi;
	struct msix m;
};

static int setup(void **state)
{
	struct bench *b = test_calloc(1, sizeof(*b));

	msix_init(&b->m, VECTORS, fake_msi(&b->msi));
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	msix_finish(&b->m);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		assert_false(b->msi.vector[i].routed);
	test_free(b);
	return 0;
}

static void put(struct bench *b, unsigned int n, unsigned int dword,
		uint32_t value)
{
	msix_write_table(&b->m, n * 16 + dword * 4, 4, value);
}

static void set_message(struct bench *b, unsigned int n, uint64_t addr,
			uint32_t data)
{
	put(b, n, 0, (uint32_t)addr);
	put(b, n, 1, (uint32_t)(addr >> 32));
	put(b, n, 2, data);
}

/* What a driver does: everything masked while it is set up. */
static void open_vector(struct bench *b, unsigned int n)
{
	msix_control(&b->m, true, true);
	set_message(b, n, 0xfee01000, 0x40 + n);
	put(b, n, 3, 0);
	msix_control(&b->m, true, false);
}

static unsigned int signals(const struct bench *b, unsigned int n)
{
	return b->msi.vector[n].signals;
}

static bool pending(const struct bench *b, unsigned int n)
{
	return msix_read_pending(&b->m, n / 64 * 8, 8) >> (n % 64) & 1;
}

static void everything_is_masked_and_off_at_first(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < VECTORS; i++) {
		assert_int_equal(msix_read_table(&b->m, i * 16 + 12, 4), 1);
		msix_signal(&b->m, i);
		assert_false(pending(b, i));
	}
	assert_int_equal(b->msi.routes, 0);
}

static void an_unmasked_vector_is_routed_once_and_signalled(void **state)
{
	struct bench *b = *state;

	open_vector(b, 3);
	assert_int_equal(b->msi.routes, 1);
	assert_int_equal(b->msi.vector[3].addr, 0xfee01000);
	assert_int_equal(b->msi.vector[3].data, 0x43);
	msix_signal(&b->m, 3);
	msix_signal(&b->m, 3);
	assert_int_equal(signals(b, 3), 2);
	put(b, 3, 3, 1);
	put(b, 3, 3, 0);
	assert_int_equal(b->msi.routes, 1);
}

static void T26_a_masked_vector_stays_pending_until_it_is_unmasked(void **state)
{
	struct bench *b = *state;

	open_vector(b, 65);
	put(b, 65, 3, 1);
	msix_signal(&b->m, 65);
	msix_signal(&b->m, 65);
	assert_int_equal(signals(b, 65), 0);
	assert_true(pending(b, 65));
	assert_int_equal(msix_read_pending(&b->m, 8, 4), 2);
	put(b, 65, 3, 0);
	assert_int_equal(signals(b, 65), 1);
	assert_false(pending(b, 65));
}

static void T26_the_function_mask_holds_all_vectors(void **state)
{
	struct bench *b = *state;

	open_vector(b, 0);
	open_vector(b, 1);
	msix_control(&b->m, true, true);
	msix_signal(&b->m, 0);
	msix_signal(&b->m, 1);
	assert_int_equal(signals(b, 0) + signals(b, 1), 0);
	put(b, 1, 3, 1);
	msix_control(&b->m, true, false);
	assert_int_equal(signals(b, 0), 1);
	assert_int_equal(signals(b, 1), 0);
	assert_true(pending(b, 1));
}

static void T26_a_message_changed_while_masked_takes_effect(void **state)
{
	struct bench *b = *state;

	open_vector(b, 2);
	put(b, 2, 3, 1);
	msix_signal(&b->m, 2);
	set_message(b, 2, UINT64_C(0x1fee02000), 0x99);
	put(b, 2, 3, 0);
	assert_int_equal(b->msi.vector[2].addr, UINT64_C(0x1fee02000));
	assert_int_equal(b->msi.vector[2].data, 0x99);
	assert_int_equal(signals(b, 2), 1);
}

static void T26_a_message_that_is_refused_stays_pending(void **state)
{
	struct bench *b = *state;

	b->msi.fail = -ENOSPC;
	open_vector(b, 5);
	msix_signal(&b->m, 5);
	assert_true(pending(b, 5));
	b->msi.fail = 0;
	put(b, 5, 2, 0x77);
	assert_int_equal(signals(b, 5), 1);
	assert_false(pending(b, 5));
	/* and one that was good, changed into nonsense */
	b->msi.fail = -EINVAL;
	set_message(b, 5, UINT64_MAX, UINT32_MAX);
	assert_false(b->msi.vector[5].routed);
	msix_signal(&b->m, 5);
	assert_true(pending(b, 5));
	assert_int_equal(signals(b, 5), 1);
}

static void switching_off_gives_routes_back_and_forgets(void **state)
{
	struct bench *b = *state;

	open_vector(b, 0);
	put(b, 0, 3, 1);
	msix_signal(&b->m, 0);
	msix_control(&b->m, false, false);
	assert_int_equal(b->msi.unroutes, 1);
	assert_false(pending(b, 0));
	msix_signal(&b->m, 0);
	assert_false(pending(b, 0));
	msix_control(&b->m, true, false);
	put(b, 0, 3, 0);
	assert_int_equal(signals(b, 0), 0);
	msix_signal(&b->m, 0);
	assert_int_equal(signals(b, 0), 1);
}

static void T24_a_vector_that_does_not_exist_is_nobodys(void **state)
{
	struct bench *b = *state;

	msix_control(&b->m, true, true);
	msix_signal(&b->m, VECTORS);
	msix_signal(&b->m, 127);
	msix_signal(&b->m, 128);
	msix_signal(&b->m, 0xffff);
	msix_signal(&b->m, UINT32_MAX);
	assert_int_equal(msix_read_pending(&b->m, 0, 8), 0);
	assert_int_equal(msix_read_pending(&b->m, 8, 8), 0);
}

static void T25_accesses_out_of_range_or_of_odd_width_do_nothing(void **state)
{
	struct bench *b = *state;
	const struct msix before = b->m;
	static const uint64_t bad[] = {
		VECTORS * 16, VECTORS * 16 + 4, 4096, UINT32_MAX - 3,
		UINT64_MAX, UINT64_MAX - 3, UINT64_MAX - 7,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (unsigned int len = 1; len <= 8; len *= 2) {
			msix_write_table(&b->m, bad[i], len, 0);
			assert_int_equal(msix_read_table(&b->m, bad[i], len),
					 0);
			assert_int_equal(msix_read_pending(&b->m, bad[i], len),
					 0);
		}
	for (uint64_t off = 0; off < VECTORS * 16; off++) {
		msix_write_table(&b->m, off, 1, 0);
		msix_write_table(&b->m, off, 2, 0);
		if (off % 4)
			msix_write_table(&b->m, off, 4, 0);
		if (off % 8)
			msix_write_table(&b->m, off, 8, 0);
	}
	assert_int_equal(msix_read_table(&b->m, 12, 1), 0);
	assert_int_equal(msix_read_table(&b->m, 12, 2), 0);
	assert_memory_equal(&before, &b->m, sizeof(before));
}

static void T25_the_last_entry_and_qwords_work(void **state)
{
	struct bench *b = *state;
	uint64_t last = (VECTORS - 1) * 16;

	msix_write_table(&b->m, last, 8, UINT64_C(0x11223344fee00007));
	msix_write_table(&b->m, last + 8, 8, UINT64_C(0xfffffffe00000055));
	assert_int_equal(msix_read_table(&b->m, last, 8),
			 UINT64_C(0x11223344fee00004));
	assert_int_equal(msix_read_table(&b->m, last + 8, 8), 0x55);
	assert_int_equal(msix_read_table(&b->m, last + 4, 4), 0x11223344);
	assert_int_equal(msix_read_pending(&b->m, 8, 8), 0);
	assert_int_equal(msix_read_pending(&b->m, 16, 8), 0);
}

static const void *save(struct bench *b, struct snap *s, size_t *len)
{
	const void *blob;

	assert_int_equal(msix_snapshot(&b->m, s), 0);
	assert_int_equal(snap_finish(s, &blob, len), 0);
	return blob;
}

static void save_load_save_is_byte_equal(void **state)
{
	struct bench *b = *state;
	struct bench *other = test_calloc(1, sizeof(*other));
	struct snap *first = snap_create();
	struct snap *second = snap_create();
	struct snap *load;
	const void *blob[2];
	size_t len[2];

	open_vector(b, 1);
	open_vector(b, 66);
	put(b, 66, 3, 1);
	msix_signal(&b->m, 66);
	blob[0] = save(b, first, &len[0]);
	msix_init(&other->m, VECTORS, fake_msi(&other->msi));
	assert_int_equal(snap_open(&load, blob[0], len[0], NULL), 0);
	assert_int_equal(msix_snapshot(&other->m, load), 0);
	blob[1] = save(other, second, &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	/* what was pending is delivered by the new machine, once it runs */
	msix_control(&other->m, true, false);
	put(other, 66, 3, 0);
	assert_int_equal(signals(other, 66), 0);
	msix_signal(&other->m, 1);
	assert_int_equal(signals(other, 1), 0);
	msix_resume(&other->m);
	assert_int_equal(signals(other, 66), 1);
	assert_int_equal(signals(other, 1), 1);
	snap_destroy(load);
	snap_destroy(first);
	snap_destroy(second);
	msix_finish(&other->m);
	test_free(other);
}

/* One that the old machine refused and the new one knows: loading does not
 * send it, and saves it again. */
static void T32_a_message_that_was_refused_waits_for_the_resume(void **state)
{
	struct bench *b = *state;
	struct bench *other = test_calloc(1, sizeof(*other));
	struct snap *s[2] = { snap_create(), snap_create() };
	struct snap *load;
	const void *blob[2];
	size_t len[2];

	b->msi.fail = -ENOSPC;
	open_vector(b, 5);
	msix_signal(&b->m, 5);
	assert_true(pending(b, 5));
	blob[0] = save(b, s[0], &len[0]);
	msix_init(&other->m, VECTORS, fake_msi(&other->msi));
	msix_control(&other->m, true, false);
	assert_int_equal(snap_open(&load, blob[0], len[0], NULL), 0);
	assert_int_equal(msix_snapshot(&other->m, load), 0);
	blob[1] = save(other, s[1], &len[1]);
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(blob[0], blob[1], len[0]);
	msix_resume(&other->m);
	assert_int_equal(signals(other, 5), 1);
	assert_false(pending(other, 5));
	snap_destroy(load);
	snap_destroy(s[0]);
	snap_destroy(s[1]);
	msix_finish(&other->m);
	test_free(other);
}

static void a_pending_bit_of_no_vector_is_refused(void **state)
{
	struct bench *b = *state;
	struct bench *small = test_calloc(1, sizeof(*small));
	struct snap *s = snap_create();
	struct snap *load;
	const void *blob;
	size_t len;

	msix_init(&small->m, 2, fake_msi(&small->msi));
	small->m.pending[0] = 4;
	blob = save(small, s, &len);
	small->m.pending[0] = 0;
	assert_int_equal(snap_open(&load, blob, len, NULL), 0);
	assert_true(msix_snapshot(&small->m, load) < 0);
	assert_int_equal(small->m.pending[0], 0);
	snap_destroy(load);
	snap_destroy(s);
	msix_finish(&small->m);
	test_free(small);
	assert_non_null(b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(everything_is_masked_and_off_at_first),
		T(an_unmasked_vector_is_routed_once_and_signalled),
		T(T26_a_masked_vector_stays_pending_until_it_is_unmasked),
		T(T26_the_function_mask_holds_all_vectors),
		T(T26_a_message_changed_while_masked_takes_effect),
		T(T26_a_message_that_is_refused_stays_pending),
		T(switching_off_gives_routes_back_and_forgets),
		T(T24_a_vector_that_does_not_exist_is_nobodys),
		T(T25_accesses_out_of_range_or_of_odd_width_do_nothing),
		T(T25_the_last_entry_and_qwords_work),
		T(save_load_save_is_byte_equal),
		T(T32_a_message_that_was_refused_waits_for_the_resume),
		T(a_pending_bit_of_no_vector_is_refused),
	};

	return cmocka_run_group_tests_name("msix", tests, NULL, NULL);
}
