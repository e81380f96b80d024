// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a VM leaves behind besides its end: the last lines of its console and
 * its figures. Taken before the VM is destroyed; for the report, and for a
 * person when the guest went wrong. The lines are the guest's: the library has
 * made them printable.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_LINES  25 /* that a person sees */
#define PANIC_LINES 40 /* from the first line of a panic */

static char **add_line(struct evidence_lines *lines)
{
	char **all = realloc(lines->line, (lines->count + 1) * sizeof(*all));

	if (!all)
		return NULL;
	lines->line = all;
	all[lines->count] = NULL;
	return &all[lines->count];
}

static void take_line(void *ctx, const char *text)
{
	struct evidence_lines *lines = ctx;
	char **line = add_line(lines);

	if (line && (*line = strdup(text)))
		lines->count++;
}

static void finish_lines(struct evidence_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct evidence_lines){ 0 };
}

static void take_figure(void *ctx, const struct vireo_stat *stat)
{
	struct evidence *ev = ctx;
	struct evidence_figure *all = ev->figure;
	bool time = !strcmp(stat->group, "time");

	if (!time && strcmp(stat->group, "exits"))
		return;
	all = realloc(all, (ev->figures + 1) * sizeof(*all));
	if (!all)
		return;
	ev->figure = all;
	all += ev->figures++;
	all->time = time;
	all->value = stat->value;
	snprintf(all->name, sizeof(all->name), "%s", stat->name);
}

static void take_register(void *ctx, unsigned int cpu, const char *name,
			  uint64_t value)
{
	struct evidence *ev = ctx;
	struct evidence_register *all =
		realloc(ev->reg, (ev->registers + 1) * sizeof(*all));

	if (!all)
		return;
	ev->reg = all;
	all[ev->registers++] = (struct evidence_register){ cpu, name, value };
}

/* Is there something to explain? */
static bool went_wrong(const struct vireo_end *end)
{
	switch (end->reason) {
	case VIREO_PANIC:
	case VIREO_TRIPLE_FAULT:
	case VIREO_KVM_ERROR:
	case VIREO_DEADLINE:
		return true;
	case VIREO_COMMAND:
		return !strcmp(end->verdict, "guest-error");
	default: /* before the command told its status */
		return end->exit_code == 116;
	}
}

void evidence_take(struct evidence *ev, struct vireo_vm *vm,
		   const struct opts *opts, const struct vireo_end *end)
{
	if (opts->report_path || went_wrong(end))
		vireo_console_tail(vm, take_line, &ev->console);
	if (end->reason == VIREO_DEADLINE &&
	    (opts->report_path || !opts->quiet))
		vireo_trace(vm, take_line, &ev->trace);
	if (opts->report_path)
		vireo_stats(vm, take_figure, ev);
	if (opts->report_path && went_wrong(end))
		vireo_registers(vm, take_register, ev);
}

void evidence_finish(struct evidence *ev)
{
	finish_lines(&ev->console);
	finish_lines(&ev->trace);
	free(ev->reg);
	free(ev->figure);
	*ev = (struct evidence){ 0 };
}

/* ---- for a person ---- */

