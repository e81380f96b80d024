// SPDX-License-Identifier: BSD-3-Clause
/* Files of our own in a share: found by name and read; a hostile guest neither
 * changes them nor gets from them to anywhere else, and what the host has by
 * their names is not mixed up with them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

#include "backends/share_lock.h"
#include "backends/share_tree.h"

#define INIT "#!the first process"

static const struct share_user somebody = { 1234, 77 };

static const struct own_file files[] = {
	{ "init", 0755, INIT, sizeof(INIT) - 1 },
	{ "conf", 0600, "a=b", 3 },
	{ "none", 0644, NULL, 0 },
};

static const struct share_config with_files = {
	.own = { ".own", files, 3 },
};

/* The server has them, and the host has files by the same names. */
static int setup(void **state)
{
	struct share_bench *t;

	share_bench_setup(state);
	t = *state;
	host_put(t, "init", "the host's");
	host_put(t, "a", "x");
	share_bench_open(t, &with_files);
	return 0;
}

static uint64_t own(struct share_bench *t, const char *name)
{
	return guest_find(t, guest_find(t, SHARE_ROOT, ".own"), name);
}

/* ---- what can be done ---- */

static void they_are_found_by_name_and_read(void **state)
{
	struct share_bench *t = *state;
	uint64_t handle = guest_open(t, own(t, "init"), O_RDONLY);
	char buf[64] = "";

	assert_int_equal(guest_read(t, handle, buf, sizeof(buf), 0),
			 strlen(INIT));
	assert_string_equal(buf, INIT);
	assert_int_equal(guest_read(t, handle, buf, 4, 2), 4);
	assert_memory_equal(buf, &INIT[2], 4);
	assert_int_equal(guest_read(t, handle, buf, 4, strlen(INIT)), 0);
	assert_int_equal(share_seek(t->s, handle, 0, SEEK_HOLE),
			 (int)strlen(INIT));
	assert_int_equal(share_flush(t->s, handle), 0);
	assert_int_equal(share_close(t->s, handle), 0);
	handle = guest_open(t, own(t, "none"), O_RDONLY);
	assert_int_equal(guest_read(t, handle, buf, 4, 0), 0);
}

static void their_attributes_are_those_they_were_given(void **state)
{
	struct share_bench *t = *state;
	struct statx init = guest_stat(t, own(t, "init"));
	struct statx conf = guest_stat(t, own(t, "conf"));
	struct statx folder = guest_stat(t, guest_find(t, SHARE_ROOT, ".own"));
	struct share_entry e;

	assert_int_equal(init.stx_mode, S_IFREG | 0755);
	assert_int_equal(init.stx_size, strlen(INIT));
	assert_int_equal(init.stx_nlink, 1);
	assert_int_equal(init.stx_uid, 0);
	assert_int_equal(init.stx_gid, 0);
	assert_true(init.stx_mtime.tv_sec > 0);
	assert_int_equal(conf.stx_mode, S_IFREG | 0600);
	assert_int_equal(folder.stx_mode, S_IFDIR | 0555);
	assert_true(init.stx_ino != conf.stx_ino &&
		    init.stx_ino != folder.stx_ino);
	assert_int_equal(share_lookup(t->s, SHARE_ROOT, ".own", &e), 0);
	assert_false(e.attr.mount);
	assert_int_equal(e.attr.stx.stx_ino, folder.stx_ino);
}

static void they_are_copies(void **state)
{
	struct share_bench *t = *state;
	char name[] = "name", text[] = "text", buf[8] = "";
	struct own_file f = { name, 0644, text, 4 };
	struct share_config cfg = { .own = { ".own", &f, 1 } };

	share_bench_open(t, &cfg);
	memset(name, 'x', 4);
	memset(text, 'x', 4);
	assert_int_equal(guest_read(t, guest_open(t, own(t, "name"), O_RDONLY),
				    buf, sizeof(buf), 0), 4);
	assert_string_equal(buf, "text");
}

/* ---- names ---- */

