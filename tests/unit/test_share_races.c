// SPDX-License-Identifier: BSD-3-Clause
/* The file server and a host that changes the tree under its hands all the
 * time: what is outside stays out of reach. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share_bench.h"

#include "base/clock.h"

#define RACE_MS 500

static const struct share_user somebody = { 1234, 77 };

struct racer {
	struct share_bench *t;
	const char *a, *b; /* swapped all the time */
	pthread_t thread;
	atomic_bool stop;
	unsigned long swaps;
	uint64_t end;
};

static void *swap(void *ctx)
{
	struct racer *r = ctx;

	for (; !atomic_load(&r->stop); r->swaps++)
		renameat2(r->t->fd, r->a, r->t->fd, r->b, RENAME_EXCHANGE);
	return NULL;
}

static void race(struct racer *r, void *(*run)(void *), struct share_bench *t,
		 const char *a, const char *b)
{
	*r = (struct racer){ .t = t, .a = a, .b = b,
			     .end = clock_mono_ms() + RACE_MS };
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static bool racing(const struct racer *r)
{
	return clock_mono_ms() < r->end;
}

static void race_ends(struct racer *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->thread, NULL);
	assert_true(r->swaps > 10);
}

static void D905_a_folder_swapped_for_a_link_meanwhile(void **state)
{
	struct share_bench *t = *state;
	unsigned int found = 0;
	struct share_entry e;
	struct racer r;

	share_bench_open_small(t);
	host_mkdir(t, "door");
	assert_int_equal(symlinkat("../outside", t->fd, "link"), 0);
	race(&r, swap, t, "door", "link");
	while (racing(&r)) {
		uint64_t n = guest_find(t, SHARE_ROOT, "door"), handle;

		assert_int_not_equal(guest_look(t, n, "secret"), 0);
		if (share_open_folder(t->s, n, &handle) == 0) {
			assert_int_not_equal(share_lookup_in(t->s, handle,
							     "secret", &e), 0);
			share_close(t->s, handle);
			found++;
		}
		assert_int_not_equal(share_remove(t->s, n, "secret", false), 0);
		if (share_mkdir(t->s, n, "made", 0700, &somebody, &e) == 0) {
			share_forget(t->s, e.node, 1);
			assert_int_equal(share_remove(t->s, n, "made", true),
					 0);
		}
		share_forget(t->s, n, 1);
	}
	race_ends(&r);
	assert_true(found > 10);
	assert_int_equal(host_mode(t, "../outside/made"), -1);
}

static void D905_a_file_swapped_for_a_link_meanwhile(void **state)
{
	struct share_bench *t = *state;
	unsigned int opened = 0;
	struct racer r;
	char buf[64];

	host_put(t, "f", "x");
	assert_int_equal(symlinkat("../outside/secret", t->fd, "link"), 0);
	race(&r, swap, t, "f", "link");
	while (racing(&r)) {
		struct share_entry e;
		uint64_t n = guest_find(t, SHARE_ROOT, "f"), handle;

		if (share_open(t->s, n, O_RDWR, &handle) == 0) {
			assert_int_equal(guest_read(t, handle, buf, 64, 0), 1);
			assert_int_equal(guest_write(t, handle, "y", 0), 1);
			share_close(t->s, handle);
			opened++;
		}
		share_forget(t->s, n, 1);
		if (share_open_new(t->s, SHARE_ROOT, "f",
				   guest_how(O_RDWR, 0666), &e, &handle) == 0) {
			assert_int_equal(guest_read(t, handle, buf, 64, 0), 1);
			share_close(t->s, handle);
			share_forget(t->s, e.node, 1);
		}
	}
	race_ends(&r);
	assert_true(opened > 10);
}

static void D906_a_file_swapped_for_a_fifo_meanwhile(void **state)
{
	struct share_bench *t = *state;
	unsigned int opened = 0, refused = 0;
	struct racer r;

	host_put(t, "f", "x");
	assert_int_equal(mkfifoat(t->fd, "fifo", 0666), 0);
	race(&r, swap, t, "f", "fifo");
	while (racing(&r)) {
		uint64_t n = guest_find(t, SHARE_ROOT, "f"), handle;
		int got = share_open(t->s, n, O_RDONLY, &handle);

		assert_true(got == 0 || got == -EPERM || got == -ESTALE);
		if (got == 0)
			share_close(t->s, handle);
		opened += got == 0;
		refused += got == -EPERM;
		share_forget(t->s, n, 1);
	}
	race_ends(&r);
	assert_true(opened > 10 && refused > 10);
}

static void *plant(void *ctx)
{
	struct racer *r = ctx;
	int fd = r->t->fd;

	for (; !atomic_load(&r->stop); r->swaps++)
		if (linkat(fd, r->a, fd, "bait", 0) == 0 &&
		    renameat(fd, "bait", fd, r->b) < 0)
			unlinkat(fd, "bait", 0);
	return NULL;
}

/* A hard link to what is outside takes the place of what was just made. */
static void D907_only_what_was_made_is_given_away(void **state)
{
	struct share_bench *t = *state;
	struct share_entry e;
	struct stat st;
	struct racer r;

	race(&r, plant, t, "../outside/secret", "x");
	while (racing(&r)) {
		if (share_symlink(t->s, SHARE_ROOT, "x", "y", &somebody, &e) ==
		    0)
			share_forget(t->s, e.node, 1);
		unlinkat(t->fd, "x", 0);
		if (share_mknod(t->s, SHARE_ROOT, "x", S_IFREG | 0666,
				&somebody, &e) == 0)
			share_forget(t->s, e.node, 1);
		unlinkat(t->fd, "x", 0);
	}
	race_ends(&r);
	assert_int_equal(fstatat(t->fd, "../outside/secret", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode, S_IFREG | 0644);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D905_a_folder_swapped_for_a_link_meanwhile),
		TEST(D905_a_file_swapped_for_a_link_meanwhile),
		TEST(D906_a_file_swapped_for_a_fifo_meanwhile),
		TEST(D907_only_what_was_made_is_given_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
