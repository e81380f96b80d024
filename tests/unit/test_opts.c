// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/opts.c: the words after "vireo run". */
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

#include "capture.h"
#include "cli/cli.h"

#define WORDS 12
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	struct opts opts;
	bool parsed; /* opts is to be finished */
	char *word[WORDS + 1];
	char config[64]; /* a file, or "" */
	struct capture io;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static void forget(struct fixture *f)
{
	if (f->parsed)
		opts_finish(&f->opts);
	f->parsed = false;
	for (int i = 0; i < WORDS; i++) {
		free(f->word[i]);
		f->word[i] = NULL;
	}
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	forget(f);
	if (f->config[0])
		unlink(f->config);
	free(f);
	return 0;
}

/* Parses words that stand between '|'. */
static bool parse(struct fixture *f, const char *line)
{
	int n = 0;
	bool ok;

	forget(f);
	while (line && *line) {
		size_t len = strcspn(line, "|");

		f->word[n++] = strndup(line, len);
		line += len + (line[len] == '|');
	}
	capture_begin(&f->io);
	ok = opts_parse(&f->opts, n, f->word);
	capture_end(&f->io);
	f->parsed = true;
	return ok;
}

static void assert_parsed(struct fixture *f, const char *line)
{
	if (!parse(f, line))
		fail_msg("%s: %s", line, f->io.err);
	assert_string_equal(f->io.out, "");
	assert_string_equal(f->io.err, "");
}

/* Refused with one line on stderr that has @word in it, and nothing else. */
static void assert_usage(struct fixture *f, const char *line, const char *word)
{
	if (parse(f, line))
		fail_msg("%s is taken", line);
	assert_string_equal(f->io.out, "");
	if (strncmp(f->io.err, "vireo: ", 7) || !strstr(f->io.err, word) ||
	    strchr(f->io.err, '\n') != f->io.err + strlen(f->io.err) - 1)
		fail_msg("%s: \"%s\"", line, f->io.err);
}

static const char *get(const struct fixture *f, const char *key)
{
	return vireo_config_get(f->opts.cfg, key, 0);
}

static void write_config(struct fixture *f, const char *json)
{
	int fd;

	if (f->config[0])
		unlink(f->config);
	strcpy(f->config, "/tmp/vireo-opts-XXXXXX");
	fd = mkstemp(f->config);
	assert_int_equal(write(fd, json, strlen(json)), strlen(json));
	close(fd);
}

/* "--config=FILE|" and then @rest */
static const char *with_config(const struct fixture *f, const char *rest)
{
	static char line[256];

	snprintf(line, sizeof(line), "--config=%s|%s", f->config, rest);
	return line;
}

/* ---- forms ---- */

static void opts_published_ports_are_a_network(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "-p|8080:80|-p9090:90|--publish=127.0.0.2:53:53|-i");
	assert_string_equal(get(f, "net"),
			    "user,forward=8080:80,forward=9090:90,"
			    "forward=127.0.0.2:53:53");
	assert_usage(f, "-p|80", "two ports such as 8080:80");
	assert_usage(f, "--net|user|-p|8080:80",
		     "say --net user,forward=8080:80");
	assert_usage(f, "-p", "wants a value");
}

static void opts_long_options_take_their_value_in_two_forms(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "--memory=512M|--cpus|2|vmlinuz");
	assert_string_equal(get(f, "memory"), "512M");
	assert_string_equal(get(f, "cpus"), "2");
	assert_string_equal(get(f, "kernel"), "vmlinuz");
	assert_parsed(f, "--cmdline=a=b c|--cmdline|--quiet");
	assert_string_equal(get(f, "cmdline"), "a=b c");
	assert_string_equal(vireo_config_get(f->opts.cfg, "cmdline", 1),
			    "--quiet");
	assert_false(f->opts.quiet);
}

static void opts_short_options_take_their_value_in_two_forms(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "-m512M|-c|2|-q|-k|vmlinuz,format=pvh");
	assert_string_equal(get(f, "memory"), "512M");
	assert_string_equal(get(f, "cpus"), "2");
	assert_string_equal(get(f, "kernel"), "vmlinuz,format=pvh");
	assert_true(f->opts.quiet);
	assert_parsed(f, "-qm1G"); /* a bundle */
	assert_true(f->opts.quiet);
	assert_string_equal(get(f, "memory"), "1G");
}

static void opts_flags_stand_alone_or_with_a_word(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "--testdev|--stats=false|x");
	assert_string_equal(get(f, "testdev"), "true");
	assert_string_equal(get(f, "stats"), "false");
	assert_string_equal(get(f, "kernel"), "x"); /* not testdev's value */
	assert_usage(f, "--testdev=perhaps", "--testdev: \"perhaps\"");
}

