// SPDX-License-Identifier: BSD-3-Clause
/* The file system device above a throwaway layer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/fs.h"
#include "devices/virtio/fs_args.h"
#include "devices/virtio/fs_wire.h"
#include "fs_case.h"

static const struct fs_config usual = {
	.tag = "data", .cache = FS_CACHE_ALWAYS, .writeback = true,
	.host_locks = true,
};

static void begin(struct fs_case *t)
{
	host_put(t->host, "f", "host");
	fs_case_layer(t, &usual);
	fs_case_init(t, UINT32_MAX);
}

static void what_the_guest_need_not_ask_is_agreed_on(void **state)
{
	struct fs_case *t = *state;
	uint32_t flags;

	fs_case_layer(t, &usual);
	flags = fs_case_init(t, UINT32_MAX);
	assert_true(flags & FUSE_F_KILL_PRIVILEGE);
	assert_true(flags & FUSE_F_WRITEBACK_CACHE);
	/* There is no host to share locks with. */
	assert_false(flags & (FUSE_F_POSIX_LOCKS | FUSE_F_FLOCK_LOCKS));
	fs_case_replace(t, &(struct share_config){ 0 }, &usual);
	flags = fs_case_init(t, UINT32_MAX);
	assert_false(flags & FUSE_F_KILL_PRIVILEGE);
}

static void nothing_waits_to_be_written(void **state)
{
	struct fuse_handle_in in = { 0 };
	struct fs_case *t = *state;

	begin(t);
	in.fh = le64_put(fs_opened(t, FUSE_OPEN, fs_find(t, SHARE_ROOT, "f"),
				   O_RDWR));
	assert_int_equal(fs_ask(t, FUSE_FSYNC, 1, &in, sizeof(in)).error,
			 -ENOSYS);
	assert_int_equal(fs_ask(t, FUSE_FLUSH, 1, &in, sizeof(in)).error,
			 -ENOSYS);
	assert_int_equal(fs_ask(t, FUSE_SYNCFS, 1, &in, 8).error, 0);
}

static void set_id_bits_go_when_the_driver_says_so(void **state)
{
	struct fuse_setattr_in in = {
		.valid = le32_put(SHARE_SET_MODE), .mode = le32_put(06755),
	};
	struct fs_case *t = *state;
	struct fs_answer a;
	uint64_t node;

	begin(t);
	node = fs_find(t, SHARE_ROOT, "f");
	a = fs_ask(t, FUSE_SETATTR, node, &in, sizeof(in));
	assert_int_equal(a.error, 0);
	assert_int_equal(le32_at(a.data + 16 + 60) & 07777, 06755);
	in.valid = le32_put(FUSE_SET_DROP);
	a = fs_ask(t, FUSE_SETATTR, node, &in, sizeof(in));
	assert_int_equal(a.error, 0);
	assert_int_equal(le32_at(a.data + 16 + 60) & 07777, 0755);
}

static void what_is_written_is_read_and_not_the_hosts(void **state)
{
	struct fs_case *t = *state;
	struct fuse_read_in in;
	struct fs_answer a;
	uint64_t fh;

	begin(t);
	fh = fs_opened(t, FUSE_OPEN, fs_find(t, SHARE_ROOT, "f"), O_RDWR);
	in = fs_extent(fh, 4, 6);
	a = fs_send(t, &(struct fs_req){
		.opcode = FUSE_WRITE, .node = 1, .arg = &in,
		.arg_len = sizeof(in), .text = " guest", .text_len = 6 });
	assert_int_equal(a.error, 0);
	in = fs_extent(fh, 0, 100);
	a = fs_ask(t, FUSE_READ, 1, &in, sizeof(in));
	assert_int_equal(a.size, 10);
	assert_memory_equal(a.data, "host guest", 10);
	assert_true(host_has(t->host, "f", "host"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_the_guest_need_not_ask_is_agreed_on,
			fs_case_split, fs_case_end),
		cmocka_unit_test_setup_teardown(nothing_waits_to_be_written,
						fs_case_split, fs_case_end),
		cmocka_unit_test_setup_teardown(
			set_id_bits_go_when_the_driver_says_so, fs_case_packed,
			fs_case_end),
		cmocka_unit_test_setup_teardown(
			what_is_written_is_read_and_not_the_hosts,
			fs_case_packed, fs_case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
