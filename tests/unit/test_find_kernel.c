// SPDX-License-Identifier: BSD-3-Clause
/* src/command/find_kernel.c: what key "kernel" may be besides a file, and the
 * modules of a build tree. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/find_kernel.h"

struct fixture {
	char dir[32];
	struct config cfg;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	config_init(&f->cfg);
	strcpy(f->dir, "/tmp/vireo-find-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	free(f);
	return system(command);
}

/* A file below the folder, and the folders it is in. */
static void put(const struct fixture *f, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "mkdir -p $(dirname %s/%s) && : >%s/%s", f->dir, name, f->dir,
		 name);
	assert_int_equal(system(command), 0);
}

static int given(struct fixture *f, const char *kernel, const char *cache)
{
	snprintf(f->cfg.kernel, sizeof(f->cfg.kernel), "%s", kernel);
	snprintf(f->cfg.command.cache, sizeof(f->cfg.command.cache), "%s",
		 cache);
	return find_given_kernel(&f->cfg, &f->err);
}

static void is_now(const struct fixture *f, const char *name)
{
	char want[256];

	snprintf(want, sizeof(want), "%s/%s", f->dir, name);
	assert_string_equal(f->cfg.kernel, want);
}

static void a_file_or_what_is_not_there_stays(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(given(f, "/dev/null", ""), 0);
	assert_string_equal(f->cfg.kernel, "/dev/null");
	assert_int_equal(given(f, "/nowhere/vmlinuz", ""), 0);
	assert_int_equal(given(f, "", ""), 0);
	assert_int_equal(given(f, "./debian:6.12", "/nowhere"), 0);
	assert_string_equal(f->cfg.kernel, "./debian:6.12");
}

static void a_build_tree_is_its_image(void **state)
{
	struct fixture *f = *state;
	char dir[64];

	assert_int_equal(given(f, f->dir, ""), -ENOENT);
	assert_non_null(strstr(f->err.text, "/x86/boot/bzImage: not there"));
	assert_string_equal(f->err.key, "kernel");
	put(f, "arch/x86/boot/bzImage");
	assert_int_equal(given(f, f->dir, ""), 0);
	is_now(f, "arch/x86/boot/bzImage");
	find_modules(dir, sizeof(dir), f->cfg.kernel);
	assert_string_equal(dir, ""); /* none were built */
	put(f, "modules.order");
	find_modules(dir, sizeof(dir), f->cfg.kernel);
	assert_string_equal(dir, f->dir);
}

static void a_name_is_looked_for_in_the_cache(void **state)
{
	struct fixture *f = *state;

	put(f, "kernels/linux-image-6.12.3+deb13-rt-amd64/boot/vmlinuz-3");
	assert_int_equal(given(f, "debian:6.12-rt", f->dir), 0);
	is_now(f, "kernels/linux-image-6.12.3+deb13-rt-amd64/boot/vmlinuz-3");
	assert_int_equal(given(f, "debian:6.12", f->dir), -ENOENT);
	assert_non_null(strstr(f->err.text, "kernel fetch debian:6.12)"));
	assert_int_equal(given(f, "debian:6.12", ""), -ENOENT);
	assert_non_null(strstr(f->err.text, "(set cache)"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_or_what_is_not_there_stays),
		T(a_build_tree_is_its_image),
		T(a_name_is_looked_for_in_the_cache),
	};

	return cmocka_run_group_tests_name("find_kernel", tests, NULL, NULL);
}
