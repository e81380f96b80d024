// SPDX-License-Identifier: BSD-3-Clause
/* What the program says about itself, on stderr. Main and library threads. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A guest may have chosen the words: what would steer a terminal becomes '?'.
 * 0x80 to 0x9f are control characters too: by themselves in 8-bit terminals,
 * behind 0xc2 in UTF-8. Behind others above 0x7f they belong to a letter. */
static void make_harmless(char *text)
{
	unsigned char before = 0;

	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		unsigned char own = *c;
		bool second = own >= 0x80 && own < 0xa0 &&
			      (before < 0x80 || before == 0xc2);

		if ((own < ' ' && own != '\n' && own != '\t') ||
		    own == 0x7f || second)
			*c = '?';
		if (second && before == 0xc2)
			c[-1] = '?';
		before = own;
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
