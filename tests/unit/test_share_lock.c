// SPDX-License-Identifier: BSD-3-Clause
/* Locks of a guest on the host's files, with a second program there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "share_bench.h"

#include "backends/share_lock.h"
#include "base/num.h"

#define ALL INT64_MAX

/* ---- the host: each call is another process ---- */

/* Whether it gets that lock now; a lock that is got ends with it. */
static bool host_gets(struct share_bench *t, const char *name, short type,
		      off_t start, off_t len)
{
	struct flock range = { .l_type = type, .l_whence = SEEK_SET,
			       .l_start = start, .l_len = len };
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = openat(t->fd, name, O_RDWR | O_CLOEXEC);

		_exit(fd < 0 ? 2 : fcntl(fd, F_SETLK, &range) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static bool host_gets_whole(struct share_bench *t, const char *name, int op)
{
	int fd = openat(t->fd, name, O_RDONLY | O_CLOEXEC);
	int r = flock(fd, op | LOCK_NB);

	assert_true(fd >= 0);
	close(fd);
	return r == 0;
}

/* ---- the guest ---- */

static int lock(struct share_bench *t, uint64_t handle, uint64_t owner,
		int type, uint64_t start, uint64_t end)
{
	const struct share_lock l = { handle, owner, false, type, start, end };

	return share_lock(t->s, &l);
}

static int lock_whole(struct share_bench *t, uint64_t handle, uint64_t owner,
		      int type)
{
	const struct share_lock l = { handle, owner, true, type, 0, ALL };

	return share_lock(t->s, &l);
}

/* What is in the way of a lock of the whole file. */
static struct share_lock way(struct share_bench *t, uint64_t handle,
			     uint64_t owner, int type)
{
	struct share_lock l = { handle, owner, false, type, 0, ALL };

	assert_int_equal(share_lock_test(t->s, &l), 0);
	return l;
}

static uint64_t open_a(struct share_bench *t, int flags)
{
	return guest_open(t, guest_find(t, SHARE_ROOT, "a"), flags);
}

/* ---- tests ---- */

static void a_guests_lock_keeps_the_host_out(void **state)
{
	struct share_bench *t = *state;
	uint64_t h;

	host_put(t, "a", "0123456789");
	h = open_a(t, O_RDWR);
	assert_int_equal(lock(t, h, 1, F_WRLCK, 2, 3), 0);
	assert_false(host_gets(t, "a", F_RDLCK, 3, 1));
	assert_true(host_gets(t, "a", F_WRLCK, 4, 0));
	assert_true(host_gets(t, "a", F_WRLCK, 0, 2));
	assert_int_equal(lock(t, h, 1, F_RDLCK, 2, 3), 0);
	assert_true(host_gets(t, "a", F_RDLCK, 0, 0));
	assert_false(host_gets(t, "a", F_WRLCK, 2, 1));
	assert_int_equal(lock(t, h, 1, F_UNLCK, 3, 3), 0);
	assert_true(host_gets(t, "a", F_WRLCK, 3, 0));
	assert_false(host_gets(t, "a", F_WRLCK, 2, 1));
	assert_int_equal(lock(t, h, 1, F_UNLCK, 0, ALL), 0);
	assert_true(host_gets(t, "a", F_WRLCK, 0, 0));
	assert_int_equal(lock(t, h, 1, F_WRLCK, 0, ALL), 0);
	assert_false(host_gets(t, "a", F_WRLCK, 1000, 1));
}

static void the_hosts_lock_keeps_a_guest_out(void **state)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			       .l_start = 5, .l_len = 2 };
	struct share_bench *t = *state;
	struct share_lock l;
	uint64_t h;
	int fd;

	host_put(t, "a", "0123456789");
	h = open_a(t, O_RDWR);
	fd = openat(t->fd, "a", O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 0, 5), -EAGAIN);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 0, 4), 0);
	l = way(t, h, 1, F_RDLCK);
	assert_int_equal(l.type, F_WRLCK);
	assert_int_equal(l.start, 5);
	assert_int_equal(l.end, 6);
	range.l_len = 0;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
	assert_true(way(t, h, 1, F_RDLCK).end == ALL);
	close(fd);
	assert_int_equal(lock(t, h, 1, F_WRLCK, 0, ALL), 0);
	assert_int_equal(way(t, h, 1, F_WRLCK).type, F_UNLCK);
}

