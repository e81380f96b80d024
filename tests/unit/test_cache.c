// SPDX-License-Identifier: BSD-3-Clause
/* src/base/cache.c: a folder of files that could be made again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cache.h"

struct fixture {
	char top[32];
	char folder[64]; /* not there at first */
	struct cache_new new;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->top, "/tmp/vireo-cache-XXXXXX");
	if (!mkdtemp(f->top))
		return -1;
	snprintf(f->folder, sizeof(f->folder), "%s/a/b", f->top);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", f->top);
	free(f);
	return system(command);
}

static void keep(struct fixture *f, const char *key, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(cache_begin(&f->new, f->folder, key), 0);
	assert_int_equal(write(f->new.fd, text, len), len);
	cache_end(&f->new, true, 3);
	assert_int_equal(f->new.fd, -1);
}

/* NULL: nothing is there. */
static void assert_there(struct fixture *f, const char *key, const char *text)
{
	char got[64] = "";
	uint64_t len = 0;
	int fd = cache_open(f->folder, key, &len);

	if (!text) {
		assert_int_equal(fd, -ENOENT);
		return;
	}
	assert_true(fd >= 0);
	assert_int_equal(len, strlen(text));
	assert_int_equal(read(fd, got, sizeof(got)), len);
	assert_string_equal(got, text);
	close(fd);
}

static unsigned int files(const struct fixture *f, char path[320])
{
	unsigned int n = 0;
	struct dirent *e;
	DIR *d = opendir(f->folder);

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, 320, "%.60s/%.250s", f->folder, e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void what_was_kept_is_there(void **state)
{
	struct fixture *f = *state;
	char path[320];
	struct stat st;

	assert_there(f, "one", NULL);
	keep(f, "one", "first");
	keep(f, "two", "");
	assert_there(f, "one", "first");
	assert_there(f, "two", "");
	assert_there(f, "on", NULL);
	keep(f, "one", "another");
	assert_there(f, "one", "another");
	assert_int_equal(files(f, path), 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(f->folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void what_is_not_whole_is_not_there(void **state)
{
	struct fixture *f = *state;
	char path[320];

	assert_int_equal(cache_begin(&f->new, f->folder, "one"), 0);
	assert_there(f, "one", NULL);
	assert_int_equal(write(f->new.fd, "half", 4), 4);
	cache_end(&f->new, false, 3);
	assert_there(f, "one", NULL);
	assert_int_equal(files(f, path), 0);
}

static void another_length_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[320];
	struct stat st;

	keep(f, "one", "first");
	assert_int_equal(files(f, path), 1);
	assert_int_equal(stat(path, &st), 0);
	for (off_t len = 0; len <= st.st_size + 1; len++) {
		keep(f, "one", "first");
		assert_int_equal(truncate(path, len), 0);
		assert_there(f, "one", len == st.st_size ? "first" : NULL);
	}
}

static void another_key_in_its_place_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[320];

	keep(f, "one", "first");
	assert_int_equal(files(f, path), 1);
	keep(f, "two", "second");
	assert_there(f, "two", "second");
	assert_int_equal(rename(path, f->new.file), 0);
	assert_there(f, "two", NULL);
	keep(f, "two", "second");
	assert_there(f, "two", "second");
}

static void what_others_may_write_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[320], moved[64];

	keep(f, "one", "first");
	assert_int_equal(files(f, path), 1);
	assert_int_equal(chmod(path, 0620), 0);
	assert_there(f, "one", NULL);
	assert_int_equal(chmod(path, 0602), 0);
	assert_there(f, "one", NULL);
	assert_int_equal(chmod(path, 0644), 0);
	assert_there(f, "one", "first");
	snprintf(moved, sizeof(moved), "%s/moved", f->top);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	assert_there(f, "one", NULL);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_there(f, "one", NULL);
}

static void the_oldest_go(void **state)
{
	struct fixture *f = *state;
	char path[320], key[16];

	for (int i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		keep(f, key, "text");
		usleep(20000); /* times of files are coarse */
	}
	assert_int_equal(files(f, path), 3);
	assert_there(f, "key 5", NULL);
	assert_there(f, "key 6", "text");
}

static void where_no_folder_can_be_made_nothing_is_kept(void **state)
{
	struct fixture *f = *state;
	char longest[CACHE_KEY_MAX + 1];

	assert_true(cache_begin(&f->new, "/proc/no/folder", "one") < 0);
	assert_int_equal(f->new.fd, -1);
	cache_end(&f->new, true, 3); /* nothing happens */
	memset(longest, 'k', CACHE_KEY_MAX);
	longest[CACHE_KEY_MAX] = '\0';
	assert_int_equal(cache_begin(&f->new, f->folder, longest),
			 -ENAMETOOLONG);
	longest[CACHE_KEY_MAX - 1] = '\0';
	keep(f, longest, "text");
	assert_there(f, longest, "text");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_kept_is_there),
		T(what_is_not_whole_is_not_there),
		T(another_length_is_not_believed),
		T(another_key_in_its_place_is_not_believed),
		T(what_others_may_write_is_not_believed),
		T(the_oldest_go),
		T(where_no_folder_can_be_made_nothing_is_kept),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
