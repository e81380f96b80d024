// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/kernel_*.c: list and fetch, with scripts in place of apt. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"
#include "cli/kernels.h"

#define PACKAGE "linux-image-6.12.30+deb12-cloud-amd64"

struct fixture {
	char dir[32];
	char cache[64];
	char *path; /* the variable, as it was */
	struct capture io;
};

static void write_script(const struct fixture *f, const char *name,
			 const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/bin/%s", f->dir, name);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_true(write(fd, "#!/bin/sh\n", 10) == 10);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* What apt would do: it is told a package and writes a file here. */
static void write_scripts(const struct fixture *f)
{
	write_script(f, "apt-cache",
		     "echo 'linux-image-6.12-cloud-amd64 - meta'\n"
		     "echo 'linux-image-6.12.9+deb12-cloud-amd64 - Linux'\n"
		     "echo '" PACKAGE " - Linux'\n"
		     "echo 'linux-image-6.8.0-45-generic - Ubuntu'\n");
	write_script(f, "apt-get",
		     "shift 4\n"
		     "for name; do echo $name >$name.deb; done\n");
	write_script(f, "dpkg-deb",
		     "tree=$3 name=$(cat $2)\n"
		     "mkdir -p $tree/boot $tree/lib/modules/x/kernel\n"
		     "echo kernel >$tree/boot/vmlinuz-x\n"
		     "echo $name >$tree/lib/modules/x/$name\n");
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[256];

	*state = f;
	strcpy(f->dir, "/tmp/vireo-apt-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->path = strdup(getenv("PATH"));
	snprintf(f->cache, sizeof(f->cache), "%s/cache/vireo/kernels", f->dir);
	snprintf(path, sizeof(path), "%s/bin", f->dir);
	mkdir(path, 0755);
	write_scripts(f);
	snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", f->dir);
	setenv("PATH", path, 1);
	snprintf(path, sizeof(path), "%s/cache", f->dir);
	setenv("XDG_CACHE_HOME", path, 1);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	setenv("PATH", f->path, 1);
	free(f->path);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	if (system(command))
		return -1;
	free(f);
	return 0;
}

static int kernel(struct fixture *f, const char *word, const char *next,
		  const char *last)
{
	char *argv[] = { strdup("kernel"), strdup(word),
			 next ? strdup(next) : NULL,
			 last ? strdup(last) : NULL, NULL };
	int status;

	capture_begin(&f->io);
	status = cmd_kernel(last ? 4 : next ? 3 : 2, argv);
	capture_end(&f->io);
	for (int i = 0; i < 4; i++)
		free(argv[i]);
	return status;
}

static void must_have(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

/* In the cache; "." and ".." aside. */
static unsigned int left(const struct fixture *f)
{
	char command[128];
	unsigned int n = 99;
	FILE *p;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", f->cache);
	p = popen(command, "re");
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

static void what_is_fetched_is_told_and_listed(void **state)
{
	struct fixture *f = *state;
	char want[256];

	assert_int_equal(kernel(f, "fetch", "debian:6.12-cloud", NULL), 0);
	snprintf(want, sizeof(want), "%s/" PACKAGE "/boot/vmlinuz-x\n",
		 f->cache);
	assert_string_equal(f->io.out, want);
	assert_string_equal(f->io.err, "vireo: fetching " PACKAGE "\n");
	assert_int_equal(left(f), 1);
	assert_int_equal(kernel(f, "list", NULL, NULL), 0);
	must_have(f->io.out, "debian:6.12.30+deb12-cloud ");
	must_have(f->io.out, "  cached\n");
	assert_null(strstr(f->io.out, "available"));
	assert_int_equal(kernel(f, "list", "--available", NULL), 0);
	must_have(f->io.out, "debian:6.12.9+deb12-cloud ");
	must_have(f->io.out, "  available\n");
	must_have(f->io.out, "ubuntu:6.8.0-45-generic ");
	assert_int_equal(kernel(f, "list", "--json", NULL), 0);
	must_have(f->io.out, "[\n  { \"name\": \"debian:6.12.30+deb12-cloud\", "
			     "\"state\": \"cached\", \"path\": \"/tmp/");
}

static void what_is_there_is_not_fetched_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kernel(f, "fetch", "debian:cloud", NULL), 0);
	write_script(f, "apt-get", "exit 1\n");
	assert_int_equal(kernel(f, "fetch", "debian:cloud", NULL), 0);
	must_have(f->io.out, "/boot/vmlinuz-x\n");
	assert_string_equal(f->io.err, "");
}

static void ubuntu_has_its_modules_apart(void **state)
{
	struct fixture *f = *state;
	char path[256];

	assert_int_equal(kernel(f, "fetch", "ubuntu:6.8", NULL), 0);
	snprintf(path, sizeof(path), "%s/linux-image-6.8.0-45-generic/lib/"
		 "modules/x/linux-modules-6.8.0-45-generic", f->cache);
	assert_int_equal(access(path, R_OK), 0);
}

/* Where /lib is a link, packages have their modules in /usr/lib. */
static void modules_may_be_below_usr(void **state)
{
	struct fixture *f = *state;
	char path[256];

	write_script(f, "dpkg-deb",
		     "mkdir -p $3/boot $3/usr/lib/modules/x\n"
		     ">$3/boot/vmlinuz-x\n");
	assert_int_equal(kernel(f, "fetch", "debian:6.12-cloud", NULL), 0);
	snprintf(path, sizeof(path), "%s/" PACKAGE "/lib/modules/x", f->cache);
	assert_int_equal(access(path, R_OK), 0);
}

static void a_failure_is_one_line_and_leaves_nothing(void **state)
{
	static const struct {
		const char *script, *text, *name, *line;
		int status;
	} cases[] = {
		{ "apt-get", "exit 100\n", "debian:cloud",
		  "apt-get failed", 1 },
		{ "dpkg-deb", "mkdir -p $3/boot; exit 2\n", "debian:cloud",
		  "dpkg-deb failed", 1 },
		{ "dpkg-deb", "mkdir $3\n", "debian:cloud",
		  "has no kernel in it", 1 },
		{ "dpkg-deb", "mkdir -p $3/boot; >$3/boot/vmlinuz-x\n",
		  "debian:cloud", "has no modules in it", 1 },
		{ "apt-cache", "exit 100\n", "debian:cloud",
		  "apt-cache failed", 1 },
		{ "none", "", "debian:7", "debian:7: there is no such package",
		  1 },
		{ "none", "", "fedora:7", "debian:... or ubuntu:...", 125 },
		{ "none", "", "7", "\"7\" is not a name", 125 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_scripts(f);
		write_script(f, cases[i].script, cases[i].text);
		assert_int_equal(kernel(f, "fetch", cases[i].name, NULL),
				 cases[i].status);
		must_have(f->io.err, cases[i].line);
		assert_string_equal(f->io.out, "");
	}
	assert_int_equal(left(f), 0);
}

static void without_apt_the_remedy_is_told(void **state)
{
	struct fixture *f = *state;
	char path[64];

	snprintf(path, sizeof(path), "%s/nothing", f->dir);
	setenv("PATH", path, 1);
	assert_int_equal(kernel(f, "fetch", "debian:6.12", NULL), 125);
	must_have(f->io.err, "vireo: debian:6.12: apt-cache: not found (");
	must_have(f->io.err, "--kernel FILE)\n");
	assert_int_equal(kernel(f, "list", "--available", NULL), 125);
	assert_int_equal(kernel(f, "list", NULL, NULL), 0);
}

static void an_interrupted_fetch_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	pid_t pid;
	int status;

	/* It is its parent that the signal is for. */
	write_script(f, "apt-get", "kill $PPID\nexec sleep 60\n");
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(kernel(f, "fetch", "debian:cloud", NULL));
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 123);
	assert_int_equal(left(f), 0);
}

/* Another one has put it there in the meantime. */
static void of_two_fetches_the_first_wins(void **state)
{
	struct fixture *f = *state;
	char text[512];

	snprintf(text, sizeof(text),
		 "shift 4; echo $1 >$1.deb\n"
		 "mkdir -p ../$1/boot; >../$1/boot/vmlinuz-first\n");
	write_script(f, "apt-get", text);
	assert_int_equal(kernel(f, "fetch", "debian:cloud", NULL), 0);
	must_have(f->io.out, "/boot/vmlinuz-first\n");
	assert_int_equal(left(f), 1);
}

static void wrong_words_are_told_the_right_ones(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kernel(f, "fetch", NULL, NULL), 125);
	must_have(f->io.err, "vireo: kernel: wants \"list");
	assert_int_equal(kernel(f, "fetch", "--help", NULL), 125);
	assert_int_equal(kernel(f, "fetch", "a", "b"), 125);
	assert_int_equal(kernel(f, "list", "x", NULL), 125);
	assert_int_equal(kernel(f, "remove", "x", NULL), 125);
	assert_int_equal(kernel(f, "list", "--all", "--json"), 0);
}

