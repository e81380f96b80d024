// SPDX-License-Identifier: BSD-3-Clause
/* The throwaway layer: names, nodes and attributes. Of every test the bench
 * asserts that nothing on the host has changed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer_bench.h"

/* ---- names ---- */

static void what_is_made_is_there_beside_the_hosts(void **state)
{
	struct layer_bench *t = *state;

	host_put(t->host, "b", "host");
	layer_bench_begin(t);
	layer_write_all(t, "a", "guest");
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	layer_write_all(t, "d/x", "below");
	assert_int_equal(layer_try_symlink(t, "d/x", "l"), 0);
	assert_true(layer_lists(t, "", "a b d l "));
	assert_true(layer_lists(t, "d", "x "));
	assert_true(layer_has(t, "a", "guest"));
	assert_true(layer_has(t, "d/x", "below"));
	assert_int_equal(layer_stat(t, "l").stx_size, 3);
	assert_true(S_ISLNK(layer_stat(t, "l").stx_mode));
	assert_int_equal(layer_try_mkdir(t, "b"), -EEXIST);
	assert_int_equal(layer_try_mkdir(t, "a"), -EEXIST);
	assert_int_equal(layer_try_mkdir(t, "a/x"), -ENOTDIR);
	assert_int_equal(layer_try_mkdir(t, "none/x"), -ENOENT);
}

static void what_is_removed_is_gone_and_may_be_made_anew(void **state)
{
	struct layer_bench *t = *state;

	host_put(t->host, "a", "host");
	host_mkdir(t->host, "d");
	host_put(t->host, "d/x", "1");
	layer_bench_begin(t);
	assert_int_equal(layer_try_remove(t, "a", true), -ENOTDIR);
	assert_int_equal(layer_try_remove(t, "d", false), -EISDIR);
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_false(layer_there(t, "a"));
	assert_int_equal(layer_try_remove(t, "a", false), -ENOENT);
	assert_int_equal(layer_try_remove(t, "d", true), -ENOTEMPTY);
	assert_int_equal(layer_try_remove(t, "d/x", false), 0);
	assert_int_equal(layer_try_remove(t, "d", true), 0);
	assert_true(layer_lists(t, "", ""));
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	assert_true(layer_lists(t, "d", ""));
	assert_false(layer_there(t, "d/x"));
	layer_write_all(t, "a", "anew");
	assert_true(layer_has(t, "a", "anew"));
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_true(layer_lists(t, "", "d "));
}

static void a_folder_moves_with_all_that_is_in_it(void **state)
{
	struct layer_bench *t = *state;
	uint64_t ino;

	host_mkdir(t->host, "d");
	host_mkdir(t->host, "d/e");
	host_put(t->host, "d/e/x", "host");
	host_mkdir(t->host, "to");
	layer_bench_begin(t);
	ino = layer_stat(t, "d").stx_ino;
	layer_write_all(t, "d/e/y", "guest");
	assert_int_equal(layer_try_rename(t, "d", "to/new", 0), 0);
	assert_false(layer_there(t, "d"));
	assert_true(layer_has(t, "to/new/e/x", "host"));
	assert_true(layer_has(t, "to/new/e/y", "guest"));
	assert_true(layer_lists(t, "to/new/e", "x y "));
	assert_int_equal(layer_stat(t, "to/new").stx_ino, ino);
	assert_int_equal(layer_try_remove(t, "to/new/e/x", false), 0);
	assert_true(layer_lists(t, "to/new/e", "y "));
	assert_int_equal(layer_try_rename(t, "to/new", "d", 0), 0);
	assert_true(layer_lists(t, "d/e", "y "));
	assert_true(layer_lists(t, "", "d to "));
}

