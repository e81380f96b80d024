// SPDX-License-Identifier: BSD-3-Clause
/* See run_line.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run_line.h"

#include <stdlib.h>
#include <string.h>

void run_line_finish(struct run_line *l)
{
	opts_finish(&l->opts);
	for (int i = 0; i < RUN_LINE_WORDS; i++) {
		free(l->word[i]);
		l->word[i] = NULL;
	}
}

void run_line_take(struct run_line *l, const char *line)
{
	int n = 0;

	run_line_finish(l);
	while (*line) {
		size_t len = strcspn(line, "|");

		assert_true(n < RUN_LINE_WORDS);
		l->word[n++] = strndup(line, len);
		line += len + (line[len] == '|');
	}
	assert_true(opts_parse(&l->opts, n, l->word));
	assert_true(command_options(&l->opts));
}
