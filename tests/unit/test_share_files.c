// SPDX-License-Identifier: BSD-3-Clause
/* The file server's open files and folders, and extended attributes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "share_bench.h"

#include "base/num.h"

#define NAMES 1000

/* ---- contents ---- */

static void what_is_written_is_read(void **state)
{
	struct share_bench *t = *state;
	char a[3], b[4];
	struct iovec iov[] = { { a, 3 }, { b, 4 } };
	uint64_t handle, node;

	node = guest_make(t, SHARE_ROOT, "f", &handle);
	assert_int_equal(guest_write(t, handle, "hello world", 0), 11);
	assert_int_equal(share_read(t->s, handle, iov, 2, 2), 7);
	assert_memory_equal(a, "llo", 3);
	assert_memory_equal(b, " wor", 4);
	assert_int_equal(share_read(t->s, handle, iov, 2, 8), 3);
	assert_int_equal(share_read(t->s, handle, iov, 2, 100), 0);
	assert_int_equal(guest_write(t, handle, "x", 20), 1);
	assert_int_equal(guest_stat(t, node).stx_size, 21);
	assert_int_equal(share_flush(t->s, handle), 0);
	assert_int_equal(share_sync(t->s, handle, false), 0);
	assert_int_equal(share_sync(t->s, handle, true), 0);
	assert_int_equal(share_close(t->s, handle), 0);
	assert_int_equal(share_flush(t->s, handle), -EBADF);
	assert_int_equal(share_sync(t->s, handle, true), -EBADF);
}

static void an_open_file_has_the_access_that_was_asked_for(void **state)
{
	struct share_bench *t = *state;
	uint64_t node, handle;
	char c;

	host_put(t, "f", "text");
	node = guest_find(t, SHARE_ROOT, "f");
	handle = guest_open(t, node, O_RDONLY);
	assert_int_equal(guest_write(t, handle, "x", 0), -EBADF);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, 9), -EBADF);
	handle = guest_open(t, node, O_WRONLY);
	assert_int_equal(guest_read(t, handle, &c, 1, 0), -EBADF);
	handle = guest_open(t, node, O_WRONLY | O_APPEND);
	assert_int_equal(guest_write(t, handle, "!", 0), 1);
	assert_true(host_has(t, "f", "text!"));
	handle = guest_open(t, node, O_RDWR | O_TRUNC);
	assert_true(host_has(t, "f", ""));
	/* What is the guest's own business does not get to the host. */
	handle = guest_open(t, node, O_RDWR | O_DIRECT | O_NONBLOCK |
				     O_DIRECTORY | O_CREAT | O_EXCL);
	assert_int_equal(guest_write(t, handle, "odd", 1), 3);
}

static void a_new_file_may_be_there_already(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t handle;
	char c;

	host_put(t, "f", "x");
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "f",
					guest_how(O_RDWR | O_EXCL, 0600),
					&e, &handle),
			 -EEXIST);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "f",
					guest_how(O_RDWR, 0600),
					&e, &handle), 0);
	assert_int_equal(guest_read(t, handle, &c, 1, 0), 1);
	assert_int_equal(e.attr.stx.stx_size, 1);
	host_mkdir(t, "d");
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "d",
					guest_how(O_RDWR, 0600),
					&e, &handle),
			 -EISDIR);
}

static void D909_offsets_that_cannot_be_are_refused(void **state)
{
	struct share_bench *t = *state;
	uint64_t handle;
	char buf[16];

	guest_make(t, SHARE_ROOT, "f", &handle);
	assert_int_equal(guest_read(t, handle, buf, 16, UINT64_C(1) << 63),
			 -EINVAL);
	assert_int_equal(guest_read(t, handle, buf, 16, UINT64_MAX), -EINVAL);
	assert_int_equal(guest_read(t, handle, buf, 16, INT64_MAX - 4),
			 -EINVAL);
	assert_int_equal(guest_write(t, handle, "hello", UINT64_MAX), -EFBIG);
	assert_true(guest_write(t, handle, "hello", INT64_MAX) < 0);
	assert_true(guest_write(t, handle, "hello", INT64_MAX - 2) < 0);
	assert_int_equal(share_allocate(t->s, handle, 0, UINT64_MAX, 1),
			 -EFBIG);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, UINT64_MAX),
			 -EFBIG);
	assert_true(share_allocate(t->s, handle, 0, INT64_MAX, INT64_MAX) < 0);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, 0), -EINVAL);
	assert_int_equal(share_seek(t->s, handle, -1, SEEK_DATA), -ENXIO);
	assert_int_equal(share_copy(t->s, handle, UINT64_MAX, handle, 0, 1),
			 -EINVAL);
	assert_int_equal(share_copy(t->s, handle, 0, handle, UINT64_MAX, 1),
			 -EINVAL);
	assert_true(host_has(t, "f", ""));
}

