// SPDX-License-Identifier: BSD-3-Clause
/*
 * "--report FILE": how a run ended, for programs. Three forms: JSON, JUnit's
 * XML and TAP. One test for each run: the command, or the VM.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a form needs; texts are never NULL. */
struct facts {
	const struct vireo_end *end;
	const char *name;
	const char *kernel;
	double seconds;
	unsigned int number;
	unsigned int round; /* 0: there is one run */
	const struct evidence *evidence; /* may be NULL */
};

/* How a report of several runs begins and ends, and what is between two. */
struct form {
	const char *name;
	void (*run)(FILE *f, const struct facts *a);
	void (*begin)(FILE *f, const struct outcome *runs, size_t count);
	const char *between;
	const char *end;
};

/* Bytes that a form cannot have as they are become something it can. */
void report_json_text(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void report_xml_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '<' || c == '&' || c == '"' || c == '>')
			fprintf(f, "&#%u;", c);
		else
			fputc((c < 0x20 && c != '\n') || c > 0x7e ? '?' : c,
			      f);
	}
}

static void put_line(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc(*s < 0x20 || *s == '#' ? ' ' : *s, f);
}

static void json_run(FILE *f, const struct facts *a)
{
	fprintf(f, "{\n  \"verdict\": ");
	report_json_text(f, a->end->verdict);
	fprintf(f, ",\n  \"exit_code\": %d", a->end->exit_code);
	if (a->end->reason == VIREO_COMMAND)
		fprintf(f, ",\n  \"status\": %d", a->end->status);
	if (!strcmp(a->end->verdict, "killed") ||
	    !strcmp(a->end->verdict, "out-of-memory"))
		fprintf(f, ",\n  \"signal\": %d", a->end->status - 128);
	fprintf(f, ",\n  \"detail\": ");
	report_json_text(f, a->end->detail);
	fprintf(f, ",\n  \"command\": ");
	report_json_text(f, a->name);
	fprintf(f, ",\n  \"kernel\": ");
	report_json_text(f, a->kernel);
	if (a->round)
		fprintf(f, ",\n  \"round\": %u", a->round);
	fprintf(f, ",\n  \"seconds\": %.3f", a->seconds);
	if (a->evidence)
		evidence_json(f, a->evidence);
	fputs("\n}", f);
}

/* Readers tell tests apart by their names. */
static void junit_run(FILE *f, const struct facts *a)
{
	bool ok = a->end->exit_code == 0;

	fputs("  <testcase classname=\"", f);
	report_xml_text(f, a->kernel);
	fputs("\" name=\"", f);
	report_xml_text(f, a->name);
	if (a->round)
		fprintf(f, " (round %u)", a->round);
	fprintf(f, "\" time=\"%.3f\">\n", a->seconds);
	if (!ok) {
		fputs("    <failure type=\"", f);
		report_xml_text(f, a->end->verdict);
		fprintf(f, "\" message=\"status %d\">", a->end->exit_code);
		report_xml_text(f, a->end->detail);
		fputs("</failure>\n", f);
		if (a->evidence)
			evidence_junit(f, a->evidence);
	}
	fputs("  </testcase>\n", f);
}

static void tap_run(FILE *f, const struct facts *a)
{
	bool ok = a->end->exit_code == 0;

	fprintf(f, "%sok %u - ", ok ? "" : "not ", a->number);
	put_line(f, a->name);
	if (a->round) {
		fputs(" on ", f);
		put_line(f, *a->kernel ? a->kernel : "the default kernel");
		fprintf(f, ", round %u", a->round);
	}
	fprintf(f, "\n  ---\n  verdict: %s\n  exit_code: %d\n", a->end->verdict,
		a->end->exit_code);
	fprintf(f, "  seconds: %.3f\n", a->seconds);
	if (!ok && a->evidence)
		evidence_tap(f, a->evidence);
	fputs("  ...\n", f);
}

/* ---- what is around them ---- */

static size_t failures(const struct outcome *runs, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += runs[i].end.exit_code != 0;
	return n;
}

static void json_begin(FILE *f, const struct outcome *runs, size_t count)
{
	size_t failed = failures(runs, count);

	fprintf(f, "{ \"passed\": %zu, \"failed\": %zu, \"runs\": [\n",
		count - failed, failed);
}

