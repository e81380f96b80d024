// SPDX-License-Identifier: BSD-3-Clause
/* The file server and a hostile guest in a tree in which traps are set: what is
 * outside stays out of reach. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

#include "backends/share_tree.h"
#include "base/num.h"

static const struct share_user somebody = { 1234, 77 };

/* ---- names ---- */

static void D903_names_that_are_none_are_refused_everywhere(void **state)
{
	static const struct {
		const char *name;
		int r;
	} bad[] = {
		{ "", -EINVAL }, { ".", -EINVAL }, { "..", -EINVAL },
		{ "/", -EINVAL }, { "a/b", -EINVAL }, { "../outside", -EINVAL },
		{ "/etc", -EINVAL }, { "a/", -EINVAL },
		{ NULL, -ENAMETOOLONG },
	};
	struct share_bench *t = *state;
	char longest[SHARE_NAME_MAX + 2];
	struct share_entry e;
	uint64_t a, handle;

	host_put(t, "a", "x");
	a = guest_find(t, SHARE_ROOT, "a");
	memset(longest, 'n', sizeof(longest));
	longest[SHARE_NAME_MAX + 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *n = bad[i].name ? bad[i].name : longest;
		int r = bad[i].r;

		assert_int_equal(guest_look(t, SHARE_ROOT, n), r);
		assert_int_equal(try_mkdir(t, n), r);
		assert_int_equal(share_mknod(t->s, SHARE_ROOT, n, S_IFREG,
					     &somebody, &e), r);
		assert_int_equal(share_open_new(t->s, SHARE_ROOT, n,
						guest_how(0, 0600),
						&e, &handle), r);
		assert_int_equal(share_symlink(t->s, SHARE_ROOT, n, "x",
					       &somebody, &e), r);
		assert_int_equal(share_link(t->s, a, SHARE_ROOT, n, &e), r);
		assert_int_equal(share_remove(t->s, SHARE_ROOT, n, false), r);
		assert_int_equal(share_remove(t->s, SHARE_ROOT, n, true), r);
		assert_int_equal(try_rename(t, n, "b", 0), r);
		assert_int_equal(try_rename(t, "a", n, 0), r);
	}
	longest[SHARE_NAME_MAX] = '\0';
	assert_int_equal(try_mkdir(t, longest), 0);
	assert_int_equal(try_mkdir(t, "..."), 0);
	assert_int_equal(guest_count(t, SHARE_ROOT), 3);
}

/* ---- links that lead outside ---- */

static void D905_planted_links_lead_nowhere(void **state)
{
	static const char *const planted[] = { "abs", "rel", "up", "proc" };
	struct share_bench *t = *state;
	struct share_entry e;
	struct share_attr a;
	const struct share_change c = { .set = SHARE_SET_SIZE };
	uint64_t handle, n;
	char path[96];

	snprintf(path, sizeof(path), "%s/outside", t->dir);
	assert_int_equal(symlinkat(path, t->fd, "abs"), 0);
	assert_int_equal(symlinkat("../outside", t->fd, "rel"), 0);
	assert_int_equal(symlinkat("..", t->fd, "up"), 0);
	assert_int_equal(symlinkat("/proc/self/root", t->fd, "proc"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(planted); i++) {
		n = guest_find(t, SHARE_ROOT, planted[i]);
		assert_true(S_ISLNK(guest_stat(t, n).stx_mode));
		assert_int_equal(guest_look(t, n, "secret"), -ENOTDIR);
		assert_int_equal(share_open_folder(t->s, n, &handle), -ENOTDIR);
		assert_int_equal(share_mkdir(t->s, n, "x", 0700, &somebody, &e),
				 -ENOTDIR);
		assert_int_equal(share_remove(t->s, n, "secret", false),
				 -ENOTDIR);
		assert_int_equal(share_rename(t->s, n, "secret", SHARE_ROOT,
					      "x", 0), -ENOTDIR);
		assert_int_equal(share_open_new(t->s, n, "secret",
						guest_how(O_RDWR, 0600),
						&e, &handle),
				 -ENOTDIR);
	}
	assert_int_equal(symlinkat("../outside/secret", t->fd, "file"), 0);
	n = guest_find(t, SHARE_ROOT, "file");
	assert_int_equal(share_open(t->s, n, O_RDWR, &handle), -ELOOP);
	assert_int_equal(share_setattr(t->s, n, 0, &c, &a), -EINVAL);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "file",
					guest_how(O_RDWR, 0600),
					&e, &handle), -ELOOP);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "file",
					guest_how(O_RDWR | O_EXCL, 0600),
					&e, &handle), -EEXIST);
}

static void D905_attributes_of_a_link_stop_at_the_link(void **state)
{
	struct share_bench *t = *state;
	struct share_change c = { .set = SHARE_SET_MTIME,
				  .mtime = { 1234, 0 } };
	struct share_attr a;
	struct stat st;
	uint64_t n;

	assert_int_equal(symlinkat("../outside/secret", t->fd, "l"), 0);
	n = guest_find(t, SHARE_ROOT, "l");
	assert_int_equal(share_setattr(t->s, n, 0, &c, &a), 0);
	assert_int_equal(a.stx.stx_mtime.tv_sec, 1234);
	c = (struct share_change){ .set = SHARE_SET_MODE, .mode = 0 };
	share_setattr(t->s, n, 0, &c, &a);
	c = (struct share_change){ .set = SHARE_SET_UID, .uid = 1234 };
	share_setattr(t->s, n, 0, &c, &a);
	assert_int_equal(fstatat(t->fd, "../outside/secret", &st, 0), 0);
	assert_int_not_equal(st.st_mtime, 1234);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_uid, geteuid());
}

