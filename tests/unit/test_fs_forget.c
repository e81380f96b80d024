// SPDX-License-Identifier: BSD-3-Clause
/* The file system device and what a driver forgets, or never knew; the queue
 * for what is urgent. */
#include <errno.h>
#include <string.h>

#include "fs_case.h"

#include "base/num.h"

static void DF02_forgetting_has_no_answer_and_never_too_much(void **state)
{
	struct fs_case *t = *state;
	struct fuse_forget_in in = { .count = le64_put(UINT64_MAX) };
	uint64_t f;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	f = fs_find(t, SHARE_ROOT, "f");
	assert_int_equal(fs_ask(t, FUSE_FORGET, f, &in, 7).len, 0);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error, 0);
	for (uint64_t node = 0; node < 10; node++)
		assert_int_equal(fs_ask(t, FUSE_FORGET, node, &in, 8).len, 0);
	assert_int_equal(fs_ask(t, FUSE_FORGET, UINT64_MAX, &in, 8).len, 0);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error, -ESTALE);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error, 0);
	/* On either queue, with or without room for an answer. */
	f = fs_find(t, SHARE_ROOT, "f");
	fs_send(t, &(struct fs_req){ .opcode = FUSE_FORGET, .node = f,
				     .arg = &in, .arg_len = 8,
				     .room = FS_NONE, .hiprio = true });
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error, -ESTALE);
}

static void DF02_a_batch_is_as_long_as_it_is_and_not_as_it_says(void **state)
{
	struct fs_case *t = *state;
	struct {
		struct fuse_batch_forget_in head;
		struct fuse_forget_one one[3];
	} in = { .head.count = le32_put(UINT32_MAX) };
	struct fs_req req = { .opcode = FUSE_BATCH_FORGET, .arg = &in };
	uint64_t f, g;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	host_put(t->host, "g", "x");
	f = fs_find(t, SHARE_ROOT, "f");
	g = fs_find(t, SHARE_ROOT, "g");
	in.one[0] = (struct fuse_forget_one){ le64_put(99), le64_put(1) };
	in.one[1] = (struct fuse_forget_one){ le64_put(f), le64_put(1) };
	in.one[2] = (struct fuse_forget_one){ le64_put(g), le64_put(5) };
	req.arg_len = sizeof(in) - 1; /* the last one is not whole */
	assert_int_equal(fs_send(t, &req).len, 0);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error, -ESTALE);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, g, NULL, 0).error, 0);
	in.head.count = le32_put(2);
	req.arg_len = sizeof(in);
	fs_send(t, &req);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, g, NULL, 0).error, 0);
	in.head.count = le32_put(3);
	req.claim = 40 + sizeof(in) - 1; /* nor is it here */
	fs_send(t, &req);
	req.claim = 0;
	assert_int_equal(fs_ask(t, FUSE_GETATTR, g, NULL, 0).error, 0);
	in.head.count = le32_put(3);
	fs_send(t, &req);
	assert_int_equal(fs_ask(t, FUSE_GETATTR, g, NULL, 0).error, -ESTALE);
	req.arg_len = 7;
	assert_int_equal(fs_send(t, &req).len, 0);
}

/* The same buffer can be in a request many times: gigabytes cost a guest
 * nothing. */
static void DF02_a_batch_has_a_limit(void **state)
{
	struct fs_case *t = *state;
	const uint32_t head = 40 + sizeof(struct fuse_batch_forget_in);
	struct fuse_forget_one one = { .count = le64_put(1) };
	uint64_t gpa = driver_ram_alloc(&t->ram, 4096, 4096), f;
	struct fs_req req = { .opcode = FUSE_BATCH_FORGET };
	struct driver_buf bufs[] = { { t->small, head, false },
				     { gpa, 1u << 20, false },
				     { gpa, 16, false } };

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	f = fs_find(t, SHARE_ROOT, "f");
	one.node = le64_put(f);
	bufs[1].gpa = driver_ram_alloc(&t->ram, 1u << 20, 4096);
	memcpy(driver_ram_at(&t->ram, gpa, 16), &one, sizeof(one));
	req.arg = &(struct fuse_batch_forget_in){ { { 0xff, 0xff, 0xff } } };
	req.arg_len = sizeof(struct fuse_batch_forget_in);
	for (uint32_t less = 0; less <= 16; less += 16) {
		bufs[1].len = (1u << 20) - less;
		req.claim = head + bufs[1].len + 16;
		fs_post_bufs(t, &req, bufs, 3);
		fs_reap(t, FS_REQUESTS);
		assert_int_equal(fs_ask(t, FUSE_GETATTR, f, NULL, 0).error,
				 less ? -ESTALE : 0);
	}
}