static void renames_replace_exchange_and_refuse(void **state)
{
	struct layer_bench *t = *state;

	host_put(t->host, "a", "A");
	host_put(t->host, "b", "B");
	host_mkdir(t->host, "d");
	host_mkdir(t->host, "full");
	host_put(t->host, "full/x", "x");
	layer_bench_begin(t);
	assert_int_equal(layer_try_rename(t, "a", "b", RENAME_NOREPLACE),
			 -EEXIST);
	assert_int_equal(layer_try_rename(t, "a", "c", RENAME_EXCHANGE),
			 -ENOENT);
	assert_int_equal(layer_try_rename(t, "a", "d", 0), -EISDIR);
	assert_int_equal(layer_try_rename(t, "d", "a", 0), -ENOTDIR);
	assert_int_equal(layer_try_rename(t, "d", "full", 0), -ENOTEMPTY);
	assert_int_equal(layer_try_rename(t, "none", "x", 0), -ENOENT);
	assert_int_equal(layer_try_rename(t, "a", "b", RENAME_WHITEOUT),
			 -EINVAL);
	assert_int_equal(layer_try_rename(t, "a", "a", 0), 0);
	assert_int_equal(layer_try_rename(t, "a", "b", RENAME_EXCHANGE), 0);
	assert_true(layer_has(t, "a", "B") && layer_has(t, "b", "A"));
	assert_int_equal(layer_try_rename(t, "a", "full", RENAME_EXCHANGE), 0);
	assert_true(layer_has(t, "full", "B") && layer_has(t, "a/x", "x"));
	assert_int_equal(layer_try_rename(t, "b", "full", 0), 0);
	assert_true(layer_has(t, "full", "A"));
	assert_int_equal(layer_try_rename(t, "a", "d", 0), 0);
	assert_true(layer_has(t, "d/x", "x"));
	assert_true(layer_lists(t, "", "d full "));
}

