// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/run_command.c: what a command has from its caller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "run_line.h"

struct fixture {
	struct run_line run;
	int saved[2]; /* standard input and output */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	for (int fd = 0; fd < 2; fd++)
		f->saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	setenv("HOME", "/home/someone", 1);
	setenv("LC_TIME", "C", 1);
	unsetenv("XDG_CACHE_HOME");
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	run_line_finish(&f->run);
	for (int fd = 0; fd < 2; fd++) {
		dup2(f->saved[fd], fd);
		close(f->saved[fd]);
	}
	free(f);
	return 0;
}

static const char *get(const struct fixture *f, const char *key)
{
	return vireo_config_get(f->run.opts.cfg, key, 0);
}

static unsigned int count(const struct fixture *f, const char *key,
			  const char *value)
{
	unsigned int n = 0;
	const char *v;

	for (size_t i = 0; (v = vireo_config_get(f->run.opts.cfg, key, i)); i++)
		n += !strcmp(v, value);
	return n;
}

/* Standard input and output are @in and @out. */
static void streams(int in, int out)
{
	assert_true(in >= 0 && out >= 0);
	fflush(stdout);
	dup2(in, 0);
	dup2(out, 1);
	close(in);
	close(out);
}

static int terminal(int *other)
{
	*other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(grantpt(*other), 0);
	assert_int_equal(unlockpt(*other), 0);
	return open(ptsname(*other), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void without_a_command_nothing_is_carried_over(void **state)
{
	struct fixture *f = *state;
	static const char *const keys[] = { "command", "workdir", "user", "env",
					    "hide", "memory", "tty" };

	run_line_take(&f->run, "--kernel|vmlinuz");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_false(vireo_config_is_set(f->run.opts.cfg, keys[i]));
}

static void what_the_user_does_not_say_is_his_own(void **state)
{
	struct fixture *f = *state;
	char user[32];

	snprintf(user, sizeof(user), "%u:%u", getuid(), getgid());
	run_line_take(&f->run, "--|make|test");
	assert_string_equal(get(f, "command"), "make");
	assert_int_equal(count(f, "command", "test"), 1);
	assert_string_equal(get(f, "memory"), "1G");
	assert_string_equal(get(f, "user"), user);
	assert_int_equal(get(f, "workdir")[0], '/');
	assert_int_equal(count(f, "env", "HOME=/home/someone"), 1);
	assert_int_equal(count(f, "env", "LC_TIME=C"), 1);
	assert_int_equal(count(f, "hide", "/home/someone/.ssh"), 1);
	assert_string_equal(get(f, "cache"), "/home/someone/.cache/vireo");
	assert_string_equal(get(f, "unpack"), "true");
}

static void a_cache_is_where_caches_are(void **state)
{
	struct fixture *f = *state;

	setenv("XDG_CACHE_HOME", "/var/tmp/caches", 1);
	run_line_take(&f->run, "--|true");
	assert_string_equal(get(f, "cache"), "/var/tmp/caches/vireo");
}

static void no_cache_is_possible_too(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "--cache|none|--|true");
	assert_string_equal(get(f, "cache"), "none");
}

static void what_the_user_says_stays(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "-m|256M|--user|5|-w|/|-e|HOME=/x|--hide|"
		      "/home/someone/.ssh|--|true");
	assert_string_equal(get(f, "memory"), "256M");
	assert_string_equal(get(f, "user"), "5");
	assert_string_equal(get(f, "workdir"), "/");
	assert_int_equal(count(f, "env", "HOME=/x"), 1);
	assert_int_equal(count(f, "env", "HOME=/home/someone"), 0);
	assert_int_equal(count(f, "hide", "/home/someone/.ssh"), 1);
	assert_int_equal(count(f, "hide", "/home/someone/.aws"), 1);
}

static void what_is_shown_is_not_hidden(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "--show|/home/someone/.ssh/|"
		      "--show=/home/someone/.config|"
		      "--show|/home/someone/.aw|--|true");
	assert_int_equal(count(f, "hide", "/home/someone/.ssh"), 0);
	assert_int_equal(count(f, "hide", "/home/someone/.config/gh"), 0);
	assert_int_equal(count(f, "hide", "/home/someone/.aws"), 1);
	assert_int_equal(count(f, "hide", "/home/someone/.netrc"), 1);
}