/* Where a kernel begins to tell that something is wrong. */
static bool is_trouble(const char *line)
{
	static const char *const words[] = {
		"Kernel panic - not syncing", "BUG: ", "kernel BUG at ",
		"Oops: ", "general protection fault", "sysrq: Trigger a crash",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static void tell_console(const struct evidence *ev, bool panic)
{
	const struct evidence_lines *c = &ev->console;
	size_t limit = panic ? PANIC_LINES : TAIL_LINES;
	size_t from = 0;
	size_t n;

	while (panic && from < c->count && !is_trouble(c->line[from]))
		from++;
	if (!panic || from == c->count)
		from = c->count > limit ? c->count - limit : 0;
	n = c->count - from < limit ? c->count - from : limit;
	if (!n)
		return;
	message("the console's last lines:");
	for (size_t i = from; i < from + n; i++)
		fprintf(stderr, "  %s\n", c->line[i]);
	if (from + n < c->count)
		fprintf(stderr, "  (%zu more; --report has them)\n",
			c->count - from - n);
}

/* A command's console goes nowhere unless asked to. */
static bool console_was_seen(const struct opts *opts)
{
	const char *word = vireo_config_get(opts->cfg, "console", 0);

	if (vireo_config_get(opts->cfg, "command", 0) &&
	    !vireo_config_is_set(opts->cfg, "console"))
		return false;
	return word && !strncmp(word, "stdio", 5);
}

void evidence_tell(const struct evidence *ev, const struct opts *opts,
		   const struct vireo_end *end)
{
	if (ev->trace.count)
		message("what the vCPUs were doing:");
	for (size_t i = 0; i < ev->trace.count; i++)
		fprintf(stderr, "  %s\n", ev->trace.line[i]);
	if (went_wrong(end) && !console_was_seen(opts))
		tell_console(ev, end->reason == VIREO_PANIC);
}

/* ---- for programs ---- */

/* "user space" becomes "user_space". */
static void put_name(FILE *f, const char *name)
{
	fputc('"', f);
	for (; *name; name++)
		fputc(*name == ' ' ? '_' : *name, f);
	fputs("\": ", f);
}

static void put_figures(FILE *f, const struct evidence *ev, bool time)
{
	const char *comma = "";

	for (size_t i = 0; i < ev->figures; i++) {
		if (ev->figure[i].time != time)
			continue;
		fputs(comma, f);
		put_name(f, ev->figure[i].name);
		fprintf(f, "%llu", (unsigned long long)ev->figure[i].value);
		comma = ", ";
	}
}

static void put_lines(FILE *f, const char *name,
		      const struct evidence_lines *lines)
{
	fprintf(f, ",\n  \"%s\": [", name);
	for (size_t i = 0; i < lines->count; i++) {
		fprintf(f, "%s\n    ", i ? "," : "");
		report_json_text(f, lines->line[i]);
	}
	fputc(']', f);
}

/* An object for each vCPU. The values are strings: a program that reads them as
 * numbers of JSON would lose digits. */
static void put_registers(FILE *f, const struct evidence *ev)
{
	fputs(",\n  \"registers\": [", f);
	for (size_t i = 0; i < ev->registers; i++) {
		const struct evidence_register *r = &ev->reg[i];
		bool first = !i || r->cpu != r[-1].cpu;

		fprintf(f, "%s\"%s\": \"%#llx\"",
			!first ? ", " : i ? "},\n    {" : "\n    {",
			r->name, (unsigned long long)r->value);
	}
	fputs(ev->registers ? "}]" : "]", f);
}

void evidence_json(FILE *f, const struct evidence *ev)
{
	unsigned long long total = 0;

	for (size_t i = 0; i < ev->figures; i++)
		total += ev->figure[i].time ? 0 : ev->figure[i].value;
	fputs(",\n  \"times_us\": {", f);
	put_figures(f, ev, true);
	fprintf(f, "},\n  \"exits\": %llu,\n  \"exits_by_reason\": {", total);
	put_figures(f, ev, false);
	fputs("}", f);
	if (ev->registers)
		put_registers(f, ev);
	if (ev->trace.count)
		put_lines(f, "trace", &ev->trace);
	put_lines(f, "console", &ev->console);
}

static void put_text(FILE *f, const struct evidence_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		report_xml_text(f, lines->line[i]);
		fputc('\n', f);
	}
}

void evidence_junit(FILE *f, const struct evidence *ev)
{
	if (!ev->trace.count && !ev->console.count)
		return;
	fputs("    <system-out>", f);
	put_text(f, &ev->trace);
	put_text(f, &ev->console);
	fputs("</system-out>\n", f);
}

/* A block of YAML whose lines have four blanks, whatever they begin with. */
static void put_block(FILE *f, const char *name,
		      const struct evidence_lines *lines)
{
	if (lines->count)
		fprintf(f, "  %s: |2\n", name);
	for (size_t i = 0; i < lines->count; i++)
		fprintf(f, "    %s\n", lines->line[i]);
}

void evidence_tap(FILE *f, const struct evidence *ev)
{
	put_block(f, "trace", &ev->trace);
	put_block(f, "console", &ev->console);
}
