// SPDX-License-Identifier: BSD-3-Clause
/*
 * "--report FILE": how a run ended, for programs. Three forms: JSON, JUnit's
 * XML and TAP. One test: the command, or the VM.
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
};

/* Bytes that a form cannot have as they are become something it can. */
static void put_json(FILE *f, const char *s)
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

static void put_xml(FILE *f, const char *s)
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

static void write_json(FILE *f, const struct facts *a)
{
	fprintf(f, "{\n  \"verdict\": ");
	put_json(f, a->end->verdict);
	fprintf(f, ",\n  \"exit_code\": %d", a->end->exit_code);
	if (a->end->reason == VIREO_COMMAND)
		fprintf(f, ",\n  \"status\": %d", a->end->status);
	if (!strcmp(a->end->verdict, "killed") ||
	    !strcmp(a->end->verdict, "out-of-memory"))
		fprintf(f, ",\n  \"signal\": %d", a->end->status - 128);
	fprintf(f, ",\n  \"detail\": ");
	put_json(f, a->end->detail);
	fprintf(f, ",\n  \"command\": ");
	put_json(f, a->name);
	fprintf(f, ",\n  \"kernel\": ");
	put_json(f, a->kernel);
	fprintf(f, ",\n  \"seconds\": %.3f\n}\n", a->seconds);
}

static void write_junit(FILE *f, const struct facts *a)
{
	bool ok = a->end->exit_code == 0;

	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		   "<testsuite name=\"vireo\" tests=\"1\" failures=\"%d\" "
		   "time=\"%.3f\">\n"
		   "  <testcase classname=\"",
		!ok, a->seconds);
	put_xml(f, a->kernel);
	fputs("\" name=\"", f);
	put_xml(f, a->name);
	fprintf(f, "\" time=\"%.3f\">\n", a->seconds);
	if (!ok) {
		fputs("    <failure type=\"", f);
		put_xml(f, a->end->verdict);
		fprintf(f, "\" message=\"status %d\">", a->end->exit_code);
		put_xml(f, a->end->detail);
		fputs("</failure>\n", f);
	}
	fputs("  </testcase>\n</testsuite>\n", f);
}

static void write_tap(FILE *f, const struct facts *a)
{
	bool ok = a->end->exit_code == 0;

	fprintf(f, "TAP version 13\n1..1\n%sok 1 - ", ok ? "" : "not ");
	put_line(f, a->name);
	fprintf(f, "\n  ---\n  verdict: %s\n  exit_code: %d\n", a->end->verdict,
		a->end->exit_code);
	fprintf(f, "  seconds: %.3f\n  ...\n", a->seconds);
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

bool report_write(const struct opts *opts, const struct vireo_end *end,
		  double seconds)
{
	const char *form = opts->report_form ? opts->report_form : "json";
	const char *kernel = vireo_config_get(opts->cfg, "kernel", 0);
	char name[256];
	const struct facts facts = { end, name, kernel ? kernel : "",
				     seconds };
	FILE *f;
	bool ok;

	if (!opts->report_path)
		return true;
	name_run(opts, name, sizeof(name));
	f = fopen(opts->report_path, "we");
	if (!f) {
		message("--report: %s: %s", opts->report_path,
			strerror(errno));
		return false;
	}
	if (!strcmp(form, "junit"))
		write_junit(f, &facts);
	else if (!strcmp(form, "tap"))
		write_tap(f, &facts);
	else
		write_json(f, &facts);
	ok = !ferror(f);
	ok = fclose(f) == 0 && ok;
	if (!ok)
		message("--report: %s: it could not be written",
			opts->report_path);
	return ok;
}
