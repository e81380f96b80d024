// SPDX-License-Identifier: BSD-3-Clause
/* src/cli/evidence.c: what a person and a program get of a guest that went
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "cli/cli.h"

/* The console of one run, and what is told of it. */
struct told {
	struct opts opts;
	struct evidence ev;
	struct capture c;
};

static void line(struct told *t, const char *fmt, int n)
{
	struct evidence_lines *l = &t->ev.console;
	char text[128];

	snprintf(text, sizeof(text), fmt, n);
	l->line = realloc(l->line, (l->count + 1) * sizeof(*l->line));
	assert_non_null(l->line);
	l->line[l->count++] = strdup(text);
}

static int set_up(void **state)
{
	struct told *t = calloc(1, sizeof(*t));

	*state = t;
	return vireo_config_create(&t->opts.cfg);
}

static int tear_down(void **state)
{
	struct told *t = *state;

	evidence_finish(&t->ev);
	vireo_config_destroy(&t->opts.cfg);
	free(t);
	return 0;
}

static void set(struct told *t, const char *key, const char *value)
{
	assert_int_equal(vireo_config_set(t->opts.cfg, key, value, NULL), 0);
}

/* What is on stderr after this end. */
static const char *tell(struct told *t, enum vireo_reason reason, int code)
{
	const struct vireo_end end = { .reason = reason, .exit_code = code };

	capture_begin(&t->c);
	evidence_tell(&t->ev, &t->opts, &end);
	capture_end(&t->c);
	return t->c.err;
}

static void lines_of_a_panic_begin_with_it(void **state)
{
	struct told *t = *state;
	const char *text;

	set(t, "command", "true");
	line(t, "before %d", 1);
	line(t, "[    2.%d] BUG: kernel NULL pointer dereference", 1);
	for (int i = 0; i < 50; i++)
		line(t, "trace %d", i);
	text = tell(t, VIREO_PANIC, 117);
	assert_non_null(strstr(text, "last lines:\n  [    2.1] BUG: kernel"));
	assert_null(strstr(text, "before"));
	assert_non_null(strstr(text, "  trace 38\n  (11 more;"));
	assert_null(strstr(text, "trace 39\n"));
}

static void panic_without_its_beginning_shows_the_end(void **state)
{
	struct told *t = *state;
	const char *text;

	set(t, "command", "true");
	for (int i = 0; i < 50; i++)
		line(t, "trace %d", i);
	text = tell(t, VIREO_PANIC, 117);
	assert_non_null(strstr(text, "last lines:\n  trace 10\n"));
	assert_non_null(strstr(text, "  trace 49\n"));
	assert_null(strstr(text, "more"));
}

static void last_lines_are_told_when_something_is_wrong(void **state)
{
	static const struct {
		enum vireo_reason reason;
		int code;
		bool told;
	} end[] = {
		{ VIREO_DEADLINE, 124, true },
		{ VIREO_TRIPLE_FAULT, 118, true },
		{ VIREO_RESET, 116, true },
		{ VIREO_POWER_OFF, 116, true },
		{ VIREO_KVM_ERROR, 119, true },
		{ VIREO_COMMAND, 116, false },
		{ VIREO_COMMAND, 0, false },
		{ VIREO_STOPPED, 123, false },
	};
	struct told *t = *state;

	set(t, "command", "true");
	for (int i = 0; i < 30; i++)
		line(t, "line %d", i);
	for (size_t i = 0; i < sizeof(end) / sizeof(*end); i++) {
		const char *text = tell(t, end[i].reason, end[i].code);

		assert_int_equal(!!strstr(text, "lines:\n  line 5\n"),
				 end[i].told);
		assert_int_equal(*text != '\0', end[i].told);
	}
}

static void console_that_was_seen_is_not_told_again(void **state)
{
	struct told *t = *state;

	line(t, "line %d", 1);
	assert_string_equal(tell(t, VIREO_DEADLINE, 124), "");
	set(t, "console", "none");
	assert_non_null(strstr(tell(t, VIREO_DEADLINE, 124), "line 1"));
}

static void console_of_a_command_that_was_asked_for_was_seen(void **state)
{
	struct told *t = *state;

	line(t, "line %d", 1);
	set(t, "command", "true");
	set(t, "console", "stdio,device=virtio");
	assert_string_equal(tell(t, VIREO_PANIC, 117), "");
}

static void nothing_is_told_of_an_empty_console(void **state)
{
	struct told *t = *state;

	set(t, "command", "true");
	assert_string_equal(tell(t, VIREO_PANIC, 117), "");
}

