// SPDX-License-Identifier: BSD-3-Clause
/* The file server over a host's overlayfs: what is changed there for the first
 * time is copied from the layer below, and has other numbers afterwards. It is
 * the same file. Needs a mount namespace of its own; skipped without. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

#include "base/fd.h"

#define CROWD 20

/* ---- the host ---- */

static void put_line(const char *path, const char *format, unsigned int id)
{
	char line[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	snprintf(line, sizeof(line), format, id);
	(void)!write(fd, line, strlen(line));
	close(fd);
}

/* Root in a namespace of our own, if we may. */
static bool may_mount(void)
{
	const unsigned int uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNS) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return false;
		put_line("/proc/self/setgroups", "deny", 0);
		put_line("/proc/self/uid_map", "0 %u 1", uid);
		put_line("/proc/self/gid_map", "0 %u 1", gid);
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void in_layers(const struct share_bench *t, const char *name, char *path,
		      size_t size)
{
	snprintf(path, size, "%s/layers%s", t->dir, name);
}

/* The tree is an overlay: below, "f", "x" and "y" of one file, and folders that
 * end in "d/e/g". The layers are in memory, each on a file system of its own
 * where the kernel is to give other numbers (@apart). */
static bool mount_tree(struct share_bench *t, bool apart)
{
	static const char *const dirs[] = { "/low", "/low/d", "/low/d/e",
					    "/up", "/work" };
	char path[128], options[400];

	in_layers(t, "", path, sizeof(path));
	if (mkdir(path, 0755) < 0 || mount("none", path, "tmpfs", 0, NULL) < 0)
		return false;
	for (unsigned int i = 0; i < 5; i++) {
		in_layers(t, dirs[i], path, sizeof(path));
		assert_int_equal(mkdir(path, 0755), 0);
		if (apart && !i && mount("none", path, "tmpfs", 0, NULL) < 0)
			return false;
	}
	for (unsigned int i = 0; i < CROWD; i++) {
		snprintf(path, sizeof(path), "../layers/low/many-%u", i);
		host_mkdir(t, path);
	}
	host_put(t, "../layers/low/f", "f");
	host_put(t, "../layers/low/d/e/g", "g");
	host_put(t, "../layers/low/d/secret", "s");
	host_put(t, "../layers/low/x", "x");
	assert_int_equal(linkat(t->fd, "../layers/low/x", t->fd,
				"../layers/low/y", 0), 0);
	snprintf(options, sizeof(options), "lowerdir=%s/layers/low,"
		 "upperdir=%s/layers/up,workdir=%s/layers/work,index=off,userxattr",
		 t->dir, t->dir, t->dir);
	snprintf(path, sizeof(path), "%s/tree", t->dir);
	usleep(20000); /* times of birth have coarse clocks */
	return mount("overlay", path, "overlay", 0, options) == 0;
}

static int setup(void **state, bool apart)
{
	struct share_bench *t;
	char path[96];

	share_bench_setup(state);
	t = *state;
	share_destroy(t->s);
	t->s = NULL;
	assert_true(mount_tree(t, apart));
	fd_close(&t->fd);
	snprintf(path, sizeof(path), "%s/tree", t->dir);
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
	share_bench_open_small(t);
	return 0;
}

static int together(void **state)
{
	return setup(state, false);
}

static int apart(void **state)
{
	return setup(state, true);
}

static int finish(void **state)
{
	struct share_bench *t = *state;
	char path[128];

	share_destroy(t->s);
	t->s = NULL;
	fd_close(&t->fd);
	snprintf(path, sizeof(path), "%s/tree", t->dir);
	umount2(path, MNT_DETACH);
	t->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	in_layers(t, "", path, sizeof(path));
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	return share_bench_teardown(state);
}

static uint64_t birth(struct share_bench *t, const char *name)
{
	struct statx stx;

	assert_int_equal(statx(t->fd, name, AT_SYMLINK_NOFOLLOW,
			       STATX_BTIME | STATX_INO, &stx), 0);
	return ((uint64_t)stx.stx_btime.tv_sec * 1000000000 +
		stx.stx_btime.tv_nsec) ^ stx.stx_ino << 1;
}

/* ---- the guest ---- */

/* Uses so many others that what was open is closed. */
static void crowd(struct share_bench *t)
{
	uint64_t node[CROWD];
	char name[16];

	for (unsigned int i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "many-%u", i);
		node[i] = guest_find(t, SHARE_ROOT, name);
		guest_stat(t, node[i]);
	}
	for (unsigned int i = 0; i < CROWD; i++)
		share_forget(t->s, node[i], 1);
}

