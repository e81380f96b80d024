// SPDX-License-Identifier: BSD-3-Clause
/* The file system device and locks that are shared with the host: those that
 * have to wait hold up nobody. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs_case.h"

#include "base/num.h"

/* ---- asking ---- */

static const struct fs_config locking = { .tag = "data", .host_locks = true };

/* A session with locks, and a file that is open twice. */
struct two {
	uint64_t node;
	uint64_t fh, other;
};

static struct two begin(struct fs_case *t, const struct fs_config *cfg)
{
	struct two f;

	fs_case_replace(t, &(struct share_config){ 0 }, cfg);
	fs_case_init(t, FUSE_F_POSIX_LOCKS | FUSE_F_FLOCK_LOCKS);
	host_put(t->host, "f", "x");
	f.node = fs_find(t, SHARE_ROOT, "f");
	f.fh = fs_opened(t, FUSE_OPEN, f.node, O_RDWR);
	f.other = fs_opened(t, FUSE_OPEN, f.node, O_RDWR);
	return f;
}

static struct fuse_lk_in lock_of(uint64_t fh, uint64_t owner, uint32_t type)
{
	return (struct fuse_lk_in){
		.fh = le64_put(fh), .owner = le64_put(owner),
		.lk = { .end = le64_put(INT64_MAX), .type = le32_put(type) },
	};
}

static int set_lock(struct fs_case *t, uint64_t fh, uint64_t owner,
		    uint32_t type)
{
	const struct fuse_lk_in in = lock_of(fh, owner, type);

	return fs_ask(t, FUSE_SETLK, 1, &in, sizeof(in)).error;
}

/* One that waits; its answer comes to place @i. Its number. */
static uint64_t wait_lock(struct fs_case *t, unsigned int i, uint64_t fh,
			  uint64_t owner, uint32_t type)
{
	const struct fuse_lk_in in = lock_of(fh, owner, type);
	const struct fs_req req = { .opcode = FUSE_SETLKW, .node = 1,
				    .arg = &in, .arg_len = sizeof(in) };

	return fs_ask_later(t, &req, i);
}

/* What one that waited is told at last. */
static int told(struct fs_case *t, unsigned int i, uint64_t unique)
{
	fs_collect(t);
	return fs_told(t, i, unique);
}

static void interrupt(struct fs_case *t, uint64_t unique)
{
	const struct fuse_interrupt_in in = { le64_put(unique) };

	assert_int_equal(fs_send(t, &(struct fs_req){
		.opcode = FUSE_INTERRUPT, .arg = &in, .arg_len = sizeof(in),
		.hiprio = true }).len, 0);
}

/* ---- tests ---- */

static void locks_are_offered_where_they_are_wanted(void **state)
{
	const uint32_t both = FUSE_F_POSIX_LOCKS | FUSE_F_FLOCK_LOCKS;
	struct fs_case *t = *state;
	const struct fuse_lk_in in = lock_of(1, 1, F_RDLCK);

	assert_false(fs_case_init(t, UINT32_MAX) & both);
	for (uint32_t op = FUSE_GETLK; op <= FUSE_SETLKW; op++)
		assert_int_equal(fs_ask(t, op, 1, &in, sizeof(in)).error,
				 -ENOSYS);
	interrupt(t, 1);
	fs_case_replace(t, &(struct share_config){ 0 }, &locking);
	assert_true((fs_case_init(t, UINT32_MAX) & both) == both);
}