/* What one of the three writers makes of the evidence. */
static char *written(struct told *t,
		     void (*write)(FILE *f, const struct evidence *ev))
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	write(f, &t->ev);
	fclose(f);
	return text;
}

static void must_have(char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in:\n%s", part, text);
}

static void DC08_lines_are_data_in_every_form(void **state)
{
	struct told *t = *state;
	char *text;

	line(t, "a \"quoted\" <b>&\\%d", 1);
	line(t, "...%d", 2);
	text = written(t, evidence_json);
	must_have(text, "\"a \\\"quoted\\\" <b>&\\\\1\",\n");
	free(text);
	text = written(t, evidence_junit);
	must_have(text, "<system-out>a &#34;quoted&#34; &#60;b&#62;&#38;\\1\n");
	free(text);
	text = written(t, evidence_tap);
	must_have(text, "  console: |2\n    a \"quoted\"");
	must_have(text, "\n    ...2\n");
	free(text);
}

static void DC08_messages_are_harmless(void **state)
{
	struct told *t = *state;

	capture_begin(&t->c);
	message("%s", "\x1b]0;x\a \xc2\x9b" "2J \xc3\xa9\r\x7f\ttab\nline");
	capture_end(&t->c);
	assert_string_equal(t->c.err,
			    "vireo: ?]0;x? ??2J \xc3\xa9??\ttab\nline\n");
}

static void figures_are_times_and_exits(void **state)
{
	static const struct evidence_figure all[] = {
		{ true, "user space", 250 }, { false, "io", 3 },
		{ false, "mmio", 4 },
	};
	struct told *t = *state;
	char *text;

	t->ev.figure = malloc(sizeof(all));
	assert_non_null(t->ev.figure);
	memcpy(t->ev.figure, all, sizeof(all));
	t->ev.figures = 3;
	text = written(t, evidence_json);
	must_have(text, "\"times_us\": {\"user_space\": 250}");
	must_have(text, "\"exits\": 7,\n");
	must_have(text, "\"exits_by_reason\": {\"io\": 3, \"mmio\": 4}");
	must_have(text, "\"console\": []");
	free(text);
}

static void registers_are_an_object_for_each_vcpu(void **state)
{
	static const struct evidence_register all[] = {
		{ 0, "rip", UINT64_MAX }, { 0, "rsp", 0 }, { 1, "rip", 16 },
	};
	struct told *t = *state;
	char *text;

	text = written(t, evidence_json);
	assert_null(strstr(text, "registers"));
	free(text);
	t->ev.reg = malloc(sizeof(all));
	assert_non_null(t->ev.reg);
	memcpy(t->ev.reg, all, sizeof(all));
	t->ev.registers = 3;
	text = written(t, evidence_json);
	must_have(text, "\"registers\": [\n"
			"    {\"rip\": \"0xffffffffffffffff\", \"rsp\": \"0\"},\n"
			"    {\"rip\": \"0x10\"}]");
	free(text);
}

static void trace_is_told_wherever_the_console_is(void **state)
{
	struct told *t = *state;
	const char *text;
	char *form;

	t->ev.trace.line = malloc(sizeof(char *));
	assert_non_null(t->ev.trace.line);
	t->ev.trace.line[0] = strdup("vcpu0   in the kernel: halt+0x8");
	t->ev.trace.count = 1;
	text = tell(t, VIREO_DEADLINE, 124);
	assert_string_equal(text, "vireo: what the vCPUs were doing:\n"
				  "  vcpu0   in the kernel: halt+0x8\n");
	form = written(t, evidence_json);
	must_have(form, "\"trace\": [\n    \"vcpu0   in the kernel: ");
	free(form);
	form = written(t, evidence_tap);
	must_have(form, "  trace: |2\n    vcpu0   in");
	free(form);
	form = written(t, evidence_junit);
	must_have(form, "<system-out>vcpu0   in");
	free(form);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_of_a_panic_begin_with_it),
		T(panic_without_its_beginning_shows_the_end),
		T(last_lines_are_told_when_something_is_wrong),
		T(console_that_was_seen_is_not_told_again),
		T(console_of_a_command_that_was_asked_for_was_seen),
		T(nothing_is_told_of_an_empty_console),
		T(DC08_lines_are_data_in_every_form),
		T(DC08_messages_are_harmless),
		T(figures_are_times_and_exits),
		T(registers_are_an_object_for_each_vcpu),
		T(trace_is_told_wherever_the_console_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
