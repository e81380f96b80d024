// SPDX-License-Identifier: BSD-3-Clause
/* "vireo check": what the library found out about this host, as a table. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static void print_row(void *ctx, const struct vireo_check_row *row)
{
	static const char *const states[] = { "yes", "no", "" };
	const char **group = ctx;

	if (!*group || strcmp(*group, row->group))
		printf("%s%s\n", *group ? "\n" : "", row->group);
	*group = row->group;
	if (!strcmp(row->group, "verdict")) {
		printf("  %s\n", row->detail);
		return;
	}
	printf("  %-22s %-3s", row->name, states[row->state]);
	if (*row->detail)
		printf("  %s", row->detail);
	putchar('\n');
}

int cmd_check(int argc, char **argv)
{
	struct vireo_config *cfg = NULL;
	const char *group = NULL;
	int r;

	if (argc > 1) {
		message("check: \"%s\": takes no options", argv[1]);
		return EXIT_USAGE;
	}
	if (vireo_config_create(&cfg) < 0) {
		message("out of memory");
		return EXIT_USAGE;
	}
	r = vireo_check(cfg, print_row, &group);
	vireo_config_destroy(&cfg);
	return r < 0 ? EXIT_USAGE : r;
}