static void opts_of_the_program_are_kept_apart(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "--print-config|--log|a.log|--rm|--quiet");
	assert_true(f->opts.print_config);
	assert_true(f->opts.quiet);
	assert_string_equal(f->opts.log_path, "a.log");
	assert_null(f->opts.command);
	assert_false(f->opts.help);
}

static void opts_every_kernel_is_kept(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "-ka|--kernel|b|--repeat=3|--jobs|2|--|true");
	assert_int_equal(f->opts.kernels.count, 2);
	assert_string_equal(f->opts.kernels.word[0], "a");
	assert_string_equal(f->opts.kernels.word[1], "b");
	assert_string_equal(get(f, "kernel"), "b");
	assert_int_equal(f->opts.repeat, 3);
	assert_int_equal(f->opts.jobs, 2);
	assert_usage(f, "-ka|-kb,format=x|--|true", "--kernel: format \"x\"");
}

static void opts_nothing_at_all_is_a_config_without_a_kernel(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "");
	assert_null(get(f, "kernel"));
}

/* ---- C13 ---- */

static void C13_unknown_options_name_the_nearest(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--memroy=1G", "did you mean");
	assert_usage(f, "--memroy=1G", "memory");
	assert_usage(f, "--xyzzyxyzzyxyzzy", "--xyzzyxyzzyxyzzy");
	assert_usage(f, "-z", "-z: unknown option");
	assert_usage(f, "-qz", "-z: unknown option");
	assert_usage(f, "--=x", "");
	assert_usage(f, "--memory-and-then-some-more-words-than-any-option-has-"
			"in-its-name-really=1", "unknown");
}

static void C13_missing_values_are_named_with_their_form(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--memory", "--memory: wants a value (--memory SIZE");
	assert_usage(f, "-m", "--memory: wants a value");
	assert_usage(f, "--config", "--config: wants a value");
	assert_usage(f, "--kernel", "--kernel");
	assert_usage(f, "--memory=", "--memory");
}

static void C13_wrong_values_are_named_with_their_range(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "--memory|1|x", "--memory: ");
	assert_usage(f, "--repeat|0", "--repeat: \"0\" is not a number from 1");
	assert_usage(f, "--jobs|65", "from 1 to 64");
	assert_usage(f, "--jobs=2x", "\"2x\"");
	assert_usage(f, "-c0", "1 to 1024");
	assert_usage(f, "--kvm-fd|x", "not a descriptor number");
	assert_usage(f, "--kvm-fd|-1", "not a descriptor number");
	assert_usage(f, "--kvm-fd|999", "999");
	assert_usage(f, "--kvm-fd=", "not a descriptor number");
}

static void C13_option_twice_replaces_repeatable_ones_add_up(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "-m1G|--memory=2G|--initrd|a|--initrd=b|-q|-q");
	assert_string_equal(get(f, "memory"), "2G");
	assert_null(vireo_config_get(f->opts.cfg, "memory", 1));
	assert_string_equal(get(f, "initrd"), "a");
	assert_string_equal(vireo_config_get(f->opts.cfg, "initrd", 1), "b");
}

static void C13_double_dash_ends_the_options(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "-q|k|--|--memory=x|-z|--");
	assert_non_null(f->opts.command);
	assert_string_equal(f->opts.command[0], "--memory=x");
	assert_string_equal(f->opts.command[2], "--");
	assert_null(f->opts.command[3]);
	assert_string_equal(get(f, "memory"), "256M");
	assert_parsed(f, "k|--");
	assert_non_null(f->opts.command);
	assert_null(f->opts.command[0]);
	assert_parsed(f, "--cmdline|--|k"); /* here it is a value */
	assert_string_equal(get(f, "cmdline"), "--");
	assert_null(f->opts.command);
}

static void opts_a_folder_with_a_system_is_the_root(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/vireo-root-XXXXXX", bin[64];

	assert_non_null(mkdtemp(dir));
	assert_usage(f, dir, "but not a kernel's build tree or a root");
	snprintf(bin, sizeof(bin), "%s/bin", dir);
	assert_int_equal(mkdir(bin, 0755), 0);
	assert_parsed(f, dir);
	assert_string_equal(get(f, "rootfs"), dir);
	assert_false(vireo_config_is_set(f->opts.cfg, "kernel"));
	rmdir(bin);
	rmdir(dir);
}

static void C13_second_image_and_directories_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_usage(f, "a|b", "only one image");
	assert_usage(f, "--kernel=a|b", "only one image");
	assert_usage(f, "/tmp", "directory");
	assert_parsed(f, "-"); /* a file of that name */
	assert_string_equal(get(f, "kernel"), "-");
}

/* ---- --config ---- */

