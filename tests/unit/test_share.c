// SPDX-License-Identifier: BSD-3-Clause
/* The file server's nodes: what the guest knows, how it forgets, what is said
 * of a file, and what the host does to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"


static void a_path_that_is_no_folder_is_refused_by_name(void **state)
{
	struct share_bench *t = *state;
	struct share_config cfg = { .path = "/var/tmp/there/is/nothing" };
	struct share *s;

	assert_int_equal(share_create(&s, &cfg, &t->err), -ENOENT);
	assert_null(s);
	assert_non_null(strstr(t->err.text, cfg.path));
	cfg.path = "/proc/self/status";
	assert_int_equal(share_create(&s, &cfg, &t->err), -ENOTDIR);
	assert_non_null(strstr(t->err.text, cfg.path));
	share_destroy(NULL);
}

static void a_lookup_names_the_same_file_by_the_same_number(void **state)
{
	struct share_bench *t = *state;
	uint64_t a, b;

	host_put(t, "a", "1");
	host_put(t, "b", "2");
	a = guest_find(t, SHARE_ROOT, "a");
	b = guest_find(t, SHARE_ROOT, "b");
	assert_int_not_equal(a, b);
	assert_int_not_equal(a, SHARE_ROOT);
	assert_int_equal(guest_find(t, SHARE_ROOT, "a"), a);
	assert_int_equal(guest_stat(t, a).stx_size, 1);
	assert_int_equal(guest_look(t, SHARE_ROOT, "c"), -ENOENT);
	assert_int_equal(guest_look(t, a, "c"), -ENOTDIR);
}

static void a_hard_link_is_the_same_node(void **state)
{
	struct share_bench *t = *state;
	uint64_t a;

	host_put(t, "a", "1");
	assert_int_equal(linkat(t->fd, "a", t->fd, "b", 0), 0);
	a = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(guest_find(t, SHARE_ROOT, "b"), a);
	assert_int_equal(guest_stat(t, a).stx_nlink, 2);
}

static void DF02_a_node_lives_as_long_as_its_references(void **state)
{
	struct share_bench *t = *state;
	struct share_attr a;
	uint64_t node;

	host_put(t, "a", "1");
	node = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(guest_find(t, SHARE_ROOT, "a"), node);
	share_forget(t->s, node, 1);
	assert_int_equal(share_getattr(t->s, node, &a), 0);
	share_forget(t->s, node, 1);
	assert_int_equal(share_getattr(t->s, node, &a), -ESTALE);
	share_forget(t->s, node, 1);
	/* The place of the old one, and another number. */
	assert_int_not_equal(guest_find(t, SHARE_ROOT, "a"), node);
	assert_int_equal(share_getattr(t->s, node, &a), -ESTALE);
}

static void DF02_forgetting_more_than_there_is_forgets_all(void **state)
{
	struct share_bench *t = *state;
	struct share_attr a;
	uint64_t node;

	host_put(t, "a", "1");
	node = guest_find(t, SHARE_ROOT, "a");
	share_forget(t->s, node, UINT64_MAX);
	assert_int_equal(share_getattr(t->s, node, &a), -ESTALE);
	share_forget(t->s, SHARE_ROOT, UINT64_MAX);
	share_forget(t->s, 0, 1);
	share_forget(t->s, UINT64_MAX, 1);
	share_forget(t->s, UINT64_C(1) << 32, 1);
	share_forget(t->s, 12345, 1);
	assert_int_equal(share_getattr(t->s, SHARE_ROOT, &a), 0);
	assert_true(S_ISDIR(a.stx.stx_mode));
}

static void a_folder_stays_while_something_in_it_is_known(void **state)
{
	struct share_bench *t = *state;
	uint64_t folder, file;

	host_mkdir(t, "d");
	host_put(t, "d/a", "1");
	folder = guest_find(t, SHARE_ROOT, "d");
	file = guest_find(t, folder, "a");
	share_forget(t->s, folder, 1);
	assert_int_equal(guest_stat(t, file).stx_size, 1);
	assert_int_equal(guest_find(t, SHARE_ROOT, "d"), folder);
	share_forget(t->s, folder, 1);
	share_forget(t->s, file, 1);
	assert_int_not_equal(guest_find(t, SHARE_ROOT, "d"), folder);
}