static void junit_begin(FILE *f, const struct outcome *runs, size_t count)
{
	double seconds = 0;

	for (size_t i = 0; i < count; i++)
		seconds += runs[i].seconds;
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<testsuite name=\"vireo\" tests=\"%zu\" "
		   "failures=\"%zu\" time=\"%.3f\">\n",
		count, failures(runs, count), seconds);
}

static void tap_begin(FILE *f, const struct outcome *runs, size_t count)
{
	fprintf(f, "TAP version 13\n1..%zu\n", count);
}

static const struct form forms[] = {
	{ "json", json_run, json_begin, ",\n", "\n] }\n" },
	{ "junit", junit_run, junit_begin, "", "</testsuite>\n" },
	{ "tap", tap_run, tap_begin, "", "" },
};

static const struct form *form_of(const struct opts *opts)
{
	const char *name = opts->report_form ? opts->report_form : "json";
	size_t i = 0;

	while (strcmp(forms[i].name, name))
		i++;
	return &forms[i];
}

/* The command's words, or the kernel's path. */
static void name_run(const struct opts *opts, char *name, size_t cap)
{
	const char *word;
	size_t len = 0;

	name[0] = '\0';
	for (size_t i = 0;
	     (word = vireo_config_get(opts->cfg, "command", i)) && len < cap;
	     i++)
		len += (size_t)snprintf(name + len, cap - len, "%s%s",
					i ? " " : "", word);
	if (!*name)
		snprintf(name, cap, "boot");
}

static FILE *open_report(const struct opts *opts)
{
	FILE *f = fopen(opts->report_path, "we");

	if (!f)
		message("--report: %s: %s", opts->report_path,
			strerror(errno));
	return f;
}

static bool close_report(const struct opts *opts, FILE *f)
{
	bool ok = !ferror(f);

	ok = fclose(f) == 0 && ok;
	if (!ok)
		message("--report: %s: it could not be written",
			opts->report_path);
	return ok;
}

/* One run that is alone. */
static bool write_alone(const struct opts *opts, const struct facts *facts)
{
	const struct form *form = form_of(opts);
	const struct outcome run = { .seconds = facts->seconds,
				     .end = *facts->end };
	FILE *f;

	if (!opts->report_path)
		return true;
	f = open_report(opts);
	if (!f)
		return false;
	if (form->run != json_run)
		form->begin(f, &run, 1);
	form->run(f, facts);
	fputs(form->run == json_run ? "\n" : form->end, f);
	return close_report(opts, f);
}

/* One of several: what it knows goes to who asked for them. */
static bool tell_outcome(const struct opts *opts, struct facts *facts)
{
	struct outcome *o = opts->outcome;
	FILE *f = o->part_fd < 0 ? NULL : fdopen(o->part_fd, "w");

	facts->number = o->number;
	facts->round = o->round;
	if (f) {
		form_of(opts)->run(f, facts);
		fclose(f);
	}
	o->seconds = facts->seconds;
	o->end = *facts->end;
	return true;
}

bool report_write(const struct opts *opts, const struct vireo_end *end,
		  double seconds, const struct evidence *evidence)
{
	const char *kernel = vireo_config_get(opts->cfg, "kernel", 0);
	char name[256];
	struct facts facts = { .end = end, .name = name,
			       .kernel = kernel ? kernel : "",
			       .seconds = seconds, .number = 1,
			       .evidence = evidence };

	name_run(opts, name, sizeof(name));
	return opts->outcome ? tell_outcome(opts, &facts)
			     : write_alone(opts, &facts);
}

bool report_write_runs(const struct opts *opts, const struct outcome *runs,
		       size_t count)
{
	const struct form *form = form_of(opts);
	char name[256];
	FILE *f;

	if (!opts->report_path)
		return true;
	f = open_report(opts);
	if (!f)
		return false;
	name_run(opts, name, sizeof(name));
	form->begin(f, runs, count);
	for (size_t i = 0; i < count; i++) {
		const struct outcome *o = &runs[i];
		const struct facts facts = { &o->end, name, o->kernel,
					     o->seconds, o->number, o->round,
					     NULL };

		if (o->part)
			fputs(o->part, f);
		else
			form->run(f, &facts);
		fputs(i + 1 < count ? form->between : form->end, f);
	}
	return close_report(opts, f);
}