/* Still the one that is found by that name, and usable: with its descriptor,
 * and when that had to be closed. */
static void assert_same(struct share_bench *t, uint64_t node, uint64_t parent,
			const char *name)
{
	for (int i = 0; i < 2; i++) {
		assert_true(guest_find(t, parent, name) == node);
		guest_stat(t, node);
		crowd(t);
		guest_stat(t, node);
		crowd(t);
	}
}

static void what_is_written_is_the_same_file(void **state)
{
	static const char *const names[] = { "f", "x" };
	struct share_bench *t = *state;

	for (int i = 0; i < 2; i++) {
		uint64_t before = birth(t, names[i]);
		uint64_t n = guest_find(t, SHARE_ROOT, names[i]);
		uint64_t handle = guest_open(t, n, O_RDWR);

		assert_true(birth(t, names[i]) != before); /* or no test */
		assert_int_equal(guest_write(t, handle, "new", 0), 3);
		assert_same(t, n, SHARE_ROOT, names[i]);
		assert_true(host_has(t, names[i], "new"));
		share_close(t->s, handle);
	}
}

static void what_is_changed_is_the_same_file(void **state)
{
	const struct share_change c = { .set = SHARE_SET_MODE, .mode = 0600 };
	struct share_bench *t = *state;
	uint64_t f = guest_find(t, SHARE_ROOT, "f");
	uint64_t x = guest_find(t, SHARE_ROOT, "x");
	struct share_attr attr;

	assert_int_equal(share_setattr(t->s, f, 0, &c, &attr), 0);
	assert_same(t, f, SHARE_ROOT, "f");
	assert_int_equal(share_setattr(t->s, x, 0, &c, &attr), 0);
	assert_same(t, x, SHARE_ROOT, "x");
}

static void what_is_moved_is_the_same_file(void **state)
{
	struct share_bench *t = *state;
	uint64_t f = guest_find(t, SHARE_ROOT, "f");
	uint64_t x = guest_find(t, SHARE_ROOT, "x");
	uint64_t g, e = guest_find(t, guest_find(t, SHARE_ROOT, "d"), "e");

	crowd(t);
	assert_int_equal(try_rename(t, "f", "moved", 0), 0);
	assert_same(t, f, SHARE_ROOT, "moved");
	crowd(t);
	assert_int_equal(try_rename(t, "x", "moved", RENAME_EXCHANGE), 0);
	assert_same(t, x, SHARE_ROOT, "moved");
	assert_same(t, f, SHARE_ROOT, "x");
	g = guest_find(t, e, "g");
	crowd(t);
	assert_int_equal(share_rename(t->s, e, "g", SHARE_ROOT, "g", 0), 0);
	assert_same(t, g, SHARE_ROOT, "g");
	assert_same(t, e, guest_find(t, SHARE_ROOT, "d"), "e");
}

static void what_is_linked_is_the_same_file(void **state)
{
	struct share_bench *t = *state;
	uint64_t f = guest_find(t, SHARE_ROOT, "f");
	uint64_t x = guest_find(t, SHARE_ROOT, "x");
	struct share_entry e;

	assert_int_equal(share_link(t->s, f, SHARE_ROOT, "f2", &e), 0);
	if (birth(t, "f") != birth(t, "f2"))
		skip(); /* without attributes the host tells them apart */
	assert_true(e.node == f);
	assert_same(t, f, SHARE_ROOT, "f");
	assert_int_equal(share_link(t->s, x, SHARE_ROOT, "x2", &e), 0);
	assert_true(e.node == x);
	assert_same(t, x, SHARE_ROOT, "x2");
}