static void size_mode_and_times_can_be_set(void **state)
{
	struct share_bench *t = *state;
	struct share_change c = {
		.set = SHARE_SET_SIZE | SHARE_SET_MODE | SHARE_SET_ATIME |
		       SHARE_SET_MTIME,
		.size = 3, .mode = 07741,
		.atime = { 1000, 5 }, .mtime = { 2000, 7 },
	};
	struct share_attr a;
	uint64_t node;

	host_put(t, "a", "hello");
	node = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_size, 3);
	assert_int_equal(a.stx.stx_atime.tv_sec, 1000);
	assert_int_equal(a.stx.stx_mtime.tv_sec, 2000);
	assert_int_equal(a.stx.stx_mtime.tv_nsec, 7);
	c.set = SHARE_SET_MTIME_NOW;
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_atime.tv_sec, 1000);
	assert_true(a.stx.stx_mtime.tv_sec > 1000000000);
	assert_true(host_has(t, "a", "hel"));
}

static void D907_a_mode_never_has_the_set_id_bits(void **state)
{
	struct share_bench *t = *state;
	struct share_change c = { .set = SHARE_SET_MODE, .mode = 07755 };
	struct share_attr a;
	uint64_t node;

	host_put(t, "a", "x");
	host_mkdir(t, "d");
	node = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_mode, S_IFREG | 01755);
	assert_int_equal(host_mode(t, "a"), S_IFREG | 01755);
	node = guest_find(t, SHARE_ROOT, "d");
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_mode, S_IFDIR | 03755);
}

static void an_owner_can_be_set_as_root_only(void **state)
{
	struct share_bench *t = *state;
	struct share_change c = { .set = SHARE_SET_UID, .uid = 1234 };
	struct share_attr a;
	uint64_t node;

	host_put(t, "a", "x");
	node = guest_find(t, SHARE_ROOT, "a");
	if (geteuid() != 0) {
		assert_int_equal(share_setattr(t->s, node, 0, &c, &a), -EPERM);
		skip();
	}
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_uid, 1234);
	assert_int_equal(a.stx.stx_gid, 0);
	c.set = SHARE_SET_GID;
	c.gid = 77;
	assert_int_equal(share_setattr(t->s, node, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_uid, 1234);
	assert_int_equal(a.stx.stx_gid, 77);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	struct share_bench *t = *state;
	struct share_change c = { .set = SHARE_SET_SIZE, .size = UINT64_MAX };
	struct share_attr a;

	host_put(t, "a", "x");
	host_mkdir(t, "d");
	assert_int_equal(symlinkat("a", t->fd, "l"), 0);
	assert_int_equal(share_setattr(t->s, guest_find(t, SHARE_ROOT, "a"), 0,
				       &c, &a), -EFBIG);
	c.size = 0;
	assert_int_equal(share_setattr(t->s, guest_find(t, SHARE_ROOT, "d"), 0,
				       &c, &a), -EISDIR);
	assert_int_equal(share_setattr(t->s, guest_find(t, SHARE_ROOT, "l"), 0,
				       &c, &a), -EINVAL);
	assert_true(host_has(t, "a", "x"));
}

static void a_file_system_tells_its_size(void **state)
{
	struct share_bench *t = *state;
	struct statvfs v;

	assert_int_equal(share_statfs(t->s, SHARE_ROOT, &v), 0);
	assert_true(v.f_blocks > 0);
	assert_int_equal(share_statfs(t->s, 99, &v), -ESTALE);
}

static void another_file_system_in_the_tree_is_told(void **state)
{
	struct share_bench *t = *state;
	struct share_config cfg = { .path = "/dev" };
	struct share_entry e;
	struct share_attr a;
	uint64_t handle;
	struct share *s;

	assert_int_equal(share_create(&s, &cfg, &t->err), 0);
	assert_int_equal(share_getattr(s, SHARE_ROOT, &a), 0);
	assert_false(a.mount);
	if (share_lookup(s, SHARE_ROOT, "shm", &e) < 0 || !e.attr.mount) {
		share_destroy(s);
		skip();
	}
	assert_int_equal(share_getattr(s, e.node, &a), 0);
	assert_true(a.mount);
	assert_int_equal(share_open_folder(s, e.node, &handle), 0);
	share_destroy(s);
}

