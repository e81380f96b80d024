// SPDX-License-Identifier: BSD-3-Clause
/* The file server's names: made, moved, removed, hidden, and those that are
 * none. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

#include "base/num.h"

static const struct share_user somebody = { 1234, 77 };

static void what_is_made_has_the_mode_that_was_asked_for(void **state)
{
	struct share_bench *t = *state;
	mode_t before = umask(0077);
	struct share_entry e;
	uint64_t handle;

	assert_int_equal(share_mkdir(t->s, SHARE_ROOT, "d", 01775, &somebody,
				     &e), 0);
	assert_int_equal(e.attr.stx.stx_mode, S_IFDIR | 01775);
	assert_int_equal(host_mode(t, "d"), S_IFDIR | 01775);
	assert_int_equal(share_mknod(t->s, SHARE_ROOT, "f", S_IFREG | 0664,
				     &somebody, &e), 0);
	assert_int_equal(host_mode(t, "f"), S_IFREG | 0664);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "g",
					guest_how(O_RDWR, 0622),
					&e, &handle), 0);
	assert_int_equal(host_mode(t, "g"), S_IFREG | 0622);
	umask(before);
}

static void what_is_made_belongs_to_who_asks(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	if (geteuid() != 0)
		skip();
	assert_int_equal(share_mkdir(t->s, SHARE_ROOT, "d", 0755, &somebody,
				     &e), 0);
	assert_int_equal(e.attr.stx.stx_uid, 1234);
	assert_int_equal(e.attr.stx.stx_gid, 77);
	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "d", &somebody,
				       &e), 0);
	assert_int_equal(e.attr.stx.stx_uid, 1234);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "f",
					guest_how(O_RDWR, 0600),
					&e, &handle), 0);
	assert_int_equal(e.attr.stx.stx_gid, 77);
}

static void the_group_of_a_set_group_id_folder_is_passed_on(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t d;

	if (geteuid() != 0)
		skip();
	host_mkdir(t, "d");
	assert_int_equal(fchownat(t->fd, "d", 0, 99, 0), 0);
	assert_int_equal(fchmodat(t->fd, "d", 02777, 0), 0);
	d = guest_find(t, SHARE_ROOT, "d");
	assert_int_equal(share_mkdir(t->s, d, "e", 0700, &somebody, &e), 0);
	assert_int_equal(e.attr.stx.stx_uid, 1234);
	assert_int_equal(e.attr.stx.stx_gid, 99);
	assert_int_equal(e.attr.stx.stx_mode, S_IFDIR | 02700);
	assert_int_equal(share_mknod(t->s, d, "f", S_IFREG | 0600, &somebody,
				     &e), 0);
	assert_int_equal(e.attr.stx.stx_gid, 99);
}

/* As git makes its objects. */
static void a_maker_may_write_what_the_mode_forbids(void **state)
{
	struct share_bench *t = *state;
	uid_t me = geteuid();
	struct share_entry e;
	uint64_t handle;
	int r;

	assert_int_equal(fchmod(t->fd, 0777), 0);
	assert_int_equal(seteuid(me ? me : 1234), 0);
	share_bench_open(t, &(struct share_config){ 0 });
	r = share_open_new(t->s, SHARE_ROOT, "f",
			   guest_how(O_RDWR | O_EXCL, 0444), &e, &handle);
	assert_int_equal(seteuid(me), 0);
	assert_int_equal(r, 0);
	assert_int_equal(e.attr.stx.stx_mode, S_IFREG | 0444);
	assert_int_equal(guest_write(t, handle, "text", 0), 4);
	assert_true(host_has(t, "f", "text"));
}

static void D907_what_is_made_never_has_set_id_bits(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	assert_int_equal(share_mknod(t->s, SHARE_ROOT, "a", S_IFREG | 07755,
				     &somebody, &e), 0);
	assert_int_equal(host_mode(t, "a") & 06000, 0);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "b",
					guest_how(O_RDWR, 06755),
					&e, &handle), 0);
	assert_int_equal(host_mode(t, "b") & 06000, 0);
}

static void D907_devices_and_fifos_cannot_be_made(void **state)
{
	static const uint32_t kind[] = { S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK,
					 S_IFDIR, S_IFLNK, 0 };
	struct share_bench *t = *state;
	struct share_entry e;

	for (size_t i = 0; i < ARRAY_SIZE(kind); i++) {
		assert_int_equal(share_mknod(t->s, SHARE_ROOT, "n",
					     kind[i] | 0666, &somebody, &e),
				 -EPERM);
		assert_int_equal(host_mode(t, "n"), -1);
	}
}