static void a_folder_above_is_the_same(void **state)
{
	struct share_bench *t = *state;
	uint64_t d = guest_find(t, SHARE_ROOT, "d");
	uint64_t e = guest_find(t, d, "e"), g = guest_find(t, e, "g");
	uint64_t before = birth(t, "d");

	crowd(t);
	share_close(t->s, guest_open(t, g, O_RDWR));
	assert_true(birth(t, "d") != before);
	crowd(t);
	guest_stat(t, e);
	assert_same(t, d, SHARE_ROOT, "d");
	assert_same(t, e, d, "e");
	assert_same(t, g, e, "g");
}

static void a_folder_that_the_host_changes_is_the_same(void **state)
{
	struct share_bench *t = *state;
	uint64_t d = guest_find(t, SHARE_ROOT, "d");
	uint64_t e = guest_find(t, d, "e");

	crowd(t);
	host_put(t, "d/e/new", "x");
	assert_true(guest_find(t, SHARE_ROOT, "d") == d);
	assert_true(guest_find(t, d, "e") == e);
	assert_same(t, d, SHARE_ROOT, "d");
	assert_same(t, e, d, "e");
}

static void another_file_is_another(void **state)
{
	struct share_bench *t = *state;
	uint64_t f = guest_find(t, SHARE_ROOT, "f");
	uint64_t d = guest_find(t, SHARE_ROOT, "d");
	struct share_attr a;

	crowd(t);
	host_put(t, "other", "other");
	host_rename(t, "other", "f");
	host_rename(t, "d/e/g", "g");
	assert_int_equal(unlinkat(t->fd, "d/e", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(t->fd, "d/secret", 0), 0);
	assert_int_equal(unlinkat(t->fd, "d", AT_REMOVEDIR), 0);
	host_mkdir(t, "d");
	assert_int_equal(share_getattr(t->s, f, &a), -ESTALE);
	assert_int_equal(share_getattr(t->s, d, &a), -ESTALE);
	assert_true(guest_find(t, SHARE_ROOT, "f") != f);
	assert_true(guest_find(t, SHARE_ROOT, "d") != d);
}

/* Whoever changes the folder. */
static void what_is_hidden_stays_hidden(void **state)
{
	static const char *const names[] = { "d/secret", "d/e/g" };
	struct share_bench *t = *state;
	uint64_t d, e, handle;

	share_bench_open_with(t, 128, &(struct share_config){
		.hidden = names, .hidden_count = 2 });
	d = guest_find(t, SHARE_ROOT, "d");
	e = guest_find(t, d, "e");
	assert_int_equal(guest_look(t, d, "secret"), -ENOENT);
	guest_make(t, d, "new", &handle);
	host_put(t, "d/e/new", "x");
	share_forget(t->s, e, UINT32_MAX);
	share_forget(t->s, d, UINT32_MAX);
	for (int i = 0; i < 2; i++) {
		d = guest_find(t, SHARE_ROOT, "d");
		e = guest_find(t, d, "e");
		assert_int_equal(guest_look(t, d, "secret"), -ENOENT);
		assert_int_equal(guest_look(t, e, "g"), -ENOENT);
		assert_false(guest_lists(t, d, "secret"));
		crowd(t);
	}
	share_close(t->s, handle);
}

/* With numbers that stay, and with others. */
#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, together, finish), \
	cmocka_unit_test_setup_teardown(f, apart, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_is_written_is_the_same_file),
		BOTH(what_is_changed_is_the_same_file),
		BOTH(what_is_moved_is_the_same_file),
		BOTH(what_is_linked_is_the_same_file),
		cmocka_unit_test_setup_teardown(a_folder_above_is_the_same,
						together, finish),
		cmocka_unit_test_setup_teardown(
			a_folder_that_the_host_changes_is_the_same, together,
			finish),
		cmocka_unit_test_setup_teardown(another_file_is_another,
						together, finish),
		cmocka_unit_test_setup_teardown(what_is_hidden_stays_hidden,
						together, finish),
	};

	if (!may_mount())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