static void a_lock_is_set_asked_for_and_given_back(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	struct fuse_lk_in in = lock_of(f.other, 2, F_RDLCK);
	struct fs_answer a;

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	assert_int_equal(set_lock(t, f.other, 2, F_RDLCK), -EAGAIN);
	a = fs_ask(t, FUSE_GETLK, f.node, &in, sizeof(in));
	assert_int_equal(a.error, 0);
	assert_int_equal(a.size, sizeof(struct fuse_lk_out));
	assert_int_equal(le32_at(a.data + 16), F_WRLCK);
	assert_true(le64_at(a.data + 8) == INT64_MAX);
	assert_int_equal(set_lock(t, f.fh, 1, F_UNLCK), 0);
	a = fs_ask(t, FUSE_GETLK, f.node, &in, sizeof(in));
	assert_int_equal(le32_at(a.data + 16), F_UNLCK);
	in = lock_of(99, 1, F_RDLCK);
	assert_int_equal(fs_ask(t, FUSE_GETLK, 1, &in, sizeof(in)).error,
			 -EBADF);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	struct fuse_lk_in in = lock_of(f.fh, 1, 3);

	for (uint32_t op = FUSE_GETLK; op <= FUSE_SETLKW; op++) {
		in.lk.type = le32_put(3);
		assert_int_equal(fs_ask(t, op, 1, &in, sizeof(in)).error,
				 -EINVAL);
		in.lk.type = le32_put(0x100);
		assert_int_equal(fs_ask(t, op, 1, &in, sizeof(in)).error,
				 -EINVAL);
		in.lk.type = le32_put(F_RDLCK);
		assert_int_equal(fs_ask(t, op, 1, &in, sizeof(in) - 1).error,
				 -EINVAL);
		in.lk.start = le64_put(UINT64_MAX);
		assert_int_equal(fs_ask(t, op, 1, &in, sizeof(in)).error,
				 -EINVAL);
		in.lk.start = le64_put(0);
	}
}

static void who_waits_holds_up_nobody(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	uint64_t unique;

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	unique = wait_lock(t, 0, f.other, 2, F_WRLCK);
	assert_true(fs_is_silent(t));
	assert_int_equal(fs_ask(t, FUSE_GETATTR, f.node, NULL, 0).error, 0);
	assert_int_equal(set_lock(t, f.other, 3, F_RDLCK), -EAGAIN);
	assert_int_equal(set_lock(t, f.fh, 1, F_UNLCK), 0);
	assert_int_equal(told(t, 0, unique), 0);
	assert_int_equal(set_lock(t, f.fh, 1, F_RDLCK), -EAGAIN);
	/* What is free needs no waiting. */
	assert_int_equal(set_lock(t, f.fh, 2, F_UNLCK), 0);
	unique = wait_lock(t, 1, f.other, 2, F_WRLCK);
	assert_int_equal(told(t, 1, unique), 0);
}

static void a_lock_of_the_hosts_is_waited_for(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	int fd = openat(t->host->fd, "f", O_RDWR | O_CLOEXEC);
	struct flock range = { .l_type = F_WRLCK };
	uint64_t unique;

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
	assert_int_equal(set_lock(t, f.fh, 1, F_RDLCK), -EAGAIN);
	unique = wait_lock(t, 0, f.fh, 1, F_RDLCK);
	assert_true(fs_is_silent(t));
	close(fd);
	assert_int_equal(told(t, 0, unique), 0);
}

static void who_waits_can_be_interrupted(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	uint64_t one, two;

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	one = wait_lock(t, 0, f.other, 2, F_WRLCK);
	two = wait_lock(t, 1, f.other, 3, F_WRLCK);
	interrupt(t, 12345);
	assert_true(fs_is_silent(t));
	interrupt(t, two);
	assert_int_equal(told(t, 1, two), -EINTR);
	interrupt(t, two);
	interrupt(t, one);
	assert_int_equal(told(t, 0, one), -EINTR);
	assert_int_equal(set_lock(t, f.other, 2, F_RDLCK), -EAGAIN);
}

static void D908_those_who_wait_have_a_limit(void **state)
{
	const struct fs_config few = { .tag = "data", .host_locks = true,
				       .waiters = 2 };
	struct fs_case *t = *state;
	struct two f = begin(t, &few);
	uint64_t unique[3];

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	for (unsigned int i = 0; i < 3; i++)
		unique[i] = wait_lock(t, i, f.other, 2 + i, F_RDLCK);
	assert_int_equal(told(t, 2, unique[2]), -ENOLCK);
	assert_int_equal(set_lock(t, f.fh, 1, F_UNLCK), 0);
	assert_int_equal(told(t, 0, unique[0]), 0);
	assert_int_equal(told(t, 1, unique[1]), 0);
}

