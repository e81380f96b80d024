// SPDX-License-Identifier: BSD-3-Clause
/* "vireo disk check" and "vireo disk info": overlay files from outside. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define EXIT_DAMAGED 1

static void print_figure(void *ctx, const struct vireo_stat *stat)
{
	printf("%-20s %14llu %s\n", stat->name,
	       (unsigned long long)stat->value, stat->unit);
}

static void print_problem(void *ctx, const char *line)
{
	message("%s", line);
}

int cmd_disk(int argc, char **argv)
{
	bool info = argc == 3 && !strcmp(argv[1], "info");
	struct vireo_error err;
	int r;

	if (!info && (argc != 3 || strcmp(argv[1], "check"))) {
		message("disk: wants \"check FILE\" or \"info FILE\" (an "
			"overlay file)");
		return EXIT_USAGE;
	}
	r = vireo_disk_check(argv[2], info ? print_figure : NULL,
			     print_problem, NULL, &err);
	if (r == 0 && !info)
		printf("%s: sound\n", argv[2]);
	if (r < 0)
		message("%s", err.text);
	return r == VIREO_EIMAGE ? EXIT_DAMAGED : r < 0 ? EXIT_USAGE : 0;
}
