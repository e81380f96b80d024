// SPDX-License-Identifier: BSD-3-Clause
/* The file server's limits: nodes, open files, and how few descriptors what is
 * known takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "share_bench.h"

static void D915_nodes_have_a_limit(void **state)
{
	struct share_bench *t = *state;
	const struct share_config cfg = { .nodes = 10 };
	struct share_attr a;
	uint64_t first;
	char name[16];

	share_bench_open(t, &cfg);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		host_put(t, name, "");
	}
	first = guest_find(t, SHARE_ROOT, "f0");
	for (int i = 1; i < 9; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		guest_find(t, SHARE_ROOT, name);
	}
	assert_int_equal(guest_look(t, SHARE_ROOT, "f9"), -ENFILE);
	assert_int_equal(share_getattr(t->s, first, &a), 0);
	share_forget(t->s, first, 1);
	assert_int_equal(guest_look(t, SHARE_ROOT, "f9"), 0);
}

static void D908_handles_have_a_limit_and_numbers_once(void **state)
{
	struct share_bench *t = *state;
	const struct share_config cfg = { .handles = 3 };
	uint64_t handle[3], more, node;
	char c;

	share_bench_open(t, &cfg);
	host_put(t, "a", "x");
	node = guest_find(t, SHARE_ROOT, "a");
	for (int i = 0; i < 3; i++)
		handle[i] = guest_open(t, node, O_RDONLY);
	assert_int_equal(share_open(t->s, node, O_RDONLY, &more), -ENFILE);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &more), -ENFILE);
	assert_int_equal(share_close(t->s, handle[1]), 0);
	assert_int_equal(share_close(t->s, handle[1]), -EBADF);
	more = guest_open(t, node, O_RDONLY);
	assert_int_not_equal(more, handle[1]);
	assert_int_equal(guest_read(t, handle[1], &c, 1, 0), -EBADF);
	assert_int_equal(guest_read(t, more, &c, 1, 0), 1);
	assert_int_equal(share_close(t->s, 0), -EBADF);
	assert_int_equal(share_close(t->s, UINT64_MAX), -EBADF);
	assert_int_equal(share_close(t->s, 12345), -EBADF);
}

static void D913_thousands_of_nodes_take_few_descriptors(void **state)
{
	struct share_bench *t = *state;
	static uint64_t node[3000];
	char name[32], text[32];

	share_bench_open_small(t);
	for (unsigned int i = 0; i < 30; i++) {
		uint64_t folder;

		snprintf(name, sizeof(name), "d%u", i);
		folder = guest_mkdir(t, SHARE_ROOT, name);
		for (unsigned int k = 0; k < 100; k++) {
			snprintf(name, sizeof(name), "d%u/f%u", i, k);
			snprintf(text, sizeof(text), "%u", i * 100 + k);
			host_put(t, name, text);
			node[i * 100 + k] = guest_find(t, folder,
						       strchr(name, 'f'));
		}
		share_forget(t->s, folder, 1);
	}
	for (unsigned int i = 0; i < 3000; i++) {
		uint64_t handle = guest_open(t, node[i * 7 % 3000], O_RDONLY);
		int len = snprintf(text, sizeof(text), "%u", i * 7 % 3000);

		assert_int_equal(guest_read(t, handle, name, 32, 0), len);
		assert_memory_equal(name, text, (size_t)len);
		assert_int_equal(share_close(t->s, handle), 0);
		/* Root, /proc/self/fd, 16 that are cached. */
		assert_in_range(share_bench_files(), t->files,
				t->files + 18);
	}
}

static void D908_servers_share_the_limit_of_open_files(void **state)
{
	struct share_bench *t = *state;
	const struct share_config cfg = { .servers = 4 };
	uint64_t handle;
	int n = 0;

	share_bench_open_with(t, 1024, &cfg);
	while (share_open_folder(t->s, SHARE_ROOT, &handle) == 0)
		n++;
	assert_int_equal(n, 128);
}

static void D913_without_descriptors_requests_fail_and_no_more(void **state)
{
	struct share_bench *t = *state;
	struct rlimit limit, none;
	struct share_attr a;
	uint64_t d, f, handle;

	host_mkdir(t, "d");
	host_put(t, "d/f", "x");
	d = guest_find(t, SHARE_ROOT, "d");
	f = guest_find(t, d, "f");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(share_getattr(t->s, f, &a), -EMFILE);
	assert_int_equal(share_open(t->s, f, O_RDONLY, &handle), -EMFILE);
	assert_int_equal(share_open_folder(t->s, d, &handle), -EMFILE);
	assert_int_equal(share_open_folder(t->s, SHARE_ROOT, &handle),
			 -EMFILE);
	assert_int_equal(guest_look(t, SHARE_ROOT, "d"), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(share_getattr(t->s, f, &a), 0);
	assert_int_equal(share_close(t->s, guest_open(t, f, O_RDONLY)), 0);
}

/* Nor is anything left behind that nobody was told of. */
static void D913_what_cannot_be_told_of_is_not_made(void **state)
{
	const struct share_config few = { .nodes = 3, .handles = 1 };
	struct share_bench *t = *state;
	struct rlimit limit, none;
	struct share_entry e;
	uint64_t h, more;

	share_bench_open(t, &few);
	guest_make(t, SHARE_ROOT, "a", &h);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "b",
					guest_how(O_RDWR, 0600), &e, &more),
			 -ENFILE);
	assert_int_equal(host_mode(t, "b"), -1);
	guest_mkdir(t, SHARE_ROOT, "d");
	share_close(t->s, h);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "b",
					guest_how(O_RDWR, 0600), &e, &more),
			 -ENFILE);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "a",
					guest_how(O_RDWR, 0600), &e, &more), 0);
	assert_int_equal(try_mkdir(t, "c"), -ENFILE);
	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "x",
				       &share_bench_user, &e), -ENFILE);
	share_bench_open(t, &(struct share_config){ 0 });
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(try_mkdir(t, "c"), -EMFILE);
	assert_int_equal(share_symlink(t->s, SHARE_ROOT, "l", "x",
				       &share_bench_user, &e), -EMFILE);
	assert_int_equal(share_open_new(t->s, SHARE_ROOT, "b",
					guest_how(O_RDWR, 0600), &e, &more),
			 -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(host_mode(t, "b"), -1);
	assert_int_equal(host_mode(t, "c"), -1);
	assert_int_equal(host_mode(t, "l"), -1);
}

/* Deeper than there are descriptors, and than a way is followed. */
static void a_place_too_deep_to_be_found_again_is_an_error(void **state)
{
	struct share_bench *t = *state;
	uint64_t node = SHARE_ROOT, near = SHARE_ROOT;
	struct share_attr a;

	share_bench_open_small(t);
	for (int i = 0; i < 1100; i++) {
		node = guest_mkdir(t, node, "d");
		near = i == 500 ? node : near;
	}
	guest_crowd(t);
	assert_int_equal(share_getattr(t->s, node, &a), -ENAMETOOLONG);
	assert_int_equal(share_getattr(t->s, near, &a), 0);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, share_bench_setup, \
					share_bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(D915_nodes_have_a_limit),
		TEST(D908_handles_have_a_limit_and_numbers_once),
		TEST(D913_thousands_of_nodes_take_few_descriptors),
		TEST(D908_servers_share_the_limit_of_open_files),
		TEST(D913_without_descriptors_requests_fail_and_no_more),
		TEST(D913_what_cannot_be_told_of_is_not_made),
		TEST(a_place_too_deep_to_be_found_again_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
