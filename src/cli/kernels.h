/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernels from the distribution's packages, in a cache, and the programs that
 * get them. One thread.
 */
#ifndef VIREO_CLI_KERNELS_H
#define VIREO_CLI_KERNELS_H

#include "cli/cli.h"

#define CACHE_LEN 1024
#define PATH_LEN  4096

/* ---- the cache (kernel_cache.c) ---- */

/* $XDG_CACHE_HOME/vireo/kernels, or below ~/.cache. False: a message has been
 * printed. */
bool kernel_cache_path(char *path, size_t size);
/* Key "cache", when the kernel is a name and the user has not set it. */
bool kernel_cache_option(struct opts *opts);
/* The kernel's file in an unpacked package. False: there is none. */
bool kernel_cache_image(char *path, size_t size, const char *folder);

/* ---- packages (kernel_apt.c) ---- */

/* "PACKAGE - what it is" of each kernel package, a line each; malloc'd. False:
 * a message has been printed. */
bool kernel_apt_list(char **text);
/* Gets the package that @name means into @cache, if it is not there, and prints
 * where its kernel is. Returns the exit status. */
int kernel_apt_fetch(const char *name, const char *cache);

/* ---- other programs (tool.c) ---- */

enum { TOOL_MISSING = -1, TOOL_INTERRUPTED = -2, TOOL_FAILED = -3 };

struct tool {
	const char *const *words; /* the first is looked for in PATH */
	const char *dir;          /* where it runs; NULL: here */
	char **text; /* its output, malloc'd; NULL: that goes to stderr */
};

/* From now on signals that end us wait until tool_run(), which then ends the
 * other program; until tool_release(). */
void tool_hold(void);
void tool_release(void);
/* 0: it did well; TOOL_... otherwise. Nothing is printed. */
int tool_run(const struct tool *tool);

#endif
