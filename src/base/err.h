/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One error: a code and one sentence a person can act on.
 *
 * Leaf functions return 0 or -errno. A function whose failure somebody will
 * read takes a `struct err *` last and fills it exactly once; callers on the
 * way up add context with err_wrap(). Knows nothing about VMs. No locks: an
 * err belongs to the thread that passed it in.
 */
#ifndef VIREO_BASE_ERR_H
#define VIREO_BASE_ERR_H

#include <stdarg.h>

struct err {
	int code;       /* 0, or the -errno that was set */
	char key[32];   /* the configuration key to blame, or "" */
	char text[400]; /* one line, no newline, always terminated */
};

/* Fills @err (may be NULL) and returns @code, which must be negative. Newlines
 * in the formatted text become blanks: a message is one line. */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set(), and names the configuration key that is to blame. */
int err_set_key(struct err *err, int code, const char *key, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));

/* "PATH: WHY (REMEDY)", for a path that could not be opened or made. */
int err_set_path(struct err *err, int code, const char *path);

/* Names the configuration key that is to blame for an error that is set
 * already. @err may be NULL. */
void err_blame(struct err *err, const char *key);

/* Puts "PREFIX: " before the text that is already there. Returns err->code
 * (or -EIO when @err is NULL, so that `return err_wrap(...)` always fails). */
int err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