/* Its files wait for events, change the kernel, and reach into processes. */
static void D906_the_kernels_file_systems_are_not_entered(void **state)
{
	struct share_bench *t = *state;
	const struct share_change c = { .set = SHARE_SET_MODE, .mode = 0755 };
	struct share_config cfg = { .path = "/" };
	struct share_entry e, inner;
	struct share_attr a;
	uint64_t handle;
	char buf[16];
	struct share *s;

	assert_int_equal(share_create(&s, &cfg, &t->err), 0);
	assert_int_equal(share_lookup(s, SHARE_ROOT, "proc", &e), 0);
	assert_true(e.attr.mount);
	assert_int_equal(share_getattr(s, e.node, &a), 0);
	assert_int_equal(share_lookup(s, e.node, "self", &inner), -EACCES);
	assert_int_equal(share_lookup(s, e.node, "version", &inner), -EACCES);
	assert_int_equal(share_open_folder(s, e.node, &handle), -EACCES);
	assert_int_equal(share_mkdir(s, e.node, "x", 0755, &share_bench_user,
				     &inner), -EACCES);
	assert_int_equal(share_setattr(s, e.node, 0, &c, &a), -EPERM);
	assert_int_equal(share_getxattr(s, e.node, "user.x", buf, 16),
			 -EOPNOTSUPP);
	share_destroy(s);
}

/* One file of the kernel's can be mounted on another. */
static void D906_a_file_of_the_kernels_is_not_opened(void **state)
{
	struct share_bench *t = *state;
	char path[96];
	uint64_t n, handle;

	host_put(t, "f", "x");
	snprintf(path, sizeof(path), "%s/tree/f", t->dir);
	if (mount("/proc/version", path, NULL, MS_BIND, NULL) < 0)
		skip();
	n = guest_find(t, SHARE_ROOT, "f");
	assert_int_equal(share_open(t->s, n, O_RDONLY, &handle), -EPERM);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(share_open(t->s, n, O_RDONLY, &handle), -EPERM);
	n = guest_find(t, SHARE_ROOT, "f");
	assert_int_equal(share_open(t->s, n, O_RDONLY, &handle), 0);
}

/* ---- a host that changes the tree ---- */

static void a_file_that_was_replaced_is_stale(void **state)
{
	struct share_bench *t = *state;
	struct share_attr a;
	uint64_t node, handle;

	share_bench_open_small(t);
	host_put(t, "a", "old");
	node = guest_find(t, SHARE_ROOT, "a");
	assert_int_equal(guest_stat(t, node).stx_size, 3);
	host_put(t, "b", "new");
	host_rename(t, "b", "a");
	guest_crowd(t);
	assert_int_equal(share_getattr(t->s, node, &a), -ESTALE);
	assert_int_equal(share_open(t->s, node, O_RDONLY, &handle), -ESTALE);
	assert_int_not_equal(guest_find(t, SHARE_ROOT, "a"), node);
	assert_int_equal(unlinkat(t->fd, "a", 0), 0);
	assert_int_equal(guest_look(t, SHARE_ROOT, "a"), -ENOENT);
}

static void D916_a_root_that_was_moved_or_replaced_stays_the_root(void **state)
{
	struct share_bench *t = *state;
	struct share_attr a;

	host_put(t, "a", "x");
	host_rename(t, "../tree", "../moved");
	host_mkdir(t, "../tree");
	host_put(t, "../tree/b", "other");
	assert_int_equal(guest_look(t, SHARE_ROOT, "a"), 0);
	assert_int_equal(guest_look(t, SHARE_ROOT, "b"), -ENOENT);
	assert_int_equal(unlinkat(t->fd, "a", 0), 0);
	assert_int_equal(unlinkat(t->fd, "../moved", AT_REMOVEDIR), 0);
	assert_int_equal(share_getattr(t->s, SHARE_ROOT, &a), 0);
	assert_int_equal(guest_look(t, SHARE_ROOT, "b"), -ENOENT);
	assert_int_equal(guest_look(t, SHARE_ROOT, "a"), -ENOENT);
}

