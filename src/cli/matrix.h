/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several runs from one command line: each --kernel, --repeat rounds of them,
 * --jobs at a time. Each is a process of its own. One thread.
 */
#ifndef VIREO_CLI_MATRIX_H
#define VIREO_CLI_MATRIX_H

#include "cli/cli.h"

/* ---- which runs (matrix_plan.c) ---- */

bool matrix_wanted(const struct opts *opts);
/* Round after round; in a round the kernels in their order. Indices count from
 * 0. */
unsigned int matrix_count(const struct opts *opts);
const char *matrix_kernel(const struct opts *opts, unsigned int index);
unsigned int matrix_round(const struct opts *opts, unsigned int index);
/* Is there nothing that these runs would take from each other? False: a message
 * has been printed. */
bool matrix_check(const struct opts *opts);
/* Makes the options those of the run @index. False: as above. */
bool matrix_settle(struct opts *opts, unsigned int index);

/* ---- running them (matrix.c) ---- */

/* Calls @one in a process for each run, where it tells its end in
 * opts->outcome and returns its exit status. Returns the status of all. */
int matrix_run(struct opts *opts, int (*one)(void *ctx), void *ctx);

#endif
