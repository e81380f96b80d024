// SPDX-License-Identifier: BSD-3-Clause
/* What the program says about itself, on stderr. Main and library threads. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A guest may have chosen the words: what would steer a terminal becomes '?'.
 * 0xc2 begins the second set of control characters in UTF-8. */
static void make_harmless(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		bool second = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if ((*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f ||
		    second)
			*c = '?';
		if (second)
			*++c = '?';
	}
}

void message(const char *fmt, ...)
{
	char line[1600];
	int used = snprintf(line, sizeof(line), "vireo: ");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, ap);
	va_end(ap);
	make_harmless(line);
	/* A raw terminal does not return the carriage by itself. */
	fprintf(stderr, "%s%s\n", line, terminal_is_raw() ? "\r" : "");
}

int message_error(const struct vireo_error *err)
{
	message("%s", err->text);
	return EXIT_USAGE;
}
