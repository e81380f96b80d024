// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/report.c: three forms of how a run ended, with hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

static const char nasty[] = "a\"<b>&\\\n#\xff";

static void set(struct opts *o, const char *key, const char *value)
{
	struct vireo_error err;

	if (vireo_config_set(o->cfg, key, value, &err) < 0)
		fail_msg("%s", err.text);
}

/* What is in the report of this end, in @form. */
static char *report(const char *form, const struct vireo_end *end)
{
	static char text[4096];
	char path[] = "/tmp/vireo-report-XXXXXX";
	struct opts o = { .report_path = path, .report_form = form };
	int fd = mkstemp(path);
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(vireo_config_create(&o.cfg), 0);
	set(&o, "kernel", "/boot/k");
	set(&o, "command", "make");
	set(&o, "command", nasty);
	assert_true(report_write(&o, end, 1.5, NULL));
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
	unlink(path);
	vireo_config_destroy(&o.cfg);
	return text;
}

static struct vireo_end end_of(enum vireo_reason reason, int status,
			       const char *verdict)
{
	struct vireo_end end = { .reason = reason, .status = status,
				 .exit_code = status };

	snprintf(end.verdict, sizeof(end.verdict), "%s", verdict);
	snprintf(end.detail, sizeof(end.detail), "%s", nasty);
	return end;
}

static void must_have(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in:\n%s", part, text);
}

static void json_has_all_that_is_known(void **state)
{
	struct vireo_end end = end_of(VIREO_COMMAND, 137, "killed");
	const char *text = report(NULL, &end);

	must_have(text, "\"verdict\": \"killed\"");
	must_have(text, "\"exit_code\": 137");
	must_have(text, "\"status\": 137");
	must_have(text, "\"signal\": 9");
	must_have(text, "\"kernel\": \"/boot/k\"");
	must_have(text, "\"seconds\": 1.500");
	must_have(text, "make a\\\"<b>&\\\\\\u000a#\\u00ff\"");
	end = end_of(VIREO_PANIC, 117, "panic");
	text = report("json", &end);
	assert_null(strstr(text, "\"status\""));
	assert_null(strstr(text, "\"signal\""));
}

static void junit_has_a_failure_or_none(void **state)
{
	struct vireo_end end = end_of(VIREO_COMMAND, 2, "exited");
	const char *text = report("junit", &end);

	must_have(text, "failures=\"1\"");
	must_have(text, "<failure type=\"exited\" message=\"status 2\">");
	must_have(text, "name=\"make a&#34;&#60;b&#62;&#38;\\");
	end = end_of(VIREO_COMMAND, 0, "exited");
	text = report("junit", &end);
	must_have(text, "failures=\"0\"");
	assert_null(strstr(text, "<failure"));
}

static void tap_is_one_line_and_its_data(void **state)
{
	struct vireo_end end = end_of(VIREO_DEADLINE, 124, "deadline");
	const char *text = report("tap", &end);

	must_have(text, "TAP version 13\n1..1\nnot ok 1 - make a\"<b>&\\");
	must_have(text, "  verdict: deadline\n  exit_code: 124\n");
	end = end_of(VIREO_COMMAND, 0, "exited");
	must_have(report("tap", &end), "\nok 1 - make");
}

static char *report_of_two(const char *form)
{
	static char text[4096];
	char path[] = "/tmp/vireo-report-XXXXXX";
	struct opts o = { .report_path = path, .report_form = form };
	struct outcome runs[] = {
		{ "/boot/<k>", 1, 1, -1, NULL, 1.5,
		  end_of(VIREO_COMMAND, 0, "exited") },
		{ "", 2, 2, -1, NULL, 2, end_of(VIREO_PANIC, 117, "panic") },
	};
	int fd = mkstemp(path);
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(vireo_config_create(&o.cfg), 0);
	set(&o, "command", "make");
	assert_true(report_write_runs(&o, runs, 2));
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(fd);
	unlink(path);
	vireo_config_destroy(&o.cfg);
	return text;
}

static void several_runs_are_one_report_in_each_form(void **state)
{
	const char *text = report_of_two("json");

	must_have(text, "{ \"passed\": 1, \"failed\": 1, \"runs\": [\n{\n");
	must_have(text, "\"round\": 1,\n  \"seconds\": 1.500\n},\n{\n");
	must_have(text, "\"verdict\": \"panic\"");
	must_have(text, "\"seconds\": 2.000\n}\n] }\n");
	text = report_of_two("junit");
	must_have(text, "tests=\"2\" failures=\"1\" time=\"3.500\"");
	must_have(text, "<testcase classname=\"/boot/&#60;k&#62;\" "
			"name=\"make (round 1)\" time=\"1.500\">");
	must_have(text, "<failure type=\"panic\" message=\"status 117\">");
	text = report_of_two("tap");
	must_have(text, "1..2\nok 1 - make on /boot/<k>, round 1\n");
	must_have(text, "\nnot ok 2 - make on the default kernel, round 2\n");
}

static void a_report_that_cannot_be_written_is_told(void **state)
{
	struct vireo_end end = end_of(VIREO_COMMAND, 0, "exited");
	struct opts o = { .report_path = "/nowhere/report" };

	assert_int_equal(vireo_config_create(&o.cfg), 0);
	assert_false(report_write(&o, &end, 0, NULL));
	o.report_path = "/dev/full";
	assert_false(report_write(&o, &end, 0, NULL));
	o.report_path = NULL;
	assert_true(report_write(&o, &end, 0, NULL));
	vireo_config_destroy(&o.cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_all_that_is_known),
		cmocka_unit_test(junit_has_a_failure_or_none),
		cmocka_unit_test(tap_is_one_line_and_its_data),
		cmocka_unit_test(several_runs_are_one_report_in_each_form),
		cmocka_unit_test(a_report_that_cannot_be_written_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
