/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a run, as a test writes them. Wants cmocka. */
#ifndef VIREO_FAKE_RUN_LINE_H
#define VIREO_FAKE_RUN_LINE_H

#include "cli/cli.h"

#define RUN_LINE_WORDS 24

/* All zero at first. */
struct run_line {
	struct opts opts;
	char *word[RUN_LINE_WORDS + 1]; /* owned: opts point there */
};

/* Takes @line, whose words '|' keeps apart, as "vireo run" does with those of a
 * command; those of before are forgotten. Asserts that they are right. */
void run_line_take(struct run_line *l, const char *line);
void run_line_finish(struct run_line *l);

#endif