/* A place is walked again when its descriptors were closed. */
static void D905_a_folder_that_became_a_link_is_stale(void **state)
{
	struct share_bench *t = *state;
	uint64_t door, inner, file, handle;
	struct share_attr a;
	struct share_entry e;

	share_bench_open_small(t);
	host_mkdir(t, "door");
	host_mkdir(t, "door/inner");
	host_put(t, "door/inner/secret", "mine");
	host_mkdir(t, "../outside/inner");
	host_put(t, "../outside/inner/secret", "not mine");
	door = guest_find(t, SHARE_ROOT, "door");
	inner = guest_find(t, door, "inner");
	file = guest_find(t, inner, "secret");
	guest_crowd(t);
	host_rename(t, "door", "old");
	assert_int_equal(symlinkat("../outside", t->fd, "door"), 0);
	assert_int_equal(share_getattr(t->s, file, &a), -ESTALE);
	assert_int_equal(share_open(t->s, file, O_RDONLY, &handle), -ESTALE);
	assert_int_equal(guest_look(t, inner, "secret"), -ESTALE);
	assert_int_equal(share_mkdir(t->s, inner, "x", 0700, &somebody, &e),
			 -ESTALE);
	assert_int_equal(share_remove(t->s, inner, "secret", false), -ESTALE);
	assert_int_equal(share_open_folder(t->s, door, &handle), -ESTALE);
	assert_true(host_has(t, "../outside/inner/secret", "not mine"));
}

/* ---- special files ---- */

static void D906_special_files_are_seen_and_never_opened(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} kinds[] = {
		{ "fifo", S_IFIFO }, { "socket", S_IFSOCK },
		{ "null", S_IFCHR }, { "disk", S_IFBLK },
	};
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK,
				     O_RDWR | O_TRUNC };
	const struct share_change c = { .set = SHARE_SET_SIZE };
	struct share_bench *t = *state;
	struct share_entry e;
	struct share_attr a;
	uint64_t n, handle;
	char buf[8];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *name = kinds[i].name;

		if (mknodat(t->fd, name, kinds[i].mode | 0666, 0x103) < 0)
			continue; /* devices are root's */
		n = guest_find(t, SHARE_ROOT, name);
		assert_int_equal(guest_stat(t, n).stx_mode & S_IFMT,
				 kinds[i].mode);
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			assert_int_equal(share_open(t->s, n, flags[k], &handle),
					 -EPERM);
		assert_int_equal(share_open_new(t->s, SHARE_ROOT, name,
						guest_how(O_RDWR, 0600),
						&e, &handle),
				 -EPERM);
		assert_int_equal(share_setattr(t->s, n, 0, &c, &a), -EINVAL);
		assert_int_equal(share_getxattr(t->s, n, "user.x", buf, 8),
				 -EOPNOTSUPP);
		assert_int_equal(share_setxattr(t->s, n, "user.x", "1", 1, 0),
				 -EOPNOTSUPP);
		assert_int_equal(share_remove(t->s, SHARE_ROOT, name, false),
				 0);
	}
}

/* Where files have no time of birth, and numbers are used again. */
static void D906_another_kind_of_file_is_another_file(void **state)
{
	struct share_bench *t = *state;
	struct statx stx;
	struct share_key file, fifo;

	assert_int_equal(share_stat(t->fd, "", &stx), 0);
	stx.stx_mask &= ~(unsigned int)STATX_BTIME;
	stx.stx_mode = S_IFREG | 0644;
	file = share_key(&stx);
	stx.stx_mode = S_IFREG | 0600;
	fifo = share_key(&stx);
	assert_true(share_key_same(&file, &fifo));
	stx.stx_mode = S_IFIFO | 0600;
	fifo = share_key(&stx);
	assert_false(share_key_same(&file, &fifo));
}

static void D907_set_id_bits_go_before_contents_change(void **state)
{
	static const int flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC };
	const struct share_change c = { .set = SHARE_SET_SIZE };
	struct share_attr a;
	struct share_bench *t = *state;
	uint64_t n;

	host_put(t, "f", "x");
	n = guest_find(t, SHARE_ROOT, "f");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		assert_int_equal(fchmodat(t->fd, "f", 06755, 0), 0);
		share_close(t->s, guest_open(t, n, O_RDONLY));
		assert_int_equal(host_mode(t, "f"), S_IFREG | 06755);
		share_close(t->s, guest_open(t, n, flags[i]));
		assert_int_equal(host_mode(t, "f"), S_IFREG | 0755);
	}
	assert_int_equal(fchmodat(t->fd, "f", 04755, 0), 0);
	assert_int_equal(share_setattr(t->s, n, 0, &c, &a), 0);
	assert_int_equal(host_mode(t, "f"), S_IFREG | 0755);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D903_names_that_are_none_are_refused_everywhere),
		TEST(D905_planted_links_lead_nowhere),
		TEST(D905_attributes_of_a_link_stop_at_the_link),
		TEST(D905_a_folder_that_became_a_link_is_stale),
		TEST(D906_special_files_are_seen_and_never_opened),
		TEST(D906_another_kind_of_file_is_another_file),
		TEST(D907_set_id_bits_go_before_contents_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