static void owners_in_the_guest_are_told_apart(void **state)
{
	struct share_bench *t = *state;
	uint64_t h, k;

	host_put(t, "a", "x");
	h = open_a(t, O_RDWR);
	k = open_a(t, O_RDONLY);
	assert_int_equal(lock(t, h, 1, F_WRLCK, 0, 9), 0);
	assert_int_equal(lock(t, h, 2, F_WRLCK, 9, 9), -EAGAIN);
	assert_int_equal(lock(t, k, 2, F_RDLCK, 9, 9), -EAGAIN);
	assert_int_equal(way(t, h, 2, F_RDLCK).type, F_WRLCK);
	/* The same, by another open file; and others' are not given back. */
	assert_int_equal(lock(t, k, 1, F_WRLCK, 0, 20), 0);
	assert_int_equal(lock(t, h, 2, F_UNLCK, 0, ALL), 0);
	share_lock_drop(t->s, h, 2, false);
	share_lock_drop(t->s, h, 1, true);
	assert_int_equal(lock(t, h, 2, F_RDLCK, 0, 0), -EAGAIN);
	share_lock_drop(t->s, k, 1, false);
	assert_int_equal(lock(t, h, 2, F_RDLCK, 0, 0), 0);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 0, 0), 0);
}

static void locks_of_whole_files_are_another_kind(void **state)
{
	struct share_bench *t = *state;
	uint64_t h;

	host_put(t, "a", "x");
	h = open_a(t, O_RDONLY);
	assert_int_equal(lock_whole(t, h, 1, F_WRLCK), 0);
	assert_int_equal(lock_whole(t, h, 2, F_RDLCK), -EAGAIN);
	assert_int_equal(lock(t, h, 2, F_RDLCK, 0, ALL), 0);
	assert_false(host_gets_whole(t, "a", LOCK_SH));
	assert_int_equal(lock_whole(t, h, 1, F_RDLCK), 0);
	assert_true(host_gets_whole(t, "a", LOCK_SH));
	assert_false(host_gets_whole(t, "a", LOCK_EX));
	assert_int_equal(lock_whole(t, h, 2, F_RDLCK), 0);
	assert_int_equal(lock_whole(t, h, 1, F_UNLCK), 0);
	assert_int_equal(lock_whole(t, h, 3, F_UNLCK), 0);
	assert_false(host_gets_whole(t, "a", LOCK_EX));
	share_lock_drop(t->s, h, 2, true);
	assert_true(host_gets_whole(t, "a", LOCK_EX));
}

static void what_cannot_be_locked_is_refused(void **state)
{
	struct share_bench *t = *state;
	struct share_lock l = { 0, 1, false, F_RDLCK, 0, ALL };
	uint64_t h, dir;

	host_put(t, "a", "x");
	h = open_a(t, O_RDWR);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &dir), 0);
	assert_int_equal(lock(t, dir, 1, F_RDLCK, 0, ALL), -EBADF);
	assert_int_equal(lock(t, 0, 1, F_RDLCK, 0, ALL), -EBADF);
	assert_int_equal(lock(t, UINT64_MAX, 1, F_RDLCK, 0, ALL), -EBADF);
	assert_int_equal(lock(t, h, 1, 7, 0, ALL), -EINVAL);
	assert_int_equal(lock(t, h, 1, -1, 0, ALL), -EINVAL);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 1, 0), -EINVAL);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 0, UINT64_MAX), -EINVAL);
	assert_int_equal(lock(t, h, 1, F_RDLCK, UINT64_MAX, UINT64_MAX),
			 -EINVAL);
	assert_int_equal(lock(t, h, 1, F_WRLCK, ALL, ALL), 0);
	assert_int_equal(lock(t, h, 2, F_WRLCK, ALL - 1, ALL - 1), 0);
	assert_int_equal(share_lock_test(t->s, &l), -EBADF);
	l.handle = h;
	l.type = F_UNLCK;
	assert_int_equal(share_lock_test(t->s, &l), -EINVAL);
	l.type = F_RDLCK;
	l.whole = true;
	assert_int_equal(share_lock_test(t->s, &l), -EINVAL);
	share_lock_drop(t->s, 12345, 1, false);
}