static void a_symlink_is_text_and_not_followed(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t handle;
	char buf[64];
	int n;

	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "/etc/passwd",
				       &somebody, &e), 0);
	assert_true(S_ISLNK(e.attr.stx.stx_mode));
	n = share_readlink(t->s, e.node, buf, sizeof(buf));
	assert_int_equal(n, 11);
	assert_memory_equal(buf, "/etc/passwd", 11);
	assert_int_equal(share_readlink(t->s, e.node, buf, 4), 4);
	assert_int_equal(share_readlink(t->s, SHARE_ROOT, buf, 4), -EINVAL);
	assert_int_equal(share_open(t->s, e.node, O_RDONLY, &handle), -ELOOP);
	assert_int_equal(share_open_folder(t->s, e.node, &handle), -ENOTDIR);
	assert_int_equal(guest_look(t, e.node, "x"), -ENOTDIR);
	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "x", &somebody,
				       &e), -EEXIST);
}

static void D912_links_are_of_files_and_symlinks(void **state)
{
	struct share_bench *t = *state;
	uint64_t a, l, d, handle;
	struct share_entry e;

	host_put(t, "a", "x");
	host_mkdir(t, "d");
	assert_int_equal(symlinkat("../outside/secret", t->fd, "l"), 0);
	a = guest_find(t, SHARE_ROOT, "a");
	l = guest_find(t, SHARE_ROOT, "l");
	d = guest_find(t, SHARE_ROOT, "d");
	assert_int_equal(share_link(t->s, a, d, "b", &e), 0);
	assert_int_equal(e.node, a);
	assert_int_equal(e.attr.stx.stx_nlink, 2);
	assert_int_equal(share_link(t->s, l, d, "m", &e), 0);
	assert_int_equal(e.node, l);
	assert_true(S_ISLNK(host_mode(t, "d/m")));
	assert_int_equal(share_link(t->s, d, SHARE_ROOT, "e", &e), -EPERM);
	assert_int_equal(share_link(t->s, 999, d, "e", &e), -ESTALE);
	assert_int_equal(share_link(t->s, a, 999, "e", &e), -ESTALE);
	assert_int_equal(share_link(t->s, a, d, "b", &e), -EEXIST);
	/* A file without a name gets none again. */
	a = guest_make(t, SHARE_ROOT, "c", &handle);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "c", false), 0);
	assert_int_equal(share_link(t->s, a, d, "c", &e), -ENOENT);
}

static void removed_files_and_folders_are_usable_while_they_are_known(void **s)
{
	struct share_bench *t = *s;
	uint64_t a, b, d, handle;
	struct share_attr attr;
	char buf[8];

	a = guest_make(t, SHARE_ROOT, "a", &handle);
	host_put(t, "b", "text");
	b = guest_find(t, SHARE_ROOT, "b");
	d = guest_mkdir(t, SHARE_ROOT, "d");
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "a", true), -ENOTDIR);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "d", false), -EISDIR);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "a", false), 0);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "b", false), 0);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "d", true), 0);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "d", true), -ENOENT);
	assert_int_equal(guest_write(t, handle, "hello", 0), 5);
	assert_int_equal(guest_stat(t, a).stx_size, 5);
	assert_int_equal(guest_stat(t, a).stx_nlink, 0);
	handle = guest_open(t, b, O_RDONLY);
	assert_int_equal(guest_read(t, handle, buf, 8, 0), 4);
	assert_int_equal(share_close(t->s, handle), 0);
	assert_int_equal(guest_look(t, d, "x"), -ENOENT);
	assert_int_equal(share_mkdir(t->s, d, "x", 0700, &somebody,
				     &(struct share_entry){ 0 }), -ENOENT);
	share_forget(t->s, b, 1);
	assert_int_equal(share_getattr(t->s, b, &attr), -ESTALE);
}

/* There is room for 16 here. */
static void only_what_has_no_name_is_kept(void **state)
{
	struct share_bench *t = *state;
	uint64_t d, f, n;
	struct share_entry e;
	char name[16];

	share_bench_open_small(t);
	d = guest_mkdir(t, SHARE_ROOT, "d");
	host_put(t, "f", "usable");
	f = guest_find(t, SHARE_ROOT, "f");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		n = guest_mkdir(t, d, name);
		snprintf(name, sizeof(name), "d/d%d/x", i);
		host_put(t, name, "");
		assert_int_equal(share_remove(t->s, d, name + 2, true),
				 -EINVAL);
		name[strlen(name) - 2] = '\0';
		assert_int_equal(share_remove(t->s, d, name + 2, true),
				 -ENOTEMPTY);
		assert_int_equal(share_rename(t->s, SHARE_ROOT, "f", d,
					      name + 2, 0), -EISDIR);
		snprintf(name, sizeof(name), "l%d", i);
		host_put(t, "first", "");
		n = guest_find(t, SHARE_ROOT, "first");
		assert_int_equal(share_link(t->s, n, SHARE_ROOT, name, &e), 0);
		assert_int_equal(share_remove(t->s, SHARE_ROOT, "first", false),
				 0);
		assert_int_equal(guest_find(t, SHARE_ROOT, name), n);
	}
	assert_int_equal(share_remove(t->s, SHARE_ROOT, "f", false), 0);
	guest_crowd(t);
	assert_int_equal(guest_stat(t, f).stx_size, 6);
}

