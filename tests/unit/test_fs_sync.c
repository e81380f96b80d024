// SPDX-License-Identifier: BSD-3-Clause
/* The file system device and a guest's sync(): it reaches the host's disk, and
 * holds up nobody while it does. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs_case.h"

#include "base/num.h"

/* ---- the host's disk ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned int begun, allowed; /* how often it was asked, and may answer */
static bool open_gate = true;
static int failure;
static ino_t inode; /* what it was asked with */

/* In place of the C library's. */
int syncfs(int fd)
{
	struct stat st;
	int r;

	pthread_mutex_lock(&gate);
	inode = fstat(fd, &st) < 0 || fcntl(fd, F_GETFL) & O_PATH ? 0 :
								    st.st_ino;
	begun++;
	pthread_cond_broadcast(&moved);
	while (!open_gate && allowed < begun)
		pthread_cond_wait(&moved, &gate);
	r = failure;
	pthread_mutex_unlock(&gate);
	if (r)
		errno = r;
	return r ? -1 : 0;
}

static void set_gate(bool open, int error)
{
	pthread_mutex_lock(&gate);
	open_gate = open;
	failure = error;
	begun = 0;
	allowed = 0;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&gate);
}

static void wait_begun(unsigned int count)
{
	pthread_mutex_lock(&gate);
	while (begun < count)
		pthread_cond_wait(&moved, &gate);
	pthread_mutex_unlock(&gate);
}

static void allow(unsigned int count)
{
	pthread_mutex_lock(&gate);
	allowed = count;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&gate);
}

/* ---- asking ---- */

static uint64_t post_sync(struct fs_case *t, unsigned int i, uint64_t node)
{
	static const uint8_t zeroes[8];
	const struct fs_req req = { .opcode = FUSE_SYNCFS, .node = node,
				    .arg = zeroes, .arg_len = sizeof(zeroes) };

	return fs_ask_later(t, &req, i);
}

static int ask_sync(struct fs_case *t, uint64_t node)
{
	uint64_t unique = post_sync(t, 0, node);

	fs_collect(t);
	return fs_told(t, 0, unique);
}

static ino_t inode_of(struct fs_case *t, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(t->host->fd, name, &st, 0), 0);
	return st.st_ino;
}

/* ---- tests ---- */

static void a_sync_reaches_the_hosts_disk(void **state)
{
	struct fs_case *t = *state;
	uint64_t d;

	fs_case_init(t, 0);
	host_mkdir(t->host, "d");
	d = fs_find(t, SHARE_ROOT, "d");
	assert_int_equal(ask_sync(t, SHARE_ROOT), 0);
	assert_int_equal(begun, 1);
	assert_true(inode == inode_of(t, "."));
	assert_int_equal(ask_sync(t, d), 0);
	assert_int_equal(begun, 2);
	assert_true(inode == inode_of(t, "d"));
	set_gate(true, EIO);
	assert_int_equal(ask_sync(t, SHARE_ROOT), -EIO);
}

static void what_is_no_folder_is_refused(void **state)
{
	struct fs_case *t = *state;

	assert_int_equal(ask_sync(t, SHARE_ROOT), -EIO); /* no session yet */
	fs_case_init(t, 0);
	host_put(t->host, "f", "x");
	assert_int_equal(ask_sync(t, fs_find(t, SHARE_ROOT, "f")), -ENOTDIR);
	assert_int_equal(ask_sync(t, 0), -ESTALE);
	assert_int_equal(ask_sync(t, UINT64_MAX), -ESTALE);
	assert_int_equal(begun, 0);
}

static void read_only_there_is_nothing_to_write(void **state)
{
	struct fs_case *t = *state;

	fs_case_replace(t, &(struct share_config){ .read_only = true },
			&(struct fs_config){ .tag = "data" });
	fs_case_init(t, 0);
	set_gate(false, EIO);
	assert_int_equal(ask_sync(t, SHARE_ROOT), 0);
	assert_int_equal(begun, 0);
}

/* What ends with a file's closing is asked for only where that has locks. */
static void read_only_a_close_needs_no_request(void **state)
{
	const struct share_config back = { .read_only = true };
	struct fs_case *t = *state;

	for (int locks = 0; locks < 2; locks++) {
		struct fuse_owner_in in = { 0 };
		uint64_t f;

		fs_case_replace(t, &back, &(struct fs_config){
						  .tag = "data",
						  .host_locks = locks });
		fs_case_init(t, 0);
		host_put(t->host, "f", "x");
		f = fs_find(t, SHARE_ROOT, "f");
		in.head.fh = le64_put(fs_opened(t, FUSE_OPEN, f, 0));
		assert_int_equal(fs_ask(t, FUSE_FLUSH, f, &in,
					sizeof(in)).error,
				 locks ? 0 : -ENOSYS);
		assert_int_equal(fs_ask(t, FUSE_RELEASE, f, &in,
					sizeof(in)).error, 0);
	}
}

static void who_syncs_holds_up_nobody(void **state)
{
	struct fs_case *t = *state;
	uint64_t unique;

	fs_case_init(t, 0);
	set_gate(false, 0);
	host_put(t->host, "f", "x");
	unique = post_sync(t, 0, SHARE_ROOT);
	wait_begun(1);
	assert_true(fs_is_silent(t));
	assert_int_equal(fs_ask(t, FUSE_GETATTR, 1, NULL, 0).error, 0);
	fs_find(t, SHARE_ROOT, "f");
	allow(1);
	fs_collect(t);
	assert_int_equal(fs_told(t, 0, unique), 0);
}