static void space_can_be_had_and_given_back(void **state)
{
	struct share_bench *t = *state;
	uint64_t node, handle;

	node = guest_make(t, SHARE_ROOT, "f", &handle);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, 65536), 0);
	assert_int_equal(guest_stat(t, node).stx_size, 65536);
	assert_int_equal(share_allocate(t->s, handle, FALLOC_FL_KEEP_SIZE,
					65536, 65536), 0);
	assert_int_equal(guest_stat(t, node).stx_size, 65536);
	assert_int_equal(guest_write(t, handle, "data", 32768), 4);
	assert_int_equal(share_allocate(t->s, handle, FALLOC_FL_KEEP_SIZE |
					FALLOC_FL_PUNCH_HOLE, 0, 32768), 0);
	assert_int_equal(share_seek(t->s, handle, 0, SEEK_HOLE), 0);
	assert_true(share_seek(t->s, handle, 0, SEEK_DATA) <= 32768);
	assert_int_equal(share_seek(t->s, handle, 0, SEEK_END), -EINVAL);
	assert_int_equal(share_seek(t->s, handle, 0, SEEK_SET), -EINVAL);
	assert_int_equal(share_seek(t->s, 0, 0, SEEK_DATA), -EBADF);
	assert_int_equal(share_allocate(t->s, handle, FALLOC_FL_COLLAPSE_RANGE,
					0, 4096), -EOPNOTSUPP);
	assert_int_equal(share_allocate(t->s, 0, 0, 0, 1), -EBADF);
}

static void contents_are_copied_between_files(void **state)
{
	struct share_bench *t = *state;
	uint64_t a, b;

	guest_make(t, SHARE_ROOT, "a", &a);
	guest_make(t, SHARE_ROOT, "b", &b);
	assert_int_equal(guest_write(t, a, "hello world", 0), 11);
	assert_int_equal(share_copy(t->s, a, 6, b, 0, 100), 5);
	assert_true(host_has(t, "b", "world"));
	assert_int_equal(share_copy(t->s, a, 11, b, 0, UINT64_MAX), 0);
	assert_int_equal(share_copy(t->s, a, 0, a, 4, 8), -EINVAL);
	assert_int_equal(share_copy(t->s, a, 0, 0, 0, 1), -EBADF);
	assert_int_equal(share_copy(t->s, 0, 0, b, 0, 1), -EBADF);
}

static void D913_a_file_that_shrinks_under_a_reader_is_short(void **state)
{
	struct share_bench *t = *state;
	uint64_t node, handle;
	char buf[16];

	host_put(t, "f", "hello world");
	node = guest_find(t, SHARE_ROOT, "f");
	handle = guest_open(t, node, O_RDONLY);
	host_put(t, "f", "he");
	assert_int_equal(guest_read(t, handle, buf, 16, 0), 2);
	assert_int_equal(guest_read(t, handle, buf, 16, 4), 0);
	assert_int_equal(unlinkat(t->fd, "f", 0), 0);
	assert_int_equal(guest_read(t, handle, buf, 16, 0), 2);
}

static void a_size_is_set_through_an_open_file_too(void **state)
{
	struct share_bench *t = *state;
	const struct share_change c = { .set = SHARE_SET_SIZE, .size = 2 };
	struct share_attr a;
	uint64_t node, handle, other;

	node = guest_make(t, SHARE_ROOT, "f", &handle);
	assert_int_equal(guest_write(t, handle, "hello", 0), 5);
	assert_int_equal(share_setattr(t->s, node, handle, &c, &a), 0);
	assert_int_equal(a.stx.stx_size, 2);
	handle = guest_open(t, node, O_RDONLY);
	assert_int_equal(share_setattr(t->s, node, handle, &c, &a), -EINVAL);
	/* Another's is none of this file's. */
	guest_make(t, SHARE_ROOT, "other", &other);
	assert_int_equal(guest_write(t, other, "other", 0), 5);
	assert_int_equal(share_setattr(t->s, node, other, &c, &a), -EBADF);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &handle), 0);
	assert_int_equal(share_setattr(t->s, node, handle, &c, &a), -EBADF);
	assert_int_equal(share_setattr(t->s, node, 12345, &c, &a), -EBADF);
	assert_true(host_has(t, "other", "other"));
}