static void D912_a_folder_does_not_go_below_itself(void **state)
{
	struct layer_bench *t = *state;

	host_mkdir(t->host, "d");
	host_mkdir(t->host, "d/e");
	host_mkdir(t->host, "other");
	layer_bench_begin(t);
	assert_int_equal(layer_try_rename(t, "d", "d/e/x", 0), -EINVAL);
	assert_int_equal(layer_try_rename(t, "d", "d/x", 0), -EINVAL);
	assert_int_equal(layer_try_rename(t, "d/e", "d", 0), -ENOTEMPTY);
	assert_int_equal(layer_try_rename(t, "d/e", "d", RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(layer_try_rename(t, "other", "d/e/o", 0), 0);
	assert_int_equal(layer_try_rename(t, "d", "d/e/o/x", 0), -EINVAL);
	assert_int_equal(layer_try_mkdir(t, "d/e/o/new"), 0);
	assert_int_equal(layer_try_rename(t, "d/e", "d/e/o/new/x", 0),
			 -EINVAL);
	assert_int_equal(layer_try_rename(t, "d/e/o", "top", 0), 0);
	assert_int_equal(layer_try_rename(t, "d", "top/new/d", 0), 0);
	assert_true(layer_there(t, "top/new/d/e"));
}

static void hard_links_are_one_file(void **state)
{
	struct layer_bench *t = *state;

	host_put(t->host, "a", "1");
	assert_int_equal(linkat(t->host->fd, "a", t->host->fd, "twin", 0), 0);
	layer_bench_begin(t);
	assert_int_equal(layer_try_link(t, "a", "b"), 0);
	assert_int_equal(layer_stat(t, "b").stx_nlink, 3);
	layer_append(t, "b", "2");
	assert_true(layer_has(t, "a", "12") && layer_has(t, "twin", "12"));
	assert_int_equal(layer_try_rename(t, "a", "b", 0), 0);
	assert_true(layer_there(t, "a"));
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_int_equal(layer_stat(t, "twin").stx_nlink, 2);
	assert_int_equal(layer_try_remove(t, "twin", false), 0);
	assert_int_equal(layer_stat(t, "b").stx_nlink, 1);
	assert_true(layer_has(t, "b", "12"));
	assert_int_equal(layer_try_remove(t, "b", false), 0);
	assert_true(layer_lists(t, "", ""));
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	assert_int_equal(layer_try_link(t, "d", "e"), -EPERM);
}

static void folders_count_those_in_them(void **state)
{
	struct layer_bench *t = *state;

	host_mkdir(t->host, "d");
	host_mkdir(t->host, "d/e");
	layer_bench_begin(t);
	if (layer_stat(t, "d").stx_nlink < 2)
		skip(); /* a file system that does not */
	assert_int_equal(layer_try_mkdir(t, "d/f"), 0);
	assert_int_equal(layer_stat(t, "d").stx_nlink, 4);
	assert_int_equal(layer_stat(t, "d/f").stx_nlink, 2);
	assert_int_equal(layer_try_rename(t, "d/e", "d/f/e", 0), 0);
	assert_int_equal(layer_stat(t, "d").stx_nlink, 3);
	assert_int_equal(layer_stat(t, "d/f").stx_nlink, 3);
	assert_int_equal(layer_try_remove(t, "d/f/e", true), 0);
	assert_int_equal(layer_stat(t, "d/f").stx_nlink, 2);
}

/* ---- nodes ---- */

static void a_file_that_changes_stays_the_same_node(void **state)
{
	struct layer_bench *t = *state;
	struct share_attr before, after;
	uint64_t node;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	node = layer_get(t, "a");
	assert_int_equal(t->ops->getattr(t->f, node, &before), 0);
	layer_append(t, "a", "!");
	assert_int_equal(layer_get(t, "a"), node);
	assert_int_equal(t->ops->getattr(t->f, node, &after), 0);
	assert_int_equal(before.stx.stx_ino, after.stx.stx_ino);
	assert_int_equal(before.stx.stx_dev_minor, after.stx.stx_dev_minor);
	assert_int_equal(after.stx.stx_size, 5);
	assert_int_equal(layer_try_rename(t, "a", "b", 0), 0);
	assert_int_equal(layer_get(t, "b"), node);
	/* Forgotten, and found again. */
	t->ops->forget(t->f, node, 3);
	assert_int_equal(layer_get(t, "b"), node);
	assert_true(layer_has(t, "b", "host!"));
}

static void what_has_changed_outlives_the_session(void **state)
{
	struct layer_bench *t = *state;

	host_put(t->host, "a", "host");
	host_put(t->host, "b", "host");
	layer_bench_begin(t);
	layer_append(t, "a", "!");
	layer_write_all(t, "new", "guest");
	assert_int_equal(layer_try_remove(t, "b", false), 0);
	assert_true(layer_try_open(t, "new", O_RDWR) > 0);
	layer_get(t, "a");
	t->ops->reset(t->f);
	assert_true(layer_lists(t, "", "a new "));
	assert_true(layer_has(t, "a", "host!") && layer_has(t, "new", "guest"));
}

static void DF02_a_removed_file_lives_as_long_as_its_references(void **state)
{
	struct layer_bench *t = *state;
	struct share_attr a;
	uint64_t node, made;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	layer_write_all(t, "new", "guest");
	node = layer_get(t, "a");
	made = layer_get(t, "new");
	assert_int_equal(layer_try_remove(t, "a", false), 0);
	assert_int_equal(layer_try_remove(t, "new", false), 0);
	assert_int_equal(t->ops->getattr(t->f, node, &a), 0);
	assert_int_equal(a.stx.stx_nlink, 0);
	assert_int_equal(t->ops->getattr(t->f, made, &a), 0);
	t->ops->forget(t->f, node, UINT64_MAX);
	t->ops->forget(t->f, made, 1);
	assert_int_equal(t->ops->getattr(t->f, node, &a), -ESTALE);
	assert_int_equal(t->ops->getattr(t->f, made, &a), -ESTALE);
	t->ops->forget(t->f, SHARE_ROOT, UINT64_MAX);
	t->ops->forget(t->f, made, 1);
	t->ops->forget(t->f, 0, 1);
	t->ops->forget(t->f, UINT64_MAX, 1);
	assert_int_equal(t->ops->getattr(t->f, SHARE_ROOT, &a), 0);
}

static void forgetting_a_changed_file_keeps_its_changes(void **state)
{
	struct layer_bench *t = *state;
	uint64_t node;

	host_mkdir(t->host, "d");
	host_put(t->host, "d/a", "host");
	layer_bench_begin(t);
	layer_append(t, "d/a", "!");
	node = layer_get(t, "d/a");
	t->ops->forget(t->f, node, UINT64_MAX);
	t->ops->forget(t->f, layer_get(t, "d"), UINT64_MAX);
	assert_true(layer_has(t, "d/a", "host!"));
	assert_int_equal(layer_get(t, "d/a"), node);
}

/* ---- attributes ---- */

static void owners_modes_and_times_are_exact_whoever_runs_it(void **state)
{
	const struct share_change c = {
		.set = SHARE_SET_MODE | SHARE_SET_UID | SHARE_SET_GID |
		       SHARE_SET_ATIME | SHARE_SET_MTIME,
		.mode = 06755, .uid = 5, .gid = 6,
		.atime = { 1000, 5 }, .mtime = { 2000, 7 },
	};
	struct layer_bench *t = *state;
	struct share_attr a;

	host_put(t->host, "a", "host");
	layer_bench_begin(t);
	assert_int_equal(t->ops->setattr(t->f, layer_get(t, "a"), 0, &c, &a),
			 0);
	a.stx = layer_stat(t, "a");
	assert_int_equal(a.stx.stx_mode, S_IFREG | 06755);
	assert_int_equal(a.stx.stx_uid, 5);
	assert_int_equal(a.stx.stx_gid, 6);
	assert_int_equal(a.stx.stx_atime.tv_sec, 1000);
	assert_int_equal(a.stx.stx_mtime.tv_nsec, 7);
	assert_true(layer_has(t, "a", "host"));
	layer_append(t, "a", "!");
	assert_int_not_equal(layer_stat(t, "a").stx_mtime.tv_sec, 2000);
	layer_write_all(t, "new", "");
	assert_int_equal(layer_stat(t, "new").stx_uid, 1234);
	assert_int_equal(layer_stat(t, "new").stx_gid, 77);
}

static void a_group_comes_from_a_set_group_id_folder(void **state)
{
	const struct share_change c = {
		.set = SHARE_SET_MODE | SHARE_SET_GID, .mode = 02775, .gid = 9,
	};
	struct layer_bench *t = *state;
	struct share_attr a;

	layer_bench_begin(t);
	assert_int_equal(layer_try_mkdir(t, "d"), 0);
	assert_int_equal(t->ops->setattr(t->f, layer_get(t, "d"), 0, &c, &a),
			 0);
	assert_int_equal(layer_try_mkdir(t, "d/e"), 0);
	layer_write_all(t, "d/f", "");
	assert_int_equal(layer_stat(t, "d/e").stx_gid, 9);
	assert_int_equal(layer_stat(t, "d/e").stx_mode, S_IFDIR | 02755);
	assert_int_equal(layer_stat(t, "d/f").stx_gid, 9);
	assert_int_equal(layer_stat(t, "d/f").stx_mode, S_IFREG | 0644);
}

static void D907_there_are_fifos_and_sockets_but_no_devices(void **state)
{
	const struct share_user root = { 0, 0 };
	struct layer_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	layer_bench_begin(t);
	assert_int_equal(t->ops->mknod(t->f, SHARE_ROOT, "p", S_IFIFO | 0600,
				       &root, &e), 0);
	assert_int_equal(t->ops->open(t->f, e.node, O_RDWR, &handle), -EPERM);
	assert_int_equal(t->ops->mknod(t->f, SHARE_ROOT, "s", S_IFSOCK | 0600,
				       &root, &e), 0);
	assert_int_equal(t->ops->mknod(t->f, SHARE_ROOT, "c", S_IFCHR | 0600,
				       &root, &e), -EPERM);
	assert_int_equal(t->ops->mknod(t->f, SHARE_ROOT, "b", S_IFBLK | 0600,
				       &root, &e), -EPERM);
	assert_int_equal(t->ops->mknod(t->f, SHARE_ROOT, "f", S_IFREG | 0600,
				       &root, &e), 0);
	assert_true(layer_lists(t, "", "f p s "));
	assert_true(S_ISFIFO(layer_stat(t, "p").stx_mode));
}

static void links_are_text(void **state)
{
	struct layer_bench *t = *state;
	char buf[64];

	assert_int_equal(symlinkat("old", t->host->fd, "l"), 0);
	layer_bench_begin(t);
	assert_int_equal(layer_try_rename(t, "l", "m", 0), 0);
	assert_int_equal(t->ops->readlink(t->f, layer_get(t, "m"), buf, 64),
			 3);
	assert_memory_equal(buf, "old", 3);
	assert_int_equal(layer_try_symlink(t, "/any/where", "n"), 0);
	assert_int_equal(t->ops->readlink(t->f, layer_get(t, "n"), buf, 4), 4);
	assert_memory_equal(buf, "/any", 4);
	assert_int_equal(t->ops->readlink(t->f, SHARE_ROOT, buf, 64), -EINVAL);
	assert_int_equal(layer_try_open(t, "n", O_RDONLY), -ELOOP);
	assert_int_equal(layer_try_symlink(t, "", "e"), -ENOENT);
}

static void attributes_are_the_hosts_until_one_changes(void **state)
{
	struct layer_bench *t = *state;
	uint64_t node;
	char buf[64];
	int fd;

	host_put(t->host, "a", "host");
	fd = openat(t->host->fd, "a", O_RDONLY);
	if (fsetxattr(fd, "user.one", "1", 1, 0) < 0) {
		close(fd);
		skip();
	}
	close(fd);
	layer_bench_begin(t);
	node = layer_get(t, "a");
	assert_int_equal(t->ops->getxattr(t->f, node, "user.one", buf, 64), 1);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.two", "22", 2,
					  XATTR_REPLACE), -ENODATA);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.two", "22", 2, 0),
			 0);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.one", "x", 1,
					  XATTR_CREATE), -EEXIST);
	assert_int_equal(t->ops->getxattr(t->f, node, "user.one", buf, 64), 1);
	assert_int_equal(t->ops->getxattr(t->f, node, "user.two", NULL, 0), 2);
	assert_int_equal(t->ops->getxattr(t->f, node, "user.two", buf, 1),
			 -ERANGE);
	assert_int_equal(t->ops->listxattr(t->f, node, NULL, 0), 18);
	assert_int_equal(t->ops->listxattr(t->f, node, buf, 9), -ERANGE);
	assert_int_equal(t->ops->listxattr(t->f, node, buf, 64), 18);
	assert_int_equal(t->ops->removexattr(t->f, node, "user.one"), 0);
	assert_int_equal(t->ops->removexattr(t->f, node, "user.one"),
			 -ENODATA);
	assert_int_equal(t->ops->getxattr(t->f, node, "user.one", buf, 64),
			 -ENODATA);
	assert_int_equal(t->ops->setxattr(t->f, node, "security.capability",
					  "c", 1, 0), 0);
	assert_int_equal(t->ops->setxattr(t->f, node,
					  "system.posix_acl_access", "c", 1,
					  0), -EOPNOTSUPP);
	assert_int_equal(t->ops->setxattr(t->f, node, "user.", "c", 1, 0),
			 -EOPNOTSUPP);
}