static void locks_end_with_the_last_open_file(void **state)
{
	struct share_bench *t = *state;
	uint64_t h, k, n;

	host_put(t, "a", "x");
	n = guest_find(t, SHARE_ROOT, "a");
	h = guest_open(t, n, O_RDWR);
	k = guest_open(t, n, O_RDWR);
	assert_int_equal(lock(t, h, 1, F_WRLCK, 0, ALL), 0);
	assert_int_equal(lock_whole(t, h, 1, F_WRLCK), 0);
	share_forget(t->s, n, UINT64_MAX);
	share_close(t->s, h);
	assert_false(host_gets(t, "a", F_RDLCK, 0, 0));
	assert_int_equal(lock(t, k, 2, F_RDLCK, 0, 0), -EAGAIN);
	share_close(t->s, k);
	assert_true(host_gets(t, "a", F_WRLCK, 0, 0));
	assert_true(host_gets_whole(t, "a", LOCK_EX));
	h = open_a(t, O_RDWR);
	assert_int_equal(lock(t, h, 1, F_WRLCK, 0, ALL), 0);
	share_reset(t->s);
	assert_true(host_gets(t, "a", F_WRLCK, 0, 0));
	assert_int_equal(share_bench_files(), t->files + 2);
}

static void D908_owners_of_locks_have_a_limit(void **state)
{
	struct share_bench *t = *state;
	uint64_t h, n;

	share_bench_open_small(t);
	host_put(t, "a", "x");
	h = open_a(t, O_RDWR);
	for (n = 0; lock(t, h, n, F_RDLCK, 0, ALL) == 0; n++)
		assert_true(n < 100);
	assert_int_equal(n, 8);
	assert_int_equal(lock(t, h, n, F_RDLCK, 0, ALL), -ENOLCK);
	assert_int_equal(lock_whole(t, h, 1, F_RDLCK), -ENOLCK);
	assert_int_equal(lock(t, h, 3, F_RDLCK, 0, 5), 0);
	assert_int_equal(lock(t, h, 3, F_UNLCK, 0, ALL), 0);
	assert_int_equal(lock(t, h, n, F_RDLCK, 0, ALL), 0);
}

