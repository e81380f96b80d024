// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/help.c: texts made from the option table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "cli/cli.h"

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct capture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static unsigned int lines_of(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The longest line in columns (the texts are ASCII). */
static size_t width_of(const char *text)
{
	size_t widest = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		for (size_t i = 0; i < len; i++)
			assert_in_range(text[i], ' ', '~');
		if (len > widest)
			widest = len;
		text += len + (text[len] == '\n');
	}
	return widest;
}

static void assert_fits_a_screen(const struct capture *io)
{
	assert_string_equal(io->err, "");
	assert_true(strlen(io->out) > 100);
	/* One line is the prompt's. */
	assert_in_range(lines_of(io->out), 1, 23);
	assert_in_range(width_of(io->out), 1, 80);
}

static void help_of_the_program_fits_24_lines_by_80_columns(void **state)
{
	struct capture *io = *state;

	capture_begin(io);
	help_program();
	capture_end(io);
	assert_fits_a_screen(io);
}

static void help_of_run_fits_24_lines_by_80_columns(void **state)
{
	struct capture *io = *state;

	capture_begin(io);
	help_run();
	capture_end(io);
	assert_fits_a_screen(io);
}

static void help_of_run_and_all_name_every_option(void **state)
{
	struct capture *io = *state;
	const struct vireo_key *o;
	char word[64];

	capture_begin(io);
	help_run();
	help_option("all");
	capture_end(io);
	assert_in_range(width_of(io->out), 1, 80);
	for (size_t i = 0; (o = option_at(i)); i++) {
		snprintf(word, sizeof(word), "--%s", o->name);
		if (!strstr(io->out, word))
			fail_msg("%s is not there", word);
	}
}

static void help_of_every_option_fits_a_screen_with_an_example(void **state)
{
	struct capture *io = *state;
	const struct vireo_key *o;
	char word[160];
	bool known;

	for (size_t i = 0; (o = option_at(i)); i++) {
		capture_begin(io);
		known = help_option(o->name);
		capture_end(io);
		assert_true(known);
		assert_fits_a_screen(io);
		snprintf(word, sizeof(word), "\nexample: vireo run %s\n",
			 o->example);
		assert_non_null(strstr(io->out, word));
		assert_non_null(strstr(io->out, o->summary));
		if (o->value && o->arg)
			assert_non_null(strstr(io->out, "default: "));
	}
}

static void C13_help_of_an_unknown_option_is_on_stderr(void **state)
{
	struct capture *io = *state;
	bool known;

	capture_begin(io);
	known = help_option("nothing");
	capture_end(io);
	assert_false(known);
	assert_string_equal(io->out, "");
	assert_non_null(strstr(io->err, "--nothing: unknown option"));
}

/* ---- completions ---- */

static int completion(struct capture *io, const char *shell)
{
	char name[] = "completion";
	char word[16];
	char *argv[] = { name, word, NULL };
	int r;

	snprintf(word, sizeof(word), "%s", shell ? shell : "");
	capture_begin(io);
	r = cmd_completion(shell ? 2 : 1, argv);
	capture_end(io);
	return r;
}

static void completions_contain_every_option(void **state)
{
	static const struct {
		const char *shell;
		const char *before; /* what stands before an option's name */
	} rows[] = {
		{ "bash", "--" },
		{ "zsh", "'--" },
		{ "fish", " -l " },
	};
	struct capture *io = *state;

	for (size_t s = 0; s < sizeof(rows) / sizeof(rows[0]); s++) {
		const struct vireo_key *o;
		char word[64];

		assert_int_equal(completion(io, rows[s].shell), 0);
		assert_string_equal(io->err, "");
		for (size_t i = 0; (o = option_at(i)); i++) {
			snprintf(word, sizeof(word), "%s%s", rows[s].before,
				 o->name);
			if (!strstr(io->out, word))
				fail_msg("%s: no %s", rows[s].shell, word);
		}
		assert_non_null(strstr(io->out, "check"));
		assert_non_null(strstr(io->out, "completion"));
	}
}

static void C13_completion_of_an_unknown_shell_is_usage(void **state)
{
	struct capture *io = *state;

	assert_int_equal(completion(io, "csh"), 125);
	assert_string_equal(io->out, "");
	assert_non_null(strstr(io->err, "bash, zsh or fish"));
	assert_int_equal(completion(io, NULL), 125);
	assert_string_equal(io->out, "");
}

/* Quotes open and close: the shells read the texts as we mean them. */
static void completions_have_balanced_quotes(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	struct capture *io = *state;

	for (size_t s = 0; s < 3; s++) {
		assert_int_equal(completion(io, shells[s]), 0);
		for (const char *line = io->out; *line;) {
			size_t len = strcspn(line, "\n");
			unsigned int quotes = 0;

			for (size_t i = 0; i < len; i++)
				quotes += line[i] == '\'';
			assert_int_equal(quotes % 2, 0);
			line += len + (line[len] == '\n');
		}
	}
}

static void options_for_the_manual_are_all_there(void **state)
{
	char name[] = "options";
	char *argv[] = { name, NULL };
	struct capture *io = *state;
	const struct vireo_key *o;
	char word[64];
	int r;

	capture_begin(io);
	r = cmd_options(1, argv);
	capture_end(io);
	assert_int_equal(r, 0);
	for (size_t i = 0; (o = option_at(i)); i++) {
		snprintf(word, sizeof(word), "*--%s*", o->name);
		assert_non_null(strstr(io->out, word));
	}
}

#define HELP_TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HELP_TEST(help_of_the_program_fits_24_lines_by_80_columns),
		HELP_TEST(help_of_run_fits_24_lines_by_80_columns),
		HELP_TEST(help_of_run_and_all_name_every_option),
		HELP_TEST(help_of_every_option_fits_a_screen_with_an_example),
		HELP_TEST(C13_help_of_an_unknown_option_is_on_stderr),
		HELP_TEST(completions_contain_every_option),
		HELP_TEST(C13_completion_of_an_unknown_shell_is_usage),
		HELP_TEST(completions_have_balanced_quotes),
		HELP_TEST(options_for_the_manual_are_all_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