static void a_name_brings_its_folder_along(void **state)
{
	struct fixture *f = *state;
	struct opts o = { 0 };
	struct vireo_error err;
	char cache[64];

	snprintf(cache, sizeof(cache), "%s/cache/vireo", f->dir);
	assert_int_equal(vireo_config_create(&o.cfg), 0);
	vireo_config_set(o.cfg, "kernel", "/boot/debian:x", &err);
	assert_true(kernel_cache_option(&o));
	assert_false(vireo_config_is_set(o.cfg, "cache"));
	vireo_config_set(o.cfg, "kernel", "debian:x", &err);
	assert_true(kernel_cache_option(&o));
	assert_string_equal(vireo_config_get(o.cfg, "cache", 0), cache);
	vireo_config_set(o.cfg, "cache", "/srv", &err);
	assert_true(kernel_cache_option(&o));
	assert_string_equal(vireo_config_get(o.cfg, "cache", 0), "/srv");
	vireo_config_destroy(&o.cfg);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_fetched_is_told_and_listed),
		T(what_is_there_is_not_fetched_again),
		T(ubuntu_has_its_modules_apart),
		T(modules_may_be_below_usr),
		T(a_failure_is_one_line_and_leaves_nothing),
		T(without_apt_the_remedy_is_told),
		T(an_interrupted_fetch_leaves_nothing),
		T(of_two_fetches_the_first_wins),
		T(wrong_words_are_told_the_right_ones),
		T(a_name_brings_its_folder_along),
	};

	return cmocka_run_group_tests_name("kernel_cmd", tests, NULL, NULL);
}
