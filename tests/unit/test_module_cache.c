// SPDX-License-Identifier: BSD-3-Clause
/* src/command/module_cache.c: modules that were found before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/module_cache.h"

#define NAMES 2
#define ELF   "\177ELF "

struct fixture {
	char top[32];
	char cache[64]; /* not there at first */
	char dir[64];   /* of the modules */
	struct modules found;
};

static const char *const names[NAMES] = { "one", "two" };

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->top, "/tmp/vireo-cache-XXXXXX");
	if (!mkdtemp(f->top))
		return -1;
	snprintf(f->cache, sizeof(f->cache), "%s/a/b", f->top);
	snprintf(f->dir, sizeof(f->dir), "%s/modules", f->top);
	mkdir(f->dir, 0755);
	write_file(f->dir, "modules.dep", "one.ko:\ntwo.ko:\nthree.ko:\n");
	write_file(f->dir, "one.ko", ELF "the first");
	write_file(f->dir, "two.ko", ELF "the second");
	write_file(f->dir, "three.ko", ELF "the third");
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	modules_finish(&f->found);
	snprintf(command, sizeof(command), "rm -rf %s", f->top);
	free(f);
	return system(command);
}

static void find(struct fixture *f)
{
	struct err err = { 0 };

	modules_finish(&f->found);
	if (module_cache_find(&f->found, f->cache, f->dir, names, NAMES,
			      &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(f->found.count, NAMES);
}

static void assert_module(const struct fixture *f, size_t i, const char *text)
{
	assert_string_equal(f->found.list[i].name, names[i]);
	assert_int_equal(f->found.list[i].len, strlen(text));
	assert_memory_equal(f->found.list[i].bytes, text, strlen(text));
}

/* The only file of the cache, or how many there are. */
static unsigned int files(const struct fixture *f, char path[320])
{
	char folder[80];
	unsigned int n = 0;
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/modules", f->cache);
	d = opendir(folder);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, 320, "%.70s/%.240s", folder, e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void what_was_found_is_found_again(void **state)
{
	struct fixture *f = *state;
	char path[320], module[80];
	struct timespec times[2];
	struct stat st;

	find(f);
	assert_module(f, 0, ELF "the first");
	assert_int_equal(files(f, path), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* what is in the modules is not looked at any more */
	snprintf(module, sizeof(module), "%s/one.ko", f->dir);
	assert_int_equal(stat(module, &st), 0);
	write_file(f->dir, "one.ko", ELF "the tsrif");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, module, times, 0), 0);
	find(f);
	assert_module(f, 0, ELF "the first");
	assert_module(f, 1, ELF "the second");
}

/* Built anew, in place: nothing tells that. */
static void modules_of_a_build_tree_are_not_kept(void **state)
{
	struct fixture *f = *state;
	char command[160];
	char path[320];

	snprintf(command, sizeof(command),
		 "cd %s && rm modules.dep && mkdir -p arch/x86/boot", f->dir);
	assert_int_equal(system(command), 0);
	write_file(f->dir, "modules.order", "one.o\ntwo.o\n");
	find(f);
	write_file(f->dir, "one.ko", ELF "another");
	find(f);
	assert_module(f, 0, ELF "another");
	assert_int_equal(files(f, path), 0);
}

static void a_folder_that_changed_is_looked_at_anew(void **state)
{
	struct fixture *f = *state;

	find(f);
	write_file(f->dir, "one.ko", ELF "another");
	usleep(20000); /* times of files are coarse */
	write_file(f->dir, "modules.dep", "one.ko:\ntwo.ko:\n");
	find(f);
	assert_module(f, 0, ELF "another");
}

static void a_module_that_changed_is_found_anew(void **state)
{
	struct fixture *f = *state;

	find(f);
	write_file(f->dir, "two.ko", ELF "another one");
	find(f);
	assert_module(f, 0, ELF "the first");
	assert_module(f, 1, ELF "another one");
}

static void without_a_folder_nothing_is_kept(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	char path[320];

	assert_int_equal(module_cache_find(&f->found, "", f->dir, names, NAMES,
					   &err), 0);
	assert_module(f, 1, ELF "the second");
	assert_int_equal(files(f, path), 0);
	/* where no folder can be made */
	modules_finish(&f->found);
	assert_int_equal(module_cache_find(&f->found, "/proc/no", f->dir,
					   names, NAMES, &err), 0);
	assert_module(f, 1, ELF "the second");
}

static void an_error_is_the_finders(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	char path[320];

	assert_true(module_cache_find(&f->found, f->cache, "/no/such/dir",
				      names, NAMES, &err) < 0);
	assert_non_null(strstr(err.text, "/no/such/dir"));
	assert_int_equal(files(f, path), 0);
}

/* Every byte, and every length: it is found anew, and mended. */
static void damage_is_not_believed(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[1024];
	char path[320];
	size_t len;
	FILE *file;

	find(f);
	assert_int_equal(files(f, path), 1);
	file = fopen(path, "re");
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	assert_in_range(len, 40, sizeof(bytes) - 1);
	for (size_t i = 0; i < 2 * len; i++) {
		file = fopen(path, "we");
		bytes[i % len] ^= 0x40;
		fwrite(bytes, 1, i < len ? len : i % len, file);
		fclose(file);
		bytes[i % len] ^= 0x40;
		find(f);
		assert_module(f, 0, ELF "the first");
		assert_module(f, 1, ELF "the second");
	}
	assert_int_equal(files(f, path), 1);
}

static void a_file_that_others_may_write_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[320];

	find(f);
	assert_int_equal(files(f, path), 1);
	write_file(f->dir, "one.ko", ELF "another");
	assert_int_equal(chmod(path, 0620), 0);
	find(f);
	assert_module(f, 0, ELF "another");
}

static void a_link_is_not_believed(void **state)
{
	struct fixture *f = *state;
	char path[320], moved[64];

	find(f);
	assert_int_equal(files(f, path), 1);
	snprintf(moved, sizeof(moved), "%s/moved", f->top);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	write_file(f->dir, "one.ko", ELF "another");
	find(f);
	assert_module(f, 0, ELF "another");
}

static void there_are_never_more_than_a_few(void **state)
{
	struct fixture *f = *state;
	struct err err = { 0 };
	char path[320];

	for (int i = 0; i < 40; i++) {
		char other[16];
		const char *const some[] = { "one", other };

		snprintf(other, sizeof(other), "nothing%d", i);
		modules_finish(&f->found);
		assert_int_equal(module_cache_find(&f->found, f->cache, f->dir,
						   some, 2, &err), 0);
	}
	assert_int_equal(files(f, path), 16);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_found_is_found_again),
		T(modules_of_a_build_tree_are_not_kept),
		T(a_folder_that_changed_is_looked_at_anew),
		T(a_module_that_changed_is_found_anew),
		T(without_a_folder_nothing_is_kept),
		T(an_error_is_the_finders),
		T(damage_is_not_believed),
		T(a_file_that_others_may_write_is_not_believed),
		T(a_link_is_not_believed),
		T(there_are_never_more_than_a_few),
	};

	return cmocka_run_group_tests_name("module_cache", tests, NULL, NULL);
}
