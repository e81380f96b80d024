// SPDX-License-Identifier: BSD-3-Clause
/* src/control/runtime.c: names, and directories that outlive their process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/runtime.h"

struct fixture {
	char path[64]; /* of all VMs */
	int base;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	snprintf(f->path, sizeof(f->path), "/tmp/vireo-rt-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->base = runtime_base(f->path, false);
	return f->base < 0;
}

static int forget(const char *path, const struct stat *st, int kind,
		  struct FTW *where)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fd_close(&f->base);
	nftw(f->path, forget, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static bool exists(const struct fixture *f, const char *name)
{
	struct stat st;

	return fstatat(f->base, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct seen {
	unsigned int count;
	char last[RUNTIME_NAME_MAX + 1];
};

static void see(void *ctx, const char *name)
{
	struct seen *seen = ctx;

	seen->count++;
	snprintf(seen->last, sizeof(seen->last), "%s", name);
}

static unsigned int count(const struct fixture *f)
{
	struct seen seen = { 0 };

	runtime_list(f->base, see, &seen);
	return seen.count;
}

/* A process that has the name and is killed. */
static void leave_behind(const struct fixture *f, const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct runtime rt;

		if (runtime_claim(&rt, f->base, name) == 0)
			(void)!write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(count(f), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* As systemd-tmpfiles does before it looks into a directory. */
static bool may_be_aged(const struct fixture *f, const char *name)
{
	int fd = openat(f->base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked;

	assert_true(fd >= 0);
	locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return locked;
}

static void a_directory_in_use_is_not_aged(void **state)
{
	struct fixture *f = *state;
	struct runtime rt;

	assert_int_equal(runtime_claim(&rt, f->base, "one"), 0);
	assert_false(may_be_aged(f, "one"));
	assert_int_equal(count(f), 1);
	assert_false(may_be_aged(f, "one"));
	runtime_release(&rt);
	leave_behind(f, "two");
	assert_true(may_be_aged(f, "two"));
	assert_int_equal(count(f), 0);
}

static void names_are_as_those_of_the_key(void **state)
{
	static const char *const good[] = { "a", "7", "web1", "A.b_c-d" };
	static const char *const bad[] = { "",	 ".",	"..",	"-a", "_a",
					   "a/b", "a b", "a\n", "\xc3\xa4",
					   ".new-1" };
	char name[RUNTIME_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(runtime_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(runtime_name_ok(bad[i]));
	memset(name, 'x', sizeof(name));
	name[RUNTIME_NAME_MAX + 1] = '\0';
	assert_false(runtime_name_ok(name));
	name[RUNTIME_NAME_MAX] = '\0';
	assert_true(runtime_name_ok(name));
}

static void a_vm_has_a_directory_while_it_runs(void **state)
{
	struct fixture *f = *state;
	struct runtime rt;
	struct stat st;
	int fd;

	assert_int_equal(runtime_connect(f->base, "one", 100), -ENOENT);
	assert_int_equal(runtime_claim(&rt, f->base, "one"), 0);
	assert_string_equal(rt.name, "one");
	assert_int_equal(fstatat(f->base, "one", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fstatat(f->base, "one/control.sock", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = runtime_connect(f->base, "one", 100);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(count(f), 1);
	runtime_release(&rt);
	runtime_release(&rt);
	assert_false(exists(f, "one"));
	assert_int_equal(count(f), 0);
}

static void two_cannot_have_one_name(void **state)
{
	struct fixture *f = *state;
	struct runtime rt, other;

	assert_int_equal(runtime_claim(&rt, f->base, "one"), 0);
	assert_int_equal(runtime_claim(&other, f->base, "one"), -EEXIST);
	assert_int_equal(runtime_claim(&other, f->base, "two"), 0);
	assert_int_equal(count(f), 2);
	runtime_release(&other);
	runtime_release(&rt);
	assert_int_equal(rmdir(f->path), 0); /* and nothing else was left */
	assert_int_equal(mkdir(f->path, 0700), 0);
}

static void names_are_invented(void **state)
{
	struct fixture *f = *state;
	struct runtime rt[300];

	for (int i = 0; i < 300; i++) {
		assert_int_equal(runtime_claim(&rt[i], f->base, NULL), 0);
		assert_true(runtime_name_ok(rt[i].name));
	}
	assert_int_equal(count(f), 300);
	for (int i = 0; i < 300; i++)
		runtime_release(&rt[i]);
	assert_int_equal(count(f), 0);
}

static void K07_what_a_killed_one_left_is_removed(void **state)
{
	struct fixture *f = *state;

	leave_behind(f, "one");
	assert_true(exists(f, "one"));
	assert_int_equal(count(f), 0);
	assert_false(exists(f, "one"));
}

static void K07_what_a_killed_one_left_is_nobodys_name(void **state)
{
	struct fixture *f = *state;
	struct runtime rt;

	leave_behind(f, "one");
	assert_int_equal(runtime_claim(&rt, f->base, "one"), 0);
	assert_int_equal(count(f), 1);
	runtime_release(&rt);
}

static void nobody_answers_for_a_killed_one(void **state)
{
	struct fixture *f = *state;

	leave_behind(f, "one");
	assert_int_equal(runtime_connect(f->base, "one", 100), -ENOENT);
	assert_false(exists(f, "one"));
}

static void K07_what_was_never_finished_is_removed(void **state)
{
	struct fixture *f = *state;

	mkdirat(f->base, ".new-0123", 0700);
	mkdirat(f->base, ".new-4567", 0700);
	close(openat(f->base, ".new-4567/lock", O_CREAT | O_RDWR, 0600));
	mkdirat(f->base, "empty", 0700);
	assert_int_equal(count(f), 0);
	assert_false(exists(f, ".new-0123"));
	assert_false(exists(f, ".new-4567"));
	assert_false(exists(f, "empty"));
}

/* Links lead nowhere, and a directory with a user's file stays. */
static void C06_what_is_not_ours_stays(void **state)
{
	struct fixture *f = *state;
	struct runtime rt;

	assert_int_equal(symlinkat("/tmp", f->base, "link"), 0);
	mkdirat(f->base, "full", 0700);
	mkdirat(f->base, "full/file", 0700);
	mkdirat(f->base, ".git", 0700);
	assert_int_equal(count(f), 0);
	assert_true(exists(f, "link"));
	assert_true(exists(f, "full"));
	assert_true(exists(f, ".git"));
	assert_int_equal(runtime_claim(&rt, f->base, "link"), -EEXIST);
	assert_int_equal(runtime_claim(&rt, f->base, "full"), -EEXIST);
}

static void C07_the_directory_of_all_is_ones_own(void **state)
{
	struct fixture *f = *state;
	char path[96];
	int fd;

	assert_int_equal(chmod(f->path, 0755), 0);
	assert_int_equal(runtime_base(f->path, true), -EPERM);
	assert_int_equal(chmod(f->path, 0700), 0);
	snprintf(path, sizeof(path), "%s/deep/er", f->path);
	assert_int_equal(runtime_base(path, true), -ENOENT);
	snprintf(path, sizeof(path), "%s/deep", f->path);
	assert_int_equal(runtime_base(path, false), -ENOENT);
	fd = runtime_base(path, true);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/link", f->path);
	assert_int_equal(symlink(f->path, path), 0);
	assert_true(runtime_base(path, true) < 0);
}

static void *await(void *watch)
{
	runtime_await(*(int *)watch);
	return NULL;
}

static void the_end_can_be_waited_for(void **state)
{
	struct fixture *f = *state;
	struct runtime rt;
	pthread_t thread;
	int watch;

	assert_int_equal(runtime_watch(f->base, "one"), -ENOENT);
	assert_int_equal(runtime_claim(&rt, f->base, "one"), 0);
	watch = runtime_watch(f->base, "one");
	assert_true(watch >= 0);
	pthread_create(&thread, NULL, await, &watch);
	runtime_release(&rt);
	pthread_join(thread, NULL);
	assert_false(exists(f, "one"));
	close(watch);
}

struct racer {
	int base;
	unsigned int won;
};

/* Claims and leaves, and looks around, as fast as it can. */
static void *race(void *arg)
{
	struct racer *r = arg;
	struct seen seen;

	for (int i = 0; i < 300; i++) {
		struct runtime rt;

		if (runtime_claim(&rt, r->base, "one") == 0) {
			r->won++;
			assert_int_equal(runtime_connect(r->base, "none", 1),
					 -ENOENT);
			seen = (struct seen){ 0 };
			runtime_list(r->base, see, &seen);
			if (seen.count != 1)
				r->won += 1000000;
			runtime_release(&rt);
		}
		runtime_list(r->base, see, &seen);
	}
	return NULL;
}

static void one_of_many_has_the_name(void **state)
{
	struct fixture *f = *state;
	struct racer racer[4];
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		racer[i] = (struct racer){ f->base, 0 };
		pthread_create(&thread[i], NULL, race, &racer[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_in_range(racer[i].won, 1, 300);
	}
	assert_int_equal(count(f), 0);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_are_as_those_of_the_key),
		T(a_vm_has_a_directory_while_it_runs),
		T(a_directory_in_use_is_not_aged),
		T(two_cannot_have_one_name),
		T(names_are_invented),
		T(K07_what_a_killed_one_left_is_removed),
		T(K07_what_a_killed_one_left_is_nobodys_name),
		T(nobody_answers_for_a_killed_one),
		T(K07_what_was_never_finished_is_removed),
		T(C06_what_is_not_ours_stays),
		T(C07_the_directory_of_all_is_ones_own),
		T(the_end_can_be_waited_for),
		T(one_of_many_has_the_name),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