static void a_rename_takes_what_is_known_along(void **state)
{
	struct share_bench *t = *state;
	uint64_t d, e, file, there;

	share_bench_open_small(t);
	d = guest_mkdir(t, SHARE_ROOT, "d");
	e = guest_mkdir(t, SHARE_ROOT, "e");
	host_put(t, "d/a", "moved");
	host_put(t, "e/b", "replaced");
	file = guest_find(t, d, "a");
	there = guest_find(t, e, "b");
	assert_int_equal(share_rename(t->s, d, "a", e, "b", 0), 0);
	guest_crowd(t);
	assert_int_equal(guest_stat(t, file).stx_size, 5);
	assert_int_equal(guest_stat(t, there).stx_size, 8);
	assert_int_equal(guest_stat(t, there).stx_nlink, 0);
	assert_int_equal(guest_find(t, e, "b"), file);
	assert_int_equal(try_rename(t, "e", "f", 0), 0);
	share_forget(t->s, e, 1);
	assert_int_equal(guest_stat(t, file).stx_size, 5);
	assert_true(host_has(t, "f/b", "moved"));
}

static void D912_renames_that_make_no_sense_fail(void **state)
{
	struct share_bench *t = *state;
	uint64_t d;

	d = guest_mkdir(t, SHARE_ROOT, "d");
	host_put(t, "a", "a");
	host_put(t, "b", "b");
	assert_int_equal(share_rename(t->s, SHARE_ROOT, "d", d, "e", 0),
			 -EINVAL);
	assert_int_equal(try_rename(t, "a", "d", 0), -EISDIR);
	assert_int_equal(try_rename(t, "d", "a", 0), -ENOTDIR);
	assert_int_equal(try_rename(t, "c", "a", 0), -ENOENT);
	assert_int_equal(try_rename(t, "a", "a", 0), 0);
	assert_int_equal(try_rename(t, "a", "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(try_rename(t, "a", "c", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(try_rename(t, "a", "b", RENAME_WHITEOUT), -EINVAL);
	assert_int_equal(try_rename(t, "a", "b", 8), -EINVAL);
	assert_int_equal(share_rename(t->s, SHARE_ROOT, "a", 999, "b", 0),
			 -ESTALE);
	assert_int_equal(share_rename(t->s, 999, "a", SHARE_ROOT, "b", 0),
			 -ESTALE);
	assert_true(host_has(t, "a", "a"));
	assert_true(host_has(t, "b", "b"));
	assert_int_equal(try_rename(t, "a", "c", RENAME_NOREPLACE), 0);
	assert_true(host_has(t, "c", "a"));
}

static void an_exchange_swaps_both_places(void **state)
{
	struct share_bench *t = *state;
	uint64_t a, d, inner;

	share_bench_open_small(t);
	d = guest_mkdir(t, SHARE_ROOT, "d");
	host_put(t, "a", "file");
	host_put(t, "d/x", "inner");
	a = guest_find(t, SHARE_ROOT, "a");
	inner = guest_find(t, d, "x");
	assert_int_equal(try_rename(t, "a", "d", RENAME_EXCHANGE), 0);
	guest_crowd(t);
	assert_int_equal(guest_stat(t, a).stx_size, 4);
	assert_int_equal(guest_stat(t, inner).stx_size, 5);
	assert_true(host_has(t, "d", "file"));
	assert_true(host_has(t, "a/x", "inner"));
	assert_int_equal(guest_find(t, SHARE_ROOT, "a"), d);
	assert_int_equal(guest_find(t, SHARE_ROOT, "d"), a);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_made_has_the_mode_that_was_asked_for),
		TEST(what_is_made_belongs_to_who_asks),
		TEST(the_group_of_a_set_group_id_folder_is_passed_on),
		TEST(a_maker_may_write_what_the_mode_forbids),
		TEST(D907_what_is_made_never_has_set_id_bits),
		TEST(D907_devices_and_fifos_cannot_be_made),
		TEST(a_symlink_is_text_and_not_followed),
		TEST(D912_links_are_of_files_and_symlinks),
		TEST(removed_files_and_folders_are_usable_while_they_are_known),
		TEST(only_what_has_no_name_is_kept),
		TEST(a_rename_takes_what_is_known_along),
		TEST(D912_renames_that_make_no_sense_fail),
		TEST(an_exchange_swaps_both_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