static void closing_gives_locks_back(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	struct fuse_owner_in in = { .head.fh = le64_put(f.fh),
				    .owner = le64_put(1) };
	struct fuse_lk_in whole = lock_of(f.fh, 1, F_WRLCK);
	uint64_t unique;

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	unique = wait_lock(t, 0, f.other, 2, F_WRLCK);
	assert_int_equal(fs_ask(t, FUSE_FLUSH, f.node, &in,
				sizeof(in.head)).error, 0);
	assert_true(fs_is_silent(t));
	assert_int_equal(fs_ask(t, FUSE_FLUSH, f.node, &in, sizeof(in)).error,
			 0);
	assert_int_equal(told(t, 0, unique), 0);
	/* Who waits with a file that is closed waits no longer. */
	unique = wait_lock(t, 0, f.fh, 1, F_WRLCK);
	whole.lk_flags = le32_put(FUSE_LK_FLOCK);
	assert_int_equal(fs_ask(t, FUSE_SETLK, 1, &whole,
				sizeof(whole)).error, 0);
	in.head.more = le32_put(FUSE_RELEASE_FLOCK);
	assert_int_equal(fs_ask(t, FUSE_RELEASE, f.node, &in,
				sizeof(in)).error, 0);
	assert_int_equal(told(t, 0, unique), -EBADF);
	whole.fh = le64_put(f.other);
	whole.owner = le64_put(2);
	assert_int_equal(fs_ask(t, FUSE_SETLK, 1, &whole,
				sizeof(whole)).error, 0);
}

static void a_reset_forgets_who_waits(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	wait_lock(t, 0, f.other, 2, F_WRLCK);
	fs_case_run(t);
	assert_true(fs_is_silent(t));
	f = begin(t, &locking);
	assert_int_equal(set_lock(t, f.fh, 2, F_WRLCK), 0);
	/* So does the end, in the middle of it. */
	wait_lock(t, 0, f.other, 3, F_WRLCK);
}

static void a_queue_that_is_reset_in_a_pause_forgets_who_waits(void **state)
{
	struct fs_case *t = *state;
	struct two f;

	t->packed |= VIRTIO_F_RING_RESET;
	f = begin(t, &locking);
	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	wait_lock(t, 0, f.other, 2, F_WRLCK);
	front_sync(&t->front);
	pthread_mutex_lock(&t->front.lock);
	virtio_pause(t->front.v);
	pthread_mutex_unlock(&t->front.lock);
	front_set(&t->front, VREG_QUEUE_SEL, FS_REQUESTS);
	front_set(&t->front, VREG_QUEUE_RESET, 1);
	driver_ring_reset(&t->ring[FS_REQUESTS]);
	assert_true(front_queue(&t->front, FS_REQUESTS,
				&t->ring[FS_REQUESTS].params));
	pthread_mutex_lock(&t->front.lock);
	virtio_resume(t->front.v);
	pthread_mutex_unlock(&t->front.lock);
	assert_int_equal(set_lock(t, f.fh, 1, F_UNLCK), 0);
	assert_true(fs_is_silent(t));
}

static void a_session_that_ends_answers_who_waits(void **state)
{
	struct fs_case *t = *state;
	struct two f = begin(t, &locking);
	uint64_t unique;

	assert_int_equal(set_lock(t, f.fh, 1, F_WRLCK), 0);
	unique = wait_lock(t, 0, f.other, 2, F_WRLCK);
	assert_int_equal(fs_ask(t, FUSE_DESTROY, 0, NULL, 0).error, 0);
	assert_int_equal(told(t, 0, unique), -EBADF);
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, fs_case_split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, fs_case_packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(locks_are_offered_where_they_are_wanted),
		BOTH(a_lock_is_set_asked_for_and_given_back),
		BOTH(what_makes_no_sense_is_refused),
		BOTH(who_waits_holds_up_nobody),
		BOTH(a_lock_of_the_hosts_is_waited_for),
		BOTH(who_waits_can_be_interrupted),
		BOTH(D908_those_who_wait_have_a_limit),
		BOTH(closing_gives_locks_back),
		BOTH(a_reset_forgets_who_waits),
		BOTH(a_queue_that_is_reset_in_a_pause_forgets_who_waits),
		BOTH(a_session_that_ends_answers_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