/* ---- what the share hides ---- */

static void what_is_hidden_may_be_made_anew(void **state)
{
	static const char *const hidden[] = { "d/secret", "top" };
	struct layer_bench *t = *state;

	host_mkdir(t->host, "d");
	host_put(t->host, "d/secret", SECRET);
	host_mkdir(t->host, "top");
	layer_bench_begin_with(t, &(struct layer_config){ 0 },
			       &(struct share_config){
				       .hidden = hidden, .hidden_count = 2 });
	assert_false(layer_there(t, "d/secret"));
	assert_true(layer_lists(t, "d", ""));
	layer_write_all(t, "d/secret", "mine");
	assert_int_equal(layer_try_mkdir(t, "top"), 0);
	assert_true(layer_lists(t, "", "d top "));
	assert_true(layer_has(t, "d/secret", "mine"));
	assert_int_equal(layer_try_remove(t, "d/secret", false), 0);
	assert_false(layer_there(t, "d/secret"));
	assert_int_equal(layer_try_rename(t, "d", "e", 0), 0);
	assert_false(layer_there(t, "e/secret"));
	assert_int_equal(layer_try_remove(t, "e", true), 0);
}

static void a_layer_wants_a_folder_for_its_file(void **state)
{
	const struct layer_config cfg = { .dir = "/var/tmp/there/is/nothing" };
	struct layer_bench *t = *state;
	struct share *s = t->host->s;
	struct files *f;

	t->host->s = NULL;
	assert_int_equal(layer_create(&f, &cfg, s, &t->host->err), -ENOENT);
	assert_null(f);
	assert_non_null(strstr(t->host->err.text, cfg.dir));
	files_destroy(NULL);
}

#define CASE(name)                                                          \
	cmocka_unit_test_setup_teardown(name, layer_bench_setup,              \
					layer_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_made_is_there_beside_the_hosts),
		CASE(what_is_removed_is_gone_and_may_be_made_anew),
		CASE(a_folder_moves_with_all_that_is_in_it),
		CASE(renames_replace_exchange_and_refuse),
		CASE(D912_a_folder_does_not_go_below_itself),
		CASE(hard_links_are_one_file),
		CASE(folders_count_those_in_them),
		CASE(a_file_that_changes_stays_the_same_node),
		CASE(what_has_changed_outlives_the_session),
		CASE(DF02_a_removed_file_lives_as_long_as_its_references),
		CASE(forgetting_a_changed_file_keeps_its_changes),
		CASE(owners_modes_and_times_are_exact_whoever_runs_it),
		CASE(a_group_comes_from_a_set_group_id_folder),
		CASE(D907_there_are_fifos_and_sockets_but_no_devices),
		CASE(links_are_text),
		CASE(attributes_are_the_hosts_until_one_changes),
		CASE(what_is_hidden_may_be_made_anew),
		CASE(a_layer_wants_a_folder_for_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
