// SPDX-License-Identifier: BSD-3-Clause
/* What the program says about itself, on stderr. Main and library threads. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void message(const char *fmt, ...)
{
	char line[1600];
	int used = snprintf(line, sizeof(line), "vireo: ");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, ap);
	va_end(ap);
	/* A raw terminal does not return the carriage by itself. */
	fprintf(stderr, "%s%s\n", line, terminal_is_raw() ? "\r" : "");
}

int message_error(const struct vireo_error *err)
{
	message("%s", err->text);
	return EXIT_USAGE;
}