static void D903_only_their_own_names_find_them(void **state)
{
	static const char *const not[] = {
		"", ".", "..", "a", "ini", "init2", "INIT", ".own", "own",
		"init/", "../a", "conf\n",
	};
	struct share_bench *t = *state;
	uint64_t folder = guest_find(t, SHARE_ROOT, ".own");
	uint64_t init = guest_find(t, folder, "init");

	for (size_t i = 0; i < sizeof(not) / sizeof(*not); i++) {
		assert_int_equal(guest_look(t, folder, not[i]), -ENOENT);
		assert_int_equal(guest_look(t, init, not[i]), -ENOTDIR);
	}
	assert_int_equal(guest_look(t, SHARE_ROOT, ".Own"), -ENOENT);
	assert_int_equal(guest_look(t, SHARE_ROOT, "conf"), -ENOENT);
	assert_int_equal(guest_look(t, guest_find(t, SHARE_ROOT, "a"), "init"),
			 -ENOTDIR);
	assert_int_equal(guest_look(t, 999, "init"), -ESTALE);
}

static void the_hosts_files_of_the_same_names_are_others(void **state)
{
	struct share_bench *t = *state;
	uint64_t ours = own(t, "init");
	uint64_t theirs = guest_find(t, SHARE_ROOT, "init");
	char buf[32] = "";

	assert_true(ours != theirs);
	guest_read(t, guest_open(t, theirs, O_RDONLY), buf, sizeof(buf), 0);
	assert_string_equal(buf, "the host's");
	/* One of the host's own, there from the start or coming later. */
	host_mkdir(t, ".own");
	host_put(t, ".own/init", "not ours");
	host_put(t, ".own/more", "");
	host_mkdir(t, "d");
	host_mkdir(t, "d/.own");
	for (int i = 0; i < 2; i++) {
		memset(buf, 0, sizeof(buf));
		guest_read(t, guest_open(t, own(t, "init"), O_RDONLY), buf,
			   sizeof(buf), 0);
		assert_string_equal(buf, INIT);
		assert_int_equal(guest_look(t, guest_find(t, SHARE_ROOT,
							  ".own"), "more"),
				 -ENOENT);
		assert_int_equal(guest_look(t, guest_find(t, SHARE_ROOT, "d"),
					    ".own"), 0);
		assert_false(guest_lists(t, SHARE_ROOT, ".own"));
		share_bench_open(t, &with_files);
	}
	assert_true(host_has(t, ".own/init", "not ours"));
}

static void no_listing_has_them(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	uint64_t handle;

	assert_int_equal(guest_count(t, SHARE_ROOT), 2);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &handle), 0);
	assert_int_equal(share_lookup_in(t->s, handle, ".own", &e), -ENOENT);
	assert_int_equal(share_lookup_in(t->s, handle, "a", &e), 0);
	assert_int_equal(share_open_folder(t->s,
					   guest_find(t, SHARE_ROOT, ".own"),
					   &handle), -EACCES);
	assert_int_equal(share_open_folder(t->s, own(t, "init"), &handle),
			 -EACCES);
}

/* ---- hostile guests ---- */

