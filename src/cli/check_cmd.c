// SPDX-License-Identifier: BSD-3-Clause
/*
 * "vireo check": what the library found out about this host, on a screen. Of
 * the capabilities only those that are missing get a line of their own.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 78

/* What has been printed so far. */
struct table {
	const char *group; /* NULL: nothing yet */
	int column;        /* in a list of names; 0: none is open */
};

static void end_list(struct table *t)
{
	if (t->column)
		putchar('\n');
	t->column = 0;
}

static void print_name(struct table *t, const char *name)
{
	int len = (int)strlen(name);

	if (t->column && t->column + len + 2 > WIDTH)
		end_list(t);
	else if (t->column)
		t->column += printf(", ");
	if (!t->column)
		t->column = printf("  ");
	t->column += printf("%s", name);
}

static void print_line(const struct vireo_check_row *row)
{
	static const char *const states[] = { "yes", "no", "" };

	printf("  %-22s %-3s", row->name, states[row->state]);
	if (*row->detail)
		printf("  %s", row->detail);
	putchar('\n');
}

static void print_row(void *ctx, const struct vireo_check_row *row)
{
	bool plain = !strcmp(row->group, "kvm") &&
		     row->state == VIREO_CHECK_YES;
	struct table *t = ctx;

	if (!plain)
		end_list(t);
	if (!t->group || strcmp(t->group, row->group))
		printf("%s%s\n", t->group ? "\n" : "", row->group);
	t->group = row->group;
	if (!strcmp(row->group, "verdict"))
		printf("  %s\n", row->detail);
	else if (plain)
		print_name(t, row->name);
	else
		print_line(row);
}

int cmd_check(int argc, char **argv)
{
	struct vireo_config *cfg = NULL;
	struct table table = { 0 };
	int r;

	if (argc > 1) {
		message("check: \"%s\": takes no options", argv[1]);
		return EXIT_USAGE;
	}
	if (vireo_config_create(&cfg) < 0) {
		message("out of memory");
		return EXIT_USAGE;
	}
	r = vireo_check(cfg, print_row, &table);
	vireo_config_destroy(&cfg);
	return r < 0 ? EXIT_USAGE : r;
}