/* What was written after the host had been asked is not on its disk when that
 * is answered. */
static void who_comes_meanwhile_waits_for_the_next(void **state)
{
	struct fs_case *t = *state;
	uint64_t unique[4], d;

	fs_case_init(t, 0);
	host_mkdir(t->host, "d");
	d = fs_find(t, SHARE_ROOT, "d");
	set_gate(false, 0);
	unique[0] = post_sync(t, 0, SHARE_ROOT);
	wait_begun(1);
	unique[1] = post_sync(t, 1, SHARE_ROOT);
	unique[2] = post_sync(t, 2, d);
	unique[3] = post_sync(t, 3, SHARE_ROOT);
	allow(1);
	fs_collect(t);
	assert_int_equal(fs_told(t, 0, unique[0]), 0);
	wait_begun(2);
	assert_true(fs_is_silent(t));
	assert_true(inode == inode_of(t, "."));
	allow(2);
	fs_collect(t);
	fs_collect(t);
	assert_int_equal(fs_told(t, 1, unique[1]), 0);
	assert_int_equal(fs_told(t, 3, unique[3]), 0);
	wait_begun(3);
	assert_true(fs_is_silent(t));
	assert_true(inode == inode_of(t, "d"));
	allow(3);
	fs_collect(t);
	assert_int_equal(fs_told(t, 2, unique[2]), 0);
	assert_int_equal(begun, 3);
}

/* The device itself waits for the disk then: nothing is lost but time. */
static void D908_a_crowd_that_syncs_is_served(void **state)
{
	struct fs_case *t = *state;
	uint64_t unique[7];

	fs_case_replace(t, &(struct share_config){ 0 },
			&(struct fs_config){ .tag = "data", .waiters = 2 });
	fs_case_init(t, 0);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(unique); i++)
			unique[i] = post_sync(t, i, SHARE_ROOT);
		for (unsigned int i = 0; i < ARRAY_SIZE(unique); i++)
			fs_collect(t);
		for (unsigned int i = 0; i < ARRAY_SIZE(unique); i++)
			assert_int_equal(fs_told(t, i, unique[i]), 0);
	}
	set_gate(false, 0);
	allow(1);
	unique[0] = post_sync(t, 0, SHARE_ROOT);
	fs_collect(t);
	unique[1] = post_sync(t, 1, SHARE_ROOT);
	wait_begun(2);
	unique[2] = post_sync(t, 2, SHARE_ROOT);
	assert_true(fs_is_silent(t));
	allow(4);
	for (unsigned int i = 1; i < 3; i++)
		fs_collect(t);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(fs_told(t, i, unique[i]), 0);
}

static void a_reset_forgets_who_syncs(void **state)
{
	struct fs_case *t = *state;
	uint64_t unique;

	fs_case_init(t, 0);
	set_gate(false, 0);
	post_sync(t, 0, SHARE_ROOT);
	wait_begun(1);
	post_sync(t, 1, SHARE_ROOT);
	fs_case_run(t);
	fs_case_init(t, 0);
	unique = post_sync(t, 0, SHARE_ROOT);
	assert_true(fs_is_silent(t));
	allow(1); /* of the session before */
	wait_begun(2);
	assert_true(fs_is_silent(t));
	allow(2);
	fs_collect(t);
	assert_int_equal(fs_told(t, 0, unique), 0);
	assert_true(fs_is_silent(t));
	/* So does the end, in the middle of it. */
	post_sync(t, 0, SHARE_ROOT);
	wait_begun(3);
	post_sync(t, 1, SHARE_ROOT);
	allow(4);
}

static void a_pause_keeps_who_syncs(void **state)
{
	struct fs_case *t = *state;
	struct driver_done d;
	uint64_t unique;

	fs_case_init(t, 0);
	set_gate(false, 0);
	unique = post_sync(t, 0, SHARE_ROOT);
	wait_begun(1);
	virtio_pause(t->front.v);
	allow(1);
	usleep(5000);
	assert_false(driver_collect(&t->ring[FS_REQUESTS], &d));
	virtio_resume(t->front.v);
	fs_collect(t);
	assert_int_equal(fs_told(t, 0, unique), 0);
}

/* ---- */

static int split(void **state)
{
	set_gate(true, 0);
	return fs_case_split(state);
}

static int packed(void **state)
{
	set_gate(true, 0);
	return fs_case_packed(state);
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, split, fs_case_end), \
	cmocka_unit_test_setup_teardown(f, packed, fs_case_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_sync_reaches_the_hosts_disk),
		BOTH(what_is_no_folder_is_refused),
		BOTH(read_only_there_is_nothing_to_write),
		BOTH(read_only_a_close_needs_no_request),
		BOTH(who_syncs_holds_up_nobody),
		BOTH(who_comes_meanwhile_waits_for_the_next),
		BOTH(D908_a_crowd_that_syncs_is_served),
		BOTH(a_reset_forgets_who_syncs),
		BOTH(a_pause_keeps_who_syncs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