static void opts_config_comes_first_wherever_it_stands(void **state)
{
	struct fixture *f = *state;
	char line[128];

	write_config(f, "{\"memory\":\"1G\",\"cpus\":3,\"kernel\":\"v\"}");
	assert_parsed(f, with_config(f, "--memory=2G"));
	assert_string_equal(get(f, "memory"), "2G");
	assert_string_equal(get(f, "cpus"), "3");
	snprintf(line, sizeof(line), "--memory=2G|--config|%s", f->config);
	assert_parsed(f, line);
	assert_string_equal(get(f, "memory"), "2G");
	assert_string_equal(get(f, "cpus"), "3");
	snprintf(line, sizeof(line), "--|--config|%s", f->config);
	assert_parsed(f, line); /* is the command's own */
	assert_string_equal(get(f, "cpus"), "1");
}

static void opts_config_is_looked_for_among_options_not_values(void **state)
{
	struct fixture *f = *state;

	assert_parsed(f, "--cmdline|--config|x");
	assert_string_equal(get(f, "cmdline"), "--config");
	assert_string_equal(get(f, "kernel"), "x");
	assert_parsed(f, "-qk|--config");
	assert_string_equal(get(f, "kernel"), "--config");
	assert_parsed(f, "-kx|--cmdline|--config=/nowhere");
	assert_string_equal(get(f, "cmdline"), "--config=/nowhere");
}

static void C03_bad_config_files_are_refused_by_name(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{\"memroy\":1}",
					   "{\"cpus\":0}",
					   "{\"cpus\":1,\"cpus\":2}" };
	struct fixture *f = *state;
	char *big;

	for (size_t i = 0; i < COUNT(bad); i++) {
		write_config(f, bad[i]);
		assert_usage(f, with_config(f, ""), f->config);
	}
	big = malloc((1 << 20) + 10);
	memset(big, ' ', (1 << 20) + 9);
	memcpy(big, "{}", 2);
	big[(1 << 20) + 9] = '\0';
	write_config(f, big);
	free(big);
	assert_usage(f, with_config(f, ""), "1048576 bytes");
	assert_usage(f, "--config=/nowhere/vm.json", "/nowhere/vm.json: No");
	assert_usage(f, "--config=/tmp", "/tmp: Is a directory");
}

/* ---- help ---- */

static void opts_help_takes_a_topic_in_four_forms(void **state)
{
	static const char *const lines[] = { "--help|memory", "--help=memory",
					     "--help|--memory", "-h|memory" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_parsed(f, lines[i]);
		assert_true(f->opts.help);
		assert_string_equal(f->opts.help_topic, "memory");
	}
	assert_parsed(f, "--help");
	assert_true(f->opts.help);
	assert_null(f->opts.help_topic);
	assert_parsed(f, "-m1G|--help|--|x");
	assert_true(f->opts.help);
	assert_null(f->opts.help_topic);
}

/* ---- the table ---- */

static void opts_every_option_has_help_and_an_example(void **state)
{
	const struct vireo_key *o;
	size_t n = 0;

	for (; (o = option_at(n)); n++) {
		assert_true(o->summary && strlen(o->summary) > 5);
		assert_true(o->help && strlen(o->help) > 5);
		assert_true(o->example && strlen(o->example) > 1);
		/* Its example shows it. */
		if (!strstr(o->example, o->name))
			assert_true(o->letter &&
				    strchr(o->example, o->letter));
		assert_ptr_equal(option_find(o->name), o);
		for (size_t i = 0; i < n; i++)
			if (o->letter && option_at(i)->letter == o->letter)
				fail_msg("-%c is two options", o->letter);
	}
	assert_true(n > 20);
	assert_null(option_find("nothing"));
	assert_null(option_find(""));
}

#define OPTS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTS_TEST(opts_published_ports_are_a_network),
		OPTS_TEST(opts_long_options_take_their_value_in_two_forms),
		OPTS_TEST(opts_short_options_take_their_value_in_two_forms),
		OPTS_TEST(opts_flags_stand_alone_or_with_a_word),
		OPTS_TEST(opts_of_the_program_are_kept_apart),
		OPTS_TEST(opts_every_kernel_is_kept),
		OPTS_TEST(opts_nothing_at_all_is_a_config_without_a_kernel),
		OPTS_TEST(C13_unknown_options_name_the_nearest),
		OPTS_TEST(C13_missing_values_are_named_with_their_form),
		OPTS_TEST(C13_wrong_values_are_named_with_their_range),
		OPTS_TEST(C13_option_twice_replaces_repeatable_ones_add_up),
		OPTS_TEST(C13_double_dash_ends_the_options),
		OPTS_TEST(opts_a_folder_with_a_system_is_the_root),
		OPTS_TEST(C13_second_image_and_directories_are_refused),
		OPTS_TEST(opts_config_comes_first_wherever_it_stands),
		OPTS_TEST(opts_config_is_looked_for_among_options_not_values),
		OPTS_TEST(C03_bad_config_files_are_refused_by_name),
		OPTS_TEST(opts_help_takes_a_topic_in_four_forms),
		OPTS_TEST(opts_every_option_has_help_and_an_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