/* ---- folders ---- */

static void fill(struct share_bench *t)
{
	char name[32];

	host_mkdir(t, "d");
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "d/name-%d", i);
		host_put(t, name, "");
	}
}

static void a_long_folder_is_read_from_any_place(void **state)
{
	struct share_bench *t = *state;
	static uint64_t at[NAMES + 3];
	static char name[NAMES + 3][32];
	struct share_dirent d = { .next = 0 };
	uint64_t handle;
	unsigned int n = 0;

	fill(t);
	assert_int_equal(share_open_folder(t->s, guest_find(t, SHARE_ROOT, "d"),
					   &handle), 0);
	while (share_read_folder(t->s, handle, at[n], &d) > 0) {
		assert_true(n < NAMES + 2);
		snprintf(name[n], sizeof(name[n]), "%s", d.name);
		assert_true(d.type == DT_DIR || d.type == DT_REG);
		at[++n] = d.next;
	}
	assert_int_equal(n, NAMES + 2);
	for (unsigned int i = n; i-- > 0;) {
		assert_int_equal(share_read_folder(t->s, handle, at[i], &d), 1);
		assert_string_equal(d.name, name[i]);
		assert_int_equal(d.next, at[i + 1]);
		/* The same again: it did not fit. */
		assert_int_equal(share_read_folder(t->s, handle, at[i], &d), 1);
		assert_string_equal(d.name, name[i]);
	}
	assert_int_equal(share_read_folder(t->s, handle, at[n], &d), 0);
	assert_int_equal(share_sync(t->s, handle, false), 0);
}

static void a_folder_read_from_its_beginning_again_is_read_anew(void **state)
{
	struct share_bench *t = *state;
	struct share_dirent d;
	uint64_t handle;
	int n = 0;

	host_put(t, "old", "");
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &handle), 0);
	assert_int_equal(share_read_folder(t->s, handle, 0, &d), 1);
	host_put(t, "new", "");
	for (d.next = 0; share_read_folder(t->s, handle, d.next, &d) > 0;)
		n++;
	assert_int_equal(n, 4);
}

static void folders_and_files_are_no_handles_of_each_other(void **state)
{
	struct share_bench *t = *state;
	struct share_dirent d;
	struct share_entry e;
	uint64_t folder, file;
	char c;

	guest_make(t, SHARE_ROOT, "f", &file);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &folder), 0);
	assert_int_equal(guest_read(t, folder, &c, 1, 0), -EBADF);
	assert_int_equal(guest_write(t, folder, "x", 0), -EBADF);
	assert_int_equal(share_flush(t->s, folder), -EBADF);
	assert_int_equal(share_seek(t->s, folder, 0, SEEK_DATA), -EBADF);
	assert_int_equal(share_read_folder(t->s, file, 0, &d), -EBADF);
	assert_int_equal(share_lookup_in(t->s, file, "f", &e), -EBADF);
	assert_int_equal(share_lookup_in(t->s, folder, "f", &e), 0);
	assert_int_equal(share_lookup_in(t->s, folder, "..", &e), -EINVAL);
	assert_int_equal(share_open(t->s, SHARE_ROOT, O_RDONLY, &file),
			 -EISDIR);
}

