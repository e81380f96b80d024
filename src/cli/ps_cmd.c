// SPDX-License-Identifier: BSD-3-Clause
/* "vireo ps": the VMs that run, a line each. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/client.h"

#define COLUMNS     6
#define COMMAND_MAX 48

/* A line of text in columns. */
struct row {
	char *cell[COLUMNS]; /* owned */
};

struct table {
	struct row *row; /* owned */
	size_t count;
	bool full; /* out of memory */
};

static void add_row(struct table *t, const char *const cell[COLUMNS])
{
	struct row *all = realloc(t->row, (t->count + 1) * sizeof(*all));

	if (!all) {
		t->full = true;
		return;
	}
	t->row = all;
	for (int i = 0; i < COLUMNS; i++) {
		all[t->count].cell[i] = strdup(cell[i]);
		t->full = t->full || !all[t->count].cell[i];
	}
	t->count++;
}

static void format_age(char *text, size_t cap, int64_t seconds)
{
	if (seconds < 60)
		snprintf(text, cap, "%ds", (int)seconds);
	else if (seconds < 3600)
		snprintf(text, cap, "%dm", (int)(seconds / 60));
	else if (seconds < 86400)
		snprintf(text, cap, "%dh", (int)(seconds / 3600));
	else
		snprintf(text, cap, "%lldd", (long long)(seconds / 86400));
}

/* For a line: short, and without bytes that a terminal obeys. */
static void shorten(char *text, size_t cap, const char *from)
{
	size_t len = strlen(from);

	snprintf(text, cap, "%.*s", (int)cap - 1, *from ? from : "-");
	if (len >= cap)
		memcpy(text + cap - 4, "...", 4);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

static void add_vm(void *ctx, const struct control_vm *vm)
{
	const char *slash = strrchr(vm->kernel, '/');
	int64_t age = (int64_t)time(NULL) - vm->since;
	char pid[24] = "-", old[24] = "-";
	char command[COMMAND_MAX + 1], kernel[COMMAND_MAX + 1];
	const char *const cell[COLUMNS] = { vm->name, pid,    vm->state,
					    old,      kernel, command };

	shorten(command, sizeof(command), vm->command);
	shorten(kernel, sizeof(kernel), slash ? slash + 1 : vm->kernel);
	if (vm->pid)
		snprintf(pid, sizeof(pid), "%lld", (long long)vm->pid);
	if (vm->since)
		format_age(old, sizeof(old), age > 0 ? age : 0);
	add_row(ctx, cell);
}

static void print_table(const struct table *t)
{
	size_t width[COLUMNS] = { 0 };

	for (size_t i = 0; i < t->count; i++)
		for (int c = 0; c < COLUMNS; c++) {
			size_t len = strlen(t->row[i].cell[c]);

			width[c] = len > width[c] ? len : width[c];
		}
	for (size_t i = 0; i < t->count; i++)
		for (int c = 0; c < COLUMNS; c++)
			printf("%-*s%s", c + 1 < COLUMNS ? (int)width[c] : 0,
			       t->row[i].cell[c],
			       c + 1 < COLUMNS ? "  " : "\n");
}

static void print_json(void *ctx, const struct control_vm *vm)
{
	bool *first = ctx;

	if (!vm->json)
		return;
	printf("%s%s", *first ? "" : ",\n", vm->json);
	*first = false;
}

static void list_json(const char *directory)
{
	bool first = true;

	printf("[\n");
	control_list(directory, print_json, &first);
	printf("%s]\n", first ? "" : "\n");
}

int cmd_ps(int argc, char **argv)
{
	static const char *const head[COLUMNS] = { "NAME", "PID",    "STATE",
						   "AGE",  "KERNEL",
						   "COMMAND" };
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct table table = { 0 };
	char directory[512];

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		puts("vireo ps [--json]\n\nThe VMs of yours that run.");
		return 0;
	}
	if (argc > 1 && !json) {
		message("ps: \"%s\": takes --json only", argv[1]);
		return EXIT_USAGE;
	}
	if (!vms_directory(directory, sizeof(directory)))
		return EXIT_USAGE;
	if (json) {
		list_json(directory);
		return 0;
	}
	add_row(&table, head);
	control_list(directory, add_vm, &table);
	if (!table.full)
		print_table(&table);
	else
		message("ps: out of memory");
	for (size_t i = 0; i < table.count; i++)
		for (int c = 0; c < COLUMNS; c++)
			free(table.row[i].cell[c]);
	free(table.row);
	return table.full ? EXIT_USAGE : 0;
}
