// SPDX-License-Identifier: BSD-3-Clause
/* What a file server does not show, and what it does not let change. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

static void what_is_read_only_cannot_be_changed(void **state)
{
	struct share_bench *t = *state;
	const struct share_config cfg = { .read_only = true };
	const struct share_change c = { .set = SHARE_SET_MODE, .mode = 0600 };
	struct share_entry e;
	struct share_attr attr;
	uint64_t a, handle;
	char buf[4];

	host_put(t, "a", "x");
	share_bench_open(t, &cfg);
	assert_true(share_read_only(t->s));
	a = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(try_mkdir(t, "d"), -EROFS);
	assert_int_equal(share_link(t->s, a, SHARE_ROOT, "b", &e), -EROFS);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "a", false), -EROFS);
	assert_int_equal(try_rename(t, "a", "b", 0), -EROFS);
	assert_int_equal(share_setattr(t->s, a, 0, &c, &attr), -EROFS);
	assert_int_equal(share_open(t->s, a, O_RDWR, &handle), -EROFS);
	assert_int_equal(share_open(t->s, a, O_RDONLY | O_TRUNC, &handle),
			 -EROFS);
	assert_int_equal(share_setxattr(t->s, a, "user.x", "1", 1, 0), -EROFS);
	assert_int_equal(share_removexattr(t->s, a, "user.x"), -EROFS);
	handle = guest_open(t, a, O_RDONLY);
	assert_int_equal(guest_write(t, handle, "y", 0), -EBADF);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, 100), -EBADF);
	assert_int_equal(share_copy(t->s, handle, 0, handle, 4, 1), -EBADF);
	assert_int_equal(guest_read(t, handle, buf, 4, 0), 1);
	assert_true(host_has(t, "a", "x"));
}

static void hidden_names_do_not_exist(void **state)
{
	static const char *const names[] = { "h", "d/deep", "l/via", "no/x" };
	struct share_bench *t = *state;
	const struct share_config cfg = { .hidden = names, .hidden_count = 4 };
	struct share_entry e;
	uint64_t d, handle;

	host_put(t, "h", "hidden");
	host_mkdir(t, "d");
	host_put(t, "d/deep", "hidden");
	host_put(t, "d/via", "hidden");
	host_put(t, "d/h", "seen");
	assert_int_equal(symlinkat("d", t->fd, "l"), 0);
	share_bench_open(t, &cfg);
	d = guest_find(t, SHARE_ROOT, "d");
	assert_int_equal(guest_look(t, SHARE_ROOT, "h"), -ENOENT);
	assert_int_equal(guest_look(t, d, "deep"), -ENOENT);
	assert_int_equal(guest_look(t, d, "via"), -ENOENT);
	assert_int_equal(guest_look(t, d, "h"), 0);
	assert_int_equal(guest_count(t, SHARE_ROOT), 2);
	assert_int_equal(guest_count(t, d), 1);
	assert_int_equal(try_mkdir(t, "h"), -EACCES);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "h",
					guest_how(O_RDWR, 0600),
					&e, &handle), -EACCES);
	assert_int_equal(share_remove(t->s, d, "deep", false), -EACCES);
	assert_int_equal(share_rename(t->s, d, "h", d, "deep", 0), -EACCES);
	assert_int_equal(share_rename(t->s, d, "deep", d, "x", 0), -EACCES);
	assert_int_equal(share_link(t->s, guest_find(t, d, "h"), d, "via", &e),
			 -EACCES);
	/* Its folder may get another name. */
	assert_int_equal(try_rename(t, "d", "moved", 0), 0);
	assert_int_equal(guest_look(t, d, "deep"), -ENOENT);
	assert_int_equal(share_open_folder(t->s, d, &handle), 0);
	assert_int_equal(share_lookup_in(t->s, handle, "deep", &e), -ENOENT);
	assert_true(host_has(t, "moved/deep", "hidden"));
}

/* A second name stands for a folder that does not tell "SECRET" from
 * "secret". */
static void hidden_files_have_no_other_name_in_their_folder(void **state)
{
	static const char *const names[] = { "secret", "absent" };
	struct share_bench *t = *state;
	const struct share_config cfg = { .hidden = names, .hidden_count = 2 };
	struct share_entry e;
	uint64_t handle;

	host_put(t, "secret", "hidden");
	host_put(t, "f", "seen");
	assert_int_equal(linkat(t->fd, "secret", t->fd, "SECRET", 0), 0);
	share_bench_open(t, &cfg);
	assert_int_equal(guest_look(t, SHARE_ROOT, "SECRET"), -ENOENT);
	assert_false(guest_lists(t, SHARE_ROOT, "SECRET"));
	assert_true(guest_lists(t, SHARE_ROOT, "f"));
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "SECRET", false),
			 -EACCES);
	assert_int_equal(try_rename(t, "f", "SECRET", 0), -EACCES);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "SECRET",
					guest_how(O_RDWR, 0600),
					&e, &handle), -EACCES);
	/* What is put there later is hidden as well. */
	host_put(t, "absent", "");
	assert_int_equal(guest_look(t, SHARE_ROOT, "absent"), -ENOENT);
}

static void what_cannot_be_hidden_is_an_error(void **state)
{
	static const char *const names[] = { "d/loop/x" };
	struct share_bench *t = *state;
	struct share_config cfg = { .path = t->dir, .hidden = names,
				    .hidden_count = 1 };
	struct share *s;

	assert_int_equal(mkdirat(t->fd, "../d", 0755), 0);
	assert_int_equal(symlinkat("loop", t->fd, "../d/loop"), 0);
	assert_int_equal(share_create(&s, &cfg, &t->err), -ELOOP);
	assert_null(s);
	assert_non_null(strstr(t->err.text, "d/loop/x"));
	assert_int_equal(unlinkat(t->fd, "../d/loop", 0), 0);
	assert_int_equal(share_create(&s, &cfg, &t->err), 0);
	share_destroy(s);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_read_only_cannot_be_changed),
		TEST(hidden_names_do_not_exist),
		TEST(hidden_files_have_no_other_name_in_their_folder),
		TEST(what_cannot_be_hidden_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