static void D910_offsets_that_were_never_told_do_no_harm(void **state)
{
	struct share_bench *t = *state;
	struct share_dirent d;
	uint64_t handle;

	fill(t);
	assert_int_equal(share_open_folder(t->s, guest_find(t, SHARE_ROOT, "d"),
					   &handle), 0);
	assert_int_equal(share_read_folder(t->s, handle, UINT64_MAX, &d),
			 -EINVAL);
	assert_int_equal(share_read_folder(t->s, handle, UINT64_C(1) << 63, &d),
			 -EINVAL);
	for (unsigned int shift = 0; shift < 63; shift++) {
		uint64_t at = (UINT64_C(1) << shift) + 12345;
		int steps = 0;

		while (share_read_folder(t->s, handle, at, &d) > 0) {
			assert_true(strlen(d.name) <= SHARE_NAME_MAX);
			assert_true(steps++ < 2 * NAMES);
			at = d.next;
		}
	}
	assert_int_equal(share_read_folder(t->s, handle, 0, &d), 1);
}

/* ---- extended attributes ---- */

static void attributes_of_users_can_be_had(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	char buf[64];
	uint64_t f;

	host_put(t, "f", "x");
	f = guest_find(t, SHARE_ROOT, "f");
	if (share_setxattr(t->s, f, "user.one", "1", 1, 0) == -EOPNOTSUPP)
		skip();
	assert_int_equal(share_setxattr(t->s, f, "user.two", "", 0, 0), 0);
	assert_int_equal(share_setxattr(t->s, f, "user.one", "11", 2,
					XATTR_CREATE), -EEXIST);
	assert_int_equal(share_getxattr(t->s, f, "user.one", buf, 64), 1);
	assert_int_equal(buf[0], '1');
	assert_int_equal(share_getxattr(t->s, f, "user.one", NULL, 0), 1);
	assert_int_equal(share_listxattr(t->s, f, NULL, 0), 18);
	assert_int_equal(share_listxattr(t->s, f, buf, 17), -ERANGE);
	assert_int_equal(share_listxattr(t->s, f, buf, 64), 18);
	assert_int_equal(share_removexattr(t->s, f, "user.one"), 0);
	assert_int_equal(share_getxattr(t->s, f, "user.one", buf, 64),
			 -ENODATA);
	assert_int_equal(share_listxattr(t->s, f, buf, 64), 9);
	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "f",
				       &share_bench_user, &e), 0);
	assert_int_equal(share_getxattr(t->s, e.node, "user.one", buf, 64),
			 -EOPNOTSUPP);
	assert_int_equal(share_listxattr(t->s, e.node, buf, 64), -EOPNOTSUPP);
	assert_int_equal(share_listxattr(t->s, 99, buf, 64), -ESTALE);
}

static void attributes_of_others_do_not_exist(void **state)
{
	static const char *const others[] = {
		"security.capability", "system.posix_acl_access",
		"trusted.x", "user", "userx", "", "USER.a", "security.selinux",
	};
	struct share_bench *t = *state;
	char name[300], buf[64];
	uint64_t f;

	host_put(t, "f", "x");
	f = guest_find(t, SHARE_ROOT, "f");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		const char *n = others[i];

		assert_int_equal(share_getxattr(t->s, f, n, buf, 64),
				 -EOPNOTSUPP);
		assert_int_equal(share_setxattr(t->s, f, n, "x", 1, 0),
				 -EOPNOTSUPP);
		assert_int_equal(share_removexattr(t->s, f, n), -EOPNOTSUPP);
	}
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	assert_int_equal(share_getxattr(t->s, f, name, buf, 64), -ERANGE);
	assert_int_equal(share_setxattr(t->s, f, "user.x", name, 65537, 0),
			 -E2BIG);
	if (fsetxattr(t->fd, "trusted.x", "1", 1, 0) < 0)
		skip();
	assert_int_equal(share_listxattr(t->s, SHARE_ROOT, buf, 64), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(an_open_file_has_the_access_that_was_asked_for),
		TEST(a_new_file_may_be_there_already),
		TEST(D909_offsets_that_cannot_be_are_refused),
		TEST(space_can_be_had_and_given_back),
		TEST(contents_are_copied_between_files),
		TEST(D913_a_file_that_shrinks_under_a_reader_is_short),
		TEST(a_size_is_set_through_an_open_file_too),
		TEST(a_long_folder_is_read_from_any_place),
		TEST(a_folder_read_from_its_beginning_again_is_read_anew),
		TEST(folders_and_files_are_no_handles_of_each_other),
		TEST(D910_offsets_that_were_never_told_do_no_harm),
		TEST(attributes_of_users_can_be_had),
		TEST(attributes_of_others_do_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