static void a_read_only_tree_has_locks_to_read(void **state)
{
	const struct share_config cfg = { .read_only = true };
	struct share_bench *t = *state;
	uint64_t h;

	share_bench_open(t, &cfg);
	host_put(t, "a", "x");
	h = open_a(t, O_RDONLY);
	assert_int_equal(lock(t, h, 1, F_RDLCK, 0, ALL), 0);
	assert_false(host_gets(t, "a", F_WRLCK, 0, 0));
	assert_int_equal(lock(t, h, 2, F_WRLCK, 0, ALL), -EBADF);
	assert_int_equal(lock_whole(t, h, 1, F_WRLCK), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

static void who_waits_opens_the_file_once(void **state)
{
	struct share_bench *t = *state;
	struct share_lock l = { 0, 1, false, F_WRLCK, 0, ALL, true };
	unsigned int files;
	uint64_t handle;
	int fd;

	host_put(t, "f", "x");
	handle = guest_open(t, guest_find(t, SHARE_ROOT, "f"), O_RDWR);
	l.handle = handle;
	fd = openat(t->fd, "f", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	files = share_bench_files();
	for (int i = 0; i < 2; i++) {
		/* One of each kind. */
		l.whole = i == 0;
		if (!l.whole)
			assert_int_equal(lock(t, handle, 2, F_RDLCK, 5, 5), 0);
		files = share_bench_files();
		for (int k = 0; k < 3; k++) {
			assert_int_equal(share_lock(t->s, &l), -EAGAIN);
			assert_int_equal(share_bench_files(), files + 1);
		}
		share_lock_give_up(t->s, &l);
		share_lock_give_up(t->s, &l);
		assert_int_equal(share_bench_files(), files);
	}
	assert_int_equal(share_lock(t->s, &l), -EAGAIN);
	assert_int_equal(lock(t, handle, 2, F_UNLCK, 0, ALL), 0);
	assert_int_equal(share_lock(t->s, &l), 0);
	/* What it has stays when it gives up another. */
	l.start = 9;
	share_lock_give_up(t->s, &l);
	assert_false(host_gets(t, "f", F_RDLCK, 0, 1));
	close(fd);
	/* Waiting ends with the last open file. */
	assert_int_equal(lock(t, handle, 1, F_UNLCK, 0, ALL), 0);
	assert_int_equal(lock(t, handle, 2, F_RDLCK, 0, 0), 0);
	assert_int_equal(share_lock(t->s, &l), 0);
	l.owner = 3;
	assert_int_equal(share_lock(t->s, &l), -EAGAIN);
	assert_int_equal(share_close(t->s, handle), 0);
	assert_int_equal(share_lock(t->s, &l), -EBADF);
	share_lock_give_up(t->s, &l);
}

static void D908_those_who_wait_leave_room_for_locks(void **state)
{
	struct share_bench *t = *state;
	struct share_lock l = { 0, 0, false, F_WRLCK, 0, ALL, true };
	unsigned int files;
	uint64_t h, k;

	share_bench_open_small(t);
	host_put(t, "a", "x");
	host_put(t, "b", "x");
	h = open_a(t, O_RDWR);
	k = guest_open(t, guest_find(t, SHARE_ROOT, "b"), O_RDWR);
	assert_int_equal(lock(t, h, 100, F_WRLCK, 0, ALL), 0);
	files = share_bench_files();
	l.handle = h;
	for (l.owner = 0; l.owner < 50; l.owner++)
		assert_int_equal(share_lock(t->s, &l), -EAGAIN);
	/* Of the eight: one has a lock, three wait, and four are free. */
	assert_int_equal(share_bench_files(), files + 3);
	for (uint64_t owner = 0; owner < 4; owner++)
		assert_int_equal(lock(t, k, owner, F_RDLCK, 0, ALL), 0);
	assert_int_equal(lock(t, k, 4, F_RDLCK, 0, ALL), -ENOLCK);
	/* Each of those who wait gets it, when it can be had. */
	assert_int_equal(lock(t, k, 0, F_UNLCK, 0, ALL), 0);
	assert_int_equal(lock(t, h, 100, F_UNLCK, 0, ALL), 0);
	l.owner = 49;
	assert_int_equal(share_lock(t->s, &l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guests_lock_keeps_the_host_out),
		TEST(the_hosts_lock_keeps_a_guest_out),
		TEST(owners_in_the_guest_are_told_apart),
		TEST(locks_of_whole_files_are_another_kind),
		TEST(what_cannot_be_locked_is_refused),
		TEST(locks_end_with_the_last_open_file),
		TEST(who_waits_opens_the_file_once),
		TEST(D908_owners_of_locks_have_a_limit),
		TEST(D908_those_who_wait_leave_room_for_locks),
		TEST(a_read_only_tree_has_locks_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