static void all_of_it_may_be_shown(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "--show|/|--|true");
	assert_false(vireo_config_is_set(f->run.opts.cfg, "hide"));
}

static void without_a_word_it_is_a_shell(void **state)
{
	struct fixture *f = *state;

	setenv("SHELL", "/bin/sh", 1);
	run_line_take(&f->run, "-m|300M");
	assert_string_equal(get(f, "command"), "/bin/sh");
	assert_string_equal(get(f, "memory"), "300M");
	assert_true(vireo_config_is_set(f->run.opts.cfg, "hide"));
}

static void a_shell_that_is_not_there_is_another_one(void **state)
{
	struct fixture *f = *state;

	setenv("SHELL", "/no/such/shell", 1);
	run_line_take(&f->run, "");
	assert_string_equal(get(f, "command"), "/bin/sh");
}

static void an_init_is_no_command(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "--init|/sbin/init");
	assert_false(vireo_config_is_set(f->run.opts.cfg, "command"));
	assert_false(vireo_config_is_set(f->run.opts.cfg, "workdir"));
	assert_string_equal(get(f, "memory"), "1G");
	assert_int_equal(count(f, "hide", "/home/someone/.ssh"), 1);
}

static void another_root_has_its_own_folders(void **state)
{
	struct fixture *f = *state;

	run_line_take(&f->run, "--rootfs|/srv/tree|--|true");
	assert_false(vireo_config_is_set(f->run.opts.cfg, "workdir"));
	assert_false(vireo_config_is_set(f->run.opts.cfg, "hide"));
}

static void a_terminal_on_both_sides_is_one_in_the_guest(void **state)
{
	struct fixture *f = *state;
	int other;
	int tty = terminal(&other);

	streams(tty, dup(tty));
	run_line_take(&f->run, "--|bash");
	assert_string_equal(get(f, "tty"), "true");
	close(other);
}

static void a_terminal_may_be_refused(void **state)
{
	struct fixture *f = *state;
	int other;
	int tty = terminal(&other);

	streams(tty, dup(tty));
	run_line_take(&f->run, "--tty=false|--|bash");
	assert_string_equal(get(f, "tty"), "false");
	close(other);
}

static void one_side_that_is_no_terminal_makes_two_streams(void **state)
{
	struct fixture *f = *state;
	int other;

	streams(terminal(&other), open("/dev/null", O_WRONLY | O_CLOEXEC));
	run_line_take(&f->run, "--|bash");
	assert_false(vireo_config_is_set(f->run.opts.cfg, "tty"));
	close(other);
}

static void the_folder_of_out_is_made_by_a_run_only(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/vireo-out-XXXXXX";
	char line[64];
	struct stat st;

	assert_non_null(mkdtemp(dir));
	rmdir(dir);
	snprintf(line, sizeof(line), "--out|%s|--|true", dir);
	run_line_take(&f->run, line);
	assert_int_equal(stat(dir, &st), -1);
	assert_true(command_make_out(&f->run.opts));
	assert_int_equal(stat(dir, &st), 0);
	assert_true(command_make_out(&f->run.opts)); /* it is there */
	rmdir(dir);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_command_nothing_is_carried_over),
		T(what_the_user_does_not_say_is_his_own),
		T(a_cache_is_where_caches_are),
		T(no_cache_is_possible_too),
		T(what_the_user_says_stays),
		T(what_is_shown_is_not_hidden),
		T(all_of_it_may_be_shown),
		T(without_a_word_it_is_a_shell),
		T(a_shell_that_is_not_there_is_another_one),
		T(an_init_is_no_command),
		T(another_root_has_its_own_folders),
		T(a_terminal_on_both_sides_is_one_in_the_guest),
		T(a_terminal_may_be_refused),
		T(one_side_that_is_no_terminal_makes_two_streams),
		T(the_folder_of_out_is_made_by_a_run_only),
	};

	return cmocka_run_group_tests_name("run_command", tests, NULL, NULL);
}