static void a_folder_the_host_has_moved_is_found_at_its_new_place(void **state)
{
	struct share_bench *t = *state;
	uint64_t d, file;

	host_mkdir(t, "d");
	host_mkdir(t, "e");
	host_put(t, "d/a", "x");
	d = guest_find(t, SHARE_ROOT, "d");
	file = guest_find(t, d, "a");
	host_rename(t, "d", "e/f");
	assert_int_equal(guest_find(t, guest_find(t, SHARE_ROOT, "e"), "f"), d);
	assert_int_equal(guest_find(t, d, "a"), file);
	assert_int_equal(guest_look(t, SHARE_ROOT, "d"), -ENOENT);
}

/* What the host has moved out, the guest moves the other way round: neither is
 * above itself then, and nothing goes in circles. */
static void two_folders_that_change_places_do_not_hold_each_other(void **state)
{
	struct share_bench *t = *state;
	struct share_attr attr;
	uint64_t a, b, file;

	for (int i = 0; i < 2; i++) {
		share_reset(t->s);
		a = i ? guest_find(t, SHARE_ROOT, "a") :
			guest_mkdir(t, SHARE_ROOT, "a");
		b = i ? guest_find(t, a, "b") : guest_mkdir(t, a, "b");
		host_put(t, "a/file", "x");
		file = guest_find(t, a, "file");
		guest_stat(t, b);
		host_rename(t, "a/b", "b");
		assert_int_equal(share_rename(t->s, SHARE_ROOT, "a", b, "c", 0),
				 0);
		assert_int_equal(guest_find(t, a, "file"), file);
		if (i)
			break;
		share_reset(t->s);
		assert_int_equal(share_getattr(t->s, a, &attr), -ESTALE);
		host_rename(t, "b/c", "a");
		host_rename(t, "b", "a/b");
	}
	assert_int_equal(guest_find(t, b, "c"), a);
	assert_int_equal(guest_find(t, SHARE_ROOT, "b"), b);
	assert_int_equal(guest_find(t, b, "c"), a);
	assert_int_equal(guest_find(t, a, "file"), file);
	share_reset(t->s);
	assert_int_equal(share_bench_files(), t->files + 2);
	assert_true(host_has(t, "b/c/file", "x"));
}

static void a_reset_forgets_everything_but_the_root(void **state)
{
	struct share_bench *t = *state;
	struct share_attr a;
	uint64_t d, file, handle, dir;
	char c;

	host_mkdir(t, "d");
	d = guest_find(t, SHARE_ROOT, "d");
	file = guest_make(t, d, "a", &handle);
	assert_int_equal(share_open_folder(t->s, d, &dir), 0);
	assert_int_equal(share_remove(t->s, d, "a", false), 0);
	share_reset(t->s);
	assert_int_equal(share_bench_files(), t->files + 2);
	assert_int_equal(guest_read(t, handle, &c, 1, 0), -EBADF);
	assert_int_equal(share_getattr(t->s, file, &a), -ESTALE);
	assert_int_equal(share_getattr(t->s, d, &a), -ESTALE);
	assert_int_equal(guest_look(t, SHARE_ROOT, "d"), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_path_that_is_no_folder_is_refused_by_name),
		TEST(a_lookup_names_the_same_file_by_the_same_number),
		TEST(a_hard_link_is_the_same_node),
		TEST(DF02_a_node_lives_as_long_as_its_references),
		TEST(DF02_forgetting_more_than_there_is_forgets_all),
		TEST(a_folder_stays_while_something_in_it_is_known),
		TEST(size_mode_and_times_can_be_set),
		TEST(D907_a_mode_never_has_the_set_id_bits),
		TEST(an_owner_can_be_set_as_root_only),
		TEST(sizes_that_cannot_be_are_refused),
		TEST(a_file_system_tells_its_size),
		TEST(another_file_system_in_the_tree_is_told),
		TEST(D906_the_kernels_file_systems_are_not_entered),
		TEST(D906_a_file_of_the_kernels_is_not_opened),
		TEST(a_file_that_was_replaced_is_stale),
		TEST(D916_a_root_that_was_moved_or_replaced_stays_the_root),
		TEST(a_folder_the_host_has_moved_is_found_at_its_new_place),
		TEST(two_folders_that_change_places_do_not_hold_each_other),
		TEST(a_reset_forgets_everything_but_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