/* Two queues, and nobody waits for the other's answers. */
static void DF06_lookups_and_forgetting_at_once_agree(void **state)
{
	struct fs_case *t = *state;
	const struct fuse_forget_in one = { .count = le64_put(1) };
	struct fs_req look = { .opcode = FUSE_LOOKUP, .node = 1,
			       .text = "f", .text_len = 2 };
	struct fs_req forget = { .opcode = FUSE_FORGET, .arg = &one,
				 .arg_len = 8, .room = FS_NONE,
				 .hiprio = true };
	struct fs_answer a;

	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	for (int i = 0; i < 300; i++) {
		a = fs_send(t, &look);
		forget.node = fs_entry_of(&a);
		fs_post(t, &forget); /* overtaken, or not */
		a = fs_send(t, &look);
		forget.node = fs_entry_of(&a);
		assert_int_equal(fs_ask(t, FUSE_GETATTR, forget.node, NULL,
					0).error, 0);
		fs_reap(t, FS_HIPRIO);
		fs_send(t, &forget);
	}
	assert_int_equal(fs_ask(t, FUSE_GETATTR, forget.node, NULL, 0).error,
			 -ESTALE);
}

static void DF03_the_urgent_queue_and_interrupts_do_no_harm(void **state)
{
	struct fs_case *t = *state;
	static const le64 unique = { { 0xff, 0xff } };
	struct fs_req req = { .opcode = FUSE_INTERRUPT, .arg = &unique,
			      .arg_len = 8, .hiprio = true };

	assert_int_equal(fs_send(t, &req).len, 0);
	fs_case_init(t, 0);
	assert_int_equal(fs_send(t, &req).len, 0);
	req.arg_len = 0;
	assert_int_equal(fs_send(t, &req).len, 0);
	req.room = FS_NONE;
	req.hiprio = false;
	assert_int_equal(fs_send(t, &req).len, 0);
	req = (struct fs_req){ .opcode = FUSE_GETATTR, .node = 1,
			       .hiprio = true };
	assert_int_equal(fs_send(t, &req).error, 0);
}

static void DF02_numbers_that_were_never_given_out_are_stale(void **state)
{
	static const uint64_t bad[] = { 0, 2, 99, UINT32_MAX, UINT64_MAX,
					UINT64_C(1) << 32 | 1 };
	struct fs_case *t = *state;

	fs_case_init(t, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct fuse_read_in in = fs_extent(bad[i], 0, 16);
		const struct fuse_open_in open = { .flags = le32_put(0) };

		assert_int_equal(fs_ask(t, FUSE_GETATTR, bad[i], NULL, 0).error,
				 -ESTALE);
		assert_int_equal(fs_ask(t, FUSE_OPEN, bad[i], &open, 8).error,
				 -ESTALE);
		assert_int_equal(fs_name_op(t, FUSE_LOOKUP, bad[i], NULL, 0,
					    "f").error, -ESTALE);
		assert_int_equal(fs_ask(t, FUSE_READ, 1, &in,
					sizeof(in)).error, -EBADF);
		assert_int_equal(fs_ask(t, FUSE_READDIR, 1, &in,
					sizeof(in)).error, -EBADF);
	}
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, fs_case_split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, fs_case_packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(DF02_forgetting_has_no_answer_and_never_too_much),
		BOTH(DF02_a_batch_is_as_long_as_it_is_and_not_as_it_says),
		BOTH(DF02_a_batch_has_a_limit),
		BOTH(DF06_lookups_and_forgetting_at_once_agree),
		BOTH(DF03_the_urgent_queue_and_interrupts_do_no_harm),
		BOTH(DF02_numbers_that_were_never_given_out_are_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