/* Nothing about @name in @folder can be changed. */
static void nothing_changes(struct share_bench *t, uint64_t folder,
			    const char *name)
{
	const uint64_t node = guest_find(t, folder, name);
	const struct share_change c = {
		.set = SHARE_SET_MODE | SHARE_SET_UID | SHARE_SET_SIZE |
		       SHARE_SET_MTIME_NOW,
		.mode = 0777, .uid = 5,
	};
	const struct statx before = guest_stat(t, node);
	struct statx after;
	struct share_attr attr;
	struct share_entry e;
	uint64_t handle;
	char buf[8];

	assert_true(share_setattr(t->s, node, 0, &c, &attr) < 0);
	assert_true(share_setxattr(t->s, node, "user.x", "1", 1, 0) < 0);
	assert_true(share_removexattr(t->s, node, "user.x") < 0);
	assert_true(share_getxattr(t->s, node, "user.x", buf, 8) < 0);
	assert_true(share_listxattr(t->s, node, buf, 8) < 0);
	assert_true(share_open(t->s, node, O_RDWR, &handle) < 0);
	assert_true(share_open(t->s, node, O_WRONLY | O_TRUNC, &handle) < 0);
	assert_true(share_open(t->s, node, O_RDONLY | O_TRUNC, &handle) < 0);
	assert_true(share_readlink(t->s, node, buf, sizeof(buf)) < 0);
	assert_true(share_link(t->s, node, SHARE_ROOT, "new", &e) < 0);
	assert_true(share_link(t->s, node, folder, "new", &e) < 0);
	assert_true(share_remove(t->s, folder, name, false) < 0);
	assert_true(share_rename(t->s, folder, name, SHARE_ROOT, "n", 0) < 0);
	after = guest_stat(t, node);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* Nothing gets into @folder. */
static void nothing_is_added(struct share_bench *t, uint64_t folder)
{
	struct share_entry e;
	uint64_t handle;

	for (int i = 0; i < 2; i++) {
		const char *name = i ? "new" : "init";

		assert_true(share_mkdir(t->s, folder, name, 0755, &somebody,
					&e) < 0);
		assert_true(share_mknod(t->s, folder, name, S_IFREG | 0644,
					&somebody, &e) < 0);
		assert_true(share_symlink(t->s, folder, name, "/etc",
					  &somebody, &e) < 0);
		assert_true(share_open_new(t->s, folder, name,
					   guest_how(O_RDWR, 0644), &e,
					   &handle) < 0);
		assert_true(share_link(t->s, guest_find(t, SHARE_ROOT, "a"),
				       folder, name, &e) < 0);
		assert_true(share_rename(t->s, SHARE_ROOT, "a", folder, name,
					 0) < 0);
		assert_true(share_rename(t->s, SHARE_ROOT, "a", folder, name,
					 RENAME_EXCHANGE) < 0);
	}
	assert_true(host_has(t, "a", "x"));
}

/* In a share that is not read-only. */
static void D907_nothing_changes_them(void **state)
{
	struct share_bench *t = *state;
	uint64_t folder = guest_find(t, SHARE_ROOT, ".own");
	uint64_t init = guest_find(t, folder, "init");
	uint64_t handle;

	nothing_changes(t, folder, "init");
	nothing_changes(t, SHARE_ROOT, ".own");
	nothing_is_added(t, folder);
	nothing_is_added(t, init);
	assert_int_equal(try_mkdir(t, ".own"), -EACCES);
	assert_int_equal(try_rename(t, "a", ".own", 0), -EACCES);
	assert_int_equal(try_rename(t, ".own", "b", 0), -EACCES);
	assert_int_equal(share_remove(t->s, SHARE_ROOT, ".own", true),
			 -EACCES);
	handle = guest_open(t, init, O_RDONLY);
	assert_int_equal(guest_write(t, handle, "y", 0), -EBADF);
	assert_int_equal(share_allocate(t->s, handle, 0, 0, 100), -EBADF);
	assert_true(share_copy(t->s, handle, 0, handle, 4, 1) < 0);
	assert_true(share_drop_privilege(t->s, handle) < 0);
	assert_int_equal(host_mode(t, "new"), -1);
	assert_int_equal(guest_count(t, SHARE_ROOT), 2);
}

/* Not even who gets at their descriptors, as somebody who asks the host for
 * locks does, who needs one to write. */
static void their_memory_is_sealed(void **state)
{
	struct share_bench *t = *state;
	const struct share_node *n = share_node(t->s, own(t, "init"));
	struct share_magic magic = share_magic(n->fd);
	int fd = openat(t->s->proc_fd, magic.name, O_RDWR | O_CLOEXEC);

	if (fd >= 0) { /* a user's own mode keeps him out */
		assert_int_equal(pwrite(fd, "x", 1, 0), -1);
		assert_int_equal(ftruncate(fd, 0), -1);
		assert_int_equal(ftruncate(fd, 1 << 20), -1);
		close(fd);
	}
	assert_int_equal(fcntl(n->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void DF02_what_is_forgotten_of_them_is_found_again(void **state)
{
	struct share_bench *t = *state;
	uint64_t folder = guest_find(t, SHARE_ROOT, ".own");
	uint64_t init = guest_find(t, folder, "init"), again, handle;
	char buf[4];

	share_forget(t->s, init, UINT64_MAX);
	share_forget(t->s, init, 1);
	share_forget(t->s, folder, UINT64_MAX);
	assert_int_equal(own(t, "init"), init);
	handle = guest_open(t, init, O_RDONLY);
	share_forget(t->s, init, 1);
	assert_int_equal(guest_read(t, handle, buf, 4, 0), 4);
	/* A second session has its handles from its own. */
	share_reset(t->s);
	assert_int_equal(guest_read(t, handle, buf, 4, 0), -EBADF);
	again = guest_open(t, own(t, "init"), O_RDONLY);
	assert_int_equal(guest_read(t, again, buf, 4, 0), 4);
	assert_true(again != handle);
}

/* Those who are merely known are closed when there are many; these stay. */
static void D913_a_crowd_does_not_close_them(void **state)
{
	struct share_bench *t = *state;
	uint64_t init;
	char buf[4];

	share_bench_open_with(t, 128, &with_files);
	init = own(t, "init");
	for (int i = 0; i < 3; i++) {
		guest_stat(t, init);
		guest_stat(t, guest_find(t, SHARE_ROOT, ".own"));
		guest_stat(t, guest_find(t, SHARE_ROOT, "a"));
	}
	guest_crowd(t);
	assert_int_equal(guest_read(t, guest_open(t, init, O_RDONLY), buf, 4,
				    0), 4);
}

static void locks_on_them_do_no_harm(void **state)
{
	struct share_bench *t = *state;
	struct share_lock l = { .handle = guest_open(t, own(t, "init"),
						     O_RDONLY),
				.owner = 1, .type = F_WRLCK,
				.end = INT64_MAX };

	(void)share_lock(t->s, &l); /* root's may be opened, but is sealed */
	l.type = F_RDLCK;
	assert_int_equal(share_lock(t->s, &l), 0);
	assert_int_equal(share_close(t->s, l.handle), 0);
}

/* ---- what cannot be ---- */

static void what_cannot_be_is_an_error(void **state)
{
	static const struct {
		const char *folder, *name;
	} bad[] = {
		{ "a/b", "init" }, { "", "init" }, { "..", "init" },
		{ ".own", "a/b" }, { ".own", ".." }, { ".own", "" },
	};
	struct share_bench *t = *state;
	char longest[SHARE_NAME_MAX + 2] = "";
	struct own_file f = { .mode = 0644 };
	struct share_config cfg = { .path = t->dir,
				    .own = { .file = &f, .count = 1 } };
	struct share *s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		f.name = bad[i].name;
		cfg.own.folder = bad[i].folder;
		assert_int_equal(share_create(&s, &cfg, &t->err), -EINVAL);
		assert_null(s);
	}
	memset(longest, 'n', sizeof(longest) - 1);
	f.name = longest;
	cfg.own.folder = ".own";
	assert_true(share_create(&s, &cfg, &t->err) < 0);
	assert_null(s);
	f.name = "init";
	cfg.nodes = 2;
	assert_int_equal(share_create(&s, &cfg, &t->err), -ENFILE);
	assert_non_null(strstr(t->err.text, "init"));
	cfg.nodes = 0;
	cfg.own.count = 100000;
	assert_int_equal(share_create(&s, &cfg, &t->err), -EINVAL);
}

static void without_any_there_is_no_folder(void **state)
{
	struct share_bench *t = *state;

	share_bench_open(t, &(struct share_config){ 0 });
	assert_int_equal(guest_look(t, SHARE_ROOT, ".own"), -ENOENT);
	assert_int_equal(try_mkdir(t, ".own"), 0);
	assert_true(guest_lists(t, SHARE_ROOT, ".own"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(they_are_found_by_name_and_read),
		TEST(their_attributes_are_those_they_were_given),
		TEST(they_are_copies),
		TEST(D903_only_their_own_names_find_them),
		TEST(the_hosts_files_of_the_same_names_are_others),
		TEST(no_listing_has_them),
		TEST(D907_nothing_changes_them),
		TEST(their_memory_is_sealed),
		TEST(DF02_what_is_forgotten_of_them_is_found_again),
		TEST(D913_a_crowd_does_not_close_them),
		TEST(locks_on_them_do_no_harm),
		TEST(what_cannot_be_is_an_error),
		TEST(without_any_there_is_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
